"""Activations as layers of their own; prelu, which has weights, stands in a file of its own."""

from __future__ import annotations

from typing import Annotated, ClassVar

from netspec.keys.keys import Field
from netspec.layers._activation import lower_activation, lower_softmax, no_kernel
from netspec.layers._axes import axis_of
from netspec.layers._explanation import Explanation, axis_names, unchanged
from netspec.layers.base import DeviceUnsupported, KerasCall, Layer
from netspec.ops import Op, Relu, Shape


class _Elementwise(Layer):
    family: ClassVar[str] = "activation"
    formula: ClassVar[str]  # of an output y, in terms of its input x

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return inputs[0]

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        return unchanged(inputs[0], f"y = {self._formula()}, value by value")

    def _formula(self) -> str:
        return self.formula


class ReLU(_Elementwise):
    """max(x, 0), bounded by `max_value`; below zero `negative_slope * x`."""

    type: ClassVar[str] = "relu"
    max_value: Annotated[float, Field(gt=0)] | None = Field(None, description="Upper bound; default: none.")
    negative_slope: Annotated[float, Field(ge=0)] = Field(0.0, description="Slope below the threshold.")
    threshold: Annotated[float, Field(ge=0)] = Field(0.0, description="Where the slope of 1 begins.")

    def _formula(self) -> str:
        slope, start = f"{self.negative_slope:g}", f"{self.threshold:g}"
        if not self.negative_slope and not self.threshold:
            return "max(x, 0)" if self.max_value is None else f"min(max(x, 0), {self.max_value:g})"
        below = f"{slope} * (x - {start})" if self.threshold and self.negative_slope else f"{slope} * x"
        above = "x" if self.max_value is None else f"min(x, {self.max_value:g})"
        return f"{above} from {start} on and {below if self.negative_slope else '0'} below"

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        config = {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }
        return (KerasCall("ReLU", config),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        for field in ("negative_slope", "threshold"):
            if getattr(self, field):
                raise DeviceUnsupported(
                    f"netspec has no int8 kernel for {field} {getattr(self, field)} of {{layer}} yet",
                    field=field,
                    help="use relu without it, bounded by `max_value` where needed",
                )
        return (Relu(inputs[0], self.max_value),)


class _Named(_Elementwise):
    """An activation without keys: Keras knows it by its type."""

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Activation", {"activation": self.type}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return lower_activation(self.type, inputs[0], field=None)


class Sigmoid(_Named):
    """1 / (1 + exp(-x))."""

    type: ClassVar[str] = "sigmoid"
    formula: ClassVar[str] = "1 / (1 + exp(-x)), between 0 and 1"


class HardSigmoid(_Named):
    """x / 6 + 1/2, between 0 and 1."""

    type: ClassVar[str] = "hard_sigmoid"
    formula: ClassVar[str] = "min(max(x / 6 + 1/2, 0), 1)"


class Tanh(_Named):
    """Hyperbolic tangent."""

    type: ClassVar[str] = "tanh"
    formula: ClassVar[str] = "(exp(x) - exp(-x)) / (exp(x) + exp(-x)), between -1 and 1"


class SELU(_Named):
    """1.0507 * elu(x, alpha 1.6733): outputs of mean 0 and variance 1 keep both."""

    type: ClassVar[str] = "selu"
    formula: ClassVar[str] = "1.0507 * x above zero and 1.7581 * (exp(x) - 1) below"


class SiLU(_Named):
    """x * sigmoid(x), also known as swish."""

    type: ClassVar[str] = "silu"
    formula: ClassVar[str] = "x / (1 + exp(-x))"


class HardSwish(_Named):
    """x * hard_sigmoid(x)."""

    type: ClassVar[str] = "hard_swish"
    formula: ClassVar[str] = "x * min(max(x / 6 + 1/2, 0), 1)"


class Softplus(_Named):
    """log(1 + exp(x))."""

    type: ClassVar[str] = "softplus"
    formula: ClassVar[str] = "log(1 + exp(x))"


class LeakyReLU(_Elementwise):
    """x above zero, `negative_slope` * x below; as a string, `activation: leaky_relu`, Keras' slope is 0.2."""

    type: ClassVar[str] = "leaky_relu"
    negative_slope: Annotated[float, Field(ge=0)] = Field(0.3, description="Slope below zero.")

    def _formula(self) -> str:
        return f"x above zero and {self.negative_slope:g} * x below"

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("LeakyReLU", {"negative_slope": self.negative_slope}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        if self.negative_slope == 0:
            return (Relu(inputs[0]),)
        raise no_kernel(self.type)


class ELU(_Elementwise):
    """x above zero, `alpha` * (exp(x) - 1) below."""

    type: ClassVar[str] = "elu"
    alpha: float = Field(1.0, description="What it falls to far below zero, as -alpha.")

    def _formula(self) -> str:
        return f"x above zero and {self.alpha:g} * (exp(x) - 1) below"

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("ELU", {"alpha": self.alpha}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        raise no_kernel(self.type)


class GELU(_Elementwise):
    """x times the normal distribution function of x; `approximate` takes that from a tanh."""

    type: ClassVar[str] = "gelu"
    approximate: bool = Field(False, description="Take the distribution function from a tanh.")

    def _formula(self) -> str:
        if self.approximate:
            return "x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))"
        return "x * Phi(x), Phi the normal distribution function"

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        operation = KerasCall("Gelu", {"approximate": True, "name": "gelu"}, "keras.src.ops.nn")
        return (KerasCall("Activation", {"activation": operation if self.approximate else "gelu"}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        raise no_kernel(self.type)


class Softmax(_Elementwise):
    """exp(x) / sum(exp(x)) over `axis`."""

    type: ClassVar[str] = "softmax"
    axis: int = Field(-1, description="The axis that sums to 1; the batch is axis 0.")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        axis_of(self.axis, inputs[0])
        return inputs[0]

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        axis = axis_of(self.axis, inputs[0])
        name, size = axis_names(inputs[0])[axis], inputs[0][axis]
        return unchanged(inputs[0], f"y = exp(x) / sum(exp(x)): the {size:,} {name} become shares of 1")

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Softmax", {"axis": self.axis}),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        if axis_of(self.axis, inputs[0]) != len(inputs[0]) - 1:
            raise DeviceUnsupported(
                f"axis {self.axis} of {{layer}} is not the last, the only axis of the int8 softmax",
                field="axis",
                help="use `axis: -1`, the last axis",
            )
        return lower_softmax(inputs[0])
