"""The stack: the family's forecasts and a learner on everything else, as numbers that forecast.

A generative model knows what silence means and extrapolates to long windows; a learner sees season,
regularity and trend. `learning` makes a stack of earlier origins; here it is evaluated, by plain
arithmetic, so that what a file holds forecasts to the digit what the fit did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.special import expit

from churnlab.errors import VerificationError
from churnlab.forecast.closed_forms import Rows, risk_and_alive
from churnlab.forecast.features import features
from churnlab.forecast.trees import Trees
from churnlab.models.draws import PopulationDraws
from churnlab.origins.past import Past
from churnlab.summary import Clock
from churnlab.types import Array, Ints

#: Probabilities stay this far from 0 and 1 in logits.
MARGIN: Final = 1e-6
#: Half of a 90% interval, in standard deviations.
WIDTH: Final = 1.645
#: What the interval leaves open beyond that, as a probability: trees go in steps and end short of 0
#: and 1 (lab book 027).
STEP: Final = 0.005
#: Customers whose features are held at once.
_CHUNK: Final = 100_000


class Member(NamedTuple):
    """A generative model whose forecast is a feature: everybody's parameters, and their clock."""

    draws: PopulationDraws
    clock: Clock | None = None

    def logit(self, past: Past, windows: Ints) -> Array:
        """Return the logit of P(no purchase in the window), per customer."""
        return logit(risk_and_alive(Rows(past, windows, self.clock, self.draws), self.draws)[0])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        draws, clock = self.draws, self.clock
        return {
            "model": draws.model,
            "k": draws.k,
            "draws": draws.theta[:, 0].tolist(),
            "calendar": None if clock is None else clock.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Member:
        """Read what `to_dict` wrote."""
        theta = np.array(values["draws"], dtype=np.float64)[:, None]
        clock = values["calendar"]
        draws = PopulationDraws(str(values["model"]), int(values["k"]), theta)
        return cls(draws, None if clock is None else Clock.from_dict(clock))


class Mixed(NamedTuple):
    """A ridge regression on the family's logits and trees on all features, in one logit."""

    intercept: float
    slopes: Array
    trees: Trees
    weight: float
    """Of the trees."""

    def logit(self, rows: Array) -> Array:
        """Return the forecast's logit, (row,), of features whose last columns are the family's."""
        if self.weight == 1.0:
            return self.trees.logit(rows)
        family = rows[:, rows.shape[1] - len(self.slopes) :]
        straight = self.intercept + family @ self.slopes
        return self.weight * self.trees.logit(rows) + (1.0 - self.weight) * straight


@dataclass(frozen=True)
class Stack:
    """What forecasts P(no purchase in a window) of any history.

    family: Models whose logits are features.
    names: The other features, in order.
    mixed: What was learnt.
    knots, spread (knot,): Logits, increasing, and the forecast's standard deviation there in
        logits; empty where one origin cannot tell.
    """

    family: tuple[Member, ...]
    names: tuple[str, ...]
    mixed: Mixed
    knots: Array
    spread: Array

    def forecast(self, past: Past, windows: Ints) -> tuple[Array, Array, Array]:
        """Return P(no purchase in the window) and its 90% interval, each (customer,).

        past: Histories.
        windows (customer,): Days.
        Raises VerificationError: Features of the history are not those that were learnt on (amounts
            that one log has).
        """
        family = logits(self.family, past, windows)
        z = np.empty(past.n)
        for start in range(0, past.n, _CHUNK):
            at = slice(start, min(start + _CHUNK, past.n))
            z[at] = self.mixed.logit(self._rows(past.part(at), windows[at], family[at]))
        if not len(self.knots):
            return expit(z), np.full(past.n, np.nan), np.full(past.n, np.nan)
        half = WIDTH * np.interp(z, self.knots, self.spread)
        low, high = expit(z - half) - STEP, expit(z + half) + STEP
        return expit(z), np.maximum(low, 0.0), np.minimum(high, 1.0)

    def _rows(self, past: Past, windows: Ints, family: Array) -> Array:
        names, columns = features(past, windows)
        if names != self.names:
            lacks = sorted(set(self.names) ^ set(names))
            raise VerificationError(
                f"the forecast was learnt with other columns ({', '.join(lacks)} differ): give the "
                "log with amounts if the fit had some, without if not."
            )
        return np.column_stack([columns, family])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back exactly."""
        mixed = self.mixed
        return {
            "family": [member.to_dict() for member in self.family],
            "features": list(self.names),
            "intercept": mixed.intercept,
            "slopes": mixed.slopes.tolist(),
            "weight": mixed.weight,
            "trees": mixed.trees.to_dict(),
            "knots": self.knots.tolist(),
            "spread": self.spread.tolist(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Stack:
        """Read what `to_dict` wrote."""
        slopes, knots, spread = (
            np.array(values[name], dtype=np.float64) for name in ("slopes", "knots", "spread")
        )
        mixed = Mixed(
            float(values["intercept"]),
            slopes,
            Trees.from_dict(values["trees"]),
            float(values["weight"]),
        )
        family = tuple(Member.from_dict(member) for member in values["family"])
        return cls(family, tuple(values["features"]), mixed, knots, spread)


def logits(family: Sequence[Member], past: Past, windows: Ints) -> Array:
    """Return the family's logits, (customer, member)."""
    found = [member.logit(past, windows) for member in family]
    return np.column_stack(found) if found else np.empty((past.n, 0))


def logit(p: Array) -> Array:
    """Return logits, kept finite by `MARGIN`."""
    inside = np.clip(p, MARGIN, 1.0 - MARGIN)
    return np.log(inside) - np.log1p(-inside)
