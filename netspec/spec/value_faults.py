"""Pydantic's complaints about plain data, in our words: what is wrong, where, and what to write instead."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import ceil, floor, isfinite
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from netspec.diagnostics import (
    Diagnostic,
    Fix,
    InvalidValue,
    Span,
    WrongName,
    listed,
)
from netspec.keys.keys import Keys
from netspec.layers.base import Layer
from netspec.names.meant import Guess, guess
from netspec.names.other_names import meant_key
from netspec.spec.source import Entry, Mapping, Node, Scalar, Sequence, plain

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
_EXAMPLES: dict[str, tuple[tuple[type, ...], Any]] = {
    "an integer": ((int,), 1),
    "a number": ((int, float), 0.5),
    "true or false": ((), "true"),
    "text": ((), "some text"),
    "a list": ((list,), "[...]"),
}
"""What an example of a type is, and one where a key has none."""
_TRUTH = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def tell(
    complaints: Iterable[ErrorDetails], model: type[Keys], node: Mapping, subject: str, place: str, where: Span
) -> list[Diagnostic]:
    """Return a diagnostic for each of the complaints that does not follow from another; see `validate.validate`."""
    faults = [_Fault(details, model, node, subject, place, where) for details in complaints]
    # The branches of a union complain one by one: a number where a name or a list of names should be has two faults.
    wanted: dict[tuple[str, ...], list[str]] = {}
    for fault in faults:
        kinds = wanted.setdefault(tuple(fault.names), [])
        if fault.wanted and fault.wanted not in kinds:
            kinds.append(fault.wanted)
    no_identifier = {tuple(fault.names) for fault in faults if fault.kind == "string_pattern_mismatch"}
    found: dict[tuple[Span, str], tuple[Diagnostic, tuple[str, ...]]] = {}
    for fault in faults:
        if fault.kind != "none_required" and not (fault.wanted and tuple(fault.names) in no_identifier):
            diagnostic = fault.diagnose(wanted[tuple(fault.names)])
            topic = diagnostic.message if diagnostic.rule == "missing-key" else diagnostic.rule
            found.setdefault((diagnostic.span, topic), (diagnostic, fault.meant_paths))
    meant = Counter(path for _, paths in found.values() for path in paths)
    told = []
    for diagnostic, paths in found.values():
        if diagnostic.rule == "missing-key" and diagnostic.path in meant:
            continue  # a misspelt key is not also missing
        if diagnostic.fix and any(meant[path] > 1 for path in paths):
            diagnostic = replace(diagnostic, fix=None)  # of two keys that both stand for a third, neither is certain to
        told.append(diagnostic)
    return told


class _Fault:
    """One of pydantic's complaints, and where in the file it belongs."""

    def __init__(
        self, details: ErrorDetails, model: type[Keys], node: Mapping, subject: str, place: str, where: Span
    ) -> None:
        self.kind = details["type"]
        self.details = details
        self.context: dict[str, Any] = details.get("ctx") or {}
        self.model, self.subject, self.place = model, subject, place
        error = self.context.get("error")
        self.refused = error if isinstance(error, InvalidValue) else None
        self.meant_paths: tuple[str, ...] = ()
        """Paths of the keys that an unknown one may stand for."""
        inside = self.refused.place if self.refused else ()
        self.names, self.node, entry, self.in_list, self.parent = _walk(node, (*details["loc"], *inside))
        self.span = where if entry is None else self.node.span if self.in_list else entry.span
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
            hint, fix = self._meant_key(_model_at(self.model, self.names[:-1]))
            return Diagnostic("unknown-key", message, self.key_span, help=hint, path=self.path, fix=fix)
        if self.kind == "string_pattern_mismatch":
            hint = "use letters, digits and `_`, and no digit first"
            message = f"{self.key} {_shown(self.node)} is not an identifier"
            return Diagnostic("invalid-name", message, self.span, help=hint, path=self.path)
        if (batch := self._batch_help()) is not None:
            predicate = f"must be {' or '.join(wanted)}" if self.wanted else self._predicate()[0]
            return self._say("wrong-type" if self.wanted else "invalid-value", predicate, batch, None)
        if self.wanted is not None:
            hint, fix = self._meant_type()
            return self._say("wrong-type", f"must be {' or '.join(wanted)}", hint, fix)
        if isinstance(self.refused, WrongName):
            return self._wrong_name(self.refused)
        if self.kind == "literal_error":
            return self._wrong_choice()
        return self._say("invalid-value", *self._predicate(), None)

    def _batch_help(self) -> str | None:
        """Return what to write for an input's shape that begins with its batch axis: `null`, -1, `batch`."""
        last = self.details["loc"][-1] if self.details["loc"] else None
        if self.model.__name__ != "Top" or self.key != "shape" or last != 0:
            return None
        written = self.parent.get("shape") if self.parent else None
        sample = plain(written)[1:] if isinstance(written, Sequence) else []
        if not sample or not all(type(size) is int and size > 0 for size in sample):
            return None
        return f"write `shape: {sample}`: a batch axis is left out"

    def _wrong_name(self, refused: WrongName) -> Diagnostic:
        """Return the fault of a name inside a value, at the name if that is written once."""
        help = refused.help_for(self.key) or ""
        meant = guess(refused.kind, refused.word, refused.candidates, help)
        place = _holding(self.node, refused.word)
        fix = Fix(place.span, refused.word, meant.certain) if place and meant.certain else None
        span = place.span if place and place is not self.node else None
        return self._say("invalid-value", refused.predicate, meant.help, fix, span)

    def _wrong_choice(self) -> Diagnostic:
        """Return the fault of a value that is none of a few."""
        value, choices = plain(self.node), _choices(self.model, self.names)
        default = self.field.default if self.field else None
        meant = Guess(f"write `{self.key}: {default if default in choices else choices[0]}`")
        if isinstance(value, str):
            kind = "activation" if self.key.endswith("activation") else self.key
            meant = guess(kind, value, choices, meant.help)
        fix = Fix(self.node.span, value, meant.certain) if isinstance(value, str) and meant.certain else None
        return self._say("invalid-value", f"must be {listed(choices)}", meant.help, fix)

    def _say(
        self, rule: str, predicate: str, hint: str | None, fix: Fix | None, span: Span | None = None
    ) -> Diagnostic:
        message = f"{self.key} {predicate}"
        if predicate.startswith("must "):
            message += f", not {_shown(self.node)}"
        return Diagnostic(rule, message, span or self.span, help=hint, path=self.path, fix=fix)

    def _meant_key(self, owner: type[Keys] | None) -> tuple[str, Fix | None]:
        """Return what an unknown key probably stands for, and what to put in its place if that is certain."""
        known = _fields(owner)
        meant = guess(_kind_of_key(owner), self.key, known, f"the keys are {', '.join(known)}")
        if (alias := meant_key(self.key, plain(self.node), known)) is not None:
            meant = Guess(f"did you mean `{alias}`?", (alias,), alias)
        above = self.path.removesuffix(self.key)
        self.meant_paths = tuple(f"{above}{name}" for name in meant.names)
        free = self.parent is not None and meant.certain and self.parent.entry(meant.certain) is None
        return meant.help, Fix(self.key_span, self.key, str(meant.certain)) if free else None

    def _missing(self, key: str) -> Diagnostic:
        owner = _model_at(self.model, self.names)
        message = f"{self.owner(self.names)} needs the key '{key}'"
        hint = f"add `{_example(key, _fields(owner)[key])}`" if owner else None
        path = f"{self.path}.{key}" if self.path else key
        span = self.node.span if self.in_list else self.key_span
        return Diagnostic("missing-key", message, span, help=hint, path=path)

    def _predicate(self) -> tuple[str, str | None]:
        """Return what follows the key's name, and what to write instead."""
        if self.refused is not None:
            return self.refused.predicate, self.refused.help_for(self.key)
        match self.kind:
            case "too_short":
                least = self.context["min_length"]
                example = self.field.examples[0] if self.field and self.field.examples else "[...]"
                return f"must have at least {least} item{'s' if least > 1 else ''}", f"write `{self.key}: {example}`"
            case kind if kind in _BOUNDS:
                bound, words = _BOUNDS[kind]
                return f"must be {words} {self.context[bound]:g}", self._range_help()
        return f"is refused: {self.details['msg'].lower()}", None

    def _meant_type(self) -> tuple[str, Fix | None]:
        """Return what to write instead of a value of the wrong type, and the same as a fix if it is certain."""
        value, span = plain(self.node), self.node.span
        if isinstance(value, str) and isinstance(self.node, Scalar):
            written = self.node.text
            meant = value.lower() if value.lower() in ("true", "false") else _TRUTH.get(value.lower())
            if self.wanted == "true or false" and meant:
                return f"write `{self.key}: {meant}`", Fix(span, written, meant)
            if self.wanted in ("an integer", "a number") and _is_number(value):
                if self.wanted == "a number" or re.fullmatch("-?(0|[1-9][0-9]*)", value):
                    return f"write it without quotes: `{value}`", Fix(span, written, value)
                return self._type_help(float(value)), None
        return self._type_help(value), None

    def _type_help(self, value: Any) -> str:
        """Return what to write instead of a value of the wrong type."""
        if self.key == "from":
            return "write the name of a layer or an input, or a list of names"
        match self.wanted:
            case "an integer" if isinstance(value, float):
                near = [number for number in (floor(value), ceil(value)) if number or not value]
                return f"write {' or '.join(map(str, dict.fromkeys(near)))}"
            case "a list" if isinstance(value, str | int | float):
                return f"write `{self.key}: [{value}]`"
            case "a list" if isinstance(value, dict):
                return "put `- ` before each item"
            case "a mapping":
                return self._mapping_help()
            case "text" if isinstance(value, int | float):
                return f"write it in quotes if it is text: '{self.node.text if isinstance(self.node, Scalar) else ''}'"
        own = self.field
        example = own.examples[0] if own and own.examples else own.default if own else None
        kinds, other = _EXAMPLES.get(self.wanted or "", ((), "..."))
        if not self.in_list and (not isinstance(example, kinds) or isinstance(example, bool)):
            example = other
        return f"write it as in `{self.key}: {example}`"

    def _mapping_help(self) -> str:
        if self.field is not None and self.field.examples:
            return f"write `{_example(self.key, self.field)}`"
        fields = _fields(_model_at(self.model, self.names))
        required = [_example(key, field) for key, field in fields.items() if field.is_required()]
        if required:
            return f"write `{self.key}: {{{', '.join(required)}}}`"
        if fields:
            return f"indent its keys below it: {', '.join(fields)}"
        return f"write `{self.key}: {{name: value}}`"

    def _range_help(self) -> str:
        """Return the values that are within a key's bounds."""
        bounds = _bounds(self.field)
        if list(bounds) == ["ge"]:
            return f"write {bounds['ge']:g} or more"
        if list(bounds) == ["le"]:
            return f"write {bounds['le']:g} or less"
        words = {"ge": "of at least", "gt": "above", "le": "at most", "lt": "below"}
        return f"write a number {' and '.join(f'{words[bound]} {limit:g}' for bound, limit in bounds.items())}"

    @property
    def field(self) -> FieldInfo | None:
        """The field of the key, if it is one of ours."""
        return _fields(_model_at(self.model, self.names[:-1])).get(self.key) if self.names else None


_KEY_KINDS = {
    "Train": "train key",
    "EarlyStopping": "early_stopping key",
    "Quantize": "quantize key",
    "Calibration": "quantize key",
    "Target": "target key",
    "Budget": "target key",
    "Npy": "data key",
    "Csv": "data key",
    "UnlabelledCsv": "data key",
    "Images": "data key",
    "Audio": "data key",
}


def _kind_of_key(owner: type[Keys] | None) -> str:
    """Return the kind of a class's keys, as `netspec.names.meant` has it."""
    if owner is not None and issubclass(owner, Layer):
        return "layer key"
    return _KEY_KINDS.get(owner.__name__, "key") if owner else "key"


def _bounds(item: Any) -> dict[str, float]:
    """Return the bounds that an annotation sets, those of its items included, the lower one first."""
    found: dict[str, float] = {}
    pending: list[Any] = [item]
    while pending:
        item = pending.pop(0)
        for bound in ("ge", "gt", "le", "lt"):
            if isinstance(limit := getattr(item, bound, None), int | float):
                found.setdefault(bound, limit)
        if isinstance(item, FieldInfo):
            pending.append(item.annotation)
        pending += [*getattr(item, "__args__", ()), *getattr(item, "__metadata__", ()), *_metadata(item)]
    return dict(sorted(found.items()))


def _metadata(item: Any) -> list[Any]:
    return item.metadata if isinstance(item, FieldInfo) else []


def _holding(node: Node, word: str) -> Scalar | None:
    """Return the one scalar at or inside a value, keys included, that is a word; None if there are several."""
    found: list[Scalar] = []
    pending: list[Node] = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            pending += [each for entry in item.entries for each in (entry.key, entry.value)]
        elif isinstance(item, Sequence):
            pending += item.items
        elif item.value == word:
            found.append(item)
    return found[0] if len(found) == 1 else None


def _walk(node: Node, loc: _Loc) -> tuple[list[str], Node, Entry | None, bool, Mapping | None]:
    """Follow `loc` as far as the document goes; parts that name a branch of a union are passed over.

    Return the keys on the way, the node, the entry that it is in, whether it is an item of a list there, and the
    mapping of that entry.
    """
    names: list[str] = []
    last: Entry | None = None
    parent: Mapping | None = None
    in_list = False
    for part in loc:
        if isinstance(node, Mapping) and isinstance(part, str):
            entry = node.entry(part)
            if entry is not None:
                names.append(part)
                parent = node
                node, last, in_list = entry.value, entry, False
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node, in_list = node.items[part], True
    return names, node, last, in_list, parent


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
    """Tell whether a text reads as a finite number; "inf" and "nan" are words to the language."""
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def _example(key: str, field: FieldInfo) -> str:
    """Return a key with a value that it could have, as it is typed."""
    examples = field.examples or ["..."]
    return f"{key}: {examples[0]}"


def _model_at(model: type[Keys], names: list[str]) -> type[Keys] | None:
    """Return the class of the mapping at `names`, if it is one; in a mapping of names to classes a name is any key."""
    current: type[Keys] | None = model
    pending = list(names)
    while pending and current is not None:
        field = _fields(current).get(pending.pop(0))
        annotation = field.annotation if field else None
        if getattr(annotation, "__origin__", None) is dict and pending:
            pending.pop(0)
        current = _class_in(annotation)
    return current


def _class_in(annotation: object) -> type[Keys] | None:
    """Return the class that an annotation names, also within a list or a choice."""
    if isinstance(annotation, type) and issubclass(annotation, Keys):
        return annotation
    found = (_class_in(each) for each in getattr(annotation, "__args__", ()))
    return next((each for each in found if each is not None), None)


def _fields(model: type[Keys] | None) -> dict[str, FieldInfo]:
    """Return a class's fields by the keys that a spec writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()} if model else {}


def _choices(model: type[Keys], names: list[str]) -> list[str]:
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
