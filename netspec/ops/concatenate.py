"""Joins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netspec.ops.base import Op
from netspec.ops.numbers import Integers, Quant, Quantized, Weights, batched
from netspec.ops.sink import Sink
from netspec.ops.words import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Concatenate(Op):
    """Join along `axis`, counted without the batch."""

    stem: ClassVar[str] = "concatenate"
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    axis: int

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def scale_rule(self, output: int = 0) -> Literal["same"]:
        return "same"

    def join_axis(self) -> int:
        return self.axis

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        assert all(given == outputs[0] for given in inputs), "a concatenation's inputs share its scale"
        return Quantized()

    def _join(self, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        import numpy as np

        parts = [batched(given, shape) for given, shape in zip(inputs, self.input_shapes, strict=True)]
        return np.concatenate(parts, axis=self.axis + 1)

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        return (self._join(inputs),)

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        return (self._join(inputs),)

    def tflite(self, q: Quantized, sink: Sink) -> None:
        reads = [sink.read(position, (1, *shape)) for position, shape in enumerate(self.input_shapes)]
        sink.operator(
            "CONCATENATION", reads, [sink.write((1, *self.output_shape))], axis=self.axis + 1, activation="NONE"
        )
