"""Two nets -> Diff: what was edited, what follows from that, what it costs, and which weights are still good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from netspec.diff.match import Matching, match, same_weights
from netspec.diff.net import Net
from netspec.diff.values import Change, changes, plain
from netspec.graph import GraphLayer
from netspec.layers.base import describe
from netspec.ops import Shape
from netspec.spec.sections import Target
from netspec.spec.spec import Spec

Status = Literal["added", "removed", "changed", "affected"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a layer is and costs; `weight_bytes` is None where one of the nets does not run on its core."""

    output_shape: Shape
    parameters: int
    macs: int
    weight_bytes: int | None


@dataclass(frozen=True, slots=True)
class LayerDiff:
    """A layer that is not what it was. One that is `affected` was not edited: its numbers follow from others.

    `changes` name keys, `from` among them. `reads` and `read_by` are those of an added or removed layer.
    """

    status: Status
    type: str
    before: str | None
    after: str | None
    line: int
    renamed: bool
    changes: tuple[Change, ...]
    reads: tuple[str, ...]
    read_by: tuple[str, ...]
    cost_before: Cost | None
    cost_after: Cost | None

    @property
    def name(self) -> str:
        return self.after or self.before or ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of the trained weights for a layer: it keeps those of `before`, or must be trained for a reason."""

    layer: str
    before: str | None
    parameters: int
    kept: bool
    reason: str | None


@dataclass(frozen=True)
class Diff:
    """What changed between two nets. `spec` holds the sections' keys. `reordered` says that layers run in another
    order, which follows from their wiring and the outputs.

    `layers` stand in the order of after, removed ones where they stood. `fates` are of all layers that have weights.
    """

    before: Net
    after: Net
    matching: Matching
    layers: tuple[LayerDiff, ...]
    spec: tuple[Change, ...]
    reordered: bool
    fates: tuple[Fate, ...]

    @property
    def different(self) -> bool:
        return bool(self.layers or self.spec or self.reordered)

    @property
    def edits(self) -> tuple[LayerDiff, ...]:
        return tuple(each for each in self.layers if each.status != "affected")

    @property
    def affected(self) -> tuple[LayerDiff, ...]:
        return tuple(each for each in self.layers if each.status == "affected")


def compare(before: Net, after: Net) -> Diff:
    """Return what changed between two nets."""
    matching = match(before, after)
    positions = {layer.name: index for index, layer in enumerate(after.graph.layers)}
    order = [positions[matching.layers[name]] for name in before.layers if name in matching.layers]
    return Diff(
        before,
        after,
        matching,
        tuple(_layers(matching)),
        tuple(_spec_changes(matching)),
        order != sorted(order),
        fates(matching),
    )


def fates(matching: Matching) -> tuple[Fate, ...]:
    """Return, for each layer of after that has weights, whether it keeps those of its pair."""
    found = []
    for name, layer in matching.after.layers.items():
        if layer.weights:
            old = matching.old_names.get(name)
            reason = _why_lost(matching.before.layers[old], layer) if old else "it is new"
            found.append(Fate(name, None if reason else old, layer.parameters, reason is None, reason))
    return tuple(found)


def _why_lost(old: GraphLayer, new: GraphLayer) -> str | None:
    """Return why a layer's weights are of no use to it any more; None if they are."""
    if same_weights(old, new):
        return None
    was = {weight.name: weight.shape for weight in old.weights}
    now = {weight.name: weight.shape for weight in new.weights}
    reasons = [f"{name} is new" for name in now if name not in was]
    resized: dict[tuple[Shape, Shape], list[str]] = {}
    for name, shape in now.items():
        if name in was and was[name] != shape:
            resized.setdefault((was[name], shape), []).append(name)
    for (old_shape, new_shape), names in resized.items():
        verbs = ("was", "is") if len(names) == 1 else ("were", "are")
        reasons.append(f"{', '.join(names)} {verbs[0]} {describe(old_shape)} and {verbs[1]} {describe(new_shape)}")
    reasons += [f"{name} is gone" for name in was if name not in now]
    return ", ".join(reasons)


def _layers(matching: Matching) -> list[LayerDiff]:
    """Return the layers that differ: those of after in order, each removed one where it stood."""
    before, after = matching.before, matching.after
    on_device = before.plan is not None and after.plan is not None
    removed: dict[str | None, list[LayerDiff]] = {}
    last: str | None = None
    for name, layer in before.layers.items():
        if name in matching.layers:
            last = matching.layers[name]
        else:
            removed.setdefault(last, []).append(_alone("removed", before, layer, on_device))
    found = removed.get(None, [])
    for name, layer in after.layers.items():
        old = matching.old_names.get(name)
        if old is None:
            found.append(_alone("added", after, layer, on_device))
        else:
            pair = _pair(matching, before.layers[old], layer, on_device)
            found += [pair] if pair else []
            found += removed.get(name, [])
    return found


def _alone(status: Literal["added", "removed"], net: Net, layer: GraphLayer, on_device: bool) -> LayerDiff:
    cost, added = _cost(net, layer, on_device), status == "added"
    return LayerDiff(
        status,
        layer.type,
        before=None if added else layer.name,
        after=layer.name if added else None,
        line=layer.line,
        renamed=False,
        changes=(),
        reads=layer.inputs,
        read_by=tuple(net.readers[layer.name]),
        cost_before=None if added else cost,
        cost_after=cost if added else None,
    )


def _pair(matching: Matching, old: GraphLayer, new: GraphLayer, on_device: bool) -> LayerDiff | None:
    """Return what is different about a layer; None if nothing is."""
    found = list(matching.changes(old.name, new.name))
    if matching.rewired(old.name, new.name):
        found.append(Change("from", list(old.inputs), list(new.inputs)))
    renamed = matching.renamed(old.name, new.name)
    costs = _cost(matching.before, old, on_device), _cost(matching.after, new, on_device)
    if not found and not renamed and costs[0] == costs[1]:
        return None
    return LayerDiff(
        "changed" if found or renamed else "affected",
        new.type,
        before=old.name,
        after=new.name,
        line=new.line,
        renamed=renamed,
        changes=tuple(found),
        reads=(),
        read_by=(),
        cost_before=costs[0],
        cost_after=costs[1],
    )


def _cost(net: Net, layer: GraphLayer, on_device: bool) -> Cost:
    weight_bytes = net.weight_bytes[layer.name] if on_device and net.weight_bytes is not None else None
    return Cost(layer.output_shape, layer.parameters, layer.macs, weight_bytes)


def _spec_changes(matching: Matching) -> list[Change]:
    """Return the changed keys of every section but the layers; names in them that only shifted are no change."""
    old, new = matching.before.graph.spec, matching.after.graph.spec
    found = [
        Change(key, getattr(old, key) or None, getattr(new, key) or None)
        for key in ("name", "description", "weights")
        if getattr(old, key) != getattr(new, key)
    ]
    found += _input_changes(matching, old, new)
    found += _output_changes(matching, old, new)
    found += changes(_train(old, matching.names), _train(new, {}), "train")
    found += changes(_quantize(old), _quantize(new), "quantize")
    found += changes(_target(old.target), _target(new.target), "target")
    return found


def _input_changes(matching: Matching, old: Spec, new: Spec) -> list[Change]:
    found = []
    for name, given in old.inputs.items():
        after = matching.inputs.get(name)
        if after is None:
            found.append(Change(f"inputs.{name}", given.model_dump(), None))
            continue
        if after != name:
            found.append(Change(f"inputs.{after}.name", name, after))
        found += changes(given.model_dump(), new.inputs[after].model_dump(), f"inputs.{after}")
    kept = list(matching.inputs.values())
    found += [Change(f"inputs.{name}", None, given.model_dump()) for name, given in new.inputs.items()
              if name not in kept]  # fmt: skip
    if kept != [name for name in new.inputs if name in kept]:
        found.append(Change("inputs", list(old.inputs), list(new.inputs)))
    return found


def _output_changes(matching: Matching, old: Spec, new: Spec) -> list[Change]:
    was, now = matching.before.graph.outputs, matching.after.graph.outputs
    if [matching.names.get(name) for name in was] == list(now):
        return []
    if not old.outputs and not new.outputs and (was[0] not in matching.names or now[0] not in matching.old_names):
        return []  # the last layer by default, and that it is another one is told of the layers
    return [Change("outputs", list(was), list(now))]


def _train(spec: Spec, names: dict[str, str]) -> Any:
    if spec.train is None:
        return None
    train = {key: plain(value) for key, value in spec.train.model_dump(exclude={"data"}).items()}
    train["data"] = plain(spec.train.data.model_dump(exclude_none=True))
    for section, given in (("loss", spec.train.loss), ("metrics", spec.train.metrics)):
        if isinstance(given, dict):
            train[section] = {names.get(name, name): plain(value) for name, value in given.items()}
    return train


def _quantize(spec: Spec) -> Any:
    found = spec.quantize.model_dump()
    percentile = spec.quantize.calibration.method
    found["calibration"]["method"] = "minmax" if percentile is None else {"percentile": percentile}
    return found


def _target(target: Target | None) -> Any:
    return None if target is None else target.model_dump()
