"""Output size and padding of a sliding window over one to three axes: convolutions and pools share it.

Source of the formulas: TensorFlow's convolution documentation (`tf.nn.convolution`, "same" and "valid") and
PyTorch's `Conv1d` for explicit amounts; they agree where they overlap.
"""

from __future__ import annotations

from netspec.layers._types import ExplicitPadding, per_axis
from netspec.layers.base import DeviceUnsupported, LayerError, describe
from netspec.ops import Padding, Shape, same_padding


def effective_size(kernel: int, dilation: int) -> int:
    """Return how many inputs a window spans: (kernel - 1) * dilation + 1."""
    return (kernel - 1) * dilation + 1


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
            f"padding for {len(padding)} axes does not fit {{layer}}, whose window moves along {len(spatial)}",
            field="padding",
            help="write `padding: 1`" + (f" or `padding: {[1] * len(spatial)}`" if len(spatial) > 1 else ""),
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
    channels: int,
    field: str = "kernel_size",
) -> Shape:
    """Return floor((length + before + after - effective kernel) / stride) + 1 for every axis.

    `channels` of the input are for the message only. Raises `LayerError` (rule `window-too-large`) where the window is
    larger than the padded input.
    """
    amounts = window_padding(spatial, kernel, strides, dilation, padding)
    sizes = []
    for length, size, stride, spread, (before, after) in zip(spatial, kernel, strides, dilation, amounts, strict=True):
        room = length + before + after - effective_size(size, spread)
        if room < 0:
            raise _too_large((*spatial, channels), kernel, dilation, amounts, field)
        sizes.append(room // stride + 1)
    return tuple(sizes)


def _too_large(shape: Shape, kernel: Shape, dilation: Shape, amounts: ExplicitPadding, field: str) -> LayerError:
    padded = tuple(length + sum(pair) for length, pair in zip(shape, amounts, strict=False))
    spans = tuple(effective_size(*axis) for axis in zip(kernel, dilation, strict=True))
    window = f"{field} {written(kernel)}"
    if spans != kernel:
        window += f" spans {written(spans)} with dilation_rate {written(dilation)} and"
    padding = f", padded to {written(padded)}" if padded != shape[:-1] else ""
    fitting = tuple(1 + (size - 1) // spread for size, spread in zip(padded, dilation, strict=True))
    return LayerError(
        f"{window} does not fit the input {describe(shape)} of {{layer}}{padding}",
        field=field,
        help=f"use `padding: same`, or a {field.removesuffix('_size')} of at most {written(fitting)}",
        rule="window-too-large",
    )


def written(values: Shape) -> str:
    """Return sizes as they are written in a spec."""
    return str(values[0] if len(values) == 1 else list(values))


def image_padding(amounts: ExplicitPadding) -> Padding:
    """Return one- or two-axis amounts as padding of an image; a sequence is an image of height 1."""
    (top, bottom), (left, right) = ((0, 0), *amounts)[-2:]
    return Padding(top, bottom, left, right)


def as_image(values: Shape) -> tuple[int, int]:
    """Return one- or two-axis sizes, strides or dilations as (height, width)."""
    height, width = (1, *values)[-2:]
    return (height, width)


def refuse_volume(rank: int) -> None:
    """Raise `DeviceUnsupported` for windows over three axes: CMSIS-NN's move along height and width."""
    if rank == 3:
        raise DeviceUnsupported(
            "{layer} moves along three axes, and netspec has no int8 kernel for that yet",
            help="`reshape` the depth into the channels or the height, and use the 2-D layer",
        )
