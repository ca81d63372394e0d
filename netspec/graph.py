"""Spec -> Graph: names, wiring, shapes, weights and totals. Everything here is known before any training."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from netspec.diagnostics import Diagnostic, Note, SpecError, nearest
from netspec.language import Item
from netspec.layers.base import Layer, LayerError, Weight, describe
from netspec.ops import Shape
from netspec.spec import LayerSpec, Spec


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

    def shape(self, name: str) -> Shape:
        """Return the shape of an input or layer by name."""
        if name in self.spec.inputs:
            return self.inputs[name]
        return next(layer.output_shape for layer in self.layers if layer.name == name)

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable_parameters(self) -> int:
        return sum(layer.trainable_parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)


def build_graph(spec: Spec) -> Graph:
    """Return the wired graph of a spec. Raises `SpecError` with every fault that does not follow from another."""
    found: list[Diagnostic] = []
    names = _names(spec, found)
    sources = _sources(spec, names, found)
    order = _order(spec, names, sources, found)
    layers = _wire(spec, names, sources, order, found)
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
            place = first[name].item.span_of("name") if name in first else spec.span("inputs", name)
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
    known = [*spec.inputs, *names]
    sources: list[tuple[str, ...] | None] = []
    for index, entry in enumerate(spec.layers):
        written = entry.layer.from_
        if written is None:
            sources.append(_default_source(spec, names, index, found))
            continue
        wanted = tuple(written) if isinstance(written, list) else (written,)
        fault = _from_fault(entry, names[index], wanted, known)
        if fault is not None:
            found.append(fault)
        sources.append(None if fault else wanted)
    return sources


def _default_source(
    spec: Spec, names: list[str], index: int, found: list[Diagnostic]
) -> tuple[str, ...] | None:
    entry = spec.layers[index]
    if entry.layer.merges:
        message = f"{entry.layer.type} needs `from` with the layers that it joins"
        found.append(
            Diagnostic(
                "bad-from",
                message,
                entry.item.type_span,
                help="write `from: [one, other]`",
                path=entry.item.place,
            )
        )
        return None
    if index:
        return (names[index - 1],)
    if len(spec.inputs) == 1:
        return (next(iter(spec.inputs)),)
    message = f"the first layer needs `from`: the spec has {len(spec.inputs)} inputs"
    choices = " or ".join(f"`from: {name}`" for name in spec.inputs)
    found.append(
        Diagnostic("bad-from", message, entry.item.type_span, help=f"write {choices}", path=entry.item.place)
    )
    return None


def _from_fault(entry: LayerSpec, own: str, wanted: tuple[str, ...], known: list[str]) -> Diagnostic | None:
    span, path = entry.item.span_of("from"), f"{entry.item.place}.from"
    for index, name in enumerate(wanted):
        node = entry.item.keys.get("from")
        item_span = node.items[index].span if hasattr(node, "items") else span  # type: ignore[union-attr]
        if name == own:
            return Diagnostic(
                "cycle", f"'{own}' reads itself", item_span, help="name another layer", path=path
            )
        if name not in known:
            near = nearest(name, known)
            return Diagnostic(
                "bad-from",
                f"'{name}' is no layer or input",
                item_span,
                help=f"did you mean `{near}`?"
                if near
                else f"the inputs are {', '.join(known[:1])}; layers go by `name`",
                path=path,
            )
    if entry.layer.merges and len(wanted) < 2:
        message = f"{entry.layer.type} joins two layers or more, `from` names {len(wanted)}"
        return Diagnostic("bad-from", message, span, help="write `from: [one, other]`", path=path)
    if not entry.layer.merges and len(wanted) != 1:
        message = f"{entry.layer.type} reads one layer, `from` names {len(wanted)}"
        return Diagnostic(
            "bad-from", message, span, help="join them first with add or concatenate", path=path
        )
    return None


def _order(
    spec: Spec, names: list[str], sources: list[tuple[str, ...] | None], found: list[Diagnostic]
) -> list[str]:
    """Return names so that each layer follows what it reads, in file order where that allows it."""
    by_name = {name: index for index, name in reversed(list(enumerate(names)))}
    done: dict[str, bool] = dict.fromkeys(spec.inputs, True)
    order: list[str] = []
    for root in names:
        stack, trail = [(root, 0)], []
        while stack:
            name, step = stack.pop()
            reads = sources[by_name[name]] or ()
            if step == 0:
                if name in done:
                    if not done[name] and name in trail:
                        found.append(_cycle(spec, names, trail[trail.index(name) :]))
                        return []
                    continue
                done[name] = False
                trail.append(name)
            if step < len(reads):
                stack.append((name, step + 1))
                if reads[step] in by_name:
                    stack.append((reads[step], 0))
            else:
                done[name] = True
                trail.remove(name)
                order.append(name)
    return order


def _cycle(spec: Spec, names: list[str], loop: list[str]) -> Diagnostic:
    first = min(loop, key=names.index)
    start = loop.index(first)
    ring = [*loop[start:], *loop[:start], first]
    item = spec.layers[names.index(first)].item
    return Diagnostic(
        "cycle",
        f"the layers read each other in a circle: {' <- '.join(ring)}",
        item.span_of("from"),
        help="let one of them read a layer before the circle",
        notes=tuple(
            Note(f"'{name}' stands here", spec.layers[names.index(name)].item.type_span)
            for name in ring[1:-1]
        ),
        path=f"{item.place}.from",
    )


def _wire(
    spec: Spec,
    names: list[str],
    sources: list[tuple[str, ...] | None],
    order: list[str],
    found: list[Diagnostic],
) -> dict[str, GraphLayer]:
    """Return the layers whose inputs are known; a layer after a faulty one is passed over in silence."""
    shapes: dict[str, Shape] = {name: tuple(given.shape) for name, given in spec.inputs.items()}
    index_of = {name: index for index, name in reversed(list(enumerate(names)))}
    layers: dict[str, GraphLayer] = {}
    for name in order:
        entry, reads = spec.layers[index_of[name]], sources[index_of[name]]
        if reads is None or any(source not in shapes for source in reads):
            continue
        input_shapes = tuple(shapes[source] for source in reads)
        layer = entry.layer
        try:
            output = layer.output_shape(input_shapes)
            weights = tuple(_frozen(weight, layer) for weight in layer.weights(input_shapes))
        except LayerError as error:
            found.append(diagnose(error, name, entry.item, _origin_notes(spec, names, reads, input_shapes)))
            continue
        shapes[name] = output
        layers[name] = GraphLayer(
            name, layer, entry.item, reads, input_shapes, output, weights, layer.macs(input_shapes)
        )
    return layers


def _frozen(weight: Weight, layer: Layer) -> Weight:
    return weight if getattr(layer, "trainable", True) else Weight(weight.name, weight.shape, False)


def diagnose(error: LayerError, name: str, item: Item, notes: tuple[Note, ...] = ()) -> Diagnostic:
    """Return a layer's complaint at the place of the key that it names."""
    message = error.message if name in error.message.split() else f"{error.message}, layer '{name}'"
    place = (
        f"{item.place}.{error.field}"
        if error.field and item.keys.get(error.field) is not None
        else item.place
    )
    return Diagnostic(
        error.rule, message, item.span_of(error.field), help=error.help, notes=notes, path=place
    )


def _origin_notes(
    spec: Spec, names: list[str], reads: tuple[str, ...], shapes: tuple[Shape, ...]
) -> tuple[Note, ...]:
    notes = []
    for source, shape in zip(reads, shapes, strict=True):
        span = (
            spec.span("inputs", source)
            if source in spec.inputs
            else spec.layers[names.index(source)].item.type_span
        )
        notes.append(Note(f"the input {describe(shape)} comes from {source}", span))
    return tuple(notes)


def _outputs(spec: Spec, names: list[str], found: list[Diagnostic]) -> tuple[str, ...]:
    if not spec.outputs:
        return (names[-1],)
    for index, name in enumerate(spec.outputs):
        span, path = spec.span("outputs", index), f"outputs[{index}]"
        if name in spec.outputs[:index]:
            found.append(
                Diagnostic(
                    "duplicate-name", f"'{name}' is an output already", span, help="remove it", path=path
                )
            )
        elif name not in names:
            near = nearest(name, names)
            hint = f"did you mean `{near}`?" if near else "outputs are layers, by name"
            found.append(Diagnostic("bad-output", f"'{name}' is no layer", span, help=hint, path=path))
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
    """Return a warning for every layer and input that no output depends on: Keras leaves them out of the model."""
    warnings = [
        Diagnostic(
            "unused-layer",
            f"no output depends on '{name}', so the model is built without it",
            entry.item.type_span,
            severity="warning",
            help="read it with `from`, name it in `outputs`, or remove it",
            path=entry.item.place,
        )
        for name, entry in zip(names, spec.layers, strict=True)
        if name not in used
    ]
    unread = [name for name in spec.inputs if name not in used]
    if unread:
        raise SpecError(
            Diagnostic(
                "unused-input",
                f"no output depends on the input '{name}'",
                spec.span("inputs", name),
                help="read it with `from`, or remove it",
                path=f"inputs.{name}",
            )
            for name in unread
        )
    return tuple(warnings)
