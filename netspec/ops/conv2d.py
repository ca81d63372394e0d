"""Convolutions in height and width."""

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
class Conv2D(Convolution):
    """Convolution; `kernel` in Keras' layout (kernel_h, kernel_w, input channels / groups, filters)."""

    stem: ClassVar[str] = "conv2d"
    tflite_kind: ClassVar[str] = "CONV_2D"
    channel_axis: ClassVar[int] = 0
    input_shape: Shape
    output_shape: Shape
    kernel: Param
    bias: Param | None
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding
    groups: int = 1
    activation: ActivationKind = "none"
    max_value: float | None = None
    affine: tuple[Affine, ...] = ()

    def macs(self) -> int:
        return prod(self.output_shape[:-1]) * prod(self.kernel.shape)

    def kernel_shape(self) -> Shape:
        return (*self.kernel_size, *self.kernel.shape[-2:])

    def kernel_array(self, weights: Weights | StoredWeights) -> NDArray[Any]:
        return weights(self.kernel).reshape(self.kernel_shape())
