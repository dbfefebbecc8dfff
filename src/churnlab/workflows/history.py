"""The grid on earlier days, by fits of their own and by the latest one: shares and leaks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from churnlab.cli.console import Console
from churnlab.errors import DataError, FitRefusedError
from churnlab.events import EventLog
from churnlab.segments import (
    LeakVerdict,
    Snapshot,
    calibrate_out_of_time,
    days_back,
    leak_verdict,
    shares_over_time,
    take_snapshot,
)
from churnlab.summary import summarise
from churnlab.workflows.grid import Placed, Settings

#: Days between the dates where neither `compare_to` nor `segments.every_days` says.
LOOK_BACK = 30
#: Fits and places everybody on a day.
Place = Callable[[dt.date], Placed]


@dataclass(frozen=True)
class Past:
    """What the earlier days say."""

    shares: pd.DataFrame
    leaks: LeakVerdict
    every_days: int
    notes: tuple[str, ...]
    bands: pd.DataFrame
    """The oldest day's churn-rate bands against what came since (P12)."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by file name."""
        steps = {"leak_steps": self.leaks.steps} if len(self.leaks.steps) else {}
        return {
            "shares_over_time": self.shares,
            "churn_band_calibration": self.bands,
            **steps,
        }

    def core_leak(self) -> dict[str, Any]:
        """Return what `segments.json` says of the alert; values are null without a verdict."""
        alert = self.leaks.alert
        names = ("alert", "p_value", "level", "share", "usual_share", "n_core", "n_periods",
                 "dispersion")  # fmt: skip
        found = dict.fromkeys(names) if alert is None else {k: asdict(alert)[k] for k in names}
        return found | {"period_days": self.every_days, "reason": self.leaks.reason}

    def lines(self) -> list[str]:
        """Return the closing lines: the alert with its false-alarm rate, and the notes."""
        alert, reason = self.leaks.alert, self.leaks.reason
        said = list(self.notes)
        if alert is None:
            return [*said, f"core leak: no verdict; {reason}"]
        verdict = "ALERT" if alert.alert else "no alert"
        said.append(f"core leak in {self.every_days} days: {verdict}. {alert.sentence}")
        said.append(
            f"  where nothing changes and the inflow is constant, at most {alert.level:.0%} of "
            "such checks raise a false alarm"
        )
        return [*said, f"  but {reason}"] if reason else said


def step_of(log: EventLog, compare_to: dt.date | None, settings: Settings) -> int:
    """Return the days between two dates of the shares over time."""
    if settings.segments.every_days is not None:
        return settings.segments.every_days
    return LOOK_BACK if compare_to is None else (log.as_of - compare_to).days


def look_back(
    log: EventLog, now: Placed, before: Placed | None, settings: Settings, console: Console,
    place: Place,
) -> Past | None:  # fmt: skip
    """Place everybody on earlier days, equally spaced; None where there are no such days.

    Parameters
    ----------
    before : Placed, optional
        The day compared with, taken as it is where it is among the days.
    place : callable
        Fits on data up to a day and places everybody on it.
    """
    earlier = None if before is None else before.snapshot.as_of
    first = log.days("purchases")["day"].min().date()
    every = step_of(log, earlier, settings)
    days = days_back(log.as_of, first, every, settings.segments.periods)
    if len(days) < 2:
        return None
    known = {log.as_of: now} | ({} if before is None else {earlier: before})
    own, oldest, notes = _by_own_fits(days, known, place)
    with console.stage("earlier days by the latest fit"):
        latest = [now.snapshot if d == log.as_of else _by_fit_of(now, log, d, settings)
                  for d in days]  # fmt: skip
    rng = np.random.default_rng([settings.seed, 2])
    with console.stage("shares over time"):
        shares = shares_over_time({"own_fit": own, "latest_fit": latest}, settings.segments, rng)
    verdict = leak_verdict(latest, settings.segments.alert_level)
    bands = calibrate_out_of_time(
        oldest.fitted.customers, log.days(), oldest.snapshot.as_of, log.as_of, settings.risk
    )
    return Past(shares, verdict, every, notes, bands)


def _by_own_fits(
    days: list[dt.date], known: dict[dt.date | None, Placed], place: Place
) -> tuple[list[Snapshot], Placed, tuple[str, ...]]:
    """Return the days' grids by own fits, the oldest day, and what days could not be fitted."""
    snapshots: list[Snapshot] = []
    notes: list[str] = []
    oldest: Placed | None = None
    for day in days:
        try:
            placed = known.get(day) or place(day)
        except (DataError, FitRefusedError) as error:
            notes.append(f"shares over time leave out {day}: {error}")
            continue
        snapshots.append(placed.snapshot)
        oldest = oldest or placed
    return snapshots, oldest or known[days[-1]], tuple(notes)


def _by_fit_of(now: Placed, log: EventLog, day: dt.date, settings: Settings) -> Snapshot:
    """Return an earlier day's grid by the latest fit: its draws and cut points on older clocks."""
    groups = list(now.fitted.fit.summary.group_columns) or None
    visits = None
    if now.visits is not None:
        visits = summarise(
            log,
            day,
            events="visits",
            count_purchases=settings.visits.count_purchases,
            group=list(now.visits.summary.group_columns) or None,
        )
    return take_snapshot(
        log.attributes(),
        summarise(log, day, group=groups),
        now.purchase_axis,
        visits,
        now.visit_axis,
        config=settings.segments,
    )
