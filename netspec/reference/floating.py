"""The same ops in float: for calibration, and to prove that folding keeps what a layer computes.

Results have the floating type of `x` (float64 for proofs, float32 for calibration); weights are taken to it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod
from operator import add

import numpy as np

from netspec.reference.windows import (
    Array,
    Padding,
    Pair,
    by_batch,
    convolve,
    convolve_depthwise,
    window_maxima,
    window_sums,
)

Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-inf, inf)


def conv2d_float(
    x: Array,
    w: Array,
    bias: Array | None,
    *,
    strides: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: Padding = (0, 0, 0, 0),
    activation: Bounds = UNBOUNDED,
) -> Array:
    """Return the convolution [n, oh, ow, o] of x [n, h, w, c] with filters [o, kh, kw, c / groups]."""
    weights = w.astype(x.dtype)
    return by_batch(
        lambda part: _finish(convolve(part, weights, strides, dilation, padding), bias, activation),
        x,
        prod(x.shape[1:]) * prod(w.shape[1:3]) * x.itemsize // prod(strides),
    )


def depthwise_conv2d_float(
    x: Array,
    w: Array,
    bias: Array | None,
    *,
    strides: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: Padding = (0, 0, 0, 0),
    activation: Bounds = UNBOUNDED,
) -> Array:
    """Return the depthwise convolution [n, oh, ow, c * m] of x [n, h, w, c], filters [1, kh, kw, c * m]."""
    weights = w.astype(x.dtype)
    return by_batch(
        lambda part: _finish(convolve_depthwise(part, weights, strides, dilation, padding), bias, activation),
        x,
        prod(x.shape[1:3]) * w.shape[3] * x.itemsize * 3 // prod(strides),
    )


def dense_float(x: Array, w: Array, bias: Array | None, *, activation: Bounds = UNBOUNDED) -> Array:
    """Return the dense layer [..., o] of x [..., k] with weights [o, k]."""
    return _finish(x @ w.astype(x.dtype).T, bias, activation)


def average_pool2d_float(
    x: Array,
    *,
    pool_size: Pair,
    strides: Pair,
    padding: Padding = (0, 0, 0, 0),
    activation: Bounds = UNBOUNDED,
) -> Array:
    """Return the window averages [n, oh, ow, c] of x [n, h, w, c], padding left out of sum and count."""
    sums, counts = window_sums(x, pool_size, strides, padding)
    return _finish(sums / counts.astype(x.dtype), None, activation)


def max_pool2d_float(
    x: Array,
    *,
    pool_size: Pair,
    strides: Pair,
    padding: Padding = (0, 0, 0, 0),
    activation: Bounds = UNBOUNDED,
) -> Array:
    """Return the window maxima [n, oh, ow, c] of x [n, h, w, c]; padding never wins."""
    return _finish(window_maxima(x, pool_size, strides, padding, -inf), None, activation)


def mean_hw_float(x: Array, *, keep_dims: bool = False) -> Array:
    """Return the mean over height and width of x [n, h, w, c]: [n, c], or [n, 1, 1, c] with `keep_dims`."""
    mean: Array = x.mean(axis=(1, 2), keepdims=keep_dims)
    return mean


def softmax_float(x: Array, *, beta: float = 1.0) -> Array:
    """Return exp(beta * x), divided by its sum over the last axis."""
    exps = np.exp((x - x.max(axis=-1, keepdims=True)) * x.dtype.type(beta))
    ratios: Array = exps / exps.sum(axis=-1, keepdims=True)
    return ratios


def logistic_float(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), without overflow for large negative x."""
    small = np.exp(-np.abs(x))
    ratios: Array = np.where(x >= 0, 1, small) / (1 + small)
    return ratios


def binary_float(
    x1: Array, x2: Array, combine: Callable[[Array, Array], Array] = add, *, activation: Bounds = UNBOUNDED
) -> Array:
    """Return the sum of two tensors of one shape, or what `combine` makes of them."""
    return _finish(combine(x1, x2), None, activation)


def _finish(values: Array, bias: Array | None, activation: Bounds) -> Array:
    if bias is not None:
        values = values + bias.astype(values.dtype)
    if activation != UNBOUNDED:
        least, greatest = map(values.dtype.type, activation)
        values = np.clip(values, least, greatest)
    return values
