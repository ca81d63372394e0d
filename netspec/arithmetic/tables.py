"""Element-wise int8 functions as tables of 256 outputs, for q = -128 ... 127.

A unary int8 op has only 256 inputs, so a table made at build time with the interpreter's own arithmetic is
exact. Sources are under tensorflow/lite/micro/kernels and tensorflow/lite/kernels/internal/reference.
"""

from __future__ import annotations

from collections.abc import Callable

from netspec.arithmetic.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    clamp_int8,
    float32,
    multiply_by_quantized_multiplier,
    round_half_away,
    rounding_shift_right,
    scale32,
)
from netspec.arithmetic.functions import exp_on_negative_values, logistic, tanh
from netspec.arithmetic.parameters import (
    SoftmaxParameters,
    activation_clamp,
    relu_multiplier,
    requantize_multiplier,
    sigmoid_parameters,
)


def logistic_table(in_scale: float, in_zero_point: int) -> list[int]:
    """Return the outputs of an int8 LOGISTIC; its output has scale 1/256 and zero point -128.

    The fixed-point logistic is rounded to 8 fractional bits. Source: integer_ops/logistic.h.
    """
    return _sigmoid_table(in_scale, in_zero_point, lambda x: rounding_shift_right(logistic(x, 4), 23) - 128)


def tanh_table(in_scale: float, in_zero_point: int) -> list[int]:
    """Return the outputs of an int8 TANH; its output has scale 1/128 and zero point 0.

    The fixed-point tanh is rounded to 7 fractional bits. Source: integer_ops/tanh.h.
    """
    return _sigmoid_table(in_scale, in_zero_point, lambda x: rounding_shift_right(tanh(x, 4), 24))


def _sigmoid_table(in_scale: float, in_zero_point: int, function: Callable[[int], int]) -> list[int]:
    parameters = sigmoid_parameters(in_scale)
    outputs = []
    for q in range(INT8_MIN, INT8_MAX + 1):
        value = q - in_zero_point
        if value <= -parameters.radius:
            outputs.append(INT8_MIN)
        elif value >= parameters.radius:
            outputs.append(INT8_MAX)
        else:
            scaled = multiply_by_quantized_multiplier(value, parameters.multiplier, parameters.shift)
            outputs.append(clamp_int8(function(scaled)))
    return outputs


def relu_table(in_scale: float, in_zero_point: int, out_scale: float, out_zero_point: int) -> list[int]:
    """Return the outputs of a stand-alone int8 RELU, which also rescales.

    A bound above is the output range's own: with scale max / 255 and zero point -128 the output saturates at
    max. Source: CalculateReluOpData, activations_common.cc; ReluQuantized, activations.h.
    """
    least, greatest = activation_clamp("relu", out_scale, out_zero_point)
    multiplier, shift = relu_multiplier(in_scale, out_scale)
    return _rescaled(in_zero_point, out_zero_point, multiplier, shift, least, greatest)


def relu6_table(scale: float, zero_point: int) -> list[int]:
    """Return the outputs of a stand-alone int8 RELU6: a clamp at the scale that input and output share.

    TensorFlow Lite Micro ignores the output's scale here, so the two must be the same.
    Source: Relu6Prepare, activations_common.cc; Relu6Quantized, activations.h.
    """
    six = clamp_int8(round_half_away(float32(6.0 / scale32(scale))) + zero_point)
    return [min(six, max(zero_point, q)) for q in range(INT8_MIN, INT8_MAX + 1)]


def requantize_table(in_scale: float, in_zero_point: int, out_scale: float, out_zero_point: int) -> list[int]:
    """Return the outputs of a QUANTIZE from int8 to int8.

    Source: PrepareQuantizeReference, quantize_common.cc; Requantize, requantize.h.
    """
    multiplier, shift = requantize_multiplier(in_scale, out_scale)
    return _rescaled(in_zero_point, out_zero_point, multiplier, shift, INT8_MIN, INT8_MAX)


def _rescaled(
    in_zero_point: int, out_zero_point: int, multiplier: int, shift: int, least: int, greatest: int
) -> list[int]:
    return [
        min(
            greatest,
            max(least, multiply_by_quantized_multiplier(q - in_zero_point, multiplier, shift) + out_zero_point),
        )
        for q in range(INT8_MIN, INT8_MAX + 1)
    ]


def softmax_exponentials(parameters: SoftmaxParameters) -> list[int | None]:
    """Return exp(d) with 0 integer bits for the differences d = 0, -1, ... -255 to a row's maximum.

    None where d is below `diff_min`: such an element adds nothing to the sum and its output is -128.
    Source: Softmax, reference/softmax.h.
    """
    return [
        exp_on_negative_values(multiply_by_quantized_multiplier(-d, parameters.multiplier, parameters.shift), 5)
        if -d >= parameters.diff_min
        else None
        for d in range(256)
    ]
