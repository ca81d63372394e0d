"""YAML text -> Document: plain data in which every key and value knows its place in the file.

YAML is read as its 1.2 core schema has it, so `on`, `no` and `1:30` are strings and `1e-3` is a number, with
merge keys on top. Deliberately narrower than YAML, because a spec is plain data that people review:

- no tags, one document a file, string keys only, each key once;
- a key such as `units:8` or `dense:{units` is refused as the slip that it is;
- every number is finite and an integer fits 64 bits; `010` is refused, since YAML 1.1 readers take it for 8
  and YAML 1.2 readers for 10, and one file must not mean two nets;
- every string is printable text (with tabs and newlines);
- depth, file size and what aliases expand to are bounded, so reading takes time linear in the file's size.

Whatever else a file may hold gives a `SpecError` that carries all faults found, never another exception.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from netspec.diagnostics import MAX_FAULTS, Diagnostic, Span, SpecError, nearest
from netspec.spec.yaml.build import UNPRINTABLE, build
from netspec.spec.yaml.conflicts import conflict_faults
from netspec.spec.yaml.nodes import Entry, Mapping, Node, Scalar, Sequence
from netspec.system.files import NoRegularFile, read_at_most
from netspec.system.missing import MEND_LINK, broken_link

__all__ = [
    "MAX_BYTES",
    "Document",
    "Entry",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "load",
    "parse",
    "plain",
    "read",
]

MAX_BYTES = 2**20
"""Largest file that is read: room for ten thousand layers, the most that a net may have, of 100 characters each."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read.

    `text` is what spans count in: without a byte-order mark, every line ending in a single newline. `sha256`
    is of the file's bytes as they are, in hexadecimal.
    """

    path: str
    text: str
    root: Mapping
    sha256: str


def load(path: str | os.PathLike[str]) -> Document:
    """Read and parse a file; raise SpecError if it cannot be read (rule `unreadable-file`) or parsed."""
    name = os.fspath(path)
    return parse(read(name), name)


def read(name: str) -> bytes:
    """Return a file's bytes; raise SpecError if it cannot be read or is larger than `MAX_BYTES`."""
    try:
        data = read_at_most(name, MAX_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        message, help = _why_unreadable(name, error)
        raise SpecError(Diagnostic("unreadable-file", message, Span(name, 1, 1, 1, 1), help=help)) from None
    if data is None:
        refuse_size(name)
    return data


def refuse_size(path: str) -> NoReturn:
    """Raise SpecError for a file of more than `MAX_BYTES`."""
    message = f"the file is larger than {MAX_BYTES // 2**20} MiB"
    _refuse("file-too-large", message, path, help="check that it is a spec")


def refuse_large(data: bytes, path: str) -> None:
    """Raise SpecError for more bytes than `parse` takes."""
    if len(data) > MAX_BYTES:
        refuse_size(path)


def is_text(text: str) -> bool:
    """Return whether a text is fit to be shown: it is not empty and no character in it is unprintable."""
    return bool(text) and not UNPRINTABLE.search(text.replace("\r", ""))


def parse(data: bytes | str, path: str) -> Document:
    """Parse the text of the file that spans will call `path`; raise SpecError with every fault found."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    refuse_large(raw, path)
    text = data if isinstance(data, str) else _decode(data, path)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    _refuse_unprintable(text, path)
    if "<<<<<<<" in text and (conflicts := conflict_faults(text, path, whole=True)):
        raise SpecError(conflicts, {path: text})
    try:
        root = build(text, path)
    except SpecError as error:
        raise SpecError(conflict_faults(text, path) or error.diagnostics, error.sources) from None
    return Document(path, text, root, hashlib.sha256(raw).hexdigest())


def plain(node: Node) -> Any:
    """Return a node as dicts, lists and scalars; what several aliases share becomes a copy for each."""
    if isinstance(node, Mapping):
        return {entry.key.value: plain(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def _why_unreadable(name: str, error: OSError | ValueError) -> tuple[str, str | None]:
    """Return message and help; a missing file's help is the file beside it that was probably meant."""
    folder, base = os.path.split(name)
    if isinstance(error, NoRegularFile):
        return f"{name} is a device or a pipe, not a file", "feed it to standard input: `netspec check - < FILE`"
    if isinstance(error, IsADirectoryError):
        return f"{name} is a folder, not a file", "name a file in it"
    if (link := broken_link(name)) is not None:
        return link, MEND_LINK
    if isinstance(error, FileNotFoundError):
        try:
            close = nearest(base, (each for each in os.listdir(folder or ".") if each != base))
        except (OSError, ValueError):
            return f"there is no file {name}, nor its folder", "check the path"
        return f"there is no file {name}", f"did you mean {os.path.join(folder, close)}?" if close else "check the path"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{name} cannot be read: {reason.lower()}", "check the path and its permissions"


def _decode(data: bytes, path: str) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, whose mark it begins with
        (codecs.BOM_UTF32_BE, "UTF-32"),
        (codecs.BOM_UTF16_LE, "UTF-16"),
        (codecs.BOM_UTF16_BE, "UTF-16"),
    ):
        if data.startswith(mark):
            _refuse("not-utf8", f"the file is {encoding} text, not UTF-8", path, help="save it as UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        lines = re.split(r"\r\n|\r|\n", before)
        message = f"the byte 0x{data[error.start]:02x} here is not UTF-8 text"
        help = "save the file as UTF-8, if it is text at all"
        _refuse("not-utf8", message, path, (len(lines), len(lines[-1]) + 1), help)


def _refuse(rule: str, message: str, path: str, at: tuple[int, int] = (1, 1), help: str | None = None) -> NoReturn:
    raise SpecError(Diagnostic(rule, message, Span(path, *at, *at), help=help))


_NO_TEXT = "check that it is a spec, and saved as UTF-8"


def _refuse_unprintable(text: str, path: str) -> None:
    faults = []
    line, line_start = 1, 0
    for match in UNPRINTABLE.finditer(text):
        offset = match.start()
        line += text.count("\n", line_start, offset)
        line_start = text.rfind("\n", 0, offset) + 1
        column = offset - line_start + 1
        span = Span(path, line, column, line, column + 1)
        if match[0] == "\0":
            message = "the file holds a zero byte, so it is no text"
            faults = [Diagnostic("binary-file", message, span, help=_NO_TEXT)]  # the rest follows from that
            break
        message = f"the file contains the unprintable character U+{ord(match[0]):04X}"
        faults.append(Diagnostic("unprintable", message, span, help="remove it"))
        if len(faults) == MAX_FAULTS:
            break
    if faults:
        raise SpecError(faults, {path: text})
