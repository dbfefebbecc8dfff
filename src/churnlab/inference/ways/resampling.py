"""Equal-weight draws from weighted ones, with as little noise as can be.

Systematic resampling keeps what it can order: a comb along one coordinate leaves the others to
chance. Along a Hilbert curve neighbours are near in every coordinate, so each draw stands for its
own corner of the posterior (Gerber, Chopin and Whiteley, "Negative association, ordering and
convergence of resampling methods", Annals of Statistics 2019).
"""

import itertools

import numpy as np

from churnlab.types import Array, Ints

#: Bits of an index along the curve, over all coordinates: what a signed integer holds.
_BITS = 62
#: Bits a coordinate: finer than the draws are.
_FINEST = 12


def resample(weights: Array, points: Array, draws: int, rng: np.random.Generator) -> Ints:
    """Return which points are kept, as often as they are kept.

    One uniform number places an even comb on the weights cumulated along the curve: every point is
    kept within one of ``draws * weight`` times. The first and the second half of the rows are combs
    of their own, each in random order, so that either half alone stands for the posterior.

    weights: Weights, (point,), of any sum.
    points: Where the points lie, (point, coordinate), on any scale.
    draws: Rows to return.
    """
    order = curve_order(points)
    cumulated = np.cumsum(weights[order])
    comb = (rng.random() + np.arange(draws)) / draws * cumulated[-1]
    rows = order[np.minimum(np.searchsorted(cumulated, comb), len(weights) - 1)]
    return np.concatenate([rng.permutation(rows[::2]), rng.permutation(rows[1::2])])


def curve_order(points: Array) -> Ints:
    """Return the points' order along a Hilbert curve through their ranks.

    Skilling, "Programming the Hilbert curve" (AIP Conference Proceedings 707, 2004).
    """
    axes = points.T[:_BITS]
    bits = min(_FINEST, _BITS // len(axes))
    ranks = np.argsort(np.argsort(axes, axis=1, kind="stable"), axis=1)
    x = (ranks << bits) // axes.shape[1]
    for bit in reversed(range(1, bits)):  # from cells to the curve's own frame
        below = (1 << bit) - 1
        for row in x:
            swap = np.where(row >> bit & 1, 0, (x[0] ^ row) & below)
            x[0] ^= np.where(row >> bit & 1, below, swap)
            row ^= swap
    for one, other in itertools.pairwise(x):  # Gray code
        other ^= one
    flip = np.zeros_like(x[-1])
    for bit in range(1, bits):
        flip ^= np.where(x[-1] >> bit & 1, (1 << bit) - 1, 0)
    x ^= flip
    index = np.zeros_like(flip)
    for bit in reversed(range(bits)):
        for row in x:
            index = index << 1 | row >> bit & 1
    return np.argsort(index, kind="stable")
