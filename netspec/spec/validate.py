"""Plain data into a class of keys, every fault a diagnostic under the key or value at fault.

Pydantic finds the faults; `value_faults` says them in our voice. A class's own parsers raise `InvalidValue`
with a predicate ("must be ..."), which is printed after the key's name, and what to write instead.
"""

from __future__ import annotations

from typing import TypeVar

from netspec.diagnostics import MAX_FAULTS, Span, SpecError
from netspec.keys.keys import Keys, Unsure
from netspec.spec.source import Mapping, plain

Model = TypeVar("Model", bound=Keys)


def validate(model: type[Model], node: Mapping, *, subject: str, place: str, where: Span) -> Model:
    """Return `node` as a `model`.

    `subject` names the thing in messages ("conv2d"), `place` is its dotted place in the spec, empty for the spec
    itself, and `where` the span that a missing key is told at. Raises `SpecError` with one diagnostic a fault.
    """
    data = plain(node)
    try:
        return model.read(data)
    except Unsure:
        from pydantic import ValidationError  # most specs have no fault, and need not wait for what says so

        from netspec.keys.models import judge
        from netspec.spec.value_faults import tell
    try:
        return judge(model, data)
    except ValidationError as error:
        details = error.errors(include_url=False)[: 4 * MAX_FAULTS]
    raise SpecError(tell(details, model, node, subject, place, where))
