"""separable_conv1d, separable_conv2d: a depthwise convolution, then a 1x1 convolution over its channels."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._activation import lower_activation
from netspec.layers._conv import DEPTHWISE_DILATION_RATE, KERNEL_SIZE, STRIDES, Convolution, refuse_unequal_strides
from netspec.layers._explanation import Equation, Explanation, counted, product, sized
from netspec.layers._pytorch import convolution
from netspec.layers._types import Constraint, Initializer, Regularizer, Size, Sizes1, Sizes2
from netspec.layers._weighted import GLOROT_UNIFORM
from netspec.layers._window import as_image, image_padding
from netspec.layers.base import KerasCall, Weight
from netspec.ops import NO_PADDING, Conv2D, DepthwiseConv2D, Op, Param, Shape, hwc


class _SeparableConv(Convolution):
    depthwise: ClassVar[bool] = True
    filters: Size = Field(description="Number of output channels.", examples=[8])
    depth_multiplier: Size = Field(1, description="Depthwise filters a channel, before the 1x1 convolution.")
    depthwise_initializer: Initializer = GLOROT_UNIFORM
    depthwise_regularizer: Regularizer = None
    depthwise_constraint: Constraint = None
    pointwise_initializer: Initializer = GLOROT_UNIFORM
    pointwise_regularizer: Regularizer = None
    pointwise_constraint: Constraint = None

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        spatial = self.spatial_output(inputs[0])
        return (*spatial, self.filters)

    def check_trainable(self) -> None:
        refuse_unequal_strides(self)

    def _kernel_shapes(self, shape: Shape) -> tuple[Shape, Shape]:
        depthwise = (*self.kernel_size, shape[-1], self.depth_multiplier)
        pointwise = ((1,) * self.rank) + (shape[-1] * self.depth_multiplier, self.filters)
        return depthwise, pointwise

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        depthwise, pointwise = self._kernel_shapes(inputs[0])
        return (
            Weight("depthwise_kernel", depthwise),
            Weight("pointwise_kernel", pointwise),
            *self.bias_weights(self.filters),
        )

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return positions x (depthwise kernel + pointwise kernel)."""
        positions = prod(self.output_shape(inputs)[:-1])
        return sum(positions * prod(kernel) for kernel in self._kernel_shapes(inputs[0]))

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, output = inputs[0], self.output_shape(inputs)
        window, channels = self.window(shape, output), shape[-1]
        between = {"input channels": channels, "depth multiplier": self.depth_multiplier}
        depthwise = product("depthwise_kernel", window.factors() | between)
        pointwise = product("pointwise_kernel", between | {"filters": self.filters})
        plain = prod(self.kernel_size) * channels * self.filters
        both = depthwise.result + pointwise.result
        steps = window.positions() | {"depthwise kernel": depthwise.result, "pointwise kernel": pointwise.result}
        *positions, _, _ = (f"{{{name}}}" for name in steps)
        sums = Equation(
            "multiply-accumulates",
            f"{' * '.join(positions)} * ({{depthwise kernel}} + {{pointwise kernel}})",
            steps,
            prod(output[:-1]) * both,
        )
        wide, bias = channels * self.depth_multiplier, "" if self.use_bias else ", bias=False"
        return Explanation(
            shape=(*window.shape(), sized("channels", "filters", self.filters)),
            why_shape=(
                f"a depthwise window moves along the {window.where}, over each channel apart; then "
                f"{counted(self.filters, 'filter')} of one position join {counted(wide, 'channel')}",
                *window.edges(),
            ),
            padding=window.added(),
            parameters=(depthwise, pointwise, *self.bias_equations("filters", self.filters)),
            why_parameters=(
                f"two small kernels in place of one: {both:,} weights, where the plain convolution has {plain:,}",
            ),
            macs=sums,
            pytorch=convolution(
                window.torch_axes(),
                channels,
                wide,
                self.padding,
                groups=channels,
                after=(f"Conv{self.rank}d({wide}, {self.filters}, kernel_size=1{bias})",),
            ),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        config = {"filters": self.filters, "depth_multiplier": self.depth_multiplier}
        return self.keras_window(f"SeparableConv{self.rank}D", config | self.keras_common("depthwise", "pointwise"))

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        output = self.output_shape(inputs)
        between = (*output[:-1], inputs[0][-1] * self.depth_multiplier)
        depthwise, pointwise = self._kernel_shapes(inputs[0])
        return (
            DepthwiseConv2D(
                input_shape=hwc(inputs[0]),
                output_shape=between,
                kernel=Param(name, "depthwise_kernel", depthwise),
                bias=None,
                kernel_size=as_image(self.kernel_size),
                strides=as_image(self.strides),
                dilation=as_image(self.dilation_rate),
                padding=image_padding(self.amounts(inputs[0])),
                depth_multiplier=self.depth_multiplier,
            ),
            Conv2D(
                input_shape=hwc(between),
                output_shape=output,
                kernel=Param(name, "pointwise_kernel", pointwise),
                bias=self.bias_param(name, self.filters),
                kernel_size=(1, 1),
                strides=(1, 1),
                dilation=(1, 1),
                padding=NO_PADDING,
            ),
            *lower_activation(self.activation, output),
        )


class SeparableConv1D(_SeparableConv):
    """Depthwise, then 1x1 convolution over (steps, channels)."""

    type: ClassVar[str] = "separable_conv1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1
    kernel_size: Sizes1 = Field(description=KERNEL_SIZE)
    strides: Sizes1 = Field((1,), description=STRIDES)
    dilation_rate: Sizes1 = Field((1,), description=DEPTHWISE_DILATION_RATE)


class SeparableConv2D(_SeparableConv):
    """Depthwise, then 1x1 convolution over (height, width, channels)."""

    type: ClassVar[str] = "separable_conv2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    kernel_size: Sizes2 = Field(description=KERNEL_SIZE)
    strides: Sizes2 = Field((1, 1), description=STRIDES)
    dilation_rate: Sizes2 = Field((1, 1), description=DEPTHWISE_DILATION_RATE)
