"""dropout, spatial_dropout1d/2d, gaussian_noise: noise in training, nothing on the device."""

from __future__ import annotations

from typing import Annotated, ClassVar

from netspec.keys.keys import Field
from netspec.layers._explanation import Explanation, counted, unchanged
from netspec.layers.base import KerasCall, Layer, check_rank
from netspec.ops import Op, Shape

Rate = Annotated[float, Field(ge=0, lt=1, examples=[0.5], description="Part that is set to zero in training.")]


class _Noise(Layer):
    family: ClassVar[str] = "regularisation"
    seed: int | None = Field(None, description="Of the random numbers; default: drawn anew.")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        return inputs[0]

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return ()


def _dropped(rate: float, of: str) -> str:
    return (
        f"training sets {rate:.4g} of {of} to zero at random and multiplies the rest by {1 / (1 - rate):.4g}, "
        "so that sums stay; inference gives the input as it is"
    )


class Dropout(_Noise):
    """Zero a random `rate` of the inputs in training and scale the rest by 1 / (1 - rate)."""

    type: ClassVar[str] = "dropout"
    rate: Rate
    noise_shape: list[int | None] | None = Field(
        None, description="Shape of the mask with the batch axis; 1 or null: one decision for the whole axis."
    )

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        share = "the values" if self.noise_shape is None else f"the entries of a mask of shape {self.noise_shape}"
        return unchanged(inputs[0], _dropped(self.rate, share))

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Dropout", {"rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}),)


class _SpatialDropout(_Noise):
    rank: ClassVar[int]
    rate: Rate

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        whole = counted(inputs[0][-1], "channel")
        return unchanged(inputs[0], _dropped(self.rate, f"the {whole}, each over all its positions,"))

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall(f"SpatialDropout{self.rank}D", {"rate": self.rate, "seed": self.seed}),)


class SpatialDropout1D(_SpatialDropout):
    """Zero a random `rate` of the channels of (steps, channels) in training, each over all its steps."""

    type: ClassVar[str] = "spatial_dropout1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1


class SpatialDropout2D(_SpatialDropout):
    """Zero a random `rate` of the channels of (height, width, channels) in training, each as a whole image."""

    type: ClassVar[str] = "spatial_dropout2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2


class GaussianNoise(_Noise):
    """Add normal noise of mean 0 and deviation `stddev` in training."""

    type: ClassVar[str] = "gaussian_noise"
    stddev: Annotated[float, Field(ge=0, le=1, examples=[0.1])] = Field(description="Standard deviation of the noise.")

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        return unchanged(
            inputs[0], f"training adds normal noise of deviation {self.stddev:g}; inference gives the input as it is"
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("GaussianNoise", {"stddev": self.stddev, "seed": self.seed}),)
