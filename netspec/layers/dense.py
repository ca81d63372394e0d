"""dense: every output sees every input of the last axis."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._activation import lower_activation
from netspec.layers._explanation import (
    Equation,
    Explanation,
    PyTorch,
    axis_names,
    kept,
    prefixed,
    product,
    sized,
)
from netspec.layers._types import Size
from netspec.layers._weighted import Kernelled
from netspec.layers.base import Integers, KerasCall, LayerError, Weight
from netspec.ops import Dense as DenseOp
from netspec.ops import Op, Param, Shape


class Dense(Kernelled):
    """Fully connected layer over the last axis; leading axes are kept."""

    family: ClassVar[str] = "dense"
    type: ClassVar[str] = "dense"
    integers: ClassVar[Integers] = "converted"
    units: Size = Field(description="Number of outputs.", examples=[10])

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if not inputs[0]:
            raise LayerError(
                "{layer} needs an input of at least one axis",
                help="put `- reshape: {target_shape: [1]}` before it",
                rule="rank-mismatch",
            )
        return (*inputs[0][:-1], self.units)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        return (Weight("kernel", (inputs[0][-1], self.units)), *self.bias_weights(self.units))

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return inputs x units: one row of the kernel an input element."""
        return prod(inputs[0]) * self.units

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, units = inputs[0], self.units
        *rows, last = axis_names(shape)
        name = f"input {last}"
        kernel = product("kernel", {name: shape[-1], "units": units})
        total = Equation("parameters", f"{{units}} * ({{{name}}} + 1)", kernel.values, kernel.result + units)
        bias = " and one bias" if self.use_bias else ""
        why = [f"each of the {units:,} units has a weight for each of the {shape[-1]:,} inputs{bias}"]
        if rows:
            why.append(f"all {prod(shape[:-1]):,} rows share one kernel: the axes before the last add none")
        return Explanation(
            shape=(*kept(shape[:-1], rows), sized(last, "units", units)),
            why_shape=("each row of the last axis gives `units` numbers, the axes before it stay",)
            if rows
            else ("one number for each unit",),
            parameters=(kernel, *self.bias_equations("units", units)),
            total=total if self.use_bias else None,
            why_parameters=tuple(why),
            macs=product("multiply-accumulates", prefixed("input", shape) | {"units": units}),
            pytorch=PyTorch(
                (f"Linear({shape[-1]}, {units}{'' if self.use_bias else ', bias=False'})",),
                notes=("its weight is the transpose: (units, inputs)",),
            ),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Dense", {"units": self.units} | self.keras_common("kernel")),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        output = self.output_shape(inputs)
        dense = DenseOp(
            input_shape=inputs[0],
            output_shape=output,
            kernel=Param(name, "kernel", (inputs[0][-1], self.units)),
            bias=self.bias_param(name, self.units),
        )
        return (dense, *lower_activation(self.activation, output))
