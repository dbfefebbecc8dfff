"""Log-likelihoods of BG/NBD, MBG/NBD and their Erlang-k kin at many parameter sets, by blocks."""

import numpy as np

from churnlab.kernels._compile import fused
from churnlab.kernels.block import add_rising, load_block, store_block
from churnlab.kernels.plan import WIDTH
from churnlab.kernels.rising import end_of_run
from churnlab.kernels.vector import vexp, vlog, vlog1p

#: Slots for ln(1 + t/alpha) of the times that cells share; no two whole days below 2048 take one.
_SLOTS = 2048


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
            load_block(thetas, start, g, theta)
            for j in range(WIDTH):
                both[j], const[j], total[j] = a[j] + b[j], 0.0, 0.0
            while lo < x.shape[0] and group[lo] == g:
                hi, before, count = end_of_run(group, x, lo), count, int(x[lo])
                tosses = count + first
                add_rising(r, k * before, k * count, 1.0, const)
                add_rising(b, done, tosses, 1.0, const)
                add_rising(both, done, tosses, -1.0, const)
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
            store_block(total, start, g, out)
    return out
