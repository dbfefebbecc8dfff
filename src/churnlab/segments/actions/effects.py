"""What each action gained: uplift by intention to treat, per action and cell, from `treatments`.

Everybody counts in the arm of their first assignment, whether or not the message arrived. The
outcome is a purchase within a window after it; assignments whose window is not over wait.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from churnlab.events import EventLog
from churnlab.events.arms import HOLDOUT, TREAT
from churnlab.metrics.arms import REFUSE_P, Arm, members_needed, sample_ratio_p, uplift
from churnlab.rules import Costs
from churnlab.segments.actions.playbook import Playbook
from churnlab.segments.grid.moments import cells_then
from churnlab.segments.grid.placed import Placed

ALL: Final = "all"
#: Fewest people in an arm whose effect is read.
LEAST_PER_ARM: Final = 20
_DRAWS: Final = 4000
_EFFECT: Final = ("share_treat", "share_holdout", "uplift", "uplift_q05", "uplift_q95",
                  "p_positive")  # fmt: skip
COLUMNS: Final = (
    "action_id", "segment_code", "n_treat", "n_holdout", "bought_treat", "bought_holdout",
    "waiting", *_EFFECT, "srm_p", "break_even_uplift", "next_treat", "next_holdout", "reason",
)  # fmt: skip


def action_effects(
    log: EventLog,
    placed: Placed,
    playbook: Playbook,
    *,
    costs: Costs,
    window_days: int,
    holdout_share: float,
    seed: int,
) -> pd.DataFrame:
    """Return the effect of every action whose messages are logged, in all and by cell.

    costs: The break-even uplift is `contact_cost` (or the logged cost of a message) over
        `value_per_customer`; null where these are not stated.
    window_days: A purchase counts from the assignment on, for so many days.
    holdout_share: Stated share of the holdout, for the sample-ratio check.
    Returns: `COLUMNS`: of each action ``all`` and the cells on the day before the assignment.
        Without an effect `reason` says why: too few in an arm, or a sample ratio that is not the
        stated one (p < .001). ``next_*``: sizes of the test that finds the break-even uplift, or
        the one seen, with power .8. Empty without treatments that name an action.
    """
    sent = _assignments(log, playbook)
    if sent.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    sent = sent.assign(bought=_bought(log, sent, window_days))
    signup = log.members().set_index("customer_id")["signed_up_at"]
    sent["segment_code"] = cells_then(
        log, placed, sent.assign(day=sent["sent_at"].dt.normalize()), signup
    )
    end = pd.Timestamp(log.as_of) + pd.Timedelta(days=1)
    over = sent["sent_at"] + pd.Timedelta(days=window_days) <= end
    rng, rows = np.random.default_rng([seed, 29]), []
    for action, everybody in sent.groupby("action_id"):
        margin = _break_even(everybody, costs)
        cells = [(ALL, everybody), *everybody.groupby("segment_code")]
        for cell, part in cells:
            row = _row(part[over[part.index]], holdout_share, margin, rng)
            waiting = int((~over[part.index]).sum())
            rows.append({"action_id": action, "segment_code": cell, "waiting": waiting, **row})
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        {"next_treat": "Int64", "next_holdout": "Int64", "reason": "object"}
    )


def _assignments(log: EventLog, playbook: Playbook) -> pd.DataFrame:
    """Return everybody's first assignment to each action of the playbook."""
    names = ["customer_id", "action_id", "sent_at", "arm", "cost"]
    if "treatments" not in log.tables or "rule_id" not in log.table("treatments").columns:
        return pd.DataFrame(columns=names)
    rows = log.frame("treatments").rename(columns={"rule_id": "action_id", "event_at": "sent_at"})
    rows = rows[rows["action_id"].isin([a.action_id for a in playbook.actions])]
    rows = rows.assign(cost=rows.get("cost", np.nan))
    rows = rows.sort_values(["sent_at", "customer_id", "arm"], kind="stable")
    first = rows.drop_duplicates(["customer_id", "action_id"], ignore_index=True)
    return first[names]


def _bought(log: EventLog, sent: pd.DataFrame, window_days: int) -> np.ndarray:
    """Return who bought from the assignment on, within the window."""
    bought = log.frame("purchases")[["customer_id", "event_at"]]
    bought = bought[bought["customer_id"].isin(sent["customer_id"])]
    rows = sent.reset_index(names="row")[["row", "customer_id", "sent_at"]]
    met = rows.merge(bought, on="customer_id")
    wait = met["event_at"] - met["sent_at"]
    hit = (wait >= pd.Timedelta(0)) & (wait < pd.Timedelta(days=window_days))
    return np.isin(np.arange(len(sent)), met.loc[hit, "row"])


def _break_even(sent: pd.DataFrame, costs: Costs) -> float:
    """Return the uplift at which a message pays for itself; nan where its costs are not known."""
    paid = sent.loc[sent["arm"] == TREAT, "cost"].mean()
    cost = costs.contact_cost if np.isnan(paid) else float(paid)
    if cost is None or not costs.value_per_customer:
        return float("nan")
    return cost / costs.value_per_customer


def _row(
    part: pd.DataFrame, holdout_share: float, break_even: float, rng: np.random.Generator
) -> dict[str, Any]:
    """Return the counts of some assignments, and their effect where it can be read."""
    hits = {arm: part.loc[part["arm"] == arm, "bought"] for arm in (TREAT, HOLDOUT)}
    treat, holdout = (Arm(int(h.sum()), len(h)) for h in hits.values())
    srm = sample_ratio_p(holdout.n, len(part), holdout_share) if len(part) else np.nan
    row: dict[str, Any] = {
        "n_treat": treat.n, "n_holdout": holdout.n, "bought_treat": treat.hits,
        "bought_holdout": holdout.hits, "srm_p": srm, "break_even_uplift": break_even,
        "reason": None,
    }  # fmt: skip
    if min(treat.n, holdout.n) < LEAST_PER_ARM:
        return row | {"reason": f"fewer than {LEAST_PER_ARM} in an arm whose window is over"}
    if srm < REFUSE_P:
        return row | {
            "reason": f"sample-ratio mismatch: {holdout.n} of {len(part)} held out, stated share "
            f"{holdout_share:g}, p = {srm:.2g}; the arms were not assigned as stated"
        }
    found = uplift(treat, holdout, rng, _DRAWS)
    return row | found | _next(found, holdout_share, break_even)


def _next(found: dict[str, float], share: float, break_even: float) -> dict[str, int]:
    """Return the next test's sizes; nothing where no gain could be found."""
    gain = break_even if break_even > 0 else found["uplift"]
    if not 0 < gain < 1 - found["share_holdout"]:
        return {}
    treat, holdout = members_needed(gain, found["share_holdout"], share)
    return {"next_treat": treat, "next_holdout": holdout}


def with_evidence(playbook: Playbook, effects: pd.DataFrame, window_days: int) -> Playbook:
    """Return the playbook with what was measured as its actions' evidence."""
    whole = effects[(effects["segment_code"] == ALL) & effects["uplift"].notna()]
    said = {str(row["action_id"]): _sentence(row, window_days) for row in whole.to_dict("records")}
    return playbook.with_evidence(said)


def _sentence(row: Mapping[Any, Any], window_days: int) -> str:
    """Return an effect in words."""
    return (
        f"tested: {100 * row['uplift']:+.1f} points bought within {window_days} days (90% interval "
        f"{100 * row['uplift_q05']:+.1f} to {100 * row['uplift_q95']:+.1f}; {row['n_treat']:,} "
        f"treated, {row['n_holdout']:,} held out)"
    )


def effect_lines(effects: pd.DataFrame, window_days: int) -> list[str]:
    """Return what was learnt of the actions, for the console."""
    if effects.empty:
        return [
            "effects of actions: none is measured; log messages and holdouts in data.treatments, "
            "with the action's id as rule_id"
        ]
    whole = effects[effects["segment_code"] == ALL].to_dict("records")
    return [
        f"effect of {r['action_id']}: {r['reason'] or _sentence(r, window_days)}" for r in whole
    ]
