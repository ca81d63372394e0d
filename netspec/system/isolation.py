"""Read a file in a process of its own: a malformed one can hang the C library that reads it, or make it fail.

What that process finds comes back as JSON and bytes, never as a pickle. It may take no more memory than the largest
file that is read would need. A call into the library that takes more processor time than any sound file needs ends it,
and so does a long wait.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS = 60
_LARGEST_ADDRESS_SPACE = 12 * 1024**3
_HEADER_BYTES = 8
_SECONDS_A_CALL = 1.0
"""Of processor time, for one call into the library. Sound files take thousandths of a second, and more only to read."""
_BYTES_A_SECOND = 16 * 1024**2


class ReaderFailed(Exception):
    """A process that did not answer: it hung in the file, or the library that reads it failed."""


def run_isolated(
    module: str, arguments: Sequence[str], given: bytes = b"", seconds: float = SECONDS
) -> tuple[dict[str, Any], bytes]:
    """Run a module as a program and return what it handed to `answer`; `given` is its standard input.

    Raises `ReaderFailed` where it takes longer than `seconds`, dies, or runs out of memory.
    """
    # -P: what lies in the current folder, beside a model from somewhere, is not imported.
    command = [sys.executable, "-P", "-m", module, *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=seconds, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise ReaderFailed(f"the file is not read after {seconds:g} s: the HDF5 library hangs in it") from None
    size = int.from_bytes(done.stdout[:_HEADER_BYTES], "little")
    if done.returncode != 0 or len(done.stdout) < _HEADER_BYTES + size or not size:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        if done.returncode == -getattr(signal, "SIGPROF", 0):
            raise ReaderFailed("the HDF5 library hangs in the file")
        if done.returncode < 0 or (said and "MemoryError" in said[-1]):
            raise ReaderFailed("the HDF5 library fails in the file")
        raise AssertionError(f"{module} ended with {done.returncode}: {said[-1] if said else 'nothing'}")
    header: dict[str, Any] = json.loads(done.stdout[_HEADER_BYTES : _HEADER_BYTES + size])
    return header, done.stdout[_HEADER_BYTES + size :]


def answer(header: Mapping[str, object], content: bytes = b"") -> None:
    """Hand a result to the process that asked for it."""
    text = json.dumps(header).encode()
    sys.stdout.buffer.write(len(text).to_bytes(_HEADER_BYTES, "little") + text + content)


def limit_memory() -> None:
    """Let the process ask for no more memory than the largest file needs; not on Windows, which cannot say so."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_LARGEST_ADDRESS_SPACE, resource.getrlimit(resource.RLIMIT_AS)[1]))


class _Clock:
    """The processor time that one call into the library may take; None outside of a process made for reading."""

    seconds: float | None = None


def limit_time(path: Path) -> None:
    """Let each call into the library take as long as the largest part of this file needs; not on Windows."""
    if hasattr(signal, "setitimer"):
        _Clock.seconds = _SECONDS_A_CALL + path.stat().st_size / _BYTES_A_SECOND


def begin_call() -> None:
    """Start the time of a call anew. The timer's signal ends the process, whatever the library does."""
    if _Clock.seconds is not None:
        signal.setitimer(signal.ITIMER_PROF, _Clock.seconds)


def end_calls() -> None:
    """Stop the time: what comes now is our own work."""
    if _Clock.seconds is not None:
        signal.setitimer(signal.ITIMER_PROF, 0)
