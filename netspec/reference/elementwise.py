"""int8 softmax, sums, tables and moves of data, equal to TensorFlow Lite Micro's reference kernels in every
element.

Kernels' sources are under tensorflow/lite/kernels/internal/reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add

import numpy as np
from numpy.typing import NDArray

from netspec.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    AddParameters,
    SoftmaxParameters,
    softmax_exponentials,
)
from netspec.arithmetic import multiply_by_quantized_multiplier as multiply
from netspec.arithmetic.functions import reciprocal
from netspec.reference.arrays import (
    INT8_RANGE,
    Bounds,
    Int8,
    Int64,
    multiply_by_quantized_multiplier,
    require_int8,
    rounding_shift_right,
)
from netspec.reference.windows import Pair


def softmax(x: Int8, parameters: SoftmaxParameters) -> Int8:
    """Return the softmax over the last axis, at scale 1/256 and zero point -128.

    Raises OverflowError where the exponentials of a row sum to 512 or more, say 512 equal elements:
    TensorFlow Lite Micro aborts the process there. Source: Softmax, softmax.h.
    """
    require_int8(x)
    exponentials = softmax_exponentials(parameters)
    counted = np.array([value is not None for value in exponentials])
    exps = np.array([value or 0 for value in exponentials], np.int64)
    differences = x.max(axis=-1, keepdims=True).astype(np.int64) - x
    # 12 integer bits for the sum, 19 fractional ones.
    sums = rounding_shift_right(exps.copy(), np.array(12))[differences].sum(axis=-1, keepdims=True)
    if (sums >= 512 << 19).any():
        raise OverflowError("the exponentials of a softmax row sum to 512 or more")
    distinct, positions = np.unique(sums, return_inverse=True)
    pairs = np.array([reciprocal(int(value), 12) for value in distinct], np.int64)[positions.reshape(sums.shape)]
    scales, bits = pairs[..., 0], pairs[..., 1]
    products = scales * exps[differences]
    products += 1 << 30
    products >>= 31
    outputs = rounding_shift_right(products, np.broadcast_to(bits + 23, products.shape)) - 128
    return np.where(counted[differences], np.clip(outputs, INT8_MIN, INT8_MAX), INT8_MIN).astype(np.int8)


def binary(
    x1: Int8,
    x2: Int8,
    parameters: AddParameters,
    combine: Callable[[Int64, Int64], Int64] = add,
    *,
    activation: Bounds = INT8_RANGE,
) -> Int8:
    """Return the sum of two tensors of one shape, or what `combine` makes of them at one scale.

    Source: AddFunc, integer_ops/add.h.
    """
    require_int8(x1, x2)
    if x1.shape != x2.shape:
        raise ValueError(f"shapes {list(x1.shape)} and {list(x2.shape)} differ")
    p = parameters
    scaled1 = _every_int8(
        lambda q: multiply((q + p.input1_offset) << p.left_shift, p.input1_multiplier, p.input1_shift)
    )
    scaled2 = _every_int8(
        lambda q: multiply((q + p.input2_offset) << p.left_shift, p.input2_multiplier, p.input2_shift)
    )
    both = combine(scaled1[_unsigned(x1)], scaled2[_unsigned(x2)])
    outputs = multiply_by_quantized_multiplier(both, p.output_multiplier, p.output_shift) + p.output_offset
    return np.clip(outputs, *activation).astype(np.int8)


def table(x: Int8, outputs: Sequence[int]) -> Int8:
    """Return outputs[q + 128] for every q of x; `outputs` has 256 entries."""
    require_int8(x)
    return np.array(outputs, np.int8)[_unsigned(x)]


def concatenate(xs: Sequence[Int8], axis: int) -> Int8:
    """Return the tensors joined along `axis`, batch counted; scales and zero points must be the same."""
    require_int8(*xs)
    return np.concatenate(xs, axis=axis)


def pad(x: Int8, paddings: Sequence[Pair], zero_point: int) -> Int8:
    """Return x with (before, after) elements of its zero point on every axis, batch counted."""
    require_int8(x)
    return np.pad(x, paddings, constant_values=zero_point)


def _every_int8(function: Callable[[int], int]) -> Int64:
    return np.array([function(q) for q in range(INT8_MIN, INT8_MAX + 1)], np.int64)


def _unsigned(x: Int8) -> NDArray[np.uint8]:
    """Return q + 128 for every q."""
    return x.astype(np.uint8) ^ np.uint8(0x80)
