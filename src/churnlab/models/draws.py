"""Posterior draws of the population's parameters: what everything after the fit reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnlab import models as likelihoods
from churnlab.errors import UsageError
from churnlab.models.base import Likelihood
from churnlab.types import Array


@dataclass(frozen=True)
class PopulationDraws:
    """Equal-weight posterior draws of a model's parameters, time in days.

    model: Name of the model, as in `churnlab.models.MODELS`.
    k: Erlang shape of the gaps; 1 for exponential.
    theta: (draw, group, parameter), parameters in the order of ``likelihood.parameters``, in days.
    groups: Names of the groups; ``("all",)`` when pooled.
    seen_until: Last day of the data behind the fit, if known.
    unseen: (draw, parameter): parameters of a group that the fit has not seen, drawn from the
        population; None where the fit knows no population of groups.
    """

    model: str
    k: int
    theta: Array
    groups: tuple[str, ...] = ("all",)
    seen_until: dt.date | None = None
    unseen: Array | None = None

    def __post_init__(self) -> None:
        """Check shapes and values."""
        theta = np.ascontiguousarray(self.theta, dtype=np.float64)
        if theta.ndim != 3 or theta.shape[1] != len(self.groups) or theta.shape[0] == 0:
            raise UsageError(
                f"theta must be (draw, group, parameter) with {len(self.groups)} group(s) and at "
                f"least one draw; got shape {theta.shape}."
            )
        if not (np.isfinite(theta).all() and (theta > 0).all()):
            raise UsageError("Draws of model parameters must be finite and positive.")
        object.__setattr__(self, "theta", theta)
        object.__setattr__(self, "groups", tuple(self.groups))
        if self.unseen is not None and self.unseen.shape != (theta.shape[0], theta.shape[2]):
            raise UsageError(
                f"unseen must be (draw, parameter) like theta; got shape {self.unseen.shape}."
            )

    @property
    def likelihood(self) -> Likelihood:
        """The formulas of the model."""
        return likelihoods.get(self.model, self.k)

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        count: int = self.theta.shape[0]
        return count

    @property
    def theta_by_code(self) -> Array:
        """Parameters by group code, (draw, code, parameter): the last may be an unseen group."""
        if self.unseen is None:
            return self.theta
        return np.concatenate([self.theta, self.unseen[:, None]], axis=1)

    def of_group(self, code: int) -> Array:
        """Parameters of one group, (draw, parameter); code ``len(groups)`` is an unseen one.

        Raises UsageError: A code that no group has.
        """
        if len(self.groups) == 1 and self.unseen is None:
            return self.theta[:, 0]
        if code == len(self.groups) and self.unseen is not None:
            return self.unseen
        if not 0 <= code < len(self.groups):
            raise UsageError(f"Group codes must lie in 0..{len(self.groups) - 1}; got {code}.")
        return self.theta[:, code]

    def codes_of(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Codes of groups by name; a name that the fit has not seen gets ``len(groups)``.

        Draws of one group, without a population of groups, stand for everybody: code 0.

        Raises UsageError: An unknown name where the fit has no population to draw it from.
        """
        if len(self.groups) == 1 and self.unseen is None:
            return np.zeros(len(names), np.int64)
        place = {name: i for i, name in enumerate(self.groups)}
        missing = [name for name in names if name not in place]
        if missing and self.unseen is None:
            raise UsageError(
                f"The fit knows no group {missing[0]!r}; it has {', '.join(self.groups)}. Fit "
                "again on data that have it, pool partially, or drop its customers."
            )
        return np.array([place.get(name, len(self.groups)) for name in names], np.int64)

    def theta_rows(self, group_codes: NDArray[np.int64] | None = None) -> Array:
        """Parameters for rows of data: (parameter, draw, row), or (parameter, draw, 1) if pooled.

        group_codes: Group of each row, codes into `groups`. With one group it may be left out.
        Raises UsageError: Several groups and no codes, or a code that no group has.
        """
        by_parameter = np.moveaxis(self.theta_by_code, 2, 0)
        if len(self.groups) == 1:
            return by_parameter[:, :, :1]
        if group_codes is None:
            raise UsageError(f"The draws have {len(self.groups)} groups; pass each row's code.")
        codes = np.asarray(group_codes)
        if codes.size and (codes.min() < 0 or codes.max() >= by_parameter.shape[2]):
            raise UsageError(f"Group codes must lie in 0..{len(self.groups) - 1}.")
        return by_parameter[:, :, codes]

    def thin(self, n: int) -> PopulationDraws:
        """Return `n` draws spread evenly over the order of the draws (all, if there are fewer)."""
        if n < 1:
            raise UsageError(f"At least one draw must be kept; got {n}.")
        if n >= self.n_draws:
            return self
        rows = np.linspace(0, self.n_draws - 1, n).round().astype(int)
        return self.keep(rows)

    def keep(self, rows: NDArray[np.int64]) -> PopulationDraws:
        """Return the draws at `rows`, in that order."""
        unseen = None if self.unseen is None else self.unseen[rows]
        return replace(self, theta=self.theta[rows], unseen=unseen)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back exactly."""
        return {
            "model": self.model,
            "k": self.k,
            "groups": list(self.groups),
            "seen_until": self.seen_until.isoformat() if self.seen_until else None,
            "theta": self.theta.tolist(),
            **({} if self.unseen is None else {"unseen": self.unseen.tolist()}),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PopulationDraws:
        """Read what `to_dict` wrote."""
        until = values.get("seen_until")
        return cls(
            model=values["model"],
            k=int(values["k"]),
            theta=np.asarray(values["theta"], dtype=np.float64),
            groups=tuple(values["groups"]),
            seen_until=dt.date.fromisoformat(until) if until else None,
            unseen=np.asarray(values["unseen"], np.float64) if "unseen" in values else None,
        )


@dataclass(frozen=True)
class SpendDraws:
    """Equal-weight posterior draws of the Gamma-Gamma model of amounts.

    theta: (draw, parameter): p, q, gamma (`churnlab.models.gamma_gamma`), gamma in the currency.
    positive: (draw,): share of purchases whose amount is above 0; the model speaks of those alone.
    """

    theta: Array
    positive: Array
    model: str = "gamma_gamma"

    def __post_init__(self) -> None:
        """Check shapes and values."""
        theta = np.ascontiguousarray(self.theta, dtype=np.float64)
        positive = np.ascontiguousarray(self.positive, dtype=np.float64)
        if theta.ndim != 2 or theta.shape[1] != 3 or positive.shape != theta.shape[:1]:
            raise UsageError(
                "theta must be (draw, 3) and positive (draw,); got shapes "
                f"{theta.shape} and {positive.shape}."
            )
        good = np.isfinite(theta).all() and (theta > 0).all() and (theta[:, 1] > 1).all()
        if not (len(theta) and good and ((positive > 0) & (positive <= 1)).all()):
            raise UsageError(
                "Draws of p, q, gamma must be finite and positive, q above 1, shares in (0, 1]."
            )
        object.__setattr__(self, "theta", theta)
        object.__setattr__(self, "positive", positive)

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.theta)

    def spread(self, n: int) -> SpendDraws:
        """Return `n` draws spread evenly over their order, repeated if there are fewer."""
        rows = np.linspace(0, self.n_draws - 1, n).round().astype(int)
        return replace(self, theta=self.theta[rows], positive=self.positive[rows])
