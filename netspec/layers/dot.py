"""dot: products of two inputs summed over one axis of each."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._axes import Axes, axis_of
from netspec.layers._explanation import Explanation, axis_names, product, single, sized
from netspec.layers.base import DeviceUnsupported, KerasCall, Layer, LayerError, describe
from netspec.layers.merging import check_two
from netspec.ops import Op, Shape


class Dot(Layer):
    """Sum over one axis of each of two inputs: the output has the first one's other axes, then the second one's."""

    family: ClassVar[str] = "merge"
    type: ClassVar[str] = "dot"
    merges: ClassVar[bool] = True
    axes: Axes = Field(description="The axis of both inputs, or one of each; the batch is axis 0.", examples=[-1])
    normalize: bool = Field(False, description="Scale to length 1 along the axes first: the cosine.")

    def _axes(self, inputs: tuple[Shape, ...]) -> tuple[int, int]:
        """Return the axis of each input, counted without the batch."""
        check_two(self, inputs)
        axes = self.axes if isinstance(self.axes, list) else [self.axes] * 2
        if len(axes) != 2:
            raise LayerError(
                f"axes {axes} of {{layer}} must be one axis, or one of each input",
                field="axes",
                help="write `axes: -1`, or `axes: [1, 2]`",
                rule="invalid-value",
            )
        one, two = (axis_of(axis, shape, "axes") for axis, shape in zip(axes, inputs, strict=True))
        return one, two

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        one, two = self._axes(inputs)
        if inputs[0][one] != inputs[1][two]:
            raise LayerError(
                f"{{layer}} sums over axes of one length, not over {inputs[0][one]} of {describe(inputs[0])} and "
                f"{inputs[1][two]} of {describe(inputs[1])}",
                field="axes",
                help=_equal_axes(inputs) or "bring the axes to one length, with dense for the channels",
            )
        return (*_without(inputs[0], one), *_without(inputs[1], two)) or (1,)

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return outputs x length of the axis that is summed over."""
        return prod(self.output_shape(inputs)) * inputs[0][self._axes(inputs)[0]]

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        gone, output = self._axes(inputs), self.output_shape(inputs)
        rest = [
            (f"input {number} {name}", size)
            for number, (shape, axis) in enumerate(zip(inputs, gone, strict=True), start=1)
            for index, (name, size) in enumerate(zip(axis_names(shape), shape, strict=True))
            if index != axis
        ]
        length = inputs[0][gone[0]]
        names = axis_names(output)
        shape = tuple(sized(name, source, size) for name, (source, size) in zip(names, rest, strict=False))
        sums = {**{f"output {name}": size for name, size in zip(names, output, strict=True)}, "length": length}
        normalized = ", each scaled to length 1 before" if self.normalize else ""
        return Explanation(
            shape or (single(names[0]),),
            (f"both inputs are multiplied and summed over an axis of {length:,}{normalized}; their other axes stay",),
            why_parameters=("both factors are inputs: nothing is learned",),
            macs=product("multiply-accumulates", sums),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Dot", {"axes": self.axes, "normalize": self.normalize}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        raise DeviceUnsupported(
            "netspec has no int8 kernel for dot yet", help="join the inputs with concatenate, then dense"
        )


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def _equal_axes(inputs: tuple[Shape, ...]) -> str | None:
    """Return the last axes that would fit, as they are written."""
    for one in reversed(range(len(inputs[0]))):
        for two in reversed(range(len(inputs[1]))):
            if inputs[0][one] == inputs[1][two]:
                return f"use `axes: [{one + 1}, {two + 1}]`"
    return None
