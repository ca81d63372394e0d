"""Bounds-checked reading of flatbuffers: nothing outside of the file is read, and no more than the file could hold.

A flatbuffer's offsets may point anywhere. They are unsigned and so lead forward only, but many may lead to the same
place: a file of a kilobyte can describe a tree of gigabytes. Whatever is decoded is therefore counted, and a file
that says much more than its own size is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar

from netspec.importers.faults import MalformedModel

_SCALARS = {
    "bool": struct.Struct("<?"),
    "int8": struct.Struct("<b"),
    "uint8": struct.Struct("<B"),
    "int32": struct.Struct("<i"),
    "uint32": struct.Struct("<I"),
    "int64": struct.Struct("<q"),
    "uint64": struct.Struct("<Q"),
    "float32": struct.Struct("<f"),
}
_U16 = struct.Struct("<H")
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")

_SHARED = 8
"""How many times over a file may say what it holds: writers do share tables, strings and vectors."""
_SMALL = 1 << 16

Item = TypeVar("Item")


class Flatbuffer:
    """The bytes of a file, and how much of them may still be decoded."""

    def __init__(self, data: bytes, identifier: bytes) -> None:
        self.data = memoryview(data)
        self._left = _SHARED * len(data) + _SMALL
        if len(data) < 8:
            raise MalformedModel(f"the file has {len(data)} bytes, too few for a flatbuffer")
        if data[4:8] != identifier:
            raise MalformedModel(
                f"the file is no {identifier.decode()} flatbuffer: its magic is {data[4:8]!r}",
                help="a .tflite file has TFL3 at bytes 4 to 7",
            )

    def root(self) -> Table:
        return Table(self, self.unpack(_U32, 0))

    def unpack(self, form: struct.Struct, at: int) -> int:
        """Return the scalar at a position."""
        if at < 0 or at + form.size > len(self.data):
            raise MalformedModel(f"an offset leads to byte {at}, the file has {len(self.data)}")
        self.spend(form.size)
        value: int = form.unpack_from(self.data, at)[0]
        return value

    def spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise MalformedModel(f"the file describes more than {_SHARED} times what its {len(self.data)} bytes hold")

    def follow(self, at: int) -> int:
        """Return where the offset at a position leads."""
        return at + self.unpack(_U32, at)

    def vector(self, at: int, item_bytes: int) -> tuple[int, int]:
        """Return (position of the first item, number of items) of the vector at a position."""
        count = self.unpack(_U32, at)
        if at + 4 + count * item_bytes > len(self.data):
            raise MalformedModel(
                f"a vector of {count} items at byte {at} ends beyond the file's {len(self.data)} bytes"
            )
        return at + 4, count


class Table:
    """A table at a position: its fields by slot number, absent ones with their default."""

    def __init__(self, file: Flatbuffer, position: int) -> None:
        self._file, self._position = file, position
        self._vtable = position - file.unpack(_I32, position)
        self._vtable_bytes = file.unpack(_U16, self._vtable)
        if self._vtable_bytes < 4 or self._vtable_bytes % 2:
            raise MalformedModel(f"the table at byte {position} has a description of {self._vtable_bytes} bytes")

    def _field(self, slot: int) -> int | None:
        """Return the position of a field; None where it is absent."""
        entry = 4 + 2 * slot
        if entry + 2 > self._vtable_bytes:
            return None
        offset = self._file.unpack(_U16, self._vtable + entry)
        return self._position + offset if offset else None

    def scalar(self, slot: int, kind: str, default: int | float = 0) -> int | float:
        """Return a scalar field of a kind such as `int32`."""
        at = self._field(slot)
        return default if at is None else self._file.unpack(_SCALARS[kind], at)

    def integer(self, slot: int, kind: str, default: int = 0) -> int:
        return int(self.scalar(slot, kind, default))

    def table(self, slot: int) -> Table | None:
        at = self._field(slot)
        return None if at is None else Table(self._file, self._file.follow(at))

    def scalars(self, slot: int, kind: str) -> tuple[float, ...] | None:
        """Return a vector of scalars; None where the field is absent."""
        at = self._field(slot)
        if at is None:
            return None
        form = _SCALARS[kind]
        start, count = self._file.vector(self._file.follow(at), form.size)
        self._file.spend(count * form.size)
        return struct.unpack_from(f"<{count}{form.format[-1]}", self._file.data, start)

    def integers(self, slot: int, kind: str) -> tuple[int, ...] | None:
        found = self.scalars(slot, kind)
        return None if found is None else tuple(map(int, found))

    def content(self, slot: int) -> memoryview | None:
        """Return a vector of bytes without copying it; None where the field is absent."""
        at = self._field(slot)
        if at is None:
            return None
        start, count = self._file.vector(self._file.follow(at), 1)
        return self._file.data[start : start + count]

    def text(self, slot: int) -> str:
        """Return a string, empty where the field is absent; bytes that are no UTF-8 are replaced."""
        content = self.content(slot)
        if content is None:
            return ""
        self._file.spend(len(content))
        return bytes(content).decode("utf-8", errors="replace")

    def tables(self, slot: int, read: Callable[[Table], Item]) -> list[Item]:
        """Return what `read` makes of each table of a vector; an empty list where the field is absent."""
        at = self._field(slot)
        if at is None:
            return []
        start, count = self._file.vector(self._file.follow(at), 4)
        return [read(Table(self._file, self._file.follow(start + 4 * index))) for index in range(count)]
