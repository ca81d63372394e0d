"""FULLY_CONNECTED by arm_fully_connected_s8."""

from __future__ import annotations

from collections.abc import Container, Mapping
from math import prod
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels._convolution import has_bias
from netspec.device.kernels.base import Constant, Dims, limits, named_dims
from netspec.device.kernels.netspec.dense import DenseKernel
from netspec.ops import INT8, INT32, Dense
from netspec.ops.numbers import Quantized


class ArmDenseKernel(DenseKernel):
    template = "cmsis_nn/dense"

    def kernel_choice(self, op: Dense, extension: Extension) -> KernelChoice:
        rows = prod(op.input_shape[:-1])
        reason = f"{'one row' if rows == 1 else f'for each of {rows:,} rows a row'} of the kernel times the input"
        if extension == "mve":
            reason += "; Helium's reads each unit's sum of weights from a table"
        return KernelChoice("arm_fully_connected_s8", reason)

    def functions(self, op: Dense, extension: Extension) -> tuple[str, ...]:
        return ("arm_fully_connected_s8", "arm_fully_connected_s8_get_buffer_size")

    def constants(self, op: Dense, extension: Extension) -> tuple[Constant, ...]:
        """Return kernel and bias; on Helium also what 7.0 and later read in place of the bias. 4.x needs none."""
        units = op.output_shape[-1]
        bias = (Constant("bias", INT32, units),) if has_bias(op) else ()
        sums = (Constant("kernel_sum", INT32, units, table=True),) if self.reads_kernel_sums(op, extension) else ()
        return (Constant("kernel", INT8, prod(op.kernel.shape)), *bias, *sums)

    def shapes(self, op: Dense, extension: Extension) -> Mapping[str, Dims]:
        rows, (inputs, units) = prod(op.input_shape[:-1]), op.kernel.shape
        return {
            "input_dims": (rows, 1, 1, inputs),
            "filter_dims": (inputs, 1, 1, units),
            "output_dims": (rows, 1, 1, units),
        }

    def reads_kernel_sums(self, op: Dense, extension: Extension) -> bool:
        return extension == "mve"

    def takes_context(self, op: Dense, extension: Extension) -> bool:
        return True

    def call(self, op: Dense, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        sums = [each.bytes for each in self.constants(op, extension) if each.role == "kernel_sum"]
        return {
            "function": "arm_fully_connected_s8",
            "input_offset": -q.numbers["input_zero_point"],
            "output_offset": q.numbers["output_zero_point"],
            "activation": limits(q),
            "multiplier": q.numbers["multiplier"],
            "shift": q.numbers["shift"],
            **named_dims(self.shapes(op, extension)),
            "kernel_sum_bytes": sum(sums),
        }
