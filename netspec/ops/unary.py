"""Functions of one value."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netspec.ops.base import Op
from netspec.ops.numbers import Integers, Quant, Quantized, Weights, batched
from netspec.ops.sink import Sink
from netspec.ops.words import Fixed, ScaleRule, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIXED = {"sigmoid": Fixed(256, -128), "tanh": Fixed(128, 0)}
"""What TFLite's int8 specification prescribes."""
_TFLITE_KINDS = {"sigmoid": "LOGISTIC", "tanh": "TANH", "relu": "RELU", "requantize": "QUANTIZE"}


@dataclass(frozen=True, slots=True)
class Unary(Op):
    """An element-wise function of one tensor: a 256-byte table on the device.

    `requantize` changes scale and zero point only; a pass inserts it where a concatenation's inputs cannot share
    a scale. `max_value` bounds `relu`.
    """

    stem: ClassVar[str] = "unary"
    kind: Literal["sigmoid", "tanh", "relu", "requantize"]
    shape: Shape
    max_value: float | None = None

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)

    def variant(self) -> str:
        return f"{self.stem}.{self.kind}"

    def scale_rule(self, output: int = 0) -> ScaleRule:
        return _FIXED.get(self.kind, "free")

    def range_end(self) -> float | None:
        return self.max_value

    def table_key(self) -> Hashable:
        return (self.kind, self.max_value)

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        import numpy as np

        from netspec.arithmetic import logistic_table, relu6_table, relu_table, requantize_table, tanh_table

        source = inputs[0]
        match self.kind:
            case "sigmoid":
                table = logistic_table(source.scale, source.zero_point)
            case "tanh":
                table = tanh_table(source.scale, source.zero_point)
            case "relu" if _is_relu6(self, source, outputs[0]):
                return Quantized(
                    {"table": np.array(relu6_table(source.scale, source.zero_point), np.int8)}, {"relu6": 1}
                )
            case "relu":
                table = relu_table(source.scale, source.zero_point, outputs[0].scale, outputs[0].zero_point)
            case "requantize":
                table = requantize_table(source.scale, source.zero_point, outputs[0].scale, outputs[0].zero_point)
        return Quantized({"table": np.array(table, np.int8)})

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        import numpy as np

        from netspec.reference import logistic_float

        values = batched(inputs[0], self.shape)
        result: NDArray[Any]
        match self.kind:
            case "sigmoid":
                result = logistic_float(values)
            case "tanh":
                result = np.tanh(values)
            case "relu":
                result = np.clip(values, 0.0, self.max_value)
            case "requantize":
                result = values
        return (result,)

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import table

        return (table(batched(inputs[0], self.shape), q.arrays["table"].tolist()),)

    def tflite(self, q: Quantized, sink: Sink) -> None:
        shape = (1, *self.shape)
        kind = "RELU6" if "relu6" in q.numbers else _TFLITE_KINDS[self.kind]
        sink.operator(kind, [sink.read(0, shape)], [sink.write(shape)])


def _is_relu6(op: Unary, source: Quant, output: Quant) -> bool:
    """Say whether the interpreter has an operator for the bound, RELU6, which knows one scale only.

    With another scale for its output, the bound is the end of the output's range.
    """
    return op.max_value == 6.0 and source == output
