"""The smaller and faster kernels: netspec's own, and those of Arm's that are as good."""

from __future__ import annotations

from typing import Any

from netspec.device.kernels import KernelSet
from netspec.device.ops.add import AddKernel
from netspec.device.ops.base import Kernel
from netspec.device.ops.concatenate import ConcatenateKernel
from netspec.device.ops.conv2d import Conv2DKernel
from netspec.device.ops.dense import DenseKernel
from netspec.device.ops.depthwise_conv2d import DepthwiseConv2DKernel
from netspec.device.ops.mean import MeanKernel
from netspec.device.ops.pad import PadKernel
from netspec.device.ops.pool2d import Pool2DKernel
from netspec.device.ops.softmax import SoftmaxKernel
from netspec.device.ops.unary import UnaryKernel

KERNELS: dict[str, Kernel[Any]] = {
    "add": AddKernel(),
    "concatenate": ConcatenateKernel(),
    "conv2d": Conv2DKernel(),
    "dense": DenseKernel(),
    "depthwise_conv2d": DepthwiseConv2DKernel(),
    "mean": MeanKernel(),
    "pad": PadKernel(),
    "pool2d": Pool2DKernel(),
    "softmax": SoftmaxKernel(),
    "unary": UnaryKernel(),
}

SET = KernelSet("best", KERNELS)
