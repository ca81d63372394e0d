"""MAX_POOL_2D and AVERAGE_POOL_2D by arm_max_pool_s8 and arm_avgpool_s8."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice, average_pool_bytes
from netspec.device.kernels.netspec.pool2d import Pool2DKernel
from netspec.ops import Pool2D, hwc
from netspec.ops.numbers import Quantized


class ArmPool2DKernel(Pool2DKernel):
    template = "cmsis_nn/pool2d"

    def kernel_choice(self, op: Pool2D, extension: Extension) -> KernelChoice:
        if op.kind == "max":
            return KernelChoice("arm_max_pool_s8", super().kernel_choice(op, extension).reason)
        how = ", which are kept as int32 in scratch" if extension == "dsp" else ""
        return KernelChoice("arm_avgpool_s8", f"sums of integers{how}, divided by their number: the scale stays")

    def functions(self, op: Pool2D, extension: Extension) -> tuple[str, ...]:
        if op.kind == "max":
            return super().functions(op, extension)
        return ("arm_avgpool_s8", "arm_avgpool_s8_get_buffer_size")

    def takes_context(self, op: Pool2D, extension: Extension) -> bool:
        return True

    def kernel_scratch_bytes(self, op: Pool2D, extension: Extension, compiled_for: Extension) -> int:
        return 0 if op.kind == "max" else average_pool_bytes(compiled_for, hwc(op.input_shape)[2])

    def call(self, op: Pool2D, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {**super().call(op, q, extension, there), "sized": op.kind != "max"}
