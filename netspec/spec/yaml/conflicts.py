"""Merge conflicts that git, Mercurial or Jujutsu left in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from netspec.diagnostics import MAX_FAULTS, Diagnostic, Span

_HELP = "keep the lines that are meant, and remove those that begin with `<<<<<<<`, `=======` or `>>>>>>>`"
_MARK = re.compile(r"^(?:(<{7})|(>{7})|={7}|\|{7}|%{7}|\+{7})(?: .*|)$", re.MULTILINE)


def conflicts(text: str) -> Iterator[tuple[int, int]]:
    """Yield the first and the last line of each conflict, counted from 1.

    A conflict begins at `<<<<<<<` and ends at `>>>>>>>`; where one of the two was removed, at the marks that are left.
    """
    first = last = 0
    line, offset = 1, 0
    for match in _MARK.finditer(text):
        line += text.count("\n", offset, match.start())
        offset = match.start()
        if match[1] and first:
            yield first, last
            first = 0
        first, last = first or line, line
        if match[2]:
            yield first, last
            first = 0
    if first:
        yield first, last


def conflict_faults(text: str, path: str, *, whole: bool = False) -> list[Diagnostic]:
    """Return a finding for each conflict; with `whole` only for those of which both ends are there."""
    if not any(mark in text for mark in ("<<<<<<<", ">>>>>>>", "=======")):
        return []
    lines = text.split("\n")
    found = []
    for first, last in islice(conflicts(text), MAX_FAULTS):
        if whole and not (lines[first - 1].startswith("<") and lines[last - 1].startswith(">")):
            continue
        where = f"line {first}" if first == last else f"lines {first} to {last}"
        message = f"a merge conflict is not resolved here, {where}"
        span = Span(path, first, 1, last, len(lines[last - 1]) + 1)
        found.append(Diagnostic("merge-conflict", message, span, help=_HELP))
    return found
