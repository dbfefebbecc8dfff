"""Log-likelihoods at many parameter sets: the inner loops run over a block of them.

Neighbouring draws do the same arithmetic on the same cell, so that LLVM turns the loops over a
block into vector instructions (`vector`); each cell is read once per block.

All blocks have one length, the last is filled up with copies, hence a draw's result depends on
its block at most; those are cut at fixed places, so that threads change no bit.
"""

from __future__ import annotations

from math import expm1

import numpy as np

from churnlab.models.kernels._compile import fused, unordered
from churnlab.models.kernels.compiled import _end_of_run, _panel_rule, log_rising
from churnlab.models.kernels.plan import WIDTH
from churnlab.models.kernels.vector import vexp, vlog, vlog1p

#: Slots for ln(1 + t/alpha) of the times that cells share; no two whole days below 2048 take one.
_SLOTS = 2048
#: New factors of Gamma(r + x) / Gamma(r) that are multiplied; more are left to Stirling's series.
_FACTORS = 64
#: An integrand that has fallen by so many powers of e is left out.
_ENOUGH = 45.0


# -- blocks ----------------------------------------------------------------------------------------


@fused
def _load(thetas, start, g, theta):  # type: ignore[no-untyped-def]
    """Copy a group's parameters for a block of draws; the last draw fills the block up."""
    last = thetas.shape[0] - 1
    for p in range(theta.shape[0]):
        for j in range(WIDTH):
            theta[p, j] = thetas[min(start + j, last), p, g]


@fused
def _store(total, start, g, out):  # type: ignore[no-untyped-def]
    """Write a block's sums of a group."""
    for j in range(min(WIDTH, out.shape[0] - start)):
        out[start + j, g] = total[j]


@fused
def _rising(r, done, n, sign, out):  # type: ignore[no-untyped-def]
    """Add sign x ln Gamma(r+n)/Gamma(r+done) to `out`, whole numbers n >= done."""
    if n - done > _FACTORS:
        for j in range(WIDTH):
            out[j] += sign * log_rising(r[j] + done, n - done)[0]
        return
    for i in range(done, n - 1, 2):
        for j in range(WIDTH):
            out[j] += sign * vlog((r[j] + i) * (r[j] + (i + 1)))
    if (n - done) % 2 == 1:
        for j in range(WIDTH):
            out[j] += sign * vlog(r[j] + (n - 1))


# -- dropout tossed after purchases --------------------------------------------------------------


@fused
def _log_age(t, tag, alpha, tags, ages):  # type: ignore[no-untyped-def]
    """Return ln(1 + t/alpha) of a block, remembered by time: cells share few of them."""
    slot = int(t * 17.0) & (_SLOTS - 1)
    row = ages[slot]
    if tags[0, slot] != t or tags[1, slot] != tag:
        tags[0, slot], tags[1, slot] = t, tag
        for j in range(WIDTH):
            row[j] = vlog1p(t / alpha[j])
    return row


@fused
def _add_stages(shape, alpha, silence, T, k, log_s):  # type: ignore[no-untyped-def]
    """Add ln sum_{i<k} (shape)_i z^i / i!, z = silence / (alpha + T), to `log_s`."""
    for j in range(WIDTH):
        z, term, total = silence / (alpha[j] + T), 1.0, 1.0
        for i in range(1, k):
            term *= z * (shape[j] + (i - 1)) / i
            total += term
        log_s[j] += vlog(total)


@fused
def geometric_values(thetas, group, x, t_x, T, weight, k, first):  # type: ignore[no-untyped-def]
    """Weighted log-likelihood of BG/MBG-CNBD-k at thetas (draw, parameter, group), (draw, group).

    Cells are sorted by (group, x, t_x, T). With s = r + k x, c = x + first, L(t) = ln(1 + t/alpha)
    a cell adds ln Gamma(s)/Gamma(r) + ln B(a, b+c)/B(a, b) - k x ln(alpha) - s L(t_x) + ln(S + q),
    where q = a/(b+c-1), 0 without tosses, and S = exp(s (L(t_x) - L(T))) times the sum of Erlang's
    stages.
    """
    out = np.zeros((thetas.shape[0], thetas.shape[2]))
    tags, ages = np.full((2, _SLOTS), -1.0), np.empty((_SLOTS, WIDTH))
    theta, parts = np.empty((4, WIDTH)), np.empty((8, WIDTH))
    r, alpha, a, b = theta[0], theta[1], theta[2], theta[3]
    both, const, shape, log_q = parts[0], parts[1], parts[2], parts[3]
    young, base, log_s, total = parts[4], parts[5], parts[6], parts[7]
    tag = 0.0
    for start in range(0, out.shape[0], WIDTH):
        lo = 0
        while lo < x.shape[0]:
            g, count, done, tag = group[lo], 0, 0, tag + 1.0
            _load(thetas, start, g, theta)
            for j in range(WIDTH):
                both[j], const[j], total[j] = a[j] + b[j], 0.0, 0.0
            while lo < x.shape[0] and group[lo] == g:
                hi, before, count = _end_of_run(group, x, lo), count, int(x[lo])
                tosses = count + first
                _rising(r, k * before, k * count, 1.0, const)
                _rising(b, done, tosses, 1.0, const)
                _rising(both, done, tosses, -1.0, const)
                done = tosses
                for j in range(WIDTH):
                    shape[j] = r[j] + k * count
                    const[j] -= k * (count - before) * vlog(alpha[j])
                    log_q[j] = vlog(a[j] / (b[j] + (tosses - 1))) if tosses > 0 else -np.inf
                last = -1.0
                for i in range(lo, hi):
                    if t_x[i] != last:
                        last = t_x[i]
                        young[:] = _log_age(last, tag, alpha, tags, ages)
                        for j in range(WIDTH):
                            base[j] = const[j] - shape[j] * young[j]
                    old = _log_age(T[i], tag, alpha, tags, ages)
                    for j in range(WIDTH):
                        log_s[j] = shape[j] * (young[j] - old[j])
                    if k > 1:
                        _add_stages(shape, alpha, T[i] - last, T[i], k, log_s)
                    w = weight[i]
                    for j in range(WIDTH):
                        gap = log_s[j] - log_q[j]
                        high = log_s[j] if gap > 0.0 else log_q[j]
                        gap = -gap if gap > 0.0 else gap
                        total[j] += w * (base[j] + high + vlog(1.0 + vexp(gap)))
                lo = hi
            _store(total, start, g, out)
    return out


# -- Pareto/NBD ----------------------------------------------------------------------------------


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
        nodes, count = _panel_rule(widest, steepest)
        _panels(panel, nodes, count, rules, H[i])
        for j in range(WIDTH):
            H[i, j] += panel[0, j] * H[i + 1, j]


@fused
def pareto_values(thetas, plan, weight, rules):  # type: ignore[no-untyped-def]
    """Weighted log-likelihood of Pareto/NBD at thetas (draw, parameter, group), (draw, group).

    The integral over death is a difference of a function H of one time, as in `compiled`.
    """
    run_group, run_x, first_cell, first_time, times, i_start, i_end = plan
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
            _load(thetas, start, g, theta)
            for j in range(WIDTH):
                const[j] = total[j] = 0.0
            while run < run_x.shape[0] and run_group[run] == g:
                before, x = x, int(run_x[run])
                _rising(theta[0], before, x, 1.0, const)
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
            _store(total, start, g, out)
    return out
