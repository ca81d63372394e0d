"""int8 pooling and global means, equal to TensorFlow Lite Micro's reference kernels in every element.

Kernels' sources are under tensorflow/lite/kernels/internal/reference.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.arithmetic import INT8_MAX, INT8_MIN
from netspec.reference.arrays import (
    INT8_RANGE,
    Bounds,
    Int8,
    multiply_by_quantized_multiplier,
    require_int8,
    require_int32,
)
from netspec.reference.windows import Padding, Pair, by_batch, window_maxima, window_sums


def average_pool2d(
    x: Int8,
    *,
    pool_size: Pair,
    strides: Pair,
    padding: Padding = (0, 0, 0, 0),
    activation: Bounds = INT8_RANGE,
) -> Int8:
    """Return the window averages [n, oh, ow, c] of x [n, h, w, c], padding left out of sum and count.

    Rounded to nearest, halves away from q = 0 (not from the zero point): the kernel does not rescale, input
    and output share scale and zero point. Source: AveragePool, integer_ops/pooling.h.
    """
    require_int8(x)

    def run(part: NDArray[Any]) -> NDArray[Any]:
        sums, counts = window_sums(part.astype(np.int64), pool_size, strides, padding)
        quotients = np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)
        outputs: Int8 = np.clip(quotients, *activation).astype(np.int8)
        return outputs

    return by_batch(run, x, prod(x.shape[1:]) * 16)


def max_pool2d(
    x: Int8,
    *,
    pool_size: Pair,
    strides: Pair,
    padding: Padding = (0, 0, 0, 0),
    activation: Bounds = INT8_RANGE,
) -> Int8:
    """Return the window maxima [n, oh, ow, c] of x [n, h, w, c]; padding never wins.

    Source: MaxPool, integer_ops/pooling.h.
    """
    require_int8(x)
    maxima = by_batch(lambda part: window_maxima(part, pool_size, strides, padding, INT8_MIN), x, prod(x.shape[1:]) * 2)
    return np.clip(maxima, *activation).astype(np.int8)


def mean_hw(
    x: Int8,
    *,
    input_zero_point: int,
    output_zero_point: int,
    multiplier: int,
    shift: int,
    keep_dims: bool = False,
) -> Int8:
    """Return the mean over height and width of x [n, h, w, c]: [n, c], or [n, 1, 1, c] with `keep_dims`.

    `multiplier` and `shift` are those of `mean_parameters` for h * w values. Source: QuantizedMeanOrSum,
    reduce.h.
    """
    require_int8(x)
    sums = x.sum(axis=(1, 2), dtype=np.int64, keepdims=keep_dims)
    sums -= input_zero_point * x.shape[1] * x.shape[2]
    require_int32(sums, "the sum of a mean")
    outputs = multiply_by_quantized_multiplier(sums, multiplier, shift) + output_zero_point
    return np.clip(outputs, INT8_MIN, INT8_MAX).astype(np.int8)
