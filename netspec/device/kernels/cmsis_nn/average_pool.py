"""AVERAGE_POOL_2D by arm_avgpool_s8."""

from __future__ import annotations

from netspec.device.cmsis_nn import Extension, KernelChoice, average_pool_bytes
from netspec.device.kernels.netspec.pool2d import Pool2DKernel
from netspec.ops import Pool2D, hwc


class ArmAveragePoolKernel(Pool2DKernel):
    template = "cmsis_nn/pool2d"

    def kernel_choice(self, op: Pool2D, extension: Extension) -> KernelChoice:
        how = ", which are kept as int32 in scratch" if extension == "dsp" else ""
        return KernelChoice("arm_avgpool_s8", f"sums of integers{how}, divided by their number: the scale stays")

    def functions(self, op: Pool2D, extension: Extension) -> tuple[str, ...]:
        return ("arm_avgpool_s8", "arm_avgpool_s8_get_buffer_size")

    def takes_context(self, op: Pool2D, extension: Extension) -> bool:
        return True

    def kernel_scratch_bytes(self, op: Pool2D, extension: Extension, compiled_for: Extension) -> int:
        return average_pool_bytes(compiled_for, hwc(op.input_shape)[2])
