"""Progress of training on standard error: a live line an epoch on a terminal, one plain line an epoch elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TextIO

_BAR_CELLS = 20
_REFRESH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """Where training is: `epoch` of `epochs` from 1, `batch` of `batches` done, and the values so far.

    `done` says that the epoch is over and `values` hold the validation's too. Seconds count from the start of the
    epoch; `remaining_seconds` is for all epochs that are still allowed. `broken` says that training ends here, within
    an epoch of which nothing more comes.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    values: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    remaining_seconds: float | None = None
    done: bool = False
    broken: bool = False


Progress = Callable[[Step], None]


class Display:
    """Writes steps to a stream, standard error unless told otherwise; nothing goes to standard output."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._last = 0.0
        self._open = False

    def __call__(self, step: Step) -> None:
        if step.broken:
            if self._open:
                self._stream.write("\n")  # so that the message about it has a line of its own
                self._stream.flush()
                self._open = False
            return
        if not self._live:
            if step.done:
                print(_line(step, bar=False), file=self._stream, flush=True)
            return
        now = time.monotonic()
        if not step.done and now - self._last < _REFRESH_SECONDS:
            return
        self._last = now
        self._open = not step.done
        width = shutil.get_terminal_size().columns - 1  # a full last cell would wrap
        self._stream.write(f"\r{_line(step, bar=True)[:width]}\x1b[K" + ("\n" if step.done else ""))
        self._stream.flush()


def _line(step: Step, *, bar: bool) -> str:
    width = len(str(step.epochs))
    parts = [f"epoch {step.epoch:{width}}/{step.epochs}"]
    if bar:
        cells = _BAR_CELLS * step.batch // max(step.batches, 1)
        parts.append(f"[{'#' * cells}{'.' * (_BAR_CELLS - cells)}]")
    parts += [f"{name} {value:.4g}" for name, value in _in_order(step.values)]
    if step.done:
        parts.append(f"{step.seconds:.1f} s")
    if step.remaining_seconds is not None:
        parts.append(f"eta {_clock(step.remaining_seconds)}")
    return "  ".join(parts)


def _in_order(values: Mapping[str, float]) -> list[tuple[str, float]]:
    """Sort: loss, metrics, then the same of the validation."""
    return sorted(values.items(), key=lambda item: (item[0].startswith("val_"), not item[0].endswith("loss"), item[0]))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
