"""Zeros around an image, as an op of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netspec.ops.base import Op
from netspec.ops.numbers import Integers, Quant, Quantized, Weights, batched
from netspec.ops.sink import Sink
from netspec.ops.words import Padding, Shape, hwc

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Pad(Op):
    """Zeros around height and width of an image."""

    stem: ClassVar[str] = "pad"
    input_shape: Shape
    output_shape: Shape
    padding: Padding

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def scale_rule(self, output: int = 0) -> Literal["same"]:
        return "same"

    def zeros_before(self) -> Padding:
        return self.padding

    def with_zeros_before(self, zeros: Padding, input_shape: Shape) -> Pad:
        return replace(self, padding=zeros, input_shape=input_shape)

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        assert inputs[0] == outputs[0], "padding keeps its input's scale"
        return Quantized(numbers={"pad_value": outputs[0].zero_point})

    def _amounts(self) -> tuple[tuple[int, int], ...]:
        top, bottom, left, right = self.padding
        return ((0, 0), (top, bottom), (left, right), (0, 0))

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        import numpy as np

        return (batched(np.pad(batched(inputs[0], hwc(self.input_shape)), self._amounts()), self.output_shape),)

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import pad

        image = batched(inputs[0], hwc(self.input_shape))
        return (batched(pad(image, self._amounts(), q.numbers["pad_value"]), self.output_shape),)

    def tflite(self, q: Quantized, sink: Sink) -> None:
        import numpy as np

        source = sink.read(0, (1, *hwc(self.input_shape)))
        amounts = sink.constant("padding", np.array(self._amounts(), np.int32))
        sink.operator("PAD", [source, amounts], [sink.write((1, *hwc(self.output_shape)))])
