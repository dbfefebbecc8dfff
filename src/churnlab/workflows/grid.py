"""The tables of `churnlab segment`, from one or two days' grids, and its closing lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.cli.commands.fit import Fitted
from churnlab.config.schemas.pipeline import PipelineSettings
from churnlab.config.schemas.segment import SegmentSettings
from churnlab.events import EventLog
from churnlab.fitting import Fit
from churnlab.segments import (
    Audience,
    AudienceData,
    Axis,
    Snapshot,
    break_even_table,
    breakdown_table,
    change_table,
    churn_bands,
    leak_table,
    reestimation_table,
    repeat_table,
    segment_share_frame,
    shares_table,
    take_snapshot,
    transition_table,
    visit_calibration,
    windowed_basis,
    worth_once_back,
)

Settings = SegmentSettings | PipelineSettings


@dataclass(frozen=True)
class Placed:
    """A day's grid with the fits behind it."""

    fitted: Fitted
    visits: Fit | None
    purchase_axis: Axis
    visit_axis: Axis | None
    snapshot: Snapshot


def compare(now: Placed, before: Placed | None, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return the tables by file name; those of a comparison only where there is one."""
    config = settings.segments
    rng, leak_rng, share_rng = np.random.default_rng(settings.seed).spawn(3)
    shares = shares_table(now.snapshot, config, share_rng)
    if before is None:
        return {"membership": now.snapshot.membership, "shares": shares}
    change = change_table(before.snapshot, now.snapshot, config, rng)
    by_old_fit = take_snapshot(
        now.fitted.log.members(),
        now.fitted.fit.summary,
        before.purchase_axis,
        None if now.visits is None else now.visits.summary,
        before.visit_axis,
        config=config,
    )
    return {
        "membership": _with_previous(now.snapshot, before.snapshot),
        "shares": shares,
        "changes": change,
        "segment_share": segment_share_frame(shares, change),
        "transitions": transition_table(before.snapshot, now.snapshot, config),
        "leaks": leak_table(before.snapshot, now.snapshot, config, leak_rng),
        "repeat_rates": repeat_table(before.snapshot, now.snapshot),
        "reestimation": reestimation_table(
            before.snapshot, now.snapshot, by_old_fit, config.polarity
        ),
    }


def study(
    log: EventLog, now: Placed, before: Placed | None, settings: Settings
) -> dict[str, pd.DataFrame]:
    """Return churn-rate bands, win-back table, breakdowns, and the visit model's calibration."""
    bands = churn_bands(now.fitted.customers, basis=windowed_basis(settings.risk))
    rates = bands.groupby("churn_band", observed=True)["churn_rate"].mean()
    found = {
        "churn_bands": bands,
        "winback": break_even_table(
            [1 - rate for rate in rates], settings.winback, _worth_by_band(now, bands)
        ),
    }
    rngs = np.random.default_rng([settings.seed, 1]).spawn(len(settings.segments.breakdown))
    for column, rng in zip(settings.segments.breakdown, rngs, strict=True):
        found[f"breakdown_{column}"] = breakdown_table(
            now.snapshot, log.attributes(), column, settings.segments, rng
        )
    if before is not None and before.visits is not None:
        found["visit_calibration"] = visit_calibration(
            before.visits.summary,
            before.visits.draws,
            log.days("visits"),
            log.as_of,
            settings.visits.calibration_days,
        )
    return found


def _worth_by_band(now: Placed, bands: pd.DataFrame) -> list[float] | None:
    """Return what a customer of each band is worth once back, in the bands' order; or nothing."""
    customers = now.fitted.customers
    if "residual_value" not in customers.columns:
        return None
    by_id = customers.set_index("customer_id").loc[bands["customer_id"]]
    return list(worth_once_back(by_id, bands.set_index("customer_id")["churn_band"]))


def _with_previous(now: Snapshot, before: Snapshot) -> pd.DataFrame:
    """Add each member's cell on the earlier day; new members have none."""
    previous = before.membership[["customer_id", "segment_code"]]
    renamed = previous.rename(columns={"segment_code": "previous_code"})
    return now.membership.merge(renamed, on="customer_id", how="left")


def audience_data(log: EventLog, now: Placed, tables: dict[str, pd.DataFrame]) -> AudienceData:
    """Return what the playbook's audiences are found from."""
    return AudienceData(
        as_of=log.as_of,
        membership=now.snapshot.membership,
        customers=now.fitted.customers,
        members=log.members(),
        visits=log.frame("visits") if "visits" in log.tables else None,
        purchases=log.frame("purchases"),
        churn_bands=tables["churn_bands"],
    )


def lines(
    now: Placed,
    before: Placed | None,
    tables: dict[str, pd.DataFrame],
    audiences: tuple[Audience, ...],
    past: Sequence[str] = (),
) -> list[str]:
    """Return the closing lines: the grid's shares, what changed, whom to reach."""
    shares = tables["shares"]
    cells = shares[(shares["level"] == "segment") & (shares["n"] > 0)]
    top = cells.sort_values("share", ascending=False)
    said = [f"{now.snapshot.n_members:,} members on {now.snapshot.as_of}, by cell:"]
    said += [
        f"  {r.name_en:<42}{r.n:>8,}  {r.share:6.1%}  ({r.share_q05:.1%} to {r.share_q95:.1%})"
        for r in top.itertuples()
    ]
    said += list(now.snapshot.notes)
    if before is not None:
        said += _change_lines(tables["changes"], tables["reestimation"], before)
    said += past
    if "visit_calibration" in tables:
        said += _calibration_lines(tables["visit_calibration"])
    if "churn_band_calibration" in tables:
        said += _band_lines(tables["churn_band_calibration"])
    reached = [a for a in audiences if len(a.frame)]
    said.append(f"audiences: {len(reached)} of {len(audiences)} actions have somebody to reach")
    return said


def _calibration_lines(calibration: pd.DataFrame) -> list[str]:
    """Return how the visit model forecast silence in short windows, and what was observed."""
    return [
        f"visit model, no visit within {row.horizon_days} day(s): forecast {row.forecast:.1%}, "
        f"observed {row.observed:.1%} ({row.observed_q05:.1%} to {row.observed_q95:.1%})"
        for row in calibration.itertuples()
    ]


def _band_lines(bands: pd.DataFrame) -> list[str]:
    """Return each churn-rate band's forecast on the earlier day, and what came in its windows."""
    return [
        f"churn-rate band {r.churn_band} on {str(r.origin)[:10]}: {r.n:,} customers, forecast "
        f"{r.forecast:.1%}, observed {r.observed:.1%} "
        f"({r.observed_q05:.1%} to {r.observed_q95:.1%})"
        for r in bands[bands["n"] > 0].itertuples()
    ]


def _change_lines(change: pd.DataFrame, reestimation: pd.DataFrame, before: Placed) -> list[str]:
    """Return each group's change, and how much of it is the new fit's and not the customers'.

    Groups are the polarities; where no visits are known all are neutral, and the purchase states
    speak.
    """
    some = change[change["n"] + change["n_before"] > 0]
    polarity = some[some["level"] == "polarity"]
    flat = (polarity["segment_code"] == "neutral").all()
    groups = (some[some["level"] == "purchase_state"] if flat else polarity).merge(
        reestimation[["level", "segment_code", "behaviour", "reestimation"]],
        on=["level", "segment_code"],
    )
    columns = ["change", "change_q05", "change_q95"]
    groups[columns] *= 100.0
    return [
        f"{r.name_en}, share since {before.snapshot.as_of}: {r.change:+.1f} points "
        f"({r.change_q05:+.1f} to {r.change_q95:+.1f})\n"
        f"  {r.n_before:,} -> {r.n:,} members: {r.behaviour:+,} under one fit on both days, "
        f"{r.reestimation:+,} by re-estimation"
        for r in groups.itertuples()
    ]
