"""Convolutions of each channel by itself, among them batch norms that nothing else can take in."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from netspec.ops.base import Affine
from netspec.ops.convolution import Convolution
from netspec.ops.numbers import StoredWeights, Weights
from netspec.ops.words import ActivationKind, Padding, Param, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class DepthwiseConv2D(Convolution):
    """One filter (or `depth_multiplier`) a channel; `kernel` in Keras' layout (kernel_h, kernel_w, channels, filters).

    Without a `kernel` the filter is the constant 1: a batch norm or rescaling that stands alone is such a 1x1
    convolution, with its factors in `affine`.
    """

    stem: ClassVar[str] = "depthwise_conv2d"
    tflite_kind: ClassVar[str] = "DEPTHWISE_CONV_2D"
    channel_axis: ClassVar[int] = 3
    input_shape: Shape
    output_shape: Shape
    kernel: Param | None
    bias: Param | None
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding
    depth_multiplier: int = 1
    activation: ActivationKind = "none"
    max_value: float | None = None
    affine: tuple[Affine, ...] = ()

    def macs(self) -> int:
        return prod(self.output_shape) * prod(self.kernel_size) if self.kernel else 0

    def kernel_shape(self) -> Shape:
        return (1, *self.kernel_size, self.output_shape[-1])

    def kernel_array(self, weights: Weights | StoredWeights) -> NDArray[Any]:
        import numpy as np

        shape = self.kernel_shape()
        return np.ones(shape) if self.kernel is None else weights(self.kernel).reshape(shape)

    def tflite_options(self) -> dict[str, Any]:
        return {"depth_multiplier": self.depth_multiplier}
