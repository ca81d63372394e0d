"""A Diff as the comment of a pull request: totals first, then the layers, what follows folded away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netspec.diff.compare import Diff, LayerDiff
from netspec.diff.totals import peak, unsupported
from netspec.diff.values import Change
from netspec.diff.words import (
    MOST_ROWS,
    budget,
    costs,
    delta,
    more,
    number,
    percent,
    shown_totals,
    title,
    value,
    weights_summary,
)

_SIGNS = {"added": "added", "removed": "removed", "changed": "changed", "affected": ""}
_COSTS = ("output shape", "parameters", "MACs", "weight bytes")


def diff_markdown(diff: Diff) -> str:
    """Return the comparison in GitHub's markdown; ends in a newline."""
    before, after = map(_code, title(diff))
    if not diff.different:
        return f"### {_code(diff.after.graph.name)}: no change\n\n{before} and {after} describe the same net.\n"
    parts = [
        [f"### {_code(diff.after.graph.name)}: {before} → {after}"],
        _totals(diff),
        _notes(diff),
        _layer_table(diff.edits, "change"),
        ["The layers run in another order."] if diff.reordered else [],
        _spec(diff),
        _weights(diff),
        _affected(diff),
    ]
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def _code(text: str) -> str:
    """Return text as code that can stand in a table's cell, whatever ticks and bars are in it."""
    text = " ".join(text.split()).replace("|", "\\|")
    ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _totals(diff: Diff) -> Iterator[str]:
    yield _row(("", "before", "after", "change", ""))
    yield "|---|--:|--:|--:|---|"
    for each in shown_totals(diff):
        change, share = delta(each.before, each.after), percent(each)
        change += f" ({share})" if share else ""
        note = f"**{budget(each)}**" if each.over_budget else budget(each)
        yield _row((each.label, number(each.before), number(each.after), change, note))
    found = peak(diff)
    names = (_code(name) if name else "-" for name in (found.before, found.after))
    yield _row(("peak at", *names, "", "the same layer" if found.same and found.after else ""))


def _notes(diff: Diff) -> Iterator[str]:
    for word, net in zip(("before", "after"), (diff.before, diff.after), strict=True):
        for reason in unsupported(net):
            yield f"- {word}, not supported on {net.graph.spec.core}: {_plain(reason)}"


def _layer_table(layers: tuple[LayerDiff, ...], head: str | None) -> Iterator[str]:
    if not layers:
        return
    yield _row(("layer", *([head] if head else []), *_COSTS))
    yield "|---|" + ("---|" if head else "") + "---|--:|--:|--:|"
    for layer in layers:
        found = {
            label: _arrow(old, new, difference)
            for label, old, new, difference in costs(layer.cost_before, layer.cost_after)
        }
        yield _row((_name(layer), *([_change(layer)] if head else []), *(found.get(label, "") for label in _COSTS)))


def _arrow(old: str, new: str, difference: str) -> str:
    return " → ".join(filter(None, (old, new))) + (f" ({difference})" if difference else "")


def _name(layer: LayerDiff) -> str:
    name = f"{_code(str(layer.before))} → {_code(str(layer.after))}" if layer.renamed else _code(layer.name)
    return name if layer.name == layer.type else f"{name} {layer.type}"


def _change(layer: LayerDiff) -> str:
    if layer.reads:
        reads, readers = (", ".join(map(_code, names[:4])) for names in (layer.reads, layer.read_by))
        return f"**{_SIGNS[layer.status]}**, from {reads}, {f'read by {readers}' if readers else 'an output'}"
    words = ["**renamed**"] if layer.renamed else []
    words += [f"{_code(each.key)}: {_value(each, each.before)} → {_value(each, each.after)}" for each in layer.changes]
    return "<br>".join(words)


def _value(change: Change, given: object) -> str:
    return "unset" if given is None else _code(value(change, given))


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _spec(diff: Diff) -> Iterator[str]:
    if diff.spec:
        yield _row(("spec", "before", "after"))
        yield "|---|---|---|"
    for change in diff.spec:
        yield _row((_code(change.key), _value(change, change.before), _value(change, change.after)))


def _weights(diff: Diff) -> Iterator[str]:
    lost = [fate for fate in diff.fates if not fate.kept]
    yield f"**Weights**: {weights_summary(diff.fates)}." + (" To be trained:" if lost else "")
    if lost:
        yield ""
    for fate in lost[:MOST_ROWS]:
        yield f"- {_code(fate.layer)}: {_plain(fate.reason or '')}"
    if len(lost) > MOST_ROWS:
        yield f"- {more(len(lost) - MOST_ROWS)}"


def _affected(diff: Diff) -> Iterator[str]:
    if not diff.affected:
        return
    count = len(diff.affected)
    yield f"<details><summary>{count} more {'layers change' if count > 1 else 'layer changes'} with them</summary>"
    yield ""
    yield from _layer_table(diff.affected[:MOST_ROWS], None)
    if count > MOST_ROWS:
        yield ""
        yield more(count - MOST_ROWS)
    yield ""
    yield "</details>"
