"""Compiled passes over matrices (row, draw): P(alive) from its parts, and the tails of a row.

One call does what would take NumPy several. Between threads that matters more than the arithmetic:
each NumPy operation takes the interpreter's lock back, and waiting for it costs as much as a pass
over a matrix in cache.

An element's result depends on its own row only, so that chunks and threads change no bit of it.
"""

import numpy as np

from churnlab.kernels._compile import fused, njit
from churnlab.kernels.vector import vexp, vexpm1, vlog

#: Draws that are looked at together for one that is wanted.
_LANES = 16
#: Draws from which the place of a quantile is guessed.
_SAMPLE = 64
#: So few values are searched one by one, and after so many turns all that are left.
_FEW, _TURNS = 16, 40


@fused
def geometric_cost(alpha, shape, young, old, out):  # type: ignore[no-untyped-def]
    """Write shape ln (alpha + old)/(alpha + young): -ln of the chance of silence while alive."""
    for i in range(out.shape[0]):
        row, t, u = out[i], young[i], old[i]
        for j in range(row.shape[0]):
            row[j] = shape[j] * vlog((alpha[j] + u) / (alpha[j] + t))


@fused
def alive_from_cost(factor, cost):  # type: ignore[no-untyped-def]
    """Turn costs into 1 / (1 + factor e^cost), in place."""
    for i in range(cost.shape[0]):
        row = cost[i]
        for j in range(row.shape[0]):
            row[j] = 1.0 / (1.0 + factor[j] * vexp(row[j]))


@fused
def quiet_from_cost(now, later):  # type: ignore[no-untyped-def]
    """Turn later costs into e^(now - later), at most 1, in place."""
    for i in range(later.shape[0]):
        row, start = later[i], now[i]
        for j in range(row.shape[0]):
            gap = start[j] - row[j]
            row[j] = vexp(gap if gap < 0.0 else 0.0)


@fused
def alive_from_doom(cost, doom, then, now, out):  # type: ignore[no-untyped-def]
    """Write 1 / (1 + Q(t_x) P(t_x)/P(T) - Q(T)).

    `cost` is -ln P and `doom` Q by age, `then` and `now` the rows of t_x and T in them.
    """
    for i in range(out.shape[0]):
        row, q, q_now = out[i], doom[then[i]], doom[now[i]]
        start, end = cost[then[i]], cost[now[i]]
        for j in range(row.shape[0]):
            odds = vexp(end[j] - start[j]) * q[j] - q_now[j]
            row[j] = 1.0 / (1.0 + (odds if odds > 0.0 else 0.0))


@fused
def quiet_from_doom(cost, doom, now, later, out):  # type: ignore[no-untyped-def]
    """Write P(no purchase in (T, T+H] | alive at T).

    min(P(T+H)/P(T) (1 - Q(T+H)) + Q(T), 1): alive and silent, or dead before buying.
    """
    for i in range(out.shape[0]):
        row, q, q_later = out[i], doom[now[i]], doom[later[i]]
        start, end = cost[now[i]], cost[later[i]]
        for j in range(row.shape[0]):
            value = vexp(start[j] - end[j]) * (1.0 - q_later[j]) + q[j]
            row[j] = value if value < 1.0 else 1.0


@fused
def mean_return(alpha, shape, t_x, T, alive, now, horizon, at, out):  # type: ignore[no-untyped-def]
    """Write mean over draws of alive (1 - S(T + H) / S(T)), exponential gaps, for the rows `at`.

    `now` is the cost of `geometric_cost` at T. No matrix of the products has to stand in memory.
    """
    n = alpha.shape[0]
    product, lanes = np.empty(n), np.empty(8)
    for row in range(out.shape[0]):
        i = at[row]
        a, start, t, u = alive[i], now[i], t_x[i], T[i] + horizon[row]
        for j in range(n):
            product[j] = shape[j] * vlog((alpha[j] + u) / (alpha[j] + t))
        for j in range(n):
            gap = start[j] - product[j]
            product[j] = a[j] * (1.0 - vexp(gap if gap < 0.0 else 0.0))
        out[row] = _sum(product, lanes) / n


@fused
def returned(alpha, shape, stayed, t_x, horizon, at, out):  # type: ignore[no-untyped-def]
    """Write stayed (1 - S(H)), exponential gaps, for the rows `at`, (row, draw)."""
    for row in range(out.shape[0]):
        t, values = t_x[at[row]], out[row]
        u = t + horizon[row]
        for j in range(values.shape[0]):
            values[j] = shape[j] * vlog((alpha[j] + u) / (alpha[j] + t))
        for j in range(values.shape[0]):
            values[j] = -vexpm1(-values[j]) * stayed[j]


@fused
def mean_returned(alpha, shape, stayed, t_x, horizon, at, out):  # type: ignore[no-untyped-def]
    """Write the mean over draws of `returned`, (row,)."""
    n = alpha.shape[0]
    values, lanes = np.empty((1, n)), np.empty(8)
    for row in range(out.shape[0]):
        returned(alpha, shape, stayed, t_x, horizon[row : row + 1], at[row : row + 1], values)
        out[row] = _sum(values[0], lanes) / n


@fused
def _sum(values, lanes):  # type: ignore[no-untyped-def]
    """Sum by eight lanes, which LLVM may not reorder a plain sum to."""
    even = values.shape[0] - values.shape[0] % 8
    lanes[:] = 0.0
    for j in range(0, even, 8):
        for lane in range(8):
            lanes[lane] += values[j + lane]
    total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + (
        (lanes[4] + lanes[5]) + (lanes[6] + lanes[7])
    )
    for j in range(even, values.shape[0]):
        total += values[j]
    return total


@njit
def at_risk(alive, quiet):  # type: ignore[no-untyped-def]
    """Turn P(no purchase | alive) into P(no purchase) = 1 - alive (1 - quiet), in place."""
    for i in range(quiet.shape[0]):
        row, a = quiet[i], alive[i]
        for j in range(row.shape[0]):
            row[j] = 1.0 - a[j] * (1.0 - row[j])


@fused
def add_tabulated(at, weight, shift, y, low, step, value, slope, out):  # type: ignore[no-untyped-def]
    """Add to `out` the weighted mean over draws of a tabulated function at y + shift, per row.

    `value` and `slope` (draw, node) tabulate it on the grid low, low + step, ...: cubic Hermite
    interpolation, slopes per step. `at` are the rows of weight and shift, (row, draw), of each y.
    """
    last = value.shape[1] - 2.0
    for i in range(y.shape[0]):
        w, s, total = weight[at[i]], shift[at[i]], 0.0
        for j in range(w.shape[0]):
            place = min(max((y[i] + s[j] - low) / step, 0.0), last)
            k = int(place)
            u = place - k
            v = 1.0 - u
            left, right = value[j, k], value[j, k + 1]
            bend = u * v * (v * slope[j, k] - u * slope[j, k + 1])
            total += w[j] * (left + u * u * (3.0 - 2.0 * u) * (right - left) + bend)
        out[i] += total / w.shape[0]


@njit
def tails(values, mean, low, high, at_low, at_high):  # type: ignore[no-untyped-def]
    """Write each row's quantiles at the levels low and high, of shape (row,); exact.

    Quantiles interpolate between order statistics, as `numpy.quantile` does. A row whose mean is
    NaN has NaN.
    """
    n = values.shape[1]
    sample, work = np.empty(min(_SAMPLE, n)), np.empty(n)
    for i in range(values.shape[0]):
        if mean[i] != mean[i]:
            at_low[i] = at_high[i] = np.nan
        else:
            at_low[i], at_high[i] = _tails(values[i], low, high, sample, work)


@njit
def tails_of_values(worth, of, gamma, total, standard, size, low, high, out):  # type: ignore[no-untyped-def]
    """Write quantiles over draws of worth (gamma + total) / standard, of shape (2, row).

    `of` are the rows of `worth`, (future, draw), and `size` those of `standard`, (size, draw).
    """
    n = worth.shape[1]
    sample, work, row = np.empty(min(_SAMPLE, n)), np.empty(n), np.empty(n)
    for i in range(out.shape[1]):
        own, chance = worth[of[i]], standard[size[i]]
        for j in range(n):
            row[j] = own[j] * ((gamma[j] + total[i]) / chance[j])
        out[0, i], out[1, i] = _tails(row, low, high, sample, work)


@njit
def _tails(row, low, high, sample, work):  # type: ignore[no-untyped-def]
    for j in range(sample.shape[0]):
        sample[j] = row[j * row.shape[0] // sample.shape[0]]
    _sort(sample)
    return _quantile(row, low, sample, work), _quantile(row, high, sample, work)


@njit
def _sort(values):  # type: ignore[no-untyped-def]
    for i in range(1, values.shape[0]):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


@njit
def _quantile(row, level, sample, work):  # type: ignore[no-untyped-def]
    place = level * (row.shape[0] - 1)
    left = int(place)
    right = min(left + 1, row.shape[0] - 1)
    found, before = _few(row, left, right, sample, work)
    smaller = _select(work, found, left - before)
    larger = np.inf
    for j in range(left - before + 1, found):
        larger = min(larger, work[j])
    return smaller + (place - left) * (larger - smaller) if right > left else smaller


@njit
def _few(row, left, right, sample, work):  # type: ignore[no-untyped-def]
    """Gather in `work` the few values among which are those of the ranks left and right, from 0.

    Returns how many they are, and how many values lie below them. A bracket low <= value < high is
    guessed from a sorted sample and narrowed by its counts and by halves in turn. Counting runs on
    vector instructions and, unlike quickselect, never guesses a branch wrong.
    """
    low, high = _bracket(sample, (left + 0.5) / row.shape[0])
    before, upto = _count(row, low), _count(row, high)
    if before > left:
        low, before = row.min(), 0
    if upto <= right:
        high, upto = np.nextafter(row.max(), np.inf), row.shape[0]
    above = np.nextafter(low, np.inf)
    if _count(row, above) > right:  # many equal values, as of those who buy nothing: no half parts
        high, upto = above, right + 1
    for turn in range(_TURNS):
        if upto - before <= _FEW or not low < 0.5 * (low + high) < high:
            break
        # Every third turn halves; one of the others looks left of the ranks, one right of them.
        share = (left + 1 - before + (-_FEW, _FEW, 0)[turn % 3] / 2) / (upto - before)
        share = 0.5 if turn % 3 == 2 else min(max(share, 0.0), 1.0)
        middle = low + share * (high - low)
        count = _count(row, middle)
        if count <= left:
            low, before = middle, count
        elif count > right:
            high, upto = middle, count
    return _gather(row, low, high, work), before


@njit
def _bracket(sample, level):  # type: ignore[no-untyped-def]
    """Return two values of the sample between which the quantile lies but for some rows in 100."""
    m = sample.shape[0]
    reach = 2.5 * np.sqrt(m * level * (1.0 - level)) + 1.0
    first, last = int(np.floor(m * level - reach)), int(np.ceil(m * level + reach))
    return sample[max(first, 0)], sample[min(last, m - 1)]


@njit
def _count(row, value):  # type: ignore[no-untyped-def]
    count = 0
    for j in range(row.shape[0]):
        count += row[j] < value
    return count


@njit
def _gather(row, low, high, work):  # type: ignore[no-untyped-def]
    """Gather low <= value < high in `work`, and return how many."""
    found = 0
    for start in range(0, row.shape[0], _LANES):
        some = row[start : start + _LANES]
        here = 0
        for j in range(some.shape[0]):
            here += (some[j] >= low) & (some[j] < high)
        if here > 0:
            for j in range(some.shape[0]):
                if some[j] >= low and some[j] < high:
                    work[found] = some[j]
                    found += 1
    return found


@njit
def _select(work, n, k):  # type: ignore[no-untyped-def]
    """Return the k-th smallest (from 0) of work[:n]; all before it are no larger after the call.

    Hoare's algorithm with the median of three.
    """
    low, high = 0, n - 1
    while low < high:
        a, b, c = work[low], work[(low + high) >> 1], work[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while work[i] < pivot:
                i += 1
            while work[j] > pivot:
                j -= 1
            if i <= j:
                work[i], work[j] = work[j], work[i]
                i, j = i + 1, j - 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return work[k]
