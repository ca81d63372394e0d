"""Images whose axes are not what the first layer takes them for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from netspec.graph import GraphLayer
from netspec.layers.base import describe
from netspec.lint.finding import Finding
from netspec.lint.net import DROPOUTS, Net, key_of

_SMALLEST = 8
"""Pixels on an image's shorter side: the 8x8 digits are the smallest images that people train on."""
_PICTURE = re.compile(r"image|img|photo|picture|pixel", re.IGNORECASE)
_KEEPS_AXES = DROPOUTS | {"rescaling", "normalization", "batch_normalization", "layer_normalization"}


def image_as_sequence(net: Net) -> Iterator[Finding]:
    """A 2-D image fed to conv1d, which takes its columns for channels.

    A sequence is as long as it was recorded and as wide as it has sensors or features, (100, 6) or (50, 300); an image
    is square or 4:3. So an input of two axes counts as an image if both are 8 or more and they are equal or 4:3,
    lying or standing, or if its name says so (image, img, photo, picture, pixel). Only layers that read the input,
    past rescaling, normalization and noise, are judged: further on the last axis is channels by construction.
    """
    for layer in net.layers:
        if layer.type != "conv1d":
            continue
        name = _input_of(net, layer)
        shape = layer.input_shapes[0]
        if name is None or not _is_image(shape, name):
            continue
        rows, columns = shape
        kernel = next(weight.shape for weight in layer.weights if weight.name == "kernel")
        size, filters = kernel[0], kernel[-1]
        yield Finding(
            f"{layer.name} takes all {columns} columns of the image {describe(shape)} for channels, so its kernel has "
            f"{' x '.join(map(str, kernel))} = {prod(kernel):,} weights",
            f"put `- reshape: {{target_shape: [{rows}, {columns}, 1]}}` before it and use `conv2d`: "
            f"{size} x {size} x 1 x {filters} = {size * size * filters:,} weights",
            layer,
            notes=(net.place_note(f"the input comes from {name}", name),),
        )


def _input_of(net: Net, layer: GraphLayer) -> str | None:
    """Return the input of the spec that a layer reads, if only layers that keep its axes lie between."""
    name = layer.inputs[0]
    while (before := net.layer(name)) is not None:
        if before.type not in _KEEPS_AXES:
            return None
        name = before.inputs[0]
    return name


def _is_image(shape: tuple[int, ...], name: str) -> bool:
    low, high = sorted(shape)
    return low >= _SMALLEST and (low == high or 3 * high == 4 * low or bool(_PICTURE.search(name)))


def channels_first(net: Net) -> Iterator[Finding]:
    """An image with its channels in front, as PyTorch has it, fed to a 2-D window.

    A shape counts as one if it has 1 or 3 channels in front, more than 4 columns at the end, and an image's
    proportions in the rest: both 8 or more, neither more than twice the other. A window one row high is meant for
    such a shape, and so passes.
    """
    told: set[str] = set()
    for layer in net.layers:
        window = key_of(layer, "kernel_size") or key_of(layer, "pool_size")
        if window is None or len(window) != 2 or window[0] == 1:
            continue
        name = _input_of(net, layer)
        if name is None or name in told or not _is_channels_first(layer.input_shapes[0]):
            continue
        told.add(name)
        channels, rows, columns = layer.input_shapes[0]
        yield Finding(
            f"{layer.name} takes the input {describe(layer.input_shapes[0])} for {channels} row"
            f"{'s' if channels > 1 else ''} of {rows} pixels with {columns} channels each",
            f"channels come last: write `shape: [{rows}, {columns}, {channels}]`, and move the axis in the data",
            (net.spec.span("inputs", name, "shape"), f"inputs.{name}.shape"),
            notes=(net.place_note(f"{layer.name} reads it", layer.name),),
        )


def _is_channels_first(shape: tuple[int, ...]) -> bool:
    channels, rows, columns = shape
    low, high = sorted((rows, columns))
    return channels in (1, 3) and low >= _SMALLEST and high <= 2 * low
