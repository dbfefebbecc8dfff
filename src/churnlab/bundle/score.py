"""Scored customers: the columns of `customer_thresholds`, from a bundle and new events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.bundle.people import People, people_of_frames
from churnlab.bundle.rules import PurchaseRule, ScoringBundle, VisitRule, read_bundle
from churnlab.errors import DataError, UsageError
from churnlab.events import EventLog
from churnlab.events.ids import increasing, positions, text
from churnlab.origins.panel import Panel
from churnlab.posterior import Rows, at_risk_days, customers_table, keys_of, to_dates
from churnlab.summary import Summary
from churnlab.types import Array
from churnlab.vocabulary import FAR_DATE, VISIT_STATES, VISIT_UNKNOWN

Days = NDArray[np.datetime64]

FAR = pd.Timestamp(FAR_DATE).as_unit("us")

#: Receivers that cannot clear a field get a far date instead of null.
FAR_WHEN_NONE = (
    "at_risk_date", "due_date", "due_q10", "due_q90", "visit_risk_date", "visit_inactive_date",
)  # fmt: skip

COLUMNS = (
    "customer_id", "purchase_state", "visit_state", "segment_code", "cycle_days", "cycle_q05",
    "cycle_q95", "rhythm_days", "purchase_risk", "purchase_risk_q05", "purchase_risk_q95",
    "p_alive", "horizon_days", "at_risk_date", "due_date", "due_q10", "due_q90",
    "visit_risk_date", "visit_inactive_date", "valid_for_last_purchase_at",
    "valid_for_last_visit_at", "bundle_id", "scored_at", "updated_at",
    "no_purchase", "no_purchase_q05", "no_purchase_q95",
)  # fmt: skip

#: Of a bundle with a stack, and of events alone: a summary does not hold what it asks for.
FORECAST = ("no_purchase", "no_purchase_q05", "no_purchase_q95")
#: What takes long, and can be left out where a fit's own table has it already.
DETAILS = ("cycle_days", "cycle_q05", "cycle_q95", "due_date", "due_q10", "due_q90")
_SCORED = ("rhythm_days", "purchase_risk", "purchase_risk_q05", "purchase_risk_q95", "p_alive",
           "horizon_days", "at_risk_date")  # fmt: skip
#: Position = (one purchase only) + 2 (at risk).
BOUGHT = ("repeat_active", "first_active", "repeat_risk", "first_risk")


def score(
    bundle: str | Path | ScoringBundle,
    log: EventLog | None = None,
    *,
    purchases: pd.DataFrame | None = None,
    summary: pd.DataFrame | None = None,
    visits: pd.DataFrame | None = None,
    members: pd.DataFrame | None = None,
    as_of: dt.date | str | None = None,
    columns: Mapping[str, str] | None = None,
    details: bool = True,
    scored_at: dt.datetime | None = None,
) -> pd.DataFrame:
    """Score customers with a bundle, without a refit.

    Parameters
    ----------
    bundle : path or ScoringBundle
        What `churnlab export` wrote.
    log : EventLog, optional
        Checked events, scored as of the log's last known day; instead of the frames below.
    purchases : DataFrame, optional
        Events: `customer_id`, `event_at`.
    summary : DataFrame, optional
        Instead of `purchases`: `customer_id, x, t_x, T` in days.
    visits, members : DataFrame, optional
        `customer_id, event_at`; `customer_id, signed_up_at` (+ the group columns).
    as_of : date, optional
        Last complete day; default: the bundle's.
    columns : mapping, optional
        Canonical name -> name in the frame of purchases or summary.
    details : bool
        Whether the cycle and due dates are computed too (slower; else missing).
    scored_at : datetime, optional
        UTC instant written into the rows; default: now.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, one row per member, sorted by `customer_id`.

    Raises
    ------
    DataError, UsageError, VerificationError
        On unreadable events, a group without draws, or unreadable bundles.

    Examples
    --------
    >>> import churnlab as cl
    >>> scored = cl.score("outputs/export", cl.load_shop(300))
    >>> len(scored)
    300
    """
    rules = bundle if isinstance(bundle, ScoringBundle) else read_bundle(bundle)
    if sum(given is not None for given in (log, purchases, summary)) != 1:
        raise DataError(
            "give either a log, purchases (events) or summary (x, t_x, T), not both and not none."
        )
    if log is not None:
        check_zone(rules, log)
        table = score_people(rules, People.of_log(log, rules.grouping), log.as_of,
                             details=details, scored_at=scored_at)  # fmt: skip
        return _with_forecast(rules, log, table)
    day = _as_day(as_of, rules.as_of)
    frames = {"purchases": purchases, "visits": visits, "members": members}
    named = columns if summary is None else None
    groups = rules.grouping if summary is None else ()
    people = people_of_frames(frames, day, rules.time_zone, group=groups, columns=named)
    if summary is not None:
        renamed = summary.rename(columns={v: k for k, v in (columns or {}).items()})
        people = People.of_summary(
            renamed, day, group=rules.grouping, members=members, others=people
        )
    return score_people(rules, people, day, details=details, scored_at=scored_at)


def _with_forecast(rules: ScoringBundle, log: EventLog, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the stack's forecast of every purchaser, from all of the events."""
    if rules.stack is None or table["purchase_state"].eq("none").all():
        return table
    panel = Panel.from_log(log)
    past = panel.until(log.as_of)
    found = rules.stack.forecast(past, np.full(past.n, rules.stack_days))
    at = positions(table["customer_id"], panel.ids[past.customer])
    forecast = zip(FORECAST, found, strict=True)
    return table.assign(**{name: np.where(at >= 0, v[at], np.nan) for name, v in forecast})


def check_zone(rules: ScoringBundle, log: EventLog) -> None:
    """Refuse a log whose days begin at other times than the bundle's.

    Raises UsageError with both zones.
    """
    if log.time_zone != rules.time_zone:
        raise UsageError(
            f"the log's days are those of {log.time_zone}, the bundle's those of "
            f"{rules.time_zone}; read the log with data.time_zone={rules.time_zone}."
        )


def score_people(
    rules: ScoringBundle,
    people: People,
    as_of: dt.date,
    *,
    details: bool = True,
    scored_at: dt.datetime | None = None,
) -> pd.DataFrame:
    """Score people whose events are summarised already; see `score`."""
    table = people.members[["customer_id"]]
    if people.purchases is None:
        table = table.reindex(columns=["customer_id", "purchase_state", *_SCORED, *DETAILS,
                                       "valid_for_last_purchase_at"])  # fmt: skip
    else:
        scored = _purchase_columns(rules.purchases, people.purchases, as_of, details=details)
        scored = scored.reindex(positions(table["customer_id"], scored["customer_id"]))
        table = scored.assign(customer_id=table["customer_id"].array).reset_index(drop=True)
    table = table.assign(**_visit_columns(rules.visits, people, as_of))
    stamp = pd.Timestamp(scored_at or dt.datetime.now(dt.UTC)).as_unit("us")
    stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    return _finish(table.assign(bundle_id=rules.bundle_id, scored_at=stamp, updated_at=stamp))


def _as_day(as_of: dt.date | str | None, default: dt.date) -> dt.date:
    try:
        return pd.Timestamp(as_of).date() if as_of is not None else default
    except (ValueError, TypeError) as error:
        raise DataError(f"as_of {as_of!r} is not a day; expected YYYY-MM-DD.") from error


def _purchase_columns(
    rule: PurchaseRule, summary: Summary, as_of: dt.date, *, details: bool
) -> pd.DataFrame:
    """Risk, P(alive), dates and state of purchasers, one row per customer."""
    wanted = ("customer_id", "x", "last_purchase_at", *_SCORED, *(DETAILS if details else ()))
    table = customers_table(
        rule.timed(summary), rule.draws, rule.risk, state=rule.state, columns=wanted
    )
    once = (table["x"] == 0).to_numpy()
    at_risk = table["at_risk_date"].to_numpy() <= np.datetime64(as_of)
    return table.drop(columns=["x", "last_purchase_at"]).assign(
        purchase_state=text(BOUGHT, once + 2 * at_risk),
        horizon_days=table["horizon_days"].astype("Float64").to_numpy(float, na_value=np.nan),
        valid_for_last_purchase_at=table["last_purchase_at"],
    ).reindex(columns=["customer_id", "purchase_state", *_SCORED, *DETAILS,
                       "valid_for_last_purchase_at"])  # fmt: skip


def _visit_columns(rule: VisitRule | None, people: People, as_of: dt.date) -> dict[str, Any]:
    """Visit state and dates; a member without purchase or visit starts at signup."""
    n = len(people.members)
    state = np.full(n, len(VISIT_STATES))
    risk, inactive, last = (np.full(n, np.datetime64("NaT", "us")) for _ in range(3))
    if rule is not None and people.visits_observed:
        x, t_x, last = _visit_clocks(people)
        known = ~np.isnat(last)
        risk[known], inactive[known] = visit_dates(rule, x[known], t_x[known], last[known])
        state[known] = (risk[known] <= np.datetime64(as_of)).astype(int)
        state[known] += inactive[known] <= np.datetime64(as_of)
    return {
        "visit_state": text((*VISIT_STATES, VISIT_UNKNOWN), state),
        "visit_risk_date": risk,
        "visit_inactive_date": inactive,
        "valid_for_last_visit_at": last,
    }


def _visit_clocks(people: People) -> tuple[Array, Array, Days]:
    """Return x, t_x and the start of each visit clock: the last visit, or the signup."""
    who = people.members["customer_id"]
    seen = None if people.visits is None else people.visits.customers.set_index("customer_id")
    if seen is None:
        x = t_x = np.zeros(len(who))
        last = np.full(len(who), np.datetime64("NaT", "us"))
    else:
        rows = seen[["x", "t_x", "last_purchase_at"]].reindex(who)
        x, t_x = (rows[c].fillna(0.0).to_numpy(float) for c in ("x", "t_x"))
        last = rows["last_purchase_at"].to_numpy().astype("datetime64[us]")
    bought = np.zeros(len(who), bool)
    if people.purchases is not None:
        bought = positions(who, people.purchases.customers["customer_id"]) >= 0
    signup = people.members["signed_up_at"].to_numpy().astype("datetime64[D]")
    return x, t_x, np.where(np.isnat(last) & ~bought, signup.astype(last.dtype), last)


def visit_dates(rule: VisitRule, x: Array, t_x: Array, last: Days) -> tuple[Days, Days]:
    """Dates from which a visitor counts as at risk and as inactive."""
    keys = keys_of(Rows(np.zeros(len(x), np.int64), x, t_x, t_x))
    days = (at_risk_days(rule.draws, keys, rule.measure, cut) for cut in rule.inside())
    risk, inactive = (to_dates(last, d[keys.of]).astype("datetime64[us]") for d in days)
    return risk, inactive


def _finish(table: pd.DataFrame) -> pd.DataFrame:
    """Put states, far dates and column order in place."""
    table = table.assign(purchase_state=table["purchase_state"].astype("str").fillna("none"))
    for column in ("customer_id", "purchase_state", "visit_state", "bundle_id"):
        table[column] = table[column].astype("str")
    table["segment_code"] = table["purchase_state"] + "." + table["visit_state"]
    for column in FAR_WHEN_NONE:
        table[column] = pd.to_datetime(table[column]).astype("datetime64[us]").fillna(FAR)
    for column in ("valid_for_last_purchase_at", "valid_for_last_visit_at"):
        table[column] = pd.to_datetime(table[column]).astype("datetime64[us]")
    blank = {name: np.nan for name in FORECAST if name not in table.columns}
    table = table.assign(**blank)[list(COLUMNS)]
    alone = increasing(table["customer_id"])
    return table if alone else table.sort_values("customer_id", ignore_index=True)
