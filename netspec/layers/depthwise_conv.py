"""depthwise_conv1d, depthwise_conv2d: each channel has filters of its own and meets no other channel."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from netspec.keys.keys import Field
from netspec.layers._activation import lower_activation
from netspec.layers._conv import DEPTHWISE_DILATION_RATE, KERNEL_SIZE, STRIDES, Convolution, refuse_unequal_strides
from netspec.layers._explanation import Explanation, counted, product, with_bias, worked
from netspec.layers._pytorch import convolution
from netspec.layers._types import Constraint, Initializer, Regularizer, Size, Sizes1, Sizes2
from netspec.layers._weighted import GLOROT_UNIFORM
from netspec.layers._window import as_image, image_padding
from netspec.layers.base import KerasCall, Weight
from netspec.ops import DepthwiseConv2D as DepthwiseConv2DOp
from netspec.ops import Op, Param, Shape, hwc


class _DepthwiseConv(Convolution):
    depthwise: ClassVar[bool] = True
    depth_multiplier: Size = Field(1, description="Filters a channel: output channels are this many times the input's.")
    depthwise_initializer: Initializer = GLOROT_UNIFORM
    depthwise_regularizer: Regularizer = None
    depthwise_constraint: Constraint = None

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        spatial = self.spatial_output(inputs[0])
        return (*spatial, inputs[0][-1] * self.depth_multiplier)

    def check_trainable(self) -> None:
        refuse_unequal_strides(self)

    def _kernel_shape(self, shape: Shape) -> Shape:
        return (*self.kernel_size, shape[-1], self.depth_multiplier)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        channels = inputs[0][-1] * self.depth_multiplier
        return (Weight("kernel", self._kernel_shape(inputs[0])), *self.bias_weights(channels))

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return output elements x window: each sums one channel only."""
        return prod(self.output_shape(inputs)) * prod(self.kernel_size)

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, output = inputs[0], self.output_shape(inputs)
        window, (*_, channels, multiplier) = self.window(shape, output), self._kernel_shape(shape)
        filters = {"input channels": channels, "depth multiplier": multiplier}
        weights, kernel = product("weights", window.factors()), product("kernel", window.factors() | filters)
        biases = product("bias", filters)
        own = counted(multiplier, "filter")
        return Explanation(
            shape=(*window.shape(), product("channels", filters)),
            why_shape=(
                f"the window moves along the {window.where}, over each channel apart: {own} for every channel",
                *window.edges(),
            ),
            padding=window.added(),
            parameters=(kernel, *((biases,) if self.use_bias else ())),
            total=with_bias(weights, filters) if self.use_bias else None,
            why_parameters=(
                f"a filter is one channel deep, {worked(weights)} weights"
                f"{' and a bias' if self.use_bias else ''}: it sums over no other channel",
            ),
            macs=product(
                "multiply-accumulates", window.positions() | {"output channels": output[-1]} | window.factors()
            ),
            pytorch=convolution(
                window.torch_axes(), channels, output[-1], self.padding, groups=channels, bias=self.use_bias
            ),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        config = {"depth_multiplier": self.depth_multiplier} | self.keras_common("depthwise")
        return self.keras_window(f"DepthwiseConv{self.rank}D", config)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        output = self.output_shape(inputs)
        convolution = DepthwiseConv2DOp(
            input_shape=hwc(inputs[0]),
            output_shape=output,
            kernel=Param(name, "kernel", self._kernel_shape(inputs[0])),
            bias=self.bias_param(name, output[-1]),
            kernel_size=as_image(self.kernel_size),
            strides=as_image(self.strides),
            dilation=as_image(self.dilation_rate),
            padding=image_padding(self.amounts(inputs[0])),
            depth_multiplier=self.depth_multiplier,
        )
        return (convolution, *lower_activation(self.activation, output))


class DepthwiseConv1D(_DepthwiseConv):
    """1-D depthwise convolution over (steps, channels)."""

    type: ClassVar[str] = "depthwise_conv1d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1
    kernel_size: Sizes1 = Field(description=KERNEL_SIZE)
    strides: Sizes1 = Field((1,), description=STRIDES)
    dilation_rate: Sizes1 = Field((1,), description=DEPTHWISE_DILATION_RATE)


class DepthwiseConv2D(_DepthwiseConv):
    """2-D depthwise convolution over (height, width, channels)."""

    type: ClassVar[str] = "depthwise_conv2d"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    kernel_size: Sizes2 = Field(description=KERNEL_SIZE)
    strides: Sizes2 = Field((1, 1), description=STRIDES)
    dilation_rate: Sizes2 = Field((1, 1), description=DEPTHWISE_DILATION_RATE)
