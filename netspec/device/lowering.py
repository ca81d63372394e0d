"""Graph -> DeviceGraph: each layer lowers itself to ops, which get their names here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netspec.device.graph import DeviceGraph, DeviceInput, DeviceOutput, Node, free_name
from netspec.device.input_rescaling import left_over
from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.graph import Graph, GraphLayer, diagnose
from netspec.layers.base import DeviceUnsupported
from netspec.ops import Tensor
from netspec.ops.builder import Builder, Step, Value


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
    naming = _Naming(taken)
    told: set[tuple[str, Span]] = set()
    for layer in graph.layers:
        try:
            to = Builder.of(layer.name, layer.input_shapes)
            result = None if layer.name in refused else layer.layer.lower(to, to.inputs)
        except DeviceUnsupported as error:
            fault = diagnose(error, layer.name, layer.item)
            said = (error.message, fault.span)  # of each use of a block alike: told once
            if said not in told:
                told.add(said)
                found.append(fault)
            result = None
        if result is None:
            inputs.append(DeviceInput(layer.name, layer.output_shape))
            tensor_of[layer.name] = layer.name
            continue
        reads = [tensor_of[source] for source in layer.inputs]
        tensor_of[layer.name] = naming.add(layer, to, result, reads)
    shapes = graph.shapes
    outputs = tuple(DeviceOutput(name, shapes[name], tensor_of[name]) for name in graph.outputs)
    nodes, states = tuple(naming.nodes), tuple(naming.states)
    return DeviceGraph(graph.name, tuple(inputs), nodes, outputs, graph.spec.kernels, states), found


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


@dataclass(slots=True)
class _Naming:
    """Names what builders recorded. The first node and the result of a layer carry its name, the rest its op's too."""

    taken: set[str]
    nodes: list[Node] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)

    def add(self, layer: GraphLayer, to: Builder, result: Value, reads: Sequence[str]) -> str:
        """Add a layer's nodes; return the tensor that holds its result."""
        names = {value.number: name for value, name in zip(to.inputs, reads, strict=True)}
        states: dict[int, Tensor] = {}
        writers: dict[int, str] = {}
        for state in to.states:
            name = names[state.value.number] = free_name(f"{layer.name}_{state.role}", self.taken)
            states[state.value.number] = Tensor(name, state.value.shape, state.dtype, "state")
        self.states += states.values()
        for index, step in enumerate(to.steps):
            name = layer.name if index == 0 else self._beside(layer, step)
            for value in step.writes:
                if value.number not in states:
                    own = value.number == result.number
                    names[value.number] = layer.name if own else self._beside(layer, step)
                writers[value.number] = name
            outputs = step.op.outputs(*[names[value.number] for value in step.writes])
            if states:
                writes = zip(step.writes, outputs, strict=True)
                outputs = tuple(states.get(value.number, tensor) for value, tensor in writes)
            inputs = tuple([names[value.number] for value in step.reads])
            like = writers[step.like.number] if step.like else None
            node = Node(name, step.op, inputs, outputs, layer.name, (layer.name,), layer.line, None, step.scale, like)
            self.nodes.append(node)
        return names[result.number]

    def _beside(self, layer: GraphLayer, step: Step) -> str:
        """Return a free name for what stands beside the layer's own."""
        return free_name(f"{layer.name}_{step.name or step.op.stem}", self.taken)
