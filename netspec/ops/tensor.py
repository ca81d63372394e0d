"""Tensors and their element types: bounds, sizes and C types, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

Role = Literal["value", "state"]
"""A value is written and read within a run; a state keeps its bytes from one run to the next."""


@dataclass(frozen=True, slots=True)
class DType:
    """An integer type: its values are `low` to `high`, both included."""

    name: str
    bits: int
    low: int
    high: int

    @property
    def c_type(self) -> str:
        """The C type of an element; one of less than a byte has none of its own and is kept in bytes."""
        return f"{self.name}_t" if self.bits >= 8 else "int8_t"

    @property
    def values(self) -> int:
        """How many values there are: the entries of a table over all of them."""
        return self.high - self.low + 1

    def bytes(self, count: int) -> int:
        """Return the bytes of an array of `count` elements, those of less than a byte packed."""
        return -(-count * self.bits // 8)


def _signed(bits: int) -> DType:
    return DType(f"int{bits}", bits, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


INT4 = _signed(4)
INT8 = _signed(8)
INT16 = _signed(16)
INT32 = _signed(32)
INT64 = _signed(64)
UINT8 = DType("uint8", 8, 0, 255)
DTYPES = {each.name: each for each in (INT4, INT8, INT16, INT32, INT64, UINT8)}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What an op writes or keeps: `shape` is channels last, without the batch axis."""

    name: str
    shape: tuple[int, ...]
    dtype: DType = INT8
    role: Role = "value"

    @property
    def size(self) -> int:
        """Its elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.dtype.bytes(prod(self.shape))
