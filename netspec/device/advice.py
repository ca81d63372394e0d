"""Which change of a spec helps most against a broken budget: tried by planning the changed net again, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

from netspec.device.plan import DevicePlan, plan_device
from netspec.diagnostics import SpecError
from netspec.graph import Graph, GraphLayer, build_graph
from netspec.spec.sections import Target
from netspec.spec.source import Mapping, Scalar, parse
from netspec.spec.spec import Spec, read

_MOST_CHANGES = 16
_MOST_PLANNED = 600  # layers, over all changes that are tried; at least one is
_MERGES = ("add", "subtract", "multiply", "average", "maximum", "minimum")


@dataclass(frozen=True, slots=True)
class Change:
    """What to change, in words, and what the net costs then, in the unit of the budget."""

    what: str
    cost: int


Measure = Callable[[Graph, DevicePlan], int]
_Tried = tuple[str, Callable[[], Spec]]


def best_change(graph: Graph, plan: DevicePlan, measure: Measure, layers: Iterable[str], *, ram: bool) -> Change | None:
    """Return the change that makes `measure`, of RAM or not, smallest; None if none of those tried makes it smaller.

    Tried are netspec's kernels in place of Arm's, halving a variable, an input's height and width, and the filters
    or units of `layers` (together with those that a sum binds them to), doubling their strides, and inputs and
    outputs outside the arena; if none of these helps, halving the filters and units of all layers. What changes an
    output's shape, or breaks the net, is no remedy.
    """
    before = measure(graph, plan)
    best: Change | None = None
    room = min(_MOST_CHANGES, max(1, _MOST_PLANNED // len(graph.layers)))
    channels = _Channels(graph)
    for what, make in islice(_changes(graph, channels, tuple(layers), ram=ram), room):
        cost = _cost(graph, plan.core, make, measure)
        if cost is not None and cost < (best.cost if best else before):
            best = Change(what, cost)
    if best is None:
        for what, make in channels.all_halved(graph):
            cost = _cost(graph, plan.core, make, measure)
            if cost is not None and cost < before:
                best = Change(what, cost)
    return best


def _cost(graph: Graph, core: str, make: Callable[[], Spec], measure: Measure) -> int | None:
    try:
        changed = build_graph(make())
        if [changed.shape(name) for name in changed.outputs] != [graph.shape(name) for name in graph.outputs]:
            return None
        return measure(changed, plan_device(changed, core))
    except SpecError:
        return None


def _changes(graph: Graph, channels: _Channels, layers: tuple[str, ...], *, ram: bool) -> Iterator[_Tried]:
    spec = graph.spec
    if ram and spec.io == "arena":
        target = spec.target or Target()
        external = target.model_copy(update={"io": "external"})
        yield "`io: external`, which leaves inputs and outputs to the caller,", lambda: replace(spec, target=external)
    if spec.target and spec.kernels == "cmsis-nn":
        ours = spec.target.model_copy(update={"kernels": "netspec"})
        yield "`kernels: netspec`, with the same results,", lambda: replace(spec, target=ours)
    yield from _variables(spec)
    tried: set[tuple[str, ...]] = set()
    for name in layers:
        tied = channels.tied(name)
        halved = channels.halved(tied, spec) if tied and tied not in tried else None
        tried.add(tied)
        if halved:
            yield halved
        strided = _strided(channels.layers[name], spec)
        if strided:
            yield strided
    for name, given in spec.inputs.items():
        if len(given.shape) == 3 and min(given.shape[:2]) > 1:
            shape = [given.shape[0] // 2, given.shape[1] // 2, given.shape[2]]
            smaller = {**spec.inputs, name: given.model_copy(update={"shape": shape})}
            yield f"an input {name} of half the height and width, {shape},", partial(replace, spec, inputs=smaller)


def _variables(spec: Spec) -> Iterator[_Tried]:
    """Yield each whole number among the variables, halved where it is written."""
    entries = {entry.key.text: entry.value for entry in spec.document.root.entries}
    section = entries.get("vars")
    for entry in section.entries if isinstance(section, Mapping) else ():
        value = entry.value
        if isinstance(value, Scalar) and type(value.value) is int and value.value > 1:
            half = value.value // 2
            yield f"halving the variable {entry.key.text} to {half}", partial(_rewritten, spec, value, half)


def _rewritten(spec: Spec, value: Scalar, number: int) -> Spec:
    """Return the spec of the text in which `value` is another number."""
    lines = spec.document.text.split("\n")
    span = value.span
    line = lines[span.line - 1]
    lines[span.line - 1] = f"{line[: span.column - 1]}{number}{line[span.end_column - 1 :]}"
    return read(parse("\n".join(lines), spec.document.path))


class _Channels:
    """Which layers decide how many channels a tensor has, and which of them sums bind to one number."""

    def __init__(self, graph: Graph) -> None:
        self.layers = {layer.name: layer for layer in graph.layers}
        self.origins: dict[str, set[str]] = {}
        self._bound: dict[str, set[str]] = {}
        for layer in graph.layers:
            if size_key(layer):
                self.origins[layer.name] = {layer.name}
            else:
                self.origins[layer.name] = set().union(*(self.origins.get(name, set()) for name in layer.inputs))
            if layer.type in _MERGES:
                together = set().union(
                    *(self._bound.get(name, {name}) for name in self.origins[layer.name]), self.origins[layer.name]
                )
                self._bound |= dict.fromkeys(together, together)

    def tied(self, name: str) -> tuple[str, ...]:
        """Return the layers to change together for `name` to have other channels, in the order they run."""
        wanted: set[str] = set().union(*(self._bound.get(each, {each}) for each in self.origins.get(name, ())))
        return tuple(each for each in self.layers if each in wanted)

    def halved(self, names: tuple[str, ...], spec: Spec) -> _Tried | None:
        """Return the halving of the number of channels that layers give."""
        updates = self._updates(names)
        keys = {(key, size) for update in updates.values() for key, size in update.items()}
        if any(size == 0 for _, size in keys):
            return None
        key, size = next(iter(keys))
        to = f" to {size}" if len(keys) == 1 else ""
        return f"halving {key} of {_listed(names)}{to}", lambda: _updated(spec, updates)

    def all_halved(self, graph: Graph) -> Iterator[_Tried]:
        """Yield the halving of all layers but those that decide the outputs' shapes."""
        kept = {each for name in graph.outputs for each in self.tied(name)}
        names = tuple(name for name, layer in self.layers.items() if size_key(layer) and name not in kept)
        updates = self._updates(names)
        if len(names) > 1 and all(size for update in updates.values() for size in update.values()):
            what = " and ".join(dict.fromkeys(key for update in updates.values() for key in update))
            yield (
                f"halving the {what} of all {len(names)} layers that decide no output",
                lambda: _updated(graph.spec, updates),
            )

    def _updates(self, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name in names:
            key = size_key(self.layers[name])
            assert key is not None
            found[name] = {key: getattr(self.layers[name].layer, key) // 2}
        return found


def size_key(layer: GraphLayer) -> str | None:
    """Return the key by which a layer says how many channels it gives."""
    return next((key for key in ("filters", "units") if hasattr(layer.layer, key)), None)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _strided(layer: GraphLayer, spec: Spec) -> _Tried | None:
    strides: Any = getattr(layer.layer, "strides", None)
    if not strides or "transpose" in layer.type:
        return None
    doubled = tuple(2 * step for step in strides)
    return f"strides of {list(doubled)} at {layer.name}", lambda: _updated(spec, {layer.name: {"strides": doubled}})


def _updated(spec: Spec, updates: dict[str, dict[str, Any]]) -> Spec:
    layers = tuple(
        replace(entry, layer=entry.layer.model_copy(update=updates[entry.item.name]))
        if entry.item.name in updates
        else entry
        for entry in spec.layers
    )
    return replace(spec, layers=layers)
