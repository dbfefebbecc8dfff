"""The grid in a few lines for the terminal."""

from collections.abc import Mapping, Sequence

import pandas as pd

from churnlab.events.arms import HOLDOUT
from churnlab.metrics.binary import FITS
from churnlab.segments.actions.audiences import Audience
from churnlab.segments.grid.snapshot import Snapshot


def lines(
    now: Snapshot,
    before: Snapshot | None,
    tables: Mapping[str, pd.DataFrame],
    audiences: Sequence[Audience],
    past: Sequence[str] = (),
) -> list[str]:
    """Return the grid's shares, what changed since `before`, whom to reach."""
    shares = tables["shares"]
    cells = shares[(shares["level"] == "segment") & (shares["n"] > 0)]
    top = cells.sort_values("share", ascending=False)
    said = [f"{now.n_members:,} members on {now.as_of}, by cell:"]
    said += [
        f"  {r.name_en:<42}{r.n:>8,}  {r.share:6.1%}  ({r.share_q05:.1%} to {r.share_q95:.1%})"
        for r in top.itertuples()
    ]
    said += list(now.notes)
    if before is not None:
        said += _change_lines(tables["changes"], tables["reestimation"], before)
    said += past
    if "visit_calibration" in tables:
        said += _calibration_lines(tables["visit_calibration"])
    if "churn_band_calibration" in tables:
        said += _band_lines(tables["churn_band_calibration"])
    reached = [a for a in audiences if len(a.frame)]
    said.append(f"audiences: {len(reached)} of {len(audiences)} actions have somebody to reach")
    return [*said, _plan_line(tables["campaign_plan"])]


def _plan_line(plan: pd.DataFrame) -> str:
    """Return what the campaign plan sends, holds out and suppresses."""
    free = plan["suppressed_reason"].isna()
    held = int((free & (plan["arm"] == HOLDOUT)).sum())
    why = plan["suppressed_reason"].value_counts()
    reasons = "".join(f", {n:,} suppressed ({reason})" for reason, n in why.items())
    sent = int(free.sum()) - held
    return f"campaign plan: {sent:,} messages, {held:,} held out{reasons}; one a person a day"


def _calibration_lines(calibration: pd.DataFrame) -> list[str]:
    """Return how the visit model forecast silence in short windows, and which lines do not fit."""
    some = calibration[(calibration["forecast_band"] == "all") | (calibration["verdict"] != FITS)]
    said = [
        f"visit model, no visit within {row.horizon_days} day(s)"
        + ("" if row.forecast_band == "all" else f", forecasts of {row.forecast_band}")
        + f": forecast {row.forecast:.1%}, observed {row.observed:.1%} "
        f"({row.observed_q05:.1%} to {row.observed_q95:.1%}): {row.verdict}"
        for row in some.itertuples()
    ]
    fit = int((calibration["verdict"] == FITS).sum())
    return [*said, f"  {fit} of {len(calibration)} lines fit (judged together, 90%)"]


def _band_lines(bands: pd.DataFrame) -> list[str]:
    """Return each churn-rate band's forecast on the earlier day, and what came in its windows."""
    return [
        f"churn-rate band {r.churn_band} on {str(r.origin)[:10]}: {r.n:,} customers, forecast "
        f"{r.forecast:.1%}, observed {r.observed:.1%} "
        f"({r.observed_q05:.1%} to {r.observed_q95:.1%}): {r.verdict}"
        for r in bands[bands["n"] > 0].itertuples()
    ]


def _change_lines(change: pd.DataFrame, reestimation: pd.DataFrame, before: Snapshot) -> list[str]:
    """Return each group's change, and what the latest fit alone has changed of what was said then.

    Groups are the polarities; where no visits are known all are neutral, and the purchase states
    speak.
    """
    some = change[change["n"] + change["n_before"] > 0]
    polarity = some[some["level"] == "polarity"]
    flat = (polarity["segment_code"] == "neutral").all()
    groups = (some[some["level"] == "purchase_state"] if flat else polarity).merge(
        reestimation[["level", "segment_code", "reestimation"]], on=["level", "segment_code"]
    )
    columns = ["change", "change_q05", "change_q95"]
    groups[columns] *= 100.0
    groups["then"] = groups["n_before"] - groups["reestimation"]
    return [
        f"{r.name_en}, share since {before.as_of}: {r.change:+.1f} points "
        f"({r.change_q05:+.1f} to {r.change_q95:+.1f})\n"
        f"  {r.n_before:,} -> {r.n:,} members, both days by the latest fit; re-estimation apart: "
        f"{r.then:,} were counted then ({r.reestimation:+,} by the new fit)"
        for r in groups.itertuples()
    ]
