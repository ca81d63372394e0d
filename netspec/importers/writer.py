"""Draft -> the text of a spec that a person would have written, and the names that its layers have in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netspec.importers.draft import Draft, DraftLayer, Source
from netspec.importers.repeats import Run, find_runs
from netspec.language import layer_items
from netspec.source import parse

_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_WORDS = {"true", "false", "null", "nan", "inf", "yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True, slots=True)
class WrittenSpec:
    """A spec's text; `names` are those of the draft's layers, in the draft's order."""

    text: str
    names: tuple[str, ...]


def write_spec(draft: Draft, weights: str | None) -> WrittenSpec:
    """Return the spec; `weights` is the file beside it that holds the weights.

    Names in a spec follow from all of it (see `language.naming`), and what a layer reads is said by name. So the
    layers are first written without what they read, the names are looked up, and then all is written.
    """
    named = {source for layer in draft.layers for source in layer.sources if isinstance(source, int)}
    runs = find_runs([_identity(draft, index) for index in range(len(draft.layers))])
    unwired = _text(draft, runs, None, weights)
    items, faults = layer_items(parse(unwired, "imported.yaml"))
    assert not faults, faults
    names = tuple(item.name for item in items)
    assert [item.type for item in items] == [layer.type for layer in draft.layers], "the layers are not those written"
    assert named <= set(range(len(names)))
    return WrittenSpec(_text(draft, runs, names, weights), names)


def _identity(draft: Draft, index: int) -> str | None:
    """Return what makes a layer the same as another in a repeat; None for one that must stand by itself.

    In a repeat stand layers without a name and a comment that read the one before them and are read by the next.
    """
    layer = draft.layers[index]
    if layer.name is not None or layer.comment is not None or not _reads_previous(draft, index):
        return None
    others = [
        position
        for position, each in enumerate(draft.layers)
        if index in each.sources and (position != index + 1 or not _reads_previous(draft, position))
    ]
    if others or (index in draft.outputs and index != len(draft.layers) - 1):
        return None
    return _item(layer, {})


def _reads_previous(draft: Draft, index: int) -> bool:
    """Say whether a layer needs no `from`."""
    layer = draft.layers[index]
    if layer.layer.merges:
        return False
    before: Source | None = index - 1 if index else next(iter(draft.inputs)) if len(draft.inputs) == 1 else None
    return layer.sources == (before,)


def _text(draft: Draft, runs: Sequence[Run], names: tuple[str, ...] | None, weights: str | None) -> str:
    lines = [line for note in draft.notes for line in _comment(note)]
    lines += ["netspec: 1", f"name: {draft.name}", "", "inputs:"]
    for name, shape in draft.inputs.items():
        dtype = draft.dtypes.get(name, "float32")
        keys: dict[str, Any] = {"shape": list(shape)} | ({"dtype": dtype} if dtype != "float32" else {})
        lines.append(f"  {name}: {_value(keys)}")
    lines += ["", "layers:"]
    starts = {run.start: run for run in runs}
    index = 0
    while index < len(draft.layers):
        run = starts.get(index)
        if run is None:
            lines += _layer(draft, index, names, "  ")
            index += 1
            continue
        lines += ["  - repeat:", f"      times: {run.times}", "      layers:"]
        for inside in range(index, index + run.period):
            lines += _layer(draft, inside, names, "        ")
        index += run.period * run.times
    last = len(draft.layers) - 1
    if draft.outputs != (last,) and names is not None:
        lines += ["", f"outputs: {_value([names[output] for output in draft.outputs])}"]
    if weights is not None:
        lines += ["", f"weights: {_value(weights)}"]
    return "\n".join(lines) + "\n"


def _layer(draft: Draft, index: int, names: tuple[str, ...] | None, indent: str) -> list[str]:
    layer = draft.layers[index]
    given: dict[str, Any] = {} if layer.name is None else {"name": layer.name}
    if names is not None and not _reads_previous(draft, index):
        reads = [source if isinstance(source, str) else names[source] for source in layer.sources]
        given["from"] = reads if len(reads) > 1 or layer.layer.merges else reads[0]
    above = [f"{indent}{line}" for line in _comment(layer.comment)] if layer.comment else []
    return [*above, *_wrapped(f"{indent}- {_item(layer, given)}", indent)]


def _item(layer: DraftLayer, given: Mapping[str, Any]) -> str:
    keys = {**given, **layer.keys}
    return f"{layer.type}: {_value(keys)}" if keys else layer.type


def _comment(text: str) -> list[str]:
    lines, line = [], "#"
    for word in _printable(text).split():
        if len(line) + 1 + len(word) > _WIDTH and line != "#":
            lines.append(line)
            line = "#"
        line += f" {word}"
    return [*lines, line]


def _wrapped(line: str, indent: str) -> list[str]:
    """Break a long flow mapping behind commas; a text in quotes may be broken nowhere."""
    lines = []
    while len(line) > _WIDTH:
        cut = line.rfind(", ", len(indent) + 6, _WIDTH)
        if cut < 0 or '"' in line:
            break
        lines.append(line[: cut + 1])
        line = f"{indent}    {line[cut + 2 :]}"
    return [*lines, line]


def _value(value: Any) -> str:
    """Return a value as YAML that reads it back, in flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_value(str(key))}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
