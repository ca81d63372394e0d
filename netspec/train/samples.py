"""Samples along axis 0: in memory, or in a file and read as they are asked for, so that data may exceed the memory."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt

from netspec.data.headers import Header, HeaderError
from netspec.diagnostics import ToolError
from netspec.ops import Shape

Array: TypeAlias = npt.NDArray[np.generic]
DType: TypeAlias = np.dtype[np.generic]

LARGEST_IN_MEMORY = 64 * 2**20
"""Bytes of an array, as its file holds it, that are read at once; the samples of a larger one stay on disk."""

_CHUNK_BYTES = 16 * 2**20


class _File:
    """A file that threads read at once. Not mapped: mapped pages count as ours, and a file cut short would kill us."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name
        self._lock = threading.Lock()

    def read_into(self, target: memoryview, offset: int) -> None:
        """Fill `target` from `offset` on. Raises `ToolError` where the file has become shorter."""
        with self._lock:
            self._file.seek(offset)
            done = 0
            while done < len(target):
                count: int = self._file.readinto(target[done:])  # type: ignore[attr-defined]
                if not count:
                    raise ToolError(f"{self._name} was cut short while it was read", "leave data alone during a build")
                done += count


class Stored:
    """An array whose samples are read from a file when they are indexed, by a slice or an array of numbers.

    `fitted` gives the samples another shape and type, which reading converts to as NumPy's `astype` does.
    """

    def __init__(
        self,
        file: _File,
        offset: int,
        raw: np.dtype[np.generic],
        count: int,
        sample: Shape,
        dtype: np.dtype[np.generic],
    ) -> None:
        self._file, self._offset, self._raw, self._count = file, offset, raw, count
        self._bytes = raw.itemsize * prod(sample)
        self.dtype = dtype
        self.shape: Shape = (count, *sample)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: slice | npt.NDArray[np.integer]) -> Array:
        """Return samples in the order asked for, as an array of their own."""
        if isinstance(index, slice):
            start, stop, step = index.indices(self._count)
            if step != 1:
                return self[np.arange(start, stop, step)]
            return self._consecutive(start, max(stop - start, 0))
        numbers = np.asarray(index)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise TypeError(f"samples are chosen by a slice or numbers, not by {numbers.dtype} of {numbers.shape}")
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= self._count):
            raise IndexError(f"samples {numbers.min()} to {numbers.max()} of {self._count}")
        values = np.empty((len(numbers), *self.shape[1:]), self._raw)
        rows = values.reshape(-1).view(np.uint8).data
        size = self._bytes
        for row, number in enumerate(numbers.tolist()):
            self._file.read_into(rows[row * size : (row + 1) * size], self._offset + number * size)
        return self._converted(values)

    def _consecutive(self, start: int, count: int) -> Array:
        values = np.empty((count, *self.shape[1:]), self._raw)
        self._file.read_into(values.reshape(-1).view(np.uint8).data, self._offset + start * self._bytes)
        return self._converted(values)

    def _converted(self, values: npt.NDArray[np.generic]) -> Array:
        with np.errstate(over="ignore"):  # what overflows is found and told when the data are checked
            return values.astype(self.dtype, copy=False)

    def part(self, start: int, stop: int) -> Stored:
        """Return a stretch of the samples, still unread."""
        offset = self._offset + start * self._bytes
        return Stored(self._file, offset, self._raw, stop - start, self.shape[1:], self.dtype)

    def fitted(self, sample: Shape, dtype: np.dtype[np.generic]) -> Stored:
        """Return the same values as samples of another shape and type, still unread."""
        assert prod(sample) == prod(self.shape[1:])
        return Stored(self._file, self._offset, self._raw, self._count, sample, dtype)


Samples: TypeAlias = Array | Stored


def header_of(samples: Samples) -> Header:
    """Return what a .npy of these samples would say of them."""
    return Header(tuple(samples.shape), samples.dtype.kind, samples.dtype.itemsize)


def part(samples: Samples, start: int, stop: int) -> Samples:
    """Return a stretch of samples without reading or copying them."""
    return samples.part(start, stop) if isinstance(samples, Stored) else samples[start:stop]


def fitted(samples: Samples, sample: Shape, dtype: str) -> Samples:
    """Return the values as samples of shape `sample` and a type, contiguous."""
    if isinstance(samples, Stored):
        return samples.fitted(sample, np.dtype(dtype))
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(samples.reshape(len(samples), *sample), dtype=dtype)


def chunks(samples: Samples) -> Iterator[Array]:
    """Yield all samples in order, some megabytes at a time."""
    step = max(1, _CHUNK_BYTES // max(1, samples.dtype.itemsize * prod(samples.shape[1:])))
    for start in range(0, len(samples), step):
        yield samples[start : start + step]


def read_array(header: Header, stream: IO[bytes], path: Path | None, offset: int | None, name: str) -> Samples:
    """Return the array behind a header: in memory, or on disk where it is large.

    `offset` is where the values stand in the file `path`, None where they do not stand there plainly; then a large
    array is unpacked into a temporary file. One in Fortran's order is always read at once, since a sample's values lie
    all over it. Raises what reading raises, and `HeaderError` where the values break off.
    """
    raw = np.dtype(f"{header.order}{header.kind}{header.itemsize}")
    count, *rest = header.shape
    sample = tuple(rest)
    large = header.nbytes > LARGEST_IN_MEMORY and not header.fortran
    if large and path is not None and offset is not None:
        return Stored(_File(path.open("rb", buffering=0), name), offset, raw, count, sample, raw)
    if large:
        file = _File(_spooled(_pieces(stream, header.nbytes)), name)
        return Stored(file, 0, raw, count, sample, raw)
    try:
        values = np.empty(count * prod(sample), raw)
    except MemoryError as error:
        raise _too_large(header, name) from error
    target = values.view(np.uint8).data
    done = 0
    while done < len(target):
        data = stream.read(min(len(target) - done, _CHUNK_BYTES))
        if not data:
            raise HeaderError("it ends within its values")
        target[done : done + len(data)] = data
        done += len(data)
    return values.reshape(header.shape, order="F" if header.fortran else "C")


def collected(pieces: Iterable[Array], count: int, sample: Shape, dtype: str, name: str) -> Samples:
    """Return samples that are made one after another: in memory, or in a temporary file where they are large."""
    kind = np.dtype(dtype)
    if count * prod(sample) * kind.itemsize <= LARGEST_IN_MEMORY:
        values = np.empty((count, *sample), kind)
        for index, piece in enumerate(pieces):
            values[index] = piece
        return values
    file = _File(_spooled(np.ascontiguousarray(piece, kind).tobytes() for piece in pieces), name)
    return Stored(file, 0, kind, count, sample, kind)


def _spooled(pieces: Iterable[bytes]) -> IO[bytes]:
    """Return a temporary file of these bytes, which goes when it is closed."""
    file = tempfile.TemporaryFile(prefix="netspec-")  # noqa: SIM115 - the samples keep it
    try:
        for piece in pieces:
            file.write(piece)
        file.flush()
    except OSError as error:
        file.close()
        message = f"no room for unpacked samples in {tempfile.gettempdir()}: {error.strerror}"
        raise ToolError(message, "set TMPDIR to a larger disk, or save the arrays uncompressed (np.savez)") from error
    except BaseException:
        file.close()
        raise
    return file


def _pieces(stream: IO[bytes], length: int) -> Iterator[bytes]:
    left = length
    while left:
        data = stream.read(min(left, io.DEFAULT_BUFFER_SIZE * 128))
        if not data:
            raise HeaderError("it ends within its values")
        left -= len(data)
        yield data


def _too_large(header: Header, name: str) -> ToolError:
    return ToolError(
        f"an array of {name} needs {header.nbytes / 2**30:.1f} GiB of memory, as it is in Fortran's order",
        help="save it with np.ascontiguousarray, so that its samples can be read one by one",
    )
