"""Exponentials and logarithms that LLVM can turn into vector instructions.

numba knows these functions only one number at a time; written out here, a loop over a block of
draws takes four or eight at once. numba's disk cache does not notice changes of this file: after
one, its callers (`many`, `rows`, `death`) have to be saved anew.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic

from churnlab.kernels._compile import fused

_LOG2E = 1.4426950408889634
#: ln 2 in two parts, the first with zeros at its end, so that its multiples are exact.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
#: Adding this to a number rounds it to an integer, which then is in the lowest bits.
_SHIFT = 6755399441055744.0
_SHIFT_BITS = 0x4338000000000000
#: Bits of sqrt(1/2): mantissas are taken from there up to sqrt(2).
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_LIMIT = 700.0


def _cast(signature: Any) -> Any:
    """Return an intrinsic that takes a number's 64 bits for another type."""

    def intrinsic_of(typing_context, value):  # type: ignore[no-untyped-def]
        def cast(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

        return signature, cast

    return intrinsic(intrinsic_of)


_bits: Any = _cast(types.int64(types.float64))
_float: Any = _cast(types.float64(types.int64))


@fused
def _reduced(x):  # type: ignore[no-untyped-def]
    """Return r, the series (e^r - 1 - r) / r^2 and 2^k of e^x = 2^k e^r; x is cut at -700 and 700.

    |r| <= ln(2)/2; Taylor's series of e^r goes up to r^13 / 13! (the next term is 4e-18).
    """
    x = -_LIMIT if x < -_LIMIT else x
    x = _LIMIT if x > _LIMIT else x
    shifted = x * _LOG2E + _SHIFT
    k = shifted - _SHIFT
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = 1 / 479001600 + r * (1 / 6227020800)
    p = 1 / 3628800 + r * (1 / 39916800 + r * p)
    p = 1 / 40320 + r * (1 / 362880 + r * p)
    p = 1 / 720 + r * (1 / 5040 + r * p)
    p = 1 / 24 + r * (1 / 120 + r * p)
    return r, 1 / 2 + r * (1 / 6 + r * p), _float((_bits(shifted) + 1023) << 52)


@fused
def vexp(x):  # type: ignore[no-untyped-def]
    """Return e^x to 2 units in the last place; x is cut as by `_reduced`."""
    r, p, power = _reduced(x)
    return (1.0 + r * (1.0 + r * p)) * power


@fused
def vexpm1(x):  # type: ignore[no-untyped-def]
    """Return e^x - 1 to 3 units in the last place, near 0 too; x is cut as by `_reduced`.

    2^k (e^r - 1) + (2^k - 1): where k = 0, and only there, the answer may be small.
    """
    r, p, power = _reduced(x)
    return power * (r * (1.0 + r * p)) + (power - 1.0)


@fused
def _log_of(f, k):  # type: ignore[no-untyped-def]
    """Return ln(2^k (1 + f)), sqrt(1/2) <= 1 + f < sqrt(2).

    ln(1 + f) = 2 artanh s, s = f / (2 + f), by its series up to s^21 (the next term is below 1e-17
    of the first).
    """
    exponent = _float(k + _SHIFT_BITS) - _SHIFT
    s = f / (2.0 + f)
    z = s * s
    p = 2 / 19 + z * (2 / 21)
    p = 2 / 15 + z * (2 / 17 + z * p)
    p = 2 / 11 + z * (2 / 13 + z * p)
    p = 2 / 7 + z * (2 / 9 + z * p)
    p = 2 / 3 + z * (2 / 5 + z * p)
    return exponent * _LN2_HIGH + (2.0 * s + (s * z * p + exponent * _LN2_LOW))


@fused
def vlog(x):  # type: ignore[no-untyped-def]
    """Return ln x to 2 units in the last place, for normal numbers x > 0; nonsense for others."""
    bits = _bits(x)
    k = (bits - _ROOT_HALF_BITS) >> 52
    return _log_of(_float(bits - (k << 52)) - 1.0, k)


@fused
def vlog1p(x):  # type: ignore[no-untyped-def]
    """Return ln(1 + x), x >= 0, to 2 units in the last place: 1 + x and what it loses."""
    u = 1.0 + x
    bits = _bits(u)
    k = (bits - _ROOT_HALF_BITS) >> 52
    lost = (x - (u - 1.0)) * _float((1023 - k) << 52)
    return _log_of(_float(bits - (k << 52)) - 1.0 + lost, k)
