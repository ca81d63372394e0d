"""zero_padding1d/2d/3d: zeros around the spatial axes, folded into a convolution where one follows."""

from __future__ import annotations

from typing import ClassVar

from netspec.layers._types import Border1, Border2, Border3, ExplicitPadding
from netspec.layers._window import image_padding, refuse_volume
from netspec.layers.base import KerasCall, Layer, check_rank
from netspec.ops import Op, Pad, Shape, hwc


class _ZeroPadding(Layer):
    rank: ClassVar[int]
    padding: ExplicitPadding

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        grown = [size + sum(pair) for size, pair in zip(inputs[0][:-1], self.padding, strict=True)]
        return (*grown, inputs[0][-1])

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        pairs = [list(pair) for pair in self.padding]
        return (KerasCall(f"ZeroPadding{self.rank}D", {"padding": pairs if self.rank > 1 else pairs[0]}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        refuse_volume(self.rank)
        return (Pad(hwc(inputs[0]), self.output_shape(inputs), image_padding(self.padding)),)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps of (steps, channels)."""

    type: ClassVar[str] = "zero_padding1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1
    padding: Border1 = ((1, 1),)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around height and width of (height, width, channels)."""

    type: ClassVar[str] = "zero_padding2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    padding: Border2 = ((1, 1), (1, 1))


class ZeroPadding3D(_ZeroPadding):
    """Zeros around depth, height and width of (depth, height, width, channels)."""

    type: ClassVar[str] = "zero_padding3d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (4,)
    rank: ClassVar[int] = 3
    padding: Border3 = ((1, 1), (1, 1), (1, 1))
