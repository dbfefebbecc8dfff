"""The compiled loop of Pareto/NBD: value and exact derivatives in one pass.

For one parameter set; `many` evaluates many of them, without derivatives.

Log-likelihoods come by group, (group,): what belongs to one group depends on its own parameters
only, so many groups can be searched or sampled side by side in the same passes.

Cells are sorted by (group, x, t_x, T); what depends on (group, x) only is computed once per run
of equal values (with covariates every row is a run of its own).
"""

from math import ceil, exp, expm1, log, log1p

import numpy as np
from numpy.typing import NDArray

from churnlab.kernels._compile import njit
from churnlab.kernels.rising import log_rising

#: More panels than any finite parameters ask for.
_MOST_PANELS = 1000


def _rules() -> NDArray[np.float64]:
    """Return Gauss-Legendre nodes and weights on [0, 1]: (rule size, (node, weight), index)."""
    table = np.zeros((13, 2, 12))
    for n in (4, 6, 8, 12):
        z, w = np.polynomial.legendre.leggauss(n)
        table[n, 0, :n], table[n, 1, :n] = (z + 1) / 2, w / 2
    return table


RULES = _rules()

# For fixed (group, x) the death-time integral is a difference of a function of one time only:
# with P(u) = (alpha+u)^-(r+x) (beta+u)^-s and H(u) = s/P(u) integral_u^U P/(beta+.) (U the last
# time of the run), L(t_x, T) ~ P(t_x) H(t_x) + P(T) (1 - H(T)). H is tabulated over the distinct
# times of a run, backwards, panel by panel: H(u_i) = h_i + P(u_{i+1})/P(u_i) H(u_{i+1}). All terms
# are positive but 1 - H(T), whose rounding error eps P(T) is at most eps L. A cell then costs one
# exponential and one logarithm.


@njit
def panel_rule(width, decay):  # type: ignore[no-untyped-def]
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
    n, panels = panel_rule(width, decay)
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
def pareto_gradient(  # type: ignore[no-untyped-def]
    theta, run_group, run_x, first_cell, first_time, times, i_start, i_end, weight, rules
):
    """Weighted log-likelihood of Pareto/NBD by group and its derivatives in (r, alpha, s, beta)."""
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
