"""add and concatenate: layers that read several others."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from netspec.layers.base import DeviceUnsupported, KerasCall, Layer, LayerError, describe
from netspec.ops import Add as AddOp
from netspec.ops import Concatenate as ConcatenateOp
from netspec.ops import Op, Shape


class Add(Layer):
    """Element-wise sum; sizes of 1 broadcast."""

    type: ClassVar[str] = "add"
    merges: ClassVar[bool] = True

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        output = inputs[0]
        for shape in inputs[1:]:
            output = _broadcast(output, shape)
        return output

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Add"),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        if len(set(inputs)) > 1:
            shapes = " and ".join(describe(shape) for shape in dict.fromkeys(inputs))
            raise DeviceUnsupported(
                f"add of {shapes} broadcasts, which the int8 kernels do not",
                field="from",
                help="add equal shapes",
            )
        return (AddOp(inputs[0], len(inputs)),)


def _broadcast(one: Shape, two: Shape) -> Shape:
    """Return the shape of a sum as Keras' merge layers infer it: trailing axes aligned, 1 stretches."""
    if len(one) < len(two):
        one, two = two, one
    head = len(one) - len(two)
    pairs = list(zip(one[head:], two, strict=True))
    if any(mine != other and 1 not in (mine, other) for mine, other in pairs):
        raise LayerError(
            f"add needs equal shapes, not {describe(one)} and {describe(two)}",
            field="from",
            help="make both the same, for example with a 1x1 convolution on the shorter way",
        )
    return (*one[:head], *(other if mine == 1 else mine for mine, other in pairs))


class Concatenate(Layer):
    """Join along `axis`; the other axes must agree."""

    type: ClassVar[str] = "concatenate"
    merges: ClassVar[bool] = True
    axis: int = Field(-1, description="The axis that grows; the batch is axis 0.")

    def _axis(self, inputs: tuple[Shape, ...]) -> int:
        """Return the axis, counted without the batch."""
        rank = len(inputs[0]) + 1
        axis = self.axis + rank if self.axis < 0 else self.axis
        if not 1 <= axis < rank:
            raise LayerError(
                f"axis {self.axis} is none of the inputs' axes 1 to {rank - 1}",
                field="axis",
                help="use -1, the channels",
                rule="invalid-value",
            )
        return axis - 1

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        axis = self._axis(inputs)
        first = inputs[0]
        for shape in inputs[1:]:
            if len(shape) != len(first) or _without(shape, axis) != _without(first, axis):
                raise LayerError(
                    f"concatenate on axis {self.axis} needs equal other axes, not {describe(first)} and {describe(shape)}",
                    field="from",
                    help="bring them to one size with strides, pooling or padding",
                )
        return (*first[:axis], sum(shape[axis] for shape in inputs), *first[axis + 1 :])

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Concatenate", {"axis": self.axis}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (ConcatenateOp(inputs, self.output_shape(inputs), self._axis(inputs)),)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])
