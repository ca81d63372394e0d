"""normalization: inputs shifted and scaled by constants of the spec."""

from __future__ import annotations

from math import prod, sqrt
from typing import Annotated, Any, ClassVar, TypeVar

from netspec.diagnostics import InvalidValue, write
from netspec.keys.keys import Field, Parsed
from netspec.layers._axes import Axes, axes_of
from netspec.layers._explanation import Explanation, axis_names, listed, unchanged
from netspec.layers.base import DeviceUnsupported, Integers, KerasCall, Layer, LayerError, describe
from netspec.ops import Op, Rescale, RescaleEach, Shape

_EPSILON = 1e-7  # Keras' backend epsilon: the least that it divides by
_MOST_FACTORS = 2**16
"""Values with numbers of their own that an input may have on the device: each is two floats in flash."""

_Item = TypeVar("_Item")


def _numbers(value: Any) -> float | list[Any]:
    """Parse a number, or a list of numbers, or lists of one length of such."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list) and value:
        items = [_numbers(item) for item in value]
        if len({_shape(item) for item in items}) == 1:
            return items
    raise InvalidValue("must be a number, or a list of numbers", write("0.5", "[0.5, 0.25]"))


def _variances(value: Any) -> float | list[Any]:
    numbers = _numbers(value)
    if _least(numbers) < 0:
        raise InvalidValue("must be at least 0", "it is the square of the standard deviation")
    return numbers


def _least(numbers: float | list[Any]) -> float:
    return min(map(_least, numbers)) if isinstance(numbers, list) else numbers


def _shape(numbers: float | list[Any]) -> Shape:
    return (len(numbers), *_shape(numbers[0])) if isinstance(numbers, list) else ()


def _spread(numbers: float | list[Any], sizes: Shape) -> list[float]:
    """Return a nested list broadcast to `sizes` and flattened; trailing axes are aligned, as in numpy."""
    if not isinstance(numbers, list):
        return [numbers] * prod(sizes)
    if len(_shape(numbers)) < len(sizes):
        return _spread(numbers, sizes[1:]) * sizes[0]
    items = [value for item in numbers for value in _spread(item, sizes[1:])]
    return items * (sizes[0] // len(numbers))


def _repeated(values: list[_Item], sizes: Shape, shape: Shape) -> list[_Item]:
    """Return the flat values of `sizes`, whose axes are 1 or those of `shape`, broadcast to `shape`."""
    if not shape:
        return values
    step = len(values) // sizes[0]
    rows = [_repeated(values[at : at + step], sizes[1:], shape[1:]) for at in range(0, len(values), step)]
    flat = [value for row in rows for value in row]
    return flat * (shape[0] // sizes[0])


class Normalization(Layer):
    """(x - mean) / sqrt(variance), both constants: they are no weights, and training leaves them alone.

    A number stands for all of the input; a list has one number for each index of `axis`. On the device a list is part
    of an input's quantization, computed in float: the layer must alone read that input, before all but `rescaling`.
    `invert` undoes it: x * sqrt(variance) + mean.
    """

    family: ClassVar[str] = "input scaling"
    type: ClassVar[str] = "normalization"
    integers: ClassVar[Integers] = "converted"
    mean: Annotated[float | list[Any], Parsed(_numbers, float | list[Any])] = Field(
        description="Taken from every value: one number, or one for each index of `axis`, which the device runs where "
        "the layer is the first and only reader of an input, but for `rescaling`.",
        examples=[0.0],
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

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        scales, offsets = self._factors(inputs[0])
        if len({*zip(scales, offsets, strict=True)}) == 1:
            return (Rescale(inputs[0], scales[0], offsets[0]),)
        return (RescaleEach(inputs[0], scales, offsets),)

    def _factors(self, shape: Shape) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return scales and offsets for the values of the last axes, from the first axis of `axis` on."""
        axes = () if self.axis is None else tuple(sorted(axes_of(self.axis, shape)))
        first = axes[0] if axes else len(shape)
        count = prod(shape[first:])
        if count > _MOST_FACTORS:
            raise DeviceUnsupported(
                f"{{layer}} has numbers for {count:,} values, from axis {first + 1} to the last, and the device keeps "
                f"at most {_MOST_FACTORS:,}",
                field="axis",
                help="normalize along the last axis, `axis: -1`",
            )
        sizes = tuple(size if axis in axes else 1 for axis, size in enumerate(shape[first:], start=first))
        kept = tuple(shape[axis] for axis in axes)
        pairs = list(zip(_spread(self.mean, kept), _spread(self.variance, kept), strict=True))
        pairs = _repeated(pairs, sizes, shape[first:])
        for axis in range(len(shape), first, -1):  # the shortest run of numbers that comes again and again
            period = prod(shape[axis:])
            if pairs == pairs[:period] * (count // period):
                pairs = pairs[:period]
                break
        factors = [self._factor(mean, variance) for mean, variance in pairs]
        return tuple(scale for scale, _ in factors), tuple(offset for _, offset in factors)

    def _factor(self, mean: float, variance: float) -> tuple[float, float]:
        deviation = max(sqrt(variance), _EPSILON)
        return (deviation, mean) if self.invert else (1 / deviation, -mean / deviation)
