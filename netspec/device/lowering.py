"""Graph -> DeviceGraph: each layer lowers itself to ops, which get their names here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netspec.device.graph import DeviceGraph, DeviceInput, DeviceOutput, Node, free_name
from netspec.device.input_rescaling import left_over
from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.graph import Graph, GraphLayer, diagnose
from netspec.layers.base import DeviceUnsupported
from netspec.ops import Op


def lower(graph: Graph) -> DeviceGraph:
    """Return the ops of a graph as the layers give them, before any pass.

    Raises `SpecError` with one `unsupported-on-device` diagnostic for each layer that int8 kernels cannot run.
    """
    device, found = _lowered(graph)
    if found:
        raise SpecError(found)
    return device


def lower_supported(graph: Graph) -> DeviceGraph:
    """Return the ops of the layers that int8 kernels can run; what the others give are inputs, as if it were given."""
    return _lowered(graph)[0]


def _lowered(graph: Graph) -> tuple[DeviceGraph, list[Diagnostic]]:
    device, found = _lowered_without(graph, {})
    layers = {layer.name: layer for layer in graph.layers}
    refused = {
        node.layer: DeviceUnsupported(
            "{layer} has a mean for each index of an axis: an input's quantization computes that, and netspec has no "
            "int8 kernel for it yet",
            field="mean",
            help="let {layer} be the first and only reader of an input, or give one number as mean and one as variance",
        )
        for node in left_over(device)
    }
    if refused:
        device, _ = _lowered_without(graph, refused)
        faults = [diagnose(error, name, layers[name].item) for name, error in refused.items()]
        found += {fault.span: fault for fault in reversed(faults)}.values()  # of each use of a block alike: once
    return device, found


def _lowered_without(graph: Graph, refused: Mapping[str, DeviceUnsupported]) -> tuple[DeviceGraph, list[Diagnostic]]:
    """Return the ops of all layers but those that are refused, and what is unsupported among the others."""
    found = [*_integer_inputs(graph)]
    taken = {*graph.spec.inputs, *(layer.name for layer in graph.layers)}
    tensor_of = {name: name for name in graph.spec.inputs}
    inputs = [DeviceInput(name, shape) for name, shape in graph.inputs.items()]
    nodes: list[Node] = []
    told: set[tuple[str, Span]] = set()
    for layer in graph.layers:
        try:
            ops = () if layer.name in refused else layer.layer.lower(layer.input_shapes, layer.name)
        except DeviceUnsupported as error:
            fault = diagnose(error, layer.name, layer.item)
            said = (error.message, fault.span)  # of each use of a block alike: told once
            if said not in told:
                told.add(said)
                found.append(fault)
            ops = None
        if ops is None or layer.name in refused:
            inputs.append(DeviceInput(layer.name, layer.output_shape))
            tensor_of[layer.name] = layer.name
            continue
        reads = tuple(tensor_of[source] for source in layer.inputs)
        chain = _chain(layer, ops, reads, taken)
        nodes += chain
        tensor_of[layer.name] = layer.name if chain else reads[0]
    shapes = graph.shapes
    outputs = tuple(DeviceOutput(name, shapes[name], tensor_of[name]) for name in graph.outputs)
    return DeviceGraph(graph.name, tuple(inputs), tuple(nodes), outputs, graph.spec.kernels), found


def _integer_inputs(graph: Graph) -> Iterator[Diagnostic]:
    for name, given in graph.spec.inputs.items():
        if given.dtype != "float32":
            yield Diagnostic(
                "unsupported-on-device",
                f"input '{name}' is {given.dtype}, the int8 kernels take float32 inputs",
                graph.spec.span("inputs", name, "dtype"),
                help="use `dtype: float32`",
                path=f"inputs.{name}.dtype",
            )


def _chain(layer: GraphLayer, ops: tuple[Op, ...], reads: tuple[str, ...], taken: set[str]) -> list[Node]:
    """Name a layer's ops: the first node and the last tensor carry the layer's name, the rest the op's beside it."""
    nodes: list[Node] = []
    for index, op in enumerate(ops):
        kind = op.stem
        name = layer.name if index == 0 else free_name(f"{layer.name}_{kind}", taken)
        output = layer.name if index == len(ops) - 1 else free_name(f"{layer.name}_{kind}", taken)
        nodes.append(Node(name, op, reads, op.outputs(output), layer.name, (layer.name,), layer.line))
        reads = (output,)
    return nodes
