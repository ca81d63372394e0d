"""dense: every output sees every input of the last axis."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from pydantic import Field

from netspec.layers._activation import lower_activation
from netspec.layers._types import Size
from netspec.layers._weighted import Kernelled
from netspec.layers.base import KerasCall, LayerError, Weight
from netspec.ops import Dense as DenseOp
from netspec.ops import Op, Param, Shape


class Dense(Kernelled):
    """Fully connected layer over the last axis; leading axes are kept."""

    type: ClassVar[str] = "dense"
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

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Dense", {"units": self.units} | self.keras_common("kernel")),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        output = self.output_shape(inputs)
        dense = DenseOp(
            input_shape=inputs[0],
            output_shape=output,
            kernel=Param(name, "kernel", (inputs[0][-1], self.units)),
            bias=self.bias_param(name, self.units),
        )
        return (dense, *lower_activation(self.activation, output))
