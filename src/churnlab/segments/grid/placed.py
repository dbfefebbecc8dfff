"""A day's grid with what it rests on: summaries of the events, and both axes."""

from dataclasses import dataclass

import pandas as pd

from churnlab.segments.config import SegmentsConfig
from churnlab.segments.grid.axes import Axis
from churnlab.segments.grid.build import take_snapshot
from churnlab.segments.grid.snapshot import Snapshot
from churnlab.summary import Summary


@dataclass(frozen=True)
class Placed:
    """Everybody's place on a day.

    snapshot: Who stands in which cell.
    purchases, visits: x, t_x, T of both kinds of events up to the day; no visits without a visit
        log.
    purchase_axis, visit_axis: Draws, risk and cut points of both.
    """

    snapshot: Snapshot
    purchases: Summary
    purchase_axis: Axis
    visits: Summary | None = None
    visit_axis: Axis | None = None


def place(
    members: pd.DataFrame,
    purchases: Summary,
    purchase_axis: Axis,
    visits: Summary | None,
    visit_axis: Axis | None,
    config: SegmentsConfig,
    *,
    slim: bool = False,
) -> Placed:
    """Place every member on the day of the summaries (see `take_snapshot`)."""
    snapshot = take_snapshot(
        members, purchases, purchase_axis, visits, visit_axis, config=config, slim=slim
    )
    return Placed(snapshot, purchases, purchase_axis, visits, visit_axis)
