"""zero_padding1d/2d/3d: zeros around the spatial axes, folded into a convolution where one follows."""

from __future__ import annotations

from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._explanation import Equation, Explanation, axis_names, kept
from netspec.layers._types import Border1, Border2, Border3, ExplicitPadding
from netspec.layers._window import image_padding, refuse_volume
from netspec.layers.base import Integers, KerasCall, Layer, check_rank
from netspec.ops import Op, Pad, Shape, hwc

_PADDING = "Zeros to add: 1 on every side, [1, 2] an axis, or [[1, 2], [3, 4]] before and after each axis."


class _ZeroPadding(Layer):
    family: ClassVar[str] = "shape"
    integers: ClassVar[Integers] = "kept"
    rank: ClassVar[int]
    padding: ExplicitPadding

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        grown = [size + sum(pair) for size, pair in zip(inputs[0][:-1], self.padding, strict=True)]
        return (*grown, inputs[0][-1])

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        return Explanation(
            (*bordered(inputs[0], self.padding, "+"), *kept(inputs[0][-1:], ("channels",))),
            ("zeros on both ends of each axis; the channels stay",),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        pairs = [list(pair) for pair in self.padding]
        return (KerasCall(f"ZeroPadding{self.rank}D", {"padding": pairs if self.rank > 1 else pairs[0]}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        refuse_volume(self.rank)
        return (Pad(hwc(inputs[0]), self.output_shape(inputs), image_padding(self.padding)),)


def bordered(shape: Shape, border: ExplicitPadding, sign: str) -> tuple[Equation, ...]:
    """Return the equations of spatial axes that a border is added to, or with the sign `-` cut off from."""
    factor = 1 if sign == "+" else -1
    return tuple(
        Equation(
            name,
            f"{{input {name}}} {sign} {{before}} {sign} {{after}}",
            {f"input {name}": size, "before": before, "after": after},
            size + factor * (before + after),
        )
        for name, size, (before, after) in zip(axis_names(shape)[:-1], shape[:-1], border, strict=True)
    )


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps of (steps, channels)."""

    type: ClassVar[str] = "zero_padding1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1
    padding: Border1 = Field(((1, 1),), description="Zeros to add: 1 at both ends, or [1, 2] before and after.")


class ZeroPadding2D(_ZeroPadding):
    """Zeros around height and width of (height, width, channels)."""

    type: ClassVar[str] = "zero_padding2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    padding: Border2 = Field(((1, 1), (1, 1)), description=_PADDING)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around depth, height and width of (depth, height, width, channels)."""

    type: ClassVar[str] = "zero_padding3d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (4,)
    rank: ClassVar[int] = 3
    padding: Border3 = Field(((1, 1), (1, 1), (1, 1)), description=_PADDING)
