"""The `activation:` key: a name that any layer with weights may carry, lowered to an op of its own after it."""

from __future__ import annotations

from netspec.layers._types import ActivationName
from netspec.layers.base import DeviceUnsupported
from netspec.ops import Op, Relu, Shape, Softmax, Unary


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
            return (Softmax(shape),)
    raise DeviceUnsupported(f"activation '{kind}' has no int8 kernel", field="activation")
