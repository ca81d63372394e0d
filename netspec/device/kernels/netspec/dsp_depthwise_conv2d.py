"""DEPTHWISE_CONV_2D with DSP instructions: 3x3 windows in planes, and one channel as a plain convolution that packs.

netspec_depthwise_conv_3x3_s8 reads weights as they are. It takes channels apart into planes, which lie in scratch for a
strip of rows at a time, and can work in place.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice, Window, round_up
from netspec.device.kernels._convolution import own_depthwise_call, window_of
from netspec.device.kernels.base import Constant
from netspec.device.kernels.netspec.depthwise_conv2d import DepthwiseConv2DKernel, is_plain
from netspec.device.kernels.netspec.packed_conv2d import (
    PACKED_CONVOLVE,
    PackedConvolution,
    packed_call,
    packed_choice,
    packed_constants,
    packed_scratch_bytes,
)
from netspec.ops import DepthwiseConv2D
from netspec.ops.numbers import Quantized

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONVOLVE_3X3 = "netspec_depthwise_conv_3x3_s8"
WORTH_PLANES = 150_000
"""With so many multiplications for it a network takes the kernel, whose code is a kilobyte more."""

_LEAST_OUTPUTS = 16
"""Of a channel, with strides of 1: with fewer the general kernel takes less."""
_SCRATCH = 2048
"""Bytes of planes that a strip takes, unless two rows take more."""


class DspDepthwiseConv2DKernel(DepthwiseConv2DKernel):
    """`planes`: 3x3 windows run on the function in planes. `packs`: one channel runs on that of packed filters."""

    def __init__(self, *, planes: bool, packs: bool) -> None:
        self._planes = planes
        self._packs = packs

    def kernel_choice(self, op: DepthwiseConv2D, extension: Extension) -> KernelChoice:
        window = window_of(op)
        if self._packs and is_plain(op, extension):
            return packed_choice(window)
        if not self._planes or not takes(window):
            return super().kernel_choice(op, extension)
        rows = strip_rows(window)
        each = "all rows" if rows == window.output_hwc[0] else f"{rows} rows"
        return KernelChoice(CONVOLVE_3X3, f"{each} of four channels at a time, taken apart into planes of int16")

    def in_place(self, op: DepthwiseConv2D) -> tuple[tuple[int, int], ...]:
        """Return the input where outputs take its place row by row: a plane holds what later windows need of it."""
        window = window_of(op)
        same = window.strides == (1, 1) and window.input_hwc == window.output_hwc
        return ((0, 0),) if same and self.kernel_choice(op, "dsp").function == CONVOLVE_3X3 else ()

    def constants(self, op: DepthwiseConv2D, extension: Extension) -> tuple[Constant, ...]:
        if self.kernel_choice(op, extension).function == PACKED_CONVOLVE:
            return packed_constants(window_of(op))
        return super().constants(op, extension)

    def arrays(self, op: DepthwiseConv2D, q: Quantized) -> Mapping[str, NDArray[Any]]:
        found = super().arrays(op, q)
        packed = self.kernel_choice(op, "dsp").function == PACKED_CONVOLVE
        return {**found, **self._packed(op, q).arrays()} if packed else found

    def _packed(self, op: DepthwiseConv2D, q: Quantized) -> PackedConvolution:
        return PackedConvolution({**q.arrays, "kernel": super().arrays(op, q)["filters"]})

    def kernel_scratch_bytes(self, op: DepthwiseConv2D, extension: Extension, compiled_for: Extension) -> int:
        window, function = window_of(op), self.kernel_choice(op, extension).function
        if function == PACKED_CONVOLVE:
            return packed_scratch_bytes(window)
        if function == CONVOLVE_3X3:
            return plane_bytes(window, strip_rows(window))
        return super().kernel_scratch_bytes(op, extension, compiled_for)

    def call(
        self, op: DepthwiseConv2D, q: Quantized, extension: Extension, there: Container[int] = ()
    ) -> Mapping[str, Any]:
        window, function = window_of(op), self.kernel_choice(op, extension).function
        if function == PACKED_CONVOLVE:
            return packed_call(window, q, self._packed(op, q))
        if function == CONVOLVE_3X3:
            return {**own_depthwise_call(op, q), "plain": False, "strip": strip_rows(window)}
        return super().call(op, q, extension, there)


def takes(window: Window) -> bool:
    """Return whether the function in planes takes a window: 3x3, undilated, one filter a channel, strides of 1 or 2.

    An image with few outputs is left out: what the function does once for each channel takes too long for it.
    """
    height, width, channels = window.output_hwc
    one_filter = window.input_hwc[2] == channels and window.kernel_hw == (3, 3) and window.undilated
    enough = window.strides in ((1, 1), (2, 2)) and height * width >= _LEAST_OUTPUTS * window.strides[0]
    return one_filter and enough and max(window.padding) <= 2


def strip_rows(window: Window) -> int:
    """Return how many rows of the output are computed at a time: an even number, or all."""
    rows = window.output_hwc[0]
    if plane_bytes(window, rows) <= _SCRATCH:
        return rows
    return max((count for count in range(2, rows, 2) if plane_bytes(window, count) <= _SCRATCH), default=min(rows, 2))


def plane_bytes(window: Window, rows: int) -> int:
    """Return the scratch of netspec_depthwise_conv_3x3_s8 for so many rows at a time."""
    stride, (_, width, _) = window.strides[0], window.output_hwc
    pitch = 2 * round_up(stride * max(width, 2) + 2, 2)
    return 4 * pitch * ((max(rows, 3 - stride) - 1) * stride + 3)
