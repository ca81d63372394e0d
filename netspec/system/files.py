"""Opening files that may be anything: only regular ones, and no more of them than is useful."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from io import BufferedReader


class NoRegularFile(OSError):
    """A device, a pipe or a socket: it may never end, or never begin."""


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a file for reading without waiting. Raises `OSError`, `NoRegularFile` among them, and ValueError.

    The open file is looked at, not its name, which could mean another file by then.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if not stat.S_ISREG(mode):
            raise NoRegularFile(errno.EINVAL, "it is no file")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_at_most(path: str | os.PathLike[str], most: int) -> bytes | None:
    """Return a file's bytes; None where it has more than `most`, which is known before it is read.

    Raises what `open_regular` does.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            return None
        content = file.read(most + 1)  # it may have grown
        return content if len(content) <= most else None


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file in hexadecimal, however large it is. Raises what `open_regular` does."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
