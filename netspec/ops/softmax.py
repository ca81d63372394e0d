"""Softmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from netspec.ops.base import Op
from netspec.ops.numbers import Integers, Quant, Quantized, Weights, batched
from netspec.ops.sink import Sink
from netspec.ops.words import Fixed, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALE = Fixed(256, -128)
"""TFLite's int8 specification prescribes it for softmax and sigmoid."""


@dataclass(frozen=True, slots=True)
class Softmax(Op):
    """Softmax over the last axis."""

    stem: ClassVar[str] = "softmax"
    shape: Shape

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)

    def scale_rule(self, output: int = 0) -> Fixed:
        return SCALE

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        from netspec.arithmetic import softmax_parameters

        parameters = softmax_parameters(inputs[0].scale)
        return Quantized(
            numbers={
                "multiplier": parameters.multiplier,
                "shift": parameters.shift,
                "diff_min": parameters.diff_min,
            }
        )

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import softmax_float

        return (softmax_float(batched(inputs[0], self.shape)),)

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.arithmetic import SoftmaxParameters
        from netspec.reference import softmax

        return (softmax(batched(inputs[0], self.shape), SoftmaxParameters(**q.numbers)),)

    def tflite(self, q: Quantized, sink: Sink) -> None:
        rows = (prod(self.shape[:-1]), self.shape[-1])
        sink.operator("SOFTMAX", [sink.read(0, rows)], [sink.write(rows)], beta=1.0)
