"""Numbers and text as C and its comments hold them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from netspec.ops import Shape

_WIDTH = 112


def float32(value: float) -> str:
    """Return a float literal that a C compiler reads as the same float32: the fewest digits that do, with an `f`."""
    exact = struct.unpack("<f", struct.pack("<f", value))[0]
    for digits in range(1, 10):
        text = f"{exact:.{digits}g}"
        if struct.unpack("<f", struct.pack("<f", float(text)))[0] == exact:
            break
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def shape_text(shape: Shape) -> str:
    """Return a shape as the spec's reader knows it: (8, 8, 1)."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def rows(values: Sequence[int], per_group: int) -> list[str]:
    """Return the lines of an initializer; each group of `per_group` values begins a new line."""
    width = max(map(len, map(str, values)), default=1)
    per_line = max(1, _WIDTH // (width + 2))
    if per_line < per_group and per_line > 16:
        per_line = 16
    lines = []
    texts = [f"{value:{width}d}" for value in values]
    # Short groups share a line as long as whole ones fit.
    per_group = max(1, per_group)
    if per_group <= per_line:
        step = per_line // per_group * per_group
        return [", ".join(texts[at : at + step]) for at in range(0, len(texts), step)]
    for start in range(0, len(texts), per_group):
        end = min(start + per_group, len(texts))
        lines += [", ".join(texts[at : min(at + per_line, end)]) for at in range(start, end, per_line)]
    return lines


def harmless(text: str) -> str:
    """Return `text` such that it can stand in a comment, a string literal or a line of CMake: one line, no tricks."""
    return "".join(char if char.isalnum() or char in " ._-+()" else "_" for char in text)
