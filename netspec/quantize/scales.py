"""Ranges -> scales and zero points, one for each group of tensors that must share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netspec.arithmetic import short_scale
from netspec.device.graph import DeviceGraph
from netspec.device.scales import Groups, fixed_scale, scale_groups
from netspec.ops import Dense, Fixed, Rescale
from netspec.ops.numbers import Quant
from netspec.quantize.ranges import Range
from netspec.quantize.raw_inputs import raw_range, raw_tensors, whole_offset

# A tensor that never left zero still needs a scale; it holds nothing, so any will do.
_EMPTY_RANGE = 1.0
# Below this a range is noise, and multipliers of what reads it would leave their limits.
_LEAST_SPAN = 1e-6
# How far a range that was computed back from a rescaled one may be too large.
_ROUNDING = 1e-6


def choose_scales(graph: DeviceGraph, ranges: Mapping[str, Range]) -> dict[str, Quant]:
    """Return the quantization of every tensor.

    A group's range is the union of its members', widened to hold zero, and ends at the bound that a member
    prescribes; a group with a fixed scale takes it. scale = (max - min) / 255, zero point = round(-128 - min / scale).
    """
    groups = scale_groups(graph)
    fixed: dict[str, Fixed] = {}
    limits: dict[str, float] = {}
    for node in graph.nodes:
        for output, tensor in enumerate(node.outputs):
            prescribed = fixed_scale(node, output)
            if prescribed:
                root = groups.find(tensor.name)
                assert fixed.setdefault(root, prescribed) == prescribed, f"{node.name} cannot share its scale"
        limit = node.op.range_end()
        if limit is not None:
            root = groups.find(node.output)
            limits[root] = min(limit, limits.get(root, limit))
    unions: dict[str, Range] = {}
    for name in graph.tensors:
        least, greatest = ranges[name]
        root = groups.find(name)
        low, high = unions.get(root, (0.0, 0.0))
        unions[root] = (min(low, least), max(high, greatest))
    result: dict[str, Quant] = {}
    for name in graph.tensors:
        root = groups.find(name)
        if root in fixed:
            result[name] = Quant(1.0 / fixed[root].denominator, fixed[root].zero_point)
        else:
            low, high = unions[root]
            result[name] = _affine(low, min(high, limits.get(root, high)))
    return result | _rescaled(graph, groups, fixed, unions, result)


def _rescaled(
    graph: DeviceGraph,
    groups: Groups,
    fixed: Mapping[str, Fixed],
    unions: Mapping[str, Range],
    chosen: Mapping[str, Quant],
) -> dict[str, Quant]:
    """Return other quantizations for the groups of inputs that are rescaled, such that a .tflite file can say so."""
    raw = raw_tensors(graph)
    found: dict[str, Quant] = {}
    for given in graph.inputs:
        if not isinstance(given.rescale, Rescale):
            continue
        root = groups.find(given.name)
        members = [name for name in graph.tensors if groups.find(name) == root]
        ends = raw_range(given.rescale, *unions[root]) if given.name in raw else None
        if ends is not None:
            assert set(members) <= raw.keys()
            quant = replace(_affine(*ends, slack=_ROUNDING), raw=True)
        elif root not in fixed and not any(each.name in members for each in graph.inputs if each is not given):
            short = any(isinstance(node.op, Dense) and set(node.inputs) & set(members) for node in graph.nodes)
            quant = whole_offset(given.rescale, chosen[given.name], short=short)
        else:
            continue
        found |= dict.fromkeys(members, quant)
    return found


def _affine(low: float, high: float, slack: float = 0.0) -> Quant:
    """Return the quantization of a range. `slack` is the part of it that may be rounding, and is left out."""
    span = (high - low) * (1.0 - slack)
    if span < _LEAST_SPAN:
        span = _EMPTY_RANGE if span == 0.0 else _LEAST_SPAN
        low = -span if high <= 0.0 and low < 0.0 else 0.0
    # Short scales multiply exactly in float32, so that every TensorFlow Lite Micro, whether it takes a dense layer's
    # in * filter in float32 or in double, arrives at the same multiplier.
    scale = short_scale(span / 255.0)
    zero_point = max(-128, min(127, round(-128 - low / scale)))
    return Quant(scale, zero_point)
