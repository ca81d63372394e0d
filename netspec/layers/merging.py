"""add, subtract, multiply, average, maximum, minimum and concatenate: layers that read several others."""

from __future__ import annotations

from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._explanation import Equation, Explanation, axis_names, kept, sized
from netspec.layers.base import DeviceUnsupported, Integers, KerasCall, Layer, LayerError, describe
from netspec.ops import Binary, Op, Shape
from netspec.ops import Concatenate as ConcatenateOp
from netspec.ops.binary import BinaryKind


class _Merge(Layer):
    family: ClassVar[str] = "merge"
    merges: ClassVar[bool] = True
    integers: ClassVar[Integers] = "kept"
    verb: ClassVar[str]
    kind: ClassVar[BinaryKind | None] = None  # of the int8 op; without one the device refuses the layer
    remedy: ClassVar[str]  # for such a device

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        output = inputs[0]
        for shape in inputs[1:]:
            output = self._broadcast(output, shape)
        return output

    def _broadcast(self, one: Shape, two: Shape) -> Shape:
        """Return the shape of a merge of two as Keras infers it: trailing axes aligned, 1 stretches."""
        if len(one) < len(two):
            one, two = two, one
        head = len(one) - len(two)
        pairs = list(zip(one[head:], two, strict=True))
        if any(mine != other and 1 not in (mine, other) for mine, other in pairs):
            raise LayerError(
                f"{{layer}} {self.verb} equal shapes, not {describe(one)} and {describe(two)}",
                field="from",
                help=_merge_help(one, two),
            )
        return (*one[:head], *(other if mine == 1 else mine for mine, other in pairs))

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        output = self.output_shape(inputs)
        if len(set(inputs)) == 1:
            why = f"{self.type} works value by value on inputs of one shape"
            return Explanation(kept(output), (why,), why_parameters=("a fixed rule: nothing is learned",))
        shape = []
        for axis, (name, size) in enumerate(zip(axis_names(output), output, strict=True)):
            own = [each[axis - len(output)] for each in inputs if axis - len(output) >= -len(each)]
            sizes = dict.fromkeys(own)
            template = f"max({', '.join(map(str, sizes))})" if len(sizes) > 1 else f"{{input {name}}}"
            shape.append(Equation(name, template, {} if len(sizes) > 1 else {f"input {name}": size}, size))
        return Explanation(
            tuple(shape),
            (f"{self.type} works value by value; shapes are aligned at their last axis, where a size of 1 stretches",),
            why_parameters=("a fixed rule: nothing is learned",),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall(self.type.capitalize()),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        if self.kind is None:
            raise DeviceUnsupported(f"netspec has no int8 kernel for {self.type} yet", help=self.remedy)
        if len(set(inputs)) > 1:
            shapes = " and ".join(describe(shape) for shape in dict.fromkeys(inputs))
            raise DeviceUnsupported(
                f"{{layer}} would broadcast {shapes}, which the int8 kernels do not",
                field="from",
                help="bring them to one shape before",
            )
        return (Binary(self.kind, inputs[0], len(inputs)),)


def _merge_help(one: Shape, two: Shape) -> str:
    if len(one) == len(two) == 3 and one[:-1] == two[:-1]:
        filters = max(one[-1], two[-1])
        return f"put `- conv2d: {{filters: {filters}, kernel_size: 1}}` after the one with fewer channels"
    if len(one) == len(two):
        return "bring both to one size with strides, pooling, `padding: same` or more filters"
    return "bring both to one rank with `flatten` or `reshape`"


def check_two(layer: Layer, inputs: tuple[Shape, ...]) -> None:
    """Raise `LayerError` unless the layer reads exactly two others, where Keras' class takes no more."""
    if len(inputs) != 2:
        raise LayerError(
            f"{{layer}} takes two inputs in Keras, `from` names {len(inputs)}",
            field="from",
            help=f"use a {layer.type} of the first two, and another of its output and the next",
            rule="keras-restriction",
        )


class Add(_Merge):
    """Element-wise sum; sizes of 1 broadcast."""

    type: ClassVar[str] = "add"
    verb: ClassVar[str] = "adds"
    kind: ClassVar[BinaryKind | None] = "add"


class Subtract(_Merge):
    """The first of two inputs minus the second; sizes of 1 broadcast."""

    type: ClassVar[str] = "subtract"
    verb: ClassVar[str] = "subtracts"
    remedy: ClassVar[str] = "put `- rescaling: {scale: -1.0}` after the second input, then use add"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_two(self, inputs)
        return super().output_shape(inputs)


class Multiply(_Merge):
    """Element-wise product; sizes of 1 broadcast."""

    type: ClassVar[str] = "multiply"
    verb: ClassVar[str] = "multiplies"
    remedy: ClassVar[str] = "use add or concatenate"


class Average(_Merge):
    """Element-wise mean; sizes of 1 broadcast."""

    type: ClassVar[str] = "average"
    integers: ClassVar[Integers] = "converted"
    verb: ClassVar[str] = "averages"
    remedy: ClassVar[str] = "use add, then rescaling: `- rescaling: {scale: 0.5}` for two inputs"


class Maximum(_Merge):
    """Element-wise maximum; sizes of 1 broadcast."""

    type: ClassVar[str] = "maximum"
    verb: ClassVar[str] = "compares"
    remedy: ClassVar[str] = "use add or concatenate"


class Minimum(_Merge):
    """Element-wise minimum; sizes of 1 broadcast."""

    type: ClassVar[str] = "minimum"
    verb: ClassVar[str] = "compares"
    remedy: ClassVar[str] = "use add or concatenate"


class Concatenate(Layer):
    """Join along `axis`; the other axes must agree."""

    family: ClassVar[str] = "merge"
    type: ClassVar[str] = "concatenate"
    integers: ClassVar[Integers] = "kept"
    merges: ClassVar[bool] = True
    axis: int = Field(-1, description="The axis that grows; the batch is axis 0.")

    def _axis(self, inputs: tuple[Shape, ...]) -> int:
        """Return the axis, counted without the batch."""
        rank = len(inputs[0]) + 1
        axis = self.axis + rank if self.axis < 0 else self.axis
        if not 1 <= axis < rank:
            raise LayerError(
                f"axis {self.axis} of {{layer}} is none of the axes 1 to {rank - 1} of its inputs",
                field="axis",
                help="use `axis: -1`, the channels; axis 0 is the batch",
                rule="invalid-value",
            )
        return axis - 1

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        axis = self._axis(inputs)
        first = inputs[0]
        for shape in inputs[1:]:
            if len(shape) != len(first) or _without(shape, axis) != _without(first, axis):
                what = "equal other sizes" if len(shape) == len(first) else "equal ranks"
                remedy = "strides, pooling or `padding: same`" if len(shape) == len(first) else "`flatten` or `reshape`"
                raise LayerError(
                    f"{{layer}} along axis {self.axis} needs {what}, not {describe(first)} and {describe(shape)}",
                    field="from",
                    help=f"bring them together with {remedy}",
                )
        return (*first[:axis], sum(shape[axis] for shape in inputs), *first[axis + 1 :])

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        output, joined = self.output_shape(inputs), self._axis(inputs)
        parts = {f"input {number}": shape[joined] for number, shape in enumerate(inputs, start=1)}
        shape = tuple(
            Equation(name, " + ".join(f"{{{part}}}" for part in parts), parts, size)
            if axis == joined
            else sized(name, f"input {name}", size)
            for axis, (name, size) in enumerate(zip(axis_names(output), output, strict=True))
        )
        why = f"the inputs stand one after another along the {axis_names(output)[joined]}; their other axes agree"
        return Explanation(shape, (why,), why_parameters=("values are copied: nothing is learned",))

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Concatenate", {"axis": self.axis}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (ConcatenateOp(inputs, self.output_shape(inputs), self._axis(inputs)),)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])
