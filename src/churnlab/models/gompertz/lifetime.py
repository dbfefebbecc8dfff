"""Gamma-Gompertz lifetimes: hazard eta e^(b u), eta ~ Gamma(s, beta) between customers.

With e(u) = (e^(b u) - 1) / b the survivor function is (1 + e(u)/beta)^-s; b -> 0 is Pareto/NBD's
(1 + u/beta)^-s. Everything here is written in v = ln(1 + e(u)/beta), so that S = e^(-s v), and in
D = b beta e^(-b u) + 1 - e^(-b u), so that no e^(b u) overflows: dv/du = b / D.
"""

from typing import Any, NamedTuple

import numpy as np

from churnlab.kernels.special import legendre
from churnlab.models.pareto.death import CUT, envelope, power_draw
from churnlab.types import Array

#: b u from which e^(-b u) is taken out of v.
_FAR = 30.0
#: Nodes per panel, and panels of the formulas' rules.
NODES, PANELS = 16, 6


def log_growth(beta: Array, b: Array, u: Array) -> Array:
    """Return v(u) = ln(1 + e(u)/beta)."""
    y, c = np.broadcast_arrays(b * u, b * beta)
    near = np.log1p(np.expm1(np.minimum(y, _FAR)) / c)
    return np.where(y > _FAR, y - np.log(c) + np.log1p((c - 1.0) * np.exp(-y)), near)


def hazard(beta: Array, b: Array, u: Array) -> Array:
    """Return dv/du = e^(b u) / (beta + e(u)); s times it is the hazard of a random customer."""
    fade = np.exp(-b * u)
    return np.asarray(b / (b * beta * fade - np.expm1(-b * u)))


def age_at(beta: Array, b: Array, v: Array) -> Array:
    """Return u with v(u) = `v`, the inverse of `log_growth`."""
    v, c = np.broadcast_arrays(v, b * beta)
    near = np.log1p(c * np.expm1(np.minimum(v, _FAR)))
    return np.where(v > _FAR, v + np.log(c) + np.log1p((1.0 / c - 1.0) * np.exp(-v)), near) / b


class Rule(NamedTuple):
    """A quadrature rule over (start, start + length], node on the first axis."""

    after: list[Array]
    """Time since `start` of each node."""
    weight: list[Array]
    """Weight of each node, d(time)."""


def rule(theta: Array, power: Any, start: Array, length: Array, panels: int = PANELS) -> Rule:
    """Return a rule for integrands like (alpha + u)^-power S(u) h(u), h the hazard.

    Gauss-Legendre in q, u = start + low expm1(q), low the shortest scale on which the integrand
    changes; cut where S or the power has fallen to e^-45 of its start.

    theta: (r, alpha, s, beta, b).
    power: 0 for an integrand without the power.
    start, length: In the unit of alpha.
    """
    _, alpha, s, beta, b = theta
    with np.errstate(over="ignore", divide="ignore"):
        by_power = (alpha + start) * np.expm1(CUT / np.asarray(power, float))
    by_death = age_at(beta, b, log_growth(beta, b, start) + CUT / s) - start
    reach = np.minimum(length, np.minimum(by_power, np.maximum(by_death, 0.0)))
    low = np.minimum(np.minimum(alpha + start, 1.0 / hazard(beta, b, start)), 1.0 / b)
    width = np.log1p(reach / low)
    nodes, weights = legendre(NODES, panels)
    after = [np.asarray(low * np.expm1(z * width)) for z in nodes]
    return Rule(after, [w * width * (low + t) for w, t in zip(weights, after, strict=True)])


def log_decay(theta: Array, x: Array, start: Array, length: Array) -> Array:
    """Return ln P(start) / P(start + length), P(u) = (alpha + u)^-(r + x) S(u)."""
    r, alpha, s, beta, b = theta
    lived = log_growth(beta, b, start + length) - log_growth(beta, b, start)
    return np.asarray((r + x) * np.log1p(length / (alpha + start)) + s * lived)


def log_death_integral(
    theta: Array, x: Array, start: Array, length: Array, panels: int = PANELS
) -> Array:
    """Return ln of 1/P(start) times the integral of P s h over (start, start + length].

    The probability, relative to being alive and silent, of death in that time without a purchase.
    """
    r, _, s, beta, b = theta
    total: Any = 0.0
    for after, weight in zip(*rule(theta, r + x, start, length, panels), strict=True):
        total = total + weight * np.exp(-log_decay(theta, x, start, after)) * hazard(
            beta, b, start + after
        )
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(s) + np.log(total))


def sample_death(
    theta: Array, x: Array, t_x: Array, T: Array, dead: Any, rng: np.random.Generator
) -> Array:
    """Draw death times in (t_x, T] of the dead, from the density ~ P s h; T for the rest.

    Rejection, exact: either a lifetime is proposed and accepted with the power that is left, or a
    time from the power, accepted with what is left of the lifetimes' density over its maximum;
    whichever has the smaller envelope.
    """
    r, alpha, s, beta, b = theta
    end = np.array(T, float)
    R, scale = r + x, alpha + t_x
    v0, v1 = log_growth(beta, b, t_x), log_growth(beta, b, T)
    by_lifetime = -np.expm1(-s * (v1 - v0))
    with np.errstate(divide="ignore", invalid="ignore"):
        peak = np.where(b * beta - 1.0 > s, np.log((b * beta - 1.0) / s) / b, 0.0)
    peak = np.clip(peak, t_x, T)
    most = np.log(hazard(beta, b, peak)) - s * (log_growth(beta, b, peak) - v0)
    by_power = s * np.exp(most) * envelope(scale, R, T - t_x)
    first = by_lifetime < by_power
    wait = np.flatnonzero(dead)
    while wait.size:
        i = np.unravel_index(wait, end.shape)
        lived = v0[i] - np.log1p(-rng.random(wait.size) * by_lifetime[i]) / s[i]
        near = age_at(beta[i], b[i], lived)
        far = t_x[i] + power_draw(scale[i], R[i], (T - t_x)[i], rng.random(wait.size))
        u = np.clip(np.where(first[i], near, far), t_x[i], T[i])
        left = np.log(hazard(beta[i], b[i], u)) - s[i] * (log_growth(beta[i], b[i], u) - v0[i])
        chance = np.where(first[i], -R[i] * np.log1p((u - t_x[i]) / scale[i]), left - most[i])
        accept = np.log(rng.random(wait.size)) <= chance
        end[tuple(j[accept] for j in i)] = u[accept]
        wait = wait[~accept]
    return end
