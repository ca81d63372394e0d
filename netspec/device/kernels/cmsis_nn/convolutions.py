"""CONV_2D and DEPTHWISE_CONV_2D by the kernels that CMSIS-NN's wrappers come to."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice, arm_scratch_bytes
from netspec.device.cmsis_nn.arm import arm_convolve_choice, arm_depthwise_choice, is_plain
from netspec.device.cmsis_nn.scratch import ARM_CONVOLVE, ARM_DEPTHWISE_OPT
from netspec.device.kernels._convolution import ConvolutionKernel, cmsis_call, cmsis_shapes, has_bias, window_of
from netspec.device.kernels.base import Constant, Dims
from netspec.device.kernels.netspec.conv2d import Conv2DKernel
from netspec.device.kernels.netspec.depthwise_conv2d import DepthwiseConv2DKernel
from netspec.ops import Conv2D, DepthwiseConv2D
from netspec.ops.numbers import Integers, Quantized

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ArmConv2DKernel(Conv2DKernel):
    template = "cmsis_nn/conv2d"

    def constants(self, op: Conv2D, extension: Extension) -> tuple[Constant, ...]:
        return ConvolutionKernel.constants(self, op, extension)

    def kernel_choice(self, op: Conv2D, extension: Extension) -> KernelChoice:
        return arm_convolve_choice(extension, window_of(op))

    def functions(self, op: Conv2D, extension: Extension) -> tuple[str, ...]:
        return _with_sizer(self.kernel_choice(op, extension).function)

    def kernel_scratch_bytes(self, op: Conv2D, extension: Extension, compiled_for: Extension) -> int:
        return arm_scratch_bytes(self.kernel_choice(op, extension).function, compiled_for, window_of(op))

    def call(self, op: Conv2D, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return _plain_call(op, q, self.kernel_choice(op, extension).function, self.shapes(op, extension), "kernel")

    def shapes(self, op: Conv2D, extension: Extension) -> Mapping[str, Dims]:
        return _plain_shapes(op)

    def takes_context(self, op: Conv2D, extension: Extension) -> bool:
        return True


class ArmDepthwiseConv2DKernel(DepthwiseConv2DKernel):
    template = "cmsis_nn/depthwise_conv2d"

    def refuses(self, op: DepthwiseConv2D, integers: Integers) -> None:
        return None

    def arrays(self, op: DepthwiseConv2D, q: Quantized) -> Mapping[str, NDArray[Any]]:
        """Return also a bias of zeros where none is: see `has_bias`."""
        import numpy as np

        found = dict(super().arrays(op, q))
        if "bias" not in q.arrays and has_bias(op):
            found["bias"] = np.zeros(op.output_shape[-1], np.int32)
        return found

    def constants(self, op: DepthwiseConv2D, extension: Extension) -> tuple[Constant, ...]:
        kernel, *others = ConvolutionKernel.constants(self, op, extension)
        return (replace(kernel, role="filters") if is_plain(extension, window_of(op)) else kernel, *others)

    def kernel_choice(self, op: DepthwiseConv2D, extension: Extension) -> KernelChoice:
        return arm_depthwise_choice(extension, window_of(op))

    def functions(self, op: DepthwiseConv2D, extension: Extension) -> tuple[str, ...]:
        return _with_sizer(self.kernel_choice(op, extension).function)

    def kernel_scratch_bytes(self, op: DepthwiseConv2D, extension: Extension, compiled_for: Extension) -> int:
        return arm_scratch_bytes(self.kernel_choice(op, extension).function, compiled_for, window_of(op))

    def call(
        self, op: DepthwiseConv2D, q: Quantized, extension: Extension, there: Container[int] = ()
    ) -> Mapping[str, Any]:
        """Return the call; `sized` where the kernel's own idea of its scratch is asserted."""
        function, shapes = self.kernel_choice(op, extension).function, self.shapes(op, extension)
        if is_plain(extension, window_of(op)):
            return _plain_call(op, q, function, shapes, "filters")
        return cmsis_call(op, q, function, shapes) | {
            "params": "cmsis_nn_dw_conv_params",
            "ch_mult": op.depth_multiplier,
            "sized": function in _SIZED,
        }

    def shapes(self, op: DepthwiseConv2D, extension: Extension) -> Mapping[str, Dims]:
        if is_plain(extension, window_of(op)):
            return _plain_shapes(op)
        return cmsis_shapes(op, (1, *op.kernel_size, op.output_shape[-1]))

    def takes_context(self, op: DepthwiseConv2D, extension: Extension) -> bool:
        return True


# Those whose scratch is asserted; that of a row differs between releases.
_SIZED = (ARM_CONVOLVE, ARM_DEPTHWISE_OPT)


def _with_sizer(function: str) -> tuple[str, ...]:
    """Return a function and the one by which its scratch is asserted, if it is."""
    return (function, f"{function}_get_buffer_size") if function in _SIZED else (function,)


def _plain_shapes(op: Conv2D | DepthwiseConv2D) -> dict[str, Dims]:
    window = window_of(op)
    return cmsis_shapes(op, (window.output_hwc[2], *window.kernel_hw, window.input_hwc[2]))


def _plain_call(
    op: Conv2D | DepthwiseConv2D, q: Quantized, function: str, shapes: Mapping[str, Dims], role: str
) -> dict[str, Any]:
    """Return the call of a plain convolution; `role` is the constant that holds the filters."""
    return cmsis_call(op, q, function, shapes) | {
        "params": "cmsis_nn_conv_params",
        "ch_mult": None,
        "role": role,
        "sized": function == ARM_CONVOLVE,
        "upscales": function == ARM_CONVOLVE,
    }
