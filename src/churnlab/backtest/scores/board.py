"""Forecasts beside what came, for one origin and one target."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.candidates.base import Forecast, Kind
from churnlab.metrics.counts import crps_pmf
from churnlab.origins.guards import assert_seen
from churnlab.origins.panel import Panel
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.summary.cells import distinct_rows
from churnlab.types import Array, Ints

#: Variants: as it comes, recalibrated on earlier origins, and 1 - P(alive) as a ranking.
PLAIN, RECALIBRATED, P_ALIVE = "plain", "recalibrated", "p_alive"

_FREQUENCIES: Final = (*(str(x) for x in range(7)), "7+")
#: What an entry holds of each row.
PER_ROW: Final = ("score", "risk", "p_alive", "expected", "crps", "flag")
_AGES = (
    (90, "under 90 days"),
    (180, "90-179 days"),
    (365, "180-364 days"),
    (1 << 30, "365 days or more"),
)


class Cells(NamedTuple):
    """Customers who are alike as one row: scores, thresholds and maps cost cells, not customers."""

    first: Ints
    """(cell,): one of its customers."""
    code: Ints
    """(customer,): the cell of each."""

    @classmethod
    def alone(cls, n: int) -> Cells:
        """Return a cell for each of n customers."""
        return cls(np.arange(n), np.arange(n))

    @property
    def size(self) -> Array:
        """Customers of each cell."""
        return np.bincount(self.code, minlength=self.first.size).astype(np.float64)

    def hold(self, values: NDArray[Any]) -> bool:
        """Return whether a value of each customer is one value of each cell."""
        return bool((values[self.first][self.code] == values).all())


@dataclass(frozen=True)
class Truth:
    """What came after an origin, and how its customers are grouped.

    past: Customers as known at the origin.
    scored: False at warm-up origins.
    windows, counts (customer,): Label window in days and purchases in it.
    """

    past: Past
    target: Target
    scored: bool
    windows: Ints
    counts: Ints

    @classmethod
    def at(cls, panel: Panel, past: Past, target: Target, *, scored: bool) -> Truth:
        """Read the labels of one origin."""
        windows = target.windows(past)
        return cls(past, target, scored, windows, panel.counts(past, windows))

    @property
    def origin(self) -> dt.date:
        """Day of the forecast."""
        return self.past.origin

    @cached_property
    def outcome(self) -> Array:
        """1 = no purchase in the window, (customer,)."""
        values: Array = (self.counts == 0).astype(np.float64)
        return values

    @cached_property
    def cells(self) -> Cells:
        """Customers with the same summary, group and purchases in the window."""
        past = self.past
        return Cells(*distinct_rows(past.group, past.x, past.t_x, past.T, self.counts))

    @property
    def known_from(self) -> dt.date:
        """Day on which every label is known."""
        return self.origin + dt.timedelta(days=int(self.windows.max()))

    def slices(self, who: Ints | slice = slice(None)) -> dict[str, tuple[Ints, tuple[str, ...]]]:
        """Return the classes by which scores are broken down: codes of customers, and names."""
        past = self.past
        frequency = np.minimum(past.x[who], len(_FREQUENCIES) - 1).astype(np.int64)
        band = np.searchsorted([limit for limit, _ in _AGES], past.T[who], side="right")
        found = {
            "frequency": (frequency, _FREQUENCIES),
            "age": (band, tuple(name for _, name in _AGES)),
        }
        if len(past.group_names) > 1:
            found["group"] = (past.group[who], past.group_names)
        return found


@dataclass(frozen=True)
class Entry:
    """One candidate's forecast (one variant) at one origin, ready to be scored.

    score, risk, p_alive, expected, crps, flag (cell,): The forecast and, of counts, its score.
    shared: The customers of each cell; without it each customer is one.
    """

    truth: Truth
    candidate: str
    kind: Kind
    variant: str
    score: Array
    risk: Array | None
    p_alive: Array | None = None
    expected: Array | None = None
    crps: Array | None = None
    flag: NDArray[np.bool_] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    shared: Cells | None = None

    @property
    def series(self) -> tuple[str, str]:
        """Candidate and variant: what is compared."""
        return self.candidate, self.variant

    @cached_property
    def cells(self) -> Cells:
        """The customers of each row."""
        return self.shared or Cells.alone(self.score.size)

    @cached_property
    def size(self) -> Array:
        """Customers of each row."""
        return self.cells.size

    @cached_property
    def outcome(self) -> Array:
        """1 = no purchase in the window, (cell,)."""
        return self.truth.outcome[self.cells.first]

    def mean(self, values: Array) -> float:
        """Return the mean over customers of a value of each row."""
        return float(np.average(values, weights=self.size))


def entry_of(truth: Truth, name: str, kind: Kind, forecast: Forecast) -> Entry:
    """Guard a forecast and set it beside the truth."""
    assert_seen(f"candidate {name}", forecast.seen_until, truth.origin)
    forecast.check(name, truth.past.n)
    crps = _crps(forecast, truth.counts)
    made = Entry(
        truth,
        name,
        kind,
        PLAIN,
        forecast.score,
        forecast.risk,
        forecast.p_alive,
        forecast.expected,
        crps,
        forecast.flag,
        forecast.details,
        forecast.notes,
    )
    arrays = {n: v for n in PER_ROW if (v := getattr(made, n)) is not None}
    shared = truth.cells
    if not all(shared.hold(v) for v in arrays.values()):
        return made
    return replace(made, shared=shared, **{n: v[shared.first] for n, v in arrays.items()})


def _crps(forecast: Forecast, counts: Ints) -> Array | None:
    """Return the score of the counts, (customer,); equal forecasts of equal counts once."""
    if forecast.pmf is None:
        return None
    row = np.arange(counts.size) if forecast.pmf_row is None else forecast.pmf_row
    first, of = distinct_rows(row, counts)
    return crps_pmf(forecast.pmf[row[first]], counts[first])[of]


def p_alive_entry(entry: Entry) -> Entry | None:
    """Return 1 - P(alive) as a ranking: it is no forecast of a window."""
    if entry.p_alive is None:
        return None
    return replace(
        entry,
        variant=P_ALIVE,
        score=1 - entry.p_alive,
        risk=None,
        expected=None,
        crps=None,
        flag=None,
        details={},
        notes=(),
    )


def usable_at(origin: dt.date, earlier: list[Entry]) -> list[Entry]:
    """Return the entries whose outcomes are all known by `origin`."""
    return [e for e in earlier if e.truth.known_from <= origin]


def predictions_frame(entries: list[Entry], ids: NDArray[Any]) -> pd.DataFrame:
    """Return forecasts and outcomes per customer at the scored origins, tidy."""
    parts = [
        pd.DataFrame(
            {
                "origin": e.truth.origin.isoformat(),
                "target": e.truth.target.label,
                "candidate": e.candidate,
                "variant": e.variant,
                "customer_id": ids[e.truth.past.customer].astype(str),
                "score": e.score[e.cells.code],
                "risk": np.nan if e.risk is None else e.risk[e.cells.code],
                "no_purchase": e.truth.outcome.astype(int),
                "purchases": e.truth.counts,
            }
        )
        for e in entries
        if e.truth.scored
    ]
    return pd.concat(parts, ignore_index=True)
