"""One item of a `layers` list: as it is written, and as the rest of the house gets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netspec.diagnostics import Diagnostic, Note, Span
from netspec.spec.language.faults import used_here
from netspec.spec.source import Mapping, Node, Scalar, Sequence


@dataclass(frozen=True, slots=True)
class Item:
    """One layer of the unrolled list.

    `keys` hold what is written, with names and numbers put in for `$name` and `${...}`, the layer's full name as
    `name`, and full names in `from`. Every span is a place in the file: that of `$name` for the value that replaced
    it. `uses` are the places of the block uses that the layer comes from, innermost first; `origins` tell at which
    spans values were put in and where they come from; `unknown` are the paths of values that a fault already told of
    leaves without meaning. `lost` says that nobody knows what the layer reads, which was told.
    """

    type: str
    type_span: Span
    keys: Mapping
    place: str
    name: str
    uses: tuple[Span, ...] = ()
    origins: tuple[tuple[Span, Note], ...] = ()
    unknown: frozenset[str] = frozenset()
    lost: bool = False

    def span_of(self, key: str | None) -> Span:
        """Return the place of a key's value; of the type where the key is not written."""
        node = self.keys.get(key) if key else None
        return node.span if node is not None else self.type_span

    def notes(self, span: Span | None = None) -> tuple[Note, ...]:
        """Return what to add to a finding about this layer: where the values at `span` come from, and the uses."""
        return (*(origin_notes(self.origins, span) if span is not None else ()), *used_here(self.uses))


def origin_notes(origins: Iterable[tuple[Span, Note]], span: Span) -> tuple[Note, ...]:
    """Return the notes of the values that were put in at `span`, or inside it or around it."""
    return tuple({note: None for place, note in origins if _overlap(place, span)})


def _overlap(one: Span, other: Span) -> bool:
    return (
        one.path == other.path
        and (one.line, one.column) < (other.end_line, other.end_column)
        and (other.line, other.column) < (one.end_line, one.end_column)
    )


@dataclass(frozen=True, slots=True)
class Written:
    """An item as it stands in a `layers` list, of whatever type; `keys` is None if they are no mapping."""

    type: str
    type_span: Span
    keys: Mapping | None
    place: str


def read_item(node: Node, place: str) -> tuple[Written | None, Diagnostic | None]:
    """Return an item of a `layers` list, as far as it can be read, and what is wrong with its form."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return Written(node.value, node.span, Mapping((), node.span), f"{place}.{node.value}"), None
    if isinstance(node, Mapping) and len(node.entries) == 1:
        entry = node.entries[0]
        item_type, span, keys = str(entry.key.value), entry.key.span, entry.value
        place = f"{place}.{item_type}"
        if isinstance(keys, Scalar) and keys.value is None:
            keys = Mapping((), span)
        if isinstance(keys, Mapping):
            return Written(item_type, span, keys, place), None
        message = f"the keys of {item_type} must be a mapping, not {shown(keys)}"
        help = f"write `- {item_type}: {{key: value}}`"
        fault = Diagnostic("wrong-type", message, keys.span, help=help, path=place)
        return Written(item_type, span, None, place), fault
    if isinstance(node, Mapping):
        keys_written = ", ".join(f"'{entry.key.value}'" for entry in node.entries)
        message = f"a layer is a mapping with one key, its type; this one has {keys_written or 'none'}"
        help = "indent the layer's keys below the type, or write `- type: {key: value}`"
        span = node.entries[1].key.span if node.entries else node.span
        return None, Diagnostic("layer-form", message, span, help=help, path=place)
    message = f"a layer is a type or a mapping with one key, not {shown(node)}"
    help = "write `- flatten` or `- dense: {units: 10}`"
    return None, Diagnostic("layer-form", message, node.span, help=help, path=place)


def shown(node: Node) -> str:
    """Return a value as messages print it."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    text = " ".join(str(node.value).split()) if isinstance(node.value, str) else node.text
    return f"'{text if len(text) <= 40 else text[:39] + '…'}'" if text else "nothing"
