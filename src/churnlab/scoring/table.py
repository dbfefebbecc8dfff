"""Scored customers: the columns of `customer_thresholds`, from a bundle and new events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import DataError
from churnlab.scoring.bundle import ScoringBundle, read_bundle
from churnlab.scoring.purchases import score_purchases
from churnlab.scoring.summaries import (
    check_summary,
    group_labels,
    ids,
    renamed,
    require,
    summarise_events,
    to_days,
)
from churnlab.scoring.visits import visit_columns
from churnlab.vocabulary import FAR_DATE

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
)  # fmt: skip


def score(
    bundle: str | Path | ScoringBundle,
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
    purchases : DataFrame, optional
        Events: `customer_id`, `event_at`.
    summary : DataFrame, optional
        Instead of `purchases`: `customer_id, x, t_x, T` in days.
    visits, members : DataFrame, optional
        `customer_id, event_at`; `customer_id, signed_up_at` (+ the group columns).
    as_of : date, optional
        Last complete day; default: the bundle's.
    columns : mapping, optional
        Canonical name -> name in the purchases frame.
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
    DataError, VerificationError
        On unreadable events or bundles.
    """
    rules = bundle if isinstance(bundle, ScoringBundle) else read_bundle(bundle)
    day = _as_day(as_of, rules.as_of)
    buyers = _buyers(purchases, summary, columns, day, rules.time_zone)
    people = _people(buyers, visits, members, day, rules.time_zone)
    scored = score_purchases(rules.purchases, buyers, group_codes(rules, buyers, members), day,
                             details=details)  # fmt: skip
    table = people[["customer_id"]].merge(scored, on="customer_id", how="left", sort=False)
    for name, column in visit_columns(rules.visits, people, visits, day, rules.time_zone).items():
        table[name] = column
    stamp = pd.Timestamp(scored_at or dt.datetime.now(dt.UTC)).as_unit("us")
    stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    return finish(table.assign(bundle_id=rules.bundle_id, scored_at=stamp, updated_at=stamp))


def finish(table: pd.DataFrame) -> pd.DataFrame:
    """Put states, far dates and column order in place."""
    table = table.assign(purchase_state=table["purchase_state"].fillna("none"))
    table["segment_code"] = table["purchase_state"] + "." + table["visit_state"]
    for column in FAR_WHEN_NONE:
        table[column] = table[column].fillna(FAR).astype("datetime64[us]")
    for column in ("valid_for_last_purchase_at", "valid_for_last_visit_at"):
        table[column] = table[column].astype("datetime64[us]")
    for column in ("customer_id", "purchase_state", "visit_state", "segment_code", "bundle_id"):
        table[column] = table[column].astype("str")
    return table[list(COLUMNS)].sort_values("customer_id", ignore_index=True)


def _as_day(as_of: dt.date | str | None, default: dt.date) -> dt.date:
    try:
        return pd.Timestamp(as_of).date() if as_of is not None else default
    except (ValueError, TypeError) as error:
        raise DataError(f"as_of {as_of!r} is not a day; expected YYYY-MM-DD.") from error


def _buyers(
    purchases: pd.DataFrame | None,
    summary: pd.DataFrame | None,
    columns: Mapping[str, str] | None,
    as_of: dt.date,
    time_zone: str,
) -> pd.DataFrame:
    if (purchases is None) == (summary is None):
        raise DataError("give either purchases (events) or summary (x, t_x, T), not both.")
    if purchases is not None:
        return summarise_events(
            renamed(purchases, columns, "purchases"), as_of, time_zone, "purchases"
        )
    frame = check_summary(renamed(summary, columns, "summary"))  # type: ignore[arg-type]
    frame = frame.assign(customer_id=ids(frame["customer_id"], "summary"))
    first = pd.Timestamp(as_of).as_unit("us") - pd.to_timedelta(frame["T"], unit="D")
    last = first + pd.to_timedelta(frame["t_x"], unit="D")
    return frame.assign(first_at=first, last_at=last)


def _people(
    buyers: pd.DataFrame,
    visits: pd.DataFrame | None,
    members: pd.DataFrame | None,
    as_of: dt.date,
    time_zone: str,
) -> pd.DataFrame:
    """Everyone to be scored: members by `as_of`, else all ids seen; with signup and buyer flag."""
    known = [buyers["customer_id"]]
    signup = pd.Series(dtype="datetime64[us]")
    if members is not None:
        require(members, ("customer_id", "signed_up_at"), "members")
        signup = pd.Series(
            to_days(members["signed_up_at"], time_zone, "members").to_numpy(),
            index=ids(members["customer_id"], "members"),
        )
        signup = signup[signup <= pd.Timestamp(as_of)].groupby(level=0).min()
        known.append(signup.index.to_series())
    if visits is not None:
        known.append(summarise_events(visits, as_of, time_zone, "visits")["customer_id"])
    everyone = pd.Index(pd.concat(known).unique(), name="customer_id").sort_values()
    return pd.DataFrame(
        {
            "customer_id": everyone.astype("str"),
            "signed_up_at": signup.reindex(everyone).to_numpy(),
            "buyer": everyone.isin(buyers["customer_id"]),
        }
    )


def group_codes(
    rules: ScoringBundle, buyers: pd.DataFrame, members: pd.DataFrame | None
) -> NDArray[np.int64]:
    """Return the group of each purchaser, from the group columns of the summary or the members."""
    process = rules.purchases.process
    if len(process.groups) == 1:
        return np.zeros(len(buyers), np.int64)
    wanted = rules.group_columns or ("group",)
    if set(wanted) <= set(buyers.columns):
        source = buyers
    elif members is not None:
        require(members, ("customer_id",), "members")
        keyed = members.assign(customer_id=ids(members["customer_id"], "members"))
        source = buyers[["customer_id"]].merge(
            keyed.drop_duplicates("customer_id"), on="customer_id", how="left"
        )
    else:
        raise DataError(
            f"the bundle pools by {', '.join(wanted)}; give those columns in members or summary."
        )
    return process.codes(group_labels(source, wanted, "members").to_numpy())
