"""Make model.tflite say what its inputs mean in the caller's units, where a spec rescales them.

Three forms, the first that fits:

- raw: the input's scale is that of the raw value, and the rescaling is part of the weights of what reads it;
- a MUL, and an ADD where there is an offset, in front of the file's net: with their scales they change no integer;
- neither: the file's description says that its input is the rescaled value.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, floor, isfinite
from typing import TYPE_CHECKING, Any

from netspec.arithmetic import scale32, short_scale
from netspec.device.graph import DeviceGraph, DeviceInput, Node
from netspec.ops import NO_PADDING, Conv2D, Dense, DepthwiseConv2D, Pad, Param, Rescale
from netspec.ops.numbers import Quant, Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COARSER = 1.02
"""How much larger a scale may get so that a file's input can be raw: less than the rounding of the range to int8."""
_WHOLE = 1e-3
"""How far from a whole number of steps an offset may be: a thousandth of the input's resolution."""
_SCALES = (1e-30, 1e30)
"""Scales outside are left alone: their products with weights would leave float32."""


def raw_tensors(graph: DeviceGraph) -> dict[str, Rescale]:
    """Return the tensors that can be in an input's own units, with the rescaling that then is part of the weights.

    All that reads such a tensor has weights. A padding of zeros is in the way of an offset, since the zero of the
    rescaled value is none of the raw value's.
    """
    found: dict[str, Rescale] = {}
    outputs = {output.tensor for output in graph.outputs}
    for given in graph.inputs:
        rescale = given.rescale
        if not isinstance(rescale, Rescale) or not rescale.scale:
            continue
        members = {given.name}
        readers = [node for node in graph.nodes if given.name in node.inputs]
        for node in readers:  # grows
            if isinstance(node.op, Pad) and not rescale.offset:
                members.add(node.output)
                readers += [each for each in graph.nodes if node.output in each.inputs]
        weighted = [node for node in readers if node.outputs[0].name not in members]
        if weighted and not members & outputs and all(_absorbs(node, rescale) for node in weighted):
            found |= dict.fromkeys(members, rescale)
    return found


def _absorbs(node: Node, rescale: Rescale) -> bool:
    op = node.op
    if not isinstance(op, Conv2D | DepthwiseConv2D | Dense) or op.kernel is None:
        return False
    padding = NO_PADDING if isinstance(op, Dense) else op.padding
    return not rescale.offset or (padding == NO_PADDING and op.bias is not None)


def raw_range(rescale: Rescale, low: float, high: float) -> tuple[float, float] | None:
    """Return the range of raw values, zero included, for the range of the rescaled one; None where steps are lost.

    An offset may put zero far from the raw values: then most of their int8 range would be unused.
    """
    ends = sorted(((low - rescale.offset) / rescale.scale, (high - rescale.offset) / rescale.scale))
    least, greatest = min(ends[0], 0.0), max(ends[1], 0.0)
    span, needed = (greatest - least) * abs(rescale.scale), max(high, 0.0) - min(low, 0.0)
    scale = (greatest - least) / 255
    if not isfinite(scale) or not _SCALES[0] < scale < _SCALES[1] or (rescale.offset and span > _COARSER * needed):
        return None
    return least, greatest


def raw_weights(node: Node, weights: Weights, rescale: Rescale) -> Weights:
    """Return the weights of an op that reads raw values: w * scale, and b + offset * sum of w."""
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | Dense)
    kernel, bias = op.kernel, op.bias

    def find(param: Param) -> NDArray[Any]:
        import numpy as np

        found: NDArray[Any] = weights(param).astype(np.float64)
        if param == kernel:
            found = found * rescale.scale
        elif param == bias and rescale.offset:
            assert kernel is not None
            values = weights(kernel).astype(np.float64)
            kept = 2 if isinstance(op, DepthwiseConv2D) else 1
            sums = values.sum(axis=tuple(range(values.ndim - kept))).reshape(-1)
            found = found + rescale.offset * sums
        return found

    return find


def whole_offset(rescale: Rescale, quant: Quant, *, short: bool) -> Quant:
    """Return a quantization in which the offset is a whole number of steps, where that costs nothing; else `quant`."""
    steps = floor(abs(rescale.offset) / quant.scale * (1 + _WHOLE / 255))
    if not rescale.offset or rescale.scale <= 0 or not steps:
        return quant
    scale = scale32(abs(rescale.offset) / steps)
    if scale > _COARSER * quant.scale or (short and short_scale(scale) != scale):
        return quant
    zero_point = round(quant.zero_point * quant.scale / scale - 128 * (1 - quant.scale / scale))
    raw = max(-128, min(127, zero_point + round(copysign(steps, rescale.offset))))
    zero_point = raw - round(copysign(steps, rescale.offset))
    return Quant(scale, zero_point) if -128 <= zero_point <= 127 else quant


@dataclass(frozen=True, slots=True)
class FileRescale:
    """The operators before a file's net: x of `raw` times `factor`, plus `steps` times the net's input scale."""

    raw: Quant
    factor: float
    steps: int


def file_rescale(given: DeviceInput, quant: Quant) -> FileRescale | None:
    """Return the rescaling that a file computes without changing an integer; None where there is none to compute."""
    rescale = given.rescale
    if not isinstance(rescale, Rescale) or quant.raw or rescale.scale <= 0:
        return None
    scale, exact = quant.scale / rescale.scale, rescale.offset / quant.scale
    if not _SCALES[0] < scale < _SCALES[1] or abs(exact) > 255:
        return None
    steps = round(exact)
    zero_point = quant.zero_point + steps
    if abs(exact - steps) > _WHOLE or not -128 <= zero_point <= 127:
        return None
    return FileRescale(Quant(scale32(scale), zero_point), scale32(rescale.scale), steps)


def rescaled_note(given: DeviceInput, quant: Quant) -> str | None:
    """Return what a reader of a file must know of an input that is not in the caller's units; None where it is."""
    if given.rescale is None or quant.raw or file_rescale(given, quant) is not None:
        return None
    if isinstance(given.rescale, Rescale):
        formula = f"{given.rescale.scale!r} * value + {given.rescale.offset!r}"
    else:
        formula = "(value - mean) / deviation, as the spec's normalization says for each value"
    return f"input {given.name} is the rescaled value: {formula}"
