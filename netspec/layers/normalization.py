"""normalization: inputs shifted and scaled by constants of the spec."""

from __future__ import annotations

from math import sqrt
from typing import Annotated, Any, ClassVar

from netspec.keys import Field, Parsed
from netspec.layers._axes import Axes, axes_of
from netspec.layers._explanation import Explanation, axis_names, listed, unchanged
from netspec.layers.base import DeviceUnsupported, Integers, KerasCall, Layer, LayerError, describe
from netspec.ops import Op, Rescale, Shape

_EPSILON = 1e-7  # Keras' backend epsilon: the least that it divides by


def _numbers(value: Any) -> float | list[Any]:
    """Parse a number, or a list of numbers, or lists of one length of such."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list) and value:
        items = [_numbers(item) for item in value]
        if len({_shape(item) for item in items}) == 1:
            return items
    raise ValueError("must be a number, or a list of numbers; write `KEY: 0.5` or `KEY: [0.5, 0.25]`")


def _variances(value: Any) -> float | list[Any]:
    numbers = _numbers(value)
    if _least(numbers) < 0:
        raise ValueError("must be at least 0; it is the square of the standard deviation")
    return numbers


def _least(numbers: float | list[Any]) -> float:
    return min(map(_least, numbers)) if isinstance(numbers, list) else numbers


def _shape(numbers: float | list[Any]) -> Shape:
    return (len(numbers), *_shape(numbers[0])) if isinstance(numbers, list) else ()


class Normalization(Layer):
    """(x - mean) / sqrt(variance), both constants: they are no weights, and training leaves them alone.

    A number stands for all of the input; a list has one number for each index of `axis`. `invert` undoes it:
    x * sqrt(variance) + mean.
    """

    family: ClassVar[str] = "input scaling"
    type: ClassVar[str] = "normalization"
    integers: ClassVar[Integers] = "converted"
    mean: Annotated[float | list[Any], Parsed(_numbers, float | list[Any])] = Field(
        description="Taken from every value: one number, or one for each index of `axis`.", examples=[0.0]
    )
    variance: Annotated[float | list[Any], Parsed(_variances, float | list[Any])] = Field(
        description="By whose root every value is divided, in the form of `mean`; at least 0.", examples=[1.0]
    )
    axis: Axes | None = Field(-1, description="The axes that the lists run along; the batch is axis 0.")
    invert: bool = Field(False, description="Undo it: multiply by the root, then add the mean.")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        mean, variance = _shape(self.mean), _shape(self.variance)
        if mean != variance:
            raise LayerError(
                f"mean {describe(mean)} and variance {describe(variance)} of {{layer}} must have one shape",
                field="variance",
                help="give as many variances as means",
                rule="keras-restriction",
            )
        axes = () if self.axis is None else tuple(sorted(axes_of(self.axis, inputs[0])))
        sizes = tuple(inputs[0][axis] for axis in axes)
        aligned = sizes[len(sizes) - len(mean) :]
        if len(mean) > len(sizes) or any(one not in (1, size) for one, size in zip(mean, aligned, strict=True)):
            sized = f"does not fit the sizes {describe(sizes)} along axis {self.axis}"
            raise LayerError(
                f"mean {describe(mean)} of {{layer}} {sized if sizes else 'runs along no axis'} of the input "
                f"{describe(inputs[0])}",
                field="mean",
                help=f"give mean and variance {' x '.join(map(str, sizes))} numbers each, or one number"
                if sizes
                else "give one number as mean and one as variance, or name their `axis`",
            )
        return inputs[0]

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        formula = "x * sqrt(variance) + mean" if self.invert else "(x - mean) / sqrt(variance)"
        names = axis_names(inputs[0])
        along = [] if self.axis is None else [names[axis] for axis in sorted(axes_of(self.axis, inputs[0]))]
        reach = f"for each index of {listed(along)}" if along and isinstance(self.mean, list) else "one of each for all"
        why = f"y = {formula}, {reach}; mean and variance are constants of the spec and count as no parameters"
        return unchanged(inputs[0], why)

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        keys = ("mean", "variance", "axis", "invert")
        return (KerasCall("Normalization", {key: getattr(self, key) for key in keys}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        if isinstance(self.mean, list) or isinstance(self.variance, list):
            raise DeviceUnsupported(
                "a mean for each index of an axis of {layer} has no int8 kernel",
                field="mean",
                help="use one number as `mean` and one as `variance`, or batch_normalization",
            )
        deviation = max(sqrt(self.variance), _EPSILON)
        if self.invert:
            return (Rescale(inputs[0], deviation, self.mean),)
        return (Rescale(inputs[0], 1 / deviation, -self.mean / deviation),)
