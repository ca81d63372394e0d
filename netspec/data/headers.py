"""What a file says of an array before the array begins: NumPy's .npy header, read without NumPy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import IO, Any

from netspec.ops import Shape

MAGIC = b"\x93NUMPY"
_LONGEST = 10_000
"""Bytes of a header that are believed; NumPy's own limit."""
_DEEPEST = 4
_MOST_AXES = 64
"""NumPy's own limit."""
_NAMES = {"f": "float", "i": "int", "u": "uint", "c": "complex"}
_OTHERS = {
    "b": "bool",
    "U": "text",
    "S": "bytes",
    "O": "Python objects",
    "M": "dates",
    "m": "durations",
    "V": "records",
}


class HeaderError(Exception):
    """A file is not what its name says, or lies."""


@dataclass(frozen=True, slots=True)
class Header:
    """Shape and type of an array: `order` is < or >, `kind` NumPy's letter, `itemsize` in bytes."""

    shape: Shape
    kind: str
    itemsize: int
    order: str = "<"
    fortran: bool = False

    @property
    def dtype(self) -> str:
        """The type as people write it: float32, text."""
        if self.kind in _NAMES:
            return f"{_NAMES[self.kind]}{8 * self.itemsize}"
        return _OTHERS.get(self.kind, "of an unknown type")

    @property
    def numeric(self) -> bool:
        return self.kind in "fiub"

    @property
    def samples(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.itemsize


def read_header(stream: IO[bytes], length: int | None = None, *, scalars: bool = False) -> tuple[Header, int]:
    """Return the header of the .npy that `stream` stands at, and how many bytes it takes.

    The format is that of numpy.lib.format, versions 1 to 3. `length` is how many bytes the .npy has, where that is
    known. Raises `HeaderError` for what is none, for Python objects (a pickle, which nothing here ever opens), for
    a header that promises more than there is and, unless `scalars`, for a single number.
    """
    start = stream.read(8)
    if len(start) < 8 or not start.startswith(MAGIC):
        raise HeaderError("it does not begin as a .npy does" if start else "it is empty")
    width = 2 if start[6] == 1 else 4
    if start[6] not in (1, 2, 3):
        raise HeaderError(f"its format {start[6]}.{start[7]} is not known")
    size = int.from_bytes(stream.read(width), "little")
    if size > _LONGEST:
        raise HeaderError(f"its header claims {size} bytes")
    text = stream.read(size)
    if len(text) < size:
        raise HeaderError("it ends within its header")
    header = _parse(text.decode("latin-1" if start[6] < 3 else "utf-8", "replace"))
    taken = 8 + width + size
    if header.kind == "O":
        raise HeaderError("it holds Python objects, a pickle, which may run code and is never opened")
    if not header.shape and not scalars:
        raise HeaderError("it holds a single number, without an axis of samples")
    if length is not None and taken + header.nbytes > length:
        raise HeaderError(
            f"its header promises {header.nbytes:,} bytes of values, {max(length - taken, 0):,} are there"
        )
    return header, taken


def _parse(text: str) -> Header:
    fields = _value(_Tokens(text), 0)
    if not isinstance(fields, dict) or not {"descr", "fortran_order", "shape"} <= fields.keys():
        raise HeaderError("its header lacks descr, fortran_order or shape")
    shape, fortran, descr = fields["shape"], fields["fortran_order"], fields["descr"]
    if not isinstance(shape, tuple) or not all(type(size) is int for size in shape):
        raise HeaderError("its shape is no tuple of numbers")
    if len(shape) > _MOST_AXES:
        raise HeaderError(f"its shape has {len(shape)} axes, NumPy's arrays have {_MOST_AXES} at most")
    if not isinstance(fortran, bool):
        raise HeaderError("its fortran_order is neither True nor False")
    if isinstance(descr, list):
        # Records may hide objects at any depth; being no numbers, they are refused in any case.
        return Header(shape, "O" if "O" in text.partition("'descr'")[2] else "V", 1)
    match = re.fullmatch(r"([<>|=])?([a-zA-Z])([0-9]{0,9})(\[.*\])?", descr) if isinstance(descr, str) else None
    if match is None:
        raise HeaderError("its descr is no type of NumPy")
    itemsize = int(match[3] or 8) * (4 if match[2] == "U" else 1)
    if match[2] in "fiub" and itemsize not in _SIZES[match[2]]:
        raise HeaderError(f"its type {descr} is not known")
    return Header(shape, match[2], itemsize, ">" if match[1] == ">" else "<", fortran)


_SIZES = {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "b": (1,)}

_TOKEN = re.compile(r"\s*(?:'([^'\\]*)'|\"([^\"\\]*)\"|([0-9]{1,19})L?|(True|False|None)|([{}()\[\],:]))")


class _Tokens:
    """The words of a header, with one looked ahead."""

    def __init__(self, text: str) -> None:
        self._words = self._split(text.rstrip())
        self.next: tuple[str, Any] = ("", None)
        self.advance()

    def advance(self) -> tuple[str, Any]:
        taken, self.next = self.next, next(self._words, ("end", None))
        return taken

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, Any]]:
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise HeaderError("its header is no plain mapping of Python")
            place = match.end()
            if match[3] is not None:
                yield "value", int(match[3])
            elif match[4] is not None:
                yield "value", {"True": True, "False": False, "None": None}[match[4]]
            elif match[5] is not None:
                yield "mark", match[5]
            else:
                yield "value", match[1] if match[1] is not None else match[2]


def _value(tokens: _Tokens, depth: int) -> Any:
    """Parse a literal of Python: text, number, truth, tuple, list or mapping of those."""
    kind, word = tokens.advance()
    if kind == "value":
        return word
    closing = {"(": ")", "[": "]", "{": "}"}.get(word) if kind == "mark" else None
    if closing is None or depth > _DEEPEST:
        raise HeaderError("its header is no plain mapping of Python")
    items: list[Any] = []
    commas = 0
    while tokens.next != ("mark", closing):
        item = _value(tokens, depth + 1)
        if word == "{":
            if tokens.advance() != ("mark", ":") or not isinstance(item, str):
                raise HeaderError("its header is no plain mapping of Python")
            item = (item, _value(tokens, depth + 1))
        items.append(item)
        if tokens.next == ("mark", ","):
            tokens.advance()
            commas += 1
        elif tokens.next != ("mark", closing):
            raise HeaderError("its header is no plain mapping of Python")
    tokens.advance()
    if word == "{":
        if len(dict(items)) < len(items):
            raise HeaderError("its header has a key twice")
        return dict(items)
    if word == "(":
        return tuple(items) if commas or not items else items[0]
    return items
