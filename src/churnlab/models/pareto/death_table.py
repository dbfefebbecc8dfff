"""Death before the next purchase in Pareto/NBD, as a smooth function of age.

With P(u) = (alpha+u)^-R (beta+u)^-s and R = r + x,

    Q(t) = s / P(t) * integral_t^inf P(u) / (beta+u) du

is the probability that a customer alive at age t dies before buying again. It turns every
integral over (t_x, T] into a difference, so that a posterior costs one evaluation per age:

    s / P(t_1) * integral_{t_1}^{t_2} P(u)/(beta+u) du = Q(t_1) - P(t_2)/P(t_1) Q(t_2).

Q lies in [0, 1], hence the difference keeps an absolute error near 1e-14 in a probability: enough
for risks, while likelihoods (relative error) keep their quadrature.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np

from churnlab.types import Array

#: Wanted absolute error of Q.
_TOLERANCE = 1e-13
_MOST_NODES = 513
#: Draws whose tables a thread makes at a time. Products with the cosines stay so small that BLAS
#: keeps to one thread: its own threads would take the cores from ours while they wait.
_BLOCK = 128


class DeathTable:
    """Q of one x for all draws, at any age in a range; see `DeathTables`.

    theta: (r, alpha, s, beta) x draw.
    x: Repeat purchases.
    coefficients, scale, shift: Chebyshev coefficients, (m, draw), of Q in ``scale * ln(min(alpha,
        beta) + t) + shift``.
    """

    def __init__(
        self, theta: Array, x: float, coefficients: Array, scale: Array, shift: Array
    ) -> None:
        from churnlab.models.pareto.death_kernel import cost_and_death

        self._evaluate = cost_and_death
        r, alpha, s, beta = theta
        of_alpha = alpha <= beta
        self._polynomial = coefficients, scale * of_alpha, scale * ~of_alpha, shift
        self._theta = r + x, alpha, s, beta

    def __call__(self, t: Array) -> tuple[Array, Array]:
        """Return -ln P(t) and Q(t), both (row, draw), at ages t in days, (row,)."""
        cost, death = np.empty((2, len(t), len(self._theta[1])))
        self._evaluate(self._polynomial, self._theta, np.asarray(t, float), cost, death)
        return cost, death


class DeathTables:
    """Tables of Q for the same draws and many x, made together when the first is asked for.

    Chebyshev polynomials in v = log(min(alpha, beta) + t). Q is analytic in a strip of half-width
    pi around the real axis of v, so the number of nodes follows from the range of v alone.

    theta: (r, alpha, s, beta) x draw.
    x: Numbers of repeat purchases that will be asked for.
    oldest: Largest age that will be asked for.
    """

    def __init__(self, theta: Array, x: Array, oldest: float) -> None:
        self.theta, self.oldest = theta, oldest
        self.x = np.unique(np.asarray(x, float))
        self._made: dict[float, DeathTable] = {}
        self._lock = Lock()

    def table(self, x: float) -> DeathTable:
        """Return the table of customers with x repeat purchases."""
        with self._lock:
            if not self._made:
                self._made = self._make()
        return self._made[x]

    def _make(self) -> dict[float, DeathTable]:
        low = np.minimum(self.theta[1], self.theta[3])
        start = np.log(low)
        half = np.maximum((np.log(low + self.oldest) - start) / 2, 1e-3)
        n, n_draws = _nodes(float(half.max())), len(low)
        coefficients = np.empty((self.x.size, n, n_draws))

        def fill(first: int) -> None:
            block = np.s_[first : first + _BLOCK]
            self._fill(n, block, start[block], half[block], coefficients[..., block])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, range(0, n_draws, _BLOCK)))
        scale, shift = 1.0 / half, -start / half - 1.0
        return {
            float(x): DeathTable(self.theta, x, of_x, scale, shift)
            for x, of_x in zip(self.x, coefficients, strict=True)
        }

    def _fill(self, n: int, block: slice, start: Array, half: Array, out: Array) -> None:
        """Write the n Chebyshev coefficients of every x, (x, n, draw), for a block of draws."""
        from churnlab.models.pareto.death_kernel import death_by_count

        theta = np.ascontiguousarray(self.theta[:, block])
        angle = np.pi * (np.arange(n) + 0.5) / n
        low = np.exp(start + half * (np.cos(angle)[:, None] + 1.0))
        t = np.maximum(low - np.minimum(theta[1], theta[3]), 0.0)
        values = np.empty((self.x.size, *t.shape))
        death_by_count(theta, t, self.x, _TOLERANCE, values)
        transform = np.cos(np.arange(n)[:, None] * angle) * (2.0 / n)
        transform[0] /= 2.0
        np.matmul(transform, values, out=out)


def _nodes(half: float) -> int:
    """Return how many Chebyshev nodes reach the tolerance over a range of 2 * `half`.

    One more than a multiple of 4: the sum takes four terms at a time.
    """
    ratio = np.pi / half
    growth = np.log(ratio + np.sqrt(1.0 + ratio * ratio))
    wanted = np.clip(np.ceil(-np.log(_TOLERANCE) / growth) + 4, 9, _MOST_NODES)
    return 4 * int(np.ceil((wanted - 1) / 4)) + 1
