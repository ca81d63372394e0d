"""SOFTMAX by arm_softmax_s8."""

from __future__ import annotations

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.netspec.softmax import SoftmaxKernel
from netspec.ops import Softmax


class ArmSoftmaxKernel(SoftmaxKernel):
    """In place as ours: plain C and Helium alike read what they replace for the last time just before."""

    template = "cmsis_nn/softmax"

    def kernel_choice(self, op: Softmax, extension: Extension) -> KernelChoice:
        return KernelChoice("arm_softmax_s8", super().kernel_choice(op, extension).reason)
