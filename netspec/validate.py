"""Plain data into a pydantic class, every fault a diagnostic under the key or value at fault.

Pydantic finds the faults; `value_faults` says them in our voice. A class's own parsers raise `ValueError` with a
predicate ("must be ..."), which is printed after the key's name, and after a semicolon what to write instead; in the
latter, KEY stands for the key's name.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from netspec.diagnostics import Span, SpecError
from netspec.source import Entry, Mapping, plain

MAX_FAULTS = 50
"""So many faults of one file are told; looking for more only delays the first."""

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
        from netspec.value_faults import tell  # most specs have no fault

        details = error.errors(include_url=False)[: 4 * MAX_FAULTS]
    raise SpecError(tell(details, model, node, subject, place, where))
