"""Rolling origins: which days are scored, which are only learnt from, and why some are dropped."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from churnlab.backtest.config import SplitConfig
from churnlab.errors import DataError
from churnlab.origins.panel import Panel
from churnlab.origins.targets import Target

_EPOCH: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Origin:
    """A day at which forecasts are made.

    date: Last known day.
    scored: False for warm-up origins, which thresholds and recalibration learn from.
    targets: Labels whose windows are complete.
    """

    date: dt.date
    scored: bool
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Plan:
    """Origins in order of time, and what was dropped with the reason."""

    origins: tuple[Origin, ...]
    dropped: tuple[str, ...]

    @property
    def scored(self) -> tuple[Origin, ...]:
        """Origins that are scored."""
        return tuple(o for o in self.origins if o.scored)


def plan_origins(panel: Panel, split: SplitConfig, wanted: Sequence[Target]) -> Plan:
    """Lay out the origins of a backtest.

    Raises DataError when no origin has a complete label window.
    """
    stated = split.origin_dates()
    dates = stated if stated is not None else _laid_back(panel, split, wanted)
    dropped: list[str] = []
    scored = []
    for date in dates:
        complete = _complete(panel, date, wanted, dropped)
        if complete:
            scored.append(Origin(date, True, complete))
    if not scored:
        raise DataError(
            f"no origin has a complete label window: the log runs from {panel.first_day} to "
            f"{panel.as_of} and the shortest window is {min(t.reach_days for t in wanted)} days. "
            + " ".join(dropped)
        )
    return Plan((*_warmups(panel, split, scored, wanted), *scored), tuple(dropped))


def _complete(
    panel: Panel, date: dt.date, wanted: Sequence[Target], dropped: list[str]
) -> tuple[Target, ...]:
    """Return the targets complete at `date`, noting the others."""
    if date < panel.first_day:
        dropped.append(f"{date}: before the first purchase ({panel.first_day}).")
        return ()
    complete = []
    for target in wanted:
        end = date + dt.timedelta(days=target.reach_days)
        if end <= panel.as_of:
            complete.append(target)
        else:
            dropped.append(
                f"{date}, {target.label}: the window ends on {end}, data on {panel.as_of}."
            )
    return tuple(complete)


def _laid_back(panel: Panel, split: SplitConfig, wanted: Sequence[Target]) -> list[dt.date]:
    """Return `split.origins` days, the last with every window complete."""
    reach = max(t.reach_days for t in wanted)
    last = panel.as_of - dt.timedelta(days=reach)
    room = (last - panel.first_day).days
    if room < 1:
        return [last]
    history = split.min_history_days or min(reach, max(1, room // 2))
    span = max(room - history, 0)
    count = int(split.origins)
    if split.anchored:
        return _anchored(last, span, count, split.step_days or _fixed_step(span, count, reach))
    step = split.step_days or (min(reach, span // (count - 1)) if count > 1 else 1)
    steps = [j for j in range(count) if j * step <= span] if step > 0 else [0]
    return sorted(last - dt.timedelta(days=j * step) for j in steps)


def _fixed_step(span: int, count: int, step: int) -> int:
    """Halve a step while the history is too short for all origins: it holds for months."""
    while step > 1 and count * step > span:
        step //= 2
    return step


def _anchored(last: dt.date, span: int, count: int, step: int) -> list[dt.date]:
    """Return up to `count` days that are multiples of the step since 1970, the latest by `last`.

    span: Days before `last` that have history enough.
    """
    since = (last - _EPOCH).days
    days = [since - since % step - j * step for j in range(count)]
    return sorted(_EPOCH + dt.timedelta(days=d) for d in days if since - d <= span)


def _warmups(
    panel: Panel, split: SplitConfig, scored: list[Origin], wanted: Sequence[Target]
) -> list[Origin]:
    """Return earlier origins to learn from, one longest window apart, with enough history."""
    reach = max(t.reach_days for t in scored[0].targets)
    found = []
    for j in range(split.warmup, 0, -1):
        date = scored[0].date - dt.timedelta(days=j * reach)
        if (date - panel.first_day).days < (split.min_history_days or 28):
            continue
        if panel.until(date).n < split.limits.least_purchasers:
            continue
        complete = tuple(t for t in wanted if t.reach_days <= reach)
        found.append(Origin(date, False, complete))
    return found
