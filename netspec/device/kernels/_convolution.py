"""What kernels of the two convolutions share: constants, shapes, and the calls of both sets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod
from typing import Any, TypeVar

from netspec.device.cmsis_nn import (
    CHANNEL_BLOCK_MVE,
    CONVOLVE,
    DEPTHWISE,
    SIDE_BY_SIDE,
    Extension,
    Window,
    convolve_bytes,
)
from netspec.device.kernels.base import Constant, Dims, Kernel, dims, limits, named_dims, tile
from netspec.ops import INT8, INT32, Conv2D, Dense, DepthwiseConv2D, Padding, Shape, hwc
from netspec.ops.numbers import Quantized

ConvT = TypeVar("ConvT", Conv2D, DepthwiseConv2D)


def has_bias(op: Conv2D | DepthwiseConv2D | Dense) -> bool:
    """Return whether an op with weights adds a bias on the device: its own, or one that folding brings.

    A wide depthwise convolution always does, if of zeros: CMSIS-NN's Helium kernel steps through the bias a block of
    channels at a time, also where there is none.
    """
    wide = isinstance(op, DepthwiseConv2D) and op.output_shape[-1] > CHANNEL_BLOCK_MVE
    return op.bias is not None or bool(op.affine) or wide


class ConvolutionKernel(Kernel[ConvT]):
    """A convolution with one scale an output channel."""

    passes_pointers = True

    def constants(self, op: ConvT, extension: Extension) -> tuple[Constant, ...]:
        channels = op.output_shape[-1]
        biases: tuple[Constant, ...] = (Constant("bias", INT32, channels),) if has_bias(op) else ()
        return (
            Constant("kernel", INT8, prod(op.kernel_shape())),
            *biases,
            Constant("multiplier", INT32, channels),
            Constant("shift", INT32, channels),
        )


def cmsis_shapes(op: Conv2D | DepthwiseConv2D, filter_dims: Dims) -> dict[str, Dims]:
    """Return the shapes that calls of CMSIS-NN's convolutions point to."""
    window = window_of(op)
    return {"input_dims": (1, *window.input_hwc), "filter_dims": filter_dims, "output_dims": (1, *window.output_hwc)}


def cmsis_call(op: Conv2D | DepthwiseConv2D, q: Quantized, function: str, shapes: Mapping[str, Dims]) -> dict[str, Any]:
    """Return what the calls of CMSIS-NN's convolutions share: the function, its parameters and the shapes."""
    window = window_of(op)
    return {
        "function": function,
        "role": "kernel",
        "upscales": False,
        "input_offset": -q.numbers["input_zero_point"],
        "output_offset": q.numbers["output_zero_point"],
        "stride": tile(window.strides),
        "padding": tile(window.padding),
        "dilation": tile(window.dilation),
        "activation": limits(q),
        **named_dims(shapes),
    }


def own_constants(constants: tuple[Constant, ...]) -> tuple[Constant, ...]:
    """Return what our own kernels read: in place of the bias the sums that they begin with."""
    kernel, *_, multiplier, shift = constants
    return (kernel, Constant("kernel_sum", INT32, multiplier.count), multiplier, shift)


def own_scratch(op: Conv2D | DepthwiseConv2D, extension: Extension) -> int:
    """Return room for as many windows as netspec_convolve_s8 takes at a time on a core."""
    return convolve_bytes(extension, window_of(op))


def own_call(op: Conv2D | DepthwiseConv2D, q: Quantized, extension: Extension, role: str) -> dict[str, Any]:
    """Return the call of netspec_convolve_s8; `role` is the constant that holds the filters.

    `room` is for how many windows there is scratch, or none is needed.
    """
    window = window_of(op)
    filters = dims(window.output_hwc[2], *window.kernel_hw, window.input_hwc[2])
    room = max(SIDE_BY_SIDE.values()) if window.in_one_piece else SIDE_BY_SIDE[extension]
    return {**own_geometry(window, q, filters), "function": CONVOLVE, "role": role, "room": room}


def own_depthwise_call(op: DepthwiseConv2D, q: Quantized) -> dict[str, Any]:
    """Return the call of netspec_depthwise_conv_s8, of as many filters for each channel as its multiplier is."""
    window = window_of(op)
    filters = dims(op.depth_multiplier, *window.kernel_hw, 1)
    return {**own_geometry(window, q, filters), "function": DEPTHWISE, "role": "kernel"}


def own_geometry(window: Window, q: Quantized, filters: Mapping[str, int]) -> dict[str, Any]:
    """Return the numbers of a `netspec_convolution`, also where its filters are packed."""
    return {
        "input": dims(1, *window.input_hwc),
        "filter": filters,
        "output": dims(1, *window.output_hwc),
        "stride": tile(window.strides),
        "padding": tile(window.padding),
        "dilation": tile(window.dilation),
        "input_zero": q.numbers["input_zero_point"],
        "output_offset": q.numbers["output_zero_point"],
        "activation": limits(q),
    }


def window_of(op: Conv2D | DepthwiseConv2D) -> Window:
    """Return a convolution's geometry as its kernel is told it."""
    return _window(op.input_shape, op.kernel_size, op.output_shape, op.strides, op.dilation, op.padding)


@lru_cache(maxsize=1024)  # every question about a node needs it, and layers repeat
def _window(
    inputs: Shape,
    kernel: tuple[int, int],
    outputs: Shape,
    strides: tuple[int, int],
    dilation: tuple[int, int],
    padding: Padding,
) -> Window:
    return Window(hwc(inputs), kernel, hwc(outputs), strides, dilation, (padding.top, padding.left))
