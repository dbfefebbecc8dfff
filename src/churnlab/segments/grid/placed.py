"""A day's grid with what it rests on: summaries of the events, and both axes."""

from __future__ import annotations

from dataclasses import dataclass

from churnlab.events import EventLog
from churnlab.segments.config import SegmentsConfig
from churnlab.segments.grid.axes import Axis
from churnlab.segments.grid.build import take_snapshot
from churnlab.segments.grid.snapshot import Snapshot
from churnlab.summary import Summary


@dataclass(frozen=True)
class Placed:
    """Everybody's place on a day.

    Attributes
    ----------
    snapshot : Snapshot
        Who stands in which cell.
    purchases, visits : Summary
        x, t_x, T of both kinds of events up to the day; no visits without a visit log.
    purchase_axis, visit_axis : Axis
        Draws, risk and cut points of both.
    """

    snapshot: Snapshot
    purchases: Summary
    purchase_axis: Axis
    visits: Summary | None = None
    visit_axis: Axis | None = None


def place(
    log: EventLog,
    purchases: Summary,
    purchase_axis: Axis,
    visits: Summary | None,
    visit_axis: Axis | None,
    config: SegmentsConfig,
) -> Placed:
    """Place every member of a log on the day of the summaries."""
    snapshot = take_snapshot(
        log.attributes(), purchases, purchase_axis, visits, visit_axis, config=config
    )
    return Placed(snapshot, purchases, purchase_axis, visits, visit_axis)
