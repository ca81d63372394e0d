"""Numbers and text as C and its comments hold them."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from netspec.ops import Shape

_COLUMNS = 120
_LARGEST = float.fromhex("0x1.fffffep127")  # of float32
_INITIALIZER_COLUMNS = 112


def float32(value: float) -> str:
    """Return a float literal that a C compiler reads as the same float32: the fewest digits that do, with an `f`."""
    exact = struct.unpack("<f", struct.pack("<f", value))[0]
    for digits in range(1, 10):
        text = f"{exact:.{digits}g}"
        # Few digits of the largest float32 values are past them.
        if abs(float(text)) <= _LARGEST and struct.unpack("<f", struct.pack("<f", float(text)))[0] == exact:
            break
    return f"{float(text)!r}f"


def float_rows(values: Sequence[float]) -> list[str]:
    """Return the lines of an initializer of floats."""
    texts = [float32(value) for value in values]
    return [", ".join(texts[at : at + 6]) for at in range(0, len(texts), 6)]


def signed(value: int) -> str:
    """Return an integer as the body of a macro: in parentheses if it has a sign."""
    return f"({value})" if value < 0 else str(value)


def shape_text(shape: Shape) -> str:
    """Return a shape as the spec's reader knows it: (8, 8, 1)."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def rows(values: Sequence[int], per_group: int) -> list[str]:
    """Return the lines of an initializer; each group of `per_group` values begins a new line."""
    width = max(map(len, map(str, values)), default=1)
    per_line = max(1, _INITIALIZER_COLUMNS // (width + 2))
    if per_line < per_group and per_line > 16:
        per_line = 16
    texts = [f"{value:{width}d}" for value in values]
    if per_group <= per_line:
        # Short groups share a line, as many as fit whole.
        per_group = per_line = per_line // per_group * per_group
    return [
        ", ".join(texts[at : min(at + per_line, start + per_group)])
        for start in range(0, len(texts), per_group)
        for at in range(start, min(start + per_group, len(texts)), per_line)
    ]


def wrapped(text: str) -> str:
    """Return C text with its long lines broken: code behind a comma, comments between words.

    A line that cannot be broken so (a directive, one long name) stays.
    """
    return "\n".join(part for line in text.split("\n") for part in _broken(line))


def _broken(line: str) -> list[str]:
    if len(line) <= _COLUMNS or line.startswith("#") or line.endswith("\\"):  # a macro's line holds strings of users
        return [line]
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    if body.startswith("/*") and body.endswith("*/"):
        return [f"{indent}/*", *_broken(f"{indent} * {body[2:-2].strip()}"), f"{indent} */"]
    if body.startswith("* "):
        return _at_last(line, " ", f"{indent}* ")
    if " /* " in body:
        code, comment = line.rsplit(" /* ", 1)
        return [*_broken(f"{indent}/* {comment}"), *_broken(code)]
    return _at_last(line, ", ", f"{indent}    ")


def _at_last(line: str, mark: str, continued: str) -> list[str]:
    end = line.rfind(mark, len(continued), _COLUMNS)
    if end < 0:
        return [line]
    return [line[: end + len(mark.rstrip())], *_broken(continued + line[end + len(mark) :])]


def c_string(text: str) -> str:
    """Return text as a string literal that every compiler reads as the same UTF-8 bytes.

    Escapes are octal, since those end after three digits; `?` is escaped because of trigraphs.
    """
    return '"' + "".join(map(_c_byte, text.encode("utf-8", "backslashreplace"))) + '"'


def _c_byte(byte: int) -> str:
    char = chr(byte)
    if char in '"\\?':
        return f"\\{char}"
    return char if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def code_span(text: str) -> str:
    """Return text as code in a cell of a Markdown table; what does not print is escaped."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence, blank = "`" * (longest + 1), " " if longest or shown != shown.strip() else ""
    return f"{fence}{blank}{shown}{blank}{fence}".replace("|", "\\|")


def harmless(text: str) -> str:
    """Return `text` such that it can stand in a comment, a string literal or a line of CMake: one line, no tricks."""
    return "".join(char if char.isalnum() or char in " ._-+()" else "_" for char in text)
