"""The death-time integral of Pareto/NBD: its quadrature, its error, and exact draws from it.

With P(u) = (alpha+u)^-(r+x) (beta+u)^-s the density of a death at u without a purchase since the
last one is proportional to P(u)/(beta+u).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from churnlab.kernels.special import legendre
from churnlab.types import Array

#: Nodes per panel and panels of the rule.
NODES, PANELS = 24, 2
#: The integrand is cut where it has fallen by this many powers of e.
CUT = 45.0


def decay(theta: Array, x: Array, start: Array, length: Array) -> Array:
    """Return ln P(start) / P(start + length)."""
    r, alpha, s, beta = theta
    values: Array = (r + x) * np.log1p(length / (alpha + start)) + s * np.log1p(
        length / (beta + start)
    )
    return values


def _width(theta: Array, x: Array, start: Array, length: Array) -> Array:
    """Return W, the reach of the integration variable v (docs/models.md)."""
    r, alpha, s, beta = theta
    low = np.minimum(alpha, beta) + start
    with np.errstate(over="ignore"):
        gap = np.minimum(
            (alpha + start) * np.expm1(CUT / (r + x)), (beta + start) * np.expm1(CUT / s)
        )
    values: Array = np.log1p(np.minimum(length, gap) / low)
    return values


def log_death_integral(
    theta: Array,
    x: ArrayLike,
    start: ArrayLike,
    length: ArrayLike,
    nodes: int = NODES,
    panels: int = PANELS,
) -> Array:
    """Return ln of s / P(start) times the integral of P(u)/(beta+u) over (start, start + length].

    The probability, relative to being alive and silent, of death in that time without a purchase.

    theta: (r, alpha, s, beta) on the first axis.
    x, start, length: Purchases so far; times in the unit of alpha and beta.
    nodes, panels: Of the composite Gauss-Legendre rule in v, u = start + (c + start) expm1(v), c =
        min(alpha, beta), v in [0, W].

    The integrand is divided by its value at `start` and falls from there, so nothing overflows
    and underflow is harmless. Beyond W it is below e^-45 of its start.
    """
    r, alpha, s, beta = theta
    x, start, length = (np.asarray(v, float) for v in (x, start, length))
    low = np.minimum(alpha, beta) + start
    width = _width(theta, x, start, length)
    near, far = low / (alpha + start), low / (beta + start)
    total: Any = 0.0
    for node, weight in zip(*legendre(nodes, panels), strict=True):
        growth = np.expm1(node * width)
        decay = (r + x) * np.log1p(growth * near) + (s + 1) * np.log1p(growth * far)
        total = total + weight * np.exp(node * width - decay)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(s) + np.log(far) + np.log(width * total))


def quadrature_error(theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
    """Estimate the error of the log-likelihood's quadrature, per customer.

    The absolute change of ln L (so the relative change of L) when the rule of `log_likelihood` is
    replaced by one with four times the panels.
    """
    x, t_x, T = (np.asarray(v, float) for v in (x, t_x, T))
    alive = -decay(theta, x, t_x, T - t_x)
    coarse = np.logaddexp(alive, log_death_integral(theta, x, t_x, T - t_x))
    fine = np.logaddexp(alive, log_death_integral(theta, x, t_x, T - t_x, panels=4 * PANELS))
    return np.abs(coarse - fine)


def sample_death(
    theta: Array, x: Array, t_x: Array, T: Array, dead: Any, rng: np.random.Generator
) -> Array:
    """Draw death times in (t_x, T] of the dead, from the density ~ P(u)/(beta+u); T for the rest.

    Rejection, exact: P(u)/(beta+u) is a product of two falling powers; the proposal is whichever
    of them, alone, leaves the smaller envelope (both have an inverse distribution function), and
    the other, relative to its value at t_x, is the probability to accept.
    """
    r, alpha, s, beta = theta
    end = np.array(T, float)
    rate_decay = envelope(alpha + t_x, r + x, T - t_x)
    death_decay = envelope(beta + t_x, s + 1.0, T - t_x)
    by_rate = rate_decay < death_decay
    wait = np.flatnonzero(dead)
    while wait.size:
        i = np.unravel_index(wait, end.shape)
        purchases, death = (alpha[i] + t_x[i], r[i] + x[i]), (beta[i] + t_x[i], s[i] + 1.0)
        first = by_rate[i]
        scale, power = (np.where(first, p, d) for p, d in zip(purchases, death, strict=True))
        other_scale, other = (np.where(first, d, p) for p, d in zip(purchases, death, strict=True))
        y = power_draw(scale, power, T[i] - t_x[i], rng.random(wait.size))
        accept = np.log(rng.random(wait.size)) <= -other * np.log1p(y / other_scale)
        end[tuple(j[accept] for j in i)] = (t_x[i] + y)[accept]
        wait = wait[~accept]
    return end


def envelope(scale: Array, power: Array, length: Array) -> Array:
    """Return the integral of (1 + y/scale)^-power over (0, length]."""
    z = np.log1p(length / scale)
    q = (1.0 - power) * z
    safe = np.where(np.abs(q) < 1e-12, 1.0, q)
    return scale * z * np.where(np.abs(q) < 1e-12, 1.0, np.expm1(safe) / safe)


def power_draw(scale: Array, power: Array, length: Array, uniform: Array) -> Array:
    """Draw y in (0, length] with density ~ (1 + y/scale)^-power by its inverse distribution."""
    z = np.log1p(length / scale)
    q = (1.0 - power) * z
    safe = np.where(np.abs(q) < 1e-12, 1.0, q)
    v = np.where(np.abs(q) < 1e-12, uniform, np.log1p(uniform * np.expm1(safe)) / safe) * z
    return np.minimum(scale * np.expm1(v), length)
