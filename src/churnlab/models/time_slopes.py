"""Derivatives of the log-likelihood by the customer's times, for models on a stretched clock."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from churnlab.errors import UsageError
from churnlab.models.base import Array, Likelihood
from churnlab.models.death import decay, log_death_integral


class TimeSlopes(NamedTuple):
    """d ln L / d t_x and d ln L / d T, in the shape of the data."""

    t_x: Array
    T: Array


def time_slopes(likelihood: Likelihood, theta: Array, x: Array, t_x: Array, T: Array) -> TimeSlopes:
    """Return the derivatives of ln L by t_x (T held) and by T (t_x held).

    Parameters
    ----------
    likelihood
        A model with exponential gaps.
    theta
        Parameters on the first axis, in the unit of the times.
    x, t_x, T
        As in `Likelihood.log_likelihood`.

    Raises
    ------
    UsageError
        Erlang gaps: their likelihood holds every gap, not t_x alone.

    Notes
    -----
    L falls with T as purchases fail to come: d ln L/dT = -A (r+x)/(alpha+T), the expected present
    rate. By t_x only the part of the dead changes: BG and MBG -(1-A) (r+x)/(alpha+t_x); Pareto/NBD
    loses the deaths just after t_x, -s/(beta+t_x) P(t_x)/(P(T) + s I) (docs/models.md).
    """
    if likelihood.k > 1:
        raise UsageError("Erlang gaps have no derivative by t_x alone; use k = 1.")
    r, alpha = theta[0], theta[1]
    alive = likelihood.p_alive(theta, x, t_x, T)
    by_T = -alive * (r + x) / (alpha + T)
    if "beta" in likelihood.parameters:
        silence = T - t_x
        rest = np.exp(-decay(theta, x, t_x, silence))
        rest = rest + np.exp(log_death_integral(theta, x, t_x, silence))
        by_t_x = -theta[2] / (theta[3] + t_x) / rest
    else:
        by_t_x = -(1.0 - alive) * (r + x) / (alpha + t_x)
    return TimeSlopes(np.asarray(by_t_x), np.asarray(by_T))
