"""Writing files so that an error names its file, and so that a reader finds the old or the new one whole."""

from __future__ import annotations

import errno
import os
import re
import sys
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


def write_atomically(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Write a file so that a reader, or whoever comes after a killed process, finds the old or the new one whole.

    With `sync` that holds after a power cut too; it costs milliseconds.
    """
    if path.exists() and not path.is_file():  # /dev/stdout
        write_file(path, content)
        return
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with naming(path), temporary.open("wb") as file:
            file.write(content)
        if sync:
            sync_to_disk(temporary)
        os.replace(temporary, path)
        if sync:
            sync_to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk. Nothing where the system has no way to.

    A name can reach the disk before the bytes: after a power cut it would be that of an empty file.
    """
    if sys.platform == "win32" and path.is_dir():
        return  # folders cannot be opened there
    try:
        number = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    except PermissionError:
        if path.is_dir():
            return  # files may be made in it, but it cannot be read
        raise
    try:
        with naming(path):
            os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(number)
