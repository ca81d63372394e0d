"""flatten, reshape, permute, repeat_vector: the same values under another shape.

On the device no code at all, where their order stays.
"""

from __future__ import annotations

from math import prod
from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._explanation import Equation, Explanation, axis_names, product, sized
from netspec.layers._types import Size
from netspec.layers.base import (
    DeviceUnsupported,
    Integers,
    KerasCall,
    Layer,
    LayerError,
    check_rank,
    describe,
    require_tensor_size,
)
from netspec.ops import Op, Shape, View


class Flatten(Layer):
    """All axes in one, row by row."""

    family: ClassVar[str] = "shape"
    type: ClassVar[str] = "flatten"
    integers: ClassVar[Integers] = "kept"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return (prod(inputs[0]),)

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        names = axis_names(inputs[0])
        return Explanation(
            shape=(product("features", dict(zip(names, inputs[0], strict=True))),),
            why_shape=(f"the values keep their order, row by row: {names[-1]} run fastest" if names else "one number",),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Flatten"),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (View(inputs[0], self.output_shape(inputs)),)


class Reshape(Layer):
    """The same elements as `target_shape`, which leaves out the batch; one size may be -1."""

    family: ClassVar[str] = "shape"
    type: ClassVar[str] = "reshape"
    integers: ClassVar[Integers] = "kept"
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
        require_tensor_size(known, len(target), "target_shape of {layer}", "target_shape")
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

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        output, elements = self.output_shape(inputs), prod(inputs[0])
        known = " * ".join(str(size) for size in self.target_shape if size != -1) or "1"
        shape = tuple(
            Equation(name, f"{{elements}} / ({known})", {"elements": elements}, size)
            if written == -1
            else Equation(name, "{target_shape}", {"target_shape": size}, size)
            for name, written, size in zip(axis_names(output), self.target_shape, output, strict=True)
        )
        every = f"{' * '.join(map(str, inputs[0])) or '1'} = {elements:,}"
        return Explanation(shape, (f"the {every} values keep their order under another shape",))

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Reshape", {"target_shape": list(self.output_shape(inputs))}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (View(inputs[0], self.output_shape(inputs)),)


class Permute(Layer):
    """Axes in another order: the output's first axis is the input's axis `dims[0]`, counted from 1."""

    family: ClassVar[str] = "shape"
    type: ClassVar[str] = "permute"
    integers: ClassVar[Integers] = "kept"
    dims: list[int] = Field(
        description="The input's axes in their new order, counted from 1: axis 0 is the batch.", examples=[[2, 1]]
    )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        shape, dims = inputs[0], self.dims
        axes = list(range(1, len(shape) + 1))
        if sorted(dims) != list(range(1, len(dims) + 1)) or not dims:
            raise LayerError(
                f"dims {dims} of {{layer}} must hold each axis once, counted from 1",
                field="dims",
                help=f"write the numbers of {axes} in another order; axis 0, the batch, stays where it is",
                rule="keras-restriction",
            )
        if len(dims) != len(shape):
            raise LayerError(
                f"dims {dims} of {{layer}} orders {len(dims)} axes, the input {describe(shape)} has {len(shape)}",
                field="dims",
                help=f"write the numbers of {axes} in another order",
                rule="rank-mismatch",
            )
        return tuple(shape[axis - 1] for axis in dims)

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        output, names = self.output_shape(inputs), axis_names(inputs[0])
        shape = tuple(
            sized(name, f"input {names[axis - 1]}", size)
            for name, axis, size in zip(names, self.dims, output, strict=True)
        )
        axes = len(self.dims)
        letters = list("ijklmnop"[:axes]) if axes <= 8 else [f"i{axis}" for axis in range(1, axes + 1)]
        source = [letters[self.dims.index(axis)] for axis in range(1, len(self.dims) + 1)]
        moved = f"output[{']['.join(letters)}] = input[{']['.join(source)}]"
        return Explanation(shape, (f"the axes change places, and the values with them: {moved}",))

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Permute", {"dims": list(self.dims)}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        moving = [axis for axis in self.dims if inputs[0][axis - 1] > 1]
        if moving == sorted(moving):  # only axes of size 1 change places, so the values do not
            return (View(inputs[0], self.output_shape(inputs)),)
        raise DeviceUnsupported(
            f"{{layer}} moves the values of {describe(inputs[0])}, and netspec has no int8 kernel for permute yet",
            field="dims",
            help="store the samples in the order that the net needs",
        )


class RepeatVector(Layer):
    """(features) `n` times: (n, features)."""

    family: ClassVar[str] = "shape"
    type: ClassVar[str] = "repeat_vector"
    integers: ClassVar[Integers] = "kept"
    input_ranks: ClassVar[tuple[int, ...] | None] = (1,)
    n: Size = Field(description="How many times; the output's first axis.", examples=[3])

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        return (self.n, *inputs[0])

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        return Explanation(
            (sized("steps", "n", self.n), sized("channels", "input features", inputs[0][0])),
            (f"the same {inputs[0][0]:,} numbers at each of {self.n:,} steps",),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("RepeatVector", {"n": self.n}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        if self.n == 1:
            return (View(inputs[0], self.output_shape(inputs)),)
        target = list(self.output_shape(inputs))
        raise DeviceUnsupported(
            "{layer} cannot run on the device: netspec has no int8 kernel for repeat_vector yet",
            help=f"use `- dense: {{units: {prod(target)}}}` and `- reshape: {{target_shape: {target}}}`",
        )
