"""Compiled pass over the cells of the Gamma-Gamma model: all sums that need logarithms of them."""

import numpy as np

from churnlab.kernels._compile import fused
from churnlab.kernels.vector import vlog1p

#: Cells whose sums run side by side: they are added in one order, whatever the machine.
_LANES = 16


@fused
def sums(gamma, n, total, weight, out):  # type: ignore[no-untyped-def]
    """Write four sums over cells for each gamma, (draw, 4).

    With L = ln(1 + total / gamma) these are the weighted sums of L, n L, 1 / (gamma + total) and
    n / (gamma + total): `gamma_gamma.mixed_part` and its slopes hold no other logarithm of a total.
    """
    whole = n.shape[0] // _LANES * _LANES
    for d in range(gamma.shape[0]):
        lanes = np.zeros((4, _LANES))
        for start in range(0, whole, _LANES):
            stop = start + _LANES
            _add(lanes, gamma[d], n[start:stop], total[start:stop], weight[start:stop])
        _add(lanes, gamma[d], n[whole:], total[whole:], weight[whole:])
        for k in range(4):
            out[d, k] = lanes[k].sum()


@fused
def _add(lanes, gamma, n, total, weight):  # type: ignore[no-untyped-def]
    for j in range(n.shape[0]):
        grown = weight[j] * vlog1p(total[j] / gamma)
        share = weight[j] / (gamma + total[j])
        lanes[0, j] += grown
        lanes[1, j] += n[j] * grown
        lanes[2, j] += share
        lanes[3, j] += n[j] * share
