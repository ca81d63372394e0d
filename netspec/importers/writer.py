"""Draft -> the text of a spec that a person would have written, and the names that its layers have in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from netspec.diagnostics import SpecError
from netspec.importers.draft import Draft, DraftLayer, Source
from netspec.importers.faults import ModelFault
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
    """Return the spec; `weights` is the file beside it that holds the weights. Raises `ModelFault` for odd numbers.

    Names in a spec follow from all of it (see `language.naming`), and what a layer reads is said by name. So the
    layers are first written without what they read, the names are looked up, and then all is written. A layer that
    the model had numbered otherwise gets its name written, but not in a repeat, whose turns number themselves.
    """
    branching = _branching(draft)
    identities = [None if i in branching else _identity(draft, i) for i in range(len(draft.layers))]
    runs = find_runs(identities, [bool(layer.layer.macs(layer.input_shapes)) for layer in draft.layers])
    repeated = {index for run in runs for index in range(run.start, run.end)}
    names = _names(draft, runs)
    while renamed := _renumbered(draft, names, repeated):
        for index, name in renamed.items():
            draft.layers[index] = replace(draft.layers[index], name=name, numbered=None)
        names = _names(draft, runs)
    return WrittenSpec(_text(draft, runs, names, weights), names)


def _names(draft: Draft, runs: Sequence[Run]) -> tuple[str, ...]:
    try:
        items, faults = layer_items(parse(_text(draft, runs, None, None), "imported.yaml"))
    except SpecError as error:
        first = error.diagnostics[0]
        raise ModelFault(f"a spec cannot say what the model does: {first.message}", first.help) from error
    assert not faults, faults
    assert [item.type for item in items] == [layer.type for layer in draft.layers], "the layers are not those written"
    return tuple(item.name for item in items)


def _renumbered(draft: Draft, names: tuple[str, ...], repeated: set[int]) -> dict[int, str]:
    """Return the layers outside of repeats whose numbers are not those of the model, with the names they had."""
    taken = {layer.name for layer in draft.layers} | set(draft.inputs)
    found: dict[int, str] = {}
    for index, layer in enumerate(draft.layers):
        name = layer.numbered
        if name is not None and index not in repeated and names[index] != name and name not in taken:
            taken.add(name)
            found[index] = name
    return found


def _identity(draft: Draft, index: int) -> str | None:
    """Return what makes a layer the same as another in a repeat; None for one that must stand by itself."""
    layer = draft.layers[index]
    alone = layer.name is not None or layer.comment is not None or not _reads_previous(draft, index)
    return None if alone else _item(layer, {})


def _branching(draft: Draft) -> set[int]:
    """Return the layers that are called by their names, in a `from` or as outputs: they stand in no repeat."""
    last = len(draft.layers) - 1
    named = {output for output in draft.outputs if draft.outputs != (last,)}
    for index, layer in enumerate(draft.layers):
        if not _reads_previous(draft, index):
            named |= {source for source in layer.sources if isinstance(source, int)}
    return named


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
        lines += _repeat(draft, run, names)
        index = run.end
    last = len(draft.layers) - 1
    if draft.outputs != (last,) and names is not None:
        lines += ["", f"outputs: {_value([names[output] for output in draft.outputs])}"]
    if weights is not None:
        lines += ["", f"weights: {_value(weights)}"]
    return "\n".join(lines) + "\n"


def _repeat(draft: Draft, run: Run, names: tuple[str, ...] | None) -> list[str]:
    inside = range(run.start, run.start + run.period)
    if run.period == 1:
        item = _item(draft.layers[run.start], {})
        line = (
            f"  - repeat: {{times: {run.times}, layers: [{f'{{{item}}}' if draft.layers[run.start].keys else item}]}}"
        )
        if len(line) <= _WIDTH:
            return [line]
    lines = ["  - repeat:", f"      times: {run.times}", "      layers:"]
    return [*lines, *(line for index in inside for line in _layer(draft, index, names, "        "))]


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
