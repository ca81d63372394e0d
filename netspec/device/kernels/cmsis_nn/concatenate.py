"""CONCATENATION by arm_concatenation_s8_x, one call an input, more where its sizes are too small."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from math import prod
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.netspec.concatenate import ConcatenateKernel
from netspec.ops import Concatenate
from netspec.ops.numbers import Quantized

# Sizes are uint16_t in arm_concatenation_s8_x; what is larger is copied in blocks.
_LARGEST_SIZE = 65535


class ArmConcatenateKernel(ConcatenateKernel):
    template = "cmsis_nn/concatenate"

    def kernel_choice(self, op: Concatenate, extension: Extension) -> KernelChoice:
        return KernelChoice("arm_concatenation_s8_x", super().kernel_choice(op, extension).reason)

    def calls(self, op: Concatenate, there: Container[int] = ()) -> int:
        return sum(copy["input"] not in there for copy in self._copies(op))

    def call(
        self, op: Concatenate, q: Quantized, extension: Extension, there: Container[int] = ()
    ) -> Mapping[str, Any]:
        return {"copies": [copy for copy in self._copies(op) if copy["input"] not in there]}

    def _copies(self, op: Concatenate) -> list[dict[str, int]]:
        """Return the copies: which input, how many rows of how many bytes, and where they go.

        Whatever the axis, an input is `rows` rows that lie `pitch` bytes apart in the output, from `offset` on.
        `input_at` and `output_at` are bytes to skip before the call looks at either.
        """
        rows = prod(op.output_shape[: op.axis])
        pitch = prod(op.output_shape[op.axis :])
        copies: list[dict[str, int]] = []
        offset = 0
        for position, shape in enumerate(op.input_shapes):
            size = prod(shape[op.axis :])
            copies += (
                {"input": position, **block}
                for block in (_blocks if pitch <= _LARGEST_SIZE else _long_blocks)(rows, size, pitch, offset)
            )
            offset += size
        return copies


def _blocks(rows: int, size: int, pitch: int, offset: int) -> Iterator[dict[str, int]]:
    for row in range(0, rows, _LARGEST_SIZE):
        count = min(_LARGEST_SIZE, rows - row)
        yield _block(row * size, row * pitch, size, count, pitch, offset)


def _long_blocks(rows: int, size: int, pitch: int, offset: int) -> Iterator[dict[str, int]]:
    """Yield single rows, in pieces: to the kernel each is an output of its own."""
    for row in range(rows):
        for start in range(0, size, _LARGEST_SIZE):
            count = min(_LARGEST_SIZE, size - start)
            yield _block(row * size + start, row * pitch + offset + start, count, 1, count, 0)


def _block(input_at: int, output_at: int, size: int, rows: int, pitch: int, offset: int) -> dict[str, int]:
    return {
        "input_at": input_at,
        "output_at": output_at,
        "size": size,
        "rows": rows,
        "pitch": pitch,
        "offset": offset,
    }
