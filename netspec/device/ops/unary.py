"""LOGISTIC, TANH, stand-alone RELU and int8 QUANTIZE: any function of one int8 is a table of 256, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension
from netspec.device.ops.base import Constant, Integers, Kernel, Quant, Quantized, Sink, Weights, batched
from netspec.ops import Unary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TFLITE_KINDS = {"sigmoid": "LOGISTIC", "tanh": "TANH", "relu": "RELU", "requantize": "QUANTIZE"}


class UnaryKernel(Kernel[Unary]):
    name = "table"
    functions = ("netspec_table_s8",)

    def constants(self, op: Unary, extension: Extension) -> tuple[Constant, ...]:
        return (Constant("table", "int8_t", 256, table=True),)

    def numbers(self, op: Unary, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        import numpy as np

        from netspec.device.fixed_point import logistic_table, relu_table, requantize_table, tanh_table

        source = inputs[0]
        match op.kind:
            case "sigmoid":
                table = logistic_table(source.scale, source.zero_point)
            case "tanh":
                table = tanh_table(source.scale, source.zero_point)
            case "relu":
                table = relu_table(source.scale, source.zero_point, output.scale, output.zero_point)
            case "requantize":
                table = requantize_table(source.scale, source.zero_point, output.scale, output.zero_point)
        return Quantized({"table": np.array(table, np.int8)})

    def evaluate(self, op: Unary, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        import numpy as np

        from netspec.device.reference import logistic_float

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
        from netspec.device.reference import table

        return table(batched(inputs[0], op.shape), q.arrays["table"].tolist())

    def tflite(self, op: Unary, q: Quantized, sink: Sink) -> None:
        shape = (1, *op.shape)
        sink.operator(_TFLITE_KINDS[op.kind], [sink.read(0, shape)], [sink.write(shape)])

    def call(self, op: Unary, q: Quantized, extension: Extension) -> Mapping[str, Any]:
        return {"kind": op.kind, "size": prod(op.shape)}
