"""Specs that are checked together and would meet elsewhere: in one build folder, or in one firmware."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from netspec.diagnostics import Diagnostic, Note
from netspec.graph import Graph
from netspec.lint import unsilenced

if TYPE_CHECKING:
    from netspec.check import Checked

_MOST_NAMED = 3


def clashes(found: Iterable[Checked]) -> list[Diagnostic]:
    """Return a warning at each spec whose name, or whose names in C, an earlier one has too."""
    warnings: list[Diagnostic] = []
    by_name: dict[str, list[Checked]] = defaultdict(list)
    seen: set[str] = set()
    for checked in found:
        path = os.path.realpath(checked.graph.spec.document.path)
        if path in seen:
            continue
        seen.add(path)
        for other in by_name[checked.graph.name]:
            warnings += unsilenced(checked.graph.spec.document, [_shared_name(checked.graph, other.graph)])
            break
        else:
            for other in _related(checked.graph.name, by_name):
                warnings += unsilenced(checked.graph.spec.document, _shared_symbols(checked, other))
        by_name[checked.graph.name].append(checked)
    return warnings


def _related(name: str, by_name: dict[str, list[Checked]]) -> Iterable[Checked]:
    """Return the earlier specs whose names in C may meet those of `name`: all of these begin with a spec's name."""
    parts = name.split("_")
    shorter = ("_".join(parts[:count]) for count in range(1, len(parts)))
    longer = (other for other in list(by_name) if other.startswith(f"{name}_"))
    return [others[0] for each in (*shorter, *longer) if (others := by_name.get(each))]


def _shared_name(graph: Graph, other: Graph) -> Diagnostic:
    return _warning(
        graph,
        other,
        "shared-name",
        f"'{graph.name}' is the name of {other.spec.document.path} too: both build into build/{graph.name}, and their "
        "C has the same symbols",
    )


def _shared_symbols(checked: Checked, other: Checked) -> list[Diagnostic]:
    from netspec.device.symbols import visible_names

    if checked.plan is None or other.plan is None:
        return []
    shared = sorted(visible_names(checked.plan) & visible_names(other.plan), key=lambda each: (each.isupper(), each))
    if not shared:
        return []
    more = f" and {len(shared) - _MOST_NAMED} more" if len(shared) > _MOST_NAMED else ""
    named = ", ".join(shared[:_MOST_NAMED]) + more
    message = f"the C of '{checked.graph.name}' and that of '{other.graph.name}' both have {named}"
    return [_warning(checked.graph, other.graph, "shared-symbols", message)]


def _warning(graph: Graph, other: Graph, rule: str, message: str) -> Diagnostic:
    note = Note("the other is here", other.spec.span("name"))
    help = "give one of them another name, if they are to be in one firmware"
    return Diagnostic(rule, message, graph.spec.span("name"), "warning", help, (note,), "name")
