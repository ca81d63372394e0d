"""`netspec check --fix`: what is certain is put right, every other byte of the file stays.

Finding comes first and knows no file; here fixes are held against the text they are for, put in from the end of the
file backwards, and the result is checked again, until nothing is left to put right.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from netspec.diagnostics import Diagnostic, Fix, Span, SpecError, ToolError, brief, every_fix, in_order, split_lines
from netspec.spec.source import MAX_BYTES, parse
from netspec.system.writing import sync_to_disk

MAX_ROUNDS = 200
"""Each puts at least one thing right. One finds all that can be fixed, but for what a fix uncovers."""
MAX_CHECKED_BYTES = 2 * MAX_BYTES
"""Of all rounds together: a large file of nothing but faults is put right in several runs."""

Check = Callable[[bytes], Iterable[Diagnostic]]
"""Finds what is wrong with the bytes of a spec."""

parsed = lru_cache(maxsize=1)(parse)
"""`parse`, which keeps the last document: what fixes have made of a text is parsed once, for `mend` and its check."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A file's new bytes, and the fixes that led there, each at its place in the text of its round.

    `found` are the findings in the new bytes; None where they were not looked for.
    """

    data: bytes
    fixes: tuple[Fix, ...]
    found: tuple[Diagnostic, ...] | None = None


def settle(found: Iterable[Diagnostic], sources: Mapping[str, str]) -> list[Diagnostic]:
    """Return the findings, without the fixes whose text does not stand where they are for.

    A value that `$name` or an alias put in is written elsewhere, and what is written there may be meant for others. A
    name in quotes is replaced inside them.
    """
    lines: dict[str, list[str]] = {}
    settled = []
    for each in found:
        if each.fix is not None:
            path = each.fix.span.path
            if path not in lines:
                lines[path] = split_lines(sources.get(path, ""))
            each = replace(each, fix=_settled(each.fix, lines[path]))
        settled.append(each)
    return settled


def _settled(fix: Fix, lines: list[str]) -> Fix | None:
    span = fix.span
    if span.line != span.end_line or span.line > len(lines):
        return None
    written = lines[span.line - 1][span.column - 1 : span.end_column - 1]
    if written == fix.original:
        return fix
    if written[:1] in ("'", '"') and written[1:-1] == fix.original:
        return Fix(span, written, f"{written[0]}{fix.replacement}{written[0]}")
    return None


def mend(data: bytes, path: str, check: Check) -> Mended:
    """Return a spec with everything put right that is certain. `check` takes its bytes at each step."""
    done: list[Fix] = []
    for round in range(MAX_ROUNDS):
        if round and (round + 1) * len(data) > MAX_CHECKED_BYTES:
            break
        with every_fix():
            found = tuple(check(data))
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return Mended(data, tuple(done), found)
        fixes = _apart(each.fix for each in settle(in_order(found), {path: text}) if each.fix)
        data, kept = _put_in(data, path, [fix for fix in fixes if fix.span.path == path])
        done += kept
        if not kept:
            return Mended(data, tuple(done), found)
    return Mended(data, tuple(done))


def _apart(fixes: Iterable[Fix | None]) -> list[Fix]:
    """Return fixes of which no two touch the same text, the first of two that do; in order."""
    kept: list[Fix] = []
    for fix in sorted((fix for fix in fixes if fix is not None), key=lambda each: each.span):
        if not kept or (kept[-1].span.end_line, kept[-1].span.end_column) <= (fix.span.line, fix.span.column):
            kept.append(fix)
    return kept


def _put_in(data: bytes, path: str, fixes: list[Fix]) -> tuple[bytes, list[Fix]]:
    """Return the bytes with the fixes in, and those fixes; if together they spoil the file, those that alone do not."""
    if not fixes:
        return data, []
    together = replaced(data, fixes)
    if _is_yaml(together, path):
        return together, fixes
    kept: list[Fix] = []
    most = max(1, MAX_CHECKED_BYTES // len(data))
    for fix in reversed(fixes[:most]):  # backwards, so that the places of those before it stay
        alone = replaced(data, [fix])
        if _is_yaml(alone, path):
            data = alone
            kept.insert(0, fix)
    return data, kept


def _is_yaml(data: bytes, path: str) -> bool:
    try:
        parsed(data, path)
    except SpecError:
        return False
    return True


def replaced(data: bytes, fixes: Iterable[Fix]) -> bytes:
    """Return the bytes of a UTF-8 text with the fixes in; line endings and a byte-order mark stay as they are."""
    text = data.decode("utf-8")
    first = len(text) - len(text.removeprefix("\ufeff"))
    starts = [first, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + column - 1

    pieces, done = [], 0
    for fix in sorted(fixes, key=lambda each: each.span):
        begin = offset(fix.span.line, fix.span.column)
        end = offset(fix.span.end_line, fix.span.end_column)
        assert text[begin:end] == fix.original, f"{fix} is for another text"
        pieces += [text[done:begin], fix.replacement]
        done = end
    return "".join([*pieces, text[done:]]).encode("utf-8")


def described(fix: Fix) -> str:
    """Return a line that says what was put right."""
    span: Span = fix.span
    return brief(f"{span.path}:{span.line}:{span.column}: {fix.original} -> {fix.replacement}")


def write(path: str, data: bytes) -> None:
    """Replace a file's bytes at once, or not at all; a link stays a link, and the mode what it was."""
    target = Path(os.path.realpath(path))
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(name, mode)
            sync_to_disk(Path(name))
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ToolError(f"{path} cannot be written: {reason}", "check its permissions and its folder's") from error
