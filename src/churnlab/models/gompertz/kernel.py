"""The compiled loops of GGom/NBD: value, exact derivatives, and tables of death while silent.

As in `pareto.kernel` the death-time integral is a difference of a function of one time, tabulated
over the distinct times of a run of equal (group, x). Lifetimes are written as in `lifetime`. For
numba's disk cache see `kernels.rising`: after a change of `pareto.kernel` save this file anew.
"""

from math import exp, expm1, log, log1p

import numpy as np

from churnlab.kernels._compile import njit
from churnlab.kernels.rising import log_rising
from churnlab.models.pareto.kernel import panel_rule

#: An integrand that has fallen by so many powers of e is left out.
_ENOUGH = 45.0
_FAR = 30.0
#: b u below which b u + e^(-b u) - 1 is taken from its series.
_SMALL = 1e-2


@njit
def _v(beta, b, u):  # type: ignore[no-untyped-def]
    y, c = b * u, b * beta
    if y > _FAR:
        return y - log(c) + log1p((c - 1.0) * exp(-y))
    return log1p(expm1(y) / c)


@njit
def _age(beta, b, v):  # type: ignore[no-untyped-def]
    c = b * beta
    if v > _FAR:
        return (v + log(c) + log1p((1.0 / c - 1.0) * exp(-v))) / b
    return log1p(c * expm1(v)) / b


@njit
def _slopes(theta, g, x, u, h, v, out):  # type: ignore[no-untyped-def]
    """Write d ln P(u) / d(r, alpha, s, beta, b) into out[0], and d ln h(u) into out[1]."""
    r, alpha, s, beta, b = theta[0, g], theta[1, g], theta[2, g], theta[3, g], theta[4, g]
    y = b * u
    fade = exp(-y)
    # e/(beta + e), 1/(beta + e), and d e/db over (beta + e), with 1/(b D) = h / b^2
    grown, left = -expm1(-y) * h / b, fade * h
    bent = y + expm1(-y)
    if y < _SMALL:
        bent = y * y * (0.5 - y * (1 / 6 - y * (1 / 24 - y * (1 / 120 - y / 720))))
    turned = bent * h / (b * b)
    out[0, 0] = -log1p(u / alpha)
    out[0, 1] = r * u / (alpha * (alpha + u)) - x / (alpha + u)
    out[0, 2] = -v
    out[0, 3] = s * grown / beta
    out[0, 4] = -s * turned
    out[1, 0] = out[1, 1] = 0.0
    out[1, 2] = 1.0 / s  # of s h
    out[1, 3] = -left
    out[1, 4] = u - turned


@njit
def _hazard(beta, b, u):  # type: ignore[no-untyped-def]
    return b / (b * beta * exp(-b * u) - expm1(-b * u))


@njit
def _panel(theta, g, x, u, length, rules, slopes, out, at):  # type: ignore[no-untyped-def]
    """Write the integral of P s h / P(u) over (u, u + length], and its derivatives, into `out`.

    `out` is (1 + parameter,), `at` (2, parameter) to work in.
    """
    out[:] = 0.0
    r, alpha, s, beta, b = theta[0, g], theta[1, g], theta[2, g], theta[3, g], theta[4, g]
    start, shape, v0 = alpha + u, r + x, _v(beta, b, u)
    if shape * log1p(length / start) > _ENOUGH:
        length = start * expm1(_ENOUGH / shape)
    if s * (_v(beta, b, u + length) - v0) > _ENOUGH:
        length = max(_age(beta, b, v0 + _ENOUGH / s) - u, 0.0)
    low = min(start, 1.0 / _hazard(beta, b, u), 1.0 / b)
    width = log1p(length / low)
    bends = shape * log1p(length / start) + (s + 1.0) * (_v(beta, b, u + length) - v0) + b * length
    n, panels = panel_rule(width, bends)
    for j in range(panels):
        for i in range(n):
            y = low * expm1(width * (j + rules[n, 0, i]) / panels)
            v, h = _v(beta, b, u + y), _hazard(beta, b, u + y)
            f = rules[n, 1, i] * (low + y) * h * exp(-shape * log1p(y / start) - s * (v - v0))
            out[0] += f
            if slopes:
                _slopes(theta, g, x, u + y, h, v, at)
                for p in range(5):
                    out[1 + p] += f * (at[0, p] + at[1, p])
    out *= s * width / panels


@njit
def _tabulate(theta, g, x, times, slopes, rules, log_p, H, K):  # type: ignore[no-untyped-def]
    """Fill ln P, H and (with `slopes`) K = [d(P H)/d theta] / P of one run's times."""
    r, alpha, s, beta, b = theta[0, g], theta[1, g], theta[2, g], theta[3, g], theta[4, g]
    part, at = np.empty(6), np.empty((2, 5))
    last = times.shape[0] - 1
    for i in range(last, -1, -1):
        u = times[i]
        log_p[i] = -r * log1p(u / alpha) - x * log(alpha + u) - s * _v(beta, b, u)
        if i == last:
            H[i] = 0.0
            K[:, i] = 0.0
            continue
        _panel(theta, g, x, u, times[i + 1] - u, rules, slopes, part, at)
        falls = exp(log_p[i + 1] - log_p[i])
        H[i] = part[0] + falls * H[i + 1]
        for p in range(5):
            K[p, i] = part[1 + p] + falls * K[p, i + 1]


@njit
def gompertz_gradient(  # type: ignore[no-untyped-def]
    theta, run_group, run_x, first_cell, first_time, times, i_start, i_end, weight, rules
):
    """Weighted log-likelihood of GGom/NBD by group and its derivatives by its parameters."""
    log_p, H = np.empty(times.shape[0]), np.empty(times.shape[0])
    K, at = np.empty((5, times.shape[0])), np.empty((2, 5))
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
        for i in range(lo, hi):
            u = times[i]
            h = _hazard(theta[3, g], theta[4, g], u)
            _slopes(theta, g, x, u, h, _v(theta[3, g], theta[4, g], u), at)
            for p in range(5):
                gradient[p, g] += on_integral[i] * K[p, i] + on_alive[i] * at[0, p]
    return totals, gradient


@njit
def gompertz_values(  # type: ignore[no-untyped-def]
    thetas, run_group, run_x, first_cell, first_time, times, i_start, i_end, weight, rules
):
    """Weighted log-likelihood at thetas (draw, parameter, group), (draw, group)."""
    out = np.zeros((thetas.shape[0], thetas.shape[2]))
    log_p, H = np.empty(times.shape[0]), np.empty(times.shape[0])
    K = np.zeros((5, times.shape[0]))
    for draw in range(out.shape[0]):
        theta = thetas[draw]
        for run in range(run_x.shape[0]):
            g, x, lo, hi = run_group[run], run_x[run], first_time[run], first_time[run + 1]
            _tabulate(theta, g, x, times[lo:hi], False, rules, log_p[lo:hi], H[lo:hi], K[:, lo:hi])
            const = log_rising(theta[0, g], int(x))[0]
            for c in range(first_cell[run], first_cell[run + 1]):
                a, z = i_start[c], i_end[c]
                inside = H[a] + exp(log_p[z] - log_p[a]) * (1.0 - H[z])
                out[draw, g] += weight[c] * (const + log_p[a] + log(inside))
    return out


@njit
def fill_doom(theta, x, ages, rules, cost, doom, slope):  # type: ignore[no-untyped-def]
    """Tabulate -ln P, Q and dQ/du at ages (node, draw), nodes rising; Q at the last is integrated.

    Q(u) = 1/P(u) times the integral of P s h from u on: death before the next purchase.
    """
    part, at = np.empty(6), np.empty((2, 5))
    last = ages.shape[0] - 1
    for d in range(ages.shape[1]):
        r, alpha, s, beta, b = theta[0, d], theta[1, d], theta[2, d], theta[3, d], theta[4, d]
        for i in range(last, -1, -1):
            u = ages[i, d]
            cost[i, d] = (r + x) * log(alpha + u) + s * _v(beta, b, u)
            if i == last:
                _panel(theta, d, x, u, 1e12 * (alpha + u), rules, False, part, at)
                doom[i, d] = part[0]
            else:
                _panel(theta, d, x, u, ages[i + 1, d] - u, rules, False, part, at)
                doom[i, d] = part[0] + exp(cost[i, d] - cost[i + 1, d]) * doom[i + 1, d]
            h = s * _hazard(beta, b, u)
            slope[i, d] = doom[i, d] * ((r + x) / (alpha + u) + h) - h


@njit
def read_doom(theta, x, ages, doom, slope, t, cost, out):  # type: ignore[no-untyped-def]
    """Write -ln P(t) and Q(t) at ages t (row,), (row, draw): cubic between the table's nodes."""
    top, n = doom.shape[0] - 2, ages.shape[1]
    low, per_step = np.empty(n), np.empty(n)
    for d in range(n):  # nodes are low expm1(i step)
        low[d] = ages[1, d] * ages[1, d] / (ages[2, d] - 2.0 * ages[1, d])
        per_step[d] = 1.0 / log1p(ages[1, d] / low[d])
    for row in range(t.shape[0]):
        u = t[row]
        for d in range(n):
            cost[row, d] = (theta[0, d] + x) * log(theta[1, d] + u) + theta[2, d] * _v(
                theta[3, d], theta[4, d], u
            )
            i = min(int(log1p(u / low[d]) * per_step[d]), top)
            a, z = ages[i, d], ages[i + 1, d]
            y = (u - a) / (z - a)
            left, right = slope[i, d] * (z - a), slope[i + 1, d] * (z - a)
            rise = doom[i + 1, d] - doom[i, d]
            value = doom[i, d] + y * (
                left + y * ((3.0 * rise - 2.0 * left - right) + y * (left + right - 2.0 * rise))
            )
            out[row, d] = min(max(value, 0.0), 1.0)
