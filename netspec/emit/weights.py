"""The constants of a model as C arrays: what each holds, how it lies, and its rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.graph import Node
from netspec.device.kernels import kernel_of
from netspec.device.kernels.base import Constant
from netspec.device.memory.packing import aligned
from netspec.emit.literals import float32, rows, shape_text
from netspec.ops.numbers import Quantized

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KERNEL_LAYOUTS = {
    "conv2d": "(filters, kernel_h, kernel_w, channels)",
    "depthwise_conv2d": "(1, kernel_h, kernel_w, outputs)",
    "dense": "(units, inputs)",
}
_WEIGHTS = ("kernel", "filters", "packed", "rest")
_MEANINGS = {
    "kernel": "weights",
    "bias": "biases, one an output",
    "multiplier": "rescaling factors in Q0.31, one an output",
    "shift": "powers of two of the rescaling factors, one an output",
    "table": "the output for each input from -128 to 127",
    "filters": "weights",
    "packed": "weights, packed as netspec_kernels.h says",
    "scale": "kernel sums and rescaling factors, as netspec_kernels.h says",
    "rest": "weights of the other units",
    "kernel_sum": "bias plus input offset times sum of weights, one an output",
}


@dataclass(frozen=True, slots=True)
class Array:
    """A constant in flash; `about` is the comment above it, `lines` are its rows."""

    name: str
    c_type: str
    count: int
    about: str
    aligned: bool
    section: str
    """The ending of the macro that says in which section it goes."""
    lines: list[str]


def array(name: str, node: Node, constant: Constant, q: Quantized, region: str | None = None) -> Array:
    """Return the array of one constant. Asserts that it has the type and size that the plan counted.

    One that is copied to a `region` is as long as the next multiple of 16 bytes, as `DevicePlan` counts it.
    """
    values = q.arrays[constant.role]
    assert values.dtype.name == constant.dtype.name, f"{name} is {values.dtype.name}"
    assert values.size == constant.count, f"{name} holds {values.size} values, the plan counts {constant.count}"
    # A line for each output's weights; a depthwise kernel has the outputs innermost, so there a line is a tap.
    group = prod(values.shape[1:]) if values.ndim > 1 and values.shape[0] > 1 else values.shape[-1]
    return Array(
        name=name,
        c_type=constant.dtype.c_type,
        count=aligned(constant.bytes) * 8 // constant.dtype.bits if region else constant.count,
        about=_about(node, constant.role, values, q),
        # SIMD kernels load several weights at once; the other arrays are read a word at a time.
        aligned=constant.role in _WEIGHTS,
        section=f"WEIGHTS_{region.upper()}_SECTION" if region else "WEIGHTS_SECTION",
        lines=rows(values.ravel().tolist(), group if constant.role in _WEIGHTS else 1),
    )


def _about(node: Node, role: str, values: NDArray[Any], q: Quantized) -> str:
    text = f"{node.name}: {_MEANINGS.get(role, role)}"
    if role in _WEIGHTS:
        text += f", {shape_text(values.shape)}"
        title = kernel_of(node).title(node.op)
        layout = _KERNEL_LAYOUTS.get({"filters": "conv2d", "packed": ""}.get(role, title))
        text += f" as {layout}" if layout else ""
    scales = q.scales if role in _WEIGHTS else q.bias_scales if role in ("bias", "kernel_sum") else ()
    if not scales:
        return text
    least, greatest = float32(min(scales)), float32(max(scales))
    return f"{text}, scale {least}" if least == greatest else f"{text}, scales {least} to {greatest}"
