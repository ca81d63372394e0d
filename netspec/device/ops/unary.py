"""LOGISTIC, TANH, stand-alone RELU and int8 QUANTIZE: any function of one int8 is a table of 256, exactly."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.ops.base import Constant, Integers, Kernel, Quant, Quantized, Sink, Weights, batched
from netspec.ops import Unary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TFLITE_KINDS = {"sigmoid": "LOGISTIC", "tanh": "TANH", "relu": "RELU", "requantize": "QUANTIZE"}


def _is_relu6(op: Unary, source: Quant, output: Quant) -> bool:
    """Say whether the interpreter has an operator for the bound, RELU6, which knows one scale only.

    With another scale for its output, the bound is the end of the output's range.
    """
    return op.max_value == 6.0 and source == output


class UnaryKernel(Kernel[Unary]):
    name = "table"

    def kernel_choice(self, op: Unary, extension: Extension) -> KernelChoice:
        what = "a function of one int8"
        if op.kind == "requantize":
            what = "a change of scale, so that all inputs of a concatenation share one,"
        return KernelChoice("netspec_table_s8", f"{what} is a table of 256 bytes, made at build time")

    def in_place_inputs(self, op: Unary) -> tuple[int, ...]:
        """Return the one: an element is looked up and stored before the next is read."""
        return (0,)

    def constants(self, op: Unary, extension: Extension) -> tuple[Constant, ...]:
        return (Constant("table", "int8_t", 256, table=True),)

    def numbers(self, op: Unary, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        import numpy as np

        from netspec.arithmetic import logistic_table, relu6_table, relu_table, requantize_table, tanh_table

        source = inputs[0]
        match op.kind:
            case "sigmoid":
                table = logistic_table(source.scale, source.zero_point)
            case "tanh":
                table = tanh_table(source.scale, source.zero_point)
            case "relu" if _is_relu6(op, source, output):
                return Quantized(
                    {"table": np.array(relu6_table(source.scale, source.zero_point), np.int8)}, {"relu6": 1}
                )
            case "relu":
                table = relu_table(source.scale, source.zero_point, output.scale, output.zero_point)
            case "requantize":
                table = requantize_table(source.scale, source.zero_point, output.scale, output.zero_point)
        return Quantized({"table": np.array(table, np.int8)})

    def evaluate(self, op: Unary, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        import numpy as np

        from netspec.reference import logistic_float

        values = batched(inputs[0], op.shape)
        result: NDArray[Any]
        match op.kind:
            case "sigmoid":
                result = logistic_float(values)
            case "tanh":
                result = np.tanh(values)
            case "relu":
                result = np.clip(values, 0.0, op.max_value)
            case "requantize":
                result = values
        return result

    def reference(self, op: Unary, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        from netspec.reference import table

        return table(batched(inputs[0], op.shape), q.arrays["table"].tolist())

    def tflite(self, op: Unary, q: Quantized, sink: Sink) -> None:
        shape = (1, *op.shape)
        kind = "RELU6" if "relu6" in q.numbers else _TFLITE_KINDS[op.kind]
        sink.operator(kind, [sink.read(0, shape)], [sink.write(shape)])

    def call(self, op: Unary, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {"kind": op.kind, "size": prod(op.shape)}
