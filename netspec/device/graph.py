"""DeviceGraph: the int8 ops of a network, their tensors, and which tensors are other names of the same bytes.

Derived from the Graph alone, before any training: training only fills numbers in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.input_rescaling import InputRescale, left_over
from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.graph import Graph, GraphLayer, diagnose
from netspec.layers.base import DeviceUnsupported
from netspec.ops import Op, Shape, output_shape

if TYPE_CHECKING:
    from netspec.device.ops.base import Kernel


@dataclass(frozen=True, slots=True)
class Node:
    """One op: `name` prefixes its constants, `output` is the tensor it writes.

    `layer` is the spec's layer that the op came from, at `line`; `layers` are all that are folded into it.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    output: str
    layer: str
    layers: tuple[str, ...]
    line: int
    kernel: Kernel[Any] | None = None
    """What runs the op; the last pass chooses it."""


@dataclass(frozen=True, slots=True)
class DeviceInput:
    """A network input. With `rescale` the caller's float x becomes x * scale + offset before it is quantized.

    `rescale` may have numbers of their own for each value: see `RescaleEach`.
    """

    name: str
    shape: Shape
    rescale: InputRescale | None = None


@dataclass(frozen=True, slots=True)
class DeviceOutput:
    """A network output: the spec's name and shape, and the tensor that holds it."""

    name: str
    shape: Shape
    tensor: str


@dataclass(frozen=True, slots=True)
class DeviceGraph:
    """Ops in the order they run. Tensors are the inputs and the nodes' outputs, batch axis left out."""

    name: str
    inputs: tuple[DeviceInput, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[DeviceOutput, ...]
    kernels: str = "best"
    """The name of the set that the nodes' kernels come from."""

    @property
    def tensors(self) -> dict[str, Shape]:
        """Return every tensor's shape, inputs first, then in the order they are written."""
        shapes = {given.name: given.shape for given in self.inputs}
        return shapes | {node.output: output_shape(node.op) for node in self.nodes}

    def readers(self) -> Counter[str]:
        """Return how many times each tensor is read, being an output of the network included."""
        counts = Counter(name for node in self.nodes for name in node.inputs)
        counts.update(output.tensor for output in self.outputs)
        return counts

    def producers(self) -> dict[str, Node]:
        return {node.output: node for node in self.nodes}

    def lifetimes(self) -> dict[str, tuple[int, int]]:
        """Return the first and last step at which each tensor is needed, in the order of `tensors`.

        Inputs are there at step -1, before the first node; outputs until the step after the last one.
        """
        first = {given.name: -1 for given in self.inputs}
        first |= {node.output: step for step, node in enumerate(self.nodes)}
        last = dict(first)
        for step, node in enumerate(self.nodes):
            last |= dict.fromkeys(node.inputs, step)
        last |= {output.tensor: len(self.nodes) for output in self.outputs}
        return {name: (first[name], last[name]) for name in first}

    def names(self) -> set[str]:
        """Return the names of all nodes and tensors."""
        return {node.name for node in self.nodes} | self.tensors.keys()

    def with_nodes(self, nodes: Iterable[Node]) -> DeviceGraph:
        return replace(self, nodes=tuple(nodes))


def tensor_bytes(shape: Shape) -> int:
    """Return the size of an int8 tensor."""
    return prod(shape)


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
        nodes.append(Node(name, op, reads, output, layer.name, (layer.name,), layer.line))
        reads = (output,)
    return nodes


def free_name(name: str, taken: set[str]) -> str:
    """Return `name`, or `name` with a number, such that it is not taken; it is from now on."""
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    taken.add(candidate)
    return candidate
