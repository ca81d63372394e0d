"""Writing files so that an error names its file, and so that a reader finds the old or the new one whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name `path` in an OSError that names no file: a full disk is found by write(), which knows only a number.

    The HDF5 library says the number in words alone.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        said = re.search(r"\berrno = (\d+)", str(error))
        number = getattr(error, "errno", None) or (int(said[1]) if said else None)
        if getattr(error, "filename", None) is not None or number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def write_file(path: Path, content: bytes | str) -> None:
    """Write a file, text as UTF-8 with the line ends that it has. Raises OSError with the file's name."""
    with naming(path):
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or whoever comes after a killed process, finds the old or the new one whole."""
    if path.exists() and not path.is_file():  # /dev/stdout
        write_file(path, content)
        return
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with naming(path), temporary.open("wb") as file:
            file.write(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
