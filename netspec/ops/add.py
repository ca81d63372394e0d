"""Sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from netspec.ops.base import ActivationKind, Op, Shape, clamp
from netspec.ops.relu import Relu


@dataclass(frozen=True, slots=True)
class Add(Op):
    """Sum of `arity` tensors of one shape; the kernel takes two, a pass splits the rest."""

    stem: ClassVar[str] = "add"
    shape: Shape
    arity: int = 2
    activation: ActivationKind = "none"
    max_value: float | None = None

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)

    def range_end(self) -> float | None:
        return self.max_value

    def clamped(self, relu: Relu) -> Add | None:
        found = clamp(self.activation, relu)
        return None if found is None else replace(self, activation=found[0], max_value=found[1])
