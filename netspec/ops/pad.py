"""Zeros around an image, as an op of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from netspec.ops.base import Op, Padding, Shape


@dataclass(frozen=True, slots=True)
class Pad(Op):
    """Zeros around height and width of an image."""

    stem: ClassVar[str] = "pad"
    input_shape: Shape
    output_shape: Shape
    padding: Padding

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def scale_rule(self) -> Literal["same"]:
        return "same"

    def zeros_before(self) -> Padding:
        return self.padding

    def with_zeros_before(self, zeros: Padding, input_shape: Shape) -> Pad:
        return replace(self, padding=zeros, input_shape=input_shape)
