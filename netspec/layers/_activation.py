"""The `activation:` key: a name that any layer with weights may carry, lowered to an op of its own after it."""

from __future__ import annotations

from netspec.layers._types import ActivationName
from netspec.layers.base import DeviceUnsupported
from netspec.ops import Op, Relu, Shape, Softmax, Unary


# 512 equal inputs sum to 2**9 in the kernels' 12 integer bits after rounding: TensorFlow Lite Micro aborts there.
_WIDEST_SOFTMAX = 511


def lower_softmax(shape: Shape) -> tuple[Op, ...]:
    """Return a softmax over the last axis. Raises `DeviceUnsupported` where its int8 sum may overflow."""
    if shape[-1] > _WIDEST_SOFTMAX:
        raise DeviceUnsupported(
            f"softmax over {shape[-1]} classes may overflow the int8 kernel, which is safe up to {_WIDEST_SOFTMAX}",
            help="leave softmax out of the device's net: the largest logit is the same class",
        )
    return (Softmax(shape),)


def lower_activation(kind: ActivationName | None, shape: Shape) -> tuple[Op, ...]:
    """Return the ops of an activation over a tensor of `shape`."""
    match kind:
        case None | "linear":
            return ()
        case "relu":
            return (Relu(shape),)
        case "relu6":
            return (Relu(shape, 6.0),)
        case "sigmoid" | "tanh":
            return (Unary(kind, shape),)
        case "softmax":
            return lower_softmax(shape)
    raise DeviceUnsupported(f"activation '{kind}' has no int8 kernel", field="activation")
