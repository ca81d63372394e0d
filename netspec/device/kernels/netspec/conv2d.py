"""CONV_2D: netspec_convolve_s8. Filter layout: (filters, kernel_h, kernel_w, channels)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice, convolve_choice
from netspec.device.kernels._convolution import (
    ConvolutionKernel,
    own_call,
    own_constants,
    own_scratch,
    window_of,
)
from netspec.device.kernels.base import Constant, Layout
from netspec.ops import Conv2D
from netspec.ops.numbers import Quantized


class Conv2DKernel(ConvolutionKernel[Conv2D]):
    template = "netspec/conv2d"

    def layout(self, op: Conv2D) -> tuple[Layout, ...]:
        shape = op.kernel.shape
        height, width, channels, filters = op.kernel_shape()
        index = f"device[o][{'y' if len(shape) > 3 else 0}][x][c] = keras{'[y]' if len(shape) > 3 else ''}[x][c][o]"
        there = (filters, height, width, channels)
        return (Layout("kernel", op.kernel.weight, shape, there, index, "one scale for each filter"),)

    def constants(self, op: Conv2D, extension: Extension) -> tuple[Constant, ...]:
        return own_constants(super().constants(op, extension))

    def kernel_choice(self, op: Conv2D, extension: Extension) -> KernelChoice:
        return convolve_choice(extension, window_of(op))

    def kernel_scratch_bytes(self, op: Conv2D, extension: Extension, compiled_for: Extension) -> int:
        """Return the room for columns, which is the same wherever the call is compiled: with less it takes fewer."""
        return own_scratch(op, extension)

    def call(self, op: Conv2D, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return own_call(op, q, extension, "kernel")
