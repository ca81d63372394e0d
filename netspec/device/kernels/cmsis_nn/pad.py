"""PAD by arm_pad_s8."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Dims, named_dims
from netspec.device.kernels.netspec.pad import PadKernel
from netspec.ops import Pad, hwc
from netspec.ops.numbers import Quantized


class ArmPadKernel(PadKernel):
    template = "cmsis_nn/pad"

    def kernel_choice(self, op: Pad, extension: Extension) -> KernelChoice:
        return KernelChoice("arm_pad_s8", super().kernel_choice(op, extension).reason)

    def shapes(self, op: Pad, extension: Extension) -> Mapping[str, Dims]:
        top, bottom, left, right = op.padding
        return {
            "input_dims": (1, *hwc(op.input_shape)),
            "before_dims": (0, top, left, 0),
            "after_dims": (0, bottom, right, 0),
        }

    def call(self, op: Pad, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {
            "value": q.numbers["pad_value"],
            **named_dims(self.shapes(op, extension)),
        }
