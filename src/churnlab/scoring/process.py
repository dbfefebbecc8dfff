"""One scored process (purchases or visits): its draws, its risk under a basis, its dates.

Everything is averaged over equal-weight draws; nothing is plugged in at a mean. Rows are cells:
distinct (group, x, t_x, T); times in days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import UsageError, nearest
from churnlab.scoring.forms import Array, Form, form
from churnlab.vocabulary import RISK_BASES

#: Rows x draws handled at a time: about 10 MB per intermediate array.
CHUNK = 1 << 20
#: A personal window is never shorter or longer than this (days).
PERSONAL_WINDOW = (14.0, 182.0)


@dataclass(frozen=True, kw_only=True)
class Risk:
    """Which bad outcome the risk is the probability of.

    Parameters
    ----------
    basis : str
        ``p_alive``, ``personal_cycles`` or ``fixed_days``.
    horizon_days : float
        Window of ``fixed_days``, days.
    cycles : float
        Rhythms in the window of ``personal_cycles``.
    due_window_days : float
        The due date is the next purchase given that it comes within this many days.
    """

    basis: str = "p_alive"
    horizon_days: float = 90.0
    cycles: float = 2.0
    due_window_days: float = 365.0

    def __post_init__(self) -> None:
        """Refuse an unknown basis."""
        if self.basis not in RISK_BASES:
            raise UsageError(
                f"risk.basis {self.basis!r} is not known; expected one of "
                f"{', '.join(RISK_BASES)}.{nearest(self.basis, RISK_BASES)}"
            )


class Spread(NamedTuple):
    """Mean over draws with the 5% and 95% quantiles (parameter uncertainty), shape (row,)."""

    mean: Array
    q05: Array
    q95: Array


@dataclass(frozen=True)
class Process:
    """Posterior draws of one model, ready to score.

    Parameters
    ----------
    model : str
        Name of the model.
    k : int
        Erlang shape.
    theta : array (draw, group, parameter)
        Equal-weight draws, times in days.
    groups : tuple of str
        Names of the groups; ``("all",)`` when pooled.
    """

    model: str
    k: int
    theta: Array
    groups: tuple[str, ...] = ("all",)

    @property
    def form(self) -> Form:
        """The model's closed forms."""
        return form(self.model, self.k)

    def codes(self, labels: ArrayLike) -> NDArray[np.int64]:
        """Turn group labels into positions in `groups`.

        Raises
        ------
        UsageError
            When a label has no draws.
        """
        position = {name: i for i, name in enumerate(self.groups)}
        names = [str(v) for v in np.atleast_1d(np.asarray(labels, object))]
        unknown = sorted({n for n in names if n not in position})
        if unknown:
            raise UsageError(
                f"group {unknown[0]!r} has no posterior draws in the bundle; it knows "
                f"{', '.join(self.groups[:10])}. Refit with that group or score without it."
            )
        return np.array([position[n] for n in names], dtype=np.int64)

    def over_draws(
        self, quantity: Callable[..., Array], group: ArrayLike, *columns: ArrayLike
    ) -> Iterator[tuple[slice, Array]]:
        """Yield (rows, values of shape (draw, rows)) chunk by chunk."""
        data = np.broadcast_arrays(np.asarray(group), *(np.asarray(c, float) for c in columns))
        n, step = data[0].size, max(1, CHUNK // len(self.theta))
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            theta = np.moveaxis(self.theta[:, data[0][rows].astype(np.int64), :], 2, 0)
            yield rows, quantity(theta, *(c[rows] for c in data[1:]))

    def mean(self, quantity: Callable[..., Array], group: ArrayLike, *columns: ArrayLike) -> Array:
        """Average a quantity over the draws, shape (row,)."""
        out = np.empty(np.broadcast_shapes(np.shape(group), *(np.shape(c) for c in columns)))
        for rows, values in self.over_draws(quantity, group, *columns):
            out[rows] = values.mean(axis=0)
        return out

    def spread(
        self, quantity: Callable[..., Array], group: ArrayLike, *columns: ArrayLike
    ) -> Spread:
        """Mean, 5% and 95% quantile of a quantity over the draws."""
        shape = np.broadcast_shapes(np.shape(group), *(np.shape(c) for c in columns))
        out = np.empty((3, *shape))
        for rows, values in self.over_draws(quantity, group, *columns):
            out[0, rows] = values.mean(axis=0)
            out[1:, rows] = np.quantile(values, [0.05, 0.95], axis=0)
        return Spread(*out)

    def rhythm_days(self, group: ArrayLike, x: ArrayLike, t_x: ArrayLike) -> Array:
        """Days per purchase as they stood at the last one: 1 / mean over draws of the rate."""
        return 1 / self.mean(self.form.stage_rate, group, x, t_x)

    def windows(self, risk: Risk, group: ArrayLike, x: ArrayLike, t_x: ArrayLike) -> Array:
        """Window of the risk per row, days; NaN under ``p_alive``, which has none."""
        shape = np.broadcast_shapes(np.shape(group), np.shape(x), np.shape(t_x))
        if risk.basis == "p_alive":
            return np.full(shape, np.nan)
        if risk.basis == "fixed_days":
            return np.full(shape, float(risk.horizon_days))
        span = np.clip(risk.cycles * self.rhythm_days(group, x, t_x), *PERSONAL_WINDOW)
        return np.ceil(span)

    def risk_values(self, risk: Risk) -> Callable[..., Array]:
        """Return the per-draw risk as a function of (theta, x, t_x, T, window)."""
        if risk.basis == "p_alive":
            return lambda theta, x, t_x, T, window: 1 - self.form.p_alive(theta, x, t_x, T)
        return self.form.no_purchase

    def risk_mean(
        self,
        risk: Risk,
        group: ArrayLike,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        window: ArrayLike,
    ) -> Array:
        """Mean risk per row; `window` comes from `windows`."""
        return self.mean(self.risk_values(risk), group, x, t_x, T, window)
