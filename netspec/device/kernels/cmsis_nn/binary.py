"""ADD by arm_elementwise_add_s8."""

from __future__ import annotations

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.netspec.add import AddKernel
from netspec.ops import Add


class ArmAddKernel(AddKernel):
    template = "cmsis_nn/add"

    def kernel_choice(self, op: Add, extension: Extension) -> KernelChoice:
        return KernelChoice("arm_elementwise_add_s8", super().kernel_choice(op, extension).reason)
