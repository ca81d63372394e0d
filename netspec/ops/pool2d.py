"""Pooling over windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netspec.ops.base import Op, clamp
from netspec.ops.numbers import Integers, Quant, Quantized, Weights, batched, clamp_numbers, float_bounds
from netspec.ops.sink import Sink, tflite_activation
from netspec.ops.words import NO_PADDING, ActivationKind, Padding, Shape, hwc

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Pool2D(Op):
    """Windowed maximum or average; padding takes no part in either."""

    stem: ClassVar[str] = "pool2d"
    kind: Literal["max", "average"]
    input_shape: Shape
    output_shape: Shape
    pool_size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding
    activation: ActivationKind = "none"

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def variant(self) -> str:
        return f"{self.stem}.{self.kind}"

    def scale_rule(self, output: int = 0) -> Literal["same"]:
        return "same"

    def clamped(self, max_value: float | None) -> Pool2D | None:
        found = clamp(self.activation, max_value)
        if found is None or found[1] is not None:  # a pool keeps its input's scale, so saturation cannot be the bound
            return None
        return replace(self, activation=found[0])

    def input_reads(self) -> float:
        return prod(self.pool_size) / prod(self.strides)

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        assert inputs[0] == outputs[0], "a pool keeps its input's scale"
        return Quantized(numbers=clamp_numbers(self.activation, outputs[0]))

    def _window(self) -> dict[str, Any]:
        return {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import average_pool2d_float, max_pool2d_float

        pool = max_pool2d_float if self.kind == "max" else average_pool2d_float
        image = batched(inputs[0], hwc(self.input_shape))
        result = pool(image, **self._window()).clip(*float_bounds(self.activation))
        return (batched(result, self.output_shape),)

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import average_pool2d, max_pool2d

        pool = max_pool2d if self.kind == "max" else average_pool2d
        clamp = (q.numbers["activation_min"], q.numbers["activation_max"])
        result = pool(batched(inputs[0], hwc(self.input_shape)), **self._window(), activation=clamp)
        return (batched(result, self.output_shape),)

    def tflite(self, q: Quantized, sink: Sink) -> None:
        source = sink.read(0, (1, *hwc(self.input_shape)))
        target = sink.write((1, *hwc(self.output_shape)))
        sink.operator(
            f"{self.kind.upper()}_POOL_2D",
            [source],
            [target],
            padding="VALID" if self.padding == NO_PADDING else "SAME",
            stride_h=self.strides[0],
            stride_w=self.strides[1],
            filter_h=self.pool_size[0],
            filter_w=self.pool_size[1],
            activation=tflite_activation(self.activation),
        )
