"""Earlier origins inside a history, for candidates that learn from outcomes."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.types import Array, Ints

#: Earlier origins behind rules of one to three parameters: the latest complete window alone, since
#: older ones show a younger base (grocery, 91 days: the hiatus is 4% cheaper so, the logistic's
#: Brier 4% lower), and behind learners with many cells, which need the rows.
LATEST, SEVERAL = 1, 3
#: An earlier origin needs so many customers.
LEAST_CUSTOMERS = 100


@dataclass(frozen=True)
class Training:
    """Histories at earlier origins with the outcomes that are complete by the present one.

    pasts, windows, counts: Per earlier origin: what was known, each customer's window, purchases in
        it.
    seen_until: Last day of the outcomes.
    note: Empty, or in what way the training falls short of the target.
    """

    pasts: tuple[Past, ...]
    windows: tuple[Ints, ...]
    counts: tuple[Ints, ...]
    seen_until: dt.date
    note: str = ""

    @property
    def outcome(self) -> Array:
        """1 = no purchase, all earlier origins together."""
        return np.concatenate([(c == 0).astype(np.float64) for c in self.counts])

    @property
    def idle(self) -> Array:
        """Days since the last purchase, all earlier origins together."""
        return np.concatenate([p.idle for p in self.pasts])


def training_for(past: Past, target: Target, most: int = LATEST) -> Training:
    """Return up to `most` earlier origins, one window apart, complete by `past.origin`.

    Where the history is too short for one whole window, the windows are cut to half of the
    history and the note says so: the rates learnt are then those of a shorter window.
    """
    reach, note = target.reach_days, ""
    room = (past.origin - past.first_day).days
    inner = _inner(past, reach, most)
    if not inner:
        reach = max(1, room // 2)
        inner = _inner(past, reach, most) or [past.at(past.origin - dt.timedelta(days=reach))]
        note = (
            f"learnt on windows of {reach} days instead of {target.label}: "
            f"only {room} days of history at {past.origin}"
        )
    windows = tuple(np.minimum(target.windows(p), reach) for p in inner)
    counts = tuple(past.counts(p, w) for p, w in zip(inner, windows, strict=True))
    last = max(
        p.origin + dt.timedelta(days=int(w.max())) for p, w in zip(inner, windows, strict=True)
    )
    return Training(tuple(inner), windows, counts, last, note)


def _inner(past: Past, reach: int, most: int) -> list[Past]:
    """Return the histories one, two, ... windows back that have customers enough."""
    found: list[Past] = []
    for j in range(1, most + 1):
        date = past.origin - dt.timedelta(days=j * reach)
        # With less than half a window of history nobody has been silent for long yet, and the
        # slope on idle days is learnt from noise (seen on CDNOW: it came out negative).
        if (date - past.first_day).days < reach / 2:
            break
        earlier = past.at(date)
        if earlier.n < LEAST_CUSTOMERS:
            break
        found.append(earlier)
    return found[::-1]
