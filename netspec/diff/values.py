"""The keys of layers and sections as plain values, and which of them differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from netspec.layers.base import Layer

_WIRING = frozenset(["name", "from_"])


@dataclass(frozen=True, slots=True)
class Change:
    """A key with its value before and after, as plain data; None where there is none."""

    key: str
    before: Any
    after: Any


def layer_keys(layers: Iterable[Layer]) -> list[dict[str, Any]]:
    """Return of each layer every key but its name and wiring, defaults included: `3` and `[3, 3]` are the same kernel.

    Layers with the same keys share one mapping: in a long net there are few.
    """
    found: dict[tuple[type[Layer], str], dict[str, Any]] = {}
    keys = []
    for layer in layers:
        values = layer.__dict__
        written = type(layer), repr([values[name] for name in layer.keys if name not in _WIRING])
        if written not in found:
            found[written] = plain(layer.model_dump(by_alias=True, exclude=_WIRING))
        keys.append(found[written])
    return keys


def plain(value: Any) -> Any:
    """Return a validated value as lists, mappings and scalars; `("l2", (("l2", 0.1),))` becomes `{l2: 0.1}`."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if not isinstance(value, list | tuple):
        return value
    if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict | list | tuple):
        name, arguments = value[0], plain(dict(value[1]))
        return {name: arguments[name]} if list(arguments) == [name] else {name: arguments}
    return [plain(item) for item in value]


def changes(before: Any, after: Any, key: str = "") -> Iterator[Change]:
    """Yield what differs, a change a key; mappings with no key in common, `{npz: ...}` and `{csv: ...}`, are values."""
    mappings = isinstance(before, dict) and isinstance(after, dict)
    if mappings and (before.keys() & after.keys() or not (before and after and key)):
        for name in dict.fromkeys((*before, *after)):
            yield from changes(before.get(name), after.get(name), f"{key}.{name}" if key else name)
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield Change(key, before, after)


def shown(value: Any, widest: int = 60) -> str:
    """Return a value as a spec would have it, in flow style and cut to a line; `unset` where there is none."""
    text = _flow(value)
    return text if len(text) <= widest else f"{text[: widest - 3]}..."


def _flow(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        if list(value.values()) == [{}]:
            return str(next(iter(value)))  # `adam`, an optimizer without arguments
        return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, str):
        return " ".join(value.split()) or "''"
    return str(value)
