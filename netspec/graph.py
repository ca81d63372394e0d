"""Spec -> Graph: names, wiring, shapes, weights and totals. Everything here is known before any training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from math import prod

from netspec.diagnostics import MAX_FAULTS, Diagnostic, Note, Span, SpecError, counts, some_of, suggestion
from netspec.layers.base import Layer, LayerError, Weight, describe, require_tensor_size
from netspec.ops import Shape
from netspec.spec.held import locate
from netspec.spec.language import Item
from netspec.spec.source import Sequence
from netspec.spec.spec import LayerSpec, Spec


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


class _Found(list[Diagnostic]):
    """Findings; what would be said alike of several uses of a block, or turns of a repeat, is said once."""

    def __init__(self, found: Iterable[Diagnostic]) -> None:
        super().__init__(found)
        self._count = sum(map(counts, self))
        self._told: set[tuple[str, str, Span]] = set()

    def tell(self, diagnostic: Diagnostic, item: Item) -> None:
        message = "" if diagnostic.rule == "cycle" else diagnostic.message.replace(item.name, "")
        key = (diagnostic.rule, message, diagnostic.span)
        if key not in self._told:
            self._told.add(key)
            self.append(diagnostic)
            self._count += counts(diagnostic)
            if self._count >= MAX_FAULTS:
                raise SpecError(self)


def build_graph(spec: Spec) -> Graph:
    """Return the wired graph of a spec. Raises `SpecError` with every fault that does not follow from another.

    Of a spec that is partial there is no graph, and there may be no such fault.
    """
    found = _Found(spec.wiring_faults)
    names = [entry.item.name for entry in spec.layers]
    index_of = {name: index for index, name in reversed(list(enumerate(names)))}
    wiring = _Wiring(spec, names, index_of, _sources(spec, names, found))
    order = _order(wiring, found)
    layers = _wire(wiring, order, found)
    outputs = _outputs(spec, names, found)
    if found or spec.is_partial:
        raise SpecError(found)
    used = _reached(outputs, {name: layer.inputs for name, layer in layers.items()})
    warnings = _unread(spec, used)
    kept = tuple(layers[name] for name in order if name in used)
    return Graph(spec, kept, outputs, warnings)


def _sources(spec: Spec, names: list[str], found: _Found) -> list[tuple[str, ...] | None]:
    """Return what each layer reads; None where that is unknown, which has been told."""
    sources: list[tuple[str, ...] | None] = []
    for index, entry in enumerate(spec.layers):
        if entry.item.lost:
            sources.append(None)
            continue
        written = entry.layer.from_
        if written is not None:
            wanted = tuple(written) if isinstance(written, list) else (written,)
            fault = _from_fault(spec, names, index, wanted)
        else:
            wanted = (names[index - 1],) if index else tuple(spec.inputs)
            fault = _default_fault(spec, names, index, wanted)
        sources.append(None if fault else wanted)
        if fault is not None:
            found.tell(fault, entry.item)
    return sources


def _pair(spec: Spec, names: list[str], index: int) -> str:
    """Return a `from` that would join the item before a layer with the one before that."""
    before = [*spec.inputs, *names[max(0, index - 2) : index]][-2:]
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
    item = entry.item
    return Diagnostic("bad-from", message, item.type_span, help=hint, notes=item.notes(), path=item.place)


def _from_fault(spec: Spec, names: list[str], index: int, wanted: tuple[str, ...]) -> Diagnostic | None:
    """Return what is wrong with a `from`, whose names have a meaning."""
    entry, own = spec.layers[index], names[index]
    span, path = entry.item.span_of("from"), f"{entry.item.place}.from"
    node = entry.item.keys.get("from")
    before = names[index - 1] if index else next(iter(spec.inputs))
    notes = entry.item.notes(span)
    for position, name in enumerate(wanted):
        item_span = node.items[position].span if isinstance(node, Sequence) else span
        if name == own:
            message, hint = f"'{own}' reads itself", f"write `from: {before}`"
            return Diagnostic("cycle", message, item_span, help=hint, notes=notes, path=path)
    if entry.layer.merges and len(wanted) < 2:
        message = f"{own} joins two layers or more, `from` names {len(wanted)}"
        others = chain((before,), spec.inputs, islice(names, index))
        other = next((name for name in others if name not in (*wanted, own)), "other")
        pair = ", ".join([*wanted, other]) if wanted else None
        hint = f"write `from: [{pair}]`" if pair else f"write `{_pair(spec, names, index)}`"
        return Diagnostic("bad-from", message, span, help=hint, notes=notes, path=path)
    if not entry.layer.merges and len(wanted) != 1:
        message = f"{own} reads one layer, `from` names {len(wanted)}"
        joined = f"- concatenate: {{from: [{some_of(wanted)}]}}"
        hint = f"join them first, for example with `{joined}`" if wanted else f"write `from: {before}`"
        return Diagnostic("bad-from", message, span, help=hint, notes=notes, path=path)
    return None


def _order(wiring: _Wiring, found: _Found) -> list[str]:
    """Return names so that each layer follows what it reads, in file order where that allows it.

    A depth-first walk against the direction of the data, without recursion. A circle is told once, and walked on as
    though its last link were not there.
    """
    order: list[str] = []
    done: set[str] = set()
    depth: dict[str, int] = {}  # of the layers on the way from the root to here
    for root in wiring.names:
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
                loop = [each for each, _ in way[depth[source] :]]
                found.tell(_cycle(wiring, loop), wiring.entry(loop[0]).item)
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
        notes=(
            *(wiring.place_note(f"'{name}' stands here", name) for name in shown[1:-1] if name != "..."),
            *item.notes(item.span_of("from")),
        ),
        path=f"{item.place}.from",
    )


def _wire(wiring: _Wiring, order: list[str], found: _Found) -> dict[str, GraphLayer]:
    """Return the layers whose inputs are known; a layer after a faulty one is passed over in silence."""
    shapes = _input_shapes(wiring.spec, found)
    integers = {name for name, given in wiring.spec.inputs.items() if given.dtype == "int32"}
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
            require_tensor_size(prod(output), len(output), "the output of {layer}")
            if wiring.spec.weights is None or wiring.spec.train is not None:
                layer.check_trainable()
            weights = tuple(_frozen(weight, layer) for weight in layer.weights(input_shapes))
            macs = layer.macs(input_shapes)
        except LayerError as error:
            error.help = _without_batch_axis(error, wiring.spec, input_shapes)
            found.tell(diagnose(error, name, entry.item, _origin_notes(wiring, error, reads, input_shapes)), entry.item)
            continue
        try:
            layer.check_initializers(input_shapes)
        except LayerError as error:  # the layers after it have their shapes all the same
            found.tell(diagnose(error, name, entry.item), entry.item)
        if integers.intersection(reads):
            takes = layer.reads_integers()
            if takes == "refused":
                found.tell(_integer_fault(wiring, name, next(each for each in reads if each in integers)), entry.item)
            elif takes == "kept" and integers.issuperset(reads):
                integers.add(name)
        shapes[name] = output
        layers[name] = GraphLayer(name, layer, entry.item, reads, input_shapes, output, weights, macs)
    return layers


def _without_batch_axis(error: LayerError, spec: Spec, shapes: tuple[Shape, ...]) -> str | None:
    """Return the help of a shape's fault; where an input was probably given with its batch axis, that first."""
    if error.rule not in ("rank-mismatch", "window-too-large"):
        return error.help
    for name, given in spec.inputs.items():
        sample = given.shape[1:]
        one_more = error.rule == "rank-mismatch" and len(given.shape) == 4
        if tuple(given.shape) in shapes and len(sample) > 1 and (given.shape[0] == 1 or one_more):
            if error.rule == "rank-mismatch":
                hint = f"write `{name}: {{shape: {sample}}}` if its first axis is the batch, which shapes leave out"
                return f"{hint}; else {error.help}" if error.help else hint
            return f"{error.help}; a batch axis is left out: `{name}: {{shape: {sample}}}`"
    return error.help


def _input_shapes(spec: Spec, found: _Found) -> dict[str, Shape]:
    """Return the inputs' shapes, without those that no tensor can have."""
    shapes: dict[str, Shape] = {}
    for name, given in spec.inputs.items():
        shape = tuple(given.shape)
        try:
            require_tensor_size(prod(shape), len(shape), f"the input '{name}'")
            shapes[name] = shape
        except LayerError as error:
            span, path = spec.span("inputs", name, "shape"), f"inputs.{name}.shape"
            found.append(Diagnostic(error.rule, error.message, span, help=error.help, path=path))
    return shapes


def _integer_fault(wiring: _Wiring, name: str, source: str) -> Diagnostic:
    item = wiring.entry(name).item
    given = source if source in wiring.spec.inputs else next(iter(wiring.spec.inputs))
    return Diagnostic(
        "dtype-mismatch",
        f"{item.type} takes floats, not the int32 input of {name}",
        item.type_span,
        help=f"give the input {given} `dtype: float32`, or put an `embedding` or a `rescaling` between",
        notes=(wiring.place_note(f"the input comes from {source}", source), *item.notes()),
        path=item.place,
    )


def _frozen(weight: Weight, layer: Layer) -> Weight:
    return weight if getattr(layer, "trainable", True) else Weight(weight.name, weight.shape, False)


def diagnose(error: LayerError, name: str, item: Item, notes: tuple[Note, ...] = ()) -> Diagnostic:
    """Return a layer's complaint at the key that it names, or at the layer's type."""
    span, path = locate(item, error.field)
    return Diagnostic(
        error.rule,
        error.message.replace("{layer}", name),
        span,
        help=error.help.replace("{layer}", name) if error.help else None,
        notes=(*notes, *item.notes(span)),
        path=path,
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
        elif name not in known and spec.is_known(name):
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


def _unread(spec: Spec, used: set[str]) -> tuple[Diagnostic, ...]:
    """Return a warning for every layer that no output depends on, once a line; Keras leaves it out of the model.

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
    first = {entry.item.type_span: entry.item for entry in reversed(spec.layers) if entry.item.name not in used}
    return tuple(
        Diagnostic(
            "unused-layer",
            f"no output depends on '{item.name}', so the model is built without it",
            item.type_span,
            severity="warning",
            help=f"read it with `from: {item.name}`, add it to `outputs`, or remove it",
            notes=item.notes(),
            path=item.place,
        )
        for item in reversed(first.values())
    )
