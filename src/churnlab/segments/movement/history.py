"""The grid on several days: which days, the shares on them, and the core's leaks per step (P10)."""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from churnlab.errors import UsageError
from churnlab.segments.config import SegmentsConfig, check_dates
from churnlab.segments.grid.snapshot import Snapshot
from churnlab.segments.movement.leaks import LEAST_PERIODS, LeakAlert, leak_alert, leak_history
from churnlab.segments.movement.shares import shares_table

#: Fewer newcomers than this share of the usual: the inflow is not constant, a leak is expected.
_LEAST_INFLOW = 0.5
#: Days between two dates where neither `compare_to` nor `segments.every_days` says.
LOOK_BACK = 30


@dataclass(frozen=True)
class LeakVerdict:
    """The core-leak alert of a run, or why there is none."""

    steps: pd.DataFrame
    """Per step ``as_of, n_core, n_leaked, share, n_new, usual_share, p_value, alert``; the last
    three compare with the earlier steps and are null where these are fewer than three."""
    alert: LeakAlert | None
    reason: str | None
    """Why there is no alert, or what weakens it."""


def comparison_day(
    as_of: dt.date, first_event: dt.date, compare_to: str | None, every_days: int | None
) -> dt.date | None:
    """Return the day to compare with: stated, or a step before where the log reaches back.

    Raises UsageError: `compare_to` is no date, not before `as_of`, or before the first event.
    """
    if compare_to is None:
        step = dt.timedelta(days=every_days or LOOK_BACK)
        return as_of - step if as_of - step > first_event + step else None
    try:
        day = dt.date.fromisoformat(compare_to)
    except ValueError as error:
        raise UsageError(
            f"compare_to must be a date such as 2024-10-31; got {compare_to!r}."
        ) from error
    check_dates(as_of, day, first_event)
    return day


def step_of(as_of: dt.date, compare_to: dt.date | None, every_days: int | None) -> int:
    """Return the days between two dates of the shares over time."""
    if every_days is not None:
        return every_days
    return LOOK_BACK if compare_to is None else (as_of - compare_to).days


def days_back(as_of: dt.date, first_event: dt.date, every_days: int, periods: int) -> list[dt.date]:
    """Return `as_of` and the days before it in equal steps, oldest first.

    Days less than one step after the first event are left out: hardly anybody is there yet.
    """
    step = dt.timedelta(days=every_days)
    days = [as_of - i * step for i in range(periods, 0, -1)]
    return [day for day in days if day >= first_event + step] + [as_of]


def shares_over_time(
    scored: Mapping[str, Sequence[Snapshot]], config: SegmentsConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Return `shares_table` of several days, for each way of scoring them.

    scored: ``own_fit``: every day by a fit on data up to it (what was known on the day);
        ``latest_fit``: every day by the latest one (what customers did, without re-estimation).
    Returns: ``scored_by`` and the columns of `shares_table`, with 90% intervals.
    """
    parts = []
    for scored_by, snapshots in scored.items():
        for snapshot in snapshots:
            table = shares_table(snapshot, config, rng)
            table.insert(0, "scored_by", scored_by)
            parts.append(table)
    return pd.concat(parts, ignore_index=True)


def leak_verdict(snapshots: Sequence[Snapshot], level: float) -> LeakVerdict:
    """Judge the latest step's core leak, and every earlier one by what came before it.

    snapshots: Equally spaced days, oldest first, all scored by one fit.
    level: Nominal false-alarm rate of one alert, where the inflow is constant and nothing changes.
    """
    steps = leak_history(snapshots)
    steps["n_new"] = _newcomers(snapshots)
    judged = [
        leak_alert(steps.iloc[: i + 1], level) if _comparable(steps.iloc[: i + 1]) else None
        for i in range(len(steps))
    ]
    if len(steps) and steps["n_new"].sum() == 0:
        judged = [None] * len(steps)
    steps["usual_share"] = [np.nan if a is None else a.usual_share for a in judged]
    steps["p_value"] = [np.nan if a is None else a.p_value for a in judged]
    alerts = [pd.NA if a is None else a.alert for a in judged]
    steps["alert"] = pd.array(alerts, dtype="boolean")
    return LeakVerdict(steps, judged[-1] if judged else None, _reason(steps))


def _comparable(steps: pd.DataFrame) -> bool:
    """Return whether the last step has a core to leave, and enough earlier ones with one."""
    core = steps["n_core"].to_numpy()
    return bool(len(core) > LEAST_PERIODS and core[-1] and core[:-1].any())


def _newcomers(snapshots: Sequence[Snapshot]) -> list[int]:
    """Members who signed up within each step."""
    counts = []
    for before, after in itertools.pairwise(snapshots):
        signed_up = after.membership["signed_up_at"]
        counts.append(int((signed_up > pd.Timestamp(before.as_of)).sum()))
    return counts


def _reason(steps: pd.DataFrame) -> str | None:
    if len(steps) <= LEAST_PERIODS:
        return (
            f"a core-leak alert compares with at least {LEAST_PERIODS} earlier periods; there are "
            f"{max(len(steps) - 1, 0)}: raise segments.periods, shorten segments.every_days, or "
            "give a longer log"
        )
    if not _comparable(steps):
        return (
            "nobody was in the core (active by visits and by purchases) at the start of the latest "
            "period or of all earlier ones; without a visit log nobody ever is: name one in "
            "data.visits, or read the purchase states"
        )
    new = steps["n_new"].to_numpy(dtype=float)
    if new.sum() == 0:
        return "nobody has signed up in these periods: the core of a closed cohort always leaks"
    if new[-1] < _LEAST_INFLOW * new[:-1].mean():
        return (
            f"{new[-1]:.0f} members signed up in the latest period, {new[:-1].mean():.0f} in an "
            "earlier one: with falling inflow the core leaks more without any cause"
        )
    return None


@dataclass(frozen=True)
class Past:
    """What the earlier days say: shares on each, the core's leaks, and bands that came true."""

    shares: pd.DataFrame
    leaks: LeakVerdict
    every_days: int
    notes: tuple[str, ...]
    bands: pd.DataFrame
    """The oldest day's churn-rate bands against what came since (P12)."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by file name."""
        steps = {"leak_steps": self.leaks.steps} if len(self.leaks.steps) else {}
        return {"shares_over_time": self.shares, "churn_band_calibration": self.bands, **steps}

    def core_leak(self) -> dict[str, Any]:
        """Return what `segments.json` says of the alert; values are null without a verdict."""
        alert = self.leaks.alert
        names = ("alert", "p_value", "level", "share", "usual_share", "n_core", "n_periods",
                 "dispersion")  # fmt: skip
        found = dict.fromkeys(names) if alert is None else {k: asdict(alert)[k] for k in names}
        return found | {"period_days": self.every_days, "reason": self.leaks.reason}

    @property
    def lines(self) -> list[str]:
        """The alert with its false-alarm rate, and the notes."""
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
