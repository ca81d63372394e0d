"""flatten and reshape: the same values under another shape; on the device no code at all."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from pydantic import Field

from netspec.layers.base import KerasCall, Layer, LayerError, describe
from netspec.ops import Op, Shape, View


class Flatten(Layer):
    """All axes in one, row by row."""

    type: ClassVar[str] = "flatten"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return (prod(inputs[0]),)

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Flatten"),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (View(inputs[0], self.output_shape(inputs)),)


class Reshape(Layer):
    """The same elements as `target_shape`, which leaves out the batch; one size may be -1."""

    type: ClassVar[str] = "reshape"
    target_shape: list[int] = Field(
        description="Shape without the batch axis; -1 once for what remains.", examples=[[-1]]
    )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        target, elements = list(self.target_shape), prod(inputs[0])
        if any(size < 1 and size != -1 for size in target) or target.count(-1) > 1:
            raise LayerError(
                f"target_shape {target} of {{layer}} must hold sizes of at least 1, and -1 at most once",
                field="target_shape",
                help=f"write `target_shape: [{elements}]`, or other sizes whose product is {elements}",
                rule="invalid-value",
            )
        known = prod(size for size in target if size != -1)
        if -1 in target and elements % known == 0:
            target[target.index(-1)] = elements // known
        if -1 in target:
            raise LayerError(
                f"target_shape {target} of {{layer}} needs a multiple of {known} elements, "
                f"the input {describe(inputs[0])} holds {elements}",
                field="target_shape",
                help=f"choose sizes that divide {elements}",
            )
        if prod(target) != elements:
            leading = prod(target[:-1])
            fitting = [*target[:-1], elements // leading] if elements % leading == 0 else [elements]
            raise LayerError(
                f"target_shape {target} of {{layer}} holds {known} elements, "
                f"the input {describe(inputs[0])} holds {elements}",
                field="target_shape",
                help=f"write `target_shape: {fitting}`, or other sizes whose product is {elements}",
            )
        return tuple(target)

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Reshape", {"target_shape": list(self.output_shape(inputs))}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (View(inputs[0], self.output_shape(inputs)),)
