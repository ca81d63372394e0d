"""What becomes of a training that was stopped: what changed since, and whether the next one goes on with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.diagnostics import ToolError
from netspec.graph import Graph
from netspec.train import checkpoint
from netspec.train.data import Dataset
from netspec.train.weights import Weights, weights_digest

_MOST_TOLD = 8
_MISSING = object()
_WHAT = {
    "layers": "the layers changed",
    "train": "the train section changed",
    "data": "the data changed",
    "initial": "the weights that training starts with changed",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: `resume` goes on from the checkpoint, which with `changed` may be of another training."""

    told: tuple[str, ...]
    resume: bool = True
    changed: bool = False


def stopped_training(
    graph: Graph, dataset: Dataset, folder: Path, initial: Weights | None, *, anew: bool, go_on: bool
) -> Plan:
    """Decide between going on and starting anew, and put a training that is not gone on with aside.

    One that has only fewer or more epochs to go is the same to the bit as one that was planned so. Every other change
    makes another training: it starts anew unless the user asks to go on. `anew` and `go_on` are what the user asks for.
    """
    assert graph.spec.train is not None
    epochs = graph.spec.train.epochs
    fresh = f"training: {epochs} epochs at most"
    if anew:
        return Plan((fresh,), resume=False)
    owner = checkpoint.identity(graph, dataset.digest, weights_digest(initial) if initial else "")
    checkpoint.recall(folder, owner)
    try:
        found = checkpoint.description(folder)
    except ToolError as error:
        checkpoint.remove(folder)
        return Plan((f"{error.message}: it is removed", fresh))
    if found is None:
        return Plan((fresh,))
    done = f"after epoch {found.epoch}"
    changes = tuple(_changes(found, owner, checkpoint.content(graph)))
    if not changes:
        return Plan((f"going on with the training that was stopped here {done}: {epochs} epochs at most",))
    since = [f"since the training that was stopped here {done}:", *(f"  {each}" for each in changes[:_MOST_TOLD])]
    if len(changes) > _MOST_TOLD:
        since.append(f"  and {len(changes) - _MOST_TOLD} more changes")
    lengthened = all(each.startswith("train.epochs ") for each in changes) and found.epoch <= epochs
    if go_on or lengthened:
        return Plan((*since, f"going on {done}: {epochs} epochs at most"), changed=True)
    checkpoint.put_aside(folder)
    hint = "--resume goes on with it in spite of that, and so does a build of the spec and data as they were"
    return Plan((*since, f"that training is kept: {hint}", fresh))


def _changes(found: checkpoint.Description, owner: Mapping[str, str], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is another in the network, its training or the data, by the names that it has in a spec."""
    differing = [part for part in owner if owner[part] != found.owner.get(part, "")]
    keys = {"layers": ("inputs", "layers", "outputs"), "train": ("train",), "data": ("train",)}
    for part in differing:
        details = [
            each
            for key in keys.get(part, ())
            for each in _differences(key, found.content.get(key, {}), now[key])
            if each.startswith("train.data") == (part == "data")
        ]
        yield from details if details and found.content else (_WHAT[part],)


def _differences(place: str, before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*now, *(key for key in before if key not in now)]:
            yield from _differences(f"{place}.{key}", before.get(key, _MISSING), now.get(key, _MISSING))
    elif before is _MISSING or (before is None and isinstance(now, dict)):
        yield f"{place} is new"
    elif now is _MISSING or (now is None and isinstance(before, dict)):
        yield f"{place} is gone"
    elif before != now:
        yield f"{place} was {_shown(before)} and is {_shown(now)}"


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
