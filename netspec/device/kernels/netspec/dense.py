"""FULLY_CONNECTED, one weight scale in all. Weight layout: (units, inputs), or packed for DSP instructions.

Units are packed eight at a time. The weights of up to seven that are left lie as they are; netspec_dense_s8 runs these.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice, round_up
from netspec.device.kernels.base import Constant, Kernel, Layout, limits
from netspec.ops import INT8, INT32, Dense
from netspec.ops.numbers import Quantized

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLAIN, EIGHTS, PACKED = "netspec_dense_s8", "netspec_dense_eights_s8", "netspec_dense_packed_s8"
WORTH_PACKING = 24 * 1024
"""With so many multiplications in its dense layers a network takes the kernels of packed weights.

Their code is a kilobyte: 4 % of the flash of so many weights. Each multiplication saves an instruction.
"""


class DenseKernel(Kernel[Dense]):
    template = "netspec/dense"

    def layout(self, op: Dense) -> tuple[Layout, ...]:
        inputs, units = op.kernel.shape
        index = "device[o][i] = keras[i][o]"
        return (Layout("kernel", op.kernel.weight, op.kernel.shape, (units, inputs), index, "one scale in all"),)

    def kernel_choice(self, op: Dense, extension: Extension) -> KernelChoice:
        rows = prod(op.input_shape[:-1])
        times = "one row of the kernel" if rows == 1 else f"for each of {rows:,} rows a row of the kernel"
        reason = f"{times} times the input for each unit, on top of sums made at build time"
        return KernelChoice(PLAIN, reason)

    def constants(self, op: Dense, extension: Extension) -> tuple[Constant, ...]:
        return (
            Constant("kernel", INT8, prod(op.kernel.shape)),
            Constant("kernel_sum", INT32, op.output_shape[-1]),
        )

    def call(self, op: Dense, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        units, inputs = q.arrays["kernel"].shape
        return {
            "function": self.kernel_choice(op, extension).function,
            "role": "kernel",
            "rows": prod(op.input_shape[:-1]),
            "inputs": inputs,
            "outputs": units,
            "multiplier": q.numbers["multiplier"],
            "shift": q.numbers["shift"],
            "output_offset": q.numbers["output_zero_point"],
            "activation": limits(q),
        }


class PackedDenseKernel(DenseKernel):
    """With weights packed for cores with DSP instructions."""

    def layout(self, op: Dense) -> tuple[Layout, ...]:
        (plain,) = super().layout(op)
        units, inputs = plain.device_shape
        eights = units // 8 * 8
        packed = replace(
            plain,
            role="packed",
            device_shape=(units // 8, round_up(inputs, 4) // 4, 2, 4, 2, 2),
            index="device[o // 8][i // 4][i % 2][o // 2 % 4][i // 2 % 2][o % 2] = keras[i][o]",
            where=f"o < {eights}" if units > eights else "",
            flipped="o % 2 == 0",
        )
        rest = replace(
            plain,
            role="rest",
            device_shape=(units - eights, inputs),
            index=f"device[o - {eights}][i] = keras[i][o]",
            where=f"o >= {eights}",
        )
        return (plain, packed, rest)

    def kernel_choice(self, op: Dense, extension: Extension) -> KernelChoice:
        units, rows = op.output_shape[-1], prod(op.input_shape[:-1])
        if units < 8:
            return super().kernel_choice(op, extension)
        each = "" if rows == 1 else f"for each of {rows:,} rows "
        reason = f"{each}eight units at a time, two weights in one factor, on top of sums made at build time"
        if units % 8 == 0:
            return KernelChoice(EIGHTS, reason)
        return KernelChoice(PACKED, f"{reason}; {units % 8} more by {PLAIN}")

    def constants(self, op: Dense, extension: Extension) -> tuple[Constant, ...]:
        sizes = {layout.role: prod(layout.device_shape) for layout in self.layout(op)}
        function = self.kernel_choice(op, extension).function
        roles = {PLAIN: ("kernel",), EIGHTS: ("packed",), PACKED: ("packed", "rest")}[function]
        weights = tuple(Constant(role, INT8, sizes[role]) for role in roles)
        return (*weights, Constant("kernel_sum", INT32, op.output_shape[-1]))

    def arrays(self, op: Dense, q: Quantized) -> Mapping[str, NDArray[Any]]:
        """Return both parts of the weights: the packed ones, and those of the units that are left."""
        kernel = q.arrays["kernel"]
        eights = len(kernel) // 8 * 8
        return {"packed": packed(kernel[:eights]), "rest": kernel[eights:]}

    def call(self, op: Dense, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        call = super().call(op, q, extension, there)
        function, units = call["function"], call["outputs"]
        if function == PLAIN:
            return call
        assert call["multiplier"] >= 1 << 30 or call["shift"] >= 0, "the kernels expect a multiplier of 31 bits"
        if function == EIGHTS:
            return {**call, "role": "packed"}
        eights = units // 8 * 8
        parts = (
            {"name": "eights", "role": "packed", "sums_from": "", "outputs": eights},
            {"name": "rest", "role": "rest", "sums_from": f" + {eights}", "outputs": units - eights},
        )
        return {**call, "parts": parts}


def packed(kernel: NDArray[Any]) -> NDArray[Any]:
    """Return weights (units, inputs) in the order of netspec_dense_eights_s8; the units are a multiple of eight."""
    import numpy as np

    units, inputs = kernel.shape
    padded = np.zeros((units, round_up(inputs, 4)), np.int8)
    padded[:, :inputs] = kernel
    padded[::2] ^= np.int8(-128)
    # (unit / 8, unit / 2 % 4, unit % 2, input / 4, input / 2 % 2, input % 2)
    apart = padded.reshape(units // 8, 4, 2, padded.shape[1] // 4, 2, 2)
    return np.ascontiguousarray(apart.transpose(0, 3, 5, 1, 4, 2))
