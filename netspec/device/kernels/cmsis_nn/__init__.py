"""Arm's kernels wherever CMSIS-NN has one, as the conditions of its wrappers choose them."""

from __future__ import annotations

from typing import Any

from netspec.device.cmsis_nn.arm import padding_is_exact
from netspec.device.kernels import KernelSet
from netspec.device.kernels.base import Kernel
from netspec.device.kernels.cmsis_nn.binary import ArmAddKernel
from netspec.device.kernels.cmsis_nn.concatenate import ArmConcatenateKernel
from netspec.device.kernels.cmsis_nn.convolutions import ArmConv2DKernel, ArmDepthwiseConv2DKernel
from netspec.device.kernels.cmsis_nn.dense import ArmDenseKernel
from netspec.device.kernels.cmsis_nn.pad import ArmPadKernel
from netspec.device.kernels.cmsis_nn.pool2d import ArmPool2DKernel
from netspec.device.kernels.cmsis_nn.softmax import ArmSoftmaxKernel
from netspec.device.kernels.netspec import KERNELS
from netspec.ops import Conv2D, DepthwiseConv2D, Op

ARM_KERNELS: dict[str, Kernel[Any]] = {
    "binary.add": ArmAddKernel(),
    "concatenate": ArmConcatenateKernel(),
    "conv2d": ArmConv2DKernel(),
    "dense": ArmDenseKernel(),
    "depthwise_conv2d": ArmDepthwiseConv2DKernel(),
    "pad": ArmPadKernel(),
    "pool2d": ArmPool2DKernel(),
    "softmax": ArmSoftmaxKernel(),
}


def pads_itself(op: Op) -> bool:
    """Return whether Arm's kernel reads no byte outside its input, and none faster is ruled out by the padding."""
    if not isinstance(op, Conv2D | DepthwiseConv2D):
        return True
    multiplier = op.depth_multiplier if isinstance(op, DepthwiseConv2D) else 1
    return padding_is_exact(
        kernel_hw=op.kernel_size,
        dilation=op.dilation,
        padding=op.padding,
        depthwise=isinstance(op, DepthwiseConv2D),
        depth_multiplier=multiplier,
    )


SET = KernelSet("cmsis-nn", KERNELS | ARM_KERNELS, pads_itself)
