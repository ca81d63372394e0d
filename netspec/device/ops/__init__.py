"""The one list of int8 ops: what a device graph may hold after its passes."""

from __future__ import annotations

from typing import Any

from netspec import ops
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

KERNELS: dict[type[Any], Kernel[Any]] = {
    ops.Conv2D: Conv2DKernel(),
    ops.DepthwiseConv2D: DepthwiseConv2DKernel(),
    ops.Dense: DenseKernel(),
    ops.Pool2D: Pool2DKernel(),
    ops.Mean: MeanKernel(),
    ops.Softmax: SoftmaxKernel(),
    ops.Unary: UnaryKernel(),
    ops.Add: AddKernel(),
    ops.Concatenate: ConcatenateKernel(),
    ops.Pad: PadKernel(),
}


def kernel_of(op: ops.Op) -> Kernel[Any]:
    """Return the kernel that runs an op. Raises `AssertionError` for an op that the passes should have removed."""
    kernel = KERNELS.get(type(op)) or _arm_kernel(op)
    assert kernel is not None, f"{type(op).__name__} is left after the passes"
    return kernel


def _arm_kernel(op: ops.Op) -> Kernel[Any] | None:
    """Return a kernel of Arm's that the spec asks for; few do, so that these are imported then only."""
    from netspec.device.ops.arm import ARM_KERNELS

    return ARM_KERNELS.get(type(op))
