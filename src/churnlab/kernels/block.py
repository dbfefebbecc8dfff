"""Blocks of draws: the inner loops of the families' `many` run over one.

Neighbouring draws do the same arithmetic on the same cell, so that LLVM turns the loops over a
block into vector instructions (`vector`); each cell is read once per block.

All blocks have one length, the last is filled up with copies, hence a draw's result depends on
its block at most; those are cut at fixed places, so that threads change no bit. As with `rising`
and `vector`, numba's disk cache does not see changes of this file: save `many` anew after one.
"""

from churnlab.kernels._compile import fused
from churnlab.kernels.plan import WIDTH
from churnlab.kernels.rising import log_rising
from churnlab.kernels.vector import vlog

#: New factors of Gamma(r + x) / Gamma(r) that are multiplied; more are left to Stirling's series.
_FACTORS = 64


@fused
def load_block(thetas, start, g, theta):  # type: ignore[no-untyped-def]
    """Copy a group's parameters for a block of draws; the last draw fills the block up."""
    last = thetas.shape[0] - 1
    for p in range(theta.shape[0]):
        for j in range(WIDTH):
            theta[p, j] = thetas[min(start + j, last), p, g]


@fused
def store_block(total, start, g, out):  # type: ignore[no-untyped-def]
    """Write a block's sums of a group."""
    for j in range(min(WIDTH, out.shape[0] - start)):
        out[start + j, g] = total[j]


@fused
def add_rising(r, done, n, sign, out):  # type: ignore[no-untyped-def]
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
