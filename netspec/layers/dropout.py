"""dropout: noise in training, nothing on the device."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from netspec.layers.base import KerasCall, Layer
from netspec.ops import Op, Shape


class Dropout(Layer):
    """Zero a random `rate` of the inputs in training and scale the rest by 1 / (1 - rate)."""

    type: ClassVar[str] = "dropout"
    rate: Annotated[float, Field(ge=0, lt=1, examples=[0.5])]
    seed: int | None = None
    noise_shape: list[int | None] | None = None

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return inputs[0]

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("Dropout", {"rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}),)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        return ()
