"""Small files of training data for the examples, made with the standard library alone."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
import zlib
from math import prod

_ITEM = {"<f4": 4, "<i8": 8, "<U3": 12}


def npy(shape: tuple[int, ...], kind: str = "<f4", values: bytes | None = None) -> bytes:
    """Return an array in NumPy's format, of zeros if no values are given."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    data = values if values is not None else bytes(prod(shape) * _ITEM[kind])
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def npz(**arrays: bytes) -> bytes:
    """Return arrays as `numpy.savez` stores them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data)
    return file.getvalue()


def integers(*values: int) -> bytes:
    """Return a vector of 64-bit integers in NumPy's format."""
    return npy((len(values),), "<i8", struct.pack(f"<{len(values)}q", *values))


def png(height: int, width: int) -> bytes:
    """Return a grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav(rate: int, samples: int) -> bytes:
    """Return silence of 16 bits and one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(2 * samples))
    return file.getvalue()
