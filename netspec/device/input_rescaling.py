"""Rescalings of an input that its quantization computes: the emitted `quantize` function takes raw values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netspec.device.graph import DeviceGraph, Node
from netspec.ops import Rescale, RescaleEach, View

IDENTITY = (1.0, 0.0)

InputRescale = Rescale | RescaleEach


def factors(rescale: InputRescale | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (scales, offsets): value i of the flattened input is multiplied by scales[i % len(scales)], and so on."""
    if rescale is None:
        return (1.0,), (0.0,)
    if isinstance(rescale, Rescale):
        return (rescale.scale,), (rescale.offset,)
    return rescale.scales, rescale.offsets


def fold_rescaling(graph: DeviceGraph) -> DeviceGraph:
    """Move rescalings that alone read an input, directly or through views, into that input's quantization."""
    readers, producers = graph.readers, graph.producers
    inputs = {given.name: given for given in graph.inputs}
    renamed: dict[str, str] = {}
    last_alias: dict[str, str] = {}  # by tensor: the last that was renamed to it
    nodes: list[Node] = []
    for node in graph.nodes:
        if renamed:
            node = replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        source = _input_behind(node, producers, renamed, last_alias, readers)
        folded = None
        if source in inputs and isinstance(node.op, Rescale | RescaleEach):
            before = inputs[source].rescale
            if not _is_requantization(node, before, source):
                folded = _compose(before, node.op)
        if source is not None and folded is not None:
            inputs[source] = replace(inputs[source], rescale=folded)
            renamed[node.output] = node.inputs[0]
            last_alias[node.inputs[0]] = node.output
        else:
            nodes.append(node)
    if not renamed:
        return graph
    outputs = (replace(each, tensor=renamed.get(each.tensor, each.tensor)) for each in graph.outputs)
    return replace(graph, inputs=tuple(inputs.values()), nodes=tuple(nodes), outputs=tuple(outputs))


def left_over(graph: DeviceGraph) -> list[Node]:
    """Return the nodes that only the quantization of an input computes, and that no input's quantization can."""
    if not any(isinstance(node.op, RescaleEach) for node in graph.nodes):
        return []
    return [node for node in fold_rescaling(graph).nodes if isinstance(node.op, RescaleEach)]


def _is_requantization(node: Node, before: InputRescale | None, name: str) -> bool:
    """Say whether a rescaling by 1 is where an imported network changes its scale: all but the input's first reader."""
    identity = isinstance(node.op, Rescale) and (node.op.scale, node.op.offset) == IDENTITY
    return identity and (before is not None or node.inputs[0] != name)


def _input_behind(
    node: Node,
    producers: Mapping[str, Node],
    renamed: Mapping[str, str],
    last_alias: Mapping[str, str],
    readers: Mapping[str, int],
) -> str | None:
    """Return the tensor that a node alone reads, directly, through views, or past rescalings that are folded."""
    name = node.inputs[0]
    while True:
        # A rescaling that was folded was the only reader; what counts then are the readers of its output.
        if readers[last_alias.get(name, name)] != 1:
            return None
        before = producers.get(name)
        if before is None:
            return name
        if not isinstance(before.op, View):
            return None
        name = renamed.get(before.inputs[0], before.inputs[0])


def _compose(first: InputRescale | None, second: InputRescale) -> InputRescale | None:
    """Return one rescaling that does what two do, one after the other; None where their numbers run apart."""
    if first is None:
        return second
    (scales1, offsets1), (scales2, offsets2) = factors(first), factors(second)
    period = max(len(scales1), len(scales2))
    if period % len(scales1) or period % len(scales2):
        return None
    pairs = [
        (
            scales2[i % len(scales2)] * scales1[i % len(scales1)],
            scales2[i % len(scales2)] * offsets1[i % len(scales1)] + offsets2[i % len(scales2)],
        )
        for i in range(period)
    ]
    if len(set(pairs)) == 1:
        return Rescale(second.shape, *pairs[0])
    return RescaleEach(second.shape, tuple(a for a, _ in pairs), tuple(b for _, b in pairs))
