"""The compiled loops: weighted log-likelihood and its exact derivatives in one pass over cells.

For one parameter set; `many` evaluates many of them, without derivatives.

Log-likelihoods come by group, (group,): what belongs to one group depends on its own parameters
only, so many groups can be searched or sampled side by side in the same passes.

All of it is in one file on purpose: numba's disk cache notices a change of the file of the
function that is called, not of the files of the functions that it calls.

Cells are sorted by (group, x, t_x, T); what depends on (group, x) only is computed once per run
of equal values (with covariates every row is a run of its own). The data constant of Erlang gaps,
(k - 1) sum(ln gap) - x ln Gamma(k), does not depend on parameters and is left out.
"""

from __future__ import annotations

from math import ceil, exp, expm1, log, log1p

import numpy as np

from churnlab.models.kernels._compile import njit

#: More panels than any finite parameters ask for.
_MOST_PANELS = 1000


@njit
def log_rising(r, n):  # type: ignore[no-untyped-def]
    """Return ln Gamma(r+n)/Gamma(r) and its derivative in r, n a whole number.

    A product while r + j < 10, then the difference of two Stirling series (DLMF 5.11.1, 5.11.2)
    with log1p, so that no digits cancel at large r or n.
    """
    value, slope, product = 0.0, 0.0, 1.0
    while n > 0 and (r < 10.0 or n < 8):
        product *= r
        slope += 1.0 / r
        r += 1.0
        n -= 1
        if product > 1e200 or product < 1e-200:
            value += log(product)
            product = 1.0
    value += log(product)
    if n > 0:
        q, z = log1p(n / r), r + n
        value += (r - 0.5) * q + n * (log(z) - 1.0) + _tail(z) - _tail(r)
        slope += q + _tail_slope(z) - _tail_slope(r)
    return value, slope


@njit
def _tail(z):  # type: ignore[no-untyped-def]
    """Stirling's remainder of ln Gamma, z >= 10."""
    y = 1.0 / (z * z)
    s = 1 / 1188 + y * (-691 / 360360 + y / 156)
    return (1 / 12 + y * (-1 / 360 + y * (1 / 1260 + y * (-1 / 1680 + y * s)))) / z


@njit
def _tail_slope(z):  # type: ignore[no-untyped-def]
    """digamma(z) - ln z, z >= 10."""
    y = 1.0 / (z * z)
    s = -1 / 132 + y * (691 / 32760 - y / 12)
    return -0.5 / z - y * (1 / 12 + y * (-1 / 120 + y * (1 / 252 + y * (-1 / 240 - y * s))))


# -- dropout tossed after purchases --------------------------------------------------------------


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
def _end_of_run(group, x, start):  # type: ignore[no-untyped-def]
    """Return the first position after `start` where the group or x differs."""
    end = start + 1
    while end < x.shape[0] and group[end] == group[start] and x[end] == x[start]:
        end += 1
    return end


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
        hi = _end_of_run(group, x, lo)
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


# -- Pareto/NBD ----------------------------------------------------------------------------------
# For fixed (group, x) the death-time integral is a difference of a function of one time only:
# with P(u) = (alpha+u)^-(r+x) (beta+u)^-s and H(u) = s/P(u) integral_u^U P/(beta+.) (U the last
# time of the run), L(t_x, T) ~ P(t_x) H(t_x) + P(T) (1 - H(T)). H is tabulated over the distinct
# times of a run, backwards, panel by panel: H(u_i) = h_i + P(u_{i+1})/P(u_i) H(u_{i+1}). All terms
# are positive but 1 - H(T), whose rounding error eps P(T) is at most eps L. A cell then costs one
# exponential and one logarithm.


@njit
def _panel_rule(width, decay):  # type: ignore[no-untyped-def]
    """Return (nodes, sub-panels) for a panel `width` wide in v that falls by `decay` powers of e.

    Gauss-Legendre with n nodes errs by about (n!)^4 decay^2n / ((2n+1) (2n)!^3) and, the integrand
    being analytic up to |Im v| = pi, by rho^-2n, rho the ellipse through 2 pi / width. The limits
    keep both under 1e-14 of the panel.
    """
    if width < 0.12 and decay < 0.2:
        return 4, 1
    if width < 0.6 and decay < 1.0:
        return 6, 1
    if width < 1.3 and decay < 3.0:
        return 8, 1
    return 12, min(max(1, ceil(max(width / 2.0, decay / 6.0))), _MOST_PANELS)


@njit
def _reach(shape, s, start, far, length):  # type: ignore[no-untyped-def]
    """Return the length after which the integrand is below e^-45 of its start, or `length`."""
    if shape * log1p(length / start) > 45.0:
        length = start * expm1(45.0 / shape)
    if s * log1p(length / far) > 45.0:
        length = far * expm1(45.0 / s)
    return length


@njit
def _panel(r, alpha, s, beta, x, u, length, rules, slopes, out):  # type: ignore[no-untyped-def]
    """Write s/P(u) times the integral over (u, u + length] of f, f times (ln(alpha+.)/(alpha+u),
    1/(alpha+.), ln (beta+.)/(beta+u), 1/(beta+.)), f = P/(beta+.), into `out`.
    """
    out[:] = 0.0
    start, far, shape = alpha + u, beta + u, r + x
    length = _reach(shape, s, start, far, length)
    low = min(start, far)
    width = log1p(length / low)
    decay = shape * log1p(length / start) + s * log1p(length / far)
    n, panels = _panel_rule(width, decay)
    for j in range(panels):
        for i in range(n):
            v = width * (j + rules[n, 0, i]) / panels
            y = low * expm1(v)
            ln_a, ln_b = log1p(y / start), log1p(y / far)
            f = rules[n, 1, i] * exp(v - shape * ln_a - (s + 1.0) * ln_b)
            out[0] += f
            if slopes:
                out[1] += f * ln_a
                out[2] += f / (start + y)
                out[3] += f * ln_b
                out[4] += f / (far + y)
    out *= s * low / far * width / panels


@njit
def _tabulate(theta, g, x, times, slopes, rules, log_p, H, K):  # type: ignore[no-untyped-def]
    """Fill ln P, H and (with `slopes`) K = [d(P H)/d(r, alpha, s, beta)] / P of one run's times."""
    r, alpha, s, beta = theta[0, g], theta[1, g], theta[2, g], theta[3, g]
    part = np.empty(5)
    last = times.shape[0] - 1
    for i in range(last, -1, -1):
        u = times[i]
        log_p[i] = -r * log1p(u / alpha) - x * log(alpha + u) - s * log1p(u / beta)
        if i == last:
            H[i] = 0.0
            K[:, i] = 0.0
            continue
        _panel(r, alpha, s, beta, x, u, times[i + 1] - u, rules, slopes, part)
        falls = exp(log_p[i + 1] - log_p[i])
        H[i] = part[0] + falls * H[i + 1]
        if slopes:
            h = part[0]
            K[0, i] = falls * K[0, i + 1] - log1p(u / alpha) * h - part[1]
            K[1, i] = falls * K[1, i + 1] + r / alpha * h - (r + x) * part[2]
            K[2, i] = falls * K[2, i + 1] + (1.0 / s - log1p(u / beta)) * h - part[3]
            K[3, i] = falls * K[3, i + 1] + s / beta * h - (s + 1.0) * part[4]


@njit
def pareto_cells(theta, plan, rules, out):  # type: ignore[no-untyped-def]
    """Log-likelihood of one customer of each cell of a plan, into `out` (cell,)."""
    run_group, run_x, first_cell, first_time, times, i_start, i_end = plan
    log_p, H = np.empty(times.shape[0]), np.empty(times.shape[0])
    K = np.empty((4, times.shape[0]))
    for run in range(run_x.shape[0]):
        g, x, lo, hi = run_group[run], run_x[run], first_time[run], first_time[run + 1]
        _tabulate(theta, g, x, times[lo:hi], False, rules, log_p[lo:hi], H[lo:hi], K[:, lo:hi])
        const = log_rising(theta[0, g], int(x))[0]
        for c in range(first_cell[run], first_cell[run + 1]):
            a, z = i_start[c], i_end[c]
            out[c] = const + log_p[a] + log(H[a] + exp(log_p[z] - log_p[a]) * (1.0 - H[z]))


@njit
def pareto_gradient(theta, plan, weight, rules):  # type: ignore[no-untyped-def]
    """Weighted log-likelihood of Pareto/NBD by group and its derivatives in (r, alpha, s, beta)."""
    run_group, run_x, first_cell, first_time, times, i_start, i_end = plan
    log_p, H = np.empty(times.shape[0]), np.empty(times.shape[0])
    K = np.empty((4, times.shape[0]))
    on_integral, on_alive = np.zeros(times.shape[0]), np.zeros(times.shape[0])
    gradient, totals = np.zeros(theta.shape), np.zeros(theta.shape[1])
    for run in range(run_x.shape[0]):
        g, x, lo, hi = run_group[run], run_x[run], first_time[run], first_time[run + 1]
        _tabulate(theta, g, x, times[lo:hi], True, rules, log_p[lo:hi], H[lo:hi], K[:, lo:hi])
        const, d_r = log_rising(theta[0, g], int(x))
        for c in range(first_cell[run], first_cell[run + 1]):
            a, z, w = i_start[c], i_end[c], weight[c]
            falls = exp(log_p[z] - log_p[a])
            inside = H[a] + falls * (1.0 - H[z])
            totals[g] += w * (const + log_p[a] + log(inside))
            on_integral[a] += w / inside
            on_integral[z] -= w * falls / inside
            on_alive[z] += w * falls / inside
            gradient[0, g] += w * d_r
        _collect(
            theta, g, x, times[lo:hi], K[:, lo:hi], on_integral[lo:hi], on_alive[lo:hi], gradient
        )
    return totals, gradient


@njit
def _collect(theta, g, x, times, K, on_integral, on_alive, gradient):  # type: ignore[no-untyped-def]
    """Add a run's derivatives: weights on G = P H and on P times their derivatives over P."""
    r, alpha, s, beta = theta[0, g], theta[1, g], theta[2, g], theta[3, g]
    for i in range(times.shape[0]):
        u = times[i]
        for p in range(4):
            gradient[p, g] += on_integral[i] * K[p, i]
        w = on_alive[i]
        if w > 0.0:
            gradient[0, g] -= w * log1p(u / alpha)
            gradient[1, g] += w * (r * u / (alpha * (alpha + u)) - x / (alpha + u))
            gradient[2, g] -= w * log1p(u / beta)
            gradient[3, g] += w * s * u / (beta * (beta + u))
