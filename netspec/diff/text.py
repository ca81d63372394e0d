"""A Diff for a terminal: an edit a block, what follows from it a row, then sections, totals and weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from netspec.diff.compare import Cost, Diff, LayerDiff
from netspec.diff.totals import peak, unsupported
from netspec.diff.values import shown
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
    wiring,
)

_Paint = Callable[[str, str], str]
_Row = tuple[str, str, str, str]
"""(label, before, after, difference)."""
_STYLES = {"+": "32", "-": "31", "~": "33", "head": "1", "over": "1;31"}
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def diff_text(diff: Diff, *, color: bool = False) -> str:
    """Return the comparison for people; ends in a newline."""
    paint: _Paint = (
        (lambda text, style: f"\x1b[{_STYLES[style]}m{text}\x1b[0m") if color else (lambda text, style: text)
    )
    before, after = title(diff)
    if not diff.different:
        return f"{before} and {after} describe the same net\n"
    lines = [paint(f"{before} -> {after}", "head")]
    for section in (_layers, _affected, _spec, _totals, _weights):
        if found := list(section(diff, paint)):
            lines += ["", *found]
    return "\n".join(lines) + "\n"


def _layers(diff: Diff, paint: _Paint) -> Iterator[str]:
    for layer in diff.edits:
        yield paint(f"{_SIGNS[layer.status]} {_headline(layer)}", _SIGNS[layer.status])
        rows = tuple((each.key, value(each, each.before), value(each, each.after), "") for each in layer.changes)
        yield from _rows(rows, layer.cost_before, layer.cost_after)


def _headline(layer: LayerDiff) -> str:
    name = f"{layer.before} -> {layer.after}" if layer.renamed else layer.name
    kind = "" if layer.name == layer.type else f" {layer.type}"
    where = f", {wiring(layer)}" if layer.reads else ", renamed" if layer.renamed else ""
    return f"{name}{kind}, line {layer.line}{where}"


@lru_cache(maxsize=1024)
def _rows(changed: tuple[_Row, ...], before: Cost | None, after: Cost | None) -> tuple[str, ...]:
    """Return the lines of an edit; kept, for the layers of a large net are alike."""
    return tuple(_aligned([*changed, *costs(before, after)]))


def _aligned(rows: Sequence[_Row]) -> Iterator[str]:
    """Yield `label  before -> after  difference`, columns under one another."""
    if not rows:
        return
    widest = max(len(row[0]) for row in rows)
    pairs = [" -> ".join(filter(None, row[1:3])) for row in rows]
    room = max((len(pair) for pair, row in zip(pairs, rows, strict=True) if row[3]), default=0)
    for row, pair in zip(rows, pairs, strict=True):
        yield f"    {row[0]:<{widest}}  {pair:<{room}}  {row[3]}".rstrip()


def _affected(diff: Diff, paint: _Paint) -> Iterator[str]:
    if diff.affected or diff.reordered:
        yield paint("what follows from that", "head")
    if diff.reordered:
        yield "  the layers run in another order"
    if not diff.affected:
        return
    labels = ("output shape", "parameters", "MACs", "weight bytes")
    rows: list[tuple[str, ...]] = [("layer", *labels)]
    for layer in diff.affected[:MOST_ROWS]:
        found = {label: f"{old} -> {new}" for label, old, new, _ in costs(layer.cost_before, layer.cost_after)}
        rows.append((layer.name, *(found.get(label, "") for label in labels)))
    used = [column for column in range(5) if any(row[column] for row in rows[1:])]
    widths = {column: max(len(row[column]) for row in rows) for column in used}
    for row in rows:
        yield "  " + "  ".join(f"{row[column]:<{widths[column]}}" for column in used).rstrip()
    if len(diff.affected) > MOST_ROWS:
        yield f"  {more(len(diff.affected) - MOST_ROWS)}"


def _spec(diff: Diff, paint: _Paint) -> Iterator[str]:
    for change in diff.spec:
        yield f"{paint(f'~ {change.key}', '~')}: {shown(change.before)} -> {shown(change.after)}"


def _totals(diff: Diff, paint: _Paint) -> Iterator[str]:
    rows = [("", "before", "after", "change", "", "")]
    figures = shown_totals(diff)
    for each in figures:
        change = delta(each.before, each.after)
        rows.append((each.label, number(each.before), number(each.after), change, percent(each), budget(each)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for index, row in enumerate(rows):
        first, *cells = (f"{row[c]:>{widths[c]}}" if c else f"{row[c]:<{widths[c]}}" for c in range(5))
        line = f"{'  '.join([first, *cells])}  "
        over = index > 0 and figures[index - 1].over_budget
        yield line + paint(row[5], "over") if over else f"{line}{row[5]}".rstrip()
    found = peak(diff)
    if found.before or found.after:
        names = f"{found.before or '-'} -> {found.after or '-'}"
        yield f"peak at {found.after}, as before" if found.same or found.before == found.after else f"peak at {names}"
    for word, net in zip(("before", "after"), (diff.before, diff.after), strict=True):
        for reason in unsupported(net):
            yield f"{word}: not supported on {net.graph.spec.core}: {reason}"


def _weights(diff: Diff, paint: _Paint) -> Iterator[str]:
    lost = [fate for fate in diff.fates if not fate.kept]
    yield f"{paint('weights', 'head')}: {weights_summary(diff.fates)}{'; to be trained:' if lost else ''}"
    widest = max((len(fate.layer) for fate in lost[:MOST_ROWS]), default=0)
    for fate in lost[:MOST_ROWS]:
        yield f"    {fate.layer:<{widest}}  {fate.reason}"
    if len(lost) > MOST_ROWS:
        yield f"    {more(len(lost) - MOST_ROWS)}"
