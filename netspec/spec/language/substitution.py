"""`$name` and `${...}` in values.

A value that is `$name` as a whole is replaced by that of a parameter or variable, keeping its type; so is `${name}`.
Any other `${...}` is integer arithmetic; inside a longer text the result is put in as text (`name: conv_${width}`).
`$$` is a dollar. Keys are never substituted, nor is what was put in substituted again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field

from netspec.diagnostics import Note, Span, did_you_mean
from netspec.spec.language.arithmetic import ExpressionError, evaluate
from netspec.spec.language.faults import Faults
from netspec.spec.language.items import shown
from netspec.spec.source import Entry, Mapping, Node, Scalar, Sequence

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INPUT = "$input"
MAX_TEXT = 1_000
"""Longest text, in characters, that `${...}` inside may make."""
MAX_VALUE_NODES = 10_000
"""Largest value of a variable or parameter, in lists, mappings and the values in them."""
MAX_VALUE_DEPTH = 100
MAX_NODES = 300_000
"""Most values that all `$name` of a spec together may put in."""

_WHOLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\})")
_PIECE = re.compile(r"\$\$|\$\{(?P<expression>[^{}]*)(?P<end>\}?)")


@dataclass(frozen=True, slots=True)
class Value:
    """What a name stands for. `level` is the depth of the block that the value is written in, 0 outside of blocks."""

    node: Node
    level: int
    nodes: int


class Environment:
    """The names that may be used at one place: `values` as far as they are known, in what surrounds them.

    A name in `declared` without a value stands further down; one whose value is None was told to be wrong.
    `complete` is False where a section that declares names could not be read.
    """

    def __init__(
        self, kind: str, declared: Dict[str, Span], parent: Environment | None = None, *, complete: bool = True
    ) -> None:
        self.kind = kind
        self.declared = declared
        self.parent = parent
        self.complete = complete
        self.values: dict[str, Value | None] = {}

    def owner(self, name: str) -> Environment | None:
        """Return the innermost environment that declares a name."""
        environment: Environment | None = self
        while environment is not None and name not in environment.declared:
            environment = environment.parent
        return environment

    def names(self) -> list[str]:
        return [*self.declared, *(self.parent.names() if self.parent else ())]

    def is_complete(self) -> bool:
        return self.complete and (self.parent is None or self.parent.is_complete())


@dataclass(slots=True)
class Trace:
    """What substitution did: where values came from, and the paths of those that have none, which was told."""

    origins: list[tuple[Span, Note]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)


class _NoValue(Exception):
    """A name whose value is wrong, which was told where it is given."""


class Substitution:
    """Puts values in. `nodes` counts what `$name` has put in so far."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.nodes = 0
        self._has_dollar: dict[int, bool] = {}

    def apply(self, node: Node, environment: Environment, path: str, trace: Trace) -> Node:
        """Return a node with the values put in; one without a value stays as it is and its path becomes unknown."""
        if not self.has_dollar(node):
            return node
        if isinstance(node, Sequence):
            items = tuple(self.apply(item, environment, path, trace) for item in node.items)
            return Sequence(items, node.span)
        if isinstance(node, Mapping):
            entries = (
                Entry(entry.key, self.apply(entry.value, environment, f"{path}.{entry.key.value}", trace))
                for entry in node.entries
            )
            return Mapping(tuple(entries), node.span)
        return self._scalar(node, environment, path, trace)

    def look_up(self, node: Scalar, environment: Environment, path: str, trace: Trace) -> Value | None:
        """Return what a scalar stands for that `is_name`; None if that is unknown, which has been told."""
        text = str(node.value)
        match = _WHOLE.fullmatch(text)
        assert match is not None
        name = match[1] or match[2]
        try:
            value = self._find(name, environment)
            trace.origins.append((node.span, _origin(name, value)))
            self.nodes += value.nodes
            if self.nodes > MAX_NODES:
                message = f"the values put in for names come to more than {MAX_NODES:,}"
                raise ExpressionError(message, help="use long lists less often", rule="expansion-too-large")
        except _NoValue:
            trace.unknown.add(path)
            return None
        except ExpressionError as error:
            self._tell(error, node, 0, len(text), path, trace)
            return None
        return value

    def has_dollar(self, node: Node) -> bool:
        if isinstance(node, Scalar):
            return isinstance(node.value, str) and "$" in node.value
        known = self._has_dollar.get(id(node))
        if known is None:
            inner = node.items if isinstance(node, Sequence) else (entry.value for entry in node.entries)
            known = self._has_dollar[id(node)] = any(map(self.has_dollar, inner))
        return known

    def _scalar(self, node: Scalar, environment: Environment, path: str, trace: Trace) -> Node:
        text = str(node.value)
        if text == INPUT and environment.owner("input") is None:
            message = f"`{INPUT}` stands for layers, so it means something in `from` only"
            error = ExpressionError(message, help=f"write `from: {INPUT}`", rule="unknown-name")
            self._tell(error, node, 0, len(text), path, trace)
            return node
        if is_name(node):
            value = self.look_up(node, environment, path, trace)
            return moved(value.node, node.span) if value is not None else node
        return self._expressions(node, text, environment, path, trace)

    def _expressions(self, node: Scalar, text: str, environment: Environment, path: str, trace: Trace) -> Node:
        """Return a text with its `${...}` evaluated; as an integer if it is one expression as a whole."""
        pieces: list[str] = []
        position = 0
        for match in _PIECE.finditer(text):
            pieces.append(text[position : match.start()])
            position = match.end()
            if match[0] == "$$":
                pieces.append("$")
                continue
            try:
                if not match["end"]:
                    raise ExpressionError("this `${` is never closed", help="add the `}`, or write `$${` for the text")
                is_whole = match.span() == (0, len(text))
                result = self._evaluate(match["expression"], environment, node.span, trace, as_text=not is_whole)
                if is_whole:
                    return Scalar(result, node.span, str(result))
                pieces.append(str(result))
                if sum(map(len, pieces)) > MAX_TEXT:
                    message = f"the text becomes longer than {MAX_TEXT:,} characters"
                    raise ExpressionError(message, help="put fewer values in", rule="expansion-too-large").at(
                        -2, len(match["expression"]) + 1
                    )
            except _NoValue:
                trace.unknown.add(path)
                return node
            except ExpressionError as error:
                shift = match.start() + 2
                start = shift - 2 if error.start is None else shift + error.start
                self._tell(error, node, start, match.end() if error.end is None else shift + error.end, path, trace)
                return node
        result = "".join(pieces) + text[position:]
        return Scalar(result, node.span, result) if pieces else node

    def _evaluate(
        self, expression: str, environment: Environment, span: Span, trace: Trace, *, as_text: bool
    ) -> int | str:
        def integer(name: str) -> int:
            value = self._find(name, environment)
            trace.origins.append((span, _origin(name, value)))
            number = value.node.value if isinstance(value.node, Scalar) else None
            if isinstance(number, bool) or not isinstance(number, int):
                message = f"`{name}` is {_described(value.node)}, and arithmetic is on integers"
                raise ExpressionError(message, help=f"use `${name}` as a whole value", rule="bad-arithmetic")
            return number

        name = expression.strip()
        if as_text and NAME.fullmatch(name):
            start = expression.index(name)
            try:
                value = self._find(name, environment)
            except ExpressionError as error:
                raise error.at(start, start + len(name)) from None
            trace.origins.append((span, _origin(name, value)))
            plain = value.node.value if isinstance(value.node, Scalar) else None
            if isinstance(plain, str):
                return plain
            if plain is None or isinstance(plain, bool):
                message = f"`{name}` is {_described(value.node)}, which cannot stand inside a text"
                help = f"use `${name}` as a whole value"
                raise ExpressionError(message, help=help, rule="bad-arithmetic").at(start, start + len(name))
            return str(plain)
        return evaluate(expression, integer)

    def _find(self, name: str, environment: Environment) -> Value:
        owner = environment.owner(name)
        if owner is None:
            if not environment.is_complete():
                raise _NoValue
            known = environment.names()
            help = did_you_mean(name, known) or _known_names(known)
            raise ExpressionError(f"there is no variable or parameter '{name}'", help=help, rule="unknown-name")
        if name not in owner.values:
            message = f"the {owner.kind} '{name}' gets its value further down"
            raise ExpressionError(message, help="move it above what uses it", rule="unknown-name")
        value = owner.values[name]
        if value is None:
            raise _NoValue
        return value

    def _tell(self, error: ExpressionError, node: Scalar, start: int, end: int, path: str, trace: Trace) -> None:
        trace.unknown.add(path)
        span = _inside(node, start, end)
        notes = tuple(dict.fromkeys(note for place, note in trace.origins if place == node.span))
        self.faults.tell(error.rule, error.message, span, help=error.help, notes=notes, path=path)


def is_name(node: Node) -> bool:
    """Say whether a value is `$name` or `${name}` as a whole."""
    return isinstance(node, Scalar) and isinstance(node.value, str) and _WHOLE.fullmatch(node.value) is not None


def measured(node: Node, level: int) -> Value | None:
    """Return a node as the value of a name; None if it is too large or too deep to be put in many times."""
    count, pending = 0, [(node, 1)]
    while pending:
        item, depth = pending.pop()
        count += 1
        if count > MAX_VALUE_NODES or depth > MAX_VALUE_DEPTH:
            return None
        if isinstance(item, Sequence):
            pending += [(inner, depth + 1) for inner in item.items]
        elif isinstance(item, Mapping):
            pending += [(entry.value, depth + 1) for entry in item.entries]
    return Value(node, level, count)


def moved(node: Node, span: Span) -> Node:
    """Return a value as standing at `span`; what is inside a list or mapping keeps its own place."""
    if isinstance(node, Scalar):
        return Scalar(node.value, span, node.text)
    return Sequence(node.items, span) if isinstance(node, Sequence) else Mapping(node.entries, span)


def _origin(name: str, value: Value) -> Note:
    return Note(f"{name} is {_plainly(value.node)} here", value.node.span)


def _plainly(node: Node) -> str:
    return shown(node) if not isinstance(node, Scalar) or isinstance(node.value, str) else node.text or "null"


def _described(node: Node) -> str:
    """Return a value with its type, as in "the text 'same'"."""
    if not isinstance(node, Scalar):
        return shown(node)
    value = node.value
    if isinstance(value, str):
        return f"the text {shown(node)}"
    if isinstance(value, bool):
        return f"the boolean {node.text}"
    if isinstance(value, float):
        return f"the fraction {node.text}"
    return f"the integer {node.text}" if isinstance(value, int) else "null"


def _known_names(known: list[str]) -> str:
    if not known:
        return "write `$$` for a dollar in a text, or define it in `vars`"
    listed = ", ".join(list(dict.fromkeys(known))[:10])
    return f"the names are {listed}" + (" and more" if len(known) > 10 else "")


def _inside(node: Scalar, start: int, end: int) -> Span:
    """Return the place of some characters of a text; of all of it where escapes or line breaks blur that."""
    span, text = node.span, str(node.value)
    shift = 0 if node.text == text else 1 if node.text[1:-1] == text else None
    if shift is None or span.line != span.end_line:
        return span
    column = span.column + shift
    return Span(span.path, span.line, column + start, span.line, column + max(end, start + 1))
