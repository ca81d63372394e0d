"""conv1d, conv2d, conv3d: every filter spans all channels of its window."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._activation import lower_activation
from netspec.layers._conv import DILATION_RATE, KERNEL_SIZE, STRIDES, Convolution, refuse_groups
from netspec.layers._explained_window import Window
from netspec.layers._explanation import Equation, Explanation, counted, product, sized, with_bias, worked
from netspec.layers._pytorch import convolution
from netspec.layers._types import Size, Sizes1, Sizes2, Sizes3
from netspec.layers._weighted import Kernelled
from netspec.layers._window import as_image, image_padding, refuse_volume
from netspec.layers.base import KerasCall, LayerError, Weight
from netspec.ops import Conv2D as Conv2DOp
from netspec.ops import Op, Param, Shape, hwc


class _Conv(Convolution, Kernelled):
    filters: Size = Field(description="Number of output channels.", examples=[8])
    groups: Size = Field(1, description="Parts that channels and filters are cut into, each convolved by itself.")

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

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, output = inputs[0], self.output_shape(inputs)
        window, (*_, depth, filters) = self.window(shape, output), self._kernel_shape(shape)
        every = counted(depth, "channel")
        deep = window.factors() | {"input channels" if self.groups == 1 else "channels of a group": depth}
        weights = product("weights", deep)
        kernel = product("kernel", deep | {"filters": filters})
        return Explanation(
            shape=(*window.shape(), sized("channels", "filters", filters)),
            why_shape=(
                f"the window moves along the {window.where} and spans {'all' if self.groups == 1 else 'a group of'} "
                f"{every}; every filter gives one output channel",
                *window.edges(),
            ),
            padding=window.added(),
            parameters=(kernel, *self.bias_equations("filters", filters)),
            total=with_bias(weights, {"filters": filters}) if self.use_bias else None,
            why_parameters=(*self._why_parameters(every, weights), *self._why_position(window)),
            macs=product("multiply-accumulates", window.positions() | {"weights of the kernel": kernel.result}),
            pytorch=convolution(
                window.torch_axes(), shape[-1], filters, self.padding, groups=self.groups, bias=self.use_bias
            ),
        )

    def _why_parameters(self, every: str, weights: Equation) -> tuple[str, ...]:
        bias = " and one bias" if self.use_bias else " and no bias"
        if self.groups == 1:
            depth = f"a filter is as deep as its input, here {every}"
        else:
            depth = f"a filter sees its own group of the {self.groups} alone, {every}"
        return (f"{depth}: {worked(weights)} weights in each of {self.filters}{bias}",)

    def _why_position(self, window: Window) -> tuple[str, ...]:
        if window.size == 1:
            return ("a window of one position is a dense layer over the channels, which all positions share",)
        return (f"the same filters serve every position, so the input's {window.where} add none",)

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        config = {"filters": self.filters, "groups": self.groups} | self.keras_common("kernel")
        return self.keras_window(f"Conv{self.rank}D", config)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
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
    kernel_size: Sizes1 = Field(description=KERNEL_SIZE)
    strides: Sizes1 = Field((1,), description=STRIDES)
    dilation_rate: Sizes1 = Field((1,), description=DILATION_RATE)


class Conv2D(_Conv):
    """2-D convolution over (height, width, channels)."""

    type: ClassVar[str] = "conv2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    kernel_size: Sizes2 = Field(description=KERNEL_SIZE)
    strides: Sizes2 = Field((1, 1), description=STRIDES)
    dilation_rate: Sizes2 = Field((1, 1), description=DILATION_RATE)


class Conv3D(_Conv):
    """3-D convolution over (depth, height, width, channels)."""

    type: ClassVar[str] = "conv3d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (4,)
    rank: ClassVar[int] = 3
    kernel_size: Sizes3 = Field(description=KERNEL_SIZE)
    strides: Sizes3 = Field((1, 1, 1), description=STRIDES)
    dilation_rate: Sizes3 = Field((1, 1, 1), description=DILATION_RATE)
