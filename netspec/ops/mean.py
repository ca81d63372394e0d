"""Global average pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netspec.ops.base import Op, Shape


@dataclass(frozen=True, slots=True)
class Mean(Op):
    """Mean over height and width."""

    stem: ClassVar[str] = "mean"
    input_shape: Shape
    output_shape: Shape

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)
