"""Keys of layers with a kernel: bias, activation, initializers, regularizers, constraints, trainable."""

from __future__ import annotations

from typing import Any

from netspec.keys.keys import Field
from netspec.layers._explanation import Equation, sized
from netspec.layers._types import ActivationName, Constraint, Initializer, Regularizer, keras_config
from netspec.layers.base import Layer, Weight
from netspec.ops import Param

GLOROT_UNIFORM: Initializer = ("glorot_uniform", ())
ZEROS: Initializer = ("zeros", ())
ONES: Initializer = ("ones", ())
EPSILON = "Added to the variance, so that its root is never zero."


class Biased(Layer):
    """A layer that may add a bias and apply an activation."""

    activation: ActivationName | None = Field(None, description="Applied to the outputs; default: none.")
    use_bias: bool = Field(True, description="Add a bias to each output channel.")
    trainable: bool = Field(True, description="`false` freezes the layer's weights.")
    bias_initializer: Initializer = ZEROS
    bias_regularizer: Regularizer = None
    bias_constraint: Constraint = None
    activity_regularizer: Regularizer = Field(
        None, description="What large outputs add to the loss in training: a regularizer by Keras' name."
    )

    def bias_weights(self, size: int) -> tuple[Weight, ...]:
        return (Weight("bias", (size,)),) if self.use_bias else ()

    def bias_equations(self, name: str, size: int) -> tuple[Equation, ...]:
        """Return what `bias_weights` are explained by: one for each of what `name` says."""
        return (sized("bias", name, size),) if self.use_bias else ()

    def bias_param(self, name: str, size: int) -> Param | None:
        return Param(name, "bias", (size,)) if self.use_bias else None

    def keras_common(self, *kernels: str) -> dict[str, Any]:
        """Return the shared part of the Keras config; `kernels` are the prefixes of its initializer keys."""
        config: dict[str, Any] = {
            "activation": self.activation,
            "use_bias": self.use_bias,
            "trainable": self.trainable,
            "activity_regularizer": keras_config(self.activity_regularizer),
        }
        for prefix in ("bias", *kernels):
            for role in ("initializer", "regularizer", "constraint"):
                config[f"{prefix}_{role}"] = keras_config(getattr(self, f"{prefix}_{role}"))
        return config


class Kernelled(Biased):
    """A layer with one kernel."""

    kernel_initializer: Initializer = GLOROT_UNIFORM
    kernel_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
