"""Ctrl-C at any moment of a command: one line and exit code 130, never a traceback.

While modules are imported, and when a command is over, an interrupt ends the process at once: nobody would catch an
exception there. In between it raises `KeyboardInterrupt` once, so that a command can leave things whole; a second one
ends the process.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def end_at_interrupt() -> None:
    """Let an interrupt end the process. A process that ignores interrupts, as under nohup, goes on ignoring them."""
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _raise):
        signal.signal(signal.SIGINT, _end)


def raise_at_interrupt() -> None:
    """Let the next interrupt raise `KeyboardInterrupt`, after `end_at_interrupt`; for others nothing changes."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, _raise)


def end() -> NoReturn:
    """Say that the command was interrupted, and end the process."""
    _report()
    os._exit(INTERRUPTED)


def _report() -> None:
    with suppress(OSError):  # closed standard error
        os.write(2, b"interrupted\n")


def _end(number: int, frame: FrameType | None) -> NoReturn:
    end()


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, _end)
    _report()  # here, for whoever catches the exception, as Typer does, may end in another way
    raise KeyboardInterrupt
