"""cropping1d/2d/3d: the input without its border."""

from __future__ import annotations

from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._explanation import Explanation, kept
from netspec.layers._types import Border1, Border2, Border3, ExplicitPadding
from netspec.layers.base import DeviceUnsupported, Integers, KerasCall, Layer, LayerError, check_rank, describe
from netspec.layers.zero_padding import bordered
from netspec.ops import Op, Shape

_CROPPING = "Positions to cut off: 1 on every side, [1, 2] an axis, or [[1, 2], [3, 4]] before and after each axis."


class _Cropping(Layer):
    family: ClassVar[str] = "shape"
    integers: ClassVar[Integers] = "kept"
    rank: ClassVar[int]
    cropping: ExplicitPadding

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        left = [size - sum(pair) for size, pair in zip(inputs[0][:-1], self.cropping, strict=True)]
        if min(left) < 1:
            axis = left.index(min(left))
            before, after = self.cropping[axis]
            raise LayerError(
                f"cropping {before} and {after} of {{layer}} leaves nothing of the {inputs[0][axis]} on "
                f"axis {axis + 1} of the input {describe(inputs[0])}",
                field="cropping",
                help=f"crop at most {inputs[0][axis] - 1} there, before and after together",
                rule="keras-restriction",
            )
        return (*left, inputs[0][-1])

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        return Explanation(
            (*bordered(inputs[0], self.cropping, "-"), *kept(inputs[0][-1:], ("channels",))),
            ("both ends of each axis are cut off, and what stood there is not used; the channels stay",),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        pairs = [list(pair) for pair in self.cropping]
        return (KerasCall(f"Cropping{self.rank}D", {"cropping": pairs if self.rank > 1 else pairs[0]}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        raise DeviceUnsupported(
            f"{{layer}} cannot run on the device: netspec has no int8 kernel for {self.type} yet",
            help="crop the samples before they enter the net, or let a convolution with `padding: valid` shrink them",
        )


class Cropping1D(_Cropping):
    """Steps off both ends of (steps, channels)."""

    type: ClassVar[str] = "cropping1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1
    cropping: Border1 = Field(
        ((1, 1),), description="Positions to cut off: 1 at both ends, or [1, 2] before and after."
    )


class Cropping2D(_Cropping):
    """Rows and columns off the sides of (height, width, channels)."""

    type: ClassVar[str] = "cropping2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    # Keras' default: nothing, though 1 for the 1- and 3-D forms
    cropping: Border2 = Field(((0, 0), (0, 0)), description=_CROPPING)


class Cropping3D(_Cropping):
    """Planes off the sides of (depth, height, width, channels)."""

    type: ClassVar[str] = "cropping3d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (4,)
    rank: ClassVar[int] = 3
    cropping: Border3 = Field(((1, 1), (1, 1), (1, 1)), description=_CROPPING)
