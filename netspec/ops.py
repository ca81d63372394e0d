"""The vocabulary between layers and devices: frozen descriptions of what is computed.

A layer lowers itself to a chain of these; `netspec.device` decides how each runs in int8. An op holds geometry
and the *names* of the float weights that training will fill in, never numbers that depend on training.

Shapes carry no batch axis and are channels last. `hwc` gives the height, width, channels form in which every
spatial op sees its tensors: a sequence (length, channels) is an image of height 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

Shape = tuple[int, ...]
ActivationKind = Literal["none", "relu", "relu6"]
"""What a kernel clamps its output to: nothing, [0, inf), or [0, 6]."""


class Padding(NamedTuple):
    """Rows and columns of zeros around an image."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def plus(self, other: Padding) -> Padding:
        return Padding(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NO_PADDING = Padding()


def hwc(shape: Shape) -> tuple[int, int, int]:
    """Return `shape` as (height, width, channels); leading axes of higher ranks are merged into height."""
    if not shape:
        return (1, 1, 1)
    channels = shape[-1]
    width = shape[-2] if len(shape) > 1 else 1
    return (prod(shape[:-2]), width, channels)


@dataclass(frozen=True, slots=True)
class Param:
    """A float weight of a layer, as Keras holds it."""

    layer: str
    weight: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalization at inference, over the last axis: gamma * (x - mean) / sqrt(variance + epsilon) + beta."""

    shape: Shape
    mean: Param
    variance: Param
    gamma: Param | None
    beta: Param | None
    epsilon: float


@dataclass(frozen=True, slots=True)
class Rescale:
    """x * scale + offset with constants from the spec."""

    shape: Shape
    scale: float
    offset: float


@dataclass(frozen=True, slots=True)
class RescaleEach:
    """x * scale + offset with a scale and an offset for each value of the last axes.

    Value i of the flattened tensor takes number i % len(scales). Only the quantization of an input computes this.
    """

    shape: Shape
    scales: tuple[float, ...]
    offsets: tuple[float, ...]


Affine = BatchNorm | Rescale
"""Per-channel a * x + b, which folds into the weights of the op before it."""


@dataclass(frozen=True, slots=True)
class Relu:
    """min(max(x, 0), max_value); `max_value` None is unbounded."""

    shape: Shape
    max_value: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """The same bytes under another shape."""

    shape: Shape
    output_shape: Shape


@dataclass(frozen=True, slots=True)
class Pad:
    """Zeros around height and width of an image."""

    input_shape: Shape
    output_shape: Shape
    padding: Padding


@dataclass(frozen=True, slots=True)
class Conv2D:
    """Convolution; `kernel` in Keras' layout (kernel_h, kernel_w, input channels / groups, filters).

    `affine` are folded batch norms and rescalings, applied in order before the activation. `max_value` bounds a
    `relu` whose bound the clamp cannot say: the output's range ends there, so that int8 saturation is the bound.
    The same two keys mean the same in the other ops.
    """

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


@dataclass(frozen=True, slots=True)
class DepthwiseConv2D:
    """One filter (or `depth_multiplier`) a channel; `kernel` in Keras' layout (kernel_h, kernel_w, channels, filters).

    Without a `kernel` the filter is the constant 1: a batch norm or rescaling that stands alone is such a 1x1
    convolution, with its factors in `affine`.
    """

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


@dataclass(frozen=True, slots=True)
class Dense:
    """Fully connected over the last axis; `kernel` in Keras' layout (inputs, units). Leading axes are rows."""

    input_shape: Shape
    output_shape: Shape
    kernel: Param
    bias: Param | None
    activation: ActivationKind = "none"
    max_value: float | None = None
    affine: tuple[Affine, ...] = ()


@dataclass(frozen=True, slots=True)
class Pool2D:
    """Windowed maximum or average; padding takes no part in either."""

    kind: Literal["max", "average"]
    input_shape: Shape
    output_shape: Shape
    pool_size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding
    activation: ActivationKind = "none"


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean over height and width (global average pooling)."""

    input_shape: Shape
    output_shape: Shape


@dataclass(frozen=True, slots=True)
class Softmax:
    """Softmax over the last axis."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Unary:
    """An element-wise function of one tensor: a 256-byte table on the device.

    `requantize` changes scale and zero point only; a pass inserts it where a concatenation's inputs cannot share
    a scale. `max_value` bounds `relu`.
    """

    kind: Literal["sigmoid", "tanh", "relu", "requantize"]
    shape: Shape
    max_value: float | None = None


@dataclass(frozen=True, slots=True)
class Add:
    """Sum of `arity` tensors of one shape; the kernel takes two, a pass splits the rest."""

    shape: Shape
    arity: int = 2
    activation: ActivationKind = "none"
    max_value: float | None = None


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Join along `axis`, counted without the batch."""

    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    axis: int


Op = (
    BatchNorm
    | Rescale
    | RescaleEach
    | Relu
    | View
    | Pad
    | Conv2D
    | DepthwiseConv2D
    | Dense
    | Pool2D
    | Mean
    | Softmax
    | Unary
    | Add
    | Concatenate
)


def output_shape(op: Op) -> Shape:
    """Return the shape of what `op` gives."""
    if isinstance(op, BatchNorm | Rescale | RescaleEach | Relu | Softmax | Unary | Add):
        return op.shape
    return op.output_shape


def macs(op: Op) -> int:
    """Return the multiplications by weights that `op` takes; folded batch norms take none."""
    if isinstance(op, Conv2D):
        return prod(op.output_shape[:-1]) * prod(op.kernel.shape)
    if isinstance(op, DepthwiseConv2D):
        return prod(op.output_shape) * prod(op.kernel_size) if op.kernel else 0
    if isinstance(op, Dense):
        return prod(op.input_shape) * op.output_shape[-1]
    return 0
