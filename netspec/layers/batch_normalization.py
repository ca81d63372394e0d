"""batch_normalization: per-channel normalization, folded into the layer before it on the device."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from netspec.keys.keys import Field
from netspec.layers._axes import axis_of
from netspec.layers._explanation import Equation, Explanation, PyTorch, axis_names, counted, kept, listed, sized
from netspec.layers._types import Constraint, Initializer, Regularizer, keras_config
from netspec.layers._weighted import EPSILON, ONES, ZEROS
from netspec.layers.base import DeviceUnsupported, Integers, KerasCall, Layer, Weight
from netspec.ops import BatchNorm, Op, Param, Shape


class BatchNormalization(Layer):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta over one axis."""

    family: ClassVar[str] = "normalisation"
    type: ClassVar[str] = "batch_normalization"
    integers: ClassVar[Integers] = "converted"
    axis: int = Field(-1, description="The normalized axis; the batch is axis 0.")
    momentum: Annotated[float, Field(ge=0, le=1)] = Field(
        0.99, description="Part of the moving averages that a batch of training leaves as it is."
    )
    epsilon: Annotated[float, Field(gt=0)] = Field(0.001, description=EPSILON)
    center: bool = Field(True, description="Add beta.")
    scale: bool = Field(True, description="Multiply by gamma.")
    trainable: bool = Field(True, description="`false` freezes the layer's weights.")
    beta_initializer: Initializer = ZEROS
    gamma_initializer: Initializer = ONES
    moving_mean_initializer: Initializer = ZEROS
    moving_variance_initializer: Initializer = ONES
    beta_regularizer: Regularizer = None
    gamma_regularizer: Regularizer = None
    beta_constraint: Constraint = None
    gamma_constraint: Constraint = None

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        axis_of(self.axis, inputs[0])
        return inputs[0]

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        size = (inputs[0][axis_of(self.axis, inputs[0])],)
        gamma = (Weight("gamma", size),) if self.scale else ()
        beta = (Weight("beta", size),) if self.center else ()
        return (*gamma, *beta, Weight("moving_mean", size, False), Weight("moving_variance", size, False))

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, arrays = inputs[0], self.weights(inputs)
        axis = axis_of(self.axis, shape)
        name = axis_names(shape)[axis]
        own = listed([weight.name for weight in arrays if weight.trainable])
        frozen = "would be learned by gradients, but `trainable: false` freezes the layer"
        learned = f"{own} {'are learned by gradients' if self.trainable else frozen}" if own else "none is learned"
        learned = learned if " and " in own else learned.replace("are learned", "is learned")
        size = shape[axis]
        four = {1: "1d", 2: "1d", 3: "2d", 4: "3d"}
        formula = f"(x - moving_mean) / sqrt(moving_variance + {self.epsilon:g})"
        formula = f"gamma * {formula}" if self.scale else formula
        return Explanation(
            shape=kept(shape),
            why_shape=(f"y = {formula}{' + beta' if self.center else ''}, for each index of the {name}",),
            parameters=tuple(sized(weight.name, name, size) for weight in arrays),
            total=Equation("parameters", f"{len(arrays)} * {{{name}}}", {name: size}, len(arrays) * size),
            why_parameters=(
                f"{counted(len(arrays), 'number')} for each of {size:,} {name}: {learned}{self._switched_off()}",
                "moving_mean and moving_variance are measured in training, so they count as non-trainable",
            ),
            pytorch=PyTorch(
                (f"BatchNorm{four[len(shape)]}({size}, eps={self.epsilon:g}, momentum={1 - self.momentum:.6g})",),
                notes=("its momentum is 1 minus Keras'",),
            )
            if len(shape) in four and axis == len(shape) - 1 and self.scale and self.center
            else None,
        )

    def _switched_off(self) -> str:
        off = [
            f"`{key}: false` leaves out {weight}"
            for key, weight in (("scale", "gamma"), ("center", "beta"))
            if not getattr(self, key)
        ]
        return f"; {listed(off)}" if off else ""

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        config: dict[str, Any] = {
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "trainable": self.trainable,
        }
        for key in (
            "beta_initializer",
            "gamma_initializer",
            "moving_mean_initializer",
            "moving_variance_initializer",
        ):
            config[key] = keras_config(getattr(self, key))
        for key in ("beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint"):
            config[key] = keras_config(getattr(self, key))
        return (KerasCall("BatchNormalization", config),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        shape = inputs[0]
        if axis_of(self.axis, shape) != len(shape) - 1:
            raise DeviceUnsupported(
                f"axis {self.axis} of {{layer}} is not the channels, the only axis that int8 kernels normalize",
                field="axis",
                help="use `axis: -1`",
            )
        size = (shape[-1],)
        return (
            BatchNorm(
                shape=shape,
                mean=Param(name, "moving_mean", size),
                variance=Param(name, "moving_variance", size),
                gamma=Param(name, "gamma", size) if self.scale else None,
                beta=Param(name, "beta", size) if self.center else None,
                epsilon=self.epsilon,
            ),
        )
