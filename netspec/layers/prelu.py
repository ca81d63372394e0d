"""prelu: a relu that learns its slope below zero."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.keys.keys import Field
from netspec.layers._activation import no_kernel
from netspec.layers._axes import Axes
from netspec.layers._explanation import Explanation, axis_names, kept, listed, product
from netspec.layers._types import Constraint, Initializer, Regularizer, keras_config
from netspec.layers._weighted import ZEROS
from netspec.layers.base import KerasCall, Layer, LayerError, Weight, describe
from netspec.ops import Op, Shape


class PReLU(Layer):
    """x above zero, alpha * x below; an alpha for each element, or for each index of the axes that do not share."""

    family: ClassVar[str] = "activation"
    type: ClassVar[str] = "prelu"
    shared_axes: Axes | None = Field(None, description="Axes along which one alpha serves; for images [1, 2].")
    trainable: bool = Field(True, description="`false` freezes the layer's weights.")
    alpha_initializer: Initializer = ZEROS
    alpha_regularizer: Regularizer = None
    alpha_constraint: Constraint = None

    def _shared(self, shape: Shape) -> list[int]:
        """Return the shared axes; Keras counts them from 1 and takes a negative one for its neighbour."""
        if self.shared_axes is None:
            return []
        axes = self.shared_axes if isinstance(self.shared_axes, list) else [self.shared_axes]
        for axis in axes:
            if not 1 <= axis <= len(shape):
                positive = sorted({each + len(shape) + 1 if each < 0 else each for each in axes})
                fits = all(1 <= each <= len(shape) for each in positive)
                raise LayerError(
                    f"shared_axes {axis} is none of the axes 1 to {len(shape)} of the input {describe(shape)} of "
                    "{layer}, which Keras counts from the front only",
                    field="shared_axes",
                    help=f"write `shared_axes: {positive}`" if fits else "for images share [1, 2], height and width",
                    rule="keras-restriction",
                )
        return axes

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        self._shared(inputs[0])
        return inputs[0]

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        shared = self._shared(inputs[0])
        return (Weight("alpha", tuple(1 if axis in shared else n for axis, n in enumerate(inputs[0], start=1))),)

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, shared = inputs[0], self._shared(inputs[0])
        names = axis_names(shape)
        own = [axis for axis in range(len(shape)) if axis + 1 not in shared]
        common = [name for axis, name in enumerate(names, 1) if axis in shared]
        if common:
            why = f"one alpha serves all of {listed(common)}"
        else:
            why = "every element has an alpha of its own; `shared_axes` would have one serve a whole axis"
        return Explanation(
            shape=kept(shape),
            why_shape=("y = x above zero and alpha * x below, value by value",),
            parameters=(product("alpha", {names[axis]: shape[axis] for axis in own}),),
            why_parameters=(why,),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        config: dict[str, Any] = {"shared_axes": self.shared_axes, "trainable": self.trainable}
        for key in ("alpha_initializer", "alpha_regularizer", "alpha_constraint"):
            config[key] = keras_config(getattr(self, key))
        return (KerasCall("PReLU", config),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        raise no_kernel(self.type)
