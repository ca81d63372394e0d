"""The layer that a wrapper holds under `layer`, as an item of its own with the places where it was written."""

from __future__ import annotations

from dataclasses import replace

from netspec.diagnostics import Span
from netspec.spec.language import Item
from netspec.spec.language.items import read_item


def held_item(item: Item) -> Item | None:
    """Return the held layer's item; None where there is none, or none that can be read."""
    node = item.keys.get("layer")
    written, fault = read_item(node, f"{item.place}.layer") if node is not None else (None, None)
    if written is None or written.keys is None or fault is not None:
        return None
    return replace(item, type=written.type, type_span=written.type_span, keys=written.keys, place=written.place)


def locate(item: Item, field: str | None) -> tuple[Span, str]:
    """Return the span and the path of a key that is written, of its layer's type where it is not.

    `layer.units` is a key of the layer that a wrapper holds. Without a field it is the layer's type.
    """
    key, _, further = (field or "").partition(".")
    entry = item.keys.entry(key) if key else None
    if entry is None:
        return item.type_span, item.place
    held = held_item(item) if further else None
    return locate(held, further) if held is not None else (entry.span, f"{item.place}.{key}")
