"""Sentences and numbers that text and markdown have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netspec.diff.compare import Cost, Diff, Fate, LayerDiff
from netspec.diff.totals import Total, totals
from netspec.diff.values import Change, shown
from netspec.layers.base import describe

MOST_ROWS = 40
"""Layers that are only affected, and reasons, are listed up to this number; JSON has all."""


def number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def delta(before: int | None, after: int | None) -> str:
    """Return the difference with its sign; nothing where there is none."""
    if before is None or after is None or before == after:
        return ""
    return f"{after - before:+,}"


def percent(total: Total) -> str:
    if not total.before or not total.delta:
        return ""
    return f"{100 * total.delta / total.before:+.1f}%"


def budget(total: Total) -> str:
    """Return how a figure stands to its budget."""
    if total.budget is None:
        return ""
    return f"{'over the' if total.over_budget else 'of a'} budget of {total.budget:,}"


def costs(old: Cost | None, new: Cost | None) -> Iterator[tuple[str, str, str, str]]:
    """Yield (label, before, after, difference) of what a layer costs; of a layer in both nets only what changed."""
    shapes = [describe(each.output_shape) if each else "" for each in (old, new)]
    if shapes[0] != shapes[1]:
        yield "output shape", shapes[0], shapes[1], ""
    for label, key in (("parameters", "parameters"), ("MACs", "macs"), ("weight bytes", "weight_bytes")):
        was, now = (getattr(each, key) if each else None for each in (old, new))
        if old and new and was != now:
            yield label, number(was), number(now), delta(was, now)
        elif not (old and new) and (was or now):
            yield label, number(was) if old else "", number(now) if new else "", ""


def shown_totals(diff: Diff) -> list[Total]:
    """Return the totals for people: the trainable parameters only where they are not all."""
    found = totals(diff)
    whole = next(each for each in found if each.key == "parameters")
    return [
        each
        for each in found
        if each.key != "trainable_parameters" or (each.before, each.after) != (whole.before, whole.after)
    ]


def value(change: Change, given: Any) -> str:
    """Return a changed key's value, `given` being that before or after; a `from` of one as it is written."""
    return shown(given[0] if change.key == "from" and len(given) == 1 else given)


def title(diff: Diff) -> tuple[str, str]:
    """Return what the two sides are called."""
    return diff.before.document.path, diff.after.document.path


def wiring(layer: LayerDiff) -> str:
    """Return what an added or removed layer reads, and who reads it."""
    readers = f"read by {_some(layer.read_by)}" if layer.read_by else "an output"
    return f"from {_some(layer.reads)}, {readers}"


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def weights_summary(fates: tuple[Fate, ...]) -> str:
    """Return how many layers keep their trained weights."""
    kept = [fate for fate in fates if fate.kept]
    if not fates:
        return "no layer has any"
    parameters = sum(fate.parameters for fate in fates)
    good = sum(fate.parameters for fate in kept)
    if len(kept) == len(fates):
        which = "every layer keeps its own"
    elif not kept:
        which = "no layer keeps its own"
    else:
        which = f"{len(kept)} of {len(fates)} layers {'keeps its own' if len(kept) == 1 else 'keep theirs'}"
    return f"{which}, {good:,} of {parameters:,} parameters"


def more(count: int) -> str:
    return f"and {count} more, all in --format json"
