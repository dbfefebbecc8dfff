"""Special functions and quadrature rules that the formulas share, vectorised and stable."""

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln

from churnlab.types import Array

#: Stirling's series: ln Gamma(z) - ((z - 1/2) ln z - z + ln(2 pi)/2) = sum_i c_i z^-(2i+1).
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
#: From here on the series above is exact to double precision.
STIRLING_FROM = 10.0


def stirling_tail(z: Array) -> Array:
    """Return ln Gamma(z) less its leading Stirling terms, for z >= `STIRLING_FROM`."""
    inverse = 1.0 / z
    square = inverse * inverse
    total = np.zeros_like(z)
    for coefficient in reversed(STIRLING):
        total = total * square + coefficient
    return total * inverse


def log_rising(r: Any, n: Any) -> Array:
    """Return ln[Gamma(r + n) / Gamma(r)] without cancellation at large r.

    r, n: Arguments (r > 0, n >= 0, any shapes that broadcast).

    For r < 10 both terms are small enough to subtract; above, the difference of two Stirling
    series is taken term by term (DLMF 5.11.1). Cells share their n by the thousand: under draws
    (draw, 1) each n is looked at once.
    """
    r, n = np.asarray(r, float), np.asarray(n, float)
    if n.ndim == 1 and r.ndim > 1 and r.shape[-1] == 1:
        distinct, of = np.unique(n, return_inverse=True)
        if len(distinct) < len(n):
            return np.asarray(log_rising(r, distinct)[..., of])
    r, n = np.broadcast_arrays(r, n)
    small = gammaln(r + n) - gammaln(r)
    if not np.any(r >= STIRLING_FROM):
        return np.asarray(small)
    big = np.maximum(r, STIRLING_FROM)
    large = (big - 0.5) * np.log1p(n / big) + n * (np.log(big + n) - 1.0)
    large += stirling_tail(big + n) - stirling_tail(big)
    values: Array = np.where(r >= STIRLING_FROM, large, small)
    return values


@lru_cache(maxsize=16)
def legendre(nodes: int, panels: int = 1) -> tuple[Array, Array]:
    """Return nodes and weights of a composite Gauss-Legendre rule on [0, 1], read-only."""
    z, w = np.polynomial.legendre.leggauss(nodes)
    left = np.arange(panels)[:, None] / panels
    z = (left + (z + 1) / (2 * panels)).ravel()
    w = np.tile(w / (2 * panels), panels)
    z.flags.writeable = w.flags.writeable = False
    return z, w


def beta_rule(a: Any, b: Any, nodes: int) -> tuple[Array, Array]:
    """Return nodes p and weights of Gauss' rule for the density Beta(p; a, b).

    a, b: Beta parameters (> 0), any shapes that broadcast.
    nodes: Number of nodes, n.
    Returns: Shape (..., n); the weights sum to one.

    Golub and Welsch (1969): the nodes are eigenvalues of the tridiagonal matrix of the shifted
    Jacobi recurrence, the weights the squared first components of its eigenvectors. The matrix is
    factored as a product of Gamma-free terms (a continued fraction of Beta moments), so that
    neither a + b = 1 nor a + b = 2 needs a branch.
    """
    a, b = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
    distinct, where = np.unique(a + 1j * b, return_inverse=True)  # the eigenproblems are the cost
    diagonal, off = _beta_recurrence(distinct.real[:, None], distinct.imag[:, None], nodes)
    matrix = np.zeros((len(distinct), nodes, nodes))
    index = np.arange(nodes)
    matrix[..., index, index] = diagonal
    matrix[..., index[1:], index[:-1]] = np.sqrt(off)
    p, vectors = np.linalg.eigh(matrix)  # reads the lower triangle
    weights = vectors[:, 0, :] ** 2
    weights = weights / weights.sum(axis=1, keepdims=True)
    where = where.reshape(a.shape)
    return np.clip(p, np.finfo(float).tiny, 1.0)[where], weights[where]


def _beta_recurrence(a: Array, b: Array, nodes: int) -> tuple[Array, Array]:
    """Return the diagonal and squared off-diagonal of the Jacobi matrix of Beta(a, b) on [0, 1].

    With canonical moments c_1, c_2, ... of the Beta law (Skibinsky 1969; Dette and Studden 1997,
    1.5): c_{2i} = i / (a + b + 2i - 1), c_{2i-1} = (a + i - 1) / (a + b + 2i - 2),
    zeta_i = (1 - c_{i-1}) c_i; diagonal zeta_{2i} + zeta_{2i+1}, off zeta_{2i-1} zeta_{2i}.
    """
    i = np.arange(1, nodes + 1)
    odd = (a + i - 1) / (a + b + 2 * i - 2)
    even = i / (a + b + 2 * i - 1)
    odd_left = (b + i - 1) / (a + b + 2 * i - 2)  # 1 - odd, without cancellation
    even_left = (a + b + i - 1) / (a + b + 2 * i - 1)  # 1 - even
    first = odd[..., :1]
    zeta_odd = np.concatenate([first, even_left[..., :-1] * odd[..., 1:]], axis=-1)
    zeta_even = odd_left * even
    diagonal = zeta_odd.copy()
    diagonal[..., 1:] += zeta_even[..., :-1]
    return diagonal, zeta_odd[..., :-1] * zeta_even[..., :-1]


def log_beta_shift(a: Any, b: Any, da: int, db: Any) -> Array:
    """Return ln[B(a + da, b + db) / B(a, b)] for da in (0, 1) and db >= 0.

    Two rising factorials instead of two `betaln`: no cancellation at large db.
    """
    b = np.asarray(b, float)
    shift = log_rising(b, db) - log_rising(np.asarray(a, float) + b, np.asarray(db) + da)
    return shift + (np.log(a) if da else 0.0)


__all__ = ["beta_rule", "betaln", "legendre", "log_beta_shift", "log_rising"]
