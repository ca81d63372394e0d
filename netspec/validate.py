"""Plain data into a pydantic class, every fault a diagnostic under the key or value at fault.

Pydantic finds the faults; this file says them in our voice. A class's own parsers raise `ValueError` with a predicate
("must be ..."), which is printed after the key's name, and after a semicolon what to write instead; in the latter, KEY
stands for the key's name.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from netspec.diagnostics import Diagnostic, Span, SpecError, nearest, suggestion
from netspec.source import Entry, Mapping, Node, Scalar, Sequence, plain

MAX_FAULTS = 50
"""So many faults of one file are told; looking for more only delays the first."""

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
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
_TRUTH = {"yes": "true", "on": "true", "no": "false", "off": "false"}


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
        faults = [
            _Fault(details, model, node, subject, place, where)
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
    misspelt = {diagnostic.help for diagnostic in found.values() if diagnostic.rule == "unknown-key"}
    raise SpecError(
        # A misspelt key is not also missing.
        diagnostic
        for diagnostic in found.values()
        if not (diagnostic.rule == "missing-key" and f"did you mean `{diagnostic.path.split('.')[-1]}`?" in misspelt)
    )


class _Fault:
    """One of pydantic's complaints, and where in the file it belongs."""

    def __init__(
        self, details: ErrorDetails, model: type[BaseModel], node: Mapping, subject: str, place: str, where: Span
    ) -> None:
        self.kind = details["type"]
        self.details = details
        self.context: dict[str, Any] = details.get("ctx") or {}
        self.model, self.subject, self.place = model, subject, place
        self.names, self.node, entry, in_list = _walk(node, details["loc"])
        self.span = where if entry is None else self.node.span if in_list else span_of(entry)
        self.key_span = where if entry is None else entry.key.span
        self.key = self.names[-1] if self.names else subject
        self.wanted = _KINDS.get(self.kind)

    @property
    def path(self) -> str:
        return ".".join([*([self.place] if self.place else []), *self.names])

    def owner(self, names: list[str]) -> str:
        """Return what messages call the mapping at `names`: `target.budget`, `conv2d`, `layer of bidirectional`."""
        dotted = ".".join(names)
        if not names:
            return self.subject
        return f"{dotted} of {self.subject}" if self.place else dotted

    def diagnose(self, wanted: list[str]) -> Diagnostic:
        """Return the fault in our words; `wanted` are the types that would have been right."""
        if self.kind == "missing":
            return self._missing(str(self.details["loc"][-1]))
        if self.kind == "extra_forbidden":
            message = f"unknown key '{self.key}' of {self.owner(self.names[:-1])}"
            hint = suggestion(self.key, _fields(_model_at(self.model, self.names[:-1])), "the keys are")
            return Diagnostic("unknown-key", message, self.key_span, help=hint, path=self.path)
        if self.kind == "string_pattern_mismatch":
            hint = "use letters, digits and `_`, and no digit first"
            message = f"{self.key} {_shown(self.node)} is not an identifier"
            return Diagnostic("invalid-name", message, self.span, help=hint, path=self.path)
        if self.wanted is not None:
            return self._say("wrong-type", f"must be {' or '.join(wanted)}", self._type_help())
        predicate, _, hint = self._predicate().partition("; ")
        return self._say("invalid-value", predicate, hint.replace("KEY", self.key) or None)

    def _say(self, rule: str, predicate: str, hint: str | None) -> Diagnostic:
        message = f"{self.key} {predicate}"
        if predicate.startswith("must "):
            message += f", not {_shown(self.node)}"
        return Diagnostic(rule, message, self.span, help=hint, path=self.path)

    def _missing(self, key: str) -> Diagnostic:
        owner = _model_at(self.model, self.names)
        message = f"{self.owner(self.names)} needs the key '{key}'"
        hint = f"add `{_example(key, _fields(owner)[key])}`" if owner else None
        path = f"{self.path}.{key}" if self.path else key
        return Diagnostic("missing-key", message, self.key_span, help=hint, path=path)

    def _predicate(self) -> str:
        """Return what follows the key's name."""
        match self.kind:
            case "value_error":
                return str(self.context["error"])
            case "literal_error":
                choices = _choices(self.model, self.names)
                listed = f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]
                near = nearest(str(plain(self.node)), choices) if isinstance(self.node, Scalar) else None
                return f"must be {listed}" + (f"; did you mean `{near}`?" if near else "")
            case "too_short":
                least = self.context["min_length"]
                return f"must have at least {least} item{'s' if least > 1 else ''}"
            case kind if kind in _BOUNDS:
                bound, words = _BOUNDS[kind]
                return f"must be {words} {self.context[bound]:g}"
        return f"is refused: {self.details['msg'].lower()}"

    def _type_help(self) -> str | None:
        """Return what to write instead of a value of the wrong type."""
        value = plain(self.node)
        if self.wanted == "true or false" and isinstance(value, str) and value in _TRUTH:
            return f"write `{self.key}: {_TRUTH[value]}`"
        if self.wanted in ("an integer", "a number") and isinstance(value, str):
            return f"write it without quotes: `{value}`" if _is_number(value) else None
        if self.wanted == "a list" and isinstance(value, str | int | float):
            return f"write `{self.key}: [{value}]`"
        if self.wanted == "a list" and isinstance(value, dict):
            return "put `- ` before each item"
        if self.wanted == "a mapping":
            own = _fields(_model_at(self.model, self.names[:-1])).get(self.key) if self.names else None
            if own is not None and own.examples:
                return f"write `{_example(self.key, own)}`"
            fields = _fields(_model_at(self.model, self.names))
            required = [_example(key, field) for key, field in fields.items() if field.is_required()]
            if required:
                return f"write `{self.key}: {{{', '.join(required)}}}`"
            return f"indent its keys below it: {', '.join(fields)}" if fields else None
        return None


def _walk(node: Node, loc: _Loc) -> tuple[list[str], Node, Entry | None, bool]:
    """Follow `loc` as far as the document goes; parts that name a branch of a union are passed over.

    Return the keys on the way, the node, the entry that it is in, and whether it is an item of a list there.
    """
    names: list[str] = []
    last: Entry | None = None
    in_list = False
    for part in loc:
        if isinstance(node, Mapping) and isinstance(part, str):
            entry = node.entry(part)
            if entry is not None:
                names.append(part)
                node, last, in_list = entry.value, entry, False
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node, in_list = node.items[part], True
    return names, node, last, in_list


def _shown(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        shown = str(plain(node))
        return shown if len(shown) <= 40 else "a list"
    if not node.text:
        return "nothing"
    return node.text if node.text[0] in "'\"" else f"'{node.text}'"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _example(key: str, field: FieldInfo) -> str:
    """Return a key with a value that it could have, as it is typed."""
    examples = field.examples or ["..."]
    return f"{key}: {examples[0]}"


def _model_at(model: type[BaseModel], names: list[str]) -> type[BaseModel] | None:
    """Return the class of the mapping at `names`, if it is one; in a mapping of names to classes a name is any key."""
    current: type[BaseModel] | None = model
    pending = list(names)
    while pending and current is not None:
        field = _fields(current).get(pending.pop(0))
        annotation = field.annotation if field else None
        if getattr(annotation, "__origin__", None) is dict and pending:
            pending.pop(0)
        arguments = (annotation, *getattr(annotation, "__args__", ()))
        current = next((each for each in arguments if isinstance(each, type) and issubclass(each, BaseModel)), None)
    return current


def _fields(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    """Return a class's fields by the keys that a spec writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()} if model else {}


def _choices(model: type[BaseModel], names: list[str]) -> list[str]:
    """Return the texts that a key's Literal allows, in order."""
    field = _fields(_model_at(model, names[:-1])).get(names[-1])
    found: list[str] = []
    pending: list[object] = [field.annotation] if field else []
    while pending:
        item = pending.pop(0)
        if isinstance(item, str):
            found.append(item)
        pending = [*getattr(item, "__args__", ()), *pending]
    return found
