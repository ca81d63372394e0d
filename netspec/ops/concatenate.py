"""Joins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from netspec.ops.base import Op, Shape


@dataclass(frozen=True, slots=True)
class Concatenate(Op):
    """Join along `axis`, counted without the batch."""

    stem: ClassVar[str] = "concatenate"
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    axis: int

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def scale_rule(self) -> Literal["same"]:
        return "same"

    def join_axis(self) -> int:
        return self.axis
