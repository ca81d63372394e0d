"""What a C file declares, defines and mentions, read without a preprocessor: enough for kernel libraries."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_FUNCTION = re.compile(r"\b((?:arm|netspec)_\w+)\s*\(([^(){};]*)\)\s*([;{])")
_NAME = re.compile(r"\b(?:arm|netspec)_\w+")


def declared(text: str) -> dict[str, int]:
    """Return the functions that a header declares, each with its number of arguments.

    Only ``arm_*`` and ``netspec_*`` names are looked at; inline functions do not count, their calls neither.
    """
    return _functions(text, ";")


def defined(text: str) -> dict[str, int]:
    """Return the functions with external linkage that a source file defines, as :func:`declared` does."""
    return _functions(text, "{")


def mentioned(text: str) -> frozenset[str]:
    """Return every ``arm_*`` and ``netspec_*`` name that occurs outside comments and directives."""
    return frozenset(_NAME.findall(_plain(text)))


def _plain(text: str) -> str:
    return _DIRECTIVE.sub("", _COMMENT.sub(" ", text))


def _functions(text: str, end: str) -> dict[str, int]:
    text = _plain(text)
    found: dict[str, int] = {}
    for match in _FUNCTION.finditer(text):
        if match[3] != end:
            continue
        # What stands between the previous statement and the name is a type: empty before a call,
        # `return` or an assignment within an expression.
        start = 1 + max(text.rfind(mark, 0, match.start()) for mark in ";{}")
        before = text[start : match.start()]
        words = before.replace("*", " ").split()
        if not words or "=" in before or words[-1] in ("return", "else") or "static" in before.lower():
            continue
        arguments = match[2].strip()
        found[match[1]] = 0 if arguments in ("", "void") else arguments.count(",") + 1
    return found
