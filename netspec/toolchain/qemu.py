"""Runs a firmware image on a board of QEMU: with files of this machine for input and output, by semihosting."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from netspec.diagnostics import ToolError
from netspec.system.processes import VARIABLE, TimedOut, ending, run_bounded
from netspec.toolchain.arm import Image, install_command

QEMU = "qemu-system-arm"
TIMEOUT_SECONDS = 120.0

# Statuses of firmware/boards/netspec_board.h.
_FAULT = 3
_WORDS = {1: "the network failed", 2: "input or output failed", _FAULT: "it took a fault", 4: "an assertion failed"}
_OWN = re.compile(r"^qemu[\w-]*: (?!warning)", re.MULTILINE)  # what QEMU says itself, of which it ends with status 1
_REPORT = re.compile(r"^netspec: (\S+) ([0-9a-f]{8})$", re.MULTILINE)
_ADDRESS = re.compile(r"^fault: (pc|lr) 0x([0-9a-f]{8})$", re.MULTILINE)
_LOCKUP = re.compile(r"^.*Lockup: .*$", re.MULTILINE)
_REGISTER = re.compile(r"\bR15=([0-9a-f]{8})")
_SHOWN_LINES = 24


@dataclass(frozen=True)
class Run:
    """What a program said and how it ended: `reports` are the figures of `netspec_board_report`, in order."""

    status: int
    console: str
    reports: tuple[tuple[str, int], ...] = field(default=())

    def figures(self, key: str) -> list[int]:
        """Return all figures of this name, in order."""
        return [value for name, value in self.reports if name == key]

    def figure(self, key: str) -> int:
        """Return the only figure of this name."""
        values = self.figures(key)
        if len(values) != 1:
            raise ToolError(
                f"the board gave {len(values)} figures named {key}, 1 was expected:\n{self.console}", _other_qemu()
            )
        return values[0]


def _other_qemu() -> str:
    return f"take QEMU 7.2 or later: {install_command()}"


def find_qemu() -> Path:
    """Return qemu-system-arm from PATH. Raises ToolError where there is none."""
    where = shutil.which(QEMU)
    if where is None:
        raise ToolError(f"no {QEMU} found, which boots firmware on an emulated board", install_command())
    return Path(where)


def run_image(
    image: Image,
    folder: Path,
    words: tuple[str, ...] = (),
    *,
    count: bool = False,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Run:
    """Boot `image` on its board and return how it ended, whatever that is.

    The program opens files in `folder`; `words` are its command line. `count` makes an instruction a nanosecond of
    the board's clocks, so that they count instructions; it is slower. Raises ToolError when the program has not ended
    in time, and where QEMU does not know the board.
    """
    qemu = find_qemu()
    arguments = ",".join(f"arg={word}" for word in ("netspec", *words))
    command = [str(qemu), "-M", image.board.machine, "-kernel", str(image.elf.resolve())]
    command += ["-display", "none", "-serial", "none", "-monitor", "none", "-no-reboot"]
    command += ["-semihosting-config", f"enable=on,target=native,{arguments}"]
    command += ["-icount", "shift=0"] if count else []
    try:
        done = run_bounded(command, "run the firmware", timeout_seconds, cwd=folder, stderr=subprocess.STDOUT)
    except TimedOut as error:
        said = _text(error.said)
        raise ToolError(
            f"the firmware on {image.board.machine} did not end within {error.seconds:.0f} s of {QEMU}"
            + (f"; it said:\n{_shortened(said)}" if said.strip() else " and said nothing"),
            f"a slow machine gets more time with {VARIABLE}=SECONDS",
        ) from error
    except OSError as error:
        raise ToolError(f"{qemu} does not run: {error.strerror}", install_command()) from error
    console = _text(done.stdout)
    if re.search(r"unsupported machine type", console):
        raise ToolError(f"{qemu} has no board {image.board.machine}", _other_qemu())
    reports = tuple((key, int(value, 16)) for key, value in _REPORT.findall(console))
    return Run(done.returncode, console, reports)


def require_success(run: Run, image: Image, purpose: str) -> Run:
    """Return `run` if the program ended well, with a figure to show for it.

    Raises ToolError with what it said, addresses resolved, if not; and where QEMU failed, not the program.
    """
    if run.status == 0 and run.reports:
        return run
    if run.status == 0:
        said = f", which said:\n{_shortened(run.console)}" if run.console.strip() else ""
        raise ToolError(f"cannot {purpose}: {QEMU} ended as if all were well and ran no firmware{said}", _other_qemu())
    lockup = _LOCKUP.search(run.console)
    if lockup:
        counter = _REGISTER.search(run.console)
        where = f" at {_place(image, int(counter[1], 16))}" if counter else ""
        how = f"the processor locked up{where}: a fault while it handled a fault, often of a stack that overflowed"
        raise ToolError(f"cannot {purpose}: {how}")
    if run.status not in _WORDS or (run.status == 1 and _OWN.search(run.console)):
        how = ending(run.status)
        said = f", and said:\n{_shortened(run.console)}" if run.console.strip() else ""
        raise ToolError(
            f"cannot {purpose}: {QEMU} itself failed on {image.board.machine}: it {how}{said}", _other_qemu()
        )
    said = _ADDRESS.sub(lambda found: f"{found[0]}, in {_place(image, int(found[2], 16))}", run.console)
    raise ToolError(f"cannot {purpose}: {_WORDS[run.status]} on {image.board.machine}\n{_shortened(said)}")


def _place(image: Image, address: int) -> str:
    piece = image.map.at(address & ~1)
    if piece is None:
        return "no code of the image"
    return f"{piece.symbol}+0x{(address & ~1) - piece.address:x} ({piece.object})"


def _text(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace")


def _shortened(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if not _REPORT.match(line)]
    return "\n".join(lines[-_SHOWN_LINES:])
