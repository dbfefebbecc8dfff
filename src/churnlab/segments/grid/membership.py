"""The membership table: everybody's cell, its probability, and the dates behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.events.ids import text
from churnlab.posterior.silence.stream import Rows
from churnlab.segments.config import SegmentsConfig
from churnlab.segments.grid.polarity import polarity_of
from churnlab.segments.grid.snapshot import DrawnStates
from churnlab.segments.grid.states import ALL_VISIT_STATES, N_PURCHASE_STATES, Codes, Days
from churnlab.types import Ints
from churnlab.vocabulary import ALL_CODES, PURCHASE_STATES

#: Positions of the two at-risk states.
_RISK_STATES = [2, 3]


@dataclass(frozen=True)
class Side:
    """One axis for everybody: rows of data, whose row is whose, and dates per member."""

    rows: Rows
    row: Ints
    """(member,) position in `rows`, -1 for none."""
    last: Days
    """(member,) day of the last event; NaT for none."""
    dates: list[Days]
    """Per cut point, (member,); NaT for none."""


def slim_frame(
    ids: pd.Series[str], signup: Days, sides: tuple[Side, Side], day: np.datetime64
) -> pd.DataFrame:
    """Return of `Snapshot.membership` what shares, changes and leaks need."""
    since = stamps(_since(signup, *sides, day))
    return pd.DataFrame(
        {"customer_id": ids.array, "signed_up_at": stamps(signup), "state_since": since}
    )


def membership_frame(
    ids: pd.Series[str],
    signup: Days,
    states: tuple[Codes, DrawnStates],
    sides: tuple[Side, Side],
    day: np.datetime64,
    config: SegmentsConfig,
) -> pd.DataFrame:
    """Return `Snapshot.membership`: one row per member (columns: docs/segments.md).

    ids, signup (member,): Sorted ids and signup days.
    states: Cells by the dates, and under every draw.
    sides: Purchases and visits.
    """
    code, drawn = states
    bought, seen = sides
    polarity = polarity_of(config.polarity)
    return pd.DataFrame(
        {
            "customer_id": ids.array,
            "as_of": pd.Timestamp(day),
            "segment_code": text(ALL_CODES, code),
            "purchase_state": text(PURCHASE_STATES, code % N_PURCHASE_STATES),
            "visit_state": text(ALL_VISIT_STATES, code // N_PURCHASE_STATES),
            "polarity": text([polarity[c] for c in ALL_CODES], code),
            **_probabilities(code, drawn),
            "signed_up_at": stamps(signup),
            "last_purchase_at": stamps(bought.last),
            "at_risk_date": stamps(bought.dates[0]),
            "last_visit_at": stamps(seen.last),
            "visit_risk_date": stamps(seen.dates[0]),
            "visit_inactive_date": stamps(seen.dates[1]),
            "state_since": stamps(_since(signup, bought, seen, day)),
        }
    )


def _probabilities(code: Codes, drawn: DrawnStates) -> dict[str, NDArray[np.float64]]:
    """Posterior probability of the cell stated, and of the states of each axis."""
    bought, visits = drawn.by_axis()
    who = np.arange(len(code))
    seen = np.where((drawn.visit_row >= 0)[:, None], visits, np.nan)
    risk = bought[:, _RISK_STATES].sum(axis=1)
    return {
        "probability": bought[who, code % N_PURCHASE_STATES]
        * visits[who, code // N_PURCHASE_STATES],
        "p_purchase_risk": np.where(drawn.purchase_row >= 0, risk, np.nan),
        "p_visit_active": seen[:, 0],
        "p_visit_risk": seen[:, 1],
        "p_visit_inactive": seen[:, 2],
    }


def _since(signup: Days, bought: Side, seen: Side, day: np.datetime64) -> Days:
    """Last day on which one of the clocks was reset or ran out."""
    since = signup.copy()
    for date in (bought.last, seen.last, *bought.dates, *seen.dates):
        passed = ~np.isnat(date) & (date <= day)
        since = np.where(passed, np.maximum(since, np.where(passed, date, since)), since)
    return since


def stamps(days: Days) -> NDArray[np.datetime64]:
    """Dates to the second: nanoseconds cannot hold the far date."""
    return days.astype("datetime64[s]")
