"""MEAN over height and width: netspec_mean_s8. Unlike an average pool it rescales to its output's range."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Dims, Kernel, named_dims
from netspec.ops import Mean, hwc
from netspec.ops.numbers import Quantized


class MeanKernel(Kernel[Mean]):
    template = "netspec/mean"

    def kernel_choice(self, op: Mean, extension: Extension) -> KernelChoice:
        return KernelChoice(
            "netspec_mean_s8",
            "CMSIS-NN has no mean over an image that changes the scale, as TensorFlow Lite's MEAN does",
        )

    def shapes(self, op: Mean, extension: Extension) -> Mapping[str, Dims]:
        return {"input_dims": (1, *hwc(op.input_shape))}

    def call(self, op: Mean, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {
            **named_dims(self.shapes(op, extension)),
            "input_offset": -q.numbers["input_zero_point"],
            "multiplier": q.numbers["multiplier"],
            "shift": q.numbers["shift"],
            "output_offset": q.numbers["output_zero_point"],
        }
