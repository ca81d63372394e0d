"""A relu that stands alone until the passes have found its place: a kernel's clamp, or a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netspec.ops.base import Op
from netspec.ops.words import Shape


@dataclass(frozen=True, slots=True)
class Relu(Op):
    """min(max(x, 0), max_value); `max_value` None is unbounded."""

    stem: ClassVar[str] = "relu"
    shape: Shape
    max_value: float | None = None

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)
