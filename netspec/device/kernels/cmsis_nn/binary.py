"""ADD by arm_elementwise_add_s8."""

from __future__ import annotations

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.netspec.binary import BinaryKernel
from netspec.ops import Binary


class ArmAddKernel(BinaryKernel):
    template = "cmsis_nn/binary"

    def kernel_choice(self, op: Binary, extension: Extension) -> KernelChoice:
        return KernelChoice("arm_elementwise_add_s8", super().kernel_choice(op, extension).reason)
