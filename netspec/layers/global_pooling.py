"""global_average_pooling1d/2d/3d and global_max_pooling1d/2d/3d: one value a channel."""

from __future__ import annotations

from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._explanation import (
    Equation,
    Explanation,
    PyTorch,
    axis_names,
    listed,
    product,
    single,
    sized,
    worked,
)
from netspec.layers._window import refuse_volume
from netspec.layers.base import Integers, KerasCall, Layer, check_rank
from netspec.ops import NO_PADDING, Mean, Op, Pool2D, Shape, hwc


class _GlobalPooling(Layer):
    family: ClassVar[str] = "pooling"
    rank: ClassVar[int]
    keras_class: ClassVar[str]
    keepdims: bool = Field(False, description="Leave an axis of size 1 in place of each.")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        kept = (1,) * self.rank if self.keepdims else ()
        return (*kept, inputs[0][-1])

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, names = inputs[0], axis_names(inputs[0])
        positions = product("positions", dict(zip(names[:-1], shape[:-1], strict=True)))
        channels = sized("channels" if self.keepdims else "features", "input channels", shape[-1])
        gone: tuple[Equation, ...] = tuple(map(single, names[:-1])) if self.keepdims else ()
        what = "mean" if "Average" in self.keras_class else "largest value"
        form = "Avg" if what == "mean" else "Max"
        flat = "" if self.keepdims else "Flatten()"
        return Explanation(
            shape=(*gone, channels),
            why_shape=(
                f"the {what} over {listed(names[:-1])}, {worked(positions)} values, leaves one number a channel",
            ),
            why_parameters=("a fixed rule: nothing is learned, and the input's size does not matter",),
            pytorch=PyTorch(tuple(filter(None, (f"Adaptive{form}Pool{self.rank}d(1)", flat)))),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall(f"{self.keras_class}{self.rank}D", {"keepdims": self.keepdims}),)


class _GlobalAveragePooling(_GlobalPooling):
    integers: ClassVar[Integers] = "converted"
    keras_class: ClassVar[str] = "GlobalAveragePooling"

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        refuse_volume(self.rank)
        return (Mean(hwc(inputs[0]), self.output_shape(inputs)),)


class _GlobalMaxPooling(_GlobalPooling):
    integers: ClassVar[Integers] = "kept"
    keras_class: ClassVar[str] = "GlobalMaxPooling"

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        refuse_volume(self.rank)
        image = hwc(inputs[0])
        window = image[:2]
        return (Pool2D("max", image, self.output_shape(inputs), window, window, NO_PADDING),)


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """Mean over the steps of (steps, channels)."""

    type: ClassVar[str] = "global_average_pooling1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """Mean over height and width of (height, width, channels)."""

    type: ClassVar[str] = "global_average_pooling2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """Mean over depth, height and width of (depth, height, width, channels)."""

    type: ClassVar[str] = "global_average_pooling3d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (4,)
    rank: ClassVar[int] = 3


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """Largest value over the steps of (steps, channels)."""

    type: ClassVar[str] = "global_max_pooling1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """Largest value over height and width of (height, width, channels)."""

    type: ClassVar[str] = "global_max_pooling2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """Largest value over depth, height and width of (depth, height, width, channels)."""

    type: ClassVar[str] = "global_max_pooling3d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (4,)
    rank: ClassVar[int] = 3
