"""int8 ops with weights: convolution, depthwise convolution, dense.

Equal to TensorFlow Lite Micro's reference kernels in every element; their sources are under
tensorflow/lite/kernels/internal/reference. Activations are int8 arrays with the batch first, weights
symmetric int8, multipliers and shifts those of `netspec.arithmetic`. An accumulator that leaves int32
raises OverflowError: in C it would wrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspec.arithmetic import INT8_MAX, INT8_MIN, INT32_MAX
from netspec.reference.arrays import (
    INT8_RANGE,
    Bounds,
    Int8,
    multiply_by_quantized_multiplier,
    require_int8,
    require_int32,
)
from netspec.reference.windows import Padding, Pair, by_batch, convolve, convolve_depthwise


def conv2d(
    x: Int8,
    w: Int8,
    bias: NDArray[np.int32] | None,
    *,
    input_zero_point: int,
    output_zero_point: int,
    multipliers: Sequence[int],
    shifts: Sequence[int],
    strides: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: Padding = (0, 0, 0, 0),
    activation: Bounds = INT8_RANGE,
) -> Int8:
    """Return the convolution [n, oh, ow, o] of x [n, h, w, c] with filters [o, kh, kw, c / groups].

    `padding` (top, bottom, left, right) counts as the input's zero point. Source: integer_ops/conv.h.
    """
    bound = _sum_bound(w.reshape(len(w), -1), input_zero_point)
    weights = w.astype(_exact_type(bound))

    def run(part: NDArray[Any]) -> NDArray[Any]:
        centred = part.astype(weights.dtype) - weights.dtype.type(input_zero_point)
        sums = convolve(centred, weights, strides, dilation, padding)
        return _requantize(sums, bias, bound, multipliers, shifts, output_zero_point, activation)

    require_int8(x, w)
    return by_batch(run, x, prod(x.shape[1:]) * prod(w.shape[1:3]) * 8 // prod(strides))


def depthwise_conv2d(
    x: Int8,
    w: Int8,
    bias: NDArray[np.int32] | None,
    *,
    input_zero_point: int,
    output_zero_point: int,
    multipliers: Sequence[int],
    shifts: Sequence[int],
    strides: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: Padding = (0, 0, 0, 0),
    activation: Bounds = INT8_RANGE,
) -> Int8:
    """Return the depthwise convolution [n, oh, ow, c * m] of x [n, h, w, c] with filters [1, kh, kw, c * m].

    Output channel i * m + j comes from input channel i. Source: integer_ops/depthwise_conv.h.
    """
    bound = _sum_bound(w.reshape(-1, w.shape[3]).T, input_zero_point)
    weights = w.astype(_exact_type(bound))

    def run(part: NDArray[Any]) -> NDArray[Any]:
        centred = part.astype(weights.dtype) - weights.dtype.type(input_zero_point)
        sums = convolve_depthwise(centred, weights, strides, dilation, padding)
        return _requantize(sums, bias, bound, multipliers, shifts, output_zero_point, activation)

    require_int8(x, w)
    return by_batch(run, x, prod(x.shape[1:3]) * w.shape[3] * 32 // prod(strides))


def dense(
    x: Int8,
    w: Int8,
    bias: NDArray[np.int32] | None,
    *,
    input_zero_point: int,
    output_zero_point: int,
    multiplier: int | Sequence[int],
    shift: int | Sequence[int],
    activation: Bounds = INT8_RANGE,
) -> Int8:
    """Return the dense layer [..., o] of x [..., k] with weights [o, k]; one multiplier, or one an output.

    Source: integer_ops/fully_connected.h.
    """
    require_int8(x, w)
    bound = _sum_bound(w, input_zero_point)
    weights = w.astype(_exact_type(bound))
    sums = (x.astype(weights.dtype) - weights.dtype.type(input_zero_point)) @ weights.T
    return _requantize(sums, bias, bound, multiplier, shift, output_zero_point, activation)


def _sum_bound(rows: Int8, input_zero_point: int) -> int:
    """Return a bound of every partial sum: the heaviest row of weights times the largest input."""
    largest_input = max(INT8_MAX - input_zero_point, input_zero_point - INT8_MIN)
    return int(np.abs(rows.astype(np.int64)).sum(axis=1).max(initial=0)) * largest_input


def _exact_type(bound: int) -> type[np.float32] | type[np.float64]:
    """Return the fastest floating type in which sums bounded by `bound` are exact.

    All terms and all partial sums, in whatever order a matrix product takes them, are integers of at most
    `bound`; a float32 holds every integer up to 2**24, a float64 up to 2**53. Floating matrix products run in
    BLAS, integer ones do not.
    """
    if bound > 2**53:
        raise OverflowError(f"sums of up to {bound} are not exact in double")
    return np.float32 if bound <= 2**24 else np.float64


def _requantize(
    sums: NDArray[Any],
    bias: NDArray[np.int32] | None,
    bound: int,
    multipliers: ArrayLike,
    shifts: ArrayLike,
    output_zero_point: int,
    activation: Bounds,
) -> Int8:
    accumulators = sums.astype(np.int64)
    if bound > INT32_MAX:
        require_int32(accumulators, "a sum of products")
    if bias is not None:
        accumulators += bias
        if bound + int(np.abs(bias.astype(np.int64)).max(initial=0)) > INT32_MAX:
            require_int32(accumulators, "a sum of products and its bias")
    outputs = multiply_by_quantized_multiplier(accumulators, multipliers, shifts)
    outputs += output_zero_point
    return np.clip(outputs, *activation, out=outputs).astype(np.int8)
