"""FULLY_CONNECTED: netspec_dense_s8, one weight scale in all. Weight layout on the device: (units, inputs)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from math import prod
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Constant, Kernel, Layout, limits
from netspec.ops import INT8, INT32, Dense
from netspec.ops.numbers import Quantized


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
        return KernelChoice("netspec_dense_s8", reason)

    def constants(self, op: Dense, extension: Extension) -> tuple[Constant, ...]:
        return (
            Constant("kernel", INT8, prod(op.kernel.shape)),
            Constant("kernel_sum", INT32, op.output_shape[-1]),
        )

    def call(self, op: Dense, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        units, inputs = q.arrays["kernel"].shape
        return {
            "rows": prod(op.input_shape[:-1]),
            "inputs": inputs,
            "outputs": units,
            "multiplier": q.numbers["multiplier"],
            "shift": q.numbers["shift"],
            "output_offset": q.numbers["output_zero_point"],
            "activation": limits(q),
        }
