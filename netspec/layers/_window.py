"""Output size and padding of a sliding window, one axis or several: convolutions and pools share it.

Source of the formulas: TensorFlow's convolution documentation (`tf.nn.convolution`, "same" and "valid") and
PyTorch's `Conv1d` for explicit amounts; they agree where they overlap.
"""

from __future__ import annotations

from netspec.layers._types import ExplicitPadding, per_axis
from netspec.layers.base import LayerError, describe
from netspec.ops import Padding, Shape


def effective_size(kernel: int, dilation: int) -> int:
    """Return how many inputs a window spans: (kernel - 1) * dilation + 1."""
    return (kernel - 1) * dilation + 1


def same_padding(length: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Return the zeros before and after for `same`: the odd one goes after, as TensorFlow does."""
    total = max((-(-length // stride) - 1) * stride + effective_size(kernel, dilation) - length, 0)
    return (total // 2, total - total // 2)


def window_padding(
    spatial: Shape, kernel: Shape, strides: Shape, dilation: Shape, padding: str | ExplicitPadding
) -> ExplicitPadding:
    """Return (before, after) for every axis. Raises `LayerError` where explicit amounts do not fit the axes."""
    if padding == "valid":
        return ((0, 0),) * len(spatial)
    if padding == "same":
        return tuple(same_padding(*axis) for axis in zip(spatial, kernel, strides, dilation, strict=True))
    if padding == "causal":
        return ((effective_size(kernel[0], dilation[0]) - 1, 0),)
    assert not isinstance(padding, str)
    amounts = per_axis(padding, len(spatial))
    if amounts is None:
        raise LayerError(
            f"padding gives {len(padding)} axes, the input has {len(spatial)}",
            field="padding",
            help=f"give one amount, or {len(spatial)}",
            rule="invalid-value",
        )
    return amounts


def output_sizes(
    spatial: Shape,
    kernel: Shape,
    strides: Shape,
    dilation: Shape,
    padding: str | ExplicitPadding,
    *,
    field: str = "kernel_size",
) -> Shape:
    """Return floor((length + before + after - effective kernel) / stride) + 1 for every axis.

    Raises `LayerError` (rule `window-too-large`) where the window is larger than the padded input.
    """
    amounts = window_padding(spatial, kernel, strides, dilation, padding)
    sizes = []
    for length, size, stride, spread, (before, after) in zip(
        spatial, kernel, strides, dilation, amounts, strict=True
    ):
        room = length + before + after - effective_size(size, spread)
        if room < 0:
            raise _too_large(spatial, kernel, dilation, amounts, field)
        sizes.append(room // stride + 1)
    return tuple(sizes)


def _too_large(
    spatial: Shape, kernel: Shape, dilation: Shape, amounts: ExplicitPadding, field: str
) -> LayerError:
    padded = tuple(length + sum(pair) for length, pair in zip(spatial, amounts, strict=True))
    spans = tuple(effective_size(*axis) for axis in zip(kernel, dilation, strict=True))
    window = f"{field} {list(kernel)}"
    if spans != kernel:
        window += f" with dilation {list(dilation)} spans {list(spans)} and"
    size = f"{describe(spatial)}" + (f", {describe(padded)} with its padding" if padded != spatial else "")
    fitting = [min(k, 1 + (p - 1) // d) for k, p, d in zip(kernel, padded, dilation, strict=True)]
    return LayerError(
        f"{window} does not fit the input's {size}",
        field=field,
        help=f"use `padding: same`, or a {field} of at most {fitting}",
        rule="window-too-large",
    )


def image_padding(amounts: ExplicitPadding) -> Padding:
    """Return one- or two-axis amounts as padding of an image; a sequence is an image of height 1."""
    (top, bottom), (left, right) = ((0, 0), *amounts)[-2:]
    return Padding(top, bottom, left, right)


def as_image(values: Shape) -> tuple[int, int]:
    """Return one- or two-axis sizes, strides or dilations as (height, width)."""
    height, width = (1, *values)[-2:]
    return (height, width)
