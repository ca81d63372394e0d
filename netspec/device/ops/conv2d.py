"""CONV_2D: arm_convolve_wrapper_s8. Filter layout on the device: (filters, kernel_h, kernel_w, channels)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import (
    HOST_EXTENSION,
    Extension,
    KernelChoice,
    convolve_choice,
    convolve_scratch_bytes,
    row_convolution_is_exact,
)
from netspec.device.ops._convolution import ConvolutionKernel, common_call
from netspec.device.ops.base import Layout, Quantized, StoredWeights, Weights, dims
from netspec.ops import Conv2D, Shape, hwc

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class _Window:
    """The geometry of a convolution as the kernel is told it; `padding` is (top, left)."""

    input_hwc: tuple[int, int, int]
    kernel_hw: tuple[int, int]
    output_hwc: tuple[int, int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]

    @property
    def pointwise(self) -> bool:
        return self.kernel_hw == self.dilation == (1, 1) and self.padding == (0, 0)

    def turned(self) -> _Window:
        """Return the same convolution with height and width exchanged, which no byte of a single row notices."""
        (height, width, channels), (out_height, out_width, filters) = self.input_hwc, self.output_hwc
        return _Window(
            (width, height, channels),
            _swapped(self.kernel_hw),
            (out_width, out_height, filters),
            _swapped(self.strides),
            _swapped(self.dilation),
            _swapped(self.padding),
        )


def _swapped(pair: tuple[int, int]) -> tuple[int, int]:
    return (pair[1], pair[0])


def _window(op: Conv2D, extension: Extension) -> _Window:
    """Return the op's geometry, turned into a column where Helium's kernel for a row may fail (`device.cmsis_nn`)."""
    window = _Window(
        hwc(op.input_shape),
        op.kernel_size,
        hwc(op.output_shape),
        op.strides,
        op.dilation,
        (op.padding.top, op.padding.left),
    )
    one_row = window.input_hwc[0] == window.kernel_hw[0] == window.output_hwc[0] == 1
    if extension != "mve" or not one_row or window.pointwise or window.dilation[1] != 1:
        return window
    if row_convolution_is_exact(
        input_width=window.input_hwc[1],
        kernel_width=window.kernel_hw[1],
        output_width=window.output_hwc[1],
        stride=window.strides[1],
        left=window.padding[1],
    ):
        return window
    if window.input_hwc[1] == window.kernel_hw[1] == 1:
        # A column of one is a row again. To a window of one tap any dilation is the same, and with one the general
        # kernel is taken.
        return replace(window, dilation=(1, 2))
    return window.turned()


class Conv2DKernel(ConvolutionKernel[Conv2D]):
    name = "conv2d"
    functions = ("arm_convolve_wrapper_s8", "arm_convolve_wrapper_s8_get_buffer_size")
    tflite_kind = "CONV_2D"
    channel_axis = 0

    def kernel_shape(self, op: Conv2D) -> Shape:
        return (*op.kernel_size, *op.kernel.shape[-2:])

    def layout(self, op: Conv2D) -> tuple[Layout, ...]:
        shape = op.kernel.shape
        height, width, channels, filters = self.kernel_shape(op)
        index = f"device[o][{'y' if len(shape) > 3 else 0}][x][c] = keras{'[y]' if len(shape) > 3 else ''}[x][c][o]"
        there = (filters, height, width, channels)
        return (Layout("kernel", op.kernel.weight, shape, there, index, "one scale for each filter"),)

    def kernel_choice(self, op: Conv2D, extension: Extension) -> KernelChoice:
        window = _window(op, extension)
        choice = convolve_choice(
            extension,
            input_hwc=window.input_hwc,
            kernel_hw=window.kernel_hw,
            output_hwc=window.output_hwc,
            strides=window.strides,
            dilation=window.dilation,
            padding=window.padding,
            groups=op.groups,
        )
        if window.input_hwc == hwc(op.input_shape):
            return choice
        why = "Helium's kernel for a row would miscount these edges, so the row is given as a column"
        return KernelChoice(choice.calls, f"{choice.reason}; {why}")

    def kernel_array(self, op: Conv2D, weights: Weights | StoredWeights) -> NDArray[Any]:
        return weights(op.kernel).reshape(self.kernel_shape(op))

    def scratch_bytes(self, op: Conv2D, extension: Extension) -> int:
        """Return the scratch on the core, or on the build host where that needs more: the host runs the same plan."""
        window = _window(op, extension)
        return max(
            convolve_scratch_bytes(
                machine,
                input_hwc=window.input_hwc,
                kernel_hw=window.kernel_hw,
                output_hwc=window.output_hwc,
                strides=window.strides,
                dilation=window.dilation,
                padding=window.padding,
                groups=op.groups,
            )
            for machine in (extension, HOST_EXTENSION)
        )

    def call(self, op: Conv2D, q: Quantized, extension: Extension) -> Mapping[str, Any]:
        """Return the call; `scratch_optional` where a release asks for scratch that its kernel does without."""
        window = _window(op, extension)
        return common_call(op, q, window.strides, window.dilation, window.padding) | {
            "input_dims": dims(1, *window.input_hwc),
            "filter_dims": dims(op.output_shape[-1], *window.kernel_hw, op.kernel.shape[-2]),
            "output_dims": dims(1, *window.output_hwc),
            "scratch_optional": window.pointwise,
        }
