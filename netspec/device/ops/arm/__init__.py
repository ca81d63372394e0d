"""Arm's kernels for the ops that netspec has better ones for: what `target: {kernels: cmsis-nn}` asks for.

The ops are those of `netspec.ops` under another type, by which their kernels are found. Integers, reference and
TensorFlow Lite operators are inherited: only the C call and what it reads differ.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from netspec import ops
from netspec.device.ops.arm.add import ArmAddKernel
from netspec.device.ops.arm.average_pool import ArmAveragePoolKernel
from netspec.device.ops.arm.convolutions import ArmConv2DKernel, ArmDepthwiseConv2DKernel
from netspec.device.ops.arm.dense import ArmDenseKernel
from netspec.device.ops.arm.softmax import ArmSoftmaxKernel
from netspec.device.ops.base import Kernel


class ArmConv2D(ops.Conv2D):
    __slots__ = ()


class ArmDepthwiseConv2D(ops.DepthwiseConv2D):
    __slots__ = ()


class ArmDense(ops.Dense):
    __slots__ = ()


class ArmAdd(ops.Add):
    __slots__ = ()


class ArmSoftmax(ops.Softmax):
    __slots__ = ()


class ArmAveragePool(ops.Pool2D):
    __slots__ = ()


ARM_KERNELS: dict[type[Any], Kernel[Any]] = {
    ArmConv2D: ArmConv2DKernel(),
    ArmDepthwiseConv2D: ArmDepthwiseConv2DKernel(),
    ArmDense: ArmDenseKernel(),
    ArmAdd: ArmAddKernel(),
    ArmSoftmax: ArmSoftmaxKernel(),
    ArmAveragePool: ArmAveragePoolKernel(),
}

_TYPES: dict[type[Any], type[Any]] = {kind.__mro__[1]: kind for kind in ARM_KERNELS}


def on_arm_kernels(op: ops.Op) -> ops.Op:
    """Return an op as the one that Arm's kernel runs; the op itself where CMSIS-NN has none, or it is called anyway."""
    kind = _TYPES.get(type(op))
    if kind is None or (isinstance(op, ops.Pool2D) and op.kind == "max"):
        return op
    found: ops.Op = kind(*(getattr(op, field.name) for field in fields(kind)))
    return found
