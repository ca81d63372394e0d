"""The numbers of an op after training: quantization of tensors, integers of weights, and what an op makes of them.

numpy is imported inside functions: ops are made in `netspec check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from netspec.ops.words import ActivationKind, Param, Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Quant:
    """Quantization of a tensor: real = scale * (q - zero_point), `scale` a float32 value.

    `raw` marks a tensor in the units of an input whose rescaling is part of the weights of what reads it.
    """

    scale: float
    zero_point: int
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Quantized:
    """The numbers of one op: `arrays` by the roles that `Kernel.constants` declares, `numbers` for what is scalar."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    scales: tuple[float, ...] = ()
    """Scales of the weights, one a channel or one in all, as float32 values."""
    bias_scales: tuple[float, ...] = ()
    """Scales of the bias, input * weight."""


@dataclass(frozen=True, slots=True)
class Integers:
    """The weights of one op as integers: int8 `rows`, (outputs, weights of one output), and int32 biases.

    Zero points are 0. `scales` and `bias_scales` hold one scale a row, or one in all.
    """

    rows: NDArray[np.int8]
    bias: NDArray[np.int32] | None
    scales: tuple[float, ...]
    bias_scales: tuple[float, ...]


class Weights(Protocol):
    """Looks up a trained float array."""

    def __call__(self, param: Param) -> NDArray[np.float32]: ...


class StoredWeights(Protocol):
    """Looks up an array that is an integer already, and its scales: one an output, or one in all."""

    def __call__(self, param: Param) -> NDArray[Any]: ...

    def scales(self, param: Param) -> tuple[float, ...]: ...


def batched(array: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return `array` with its batch axis and the rest as `shape`."""
    return array.reshape((array.shape[0], *shape))


def clamp_numbers(activation: ActivationKind, output: Quant) -> dict[str, int]:
    """Return the least and greatest output of a kernel with a fused activation."""
    from netspec.arithmetic import activation_clamp

    least, greatest = activation_clamp(activation, output.scale, output.zero_point)
    return {"activation_min": least, "activation_max": greatest}


def float_bounds(activation: ActivationKind, max_value: float | None = None) -> tuple[float, float]:
    """Return the bounds of a fused activation over floats."""
    if activation == "none":
        return (float("-inf"), float("inf"))
    upper = 6.0 if activation == "relu6" else (float("inf") if max_value is None else max_value)
    return (0.0, upper)
