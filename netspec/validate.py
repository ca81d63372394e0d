"""Plain data into a pydantic class, every fault a diagnostic under the key or value at fault.

Pydantic finds the faults; this file says them in our voice. A class's own parsers raise `ValueError` with a predicate
("must be ..."), which is printed after the key's name, and after a semicolon what to write instead; in the latter, KEY
stands for the key's name.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from math import ceil, floor
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from netspec.diagnostics import (
    Diagnostic,
    Fix,
    Span,
    SpecError,
    WrongName,
    did_you_mean,
    nearest,
    same_letters,
    suggestion,
)
from netspec.source import Entry, Mapping, Node, Scalar, Sequence, plain

MAX_FAULTS = 50
"""So many faults of one file are told; looking for more only delays the first."""

_QUOTED = re.compile("`([^`]+)`")

Model = TypeVar("Model", bound=BaseModel)
def span_of(entry: Entry) -> Span:
    """Return the place of a key and its value; of the key alone where the value stands elsewhere, behind an alias."""
    start, end = entry.key.span, entry.value.span
    if (end.line, end.column) < (start.line, start.column):
        return start
    return Span(start.path, start.line, start.column, end.end_line, end.end_column)


def validate(model: type[Model], node: Mapping, *, subject: str, place: str, where: Span) -> Model:
    """Return `node` as a `model`.

    `subject` names the thing in messages ("conv2d"), `place` is its dotted place in the spec, empty for the spec
    itself, and `where` the span that a missing key is told at. Raises `SpecError` with one diagnostic a fault.
    """
    try:
        return model.model_validate(plain(node))
    except ValidationError as error:
        from netspec.value_faults import ValueFault  # most specs have no fault

        faults = [
            ValueFault(details, model, node, subject, place, where)
            for details in error.errors(include_url=False)[: 4 * MAX_FAULTS]
        ]
    # The branches of a union complain one by one: a number where a name or a list of names should be has two faults.
    wanted: dict[tuple[Node | str, ...], list[str]] = {}
    for fault in faults:
        kinds = wanted.setdefault(tuple(fault.names), [])
        if fault.wanted and fault.wanted not in kinds:
            kinds.append(fault.wanted)
    found: dict[tuple[Span, str], Diagnostic] = {}
    for fault in faults:
        if fault.kind != "none_required":
            diagnostic = fault.diagnose(wanted[tuple(fault.names)])
            topic = diagnostic.message if diagnostic.rule == "missing-key" else diagnostic.rule
            found.setdefault((diagnostic.span, topic), diagnostic)
    meant = {
        (diagnostic.path.rpartition(".")[0], name)
        for diagnostic in found.values()
        if diagnostic.rule == "unknown-key" and (diagnostic.help or "").startswith("did you mean ")
        for name in _QUOTED.findall(diagnostic.help or "")
    }
    # A misspelt key is not also missing.
    told = [
        diagnostic
        for diagnostic in found.values()
        if not (diagnostic.rule == "missing-key" and diagnostic.path.rpartition(".")[::2] in meant)
    ]
    # Of two keys that both stand for a third, neither is certain to.
    keys = Counter(_mended_path(each) for each in told if each.fix)
    raise SpecError(replace(each, fix=None) if keys[_mended_path(each)] > 1 else each for each in told)


def _mended_path(diagnostic: Diagnostic) -> str:
    """Return the path that a key will have; of a value, its own."""
    if diagnostic.fix is None or diagnostic.rule != "unknown-key":
        return diagnostic.path
    return f"{diagnostic.path.rpartition('.')[0]}.{diagnostic.fix.replacement}"
