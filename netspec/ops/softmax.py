"""Softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netspec.ops.base import Fixed, Op, Shape

SCALE = Fixed(256, -128)
"""TFLite's int8 specification prescribes it for softmax and sigmoid."""


@dataclass(frozen=True, slots=True)
class Softmax(Op):
    """Softmax over the last axis."""

    stem: ClassVar[str] = "softmax"
    shape: Shape

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)

    def scale_rule(self) -> Fixed:
        return SCALE
