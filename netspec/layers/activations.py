"""Activations as layers of their own: relu, sigmoid, tanh, softmax."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from netspec.layers._activation import lower_softmax
from netspec.layers.base import DeviceUnsupported, KerasCall, Layer, LayerError, describe
from netspec.ops import Op, Relu, Shape, Unary


class _Elementwise(Layer):
    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return inputs[0]


class ReLU(_Elementwise):
    """max(x, 0), bounded by `max_value`; below zero `negative_slope * x`."""

    type: ClassVar[str] = "relu"
    max_value: Annotated[float, Field(gt=0)] | None = Field(None, description="Upper bound; default: none.")
    negative_slope: Annotated[float, Field(ge=0)] = 0.0
    threshold: Annotated[float, Field(ge=0)] = 0.0

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        config = {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }
        return (KerasCall("ReLU", config),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        for field in ("negative_slope", "threshold"):
            if getattr(self, field):
                raise DeviceUnsupported(
                    f"{field} {getattr(self, field)} of {{layer}} has no int8 kernel",
                    field=field,
                    help="use relu without it, bounded by `max_value` where needed",
                )
        return (Relu(inputs[0], self.max_value),)


class Sigmoid(_Elementwise):
    """1 / (1 + exp(-x))."""

    type: ClassVar[str] = "sigmoid"

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Activation", {"activation": "sigmoid"}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (Unary("sigmoid", inputs[0]),)


class Tanh(_Elementwise):
    """Hyperbolic tangent."""

    type: ClassVar[str] = "tanh"

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Activation", {"activation": "tanh"}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return (Unary("tanh", inputs[0]),)


class Softmax(_Elementwise):
    """exp(x) / sum(exp(x)) over `axis`."""

    type: ClassVar[str] = "softmax"
    axis: int = Field(-1, description="The axis that sums to 1; the batch is axis 0.")

    def _axis(self, shape: Shape) -> int:
        rank = len(shape) + 1
        axis = self.axis + rank if self.axis < 0 else self.axis
        if not 1 <= axis < rank:
            raise LayerError(
                f"axis {self.axis} is none of the axes 1 to {rank - 1} of the input {describe(shape)} of {{layer}}",
                field="axis",
                help="use `axis: -1`, the channels; axis 0 is the batch",
                rule="invalid-value",
            )
        return axis

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        self._axis(inputs[0])
        return inputs[0]

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Softmax", {"axis": self.axis}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        if self._axis(inputs[0]) != len(inputs[0]):
            raise DeviceUnsupported(
                f"softmax over axis {self.axis} of {{layer}} has no int8 kernel",
                field="axis",
                help="use `axis: -1`, the last axis",
            )
        return lower_softmax(inputs[0])
