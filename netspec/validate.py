"""Plain data into a pydantic class, every fault a diagnostic under the key or value at fault.

Pydantic finds the faults; this file says them in our voice. A class's own validators raise `ValueError` with a
predicate ("must be ..."), which is printed after the key's name.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from netspec.diagnostics import Diagnostic, Span, SpecError, nearest
from netspec.source import Mapping, Node, Scalar, Sequence, plain

Model = TypeVar("Model", bound=BaseModel)
_Loc = tuple[int | str, ...]

_KINDS = {
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "too_short": "a longer list",
    "too_long": "a shorter list",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def validate(model: type[Model], node: Node, *, subject: str, place: str, where: Span) -> Model:
    """Return `node` as a `model`.

    `subject` names the thing in messages ("conv2d"), `place` is its dotted place in the spec, and `where` the span
    that a missing key is told at. Raises `SpecError` with one diagnostic a fault.
    """
    try:
        return model.model_validate(plain(node))
    except ValidationError as error:
        found: dict[tuple[Span, str], Diagnostic] = {}
        for details in error.errors(include_url=False):
            diagnostic = _translate(details, model, node, subject, place, where)
            found.setdefault((diagnostic.span, diagnostic.rule), diagnostic)
        meant = {diagnostic.help for diagnostic in found.values() if diagnostic.rule == "unknown-key"}
        raise SpecError(
            # A misspelt key is not also missing.
            diagnostic
            for diagnostic in found.values()
            if not (diagnostic.rule == "missing-key" and _did_you_mean(diagnostic) in meant)
        ) from None


def _did_you_mean(missing: Diagnostic) -> str:
    key = (missing.help or "").removeprefix("add `").removesuffix(": ...`")
    return f"did you mean `{key}`?"


def _translate(
    details: ErrorDetails, model: type[BaseModel], node: Node, subject: str, place: str, where: Span
) -> Diagnostic:
    kind, loc = details["type"], details["loc"]
    names, target, key_span = _walk(node, loc)
    key = names[-1] if names else subject
    path = ".".join([place, *names]) if names else place
    context = details.get("ctx") or {}
    if kind == "missing":
        missing = str(loc[-1])
        owner = f"`{'.'.join(names)}` of {subject}" if names else subject
        span = target.span if names and target is not node else where
        return Diagnostic(
            "missing-key", f"{owner} needs the key '{missing}'", span, help=f"add `{missing}: ...`", path=path
        )
    if kind == "extra_forbidden":
        owner = f"'{names[-2]}' of {subject}" if len(names) > 1 else subject
        return _unknown_key(names[-1], _keys_at(model, names[:-1]), owner, key_span or target.span, path)
    shown = _shown(target)
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        message = f"{key} must be {words} {context[bound]}, not {shown}"
        return Diagnostic("invalid-value", message, target.span, path=path)
    if kind == "literal_error":
        choices = _choices(model, names)
        near = nearest(str(plain(target)), choices) if isinstance(target, Scalar) else None
        message = f"{key} must be {context['expected']}, not {shown}"
        return Diagnostic(
            "invalid-value", message, target.span, help=f"did you mean `{near}`?" if near else None, path=path
        )
    if kind == "string_pattern_mismatch":
        return Diagnostic(
            "invalid-name",
            f"{key} {shown} is not an identifier",
            target.span,
            help="use letters, digits and `_`, and no digit first",
            path=path,
        )
    if kind == "value_error":
        message, _, hint = str(context["error"]).partition("; ")
        return Diagnostic("invalid-value", f"{key} {message}", target.span, help=hint or None, path=path)
    wanted = _KINDS.get(kind)
    if wanted is None:
        return Diagnostic("invalid-value", f"{key}: {details['msg']}", target.span, path=path)
    return Diagnostic("wrong-type", f"{key} must be {wanted}, not {shown}", target.span, path=path)


def _unknown_key(key: str, known: list[str], owner: str, span: Span, path: str) -> Diagnostic:
    near = nearest(key, known)
    if near:
        hint = f"did you mean `{near}`?"
    else:
        hint = f"the keys are {', '.join(known)}" if known else "it takes no keys"
    return Diagnostic("unknown-key", f"unknown key '{key}' of {owner}", span, help=hint, path=path)


def _walk(node: Node, loc: _Loc) -> tuple[list[str], Node, Span | None]:
    """Follow `loc` as far as the document goes; parts that name a branch of a union are passed over."""
    names: list[str] = []
    key_span: Span | None = None
    for part in loc:
        if isinstance(node, Mapping) and isinstance(part, str):
            entry = node.entry(part)
            if entry is not None:
                names.append(part)
                node, key_span = entry.value, entry.key.span
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
    return names, node, key_span


def _shown(node: Node) -> str:
    if isinstance(node, Scalar):
        return f"'{node.text}'" if node.text else "nothing"
    if isinstance(node, Mapping):
        return "a mapping"
    shown = str(plain(node))
    return shown if len(shown) <= 40 else "a list"


def _model_at(model: type[BaseModel], names: list[str]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for name in names:
        if current is None:
            return None
        field = next((f for k, f in current.model_fields.items() if (f.alias or k) == name), None)
        annotation = field.annotation if field else None
        current = next((a for a in (annotation, *getattr(annotation, "__args__", ())) if _is_model(a)), None)
    return current


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _keys_at(model: type[BaseModel], names: list[str]) -> list[str]:
    owner = _model_at(model, names)
    return [field.alias or name for name, field in owner.model_fields.items()] if owner else []


def _choices(model: type[BaseModel], names: list[str]) -> list[str]:
    owner = _model_at(model, names[:-1])
    field = (
        next((f for k, f in owner.model_fields.items() if (f.alias or k) == names[-1]), None)
        if owner and names
        else None
    )
    found: list[str] = []
    pending: list[object] = [field.annotation] if field else []
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            found.append(item)
        pending.extend(getattr(item, "__args__", ()))
    return found
