"""Sliding windows over images: extraction, convolution and pooling sums shared by int8 and float references.

Images are [n, height, width, channels]. `Padding` is (top, bottom, left, right), pairs are (height, width).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]
Array = NDArray[Any]

# Unrolled windows are large; a few MiB at a time stay in the cache and keep memory flat in the batch size.
_CHUNK_BYTES = 4 << 20


def pad_image(x: Array, padding: Padding, value: float) -> Array:
    """Return `x` with rows and columns of `value` around it."""
    top, bottom, left, right = padding
    if not any(padding):
        return x
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def output_sizes(image: Pair, kernel: Pair, strides: Pair, dilation: Pair) -> Pair:
    """Return (height, width) of a window's output over a padded image.

    Raises ValueError where the window is larger than the image.
    """
    spans = [(size - 1) * spread + 1 for size, spread in zip(kernel, dilation, strict=True)]
    if any(span > length for span, length in zip(spans, image, strict=True)):
        raise ValueError(f"a window that spans {spans} does not fit an image of {list(image)}")
    height, width = ((n - s) // step + 1 for n, s, step in zip(image, spans, strides, strict=True))
    return height, width


def taps(x: Array, kernel: Pair, strides: Pair, dilation: Pair) -> Iterator[tuple[int, int, Array]]:
    """Yield (row, column, view) for each place in the window; the view [n, oh, ow, c] is what it sees."""
    height, width = output_sizes(x.shape[1:3], kernel, strides, dilation)
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            top, left = row * dilation[0], column * dilation[1]
            rows = slice(top, top + (height - 1) * strides[0] + 1, strides[0])
            columns = slice(left, left + (width - 1) * strides[1] + 1, strides[1])
            yield row, column, x[:, rows, columns]


def by_batch(function: Callable[[Array], Array], x: Array, sample_bytes: int) -> Array:
    """Return `function` applied to a few samples of `x` at a time, where one sample costs `sample_bytes`."""
    step = max(1, _CHUNK_BYTES // max(1, sample_bytes))
    if len(x) <= step:
        return function(x)
    return np.concatenate([function(x[start : start + step]) for start in range(0, len(x), step)])


def convolve(x: Array, w: Array, strides: Pair, dilation: Pair, padding: Padding) -> Array:
    """Return the sums of products [n, oh, ow, o] of images and filters [o, kh, kw, c / groups], padded with
    0.

    One matrix product over unrolled windows, in the arrays' floating type. Raises ValueError where channels
    or filters do not divide into groups.
    """
    filters, *kernel, depth = w.shape
    channels = x.shape[3]
    groups, rest = divmod(channels, depth)
    if rest or groups == 0 or filters % groups:
        raise ValueError(f"{channels} channels and {filters} filters of depth {depth} do not form groups")
    x = pad_image(x, padding, 0)
    height, width = output_sizes(x.shape[1:3], (kernel[0], kernel[1]), strides, dilation)
    columns = np.empty((len(x), height, width, kernel[0], kernel[1], channels), x.dtype)
    for row, column, seen in taps(x, (kernel[0], kernel[1]), strides, dilation):
        columns[:, :, :, row, column] = seen
    each = filters // groups
    sums = [
        columns[..., g * depth : (g + 1) * depth].reshape(-1, kernel[0] * kernel[1] * depth)
        @ w[g * each : (g + 1) * each].reshape(each, -1).T
        for g in range(groups)
    ]
    joined = sums[0] if groups == 1 else np.concatenate(sums, axis=1)
    return joined.reshape(len(x), height, width, filters)


def convolve_depthwise(x: Array, w: Array, strides: Pair, dilation: Pair, padding: Padding) -> Array:
    """Return the sums of products [n, oh, ow, c * m] of images and filters [1, kh, kw, c * m], padded with 0.

    Output channel i * m + j comes from input channel i. Raises ValueError where c does not divide the
    filters.
    """
    channels = x.shape[3]
    multiplier, rest = divmod(w.shape[3], channels)
    if rest or multiplier == 0 or w.shape[0] != 1:
        raise ValueError(f"filters of shape {list(w.shape)} do not fit {channels} channels")
    x = pad_image(x, padding, 0)
    kernel = (w.shape[1], w.shape[2])
    factors = w.reshape(*kernel, channels, multiplier)
    height, width = output_sizes(x.shape[1:3], kernel, strides, dilation)
    sums = np.zeros((len(x), height, width, channels, multiplier), x.dtype)
    for row, column, seen in taps(x, kernel, strides, dilation):
        sums += seen[..., np.newaxis] * factors[row, column]
    return sums.reshape(len(x), height, width, channels * multiplier)


def window_sums(x: Array, pool: Pair, strides: Pair, padding: Padding) -> tuple[Array, Array]:
    """Return the sum [n, oh, ow, c] of every window, padding as 0, and how many real elements it has [1, oh,
    ow, 1].

    Raises ValueError where a window lies in the padding alone.
    """
    ones = np.ones((1, *x.shape[1:3], 1), np.int64)
    sums, counts = (_reduce(np.add, pad_image(images, padding, 0), pool, strides) for images in (x, ones))
    if not counts.all():
        raise ValueError("a pooling window lies in the padding alone")
    return sums, counts


def window_maxima(x: Array, pool: Pair, strides: Pair, padding: Padding, lowest: float) -> Array:
    """Return the maximum [n, oh, ow, c] of every window; padding, taken as `lowest`, never wins."""
    return _reduce(np.maximum, pad_image(x, padding, lowest), pool, strides)


def _reduce(combine: np.ufunc, x: Array, pool: Pair, strides: Pair) -> Array:
    views = (seen for _, _, seen in taps(x, pool, strides, (1, 1)))
    result = next(views).copy()
    for seen in views:
        combine(result, seen, out=result)
    return result
