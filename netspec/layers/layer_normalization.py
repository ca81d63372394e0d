"""layer_normalization: each sample normalized by its own mean and variance."""

from __future__ import annotations

from typing import Annotated, ClassVar

from netspec.keys.keys import Field
from netspec.layers._axes import Axes, axes_of, axis_of
from netspec.layers._explanation import Explanation, axis_names, kept, listed, product
from netspec.layers._types import Constraint, Initializer, Regularizer, keras_config
from netspec.layers._weighted import EPSILON, ONES, ZEROS
from netspec.layers.base import DeviceUnsupported, Integers, KerasCall, Layer, LayerError, Weight
from netspec.ops import Op, Shape


class LayerNormalization(Layer):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, mean and variance taken over `axis` of each sample."""

    family: ClassVar[str] = "normalisation"
    type: ClassVar[str] = "layer_normalization"
    integers: ClassVar[Integers] = "converted"
    axis: Axes = Field(-1, description="The axes to take mean and variance over; the batch is axis 0.")
    epsilon: Annotated[float, Field(gt=0)] = Field(0.001, description=EPSILON)
    center: bool = Field(True, description="Add beta.")
    scale: bool = Field(True, description="Multiply by gamma.")
    trainable: bool = Field(True, description="`false` freezes the layer's weights.")
    beta_initializer: Initializer = ZEROS
    gamma_initializer: Initializer = ONES
    beta_regularizer: Regularizer = None
    gamma_regularizer: Regularizer = None
    beta_constraint: Constraint = None
    gamma_constraint: Constraint = None

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        if self.axis == []:
            raise LayerError(
                "axis [] of {layer} names no axis to normalize",
                field="axis",
                help="use `axis: -1`, the channels",
                rule="invalid-value",
            )
        axes_of(self.axis, inputs[0])
        return inputs[0]

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        # Keras sorts the axes as they are written, negative ones first, and gives gamma and beta their sizes.
        written = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        size = tuple(inputs[0][axis_of(axis, inputs[0])] for axis in written)
        gamma = (Weight("gamma", size),) if self.scale else ()
        beta = (Weight("beta", size),) if self.center else ()
        return (*gamma, *beta)

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, written = inputs[0], sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        names = axis_names(shape)
        axes = {names[axis_of(axis, shape)]: shape[axis_of(axis, shape)] for axis in written}
        formula = f"(x - mean) / sqrt(variance + {self.epsilon:g})"
        formula = f"gamma * {formula}" if self.scale else formula
        arrays = tuple(product(weight.name, axes) for weight in self.weights(inputs))
        return Explanation(
            shape=kept(shape),
            why_shape=(
                f"y = {formula}{' + beta' if self.center else ''}; mean and variance are those of the sample itself, "
                f"over {listed(list(axes))}",
            ),
            parameters=arrays,
            why_parameters=("each sample brings its own mean and variance, so no moving averages are kept",)
            if arrays
            else ("without `scale` and `center` nothing in it is learned",),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        keys = ("axis", "epsilon", "center", "scale", "trainable")
        config = {key: getattr(self, key) for key in keys}
        for weight in ("beta", "gamma"):
            for role in ("initializer", "regularizer", "constraint"):
                config[f"{weight}_{role}"] = keras_config(getattr(self, f"{weight}_{role}"))
        return (KerasCall("LayerNormalization", config),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        raise DeviceUnsupported(
            "netspec has no int8 kernel for layer_normalization yet",
            help="use batch_normalization, which folds into the layer before",
        )
