"""The grid on earlier days, by the latest fit and by fits of their own: shares and leaks."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from churnlab.errors import DataError, FitRefusedError
from churnlab.events import EventLog
from churnlab.fitting import Fit
from churnlab.fitting import fit as fit_model
from churnlab.posterior import customers_table
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
from churnlab.segments.actions.bands import NEEDED
from churnlab.summary import Summary, summarise
from churnlab.workflows.steps.placing import Day, GridSettings

#: Earlier days that are placed at the same time.
_AT_ONCE: Final = 2


class Compared(NamedTuple):
    """The day compared with: as it was said then, and by the latest fit."""

    own: Day
    latest: Snapshot


def look_back(
    log: EventLog, now: Day, before: Compared | None, settings: GridSettings, progress: Progress,
    on: Callable[[dt.date], Day],
) -> Past | None:  # fmt: skip
    """Place everybody on earlier days, equally spaced; None where there are no such days.

    before: The day compared with, taken as it is where it is among the days.
    on: Fits the data up to a day and places everybody on it.
    """
    earlier = None if before is None else before.latest.as_of
    first = log.first_day()
    every = step_of(log.as_of, earlier, settings.segments.every_days)
    days = days_back(log.as_of, first, every, settings.segments.periods)
    if len(days) < 2:
        return None
    by_latest = {log.as_of: now.placed.snapshot}
    known = {log.as_of: now}
    if before is not None:
        by_latest[before.latest.as_of], known[before.latest.as_of] = before.latest, before.own
    with progress.stage("earlier days by the latest fit"):
        members = log.attributes()
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # tables of members keep one core busy
            placed = {
                day: pool.submit(
                    _placed, now, members, _summaries(now, log, day, settings), settings
                )
                for day in days
                if day not in by_latest
            }
            latest = [by_latest.get(day) or placed[day].result() for day in days]
    own, notes = _by_own_fits(days, known, on if settings.segments.own_fit else None)
    rng = np.random.default_rng([settings.seed, 2])
    with progress.stage("shares over time"):
        shares = shares_over_time({"own_fit": own, "latest_fit": latest}, settings.segments, rng)
    verdict = leak_verdict(latest, settings.segments.alert_level)
    bands, more = _bands(log, days, known, settings, progress)
    return Past(shares, verdict, every, (*notes, *more), bands)


def _by_own_fits(
    days: list[dt.date], known: dict[dt.date, Day], on: Callable[[dt.date], Day] | None
) -> tuple[list[Snapshot], tuple[str, ...]]:
    """Return the days' grids by own fits, and what days could not be fitted.

    Without `on` the known days alone; with it, a day's tables are let go before the next day's.
    """
    snapshots: list[Snapshot] = []
    notes: list[str] = []
    for day in days:
        if day in known:
            snapshots.append(known[day].placed.snapshot)
        elif on is not None:
            try:
                snapshots.append(on(day).placed.snapshot)
            except (DataError, FitRefusedError) as error:
                notes.append(f"shares over time leave out {day} by a fit of its own: {error}")
    return snapshots, tuple(notes)


def _bands(
    log: EventLog, days: list[dt.date], known: dict[dt.date, Day], settings: GridSettings,
    progress: Progress,
) -> tuple[pd.DataFrame, tuple[str, ...]]:  # fmt: skip
    """Return the churn-rate bands of the oldest day that can be fitted, against what came since."""
    notes: list[str] = []
    for day in days:
        try:
            with progress.stage(f"churn rates as of {day}, by a fit of its own"):
                then = known[day].fitted.fit if day in known else _fit(log.until(day), settings)
        except (DataError, FitRefusedError) as error:
            notes.append(f"churn-rate bands are not those of {day}: {error}")
            continue
        rates = customers_table(
            then.data, then.draws, settings.risk, state=None,
            columns=[*NEEDED, f"risk_{settings.risk.windowed_basis}"],
        )  # fmt: skip
        bands = calibrate_out_of_time(rates, log.days(after=day), day, log.as_of, settings.risk)
        return bands, tuple(notes)
    raise AssertionError("the last of the days has a fit")


def _fit(log: EventLog, settings: GridSettings) -> Fit:
    """Fit the purchases of an earlier day."""
    return fit_model(
        summarise(log, group=list(settings.model.groups) or None),
        model=settings.model,
        inference=settings.inference,
        seed=settings.seed,
    )


def by_fit_of(
    now: Day, log: EventLog, members: pd.DataFrame, day: dt.date, settings: GridSettings
) -> Snapshot:
    """Return an earlier day's grid by the latest fit: its draws and cut points on older clocks."""
    return _placed(now, members, _summaries(now, log, day, settings), settings)


def _summaries(
    now: Day, log: EventLog, day: dt.date, settings: GridSettings
) -> tuple[Summary, Summary | None]:
    """Return what was known of purchases and visits; the engine is asked by one thread alone."""
    placed, visits = now.placed, None
    if placed.visits is not None:
        visits = summarise(
            log,
            day,
            events="visits",
            count_purchases=settings.visits.count_purchases,
            group=list(placed.visits.group_columns) or None,
            log_gaps=False,
        )
    group = list(placed.purchases.group_columns) or None
    purchases = summarise(log, day, group=group, log_gaps=False)
    if (clock := placed.purchases.clock) is not None:
        purchases = purchases.on_clock(clock)
    return purchases, visits


def _placed(
    now: Day, members: pd.DataFrame, known: tuple[Summary, Summary | None], settings: GridSettings
) -> Snapshot:
    purchases, visits = known
    axes = now.placed.purchase_axis, now.placed.visit_axis
    config = settings.segments
    return place(members, purchases, axes[0], visits, axes[1], config, slim=True).snapshot
