"""CONV_2D: the kernel that `convolve_choice` names. Filter layout: (filters, kernel_h, kernel_w, channels)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from netspec.device.cmsis_nn import CONVOLVE, Extension, KernelChoice, convolve_choice
from netspec.device.kernels._convolution import (
    ConvolutionKernel,
    cmsis_call,
    cmsis_shapes,
    own_call,
    own_constants,
    own_scratch,
    window_of,
)
from netspec.device.kernels.base import Constant, Dims, Layout
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
        constants = super().constants(op, extension)
        return own_constants(constants) if self._is_own(op, extension) else constants

    def kernel_choice(self, op: Conv2D, extension: Extension) -> KernelChoice:
        return convolve_choice(extension, window_of(op))

    def _is_own(self, op: Conv2D, extension: Extension) -> bool:
        return self.kernel_choice(op, extension).function == CONVOLVE

    def shapes(self, op: Conv2D, extension: Extension) -> Mapping[str, Dims]:
        """Return those of Arm's 1x1 kernel; our own has them in the one constant that it points to."""
        if self._is_own(op, extension):
            return {}
        return cmsis_shapes(op, (op.output_shape[-1], *op.kernel_size, op.kernel.shape[-2]))

    def takes_context(self, op: Conv2D, extension: Extension) -> bool:
        return not self._is_own(op, extension)

    def kernel_scratch_bytes(self, op: Conv2D, extension: Extension, compiled_for: Extension) -> int:
        """Return the room for columns, which is the same wherever the call is compiled: with less it takes fewer."""
        return own_scratch(op, extension) if self._is_own(op, extension) else 0

    def call(self, op: Conv2D, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        if self._is_own(op, extension):
            return own_call(op, q, extension, "kernel")
        function = self.kernel_choice(op, extension).function
        return cmsis_call(op, q, function, self.shapes(op, extension)) | {
            "params": "cmsis_nn_conv_params",
            "ch_mult": None,
            "sized": False,
        }
