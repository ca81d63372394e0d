"""max_pooling1d/2d/3d and average_pooling1d/2d/3d."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from netspec.keys.keys import Field
from netspec.layers._explained_window import explained_window
from netspec.layers._explanation import Explanation, sized
from netspec.layers._pytorch import pool
from netspec.layers._types import Sizes1, Sizes2, Sizes3
from netspec.layers._window import as_image, image_padding, output_sizes, refuse_volume, window_padding
from netspec.layers.base import KerasCall, Layer, check_rank
from netspec.ops import Op, Pool2D, Shape, hwc

_POOL_SIZE = "Positions that the window spans: one number for all axes, or one for each."


class _Pooling(Layer):
    family: ClassVar[str] = "pooling"
    rank: ClassVar[int]
    kind: ClassVar[Literal["max", "average"]]
    pool_size: Any
    strides: Any
    padding: Literal["valid", "same"] = Field(
        "valid", description="`valid`: windows inside the input alone. `same`: also those that reach over its end."
    )

    def _steps(self) -> Shape:
        """Return the strides; Keras' default is the pool size."""
        steps: Shape = self.pool_size if self.strides is None else self.strides
        return steps

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        ones = (1,) * self.rank
        spatial = output_sizes(
            inputs[0][:-1],
            self.pool_size,
            self._steps(),
            ones,
            self.padding,
            channels=inputs[0][-1],
            field="pool_size",
        )
        return (*spatial, inputs[0][-1])

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, output = inputs[0], self.output_shape(inputs)
        ones = (1,) * self.rank
        window = explained_window("pool", shape, self.pool_size, self._steps(), ones, self.padding, output)
        if self.kind == "max":
            rule = "the largest value of each window"
        else:
            rule = "the mean of each window's values; padding is not counted"
        steps = "" if self.strides else "; without `strides` the windows stand side by side"
        return Explanation(
            shape=(*window.shape(), sized("channels", "input channels", shape[-1])),
            why_shape=(f"a window over each channel apart, so the channels stay{steps}", *window.edges()),
            padding=window.added(),
            why_parameters=(f"a fixed rule, {rule}: nothing is learned",),
            pytorch=pool(self.kind, window.torch_axes()),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        class_name = f"{self.kind.capitalize()}Pooling{self.rank}D"
        config = {"pool_size": list(self.pool_size), "strides": list(self._steps()), "padding": self.padding}
        return (KerasCall(class_name, config),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        refuse_volume(self.rank)
        ones = (1,) * self.rank
        amounts = window_padding(inputs[0][:-1], self.pool_size, self._steps(), ones, self.padding)
        return (
            Pool2D(
                kind=self.kind,
                input_shape=hwc(inputs[0]),
                output_shape=self.output_shape(inputs),
                pool_size=as_image(self.pool_size),
                strides=as_image(self._steps()),
                padding=image_padding(amounts),
            ),
        )


class _Pooling1D(_Pooling):
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1
    pool_size: Sizes1 = Field((2,), description=_POOL_SIZE)
    strides: Sizes1 | None = Field(None, description="Steps by which the window moves; default: the pool size.")


class _Pooling2D(_Pooling):
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    pool_size: Sizes2 = Field((2, 2), description=_POOL_SIZE)
    strides: Sizes2 | None = Field(None, description="Steps by which the window moves; default: the pool size.")


class _Pooling3D(_Pooling):
    input_ranks: ClassVar[tuple[int, ...] | None] = (4,)
    rank: ClassVar[int] = 3
    pool_size: Sizes3 = Field((2, 2, 2), description=_POOL_SIZE)
    strides: Sizes3 | None = Field(None, description="Steps by which the window moves; default: the pool size.")


class MaxPooling1D(_Pooling1D):
    """Largest value of each window over (steps, channels)."""

    type: ClassVar[str] = "max_pooling1d"
    kind: ClassVar[Literal["max", "average"]] = "max"


class MaxPooling2D(_Pooling2D):
    """Largest value of each window over (height, width, channels)."""

    type: ClassVar[str] = "max_pooling2d"
    kind: ClassVar[Literal["max", "average"]] = "max"


class MaxPooling3D(_Pooling3D):
    """Largest value of each window over (depth, height, width, channels)."""

    type: ClassVar[str] = "max_pooling3d"
    kind: ClassVar[Literal["max", "average"]] = "max"


class AveragePooling1D(_Pooling1D):
    """Mean of each window over (steps, channels); padding is not counted."""

    type: ClassVar[str] = "average_pooling1d"
    kind: ClassVar[Literal["max", "average"]] = "average"
    pool_size: Sizes1 = Field(description=_POOL_SIZE)  # Keras has a default for max_pooling1d only


class AveragePooling2D(_Pooling2D):
    """Mean of each window over (height, width, channels); padding is not counted."""

    type: ClassVar[str] = "average_pooling2d"
    kind: ClassVar[Literal["max", "average"]] = "average"
    pool_size: Sizes2 = Field(description=_POOL_SIZE)  # Keras has a default for max_pooling2d only


class AveragePooling3D(_Pooling3D):
    """Mean of each window over (depth, height, width, channels); padding is not counted."""

    type: ClassVar[str] = "average_pooling3d"
    kind: ClassVar[Literal["max", "average"]] = "average"
    pool_size: Sizes3 = Field(description=_POOL_SIZE)  # Keras has a default for max_pooling3d only
