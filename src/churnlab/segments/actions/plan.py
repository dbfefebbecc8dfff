"""The campaign plan: every action's people with send date, arm, priority and what holds it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.events.arms import ARMS, HOLDOUT, TREAT, held_out
from churnlab.events.ids import looked_up, positions, ranks, text
from churnlab.segments.actions.audiences import Audience
from churnlab.segments.actions.playbook import Playbook
from churnlab.types import Ints
from churnlab.vocabulary import ALL_CODES

#: Audiences whose occasion passes: they go before those that can wait a day.
_DATED: Final = ("coupon_expiry", "due_reminder", "cart", "journey")
COOLDOWN, OTHER_ACTION = "cooldown", "other_action_that_day"
COLUMNS: Final = ("customer_id", "action_id", "segment_code", "channel", "send_date", "arm",
                  "priority", "risk_band", "items", "suppressed_reason")  # fmt: skip


def campaign_plan(
    playbook: Playbook,
    audiences: Sequence[Audience],
    as_of: dt.date,
    *,
    treatments: pd.DataFrame | None = None,
    bands: pd.Series[str] | None = None,
    journeys: Collection[str] = (),
    holdout_share: float = 0.1,
    seed: int = 1,
) -> pd.DataFrame:
    """Return every action's people: when, in which arm, in what order, or why not.

    At most one action a person a day: the one of the highest priority, held out or not, so that
    nobody who is held out of one gets another in its place. Whoever is suppressed stands in the
    plan with the reason, and comes up again in a later day's plan.

    playbook: Actions; of two in its order the earlier one goes first, occasions that pass before
        others.
    audiences: From `all_audiences`.
    as_of: The day; whatever has no date of its own is sent the day after.
    treatments: Messages so far: ``customer_id, event_at``, with ``rule_id`` the action's name and
        ``arm`` where known. Without a name a message counts for every action.
    journeys: Ids of journeys: a message under one of them is one of the action that carries
        journeys on.
    bands: `risk_band` by customer, shown beside.
    holdout_share: Share of the people of each action that is held out, by a hash of id, action and
        seed.
    Returns: ``customer_id, action_id, segment_code, channel, send_date, arm, priority, risk_band,
        items, suppressed_reason``, by customer, date and priority. Send to ``arm == "treat"``
        without a reason.
    """
    reached = [a for a in audiences if len(a.frame)]
    if not reached:
        return pd.DataFrame(columns=list(COLUMNS))
    plan, who = _rows(playbook, reached, as_of, holdout_share, seed)
    [band] = [None] if bands is None else looked_up(plan["customer_id"], bands.index, bands)
    plan["risk_band"] = band
    plan["suppressed_reason"] = _cooling(plan, playbook, _named(treatments, playbook, journeys))
    keys = pd.DataFrame({"who": who, "send_date": plan["send_date"]})
    free = keys[plan["suppressed_reason"].isna()]
    plan.loc[free.index[free.duplicated()], "suppressed_reason"] = OTHER_ACTION
    return plan[list(COLUMNS)]


def _priorities(playbook: Playbook) -> dict[str, int]:
    """Return each action's place, 1 the first."""
    order = sorted(playbook.actions, key=lambda a: a.audience not in _DATED)
    return {a.action_id: i + 1 for i, a in enumerate(order)}


def _rows(
    playbook: Playbook, audiences: Sequence[Audience], as_of: dt.date, share: float, seed: int
) -> tuple[pd.DataFrame, Ints]:
    """Return everybody's dates and arms by customer, date and priority, and a number a customer.

    Names are numbers until the rows are in their order: a large plan is then there once.
    """
    names, frames = [a.action_id for a in audiences], [a.frame for a in audiences]
    rank = _priorities(playbook)
    action = np.repeat(np.arange(len(frames)), [len(f) for f in frames])
    ids = pd.concat([f["customer_id"] for f in frames], ignore_index=True).astype("str")
    code = np.concatenate([positions(f["segment_code"], ALL_CODES) for f in frames])
    send = np.concatenate([_days(f, as_of) for f in frames])
    salts = [f"churnlab.plan.{seed}.{name}" for name in names]
    arm = np.concatenate(
        [held_out(f["customer_id"], share, salt) for f, salt in zip(frames, salts, strict=True)]
    )
    items = [f["items"] if "items" in f else pd.Series(None, f.index, "str") for f in frames]
    priority, who = np.array([rank[name] for name in names], np.int64)[action], ranks(ids)
    order = np.lexsort((priority, send, who))
    action = action[order]
    plan = pd.DataFrame(
        {
            "customer_id": ids.array.take(order),
            "action_id": text(names, action),
            "segment_code": text(ALL_CODES, code[order]),
            "channel": text([playbook.action(name).channel for name in names], action),
            "send_date": send[order],
            "arm": text(ARMS, arm[order]),
            "priority": priority[order],
            "items": pd.concat(items, ignore_index=True).array.take(order),
        }
    )
    return plan, who[order]


def _days(frame: pd.DataFrame, as_of: dt.date) -> NDArray[np.datetime64]:
    """Return when each is sent; whatever has no date of its own is sent the day after."""
    if "send_date" not in frame:
        return np.full(len(frame), np.datetime64(as_of, "s") + np.timedelta64(1, "D"))
    return np.asarray(frame["send_date"], "datetime64[D]").astype("datetime64[s]")


def _named(
    sent: pd.DataFrame | None, playbook: Playbook, journeys: Collection[str]
) -> pd.DataFrame | None:
    """Return the messages with the journeys' ids led back to the action that sends them."""
    if sent is None or "rule_id" not in sent or not len(journeys):
        return sent
    action = next((a.action_id for a in playbook.actions if a.audience == "journey"), None)
    ours = sent["rule_id"].isin(list(journeys))
    return sent.assign(rule_id=sent["rule_id"].astype(object).mask(ours, action))


def _cooling(plan: pd.DataFrame, playbook: Playbook, sent: pd.DataFrame | None) -> pd.Series:
    """Return `COOLDOWN` where the same action went to the person too short a time before."""
    none = pd.Series(None, plan.index, dtype="object")
    if sent is None or sent.empty:
        return none
    sent = sent[sent["arm"] == TREAT] if "arm" in sent else sent
    keys = ["customer_id"]
    if "rule_id" in sent:
        sent, keys = sent.rename(columns={"rule_id": "action_id"}), ["customer_id", "action_id"]
    last = sent.assign(sent_at=sent["event_at"].dt.normalize()).groupby(keys)["sent_at"].max()
    before = plan[keys].merge(last.reset_index(), on=keys, how="left")["sent_at"]
    days = (plan["send_date"] - before.to_numpy()).dt.days
    wait = plan["action_id"].map({a.action_id: a.cooldown_days for a in playbook.actions})
    return none.mask((days < wait).to_numpy(), COOLDOWN)


def campaign_calendar(plan: pd.DataFrame, as_of: dt.date, days: int = 14) -> pd.DataFrame:
    """Return how many messages go out on each coming day, by action.

    Returns: ``send_date, action_id, channel, treat, holdout, suppressed`` for the next `days` days,
        days and actions with nobody left out.
    """
    end = pd.Timestamp(as_of) + pd.Timedelta(days=days)
    near = plan[pd.to_datetime(plan["send_date"]) <= end]
    free = near["suppressed_reason"].isna()
    counts = near[["send_date", "action_id", "channel"]].assign(
        treat=free & (near["arm"] == TREAT),
        holdout=free & (near["arm"] == HOLDOUT),
        suppressed=~free,
    )
    found = counts.groupby(["send_date", "action_id", "channel"], as_index=False).sum()
    return found.astype(dict.fromkeys(("treat", "holdout", "suppressed"), np.int64))
