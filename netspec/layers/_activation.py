"""The `activation:` key: a name that any layer with weights may carry, lowered to an op of its own after it."""

from __future__ import annotations

from netspec.layers.base import DeviceUnsupported
from netspec.ops import Op, Relu, Shape, Softmax, Unary

# 512 equal inputs sum to 2**9 in the kernels' 12 integer bits after rounding: TensorFlow Lite Micro aborts there.
WIDEST_SOFTMAX = 511


def lower_softmax(shape: Shape) -> tuple[Op, ...]:
    """Return a softmax over the last axis. Raises `DeviceUnsupported` where its int8 sum may overflow."""
    if shape[-1] > WIDEST_SOFTMAX:
        raise DeviceUnsupported(
            f"softmax over {shape[-1]} classes may overflow the int8 kernel, which is safe up to {WIDEST_SOFTMAX}",
            help="leave softmax out of the device's net: the largest logit is the same class",
        )
    return (Softmax(shape),)


def no_kernel(kind: str, field: str | None = None) -> DeviceUnsupported:
    """Return the complaint about an activation; `field` is the key that names it."""
    what = f"activation '{kind}'" if field else kind
    return DeviceUnsupported(
        f"netspec has no int8 kernel for {what} yet", field=field, help="use relu, relu6, sigmoid or tanh"
    )


def lower_activation(kind: str | None, shape: Shape, field: str | None = "activation") -> tuple[Op, ...]:
    """Return the ops of an activation over a tensor of `shape`. Raises `DeviceUnsupported` at `field`."""
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
    raise no_kernel(str(kind), field)
