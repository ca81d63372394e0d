"""What convolutions share: strides, dilation, padding, and the window arithmetic over their spatial axes."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.keys.keys import Field
from netspec.layers._explained_window import Window, explained_window
from netspec.layers._types import ConvPadding, ExplicitPadding, per_axis
from netspec.layers._weighted import Biased
from netspec.layers._window import output_sizes, window_padding
from netspec.layers.base import DeviceUnsupported, KerasCall, LayerError, check_rank
from netspec.ops import Shape

KERNEL_SIZE = "Positions that the window spans: one number for all axes, or one for each."
STRIDES = "Steps by which the window moves: one number for all axes, or one for each."
DILATION_RATE = "Distance of the positions in a window; 1: next to each other. Not with strides above 1."
DEPTHWISE_DILATION_RATE = "Distance of the positions in a window; 1: next to each other. Strides may be above 1 too."
PADDING = (
    "`valid`: none. `same`: zeros, so that with strides of 1 the size stays. `causal` (1-D): zeros before alone. "
    "Amounts: 1, [1, 2] an axis, or [[0, 1], [1, 1]] before and after."
)


class Convolution(Biased):
    """A window that slides over one to three spatial axes; the last axis is the channels."""

    family: ClassVar[str] = "convolution"
    rank: ClassVar[int]
    depthwise: ClassVar[bool] = False
    kernel_size: Shape
    strides: Shape
    dilation_rate: Shape
    padding: ConvPadding = Field("valid", description=PADDING)

    def check(self, shape: Shape) -> None:
        """Raise `LayerError` for what Keras refuses."""
        check_rank(self, shape)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1 and not self.depthwise:
            raise LayerError(
                f"strides {list(self.strides)} and dilation_rate {list(self.dilation_rate)} of {{layer}} exclude each "
                "other in Keras",
                field="dilation_rate",
                help="keep one of the two at 1",
                rule="keras-restriction",
            )
        if self.padding == "causal" and self.type != "conv1d":
            raise LayerError(
                "padding 'causal' of {layer} exists for conv1d only",
                field="padding",
                help="use `padding: same`, or amounts such as `padding: 1`",
                rule="keras-restriction",
            )

    def spatial_output(self, shape: Shape) -> Shape:
        self.check(shape)
        return output_sizes(
            shape[:-1], self.kernel_size, self.strides, self.dilation_rate, self.padding, channels=shape[-1]
        )

    def amounts(self, shape: Shape) -> ExplicitPadding:
        """Return the zeros before and after each spatial axis of an input of `shape`."""
        return window_padding(shape[:-1], self.kernel_size, self.strides, self.dilation_rate, self.padding)

    def window(self, shape: Shape, output: Shape) -> Window:
        """Return the window as `explain` speaks of it; the last axis of both shapes are the channels."""
        dilation = self.dilation_rate
        return explained_window("kernel", shape, self.kernel_size, self.strides, dilation, self.padding, output)

    def keras_window(self, class_name: str, config: dict[str, Any]) -> tuple[KerasCall, ...]:
        """Return the Keras layer with its window; explicit amounts are a zero padding layer before it."""
        padding = self.padding
        before: tuple[KerasCall, ...] = ()
        if not isinstance(padding, str):
            amounts = per_axis(padding, self.rank)
            assert amounts is not None
            pads = [list(pair) for pair in amounts]
            pad_config = {"padding": pads if self.rank > 1 else pads[0]}
            before = (KerasCall(f"ZeroPadding{self.rank}D", pad_config),)
            padding = "valid"
        window = {
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "dilation_rate": list(self.dilation_rate),
            "padding": padding,
        }
        return (*before, KerasCall(class_name, window | config))


def refuse_unequal_strides(layer: Convolution) -> None:
    """Raise `LayerError` where depthwise strides differ: TensorFlow's kernel takes one stride for both axes.

    Not so for a dilated window, of which Keras computes every position and then leaves some out. The device takes any
    strides, so imported integers may have them.
    """
    if len(set(layer.strides)) > 1 and max(layer.dilation_rate) == 1:
        raise LayerError(
            f"strides {list(layer.strides)} of {{layer}} differ, and TensorFlow's {layer.type} takes one for both axes",
            field="strides",
            help=f"use `strides: {max(layer.strides)}`",
            rule="keras-restriction",
        )


def refuse_groups(groups: int) -> None:
    """Raise `DeviceUnsupported` for grouped convolutions: CMSIS-NN before 5.0 computes them as plain ones."""
    if groups > 1:
        raise DeviceUnsupported(
            f"netspec has no int8 kernel for groups {groups} of {{layer}} yet",
            field="groups",
            help="use depthwise_conv2d, or convolutions side by side and concatenate",
        )
