"""Fully connected layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from netspec.ops.affine import Affine
from netspec.ops.base import ActivationKind, Op, Param, Shape, clamp
from netspec.ops.relu import Relu


@dataclass(frozen=True, slots=True)
class Dense(Op):
    """Fully connected over the last axis; `kernel` in Keras' layout (inputs, units). Leading axes are rows."""

    stem: ClassVar[str] = "dense"
    input_shape: Shape
    output_shape: Shape
    kernel: Param
    bias: Param | None
    activation: ActivationKind = "none"
    max_value: float | None = None
    affine: tuple[Affine, ...] = ()

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def range_end(self) -> float | None:
        return self.max_value

    def clamped(self, relu: Relu) -> Dense | None:
        found = clamp(self.activation, relu)
        return None if found is None else replace(self, activation=found[0], max_value=found[1])

    def with_affine(self, affine: Affine) -> Dense:
        return replace(self, affine=(*self.affine, affine))

    def macs(self) -> int:
        return prod(self.input_shape) * self.output_shape[-1]
