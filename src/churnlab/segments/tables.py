"""The tables of a day's grid by file name: those of the day, and of a comparison of two days."""

import numpy as np
import pandas as pd

from churnlab.events import EventLog
from churnlab.events.ids import looked_up, positions, text
from churnlab.posterior import CustomerTable, RiskConfig
from churnlab.segments.actions.bands import churn_bands
from churnlab.segments.actions.winback import WinbackConfig, break_even_table, worth_once_back
from churnlab.segments.config import SegmentsConfig, VisitsConfig
from churnlab.segments.grid.placed import Placed
from churnlab.segments.grid.snapshot import Snapshot
from churnlab.segments.grid.visits import visit_calibration
from churnlab.segments.movement.change import change_table, reestimation_table, segment_share_frame
from churnlab.segments.movement.leaks import leak_table
from churnlab.segments.movement.repeat import repeat_table
from churnlab.segments.movement.resampling import ABSENT, Pairing
from churnlab.segments.movement.shares import breakdown_table, shares_table
from churnlab.segments.movement.transitions import transition_table
from churnlab.vocabulary import ALL_CODES

Tables = dict[str, pd.DataFrame]


def compare(
    now: Snapshot, before: Snapshot | None, own: Snapshot | None, config: SegmentsConfig, seed: int
) -> Tables:
    """Return membership and shares, and where there is an earlier day, what has changed since.

    now, before: Both days by the latest fit: what moves between them is behaviour.
    own: The earlier day by its own fit: what re-estimation moved stands beside.
    """
    rng, leak_rng, share_rng = np.random.default_rng(seed).spawn(3)
    shares = shares_table(now, config, share_rng)
    if before is None or own is None:
        return {"membership": now.membership, "shares": shares}
    change = change_table(before, now, config, rng)
    return {
        "membership": _with_previous(now, before),
        "shares": shares,
        "changes": change,
        "segment_share": segment_share_frame(shares, change),
        "transitions": transition_table(before, now, config),
        "leaks": leak_table(before, now, config, leak_rng),
        "repeat_rates": repeat_table(before, now),
        "reestimation": reestimation_table(own, before, now, config.polarity),
    }


def _with_previous(now: Snapshot, before: Snapshot) -> pd.DataFrame:
    """Add each member's cell on the earlier day; new members have none."""
    pairing = Pairing.of(before, now)
    was = pairing.codes()[0][pairing.after_at]
    return now.membership.assign(previous_code=text(ALL_CODES, np.where(was == ABSENT, -1, was)))


def with_bands(membership: pd.DataFrame, customers: CustomerTable) -> pd.DataFrame:
    """Add how far at risk each purchaser is (`risk_band`); null without a purchase."""
    known = customers.frame(("customer_id", "risk_band"))
    ids = membership["customer_id"], known["customer_id"]
    [band] = looked_up(*ids, known["risk_band"])
    return membership.assign(risk_band=band)


def churn_tables(customers: CustomerTable, risk: RiskConfig, winback: WinbackConfig) -> Tables:
    """Return each customer's churn-rate band, and what winning one back of each must achieve.

    customers: Risk, and value where it is known, of every customer (`Fit.customer_table`).
    """
    read = ("customer_id", "x", f"risk_{risk.windowed_basis}")
    bands = churn_bands(customers.frame(read), basis=risk.windowed_basis)
    rates = bands.groupby("churn_band", observed=True)["churn_rate"].mean()
    worth = _worth_by_band(customers, bands)
    return {
        "churn_bands": bands,
        "winback": break_even_table([1 - rate for rate in rates], winback, worth),
    }


def _worth_by_band(customers: CustomerTable, bands: pd.DataFrame) -> list[float] | None:
    """Return what a customer of each band is worth once back, in the bands' order; or nothing."""
    if "residual_value" not in customers.names:
        return None
    read = ("customer_id", "residual_value", "residual_value_if_returns")
    known = customers.frame(read)
    own = known.iloc[positions(bands["customer_id"], known["customer_id"])].reset_index(drop=True)
    return list(worth_once_back(own, bands["churn_band"]))


def breakdowns(log: EventLog, now: Placed, config: SegmentsConfig, seed: int) -> Tables:
    """Return the shares by each attribute of the members that is asked for."""
    rngs = np.random.default_rng([seed, 1]).spawn(len(config.breakdown))
    return {
        f"breakdown_{column}": breakdown_table(now.snapshot, log.attributes(), column, config, rng)
        for column, rng in zip(config.breakdown, rngs, strict=True)
    }


def visit_checks(log: EventLog, before: Placed | None, config: VisitsConfig) -> Tables:
    """Return how the earlier day's visit model forecast silence in short windows since."""
    if before is None or before.visits is None or before.visit_axis is None:
        return {}
    table = visit_calibration(
        before.visits,
        before.visit_axis.draws,
        log.days("visits", after=before.visits.as_of),
        log.as_of,
        config.calibration_days,
    )
    return {"visit_calibration": table}
