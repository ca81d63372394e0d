"""What the templates see of a model: finished identifiers, numbers and texts, in the order they are emitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from netspec.device.graph import Node
from netspec.device.ops import kernel_of
from netspec.device.ops.base import Quantized
from netspec.emit.arena import Block, blocks, together
from netspec.emit.literals import shape_text
from netspec.emit.names import Names
from netspec.emit.weights import Array, array
from netspec.ops import Shape, output_shape
from netspec.quantize.model import QuantizedModel

_FIXED_SYMBOLS = ("run", "status_name", "nearest", "test", "test_status", "host_trace")
_FIXED_MACROS = (
    "H",
    "WEIGHTS_H",
    "TEST_VECTORS_H",
    "OK",
    "BAD_ARENA",
    "ARENA",
    "ARENA_BYTES",
    "ARENA_ALIGNMENT",
    "SPEC_SHA256",
    "DEBUG",
    "ASSERT",
    "STATIC_ASSERT",
    "INSIDE",
    "APART",
    "TRACE",
    "WEIGHTS_SECTION",
    "WEIGHTS_ALIGNED",
    "TEST_COUNT",
)
_PORT_MACROS = ("_SIZE", "_RANK", "_SHAPE", "_SCALE", "_ZERO_POINT")


@dataclass(frozen=True, slots=True)
class Place:
    """A block of the arena: the stem of its enumerators, and what the table says of it."""

    stem: str
    offset: int
    size: int
    title: str
    live: str

    @property
    def at(self) -> str:
        return f"{self.stem}_AT"

    @property
    def bytes(self) -> str:
        return f"{self.stem}_BYTES"


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the network. `convert` quantizes an input or dequantizes an output."""

    name: str
    macro: str
    accessor: str
    convert: str
    vectors: str
    place: Place
    shape: Shape
    size: int
    scale: float
    zero_point: int

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def braced(self) -> str:
        """Return the shape as an initializer."""
        return f"{{{', '.join(map(str, self.shape))}}}"


@dataclass(frozen=True, slots=True)
class Input(Port):
    """An input: the integer is round(value * factor + term). `rescale` is what the spec folded into that, as text."""

    factor: float
    term: float
    rescale: str | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One call, or one group of calls, and the status that says it failed."""

    index: int
    name: str
    title: str
    line: int
    summary: str
    kernel: str
    failed: str
    tensor: str
    inputs: tuple[Place, ...]
    output: Place
    scratch: Place | None
    constants: Mapping[str, str]
    arrays: tuple[Array, ...]
    flash_bytes: int
    call: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """A model with every name given and every number finished."""

    name: str
    upper: str
    core: str
    arena_bytes: int
    flash_bytes: int
    inputs: tuple[Input, ...]
    outputs: tuple[Port, ...]
    places: tuple[Place, ...]
    apart: tuple[tuple[Place, Place], ...]
    """Places that are needed at the same time."""
    layers: tuple[Layer, ...]

    @property
    def reads_kernel_sums(self) -> bool:
        return any("kernel_sum" in layer.constants for layer in self.layers)


def make_view(model: QuantizedModel) -> View:
    """Return what the templates need. The names of the API are taken first, then inputs, outputs, layers, tensors."""
    graph, plan = model.plan.graph, model.plan
    names = Names(graph.name)
    for stem in _FIXED_SYMBOLS:
        names.symbol(stem)
    for stem in _FIXED_MACROS:
        names.macro(stem)
    found = blocks(plan)
    places = _places(names, found, graph.nodes)
    tensors = {block.tensor: places[block] for block in found if block.tensor is not None}
    scratches = {block.node: places[block] for block in found if block.node is not None}
    return View(
        name=graph.name,
        upper=graph.name.upper(),
        core=plan.core,
        arena_bytes=plan.arena_bytes,
        flash_bytes=plan.flash_bytes,
        inputs=tuple(
            Input(
                **_port(names, model, "input", "quantize", given.name, given.shape, given.name, tensors[given.name]),
                factor=model.input_transform(given.name)[0],
                term=model.input_transform(given.name)[1],
                rescale=f"{given.rescale.scale!r} * value + {given.rescale.offset!r}" if given.rescale else None,
            )
            for given in graph.inputs
        ),
        outputs=tuple(
            Port(
                **_port(names, model, "output", "dequantize", each.name, each.shape, each.tensor, tensors[each.tensor])
            )
            for each in graph.outputs
        ),
        places=tuple(places.values()),
        apart=tuple((places[one], places[two]) for one, two in together(found)),
        layers=tuple(
            _layer(names, model, index, node, q, tensors, scratches.get(node.name))
            for index, (node, q) in enumerate(model.nodes)
        ),
    )


def _places(names: Names, found: tuple[Block, ...], nodes: tuple[Node, ...]) -> dict[Block, Place]:
    def step(number: int) -> str:
        return "input" if number < 0 else "end" if number == len(nodes) else nodes[number].name

    places: dict[Block, Place] = {}
    for block in found:
        stem = block.tensor if block.tensor is not None else f"{block.node}_scratch"
        title = block.tensor if block.tensor is not None else f"scratch of {block.node}"
        live = step(block.first) if block.first == block.last else f"{step(block.first)} .. {step(block.last)}"
        places[block] = Place(names.macros(stem, ("_AT", "_BYTES")), block.offset, block.size, title, live)
    return places


def _port(
    names: Names,
    model: QuantizedModel,
    kind: str,
    convert: str,
    name: str,
    shape: Shape,
    tensor: str,
    place: Place,
) -> dict[str, Any]:
    quant = model.tensors[tensor]
    return {
        "name": name,
        "macro": names.macros(f"{kind}_{name}", _PORT_MACROS),
        "accessor": names.symbol(f"{kind}_{name}"),
        "convert": names.symbol(f"{convert}_{kind}_{name}"),
        "vectors": names.symbol(f"test_{kind}_{name}"),
        "place": place,
        "shape": shape,
        "size": prod(shape),
        "scale": quant.scale,
        "zero_point": quant.zero_point,
    }


def _layer(
    names: Names,
    model: QuantizedModel,
    index: int,
    node: Node,
    q: Quantized,
    tensors: Mapping[str, Place],
    scratch: Place | None,
) -> Layer:
    kernel, plan = kernel_of(node.op), model.plan
    shapes = plan.graph.tensors
    constants = {each.role: each for each in plan.constants(node)}
    identifiers = {role: names.symbol(f"{node.name}_{role}") for role in constants}
    whole = " + ".join(node.layers)
    call = kernel.call(node.op, q, plan.extension)
    kind = f"{kernel.name} {call['kind']}" if "kind" in call else kernel.name
    reads = ", ".join(shape_text(shapes[name]) for name in node.inputs)
    return Layer(
        index=index,
        name=node.name,
        title=whole if node.name == node.layers[0] else f"{node.name}, part of {whole}",
        line=node.line,
        summary=f"{kind} {reads} -> {shape_text(output_shape(node.op))}",
        kernel=kernel.name,
        failed=names.macro(f"failed_{node.name}"),
        tensor=node.output,
        inputs=tuple(tensors[name] for name in node.inputs),
        output=tensors[node.output],
        scratch=scratch,
        constants=identifiers,
        arrays=tuple(array(identifiers[role], node, constant, q) for role, constant in constants.items()),
        flash_bytes=sum(constant.bytes for constant in constants.values()),
        call=call,
    )
