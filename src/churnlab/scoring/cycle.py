"""Quantiles of a customer's purchase cycle, in NumPy alone.

The posterior of the rate is a mixture of Gammas over draws and over alive or dead. Its
distribution function is summed on a grid of log rates and inverted; the grid starts where the
lightest component has a ten-thousandth of its mass below, so q95 of the cycle lies inside.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from churnlab.scoring.forms import Array, Mixture
from churnlab.scoring.process import Process

GRID = 320
_TAIL = math.log(1e-4)
_CELLS = 256
_log_gamma = np.frompyfunc(math.lgamma, 1, 1)


def cycle_days(process: Process, group: NDArray[np.int64], x: Array, t_x: Array, T: Array) -> Array:
    """Return median, 5% and 95% quantile of days per purchase, shape (3, row).

    The cycle is k / rate: the mean gap of Erlang-k stages.
    """
    out = np.empty((3, len(x)))
    for start in range(0, len(x), _CELLS):
        rows = slice(start, start + _CELLS)
        theta = np.moveaxis(process.theta[:, group[rows], :], 2, 0)
        mixture = process.form.rate_mixture(theta, x[rows], t_x[rows], T[rows])
        out[:, rows] = process.k / _rate_quantiles(_flat(mixture), (0.5, 0.95, 0.05))
    return out


def _flat(mixture: Mixture) -> Mixture:
    """Merge the axes (component, draw) into one, weights summing to one; drop empty components."""
    n = mixture.weight.shape[-1]
    weight, shape, rate = (np.ascontiguousarray(v).reshape(-1, n) for v in mixture)
    keep = weight.max(axis=1) > 1e-12 * weight.max()
    return Mixture(weight[keep] / weight[keep].sum(axis=0), shape[keep], rate[keep])


def _rate_quantiles(mixture: Mixture, levels: tuple[float, ...]) -> Array:
    log_gamma = np.asarray(_log_gamma(mixture.shape), np.float64)
    log_rate = np.log(mixture.rate)
    low = ((_TAIL + log_gamma + np.log(mixture.shape)) / mixture.shape - log_rate).min(axis=0)
    top = mixture.shape + 6 * np.sqrt(mixture.shape) + 12
    high = (np.log(top) - log_rate).max(axis=0)
    y = low + np.linspace(0, 1, GRID)[:, None] * (high - low)
    density = np.zeros_like(y)
    for w, a, lr, lg in zip(mixture.weight, mixture.shape, log_rate, log_gamma, strict=True):
        z = y + lr
        density += w * np.exp(a * z - np.exp(z) - lg)
    step = (high - low) / (GRID - 1)
    below = np.vstack([np.zeros(y.shape[1]), np.cumsum((density[1:] + density[:-1]) / 2, axis=0)])
    below = below * step
    below /= below[-1]
    columns = [np.interp(levels, below[:, i], y[:, i]) for i in range(y.shape[1])]
    return np.exp(np.array(columns).T.reshape(len(levels), -1))
