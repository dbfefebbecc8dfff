"""What a misfit means and what cures it: one sentence each."""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from churnlab import models
from churnlab.events import Beginning
from churnlab.fitting.misfit.checks import BEGINNING, Misfit
from churnlab.report.catalogue import Catalogue

say: Final = Catalogue(__file__)

type Seen = tuple[str, dict[str, Any]]

#: A flagged check whose z is below this share of the first one's may be its consequence.
FOLLOWS = 1 / 3
#: The first fifth of the customers is of before the log if nobody buys like it afterwards.
FIRST_COHORT = "1"


class Fitted(NamedTuple):
    """What the cure depends on."""

    model: str
    k: int
    calendar: str | None
    start: dt.date
    """First purchase of the log."""
    as_of: dt.date
    beginning: Beginning | None = None
    """What speaks for purchases before the log."""

    @property
    def two_years(self) -> bool:
        """Whether a season has come twice."""
        return (self.as_of - self.start).days >= 730

    @property
    def regular(self) -> bool:
        """Whether gaps are Erlang."""
        return models.named(self.model).regular


def sentences(found: list[Misfit], fitted: Fitted, lang: str = "en") -> list[str]:
    """Return a sentence for each flagged check that is not likely a consequence of the first."""
    flagged = [one for one in found if one.flagged and one.check != BEGINNING]
    led = [one for one in flagged if abs(one.z) >= FOLLOWS * abs(flagged[0].z)]
    led = [*(one for one in found if one.check == BEGINNING), *led]  # a cause, never a consequence
    return [sentence(one, fitted, lang) for one in led]


def sentence(one: Misfit, fitted: Fitted, lang: str = "en") -> str:
    """Return what a check saw and which setting cures it."""
    key, more = _SEEN[one.check](one)
    change = math.exp(one.observed - one.expected) - 1
    values = {"seen": one.observed, "made": one.expected, "change": change, **more}
    values = {k: say(v[1:], lang) if str(v).startswith("@") else v for k, v in values.items()}
    middle = fitted.start + (fitted.as_of - fitted.start) / 2
    cure = say(
        f"{one.check}.{_CURES.get(one.check, _cure)(one, fitted)}", lang, start=fitted.start,
        k=fitted.k, day=middle, since=None if fitted.beginning is None else fitted.beginning.since,
    )  # fmt: skip
    seen = say(f"{one.check}.{key}", lang, **values)
    return say("sentence", lang, check=one.check, seen=seen, cure=cure)


def _silence(one: Misfit) -> Seen:
    purchases, low, *high = one.cell.split(" ")
    days = f"{low}–{high[0]}" if high and high[0] else f"{low}+"
    return "seen", {"x": int(purchases) if purchases.isdigit() else purchases, "days": days}


def _trend(one: Misfit) -> Seen:
    change = math.exp(one.observed - one.expected) - 1
    return "grow" if change > 0 else "fall", {"change": abs(change)}


def _cure(one: Misfit, fitted: Fitted) -> str:
    del one, fitted
    return "cure"


def _ageing_cure(one: Misfit, fitted: Fitted) -> str:
    return "cure_age" if one.z > 0 and not models.named(fitted.model).lifetimes_age else "cure"


def _cohorts_cure(one: Misfit, fitted: Fitted) -> str:
    del fitted
    return "cure_first" if one.cell == FIRST_COHORT and one.z > 0 else "cure"


def _regularity_cure(one: Misfit, fitted: Fitted) -> str:
    if one.z >= 0:
        return "cure_bursts"
    return "cure_k" if fitted.regular else "cure_regular"


def _season_cure(one: Misfit, fitted: Fitted) -> str:
    del one
    if fitted.calendar is not None:
        return "cure_calendar"
    return "cure_two_years" if fitted.two_years else "cure"


#: The phrase of what was seen, and values besides; `@key` is a phrase itself.
_SEEN: Final[dict[str, Callable[[Misfit], Seen]]] = {
    "silence": _silence,
    "ageing": lambda one: ("seen", {"what": "@ageing.more" if one.z > 0 else "@ageing.less"}),
    "cohorts": lambda one: ("seen", {"fifth": one.cell}),
    "regularity": lambda one: ("regular" if one.z < 0 else "bursts", {}),
    "yearly": lambda one: ("seen", {}),
    "trend": _trend,
    "season": lambda one: ("seen", {"month": one.cell}),
    BEGINNING: lambda one: (one.cell, {}),
}
_CURES: Final = {
    "ageing": _ageing_cure,
    "cohorts": _cohorts_cure,
    "regularity": _regularity_cure,
    "season": _season_cure,
}
