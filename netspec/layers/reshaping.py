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
    target_shape: list[int] = Field(description="Shape without the batch axis; -1 once for what remains.")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        target, elements = list(self.target_shape), prod(inputs[0])
        if any(size < 1 and size != -1 for size in target) or target.count(-1) > 1:
            raise LayerError(
                f"target_shape {target} may hold sizes of at least 1, and -1 once",
                field="target_shape",
                help="write the size of every axis, -1 for at most one",
                rule="invalid-value",
            )
        if -1 in target:
            known = prod(size for size in target if size != -1)
            if elements % known == 0:
                target[target.index(-1)] = elements // known
        if prod(target) != elements or -1 in target:
            wanted = prod(size for size in target if size != -1)
            raise LayerError(
                f"target_shape {list(self.target_shape)} holds {wanted} elements"
                f"{' a step' if -1 in target else ''}, the input {describe(inputs[0])} holds {elements}",
                field="target_shape",
                help=f"choose sizes whose product is {elements}",
            )
        return tuple(target)

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Reshape", {"target_shape": list(self.output_shape(inputs))}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (View(inputs[0], self.output_shape(inputs)),)
