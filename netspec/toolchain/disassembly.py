"""The stack of functions that no C compiler of ours reported: the C library and libgcc, read from a disassembly.

Every instruction that moves the stack pointer down counts once and none that moves it up counts, so that the bytes of a
function bound what it takes on any way through it that has no loop around such an instruction; one that has, and one
that takes an amount from a register, is refused.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from netspec.diagnostics import ToolError
from netspec.system.processes import run_bounded
from netspec.toolchain.stack import Frame

_SYMBOL = re.compile(r"^([0-9a-f]{8}) .{7} \.\S+\t[0-9a-f]{8}\s+(?:\.hidden )?(\S+)$")
_FUNCTION = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t(\S+)\t?(.*)$")
_TARGET = re.compile(r"\b([0-9a-f]+) <[^>]+>")
_REGISTERS = re.compile(r"\{([^}]*)\}")
_SUBTRACTED = re.compile(r"^sp,(?: sp,)? #(\d+)")
_WRITTEN_BACK = re.compile(r"\[sp, #-(\d+)\]!")
_BRANCH = re.compile(r"^(?:b|bl|blx|b(?:eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)|cbz|cbnz)(?:\.[nw])?$")
_PADDING = frozenset({".word", ".short", ".byte", "nop", "nop.w"})
_SECONDS = 180.0
_ZEROS = ("movs", "r0, r0")  # how two bytes of 0 read
_INDIRECT = re.compile(r"^blx(?:\.[nw])?$")


def read_frames(elf: Path, objdump: str) -> Mapping[str, Frame]:
    """Return the frame of each function of an ELF file, by every name that it has there.

    Raises ToolError where objdump fails.
    """
    command = [objdump, "--syms", "--disassemble", "--no-show-raw-insn", str(elf)]
    try:
        done = run_bounded(command, f"disassemble {elf.name}", _SECONDS)
    except OSError as error:
        raise ToolError(f"{objdump} does not run: {error.strerror}") from error
    if done.returncode != 0:
        raise ToolError(f"cannot disassemble {elf.name}: {done.stderr.decode(errors='replace').strip()}")
    return {frame.function: frame for frame in parse_frames(done.stdout.decode(errors="replace"))}


def parse_frames(text: str) -> Iterator[Frame]:
    """Yield the functions of objdump's text in their order. A frame is unbounded where the docstring above says so.

    The text begins with the table of symbols: the disassembly gives but one name to each address.
    """
    names: dict[int, set[str]] = defaultdict(set)
    bodies: dict[tuple[int, str], list[tuple[int, str, str]]] = {}
    body: list[tuple[int, str, str]] = []
    for line in text.splitlines():
        if found := _SYMBOL.match(line):
            names[int(found[1], 16)].add(found[2])
        elif found := _FUNCTION.match(line):
            body = bodies.setdefault((int(found[1], 16), found[2]), [])
        elif found := _INSTRUCTION.match(line):
            body.append((int(found[1], 16), found[2], found[3]))
    starts = sorted(bodies)
    for ((address, name), lines), following in zip(bodies.items(), [*list(bodies)[1:], None], strict=True):
        frame = _frame(name, lines, starts)
        if following is not None and _falls_through(lines):
            frame = replace(frame, calls=tuple(sorted({*frame.calls, following[1]})))
        for each in sorted(names[address] | {name}):
            yield replace(frame, function=each)


def _frame(name: str, lines: Sequence[tuple[int, str, str]], starts: Sequence[tuple[int, str]]) -> Frame:
    total, bounded, indirect = 0, True, False
    calls: set[str] = set()
    moved: list[int] = []
    for at, operation, operands in lines:
        taken = _taken(operation, operands)
        if taken is None:
            bounded = False
        elif taken:
            total += taken
            moved.append(at)
        if _BRANCH.match(operation):
            target = _TARGET.search(operands)
            if target is None:
                indirect = indirect or bool(_INDIRECT.match(operation))
                continue
            # Not the name that stands there: that may be any symbol of a number near the address.
            callee = starts[max(0, bisect_right(starts, (int(target[1], 16), "\U0010ffff")) - 1)][1]
            if callee != name:
                calls.add(callee)
            elif any(int(target[1], 16) <= each <= at for each in moved):
                bounded = False  # a loop around it
    return Frame(name, total, bounded, tuple(sorted(calls)), indirect)


def _falls_through(lines: Sequence[tuple[int, str, str]]) -> bool:
    """Return whether a function may run into what follows it: assembler gives names to places within functions."""
    code = [
        (operation, operands)
        for _, operation, operands in lines
        if operation not in _PADDING and (operation, operands) != _ZEROS
    ]
    return bool(code) and not _ends(*code[-1])


def _ends(operation: str, operands: str) -> bool:
    stem = operation.split(".")[0]
    if stem in ("pop", "ldmia", "ldm", "ldr"):
        return bool(re.search(r"\bpc\b", operands))
    return stem in ("b", "bx", "tbb", "tbh", "udf", "bkpt") or (stem == "mov" and operands.startswith("pc"))


def _taken(operation: str, operands: str) -> int | None:
    """Return the bytes by which an instruction moves the stack pointer down; None if they are not known."""
    stem = operation.split(".")[0]
    if stem in ("push", "stmdb", "stmfd", "vpush", "vstmdb"):
        if stem.endswith(("db", "fd")) and not operands.startswith("sp!"):
            return 0
        listed = _REGISTERS.search(operands)
        return sum(_bytes_of(each.strip()) for each in listed[1].split(",")) if listed else None
    if stem in ("sub", "subw") and re.match(r"sp\b", operands):
        amount = _SUBTRACTED.match(operands)
        return int(amount[1]) if amount else None
    if stem in ("str", "strd", "strb", "strh") and (found := _WRITTEN_BACK.search(operands)):
        return int(found[1])
    if stem in ("mov", "add") and re.match(r"sp,", operands):
        up = re.match(r"^sp,(?: sp,)? #\d+", operands)
        return 0 if up and stem == "add" else None
    return 0


def _bytes_of(registers: str) -> int:
    """Return the bytes of `r4`, `d8`, or a range such as `r4-r7` or `d8-d15`."""
    first, _, last = registers.partition("-")
    size = 8 if first.startswith("d") else 4
    if not last:
        return size
    return size * (int(last.strip()[1:]) - int(first[1:]) + 1)
