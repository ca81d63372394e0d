"""Pooling over windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar, Literal

from netspec.ops.base import ActivationKind, Op, Padding, Shape, clamp
from netspec.ops.relu import Relu


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

    def scale_rule(self) -> Literal["same"]:
        return "same"

    def clamped(self, relu: Relu) -> Pool2D | None:
        found = clamp(self.activation, relu)
        if found is None or found[1] is not None:  # a pool keeps its input's scale, so saturation cannot be the bound
            return None
        return replace(self, activation=found[0])

    def input_reads(self) -> float:
        return prod(self.pool_size) / prod(self.strides)
