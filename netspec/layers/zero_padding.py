"""zero_padding1d, zero_padding2d: zeros around the spatial axes, folded into a convolution where one follows."""

from __future__ import annotations

from typing import ClassVar

from netspec.layers._types import ExplicitPadding, ZeroPaddingAmounts, per_axis
from netspec.layers._window import image_padding
from netspec.layers.base import KerasCall, Layer, LayerError, check_rank
from netspec.ops import Op, Pad, Shape, hwc


class _ZeroPadding(Layer):
    rank: ClassVar[int]
    padding: ZeroPaddingAmounts = ((1, 1),)

    def _amounts(self) -> ExplicitPadding:
        if self.rank == 1 and len(self.padding) == 2:  # Keras' 1-D form is one pair: [before, after]
            return ((self.padding[0][0], self.padding[1][0]),)
        amounts = per_axis(self.padding, self.rank)
        if amounts is None:
            raise LayerError(
                f"padding for {len(self.padding)} axes does not fit {{layer}}, which pads {self.rank}",
                field="padding",
                help="write `padding: 1`, or [before, after] as `padding: [1, 1]`"
                if self.rank == 1
                else "write `padding: 1`, or [[top, bottom], [left, right]] as `padding: [[1, 1], [1, 1]]`",
                rule="invalid-value",
            )
        return amounts

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        grown = [size + sum(pair) for size, pair in zip(inputs[0][:-1], self._amounts(), strict=True)]
        return (*grown, inputs[0][-1])

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        pairs = [list(pair) for pair in self._amounts()]
        return (KerasCall(f"ZeroPadding{self.rank}D", {"padding": pairs if self.rank > 1 else pairs[0]}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (Pad(hwc(inputs[0]), self.output_shape(inputs), image_padding(self._amounts())),)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps of (steps, channels)."""

    type: ClassVar[str] = "zero_padding1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around height and width of (height, width, channels)."""

    type: ClassVar[str] = "zero_padding2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
