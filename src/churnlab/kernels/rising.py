"""What the compiled loops of the families share: rising factorials, and runs of equal rows.

numba's disk cache notices a change of the file of the function that is called, not of the files of
the functions that it calls: after a change here, like one of `vector`, the families' `kernel` and
`many` have to be saved anew.
"""

from math import log, log1p

from churnlab.kernels._compile import njit


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


@njit
def end_of_run(group, x, start):  # type: ignore[no-untyped-def]
    """Return the first position after `start` where the group or x differs."""
    end = start + 1
    while end < x.shape[0] and group[end] == group[start] and x[end] == x[start]:
        end += 1
    return end
