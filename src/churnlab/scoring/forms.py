"""Closed forms of the light scorer: P(alive) and P(no purchase) in NumPy alone.

Two families cover every model. Both work with quantities divided by their value at the last
purchase, so nothing overflows, and both clip exponents to [-700, 700] exactly as the SQL does
(PostgreSQL raises on underflow). Times are in days; arrays broadcast to (draw, row).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import UsageError, nearest
from churnlab.scoring.quadrature import unit_rule

Array = NDArray[np.float64]

#: Bound of every exponent, here and in SQL.
EXPONENT_LIMIT = 700.0
#: Bound of the exponents that limit Pareto/NBD's integral: e^600 times a time stays finite.
SPAN_LIMIT = 600.0
#: The integrand has fallen by e^-45 where the integral is cut off.
SPAN_FALL = 45.0

PARAMETERS = {
    "bg_nbd": ("r", "alpha", "a", "b"),
    "mbg_nbd": ("r", "alpha", "a", "b"),
    "pareto_nbd": ("r", "alpha", "s", "beta"),
    "bg_cnbd_k": ("r", "alpha", "a", "b"),
    "mbg_cnbd_k": ("r", "alpha", "a", "b"),
}


def clipped_exp(z: Array) -> Array:
    """Return exp(z) with z clipped to [-700, 700]."""
    return np.exp(np.clip(z, -EXPONENT_LIMIT, EXPONENT_LIMIT))


class Mixture(NamedTuple):
    """A mixture of Gamma(shape, rate) distributions; arrays of shape (component, draw, row)."""

    weight: Array
    shape: Array
    rate: Array


class Form(ABC):
    """What the scorer needs of a model; `theta` holds four arrays that broadcast to (draw, row)."""

    k: int = 1

    @abstractmethod
    def p_alive(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """P(alive at T | x, t_x, T)."""

    @abstractmethod
    def no_purchase(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """P(no purchase in (T, T + horizon] | x, t_x, T)."""

    def stage_rate(self, theta: Array, x: ArrayLike, t_x: ArrayLike) -> Array:
        """Purchases per day expected at the last purchase: (r + k x) / (alpha + t_x) / k."""
        r, alpha = theta[0], theta[1]
        rate: Array = (r + self.k * np.asarray(x, float)) / (alpha + np.asarray(t_x, float))
        return rate / self.k

    @abstractmethod
    def rate_mixture(self, theta: Array, x: Array, t_x: Array, T: Array) -> Mixture:
        """Posterior of the customer's rate given the draw: a mixture of Gammas."""


class BgFamily(Form):
    """BG/NBD, MBG/NBD and their Erlang-k forms.

    With u = T - t_x, n = r + k x and D(u) = S(u) / S(0),
    ``D(u) = ((alpha+t_x)/(alpha+t_x+u))^n * sum_{j<k} (n)_j / j! * (u / (alpha+t_x+u))^j``,
    ``P(alive) = D / (D + w)`` with ``w = a / (b' + x)``, b' = b - 1 (BG) or b (MBG), and
    ``P(no purchase in H) = 1 - P(alive) (1 - D(u+H) / D(u))``. BG has P(alive) = 1 at x = 0.

    Parameters
    ----------
    modified : bool
        Whether dropout is possible at the first purchase (MBG).
    k : int
        Erlang shape of the gaps.
    """

    def __init__(self, *, modified: bool, k: int = 1) -> None:
        self.modified = modified
        self.k = k

    def _fall(self, theta: Array, x: Array, t_x: Array, start: Array, span: Array) -> Array:
        """S(start + span - t_x) / S(start - t_x) for a silence that began at `t_x`."""
        shape, alpha = theta[0] + self.k * x, theta[1]
        power = clipped_exp(-shape * np.log1p(span / (alpha + start)))
        if self.k == 1:
            return power
        upper = self._stages(shape, (start + span - t_x) / (alpha + start + span))
        return power * upper / self._stages(shape, (start - t_x) / (alpha + start))

    def _stages(self, shape: Array, share: Array) -> Array:
        term = np.ones(np.broadcast_shapes(shape.shape, share.shape))
        total = term.copy()
        for j in range(1, self.k):
            term = term * (shape + j - 1) / j * share
            total += term
        return total

    def p_alive(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """P(alive at T)."""
        x, t_x, T = (np.asarray(v, float) for v in (x, t_x, T))
        fall = self._fall(theta, x, t_x, t_x, T - t_x)
        if self.modified:
            return fall / (fall + theta[2] / (theta[3] + x))
        # the value at x = 1 stands in where x = 0, so that b - 1 + x cannot be zero or negative
        weight = theta[2] / (theta[3] - 1 + np.maximum(x, 1.0))
        return np.where(x == 0, 1.0, fall / (fall + weight))

    def no_purchase(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """P(no purchase in (T, T + horizon])."""
        x, t_x, T, H = (np.asarray(v, float) for v in (x, t_x, T, horizon))
        return 1 - self.p_alive(theta, x, t_x, T) * (1 - self._fall(theta, x, t_x, T, H))

    def rate_mixture(self, theta: Array, x: Array, t_x: Array, T: Array) -> Mixture:
        """Alive: Gamma(n + j, alpha + T), j < k finished stages; dead: Gamma(n, alpha + t_x)."""
        alive = self.p_alive(theta, x, t_x, T)
        shape, alpha = theta[0] + self.k * x, theta[1]
        share = (T - t_x) / (alpha + T)
        stages = [np.ones_like(alive)]
        for j in range(1, self.k):
            stages.append(stages[-1] * (shape + j - 1) / j * share)
        weights = np.stack(stages) / np.sum(stages, axis=0) * alive
        rate = np.broadcast_to(alpha + T, alive.shape)
        return Mixture(
            np.concatenate([weights, (1 - alive)[None]]),
            np.stack([*(shape + j for j in range(self.k)), shape]),
            np.stack([rate] * self.k + [np.broadcast_to(alpha + t_x, alive.shape)]),
        )


class Pareto(Form):
    """Pareto/NBD by its quadrature sum.

    ``L(T) / L(t_x) = A(T) + J(T)`` with A(u) = ((alpha+t_x)/(alpha+u))^(r+x)
    ((beta+t_x)/(beta+u))^s the part alive and J(T) = integral of A(u) s/(beta+u) over (t_x, T]
    the part dead. Substitution ``u = t_x + (c+t_x)(e^v - 1)``, c = min(alpha, beta), v in [0, W]:
    W ends where the integrand has fallen by e^-45 (docs/models.md).
    """

    def p_alive(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """P(alive at T) = A / (A + J)."""
        x, t_x, T = (np.asarray(v, float) for v in (x, t_x, T))
        alive = self._alive(theta, x, t_x, T - t_x)
        return alive / (alive + self._dead(theta, x, t_x, T))

    def no_purchase(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """P(no purchase in (T, T + horizon]) = L(T + horizon) / L(T)."""
        x, t_x, T, H = (np.asarray(v, float) for v in (x, t_x, T, horizon))
        later, now = (
            self._alive(theta, x, t_x, at - t_x) + self._dead(theta, x, t_x, at)
            for at in (T + H, T)
        )
        return later / now

    @staticmethod
    def _alive(theta: Array, x: Array, t_x: Array, idle: Array) -> Array:
        r, alpha, s, beta = theta
        return clipped_exp(
            -(r + x) * np.log1p(idle / (alpha + t_x)) - s * np.log1p(idle / (beta + t_x))
        )

    def rate_mixture(self, theta: Array, x: Array, t_x: Array, T: Array) -> Mixture:
        """Alive: Gamma(r+x, alpha+T); dead at tau: Gamma(r+x, alpha+tau), over tau."""
        r, alpha = theta[0], theta[1]
        alive = self._alive(theta, x, t_x, T - t_x)
        pieces = list(self._pieces(theta, x, t_x, T))
        weight = np.stack([alive, *(w for w, _ in pieces)])
        rate = np.stack(
            [np.broadcast_to(alpha + T, alive.shape)] + [alpha + t_x + idle for _, idle in pieces]
        )
        return Mixture(weight / weight.sum(axis=0), np.broadcast_to(r + x, weight.shape), rate)

    def _dead(self, theta: Array, x: Array, t_x: Array, T: Array) -> Array:
        total = np.zeros(np.broadcast_shapes(theta[0].shape, x.shape, T.shape))
        for part, _ in self._pieces(theta, x, t_x, T):
            total += part
        return total

    def _pieces(
        self, theta: Array, x: Array, t_x: Array, T: Array
    ) -> Iterator[tuple[Array, Array]]:
        """Yield each node's share of J(T) and its silence tau - t_x."""
        r, alpha, s, beta = theta
        c = np.minimum(alpha, beta) + t_x
        reach = np.minimum(
            (alpha + t_x) * np.expm1(np.minimum(SPAN_LIMIT, SPAN_FALL / (r + x))),
            (beta + t_x) * np.expm1(np.minimum(SPAN_LIMIT, SPAN_FALL / s)),
        )
        width = np.log1p(np.minimum(T - t_x, reach) / c)
        for node, weight in zip(*unit_rule(), strict=True):
            v = width * node
            idle = c * np.expm1(v)
            value = self._alive(theta, x, t_x, idle) * s / (beta + t_x + idle)
            yield weight * width * value * c * np.exp(v), idle


def form(model: str, k: int = 1) -> Form:
    """Return the closed forms of a model.

    Raises
    ------
    UsageError
        When the model is unknown, or `k` does not belong to it.
    """
    if model not in PARAMETERS:
        raise UsageError(
            f"model {model!r} is not known to the scorer; expected one of "
            f"{', '.join(PARAMETERS)}.{nearest(model, PARAMETERS)}"
        )
    if k < 1 or (k > 1 and not model.endswith("cnbd_k")):
        raise UsageError(f"k = {k} does not belong to {model}; k > 1 needs an Erlang model.")
    return Pareto() if model == "pareto_nbd" else BgFamily(modified=model.startswith("m"), k=k)
