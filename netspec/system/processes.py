"""Run other programs with a time limit: one that hangs is ended with all that it started, and named."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from netspec.diagnostics import ToolError

ANSWER_SECONDS = 60.0
"""For a question such as `cc --version`."""
VARIABLE = "NETSPEC_TIMEOUT"


class TimedOut(ToolError):
    """A program that did not end in time. `said` is what it had written to standard output."""

    def __init__(self, command: Sequence[str], purpose: str, seconds: float, said: bytes) -> None:
        program = Path(command[0]).name
        super().__init__(
            f"cannot {purpose}: {program} did not end within {seconds:g} s",
            f"try `{program}` by hand; a slow machine gets more time with {VARIABLE}=SECONDS",
        )
        self.seconds = seconds
        self.said = said


def limit(seconds: float) -> float:
    """Return the time limit: that of $NETSPEC_TIMEOUT, else `seconds`."""
    named = os.environ.get(VARIABLE, "").strip()
    if not named:
        return seconds
    try:
        found = float(named)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise ToolError(f"{VARIABLE} is '{named}', which is no number of seconds", f"set {VARIABLE}=600, or unset it")
    return found


def run_bounded(
    command: Sequence[str], purpose: str, seconds: float, *, given: bytes | None = None, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end and return what it wrote, as bytes; `given` is its standard input.

    It gets a session of its own, so that the time limit, and Ctrl-C, end what it has started as well: a compiler's
    driver waits for the compiler. Raises `TimedOut`, and OSError where it cannot be started.
    """
    seconds = limit(seconds)
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    source = subprocess.DEVNULL if given is None else subprocess.PIPE
    process: subprocess.Popen[bytes]
    with subprocess.Popen(command, stdin=source, start_new_session=True, **streams) as process:
        try:
            out, err = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise TimedOut(command, purpose, seconds, error.stdout or b"") from None
        except BaseException:
            _end(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def ending(status: int) -> str:
    """Return how a program ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=5)
