"""CONV_2D: arm_convolve_wrapper_s8. Filter layout on the device: (filters, kernel_h, kernel_w, channels)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, convolve_scratch_bytes
from netspec.device.ops._convolution import ConvolutionKernel
from netspec.device.ops.base import Quantized, Weights, batched, float_bounds
from netspec.ops import Conv2D, hwc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Conv2DKernel(ConvolutionKernel[Conv2D]):
    name = "conv2d"
    functions = ("arm_convolve_wrapper_s8", "arm_convolve_wrapper_s8_get_buffer_size")
    tflite_kind = "CONV_2D"
    channel_axis = 0

    def kernel_array(self, op: Conv2D, weights: Weights) -> NDArray[Any]:
        return weights(op.kernel).reshape((*op.kernel_size, *op.kernel.shape[-2:]))

    def kernel_size(self, op: Conv2D) -> int:
        return prod(op.kernel.shape)

    def scratch_bytes(self, op: Conv2D, extension: Extension) -> int:
        return convolve_scratch_bytes(
            extension,
            input_hwc=hwc(op.input_shape),
            kernel_hw=op.kernel_size,
            output_hwc=hwc(op.output_shape),
            strides=op.strides,
            dilation=op.dilation,
            padding=(op.padding.top, op.padding.left),
            groups=op.groups,
        )

    def evaluate(self, op: Conv2D, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        from netspec.device.reference import conv2d_float

        kernel, bias = self.float_weights(op, weights)
        result = conv2d_float(
            batched(inputs[0], hwc(op.input_shape)),
            kernel,
            bias,
            strides=op.strides,
            dilation=op.dilation,
            padding=op.padding,
            activation=float_bounds(op.activation, op.max_value),
        )
        return batched(result, op.output_shape)

    def reference(self, op: Conv2D, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        from netspec.device.reference import conv2d

        image = batched(inputs[0], hwc(op.input_shape))
        result = conv2d(image, q.arrays["kernel"], q.arrays.get("bias"), **self.reference_arguments(op, q))
        return batched(result, op.output_shape)
