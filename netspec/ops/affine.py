"""Multiplications and sums by constants: batch norms and rescalings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netspec.ops.base import Affine, Op
from netspec.ops.words import Param, Shape


@dataclass(frozen=True, slots=True)
class BatchNorm(Affine):
    """Batch normalization at inference, over the last axis: gamma * (x - mean) / sqrt(variance + epsilon) + beta."""

    stem: ClassVar[str] = "batch_norm"
    shape: Shape
    mean: Param
    variance: Param
    gamma: Param | None
    beta: Param | None
    epsilon: float

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)


@dataclass(frozen=True, slots=True)
class Rescale(Affine):
    """x * scale + offset with constants from the spec."""

    stem: ClassVar[str] = "rescale"
    shape: Shape
    scale: float
    offset: float

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)


@dataclass(frozen=True, slots=True)
class RescaleEach(Op):
    """x * scale + offset with a scale and an offset for each value of the last axes.

    Value i of the flattened tensor takes number i % len(scales). Only the quantization of an input computes this.
    """

    stem: ClassVar[str] = "rescale_each"
    shape: Shape
    scales: tuple[float, ...]
    offsets: tuple[float, ...]

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)
