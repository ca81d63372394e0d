"""up_sampling1d/2d/3d: every value several times along each spatial axis, or values between them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from netspec.keys.keys import Field
from netspec.layers._explanation import Explanation, axis_names, kept, product
from netspec.layers._types import Size, Sizes2, Sizes3
from netspec.layers.base import DeviceUnsupported, KerasCall, Layer, check_rank
from netspec.ops import Op, Shape

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"]


class _UpSampling(Layer):
    family: ClassVar[str] = "shape"
    rank: ClassVar[int]
    size: Any

    def _factors(self) -> Shape:
        factors: Shape = (self.size,) if self.rank == 1 else self.size
        return factors

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        grown = [size * factor for size, factor in zip(inputs[0][:-1], self._factors(), strict=True)]
        return (*grown, inputs[0][-1])

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        axes = zip(axis_names(inputs[0])[:-1], inputs[0][:-1], self._factors(), strict=True)
        grown = (product(name, {f"input {name}": size, "size": factor}) for name, size, factor in axes)
        kind = getattr(self, "interpolation", "nearest")
        how = "each value is repeated" if kind == "nearest" else f"values between are made by {kind} interpolation"
        return Explanation((*grown, *kept(inputs[0][-1:], ("channels",))), (f"{how}; nothing is learned",))

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        config = {"size": self.size if self.rank == 1 else list(self.size)}
        return (KerasCall(f"UpSampling{self.rank}D", config),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        raise DeviceUnsupported(
            f"{{layer}} cannot run on the device: netspec has no int8 kernel for {self.type} yet",
            help="keep the resolution: leave out the strides or the pooling that lowered it",
        )


class UpSampling1D(_UpSampling):
    """Each step of (steps, channels) `size` times."""

    type: ClassVar[str] = "up_sampling1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1
    size: Size = Field(2, description="How many times each step comes.")


class UpSampling2D(_UpSampling):
    """(height, width, channels) enlarged by `size`, with repeated or interpolated values."""

    type: ClassVar[str] = "up_sampling2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    size: Sizes2 = Field((2, 2), description="Factor of the size: one number for all axes, or one for each.")
    interpolation: Interpolation = Field("nearest", description="What the new values are: repeated, or in between.")

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return (KerasCall("UpSampling2D", {"size": list(self.size), "interpolation": self.interpolation}),)


class UpSampling3D(_UpSampling):
    """Each value of (depth, height, width, channels) repeated by `size` along each axis."""

    type: ClassVar[str] = "up_sampling3d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (4,)
    rank: ClassVar[int] = 3
    size: Sizes3 = Field((2, 2, 2), description="Factor of the size: one number for all axes, or one for each.")
