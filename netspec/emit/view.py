"""What the templates see of a model: finished identifiers, numbers and texts, in the order they are emitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from netspec.device.blocks import Block, blocks, together
from netspec.device.graph import DeviceInput, DeviceOutput, Node
from netspec.device.input_rescaling import InputRescale
from netspec.device.kernels import kernel_of
from netspec.device.memory.sharing import Share
from netspec.device.names import Names
from netspec.device.plan import DevicePlan
from netspec.device.symbols import PORT_MACROS, QUANTIZERS, reserve_fixed, reserve_regions, reserve_states
from netspec.emit.literals import shape_text
from netspec.emit.parts import Arena, Classes, Input, Layer, Output, Outside, Place, Port, View
from netspec.emit.weights import array
from netspec.ops import Rescale, Shape
from netspec.ops.numbers import Quantized
from netspec.quantize.model import QuantizedModel
from netspec.quantize.raw_inputs import rescaled_note

__all__ = ["Layer", "View", "make_view"]


def make_view(model: QuantizedModel, classes: Mapping[str, Sequence[str]] | None = None) -> View:
    """Return what the templates need. The names of the API are taken first, then inputs, outputs, layers, tensors.

    `classes` are the names of an output's classes, in the order of their numbers.
    """
    graph, plan = model.plan.graph, model.plan
    names = Names(graph.name)
    reserve_fixed(names)
    arenas = _arenas(names, plan)
    if graph.states:
        arenas.append(Arena(reserve_states(names), "STATE", "kept", None, plan.memory.state_bytes, keeps=True))
    reserve_regions(names, plan)
    found = blocks(plan)
    places = _places(names, found, graph.nodes, arenas)
    tensors: dict[str, Place | Outside] = {block.tensor: places[block] for block in found if block.tensor is not None}
    scratches = {block.node: places[block] for block in found if block.node is not None}
    inputs = tuple(_input(names, model, given, tensors.get(given.name)) for given in graph.inputs)
    outputs = tuple(
        _output(names, model, each, tensors.get(each.tensor), (classes or {}).get(each.name, ()))
        for each in graph.outputs
    )
    copies = _take_outside(plan, inputs, outputs, tensors)
    shares = plan.memory.shares_by_node()
    given: dict[str, dict[str, str]] = {}
    return View(
        name=graph.name,
        upper=graph.name.upper(),
        core=plan.core,
        arena_bytes=plan.arena_bytes,
        flash_bytes=plan.constant_bytes,
        arenas=tuple(arena for arena in arenas if arena.bytes or not plan.regions),
        weight_regions=_weight_regions(plan),
        external=plan.io == "external",
        inputs=inputs,
        outputs=outputs,
        places=tuple(places.values()),
        apart=tuple((places[one], places[two]) for one, two in together(found, plan.memory.shares)),
        within=_within(plan, tensors),
        copies=copies,
        layers=tuple(
            _layer(names, model, index, node, q, tensors, scratches.get(node.name), shares.get(node.name, ()), given)
            for index, (node, q) in enumerate(model.nodes)
        ),
        resets=tuple(
            (places[block], model.tensors[state.name].zero_point & 255)
            for state in graph.states
            for block in found
            if block.tensor == state.name
        ),
    )


def _take_outside(
    plan: DevicePlan, inputs: Sequence[Input], outputs: Sequence[Output], tensors: dict[str, Place | Outside]
) -> tuple[tuple[Port, Place | Outside], ...]:
    """Add the tensors in the caller's memory to `tensors`, each at the first port that it belongs to.

    Return the other ports, each with the tensor that is copied to it.
    """
    ports: list[tuple[Port, str]] = [
        *zip(inputs, (given.name for given in plan.graph.inputs), strict=True),
        *zip(outputs, (each.tensor for each in plan.graph.outputs), strict=True),
    ]
    copies: list[tuple[Port, Place | Outside]] = []
    for port, tensor in ports:
        if tensor in plan.memory.outside:
            home = tensors.setdefault(tensor, Outside(port.parameter, f"{port.macro}_SIZE"))
            if home.pointer != port.parameter:
                copies.append((port, home))
    return tuple(copies)


def _weight_regions(plan: DevicePlan) -> tuple[tuple[str, int], ...]:
    sizes = ((region.name, plan.region_weight_bytes(region)) for region in plan.regions)
    return tuple((name, size) for name, size in sizes if size)


def _within(plan: DevicePlan, tensors: Mapping[str, Place | Outside]) -> tuple[tuple[Place, Place, int], ...]:
    ends = ((tensors[share.input], tensors[share.output], share.offset) for share in plan.memory.shares)
    return tuple((one, two, offset) for one, two, offset in ends if isinstance(one, Place) and isinstance(two, Place))


def _arenas(names: Names, plan: DevicePlan) -> list[Arena]:
    suffixes = ("", "_bytes")
    if not plan.regions:
        return [Arena(names.parameter("arena", suffixes), "ARENA", "memory", None, plan.arena_bytes)]
    return [
        Arena(
            names.parameter(f"arena_{each.name}", suffixes),
            f"ARENA_{each.name.upper()}",
            f"memory_{each.name}",
            each.name,
            bytes_,
        )
        for each, bytes_ in zip(plan.arena_regions, plan.memory.arenas, strict=True)
    ]


def _places(names: Names, found: tuple[Block, ...], nodes: tuple[Node, ...], arenas: list[Arena]) -> dict[Block, Place]:
    def step(number: int) -> str:
        return "input" if number < 0 else "end" if number == len(nodes) else nodes[number].name

    places: dict[Block, Place] = {}
    for block in found:
        stem = block.tensor if block.tensor is not None else f"{block.node}_scratch"
        title = block.tensor if block.tensor is not None else f"scratch of {block.node}"
        live = step(block.first) if block.first == block.last else f"{step(block.first)} .. {step(block.last)}"
        name, arena = names.macros(stem, ("_AT", "_BYTES")), arenas[block.arena]
        places[block] = Place(name, arena, block.offset, block.size, title, live)
    return places


def _input(names: Names, model: QuantizedModel, given: DeviceInput, place: Place | Outside | None) -> Input:
    factors, terms = model.input_transform(given.name)
    return Input(
        **_port(names, model, "input", "quantize", given.name, given.shape, given.name, place),
        factors=tuple(map(float, factors)),
        terms=tuple(map(float, terms)),
        rescale=rescale_text(given.rescale) if given.rescale else None,
        raw=model.tensors[given.name].raw,
        raw_in_file=rescaled_note(given, model.tensors[given.name]) is None,
        divides=model.divides(given.name),
    )


def _output(
    names: Names, model: QuantizedModel, each: DeviceOutput, place: Place | Outside | None, classes: Sequence[str]
) -> Output:
    port = _port(names, model, "output", "dequantize", each.name, each.shape, each.tensor, place)
    if not classes:
        return Output(**port, classes=None)
    binary = each.shape[-1] == 1
    missing = max(each.shape[-1], 2 if binary else 1) - len(classes)
    vectors = names.symbol(f"test_class_{each.name}") if len(each.shape) == 1 else None
    macro = port["macro"] if len(model.plan.graph.outputs) > 1 else f"{model.name.upper()}_OUTPUT"
    return Output(**port, classes=Classes((*classes, *[""] * missing), macro, vectors, binary))


def rescale_text(rescale: InputRescale) -> str:
    """Return a rescaling of an input as the reader of a spec knows it."""
    if isinstance(rescale, Rescale):
        return f"{rescale.scale!r} * value + {rescale.offset!r}"
    return f"{len(rescale.scales):,} factors and terms, one after the other along the last axes"


def _port(
    names: Names,
    model: QuantizedModel,
    kind: str,
    convert: str,
    name: str,
    shape: Shape,
    tensor: str,
    place: Place | Outside | None,
) -> dict[str, Any]:
    quant = model.tensors[tensor]
    stem = f"{kind}_{name}"
    parameter = names.parameter(stem) if model.plan.io == "external" else stem
    macro, accessor = names.macros(stem, PORT_MACROS), names.symbol(stem)
    return {
        "name": name,
        "macro": macro,
        "accessor": accessor,
        "parameter": parameter,
        "held": f"{accessor}({place.arena.parameter})" if isinstance(place, Place) else parameter,
        "convert": names.symbol(f"{convert}_{kind}_{name}", QUANTIZERS if kind == "input" else ("",)),
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
    tensors: Mapping[str, Place | Outside],
    scratch: Place | None,
    shares: tuple[Share, ...],
    given: dict[str, dict[str, str]],
) -> Layer:
    """Return a layer; `given` are the names of the constants so far, by node and role."""
    kernel, plan = kernel_of(node), model.plan
    read = plan.graph.tensors
    constants = {each.role: each for each in plan.constants(node)}
    kept = [constant.role for constant in plan.kept_constants(node)]
    identifiers = {role: names.symbol(f"{node.name}_{role}") for role in kept}
    lent = plan.equal_tables.get(node.name, node.like)
    for role in constants.keys() - identifiers.keys():
        assert lent is not None
        same = (q.arrays[role] == model.numbers[lent].arrays[role]).all()
        assert same, f"{node.name} and {lent} differ in {role}"
        identifiers[role] = given[lent][role]
    given[node.name] = identifiers
    whole = " + ".join(node.layers)
    call = kernel.call(node.op, q, plan.extension, {share.position for share in shares})
    title = kernel.title(node.op)
    kind = f"{title} {call['kind']}" if "kind" in call else title
    reads = ", ".join(shape_text(read[name].shape) for name in node.inputs)
    writes = ", ".join(shape_text(each.shape) for each in node.outputs)
    return Layer(
        index=index,
        name=node.name,
        title=whole if node.name == node.layers[0] else f"{node.name}, part of {whole}",
        line=node.line,
        summary=f"{kind} {reads} -> {writes}",
        kernel=title,
        template=kernel.template,
        failed=names.macro(f"failed_{node.name}"),
        inputs=tuple(tensors[name] for name in node.inputs),
        written=tuple((each.name, tensors[each.name]) for each in node.outputs),
        scratch=scratch,
        shares=tuple(
            f"in place: {share.output} is written over {share.input}"
            if share.replaces
            else f"no copy: {share.input} was written where it lies in {share.output}"
            for share in shares
        ),
        constants=identifiers,
        arrays=tuple(
            array(identifiers[role], node, constants[role], q, plan.weight_regions.get(node.name)) for role in kept
        ),
        flash_bytes=plan.node_flash_bytes(node),
        call=call,
        takes_context=kernel.takes_context(node.op, plan.extension),
    )
