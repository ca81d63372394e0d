"""rescaling: x * scale + offset, on the device part of the input's quantization."""

from __future__ import annotations

from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._explanation import Explanation, unchanged
from netspec.layers.base import Integers, KerasCall, Layer
from netspec.ops import Op, Rescale, Shape


class Rescaling(Layer):
    """Multiply by `scale`, then add `offset`."""

    family: ClassVar[str] = "input scaling"
    type: ClassVar[str] = "rescaling"
    integers: ClassVar[Integers] = "converted"
    scale: float = Field(description="Factor of every value.", examples=[0.00392156862745098])
    offset: float = Field(0.0, description="Added after.")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return inputs[0]

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        offset = f" {'-' if self.offset < 0 else '+'} {abs(self.offset):g}" if self.offset else ""
        formula = f"y = x * {self.scale:g}{offset}, value by value; both numbers come from the spec"
        return unchanged(inputs[0], formula)

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Rescaling", {"scale": self.scale, "offset": self.offset}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (Rescale(inputs[0], self.scale, self.offset),)
