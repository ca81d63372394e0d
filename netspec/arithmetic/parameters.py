"""From scales to the integers that kernels are called with.

Scales are those of the .tflite file, float32; their products and quotients are taken in double, activation
bounds in float32. Each function follows the `Prepare` step of TensorFlow Lite Micro's kernel, named in its
docstring (paths under tensorflow/lite/micro/kernels), as the wheels of October 2026 run it. All scales are
rounded to float32 on entry, so that callers may hold them as Python floats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, frexp, ldexp
from typing import Literal

from netspec.arithmetic.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    INT32_MAX,
    INT32_MIN,
    float32,
    quantize_multiplier,
    round_half_away,
    scale32,
)

Activation = Literal["none", "relu", "relu6", "relu_n1_to_1"]

_ACTIVATION_BOUNDS: dict[Activation, tuple[float | None, float | None]] = {
    "none": (None, None),
    "relu": (0.0, None),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}


def short_scale(scale: float) -> float:
    """Return the least float32 of 12 significant bits that is at least `scale`: larger by 1/2048 at most.

    The product of two such scales has 24 bits, so it is the same in float32 and in double. Raises ValueError
    where `scale` is not positive and finite.
    """
    mantissa, exponent = frexp(scale32(scale))
    return ldexp(ceil(mantissa * 2**12), exponent - 12)


def bias_scale(in_scale: float, filter_scale: float) -> float:
    """Return the scale of an int32 bias, in * filter, as the float32 that the file stores."""
    return float32(scale32(in_scale) * scale32(filter_scale))


def conv_multipliers(
    in_scale: float, filter_scales: Iterable[float], out_scale: float
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return (multipliers, shifts), one a filter, of a convolution.

    Also of a dense layer with a scale for every output. in * filter / out is taken in double. Source:
    PopulateConvolutionQuantizationParams, kernels/kernel_util.cc; for per-channel dense
    CalculateOpDataFullyConnected, fully_connected_common.cc.
    """
    scale_in, scale_out = scale32(in_scale), scale32(out_scale)
    pairs = [quantize_multiplier(scale_in * scale32(scale) / scale_out) for scale in filter_scales]
    return tuple(multiplier for multiplier, _ in pairs), tuple(shift for _, shift in pairs)


def dense_multiplier(in_scale: float, filter_scale: float, out_scale: float) -> tuple[int, int]:
    """Return (multiplier, shift) of a dense layer with one weight scale; in * filter / out in double.

    Interpreters of up to September 2026 round the product in * filter to float32 first, which changes the
    multiplier of almost every pair of scales. Scales that `short_scale` made have an exact product, and with
    them all interpreters agree. Source: GetQuantizedConvolutionMultipler, kernels/kernel_util.cc.
    """
    return quantize_multiplier(scale32(in_scale) * scale32(filter_scale) / scale32(out_scale))


def requantize_multiplier(in_scale: float, out_scale: float) -> tuple[int, int]:
    """Return (multiplier, shift) of a QUANTIZE from int8 to int8; in / out in double.

    Source: PrepareQuantizeReference, quantize_common.cc.
    """
    return quantize_multiplier(scale32(in_scale) / scale32(out_scale))


def relu_multiplier(in_scale: float, out_scale: float) -> tuple[int, int]:
    """Return (multiplier, shift) of a stand-alone RELU; in / out in double.

    Interpreters of up to September 2026 round the quotient to float32. Source: CalculateReluOpData,
    activations_common.cc.
    """
    return quantize_multiplier(scale32(in_scale) / scale32(out_scale))


def mean_parameters(in_scale: float, out_scale: float, count: int) -> tuple[int, int]:
    """Return (multiplier, shift) that takes the sum of `count` values (zero point subtracted) to their mean.

    1 / count is folded into the multiplier of in / out: as many bits as fit are shifted in, then divided with
    truncation. Raises ValueError where `count` is not positive.
    Source: PrepareMeanOrSumHelper, reduce_common.cc; QuantizedMeanOrSum, kernels/internal/reference/reduce.h.
    """
    if count < 1:
        raise ValueError(f"a mean of {count} values")
    multiplier, shift = requantize_multiplier(in_scale, out_scale)
    folded = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << folded) // count, shift - folded


@dataclass(frozen=True, slots=True)
class AddParameters:
    """The arguments of an element-wise int8 sum.

    Offsets are negated zero points for inputs and the zero point for the output, as in CMSIS-NN. The sum is
    ((a + input1_offset) << left_shift) * input1 + ((b + input2_offset) << left_shift) * input2, times output.
    """

    left_shift: int
    input1_offset: int
    input1_multiplier: int
    input1_shift: int
    input2_offset: int
    input2_multiplier: int
    input2_shift: int
    output_offset: int
    output_multiplier: int
    output_shift: int


def add_parameters(
    in1_scale: float,
    in1_zero_point: int,
    in2_scale: float,
    in2_zero_point: int,
    out_scale: float,
    out_zero_point: int,
) -> AddParameters:
    """Return the parameters of an int8 ADD.

    Both inputs go to twice the larger scale with 20 more bits, their sum to the output's scale. Ratios are
    taken in double. Raises ValueError where the output's scale is so small that its multiplier is 1 or more:
    TensorFlow Lite Micro aborts there. Source: CalculateOpDataAdd, add_common.cc.
    """
    left_shift = 20
    scale1, scale2, scale_out = scale32(in1_scale), scale32(in2_scale), scale32(out_scale)
    twice_largest = 2.0 * max(scale1, scale2)
    multiplier1, shift1 = quantize_multiplier(scale1 / twice_largest)
    multiplier2, shift2 = quantize_multiplier(scale2 / twice_largest)
    multiplier_out, shift_out = quantize_multiplier(twice_largest / (2.0**left_shift * scale_out))
    if shift_out > 0:
        raise ValueError(f"output scale {out_scale!r} is too small for inputs' {in1_scale!r} and {in2_scale!r}")
    return AddParameters(
        left_shift,
        -in1_zero_point,
        multiplier1,
        shift1,
        -in2_zero_point,
        multiplier2,
        shift2,
        out_zero_point,
        multiplier_out,
        shift_out,
    )


def input_radius(integer_bits: int, left_shift: int) -> int:
    """Return the largest |input| that `left_shift` keeps inside `integer_bits` integer bits of 31.

    Source: CalculateInputRadius, kernels/internal/quantization_util.cc.
    """
    return floor(((1 << integer_bits) - 1) * 2.0 ** (31 - integer_bits) / 2.0**left_shift)


@dataclass(frozen=True, slots=True)
class SoftmaxParameters:
    """The arguments of an int8 softmax; differences to the row's maximum below `diff_min` have exp 0."""

    multiplier: int
    shift: int
    diff_min: int


def softmax_parameters(in_scale: float, beta: float = 1.0) -> SoftmaxParameters:
    """Return the parameters of an int8 SOFTMAX with output scale 1/256 and zero point -128.

    The multiplier is beta * in * 2**26 (5 integer bits), at most 2**31 - 1, in double. Raises ValueError
    where it does not exceed 1: TensorFlow Lite Micro aborts there. Source: CalculateSoftmaxParams,
    softmax_common.cc; PreprocessSoftmaxScaling, quantization_util.cc.
    """
    integer_bits = 5
    real = min(float32(beta) * scale32(in_scale) * 2.0 ** (31 - integer_bits), 2.0**31 - 1.0)
    if real <= 1.0:
        raise ValueError(f"softmax input scale {in_scale!r} with beta {beta!r} is too small")
    multiplier, shift = quantize_multiplier(real)
    return SoftmaxParameters(multiplier, shift, -input_radius(integer_bits, shift))


@dataclass(frozen=True, slots=True)
class SigmoidParameters:
    """The arguments of an int8 LOGISTIC or TANH: inputs at or beyond `radius` saturate."""

    multiplier: int
    shift: int
    radius: int


def sigmoid_parameters(in_scale: float) -> SigmoidParameters:
    """Return the parameters of an int8 LOGISTIC or TANH, which see their input with 4 integer bits.

    Raises ValueError where the scale is below 2**-28, for which TensorFlow Lite Micro's shift is undefined.
    Source: CalculateArithmeticOpDataLogistic, logistic_common.cc; CalculateArithmeticOpData, tanh.cc.
    """
    integer_bits = 4
    real = scale32(in_scale) * 2.0 ** (31 - integer_bits)
    if real < 0.5:
        raise ValueError(f"input scale {in_scale!r} of a sigmoid or tanh is too small")
    multiplier, shift = quantize_multiplier(real)
    return SigmoidParameters(multiplier, shift, input_radius(integer_bits, shift))


def activation_clamp(kind: Activation, scale: float, zero_point: int) -> tuple[int, int]:
    """Return the (least, greatest) int8 output of a fused activation at the output's scale and zero point.

    A bound is zero point + round(value / scale), the quotient in float32, inside [-128, 127]. The least may
    exceed the greatest only for an output that cannot represent zero. Raises ValueError where a bound leaves
    int32. Source: CalculateActivationRangeQuantized, kernels/kernel_util.cc.
    """
    lower, upper = _ACTIVATION_BOUNDS[kind]
    least = INT8_MIN if lower is None else max(INT8_MIN, _quantized_bound(lower, scale, zero_point))
    greatest = INT8_MAX if upper is None else min(INT8_MAX, _quantized_bound(upper, scale, zero_point))
    return least, greatest


def _quantized_bound(value: float, scale: float, zero_point: int) -> int:
    try:
        steps = round_half_away(float32(value / scale32(scale)))
    except OverflowError:
        steps = INT32_MAX + 1
    if not INT32_MIN <= steps <= INT32_MAX:
        raise ValueError(f"activation bound {value} is not representable at scale {scale!r}")
    return zero_point + steps
