"""Spec -> Graph: names, wiring, shapes, weights and totals. Everything here is known before any training."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from netspec.diagnostics import Diagnostic, Note, SpecError, suggestion
from netspec.language import Item
from netspec.layers.base import Layer, LayerError, Weight, describe
from netspec.ops import Shape
from netspec.source import Sequence
from netspec.spec import LayerSpec, Spec
from netspec.validate import MAX_FAULTS, span_of


@dataclass(frozen=True, slots=True)
class GraphLayer:
    """A wired layer: what it reads, the shapes it sees and gives, its arrays and its cost."""

    name: str
    layer: Layer
    item: Item
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    weights: tuple[Weight, ...]
    macs: int

    @property
    def type(self) -> str:
        return self.layer.type

    @property
    def line(self) -> int:
        return self.item.type_span.line

    @property
    def parameters(self) -> int:
        return sum(prod(weight.shape) for weight in self.weights)

    @property
    def trainable_parameters(self) -> int:
        return sum(prod(weight.shape) for weight in self.weights if weight.trainable)


@dataclass(frozen=True, slots=True)
class Graph:
    """A network whose every shape is known. `layers` stand in an order in which each reads only earlier ones."""

    spec: Spec
    layers: tuple[GraphLayer, ...]
    outputs: tuple[str, ...]
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def inputs(self) -> dict[str, Shape]:
        return {name: tuple(given.shape) for name, given in self.spec.inputs.items()}

    @property
    def shapes(self) -> dict[str, Shape]:
        """Return the shape of every input and layer by name."""
        return self.inputs | {layer.name: layer.output_shape for layer in self.layers}

    def shape(self, name: str) -> Shape:
        """Return the shape of an input or layer by name."""
        return self.shapes[name]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable_parameters(self) -> int:
        return sum(layer.trainable_parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)


@dataclass(frozen=True, slots=True)
class _Wiring:
    """What the layers of a spec are called and read; `sources` holds None where a fault has been told.

    `index_of` gives a name's layer, the first one where a name is given twice.
    """

    spec: Spec
    names: list[str]
    index_of: dict[str, int]
    sources: list[tuple[str, ...] | None]

    def entry(self, name: str) -> LayerSpec:
        return self.spec.layers[self.index_of[name]]

    def place_note(self, message: str, name: str) -> Note:
        """Return a note at the layer or input of that name."""
        if name in self.index_of:
            return Note(message, self.entry(name).item.type_span)
        return Note(message, self.spec.key_span("inputs", name))


def build_graph(spec: Spec) -> Graph:
    """Return the wired graph of a spec. Raises `SpecError` with every fault that does not follow from another."""
    found: list[Diagnostic] = []
    names = _names(spec, found)
    index_of = {name: index for index, name in reversed(list(enumerate(names)))}
    wiring = _Wiring(spec, names, index_of, _sources(spec, names, found))
    order = _order(wiring, found)
    layers = _wire(wiring, order, found)
    outputs = _outputs(spec, names, found)
    if found:
        raise SpecError(found)
    used = _reached(outputs, {name: layer.inputs for name, layer in layers.items()})
    warnings = _unread(spec, names, used)
    kept = tuple(layers[name] for name in order if name in used)
    return Graph(spec, kept, outputs, warnings)


def _names(spec: Spec, found: list[Diagnostic]) -> list[str]:
    """Return a unique name for each layer; unnamed ones count through their type as Keras does."""
    given = {entry.layer.name for entry in spec.layers if entry.layer.name}
    first: dict[str, LayerSpec] = {}
    counts: dict[str, int] = {}
    names: list[str] = []
    for entry in spec.layers:
        name = entry.layer.name
        if name is None:
            while True:
                count = counts.get(entry.layer.type, 0)
                counts[entry.layer.type] = count + 1
                name = f"{entry.layer.type}_{count}" if count else entry.layer.type
                if name not in given and name not in spec.inputs:
                    break
        elif name in first or name in spec.inputs:
            place = first[name].item.span_of("name") if name in first else spec.key_span("inputs", name)
            found.append(
                Diagnostic(
                    "duplicate-name",
                    f"the name '{name}' is taken",
                    entry.item.span_of("name"),
                    help="names of layers and inputs are unique; choose another",
                    notes=(Note(f"'{name}' is first given here", place),),
                    path=f"{entry.item.place}.name",
                )
            )
        first.setdefault(name, entry)
        names.append(name)
    return names


def _sources(spec: Spec, names: list[str], found: list[Diagnostic]) -> list[tuple[str, ...] | None]:
    """Return what each layer reads; None where that is unknown, which has been told."""
    known = dict.fromkeys([*spec.inputs, *names])
    sources: list[tuple[str, ...] | None] = []
    for index, entry in enumerate(spec.layers):
        written = entry.layer.from_
        if written is not None:
            wanted = tuple(written) if isinstance(written, list) else (written,)
            fault = _from_fault(spec, names, index, wanted, known)
        else:
            wanted = (names[index - 1],) if index else tuple(spec.inputs)
            fault = _default_fault(spec, names, index, wanted)
        sources.append(None if fault else wanted)
        if fault is not None:
            found.append(fault)
            if len(found) >= MAX_FAULTS:
                raise SpecError(found)
    return sources


def _pair(spec: Spec, names: list[str], index: int) -> str:
    """Return a `from` that would join the item before a layer with the one before that."""
    before = [*spec.inputs, *names[:index]][-2:]
    return f"from: [{', '.join(before if len(before) == 2 else [*before, 'other'])}]"


def _default_fault(spec: Spec, names: list[str], index: int, wanted: tuple[str, ...]) -> Diagnostic | None:
    """Return what is wrong with a layer that has no `from`."""
    entry = spec.layers[index]
    if entry.layer.merges:
        message = f"{names[index]} needs `from` with the layers that it joins"
        hint = f"write `{_pair(spec, names, index)}`"
    elif len(wanted) > 1:
        message = f"{names[index]}, the first layer, needs `from`: the spec has {len(wanted)} inputs"
        hint = "write " + " or ".join(f"`from: {name}`" for name in wanted)
    else:
        return None
    return Diagnostic("bad-from", message, entry.item.type_span, help=hint, path=entry.item.place)


def _from_fault(
    spec: Spec, names: list[str], index: int, wanted: tuple[str, ...], known: dict[str, None]
) -> Diagnostic | None:
    """Return what is wrong with a `from`."""
    entry, own = spec.layers[index], names[index]
    span, path = entry.item.span_of("from"), f"{entry.item.place}.from"
    node = entry.item.keys.get("from")
    before = names[index - 1] if index else next(iter(spec.inputs))
    for position, name in enumerate(wanted):
        item_span = node.items[position].span if isinstance(node, Sequence) else span
        if name == own:
            return Diagnostic("cycle", f"'{own}' reads itself", item_span, help=f"write `from: {before}`", path=path)
        if name not in known:
            nearby = known if len(known) <= 40 else [*spec.inputs, *names[max(0, index - 20) : index + 20]]
            others = [each for each in nearby if each != own]
            hint = suggestion(name, others, "the names here are")
            return Diagnostic("bad-from", f"'{name}' is no layer or input", item_span, help=hint, path=path)
    if entry.layer.merges and len(wanted) < 2:
        message = f"{own} joins two layers or more, `from` names {len(wanted)}"
        other = [name for name in (before, *spec.inputs, *names[:index]) if name not in (*wanted, own)][:1]
        pair = ", ".join([*wanted, *(other or ["other"])]) if wanted else None
        hint = f"write `from: [{pair}]`" if pair else f"write `{_pair(spec, names, index)}`"
        return Diagnostic("bad-from", message, span, help=hint, path=path)
    if not entry.layer.merges and len(wanted) != 1:
        message = f"{own} reads one layer, `from` names {len(wanted)}"
        joined = f"- concatenate: {{from: [{', '.join(wanted)}]}}"
        hint = f"join them first, for example with `{joined}`" if wanted else f"write `from: {before}`"
        return Diagnostic("bad-from", message, span, help=hint, path=path)
    return None


def _order(wiring: _Wiring, found: list[Diagnostic]) -> list[str]:
    """Return names so that each layer follows what it reads, in file order where that allows it.

    A depth-first walk against the direction of the data, without recursion. A circle is told once, and walked on as
    though its last link were not there.
    """
    order: list[str] = []
    done: set[str] = set()
    depth: dict[str, int] = {}  # of the layers on the way from the root to here
    for root in wiring.index_of:
        way = [(root, 0)] if root not in done else []
        depth = {root: 0}
        while way:
            name, step = way[-1]
            reads = wiring.sources[wiring.index_of[name]] or ()
            if step == len(reads):
                way.pop()
                del depth[name]
                done.add(name)
                order.append(name)
                continue
            way[-1] = (name, step + 1)
            source = reads[step]
            if source in depth:
                found.append(_cycle(wiring, [each for each, _ in way[depth[source] :]]))
            elif source in wiring.index_of and source not in done:
                depth[source] = len(way)
                way.append((source, 0))
    return order


def _cycle(wiring: _Wiring, loop: list[str]) -> Diagnostic:
    first = min(loop, key=wiring.index_of.__getitem__)
    start = loop.index(first)
    ring = [*loop[start:], *loop[:start], first]
    shown = ring if len(ring) <= 8 else [*ring[:4], "...", *ring[-3:]]
    item = wiring.entry(first).item
    return Diagnostic(
        "cycle",
        f"the layers read each other in a circle: {' <- '.join(shown)}",
        item.span_of("from"),
        help=f"let {first} read an input or a layer outside the circle",
        notes=tuple(wiring.place_note(f"'{name}' stands here", name) for name in shown[1:-1] if name != "..."),
        path=f"{item.place}.from",
    )


def _wire(wiring: _Wiring, order: list[str], found: list[Diagnostic]) -> dict[str, GraphLayer]:
    """Return the layers whose inputs are known; a layer after a faulty one is passed over in silence."""
    shapes: dict[str, Shape] = {name: tuple(given.shape) for name, given in wiring.spec.inputs.items()}
    layers: dict[str, GraphLayer] = {}
    for name in order:
        index = wiring.index_of[name]
        entry, reads = wiring.spec.layers[index], wiring.sources[index]
        if reads is None or any(source not in shapes for source in reads):
            continue
        input_shapes = tuple(shapes[source] for source in reads)
        layer = entry.layer
        try:
            output = layer.output_shape(input_shapes)
            weights = tuple(_frozen(weight, layer) for weight in layer.weights(input_shapes))
            macs = layer.macs(input_shapes)
        except LayerError as error:
            found.append(diagnose(error, name, entry.item, _origin_notes(wiring, error, reads, input_shapes)))
            if len(found) >= MAX_FAULTS:
                raise SpecError(found) from None
            continue
        shapes[name] = output
        layers[name] = GraphLayer(name, layer, entry.item, reads, input_shapes, output, weights, macs)
    return layers


def _frozen(weight: Weight, layer: Layer) -> Weight:
    return weight if getattr(layer, "trainable", True) else Weight(weight.name, weight.shape, False)


def diagnose(error: LayerError, name: str, item: Item, notes: tuple[Note, ...] = ()) -> Diagnostic:
    """Return a layer's complaint at the key that it names, or at the layer's type."""
    written = item.keys.entry(error.field) if error.field else None
    return Diagnostic(
        error.rule,
        error.message.replace("{layer}", name),
        span_of(written) if written else item.type_span,
        help=error.help.replace("{layer}", name) if error.help else None,
        notes=notes,
        path=f"{item.place}.{error.field}" if written else item.place,
    )


def _origin_notes(
    wiring: _Wiring, error: LayerError, reads: tuple[str, ...], shapes: tuple[Shape, ...]
) -> tuple[Note, ...]:
    """Return where the shapes that a message speaks of come from."""
    if len(reads) > 1:
        return tuple(
            wiring.place_note(f"{describe(shape)} comes from {source}", source)
            for source, shape in dict(zip(reads, shapes, strict=True)).items()
            if describe(shape) in error.message
        )
    if "input" in error.message:
        return (wiring.place_note(f"the input comes from {reads[0]}", reads[0]),)
    return ()


def _outputs(spec: Spec, names: list[str], found: list[Diagnostic]) -> tuple[str, ...]:
    if not spec.outputs:
        return (names[-1],)
    known, seen = dict.fromkeys(names), set()
    for index, name in enumerate(spec.outputs):
        span, path = spec.span("outputs", index), f"outputs[{index}]"
        if name in seen:
            message = f"'{name}' is an output already"
            found.append(Diagnostic("duplicate-name", message, span, help="remove it", path=path))
        elif name in spec.inputs:
            message = f"output '{name}' is an input, not a layer"
            hint = f"name a layer that reads {name}"
            found.append(Diagnostic("bad-output", message, span, help=hint, path=path))
        elif name not in known:
            hint = suggestion(name, names[-40:], "the last layers are" if len(names) > 40 else "the layers are")
            found.append(Diagnostic("bad-output", f"output '{name}' is no layer", span, help=hint, path=path))
        seen.add(name)
        if len(found) >= MAX_FAULTS:
            raise SpecError(found)
    return spec.outputs


def _reached(outputs: tuple[str, ...], reads: dict[str, tuple[str, ...]]) -> set[str]:
    reached: set[str] = set()
    pending = list(outputs)
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending.extend(reads.get(name, ()))
    return reached


def _unread(spec: Spec, names: list[str], used: set[str]) -> tuple[Diagnostic, ...]:
    """Return a warning for every layer that no output depends on; Keras leaves it out of the model.

    Raises `SpecError` for such an input: whoever feeds the model would feed it for nothing.
    """
    unread = [name for name in spec.inputs if name not in used]
    if unread:
        raise SpecError(
            Diagnostic(
                "unused-input",
                f"no output depends on the input '{name}'",
                spec.key_span("inputs", name),
                help=f"read it with `from: {name}`, or remove it",
                path=f"inputs.{name}",
            )
            for name in unread
        )
    return tuple(
        Diagnostic(
            "unused-layer",
            f"no output depends on '{name}', so the model is built without it",
            entry.item.type_span,
            severity="warning",
            help=f"read it with `from: {name}`, add it to `outputs`, or remove it",
            path=entry.item.place,
        )
        for name, entry in zip(names, spec.layers, strict=True)
        if name not in used
    )
