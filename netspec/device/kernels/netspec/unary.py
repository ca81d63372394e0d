"""LOGISTIC, TANH, stand-alone RELU and int8 QUANTIZE: any function of one int8 is a table of 256, exactly."""

from __future__ import annotations

from collections.abc import Container, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Constant, Kernel
from netspec.ops import INT8, Unary
from netspec.ops.numbers import Quant, Quantized

if TYPE_CHECKING:
    pass

_TFLITE_KINDS = {"sigmoid": "LOGISTIC", "tanh": "TANH", "relu": "RELU", "requantize": "QUANTIZE"}


def _is_relu6(op: Unary, source: Quant, output: Quant) -> bool:
    """Say whether the interpreter has an operator for the bound, RELU6, which knows one scale only.

    With another scale for its output, the bound is the end of the output's range.
    """
    return op.max_value == 6.0 and source == output


class UnaryKernel(Kernel[Unary]):
    template = "netspec/unary"

    def title(self, op: Unary) -> str:
        return "table"

    def kernel_choice(self, op: Unary, extension: Extension) -> KernelChoice:
        what = "a function of one int8"
        if op.kind == "requantize":
            what = "a change of scale, so that all inputs of a concatenation share one,"
        return KernelChoice("netspec_table_s8", f"{what} is a table of 256 bytes, made at build time")

    def in_place(self, op: Unary) -> tuple[tuple[int, int], ...]:
        """Return the one: an element is looked up and stored before the next is read."""
        return ((0, 0),)

    def constants(self, op: Unary, extension: Extension) -> tuple[Constant, ...]:
        return (Constant("table", INT8, 256, table=True),)

    def call(self, op: Unary, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {"kind": op.kind, "size": prod(op.shape)}
