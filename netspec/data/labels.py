"""The least and greatest of many labels, streamed from a file without NumPy."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from math import prod
from typing import IO

from netspec.data.headers import Header, HeaderError

MOST_LABELS = 1 << 24
"""Labels that `check` looks through, about a second's work; those of larger arrays are checked when they are loaded."""

_CHUNK = 1 << 20
_CODES = {("i", 1): "b", ("i", 2): "h", ("i", 4): "i", ("i", 8): "q", ("u", 1): "B", ("u", 2): "H", ("u", 4): "I",
          ("u", 8): "Q", ("f", 4): "f", ("f", 8): "d", ("b", 1): "B"}  # fmt: skip


def label_range(stream: IO[bytes], header: Header) -> tuple[float, float, bool] | None:
    """Return the least and greatest value behind a header, and whether all are whole; None for too many or for none.

    Raises `HeaderError` where the values break off.
    """
    count = prod(header.shape)
    if not count or count > MOST_LABELS or not header.numeric:
        return None
    low, high, whole = float("inf"), float("-inf"), True
    left = header.nbytes
    while left:
        data = stream.read(min(left, _CHUNK))
        while len(data) % header.itemsize:  # a compressed stream may hand out any number of bytes
            rest = stream.read(header.itemsize - len(data) % header.itemsize)
            if not rest:
                break
            data += rest
        if not data or len(data) % header.itemsize:
            raise HeaderError("it ends within its values")
        left -= len(data)
        values = _numbers(data, header)
        low, high = min(low, min(values)), max(high, max(values))
        if header.kind == "f":
            # A nan is unequal to itself, and an infinity is no integer.
            whole = whole and all(float(value).is_integer() for value in values)
    return low, high, whole


def _numbers(data: bytes, header: Header) -> array[float] | array[int] | list[float]:
    if (header.kind, header.itemsize) == ("f", 2):
        return [value for (value,) in struct.iter_unpack(f"{header.order}e", data)]
    values: array[float] | array[int] = array(_CODES[header.kind, header.itemsize])
    values.frombytes(data)
    if (header.order == ">") == (sys.byteorder == "little"):
        values.byteswap()
    return values


def column_range(cells: Iterator[str]) -> tuple[float, float, bool] | int | None:
    """Return the range of a column of labels as `label_range` does, or how many words there are where one is no number.

    None where the words are too many to count.
    """
    words: set[str] = set()
    low, high, whole, numbers = float("inf"), float("-inf"), True, True
    for cell in cells:
        if len(words) <= _MOST_WORDS:
            words.add(cell)
        if numbers:
            try:
                value = float(cell)
            except ValueError:
                numbers = False
                continue
            low, high, whole = min(low, value), max(high, value), whole and value.is_integer()
    if numbers:
        return (low, high, whole) if words else None
    return len(words) if len(words) <= _MOST_WORDS else None


_MOST_WORDS = 100_000
