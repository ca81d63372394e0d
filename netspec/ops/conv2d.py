"""Convolutions in height and width."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from netspec.ops.affine import Affine
from netspec.ops.base import ActivationKind, Op, Padding, Param, Shape, clamp
from netspec.ops.relu import Relu


@dataclass(frozen=True, slots=True)
class Conv2D(Op):
    """Convolution; `kernel` in Keras' layout (kernel_h, kernel_w, input channels / groups, filters).

    `affine` are folded batch norms and rescalings, applied in order before the activation. `max_value` bounds a
    `relu` whose bound the clamp cannot say: the output's range ends there, so that int8 saturation is the bound.
    The same two keys mean the same in the other ops.
    """

    stem: ClassVar[str] = "conv2d"
    input_shape: Shape
    output_shape: Shape
    kernel: Param
    bias: Param | None
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding
    groups: int = 1
    activation: ActivationKind = "none"
    max_value: float | None = None
    affine: tuple[Affine, ...] = ()

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def range_end(self) -> float | None:
        return self.max_value

    def clamped(self, relu: Relu) -> Conv2D | None:
        found = clamp(self.activation, relu)
        return None if found is None else replace(self, activation=found[0], max_value=found[1])

    def with_affine(self, affine: Affine) -> Conv2D:
        return replace(self, affine=(*self.affine, affine))

    def macs(self) -> int:
        return prod(self.output_shape[:-1]) * prod(self.kernel.shape)

    def input_reads(self) -> float:
        return prod(self.kernel_size) / prod(self.strides)

    def weight_reads(self) -> int:
        return prod(self.output_shape[:-1])

    def zeros_before(self) -> Padding:
        return self.padding

    def with_zeros_before(self, zeros: Padding, input_shape: Shape) -> Conv2D:
        return replace(self, padding=zeros, input_shape=input_shape)
