"""Flatten and reshape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netspec.ops.base import Op
from netspec.ops.words import Shape


@dataclass(frozen=True, slots=True)
class View(Op):
    """The same bytes under another shape."""

    stem: ClassVar[str] = "view"
    shape: Shape
    output_shape: Shape

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)
