"""The integer primitives under every int8 kernel: quantized multipliers and rounding shifts.

Pure Python, exact, one number at a time; `netspec.reference` has the same operations on arrays. Every
function states its rounding, because the emitted C and TensorFlow Lite Micro must agree with it to the last
bit.
"""

from __future__ import annotations

import math
import struct

INT8_MIN, INT8_MAX = -128, 127
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def float32(value: float) -> float:
    """Return `value` rounded to the nearest float32, ties to even.

    A quotient or product of two float32 values computed in double and passed through here equals the float32
    operation in C: a product of two is exact in double, and 53 bits are enough (>= 2 * 24 + 2) for rounding a
    quotient twice to be harmless. Raises OverflowError beyond the float32 range.
    """
    (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    return float(rounded)


def scale32(scale: float) -> float:
    """Return a tensor's scale as the .tflite file stores it: in float32.

    Raises ValueError unless that is positive and finite.
    """
    stored = float32(scale)
    if not 0.0 < stored < math.inf:
        raise ValueError(f"scale {scale!r} is not a positive float32")
    return stored


def round_half_away(value: float) -> int:
    """Return the integer nearest to `value`, halves away from zero, as C's `round` does."""
    whole = math.floor(abs(value))
    whole += abs(value) - whole >= 0.5
    return whole if value >= 0 else -whole


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return (multiplier, shift) with real ~ multiplier * 2**(shift - 31); multiplier 0 or in [2**30, 2**31).

    `real` is a double. A mantissa that rounds up to 2**31 becomes 2**30 with one more shift; a shift under
    -31 gives (0, 0), for every product would be shifted out. Raises ValueError where `real` is negative or
    not finite. Source: QuantizeMultiplier, tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    if not 0.0 <= real < math.inf:
        raise ValueError(f"multiplier {real!r} is not a finite number of at least 0")
    if real == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    multiplier = round_half_away(mantissa * 2.0**31)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def doubling_high_multiply(a: int, b: int) -> int:
    """Return a * b / 2**31 of two int32, rounded to nearest with halves upwards, -2**31 * -2**31 saturated.

    Source: SaturatingRoundingDoublingHighMul, gemmlowp fixedpoint.h. Its sign-dependent nudge followed by a
    truncating division is the same as adding 2**30 and shifting.
    """
    return min((a * b + 2**30) >> 31, INT32_MAX)


def rounding_shift_right(value: int, exponent: int) -> int:
    """Return value / 2**exponent, rounded to nearest with halves away from zero; `exponent` in [0, 31].

    Source: RoundingDivideByPOT, gemmlowp fixedpoint.h.
    """
    if exponent == 0:
        return value
    return (value + (1 << (exponent - 1)) - (value < 0)) >> exponent


def multiply_by_quantized_multiplier(value: int, multiplier: int, shift: int) -> int:
    """Return value * multiplier * 2**(shift - 31), rounded twice.

    First after the multiplication, then after the shift. A positive shift is applied before the
    multiplication. Raises OverflowError where that leaves int32, which C would wrap. Source:
    MultiplyByQuantizedMultiplier without TFLITE_SINGLE_ROUNDING, tensorflow/lite/kernels/internal/common.cc.
    """
    shifted = value << max(shift, 0)
    if not INT32_MIN <= shifted <= INT32_MAX:
        raise OverflowError(f"{value} << {shift} does not fit int32")
    return rounding_shift_right(doubling_high_multiply(shifted, multiplier), max(-shift, 0))


def saturating_shift_left(value: int, exponent: int) -> int:
    """Return value * 2**exponent, saturated to int32.

    Source: SaturatingRoundingMultiplyByPOT with a positive exponent, gemmlowp fixedpoint.h.
    """
    return max(INT32_MIN, min(INT32_MAX, value << exponent))


def clamp_int8(value: int) -> int:
    """Return `value` limited to [-128, 127]."""
    return max(INT8_MIN, min(INT8_MAX, value))
