"""The tree that a YAML file becomes: scalars, sequences and mappings, each with its span."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from netspec.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `text` is exactly what stands in the file at `span`, quotes and all."""

    value: bool | int | float | str | None
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list. The span of a flow list includes its brackets; that of a block list ends with its last item."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping and its value; `key.value` is a string."""

    key: Scalar
    value: Node

    @property
    def span(self) -> Span:
        """The place of a key and its value; of the key alone where the value stands elsewhere, behind an alias."""
        start, end = self.key.span, self.value.span
        if (end.line, end.column) < (start.line, start.column):
            return start
        return Span(start.path, start.line, start.column, end.end_line, end.end_column)


_MANY = 16
"""Keys; among fewer one is found faster without an index."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order written; keys are unique.

    What a merge key brings in stands where the merge key stood, with the spans of where it was written.
    """

    entries: tuple[Entry, ...]
    span: Span
    _by_key: dict[object, Entry] = field(default_factory=dict, init=False, repr=False, compare=False)

    def entry(self, key: str) -> Entry | None:
        """Return the entry of a key, or None."""
        if len(self.entries) > _MANY:
            if not self._by_key:
                self._by_key.update((entry.key.value, entry) for entry in self.entries)
            return self._by_key.get(key)
        for entry in self.entries:
            if entry.key.value == key:
                return entry
        return None

    def get(self, key: str) -> Node | None:
        """Return the value of a key, or None."""
        entry = self.entry(key)
        return None if entry is None else entry.value

    def keys(self) -> tuple[str, ...]:
        """Return the keys in order."""
        return tuple(str(entry.key.value) for entry in self.entries)


Node: TypeAlias = Scalar | Sequence | Mapping
