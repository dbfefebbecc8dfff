"""Log-likelihoods of Pareto/NBD at many parameter sets, by blocks of them."""

from math import expm1

import numpy as np

from churnlab.kernels._compile import fused, unordered
from churnlab.kernels.block import add_rising, load_block, store_block
from churnlab.kernels.plan import WIDTH
from churnlab.kernels.vector import vexp, vlog, vlog1p
from churnlab.models.pareto.kernel import panel_rule

#: An integrand that has fallen by so many powers of e is left out.
_ENOUGH = 45.0


@fused
def _widths(theta, shape, u, length, panel):  # type: ignore[no-untyped-def]
    """Prepare a block's panels (u, u + length]; returns the largest width and fall of any draw.

    Fills in `panel`, by rows: P(u + length)/P(u); the lower of alpha + u and beta + u as a share of
    the higher; 1 - the power that goes with the lower; the power that goes with the higher; the
    width in v = ln(low + .); the factor of the sum less that; the fall, -ln P(u + length)/P(u).
    """
    alpha, s, beta = theta[1], theta[2], theta[3]
    for j in range(WIDTH):
        start, far = alpha[j] + u, beta[j] + u
        by_alpha, by_beta = vlog1p(length / start), vlog1p(length / far)
        fall = shape[j] * by_alpha + s[j] * by_beta
        nearer = start < far
        share = start / far if nearer else far / start
        width = by_alpha if nearer else by_beta
        panel[0, j], panel[1, j], panel[6, j] = vexp(-fall), share, fall
        panel[2, j] = 1.0 - shape[j] if nearer else -s[j]
        panel[3, j] = s[j] + 1.0 if nearer else shape[j]
        panel[4, j], panel[5, j] = width, s[j] * (share if nearer else 1.0)
    steepest = _largest(panel[6])
    if steepest > _ENOUGH:
        return _cut(theta, shape, u, length, panel)
    return _largest(panel[4]), steepest


@unordered
def _largest(values):  # type: ignore[no-untyped-def]
    """Return the largest of a block."""
    found = values[0]
    for j in range(WIDTH):
        found = values[j] if values[j] > found else found
    return found


@fused
def _cut(theta, shape, u, length, panel):  # type: ignore[no-untyped-def]
    """Leave out of each panel what falls below e^-45 of its start; for the rest see `_widths`."""
    alpha, s, beta = theta[1], theta[2], theta[3]
    widest = steepest = 0.0
    for j in range(WIDTH):
        start, far, reach = alpha[j] + u, beta[j] + u, length
        if shape[j] * vlog1p(reach / start) > _ENOUGH:
            reach = start * expm1(_ENOUGH / shape[j])
        if s[j] * vlog1p(reach / far) > _ENOUGH:
            reach = far * expm1(_ENOUGH / s[j])
        by_alpha, by_beta = vlog1p(reach / start), vlog1p(reach / far)
        panel[4, j] = by_alpha if start < far else by_beta
        widest = max(widest, panel[4, j])
        steepest = max(steepest, shape[j] * by_alpha + s[j] * by_beta)
    return widest, steepest


@fused
def _panels(panel, nodes, count, rules, out):  # type: ignore[no-untyped-def]
    """Write s/P(u) times the integral of P/(beta+.) over the panels of a block into `out`.

    In v = ln(low + .) the lower of the two logarithms is v itself, and the other
    ln(1 + (e^v - 1) low/high).
    """
    out[:] = 0.0
    for part in range(count):
        for i in range(nodes):
            where = (part + rules[nodes, 0, i]) / count
            weight = rules[nodes, 1, i] / count
            for j in range(WIDTH):
                v = panel[4, j] * where
                other = vlog(1.0 + (vexp(v) - 1.0) * panel[1, j])
                out[j] += weight * vexp(v * panel[2, j] - panel[3, j] * other)
    for j in range(WIDTH):
        out[j] *= panel[5, j] * panel[4, j]


@fused
def _tabulate(theta, shape, times, rules, panel, log_p, H):  # type: ignore[no-untyped-def]
    """Fill H and ln P, less its value at 0, of one run's times, (time, draw of the block)."""
    alpha, s, beta = theta[1], theta[2], theta[3]
    last = times.shape[0] - 1
    for i in range(last, -1, -1):
        u = times[i]
        for j in range(WIDTH):
            log_p[i, j] = -shape[j] * vlog1p(u / alpha[j]) - s[j] * vlog1p(u / beta[j])
        if i == last:
            H[i] = 0.0
            continue
        widest, steepest = _widths(theta, shape, u, times[i + 1] - u, panel)
        nodes, count = panel_rule(widest, steepest)
        _panels(panel, nodes, count, rules, H[i])
        for j in range(WIDTH):
            H[i, j] += panel[0, j] * H[i + 1, j]


@fused
def pareto_values(  # type: ignore[no-untyped-def]
    thetas, run_group, run_x, first_cell, first_time, times, i_start, i_end, weight, rules
):
    """Weighted log-likelihood of Pareto/NBD at thetas (draw, parameter, group), (draw, group).

    The integral over death is a difference of a function H of one time, as in `kernel`.
    """
    out = np.zeros((thetas.shape[0], thetas.shape[2]))
    most = 0
    for run in range(run_x.shape[0]):
        most = max(most, first_time[run + 1] - first_time[run])
    log_p, H = np.empty((most, WIDTH)), np.empty((most, WIDTH))
    theta, panel = np.empty((4, WIDTH)), np.empty((7, WIDTH))
    const, shape, total = np.empty(WIDTH), np.empty(WIDTH), np.empty(WIDTH)
    for start in range(0, out.shape[0], WIDTH):
        run = 0
        while run < run_x.shape[0]:
            g, x = run_group[run], 0
            load_block(thetas, start, g, theta)
            for j in range(WIDTH):
                const[j] = total[j] = 0.0
            while run < run_x.shape[0] and run_group[run] == g:
                before, x = x, int(run_x[run])
                add_rising(theta[0], before, x, 1.0, const)
                for j in range(WIDTH):
                    shape[j] = theta[0, j] + x
                    const[j] -= (x - before) * vlog(theta[1, j])
                lo, hi = first_time[run], first_time[run + 1]
                _tabulate(theta, shape, times[lo:hi], rules, panel, log_p, H)
                for c in range(first_cell[run], first_cell[run + 1]):
                    a, z, w = i_start[c] - lo, i_end[c] - lo, weight[c]
                    for j in range(WIDTH):
                        falls = vexp(log_p[z, j] - log_p[a, j])
                        inside = H[a, j] + falls * (1.0 - H[z, j])
                        total[j] += w * (const[j] + log_p[a, j] + vlog(inside))
                run += 1
            store_block(total, start, g, out)
    return out
