"""Labels without NumPy: the range of many that are streamed from a file, and the column of a table."""

from __future__ import annotations

import struct
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from math import prod
from typing import IO

from netspec.data.headers import Header, HeaderError
from netspec.data.split import SplitCounts
from netspec.data.tables import is_number

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
    for values in _chunks(stream, header):
        low, high = min(low, min(values)), max(high, max(values))
        if header.kind == "f":
            # A nan is unequal to itself, and an infinity is no integer.
            whole = whole and all(float(value).is_integer() for value in values)
    return low, high, whole


def count_split(stream: IO[bytes], header: Header, counts: SplitCounts) -> None:
    """Count the labels behind a header, one a sample. Raises `HeaderError` where the values break off."""
    for values in _chunks(stream, header):
        counts.add(values)


def _chunks(stream: IO[bytes], header: Header) -> Iterator[Sequence[float]]:
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
        yield _numbers(data, header)


def _numbers(data: bytes, header: Header) -> array[float] | array[int] | list[float]:
    if (header.kind, header.itemsize) == ("f", 2):
        return [value for (value,) in struct.iter_unpack(f"{header.order}e", data)]
    values: array[float] | array[int] = array(_CODES[header.kind, header.itemsize])
    values.frombytes(data)
    if (header.order == ">") == (sys.byteorder == "little"):
        values.byteswap()
    return values


class Column:
    """The labels of a table, row by row: numbers, or words. Each different cell is kept once."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._rows = array("L")

    def add(self, cell: str) -> None:
        """Take the label of the next row."""
        self._rows.append(self._index.setdefault(cell, len(self._index)))

    @property
    def numeric(self) -> bool:
        return all(map(is_number, self._index))

    def counts(self) -> dict[str, int]:
        """Return how many rows have each cell, sorted by the cells."""
        counts = Counter(self._rows)
        return {cell: counts[self._index[cell]] for cell in sorted(self._index)}

    def odd_one(self) -> tuple[str, int] | None:
        """Return a cell that is no number and its row, where others are numbers."""
        odd = next((cell for cell in self._index if not is_number(cell)), None)
        if odd is None or not any(map(is_number, self._index)):
            return None
        return odd, self.row_of(odd)

    def row_of(self, cell: str) -> int:
        """Return the first row that has a cell, counted from the header, which is row 1."""
        return self._rows.index(self._index[cell]) + 2

    def numbers(self) -> list[float]:
        """Return the labels of a column of numbers."""
        values = [float(cell) for cell in self._index]
        return [values[index] for index in self._rows]

    def indices(self, words: Sequence[str]) -> list[int]:
        """Return each row's index in `words`."""
        order = {word: number for number, word in enumerate(words)}
        values = [order[cell] for cell in self._index]
        return [values[index] for index in self._rows]

    def range(self) -> tuple[float, float, bool]:
        """Return the least and greatest number, and whether all are whole."""
        values = [float(cell) for cell in self._index]
        return min(values), max(values), all(value.is_integer() for value in values)
