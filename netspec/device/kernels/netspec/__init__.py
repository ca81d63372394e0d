"""netspec's own kernels, for every op: smaller and faster than Arm's, or as good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netspec.device.cmsis_nn import Extension
from netspec.device.kernels import KernelSet
from netspec.device.kernels._convolution import window_of
from netspec.device.kernels.base import Kernel
from netspec.device.kernels.netspec import dense, dsp_depthwise_conv2d, packed_conv2d
from netspec.device.kernels.netspec.binary import BinaryKernel
from netspec.device.kernels.netspec.concatenate import ConcatenateKernel
from netspec.device.kernels.netspec.conv2d import Conv2DKernel
from netspec.device.kernels.netspec.dense import DenseKernel, PackedDenseKernel
from netspec.device.kernels.netspec.depthwise_conv2d import DepthwiseConv2DKernel, is_plain
from netspec.device.kernels.netspec.dsp_depthwise_conv2d import DspDepthwiseConv2DKernel, takes
from netspec.device.kernels.netspec.mean import MeanKernel
from netspec.device.kernels.netspec.packed_conv2d import PackedConv2DKernel
from netspec.device.kernels.netspec.pad import PadKernel
from netspec.device.kernels.netspec.pool2d import Pool2DKernel
from netspec.device.kernels.netspec.softmax import SoftmaxKernel
from netspec.device.kernels.netspec.unary import UnaryKernel
from netspec.ops import Conv2D, Dense, DepthwiseConv2D, Op

KERNELS: dict[str, Kernel[Any]] = {
    "binary": BinaryKernel(),
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


def in_network(ops: Sequence[Op], extension: Extension) -> Mapping[str, Kernel[Any]]:
    """Return the kernels for DSP instructions that a network has enough work for."""
    if extension != "dsp":
        return {}
    found: dict[str, Kernel[Any]] = {}
    depthwise = [op for op in ops if isinstance(op, DepthwiseConv2D)]
    plain = [op for op in ops if isinstance(op, Conv2D)] + [op for op in depthwise if is_plain(op, extension)]
    in_planes = [op for op in depthwise if takes(window_of(op))]
    if sum(op.macs() for op in ops if isinstance(op, Dense)) >= dense.WORTH_PACKING:
        found["dense"] = PackedDenseKernel()
    packs = sum(op.macs() for op in plain) >= packed_conv2d.WORTH_PACKING
    if packs:
        found["conv2d"] = PackedConv2DKernel()
    planes = sum(op.macs() for op in in_planes) >= dsp_depthwise_conv2d.WORTH_PLANES
    if packs or planes:
        found["depthwise_conv2d"] = DspDepthwiseConv2DKernel(planes=planes, packs=packs)
    return found


SET = KernelSet("netspec", KERNELS, in_network=in_network)
