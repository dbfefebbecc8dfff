"""The grid on earlier days, by fits of their own and by the latest one: shares and leaks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np

from churnlab.errors import DataError, FitRefusedError
from churnlab.events import EventLog
from churnlab.progress import Progress
from churnlab.segments import (
    Past,
    Snapshot,
    calibrate_out_of_time,
    days_back,
    leak_verdict,
    place,
    shares_over_time,
    step_of,
)
from churnlab.summary import summarise
from churnlab.workflows.fit import Fitted
from churnlab.workflows.placing import Day, GridSettings


def look_back(
    log: EventLog, now: Day, before: Day | None, settings: GridSettings, progress: Progress,
    on: Callable[[dt.date], Day],
) -> Past | None:  # fmt: skip
    """Place everybody on earlier days, equally spaced; None where there are no such days.

    Parameters
    ----------
    before : Day, optional
        The day compared with, taken as it is where it is among the days.
    on : callable
        Fits the data up to a day and places everybody on it.
    """
    earlier = None if before is None else before.placed.snapshot.as_of
    first = log.days("purchases")["day"].min().date()
    every = step_of(log.as_of, earlier, settings.segments.every_days)
    days = days_back(log.as_of, first, every, settings.segments.periods)
    if len(days) < 2:
        return None
    known = {log.as_of: now} | ({} if before is None else {earlier: before})
    own, oldest, notes = _by_own_fits(days, known, on)
    with progress.stage("earlier days by the latest fit"):
        latest = [by_fit_of(now, log, day, settings).slim() for day in days[:-1]]
        latest.append(now.placed.snapshot.slim())
    rng = np.random.default_rng([settings.seed, 2])
    with progress.stage("shares over time"):
        shares = shares_over_time({"own_fit": own, "latest_fit": latest}, settings.segments, rng)
    verdict = leak_verdict(latest, settings.segments.alert_level)
    then = own[0].as_of
    bands = calibrate_out_of_time(oldest.customers, log.days(), then, log.as_of, settings.risk)
    return Past(shares, verdict, every, notes, bands)


def _by_own_fits(
    days: list[dt.date], known: dict[dt.date | None, Day], on: Callable[[dt.date], Day]
) -> tuple[list[Snapshot], Fitted, tuple[str, ...]]:
    """Return the days' grids by own fits, the oldest fit, and what days could not be fitted.

    A day's tables are let go before the next day's are made.
    """
    snapshots: list[Snapshot] = []
    notes: list[str] = []
    oldest: Fitted | None = None
    found: Day | None = None
    for day in days:
        found = None
        try:
            found = known.get(day) or on(day)
        except (DataError, FitRefusedError) as error:
            notes.append(f"shares over time leave out {day}: {error}")
            continue
        snapshots.append(found.placed.snapshot.slim())
        oldest = oldest or found.fitted
    return snapshots, oldest or known[days[-1]].fitted, tuple(notes)


def by_fit_of(now: Day, log: EventLog, day: dt.date, settings: GridSettings) -> Snapshot:
    """Return an earlier day's grid by the latest fit: its draws and cut points on older clocks."""
    placed, visits = now.placed, None
    if placed.visits is not None:
        visits = summarise(
            log,
            day,
            events="visits",
            count_purchases=settings.visits.count_purchases,
            group=list(placed.visits.group_columns) or None,
        )
    purchases = summarise(log, day, group=list(placed.purchases.group_columns) or None)
    axes = placed.purchase_axis, placed.visit_axis
    return place(log, purchases, axes[0], visits, axes[1], settings.segments).snapshot
