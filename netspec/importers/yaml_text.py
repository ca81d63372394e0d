"""Plain values -> YAML that reads them back, in flow style, and lines that are not too long."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORDS = {"true", "false", "null", "nan", "inf", "yes", "no", "on", "off", "y", "n"}


class Written(str):
    """A text that stands in the file as it is, such as `$filters`."""

    __slots__ = ()


def value_text(value: Any) -> str:
    """Return a value as YAML that reads it back. A dollar is doubled: alone it would begin a name."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{value_text(str(key))}: {value_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, Written):
        return str(value)
    text = str(value).replace("$", "$$")
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)


def item_text(kind: str, keys: Mapping[str, Any]) -> str:
    """Return an item of a `layers` list: `relu`, or `dense: {units: 10}`."""
    return f"{kind}: {value_text(keys)}" if keys else kind


def comment_lines(text: str) -> list[str]:
    lines, line = [], "#"
    for word in "".join(char if char.isprintable() else " " for char in text).split():
        if len(line) + 1 + len(word) > WIDTH and line != "#":
            lines.append(line)
            line = "#"
        line += f" {word}"
    return [*lines, line]


def wrapped(line: str, indent: str) -> list[str]:
    """Break a long flow mapping behind commas; a text in quotes may be broken nowhere."""
    lines = []
    breakable = not any(", " in text for text in _QUOTED.findall(line))
    while breakable and len(line) > WIDTH:
        cut = line.rfind(", ", len(indent) + 6, WIDTH)
        if cut < 0:
            break
        lines.append(line[: cut + 1])
        line = f"{indent}    {line[cut + 2 :]}"
    return [*lines, line]
