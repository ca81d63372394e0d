"""exp, 1 / (1 + x), logistic and tanh in 32-bit fixed point, as gemmlowp's fixedpoint.h computes them.

A number with n integer bits is an int32 in units of 2**(n - 31). Values with 0 integer bits cover [-1, 1);
there 1 is represented by 2**31 - 1.
"""

from __future__ import annotations

from netspec.arithmetic.arithmetic import (
    INT32_MAX,
    doubling_high_multiply,
    rounding_shift_right,
    saturating_shift_left,
)

_ONE = INT32_MAX  # 1.0 with 0 integer bits, saturated
_EXP_MINUS_EIGHTH = 1895147668  # exp(-1/8), 0 integer bits
_ONE_THIRD = 715827883
_48_OVER_17 = 1515870810  # 2 integer bits
_MINUS_32_OVER_17 = -1010580540  # 2 integer bits
_EXP_OF_MINUS_POWERS = (  # exp(-2**k), 0 integer bits, for k = -2, -1, ... 4
    1672461947,
    1302514674,
    790015084,
    290630308,
    39332535,
    720401,
    242,
)


def _exp_of_last_quarter(a: int) -> int:
    """Return exp(a) for a in [-1/4, 0): a Taylor series of fourth order around -1/8."""
    x = a + (1 << 28)
    x2 = doubling_high_multiply(x, x)
    x3 = doubling_high_multiply(x2, x)
    x4 = doubling_high_multiply(x2, x2)
    cubic = doubling_high_multiply(rounding_shift_right(x4, 2) + x3, _ONE_THIRD)
    tail = rounding_shift_right(cubic + x2, 1)
    return _EXP_MINUS_EIGHTH + doubling_high_multiply(_EXP_MINUS_EIGHTH, x + tail)


def exp_on_negative_values(a: int, integer_bits: int) -> int:
    """Return exp(a) with 0 integer bits for a <= 0 with at most 5 `integer_bits`.

    The fractional quarter goes through a series, every further binary digit through one multiplication.
    """
    fractional_bits = 31 - integer_bits
    quarter = 1 << (fractional_bits - 2)
    last_quarter = (a & (quarter - 1)) - quarter
    result = _exp_of_last_quarter(saturating_shift_left(last_quarter, integer_bits))
    remainder = last_quarter - a
    for power, factor in enumerate(_EXP_OF_MINUS_POWERS, start=-2):
        if power < integer_bits and remainder & (1 << (fractional_bits + power)):
            result = doubling_high_multiply(result, factor)
    return _ONE if a == 0 else result


def _reciprocal_of_half_denominator(a: int) -> int:
    """Return 2 / (1 + a) with 2 integer bits for a in [0, 1): three Newton-Raphson steps."""
    half_denominator = (a + _ONE + 1) // 2
    x = _48_OVER_17 + doubling_high_multiply(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 29) - doubling_high_multiply(half_denominator, x)
        x += saturating_shift_left(doubling_high_multiply(x, error), 2)
    return x


def one_over_one_plus(a: int) -> int:
    """Return 1 / (1 + a) with 0 integer bits for a in [0, 1)."""
    # Halving is free: the same bits, read with 1 integer bit instead of 2.
    return saturating_shift_left(_reciprocal_of_half_denominator(a), 1)


def logistic(a: int, integer_bits: int) -> int:
    """Return 1 / (1 + exp(-a)) with 0 integer bits."""
    if a == 0:
        return 1 << 30
    positive = one_over_one_plus(exp_on_negative_values(-abs(a), integer_bits))
    return positive if a > 0 else _ONE - positive


def tanh(a: int, integer_bits: int) -> int:
    """Return tanh(a) with 0 integer bits, as (1 - exp(-2 |a|)) / (1 + exp(-2 |a|)) with the sign of a."""
    if a == 0:
        return 0
    # 2a is exact: the same bits, read with one more integer bit.
    reciprocal = _reciprocal_of_half_denominator(exp_on_negative_values(-abs(a), integer_bits + 1))
    magnitude = saturating_shift_left(reciprocal - (1 << 29), 2)
    return magnitude if a > 0 else -magnitude


def reciprocal(value: int, integer_bits: int) -> tuple[int, int]:
    """Return (r, bits) with 1 / value = r * 2**-bits for value > 0 with `integer_bits`, r with 0 of them.

    Source: GetReciprocal, tensorflow/lite/kernels/internal/common.h.
    """
    leading_zeros = 32 - value.bit_length()
    return one_over_one_plus((value << leading_zeros) - (1 << 31)), integer_bits - leading_zeros
