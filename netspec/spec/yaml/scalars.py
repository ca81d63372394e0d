"""What a plain (unquoted) YAML scalar means: the core schema of YAML 1.2, chapter 10.3, minus what misleads.

So `1e-3`, `.5`, `0x1F` and `0o17` are numbers; `on`, `no`, `1:30`, `1_000` and `2024-01-01` are strings.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

Value = bool | int | float | str | None

_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(
    r"(?P<integer>[-+]?[0-9]+)"
    r"|(?P<octal>0o[0-7]+)"
    r"|(?P<hexadecimal>0x[0-9a-fA-F]+)"
    r"|(?P<real>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<endless>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
_LONGEST_INTEGER = 24
"""Characters; 64 bits need at most 24 (0o, 22 digits), and Python refuses to convert thousands of digits."""


@dataclass(frozen=True, slots=True)
class BadNumber(Exception):
    """A scalar that YAML takes for a number, but that a spec may not hold."""

    rule: str
    message: str
    help: str


def short(text: str, limit: int = 40) -> str:
    """Return text fit for a message: on one line and not longer than `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def resolve(text: str) -> Value:
    """Return the value of a plain scalar; raise BadNumber for a number outside the language."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    kind = match.lastgroup
    if kind == "endless":
        raise _not_finite(text)
    if kind == "real":
        number = float(text)
        if not math.isfinite(number):
            raise _not_finite(text)
        return number
    if kind == "integer":
        digits = text.lstrip("+-")
        if digits[0] == "0" and len(digits) > 1:
            raise BadNumber(
                "leading-zero",
                f"`{short(text)}` starts with a zero: octal to some readers of YAML, decimal to others",
                f"write it without the zero, or in quotes if it is text: '{short(text)}'",
            )
    base = {"integer": 10, "octal": 8, "hexadecimal": 16}[str(kind)]
    if len(text) <= _LONGEST_INTEGER:
        value = int(text, base) if base == 10 else int(text[2:], base)
        if -(2**63) <= value < 2**63:
            return value
    raise BadNumber(
        "integer-too-large",
        f"the integer {short(text)} does not fit 64 bits",
        f"write it in quotes if it is text: '{short(text)}'",
    )


def _not_finite(text: str) -> BadNumber:
    return BadNumber(
        "not-finite",
        f"`{short(text)}` is not a finite number",
        f"leave the key out if there is no limit, or write it in quotes if it is text: '{short(text)}'",
    )
