"""The compiled loop of BG/NBD, MBG/NBD and Erlang-k kin: value and exact derivatives in one pass.

For one parameter set; `many` evaluates many of them, without derivatives.

Log-likelihoods come by group, (group,): what belongs to one group depends on its own parameters
only, so many groups can be searched or sampled side by side in the same passes.

Cells are sorted by (group, x, t_x, T); what depends on (group, x) only is computed once per run
of equal values (with covariates every row is a run of its own). The data constant of Erlang gaps,
(k - 1) sum(ln gap) - x ln Gamma(k), does not depend on parameters and is left out.
"""

from math import exp, log, log1p

import numpy as np

from churnlab.kernels._compile import njit
from churnlab.kernels.rising import end_of_run, log_rising


@njit
def _geometric_constants(theta, g, x, k, first):  # type: ignore[no-untyped-def]
    """Return what depends on (group, x) only: value, its derivatives in r, a, b, and q's parts."""
    r, a, b = theta[0, g], theta[2, g], theta[3, g]
    tosses = x + first
    value, d_r = log_rising(r, k * x)
    top, d_b = log_rising(b, tosses)
    bottom, d_a = log_rising(a + b, tosses)
    left = b + tosses - 1.0  # b' + x; x = 0 in the BG models: nobody is dead
    log_q = log(a) - log(left) if tosses > 0 else -np.inf
    return value + top - bottom, d_r, -d_a, d_b - d_a, log_q, left


@njit
def _stage_sum(shape, z, k):  # type: ignore[no-untyped-def]
    """Return sum_{j<k} (shape)_j z^j / j! with its derivatives in shape and z."""
    term, d_term = 1.0, 0.0
    total, d_shape, d_z = 1.0, 0.0, 0.0
    for j in range(1, k):
        d_z += term * (shape + j - 1)
        d_term = (d_term * (shape + j - 1) + term) * z / j
        term = term * z * (shape + j - 1) / j
        total += term
        d_shape += d_term
    return total, d_shape, d_z


@njit
def _log_age(T, g, alpha, ages):  # type: ignore[no-untyped-def]
    """Return log1p(T / alpha), remembered in a small table: cells share few ages."""
    slot = int(T * 17.0) & 2047  # no two whole days below 2048 share a slot
    if ages[0, slot] != T or ages[1, slot] != g:
        ages[0, slot], ages[1, slot], ages[2, slot] = T, g, log1p(T / alpha)
    return ages[2, slot]


@njit
def geometric_gradient(theta, group, x, t_x, T, weight, k, first):  # type: ignore[no-untyped-def]
    """Weighted log-likelihood of BG/MBG-CNBD-k by group and its derivatives in (r, alpha, a, b)."""
    gradient, ages, totals = (
        np.zeros(theta.shape),
        np.full((3, 2048), -1.0),
        np.zeros(theta.shape[1]),
    )
    lo = 0
    while lo < x.shape[0]:
        hi = end_of_run(group, x, lo)
        run = (group[lo], int(x[lo]), t_x[lo:hi], T[lo:hi], weight[lo:hi])
        totals[group[lo]] += _geometric_run_gradient(theta, run, k, first, ages, gradient)
        lo = hi
    return totals, gradient


@njit
def _geometric_run_gradient(theta, run, k, first, ages, gradient):  # type: ignore[no-untyped-def]
    """Add one run's derivatives to `gradient` and return its value; sums stay in registers."""
    g, x, t_x, T, weight = run
    r, alpha = theta[0, g], theta[1, g]
    const, d_r, d_a, d_b, log_q, left = _geometric_constants(theta, g, x, k, first)
    shape, stages, d_shape, d_z = r + k * x, 1.0, 0.0, 0.0
    value = sum_w = sum_r = sum_alpha = sum_dead = early = d_start = base = 0.0
    last = -1.0
    for i in range(t_x.shape[0]):
        t, age, w = t_x[i], T[i], weight[i]
        if t != last:
            last, early = t, log1p(t / alpha)
            base = const - r * early - k * x * log(alpha + t)
            d_start = (r * t / alpha - k * x) / (alpha + t)
        late = _log_age(age, g, alpha, ages) - early
        end, log_s = alpha + age, -shape * late
        if k > 1:
            stages, d_shape, d_z = _stage_sum(shape, (age - t) / end, k)
            log_s += log(stages)
        odds = exp(-abs(log_s - log_q))
        share = 1.0 / (1.0 + odds)
        alive = share if log_s > log_q else odds * share
        value += w * (base + max(log_s, log_q) + log1p(odds))
        sum_w += w
        sum_dead += w * (odds * share if log_s > log_q else share)
        sum_r += w * (alive * (d_shape / stages - late) - early)
        slope = shape / (alpha + t) - d_z / (stages * end)
        sum_alpha += w * (d_start + alive * slope * (age - t) / end)
    gradient[0, g] += sum_w * d_r + sum_r
    gradient[1, g] += sum_alpha
    gradient[2, g] += sum_w * d_a + sum_dead / theta[2, g]
    gradient[3, g] += sum_w * d_b - (sum_dead / left if sum_dead > 0.0 else 0.0)
    return value
