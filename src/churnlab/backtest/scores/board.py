"""Forecasts beside what came, for one origin and one target."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.backtest.candidates.base import Forecast, Kind
from churnlab.backtest.origins.guards import assert_seen
from churnlab.backtest.origins.panel import Array, Ints, Panel, Past
from churnlab.backtest.origins.targets import Target
from churnlab.metrics.counts import crps_pmf

#: Variants: as it comes, recalibrated on earlier origins, and 1 - P(alive) as a ranking.
PLAIN, RECALIBRATED, P_ALIVE = "plain", "recalibrated", "p_alive"

_AGES = (
    (90, "under 90 days"),
    (180, "90-179 days"),
    (365, "180-364 days"),
    (1 << 30, "365 days or more"),
)


@dataclass(frozen=True)
class Truth:
    """What came after an origin, and how its customers are grouped.

    Attributes
    ----------
    past : Past
        Customers as known at the origin.
    target : Target
        The label.
    scored : bool
        False at warm-up origins.
    windows, counts : array (customer,)
        Label window in days and purchases in it.
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

    @property
    def outcome(self) -> Array:
        """1 = no purchase in the window."""
        return (self.counts == 0).astype(np.float64)

    @property
    def known_from(self) -> dt.date:
        """Day on which every label is known."""
        return self.origin + dt.timedelta(days=int(self.windows.max()))

    def slices(self) -> dict[str, NDArray[Any]]:
        """Return the classes by which scores are broken down."""
        frequency = np.where(self.past.x >= 7, "7+", self.past.x.astype(int).astype(str))
        names = np.array([name for _, name in _AGES])
        band = np.searchsorted([limit for limit, _ in _AGES], self.past.T, side="right")
        found = {"frequency": frequency, "age": names[band]}
        if len(self.past.group_names) > 1:
            found["group"] = np.asarray(self.past.group_names)[self.past.group]
        return found


@dataclass(frozen=True)
class Entry:
    """One candidate's forecast (one variant) at one origin, ready to be scored."""

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

    @property
    def series(self) -> tuple[str, str]:
        """Candidate and variant: what is compared."""
        return self.candidate, self.variant


def entry_of(truth: Truth, name: str, kind: Kind, forecast: Forecast) -> Entry:
    """Guard a forecast and set it beside the truth."""
    assert_seen(f"candidate {name}", forecast.seen_until, truth.origin)
    forecast.check(name, truth.past.n)
    crps = None if forecast.pmf is None else crps_pmf(forecast.pmf, truth.counts)
    return Entry(
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


def p_alive_entry(entry: Entry) -> Entry | None:
    """Return 1 - P(alive) as a ranking: it is no forecast of a window."""
    if entry.p_alive is None:
        return None
    return Entry(
        entry.truth, entry.candidate, entry.kind, P_ALIVE, 1 - entry.p_alive, None, entry.p_alive
    )


def usable_at(origin: dt.date, earlier: list[Entry]) -> list[Entry]:
    """Return the entries whose outcomes are all known by `origin`."""
    return [e for e in earlier if e.truth.known_from <= origin]


def predictions_frame(entries: list[Entry], ids: NDArray[Any]) -> pd.DataFrame:
    """Return forecasts and outcomes per customer, tidy."""
    parts = [
        pd.DataFrame(
            {
                "origin": e.truth.origin.isoformat(),
                "target": e.truth.target.label,
                "candidate": e.candidate,
                "variant": e.variant,
                "customer_id": ids[e.truth.past.customer].astype(str),
                "score": e.score,
                "risk": np.nan if e.risk is None else e.risk,
                "no_purchase": e.truth.outcome.astype(int),
                "purchases": e.truth.counts,
            }
        )
        for e in entries
    ]
    return pd.concat(parts, ignore_index=True)
