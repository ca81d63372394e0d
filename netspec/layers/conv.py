"""conv1d, conv2d, conv3d: every filter spans all channels of its window."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from pydantic import Field

from netspec.layers._activation import lower_activation
from netspec.layers._conv import Convolution, refuse_groups
from netspec.layers._types import Size, Sizes1, Sizes2, Sizes3
from netspec.layers._weighted import Kernelled
from netspec.layers._window import as_image, image_padding, refuse_volume
from netspec.layers.base import KerasCall, LayerError, Weight
from netspec.ops import Conv2D as Conv2DOp
from netspec.ops import Op, Param, Shape, hwc


class _Conv(Convolution, Kernelled):
    filters: Size = Field(description="Number of output channels.", examples=[8])
    groups: Size = 1

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        spatial = self.spatial_output(inputs[0])
        channels = inputs[0][-1]
        for what, value in (("channels of the input", channels), ("filters", self.filters)):
            if value % self.groups:
                shared = [str(n) for n in range(1, 65) if channels % n == 0 and self.filters % n == 0]
                raise LayerError(
                    f"groups {self.groups} does not divide the {value} {what} of {{layer}}",
                    field="groups",
                    help=f"use a number that divides both {channels} channels and {self.filters} filters: "
                    + ", ".join(shared),
                    rule="keras-restriction",
                )
        return (*spatial, self.filters)

    def _kernel_shape(self, shape: Shape) -> Shape:
        return (*self.kernel_size, shape[-1] // self.groups, self.filters)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        return (Weight("kernel", self._kernel_shape(inputs[0])), *self.bias_weights(self.filters))

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return positions x kernel volume: every output element sums one window over its group's channels."""
        return prod(self.output_shape(inputs)[:-1]) * prod(self._kernel_shape(inputs[0]))

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        config = {"filters": self.filters, "groups": self.groups} | self.keras_common("kernel")
        return self.keras_window(f"Conv{self.rank}D", config)

    def lower(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        refuse_volume(self.rank)
        refuse_groups(self.groups)
        output = self.output_shape(inputs)
        convolution = Conv2DOp(
            input_shape=hwc(inputs[0]),
            output_shape=output,
            kernel=Param(name, "kernel", self._kernel_shape(inputs[0])),
            bias=self.bias_param(name, self.filters),
            kernel_size=as_image(self.kernel_size),
            strides=as_image(self.strides),
            dilation=as_image(self.dilation_rate),
            padding=image_padding(self.amounts(inputs[0])),
        )
        return (convolution, *lower_activation(self.activation, output))


class Conv1D(_Conv):
    """1-D convolution over (steps, channels)."""

    type: ClassVar[str] = "conv1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1
    kernel_size: Sizes1
    strides: Sizes1 = (1,)
    dilation_rate: Sizes1 = (1,)


class Conv2D(_Conv):
    """2-D convolution over (height, width, channels)."""

    type: ClassVar[str] = "conv2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    kernel_size: Sizes2
    strides: Sizes2 = (1, 1)
    dilation_rate: Sizes2 = (1, 1)


class Conv3D(_Conv):
    """3-D convolution over (depth, height, width, channels)."""

    type: ClassVar[str] = "conv3d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (4,)
    rank: ClassVar[int] = 3
    kernel_size: Sizes3
    strides: Sizes3 = (1, 1, 1)
    dilation_rate: Sizes3 = (1, 1, 1)
