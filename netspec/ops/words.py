"""The words that ops are described in.

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
class Fixed:
    """The quantization that an op's output always has: scale 1 / `denominator`, and a zero point."""

    denominator: int
    zero_point: int


ScaleRule = Literal["free", "same"] | Fixed
"""Where an output's scale comes from: its own range, the inputs, or the op itself."""


def same_padding(length: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Return the zeros before and after for `same`: the odd one goes after, as TensorFlow does."""
    total = max((-(-length // stride) - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)
    return (total // 2, total - total // 2)
