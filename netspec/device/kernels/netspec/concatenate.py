"""CONCATENATION: netspec_concatenate_s8, one call an input. All inputs and the output share their scale."""

from __future__ import annotations

from collections.abc import Container, Mapping
from math import prod
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Kernel
from netspec.ops import Concatenate
from netspec.ops.numbers import Quantized


class ConcatenateKernel(Kernel[Concatenate]):
    template = "netspec/concatenate"

    def kernel_choice(self, op: Concatenate, extension: Extension) -> KernelChoice:
        return KernelChoice("netspec_concatenate_s8", "a copy for each input, all of one scale")

    def calls(self, op: Concatenate, there: Container[int] = ()) -> int:
        return sum(position not in there for position in range(len(op.input_shapes)))

    def call(
        self, op: Concatenate, q: Quantized, extension: Extension, there: Container[int] = ()
    ) -> Mapping[str, Any]:
        """Return the copies: whatever the axis, an input is `rows` rows that are `pitch` bytes apart in the output."""
        sizes = [prod(shape[op.axis :]) for shape in op.input_shapes]
        copies = [
            {"input": position, "row_bytes": size, "output_at": sum(sizes[:position])}
            for position, size in enumerate(sizes)
            if position not in there
        ]
        return {"copies": copies, "rows": prod(op.output_shape[: op.axis]), "pitch": sum(sizes)}
