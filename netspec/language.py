"""Document -> flat list of layer items, each with the place where the user wrote it.

An item of `layers` is a bare type (`- flatten`) or a mapping with exactly one key, the type, whose value holds the
layer's keys. What an item means is not known here: that is `layers` and `spec`.
"""

from __future__ import annotations

from dataclasses import dataclass

from netspec.diagnostics import Diagnostic, Span
from netspec.source import Document, Mapping, Node, Scalar, Sequence


@dataclass(frozen=True, slots=True)
class Item:
    """One layer as written: its type and the mapping of its keys (empty for a bare type)."""

    type: str
    type_span: Span
    keys: Mapping
    place: str

    def span_of(self, key: str | None) -> Span:
        """Return the place of a key's value; of the type where the key is not written."""
        node = self.keys.get(key) if key else None
        return node.span if node is not None else self.type_span


def layer_items(document: Document) -> tuple[tuple[Item, ...], tuple[Diagnostic, ...]]:
    """Return the items of `layers`, in order, and a diagnostic for each item that is malformed."""
    node = document.root.get("layers")
    if node is None or not isinstance(node, Sequence):  # its own section says so
        return (), ()
    read = [_item(written, f"layers[{index}]") for index, written in enumerate(node.items)]
    return (
        tuple(item for item in read if isinstance(item, Item)),
        tuple(item for item in read if isinstance(item, Diagnostic)),
    )


def _item(node: Node, place: str) -> Item | Diagnostic:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return Item(node.value, node.span, Mapping((), node.span), f"{place}.{node.value}")
    if isinstance(node, Mapping) and len(node.entries) == 1:
        entry = node.entries[0]
        layer_type, keys = entry.key.text, entry.value
        if isinstance(keys, Scalar) and keys.value is None:
            keys = Mapping((), entry.key.span)
        if isinstance(keys, Mapping):
            return Item(layer_type, entry.key.span, keys, f"{place}.{layer_type}")
        return Diagnostic(
            "wrong-type",
            f"the keys of {layer_type} must be a mapping, not '{_text(keys)}'",
            keys.span,
            help=f"write `- {layer_type}: {{key: value}}`",
            path=f"{place}.{layer_type}",
        )
    if isinstance(node, Mapping):
        keys_written = ", ".join(f"'{key}'" for key in node.keys())
        span = node.entries[1].key.span if node.entries else node.span
        return Diagnostic(
            "layer-form",
            f"a layer is a mapping with one key, its type; this one has {keys_written or 'none'}",
            span,
            help="indent the layer's keys below the type, or write `- type: {key: value}`",
            path=place,
        )
    return Diagnostic(
        "layer-form",
        f"a layer is a type or a mapping with one key, not '{_text(node)}'",
        node.span,
        help="write `- flatten` or `- dense: {units: 10}`",
        path=place,
    )


def _text(node: Node) -> str:
    return (node.text or "null") if isinstance(node, Scalar) else "a list"
