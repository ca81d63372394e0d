"""Convolutions of each channel by itself, among them batch norms that nothing else can take in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from netspec.ops.affine import Affine
from netspec.ops.base import ActivationKind, Op, Padding, Param, Shape, clamp
from netspec.ops.relu import Relu


@dataclass(frozen=True, slots=True)
class DepthwiseConv2D(Op):
    """One filter (or `depth_multiplier`) a channel; `kernel` in Keras' layout (kernel_h, kernel_w, channels, filters).

    Without a `kernel` the filter is the constant 1: a batch norm or rescaling that stands alone is such a 1x1
    convolution, with its factors in `affine`.
    """

    stem: ClassVar[str] = "depthwise_conv2d"
    input_shape: Shape
    output_shape: Shape
    kernel: Param | None
    bias: Param | None
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding
    depth_multiplier: int = 1
    activation: ActivationKind = "none"
    max_value: float | None = None
    affine: tuple[Affine, ...] = ()

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def range_end(self) -> float | None:
        return self.max_value

    def clamped(self, relu: Relu) -> DepthwiseConv2D | None:
        found = clamp(self.activation, relu)
        return None if found is None else replace(self, activation=found[0], max_value=found[1])

    def with_affine(self, affine: Affine) -> DepthwiseConv2D:
        return replace(self, affine=(*self.affine, affine))

    def macs(self) -> int:
        return prod(self.output_shape) * prod(self.kernel_size) if self.kernel else 0

    def input_reads(self) -> float:
        return prod(self.kernel_size) / prod(self.strides)

    def weight_reads(self) -> int:
        return prod(self.output_shape[:-1])

    def zeros_before(self) -> Padding:
        return self.padding

    def with_zeros_before(self, zeros: Padding, input_shape: Shape) -> DepthwiseConv2D:
        return replace(self, padding=zeros, input_shape=input_shape)
