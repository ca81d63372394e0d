"""DEPTHWISE_CONV_2D: arm_depthwise_conv_wrapper_s8. Filter layout: (1, kernel_h, kernel_w, channels * multiplier)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice, depthwise_choice, depthwise_scratch_bytes
from netspec.device.ops._convolution import ConvolutionKernel, common_call
from netspec.device.ops.base import Layout, Quantized, StoredWeights, Weights, dims
from netspec.ops import DepthwiseConv2D, Shape, hwc

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DepthwiseConv2DKernel(ConvolutionKernel[DepthwiseConv2D]):
    name = "depthwise_conv2d"
    functions = ("arm_depthwise_conv_wrapper_s8", "arm_depthwise_conv_wrapper_s8_get_buffer_size")
    tflite_kind = "DEPTHWISE_CONV_2D"
    channel_axis = 3

    def kernel_shape(self, op: DepthwiseConv2D) -> Shape:
        return (1, *op.kernel_size, op.output_shape[-1])

    def layout(self, op: DepthwiseConv2D) -> tuple[Layout, ...]:
        shape, scales = self.kernel_shape(op), "one scale for each filter"
        if op.kernel is None:
            return (Layout("kernel", None, (), shape, "device[0][0][0][c] = 1", scales),)
        height = len(op.kernel.shape) > 3
        target, filter = ("c", 0) if op.depth_multiplier == 1 else (f"c * {op.depth_multiplier} + i", "i")
        index = f"device[0][{'y' if height else 0}][x][{target}] = keras{'[y]' if height else ''}[x][c][{filter}]"
        return (Layout("kernel", op.kernel.weight, op.kernel.shape, shape, index, scales),)

    def kernel_choice(self, op: DepthwiseConv2D, extension: Extension) -> KernelChoice:
        return depthwise_choice(
            extension,
            input_hwc=hwc(op.input_shape),
            kernel_hw=op.kernel_size,
            output_hwc=hwc(op.output_shape),
            strides=op.strides,
            dilation=op.dilation,
            padding=(op.padding.top, op.padding.left),
        )

    def kernel_array(self, op: DepthwiseConv2D, weights: Weights | StoredWeights) -> NDArray[Any]:
        import numpy as np

        shape = self.kernel_shape(op)
        return np.ones(shape) if op.kernel is None else weights(op.kernel).reshape(shape)

    def scratch_bytes(self, op: DepthwiseConv2D, extension: Extension) -> int:
        return depthwise_scratch_bytes(
            extension,
            input_hwc=hwc(op.input_shape),
            kernel_hw=op.kernel_size,
            output_hwc=hwc(op.output_shape),
            strides=op.strides,
            dilation=op.dilation,
            padding=(op.padding.top, op.padding.left),
        )

    def call(self, op: DepthwiseConv2D, q: Quantized, extension: Extension) -> Mapping[str, Any]:
        return common_call(op, q, op.strides, op.dilation, (op.padding.top, op.padding.left)) | {
            "multiplier": op.depth_multiplier,
            "input_dims": dims(1, *hwc(op.input_shape)),
            "filter_dims": dims(1, *op.kernel_size, op.output_shape[-1]),
            "output_dims": dims(1, *hwc(op.output_shape)),
        }
