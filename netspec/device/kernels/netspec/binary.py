"""ADD of two tensors of one shape: netspec_add_s8."""

from __future__ import annotations

from collections.abc import Container, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Kernel, limits
from netspec.ops import Add
from netspec.ops.numbers import Quantized

if TYPE_CHECKING:
    pass


class AddKernel(Kernel[Add]):
    template = "netspec/add"

    def kernel_choice(self, op: Add, extension: Extension) -> KernelChoice:
        return KernelChoice(
            "netspec_add_s8", "both inputs are brought to one scale, added, and brought to the output's"
        )

    def in_place(self, op: Add) -> tuple[tuple[int, int], ...]:
        """Return both: each loop loads one or four elements of both, then stores as many sums.

        So do the loops of CMSIS-NN's arm_elementwise_add_s8: plain C, DSP and Helium, in 4.0 to main.
        """
        return ((0, 0), (1, 0))

    def call(self, op: Add, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {**q.numbers, "activation": limits(q), "size": prod(op.shape)}
