"""Functions of one value."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, Literal

from netspec.ops.base import Fixed, Op, ScaleRule, Shape

_FIXED = {"sigmoid": Fixed(256, -128), "tanh": Fixed(128, 0)}
"""What TFLite's int8 specification prescribes."""


@dataclass(frozen=True, slots=True)
class Unary(Op):
    """An element-wise function of one tensor: a 256-byte table on the device.

    `requantize` changes scale and zero point only; a pass inserts it where a concatenation's inputs cannot share
    a scale. `max_value` bounds `relu`.
    """

    stem: ClassVar[str] = "unary"
    kind: Literal["sigmoid", "tanh", "relu", "requantize"]
    shape: Shape
    max_value: float | None = None

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)

    def variant(self) -> str:
        return f"{self.stem}.{self.kind}"

    def scale_rule(self) -> ScaleRule:
        return _FIXED.get(self.kind, "free")

    def range_end(self) -> float | None:
        return self.max_value

    def table_key(self) -> Hashable:
        return (self.kind, self.max_value)
