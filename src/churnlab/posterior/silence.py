"""Death before the next purchase in Pareto/NBD, as a smooth function of age.

With P(u) = (alpha+u)^-R (beta+u)^-s and R = r + x,

    Q(t) = s / P(t) * integral_t^inf P(u) / (beta+u) du

is the probability that a customer alive at age t dies before buying again. It turns every
integral over (t_x, T] into a difference, so that a posterior costs one evaluation per age:

    s / P(t_1) * integral_{t_1}^{t_2} P(u)/(beta+u) du = Q(t_1) - P(t_2)/P(t_1) Q(t_2).

Q lies in [0, 1], hence the difference keeps an absolute error near 1e-14 in a probability: enough
for risks, while likelihoods (relative error) keep their quadrature.
"""

from __future__ import annotations

import numpy as np

from churnlab.likelihoods import Array

#: Wanted absolute error of Q.
_TOLERANCE = 1e-13
_MOST_TERMS = 4096
_MOST_NODES = 512


def death_before_purchase(R: Array, alpha: Array, s: Array, beta: Array, t: Array) -> Array:
    """Return Q(t), by a continued fraction.

    Parameters
    ----------
    R
        r + x.
    alpha, s, beta
        Parameters of Pareto/NBD.
    t
        Age, in the unit of alpha and beta; all arguments broadcast.

    Notes
    -----
    alpha >= beta: Q = s/(R+s) 2F1(R, 1; R+s+1; (alpha-beta)/(alpha+t)); otherwise
    Q = s/(R+s) (1-z) 2F1(s+1, 1; R+s+1; z), z = (beta-alpha)/(beta+t). Gauss' fraction (DLMF
    15.7) has positive coefficients for 0 <= z < 1 and converges for all of them.
    """
    R, alpha, s, beta, t = np.broadcast_arrays(R, alpha, s, beta, t)
    older = alpha >= beta
    z = np.abs(alpha - beta) / (np.maximum(alpha, beta) + t)
    first = np.where(older, R, s + 1.0)
    value = s / (R + s) * _hypergeometric(first, R + s + 1.0, z)
    return np.asarray(np.minimum(np.where(older, value, value * (1.0 - z)), 1.0))


def _hypergeometric(a: Array, c: Array, z: Array) -> Array:
    """Return 2F1(a, 1; c; z) for 0 <= z < 1, c > a > 0; terms are doubled until nothing changes."""
    terms = 16
    value = _fraction(a, c, z, terms)
    while terms < _MOST_TERMS:
        terms *= 2
        finer = _fraction(a, c, z, terms)
        done = np.abs(finer - value) <= _TOLERANCE * finer
        value = finer
        if done.all():
            break
    return value


def _fraction(a: Array, c: Array, z: Array, terms: int) -> Array:
    """Return the convergent of Gauss' continued fraction with `terms` (even) coefficients."""
    tail = np.ones_like(z)
    for m in range(terms // 2 - 1, -1, -1):
        even = (m + 1) * (c - a + m) / ((c + 2 * m) * (c + 2 * m + 1))
        odd = (a + m) * (c - 1 + m) / ((c + 2 * m - 1) * (c + 2 * m))
        tail = 1.0 - odd * z / (1.0 - even * z / tail)
    return np.asarray(1.0 / tail)


class DeathTable:
    """Q for all draws at any age in a range: Chebyshev polynomials in log(min(alpha, beta) + t).

    Q is analytic in a strip of half-width pi around the real axis of that variable, so the number
    of nodes follows from the range alone.

    Parameters
    ----------
    R, alpha, s, beta
        Shape (draw,).
    oldest
        Largest age that will be asked for.
    """

    def __init__(self, R: Array, alpha: Array, s: Array, beta: Array, oldest: float) -> None:
        self.low = np.minimum(alpha, beta)
        self.start = np.log(self.low)
        self.half = np.maximum((np.log(self.low + oldest) - self.start) / 2, 1e-3)
        n = _nodes(float(self.half.max()))
        angle = np.pi * (np.arange(n) + 0.5) / n
        y = np.cos(angle)[:, None]
        t = np.maximum(np.exp(self.start + self.half * (y + 1.0)) - self.low, 0.0)
        values = death_before_purchase(R, alpha, s, beta, t)
        transform = np.cos(np.arange(n)[:, None] * angle) * (2.0 / n)
        transform[0] /= 2.0
        self.coefficients = transform @ values

    def __call__(self, t: Array) -> Array:
        """Return Q at ages t (row,), shape (row, draw)."""
        y = (np.log(self.low + t[:, None]) - self.start) / self.half - 1.0
        y2 = 2.0 * y
        last, now = np.zeros_like(y), np.zeros_like(y)
        for c in self.coefficients[:0:-1]:  # Clenshaw's recurrence
            np.subtract(y2 * now, last, out=last)
            last += c
            last, now = now, last
        return np.asarray(np.clip(y * now - last + self.coefficients[0], 0.0, 1.0))


def _nodes(half: float) -> int:
    """Return how many Chebyshev nodes reach the tolerance over a range of 2 * `half`."""
    ratio = np.pi / half
    growth = np.log(ratio + np.sqrt(1.0 + ratio * ratio))
    return int(np.clip(np.ceil(-np.log(_TOLERANCE) / growth) + 4, 8, _MOST_NODES))
