"""DEPTHWISE_CONV_2D: the kernel that `depthwise_choice` names.

Filter layout: (1, kernel_h, kernel_w, channels * multiplier), or (filters, kernel_h, kernel_w, 1) where the kernel is
that of a plain convolution.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import CONVOLVE, Extension, KernelChoice, depthwise_choice
from netspec.device.kernels._convolution import (
    ConvolutionKernel,
    own_call,
    own_constants,
    own_depthwise_call,
    own_scratch,
    window_of,
)
from netspec.device.kernels.base import Constant, Layout
from netspec.ops import DepthwiseConv2D
from netspec.ops.numbers import Integers, Quantized

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DepthwiseConv2DKernel(ConvolutionKernel[DepthwiseConv2D]):
    template = "netspec/depthwise_conv2d"

    def layout(self, op: DepthwiseConv2D) -> tuple[Layout, ...]:
        """Return the layout of the kernel; for one channel also that of the filters of a plain convolution."""
        shape, scales = op.kernel_shape(), "one scale for each filter"
        if op.kernel is None:
            return (Layout("kernel", None, (), shape, "device[0][0][0][c] = 1", scales),)
        weight, keras_shape = op.kernel.weight, op.kernel.shape
        there, y = ("[y]", "y") if len(keras_shape) > 3 else ("", 0)
        target, filter = ("c", 0) if op.depth_multiplier == 1 else (f"c * {op.depth_multiplier} + i", "i")
        index = f"device[0][{y}][x][{target}] = keras{there}[x][c][{filter}]"
        kernel = Layout("kernel", weight, keras_shape, shape, index, scales)
        if keras_shape[-2] > 1:
            return (kernel,)
        filters, index = (shape[-1], *op.kernel_size, 1), f"device[i][{y}][x][0] = keras{there}[x][0][i]"
        return (kernel, Layout("filters", weight, keras_shape, filters, index, scales))

    def constants(self, op: DepthwiseConv2D, extension: Extension) -> tuple[Constant, ...]:
        kernel, *others = own_constants(super().constants(op, extension))
        return (replace(kernel, role="filters") if is_plain(op, extension) else kernel, *others)

    def arrays(self, op: DepthwiseConv2D, q: Quantized) -> Mapping[str, NDArray[Any]]:
        """Return the filters as a plain convolution wants them."""
        import numpy as np

        return {"filters": np.ascontiguousarray(np.moveaxis(q.arrays["kernel"], (0, 3), (3, 0)))}

    def refuses(self, op: DepthwiseConv2D, integers: Integers) -> str | None:
        """Refuse what the products of two taps, as Helium adds them, may leave int16 with: both weights -128."""
        outputs, taps = integers.rows.shape
        pairs = integers.rows[:, : taps - taps % 2].reshape(outputs, -1, 2)
        if (pairs == -128).all(axis=2).any():
            return "a filter has two weights of -128 beside each other; int8 weights are -127 to 127"
        return None

    def kernel_choice(self, op: DepthwiseConv2D, extension: Extension) -> KernelChoice:
        return depthwise_choice(extension, window_of(op))

    def kernel_scratch_bytes(self, op: DepthwiseConv2D, extension: Extension, compiled_for: Extension) -> int:
        return own_scratch(op, extension) if is_plain(op, extension) else 0

    def call(
        self, op: DepthwiseConv2D, q: Quantized, extension: Extension, there: Container[int] = ()
    ) -> Mapping[str, Any]:
        if is_plain(op, extension):
            return {**own_call(op, q, extension, "filters"), "plain": True}
        return {**own_depthwise_call(op, q), "plain": False}


def is_plain(op: DepthwiseConv2D, extension: Extension) -> bool:
    """Return whether an op runs as a convolution of one channel with many filters."""
    return depthwise_choice(extension, window_of(op)).function == CONVOLVE
