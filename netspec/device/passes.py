"""The passes from a layer's ops to what runs, in order. Each is a function DeviceGraph -> DeviceGraph.

Knowledge about neighbours lives here and nowhere else. `verify` checks the graph after every pass.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace

from netspec.device.graph import DeviceGraph, Node, free_name
from netspec.device.input_rescaling import IDENTITY, fold_rescaling
from netspec.device.kernels import kernel_set
from netspec.device.scales import requantize_concatenations
from netspec.ops import (
    NO_PADDING,
    BatchNorm,
    Binary,
    DepthwiseConv2D,
    Pad,
    Relu,
    Rescale,
    Unary,
    View,
    hwc,
)


def keep_identities(graph: DeviceGraph) -> DeviceGraph:
    """Make a rescaling by 1 a requantization: it computes nothing, and is where somebody wants another scale.

    Imported int8 networks have such places. Before an input's first reader it is folded away already.
    """
    return graph.with_nodes(
        replace(node, op=Unary("requantize", node.op.shape))
        if isinstance(node.op, Rescale) and (node.op.scale, node.op.offset) == IDENTITY
        else node
        for node in graph.nodes
    )


def fold_padding(graph: DeviceGraph) -> DeviceGraph:
    """Add the zeros of a padding layer to the convolution or padding that alone reads it."""
    readers, producers = graph.readers, dict(graph.producers)
    gone: set[str] = set()
    nodes: list[Node] = []
    for node in graph.nodes:
        zeros = node.op.zeros_before()
        if zeros is not None:
            before = producers.get(node.inputs[0])
            while before and isinstance(before.op, Pad) and readers[before.output] == 1:
                zeros = zeros.plus(before.op.padding)
                op = node.op.with_zeros_before(zeros, before.op.input_shape)
                node = replace(node, op=op, inputs=before.inputs, layers=(*before.layers, *node.layers))
                gone.add(before.output)
                before = producers.get(node.inputs[0])
            producers |= dict.fromkeys((tensor.name for tensor in node.outputs), node)
        nodes.append(node)
    return graph.with_nodes(node for node in nodes if node.outputs[0].name not in gone)


def materialize_padding(graph: DeviceGraph) -> DeviceGraph:
    """Pad in an op of its own where the kernel would read past its input, or a faster one could not run."""
    kernels = kernel_set(graph.kernels)
    if all(node.op.zeros_before() is None or kernels.pads_itself(node.op) for node in graph.nodes):
        return graph
    tensors, taken = graph.tensors, graph.names()
    nodes: list[Node] = []
    for node in graph.nodes:
        zeros = node.op.zeros_before()
        if zeros is not None and not kernels.pads_itself(node.op):
            shape = tensors[node.inputs[0]].shape
            height, width, channels = hwc(shape)
            padded = (height + zeros.top + zeros.bottom, width + zeros.left + zeros.right, channels)
            name = free_name(f"{node.name}_pad", taken)
            pad = Pad(shape, padded, zeros)
            nodes.append(Node(name, pad, node.inputs, pad.outputs(name), node.layer, node.layers, node.line))
            node = replace(node, op=node.op.with_zeros_before(NO_PADDING, padded), inputs=(name,))
        nodes.append(node)
    return graph.with_nodes(nodes)


def fold_affine(graph: DeviceGraph) -> DeviceGraph:
    """Fold batch norms and rescalings into the weights before them; one that stands alone becomes a 1x1 depthwise."""
    readers = graph.readers
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        op = node.op
        if isinstance(op, BatchNorm | Rescale):
            before = nodes.get(node.inputs[0])
            folded = before.op.with_affine(op) if before and _alone(before, readers) else None
            if before and folded:
                del nodes[before.output]
                node = replace(before, op=folded, outputs=node.outputs, scale=node.scale, layers=_joined(before, node))
            else:
                image = hwc(op.shape)
                alone = DepthwiseConv2D(image, op.shape, None, None, (1, 1), (1, 1), (1, 1), NO_PADDING, affine=(op,))
                node = replace(node, op=alone)
        nodes[node.outputs[0].name] = node
    return graph.with_nodes(nodes.values())


def split_sums(graph: DeviceGraph) -> DeviceGraph:
    """Write a sum of more than two tensors as sums of two, from left to right."""
    if not any(isinstance(node.op, Binary) and node.op.arity > 2 for node in graph.nodes):
        return graph
    taken = graph.names()
    nodes: list[Node] = []
    for node in graph.nodes:
        if not isinstance(node.op, Binary) or node.op.arity == 2:
            nodes.append(node)
            continue
        left, pair = node.inputs[0], replace(node.op, arity=2)
        for count, right in enumerate(node.inputs[1:-1], start=1):
            name = free_name(f"{node.name}_sum{count}", taken)
            nodes.append(Node(name, pair, (left, right), pair.outputs(name), node.layer, node.layers, node.line))
            left = name
        nodes.append(replace(node, op=pair, inputs=(left, node.inputs[-1])))
    return graph.with_nodes(nodes)


def fuse_activations(graph: DeviceGraph) -> DeviceGraph:
    """Let a kernel clamp its own output where a relu alone reads it; another relu becomes a table."""
    readers = graph.readers
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        if isinstance(node.op, Relu):
            before = nodes.get(node.inputs[0])
            relu = node.op
            fused = before.op.clamped(relu.max_value) if before and _alone(before, readers) else None
            if before and fused:
                del nodes[before.output]
                node = replace(before, op=fused, outputs=node.outputs, scale=node.scale, layers=_joined(before, node))
            else:
                node = replace(node, op=Unary("relu", relu.shape, relu.max_value))
        nodes[node.outputs[0].name] = node
    return graph.with_nodes(nodes.values())


def resolve_views(graph: DeviceGraph) -> DeviceGraph:
    """Drop flatten and reshape: their readers read the bytes under the name they were written with."""
    if not any(isinstance(node.op, View) for node in graph.nodes):
        return graph
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node.op, View):
            renamed[node.output] = renamed.get(node.inputs[0], node.inputs[0])
        else:
            nodes.append(node)
    return _rename(graph.with_nodes(nodes), renamed)


def share_weights(graph: DeviceGraph) -> DeviceGraph:
    """Forget that a node has another's weights where the passes have folded something into one of the two alone."""
    if not any(node.like for node in graph.nodes):
        return graph
    nodes = {node.name: node for node in graph.nodes}

    def shared(node: Node) -> bool:
        lender = nodes.get(node.like) if node.like else node
        return lender is not None and lender.op.weights_key() == node.op.weights_key()

    return graph.with_nodes(
        replace(node, like=None) if node.like and not shared(node) else node for node in graph.nodes
    )


def choose_kernels(graph: DeviceGraph) -> DeviceGraph:
    """Give each op the kernel that runs it."""
    kernels = kernel_set(graph.kernels).of_network([node.op for node in graph.nodes], graph.extension)
    return graph.with_nodes(node.with_kernel(kernels.kernel(node.op)) for node in graph.nodes)


def with_plain_kernels(graph: DeviceGraph, names: Container[str]) -> DeviceGraph:
    """Give the nodes of these names the kernels of a small network, which have less code and less scratch."""
    kernels = kernel_set(graph.kernels)
    return graph.with_nodes(
        node.with_kernel(kernels.kernel(node.op)) if node.name in names else node for node in graph.nodes
    )


def _rename(graph: DeviceGraph, renamed: dict[str, str]) -> DeviceGraph:
    nodes = [replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs)) for node in graph.nodes]
    outputs = [replace(output, tensor=renamed.get(output.tensor, output.tensor)) for output in graph.outputs]
    return replace(graph, nodes=tuple(nodes), outputs=tuple(outputs))


def _alone(node: Node, readers: Mapping[str, int]) -> bool:
    """Return whether a node has one output, which is read once: what reads it can become part of the node."""
    return len(node.outputs) == 1 and readers[node.output] == 1


def _joined(first: Node, second: Node) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first.layers, *second.layers)))


PASSES: tuple[Callable[[DeviceGraph], DeviceGraph], ...] = (
    fold_rescaling,
    keep_identities,
    fold_padding,
    materialize_padding,
    fold_affine,
    split_sums,
    fuse_activations,
    resolve_views,
    requantize_concatenations,
    share_weights,
    choose_kernels,
)


def run_passes(graph: DeviceGraph) -> DeviceGraph:
    """Return the graph that runs. Raises `AssertionError` with the pass's name where a pass breaks an invariant."""
    verify(graph, "lower")
    for each in PASSES:
        before, graph = graph, each(graph)
        if graph is not before:
            verify(graph, each.__name__)
    return graph


def verify(graph: DeviceGraph, after: str) -> None:
    """Assert that every tensor is written once, before it is read, and that names are unique.

    A state may be read before it is written, and not afterwards: its readers want what the run before has left.
    """
    written = {given.name for given in graph.inputs}
    states = {state.name: state for state in graph.states}
    kept = set(states)  # those that are still of the run before
    names: set[str] = set()
    for node in graph.nodes:
        assert node.name not in names, f"after {after}: two nodes are named {node.name}"
        shapes = tuple(tensor.shape for tensor in node.outputs)
        assert shapes == node.op.output_shapes(), f"after {after}: {node.name} writes {shapes}, its op another shape"
        missing = [name for name in node.inputs if name not in written and name not in kept]
        assert not missing, f"after {after}: {node.name} reads {missing} before it is written, or a state after it"
        names.add(node.name)
        for tensor in node.outputs:
            if tensor.role == "state":
                assert states.get(tensor.name) == tensor, f"after {after}: {tensor.name} is no state"
                assert tensor.name in kept, f"after {after}: {tensor.name} is written twice"
                kept.discard(tensor.name)
            else:
                assert tensor.name not in written, f"after {after}: {tensor.name} is written twice"
                written.add(tensor.name)
    for output in graph.outputs:
        assert output.tensor in written, f"after {after}: nothing writes the output {output.name}"
