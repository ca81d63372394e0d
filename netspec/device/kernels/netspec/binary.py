"""Functions of two tensors of one shape: netspec_add_s8."""

from __future__ import annotations

from collections.abc import Container, Mapping
from math import prod
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Kernel, limits
from netspec.ops import Binary
from netspec.ops.numbers import Quantized


class BinaryKernel(Kernel[Binary]):
    template = "netspec/binary"

    def title(self, op: Binary) -> str:
        return op.kind

    def kernel_choice(self, op: Binary, extension: Extension) -> KernelChoice:
        reason = f"both inputs are brought to one scale, {op.function.done}, and brought to the output's"
        return KernelChoice(f"netspec_{op.kind}_s8", reason)

    def in_place(self, op: Binary) -> tuple[tuple[int, int], ...]:
        """Return both: each loop loads one or four elements of both, then stores as many sums.

        So do the loops of CMSIS-NN's arm_elementwise_add_s8: plain C, DSP and Helium, in 4.0 to main.
        """
        return ((0, 0), (1, 0))

    def call(self, op: Binary, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        function = self.kernel_choice(op, extension).function
        return {**q.numbers, "function": function, "activation": limits(q), "size": prod(op.shape)}
