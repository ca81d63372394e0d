"""The cores that firmware is compiled for, and the emulated boards on which it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_SIZES = re.compile(r"^ *(FLASH|RAM|netspec_board_\w+_bytes)\b[^=\n]*=(?:[^=\n]*=)? *(\d+)([KM]?);?$", re.MULTILINE)
_UNITS = {"": 1, "K": 2**10, "M": 2**20}


@dataclass(frozen=True)
class Board:
    """A machine of QEMU that firmware/boards knows: its name there, and what it is called."""

    machine: str
    title: str

    @property
    def memory(self) -> Memory:
        """Return what its linker script gives a program."""
        from netspec.system.resources import firmware_dir

        text = (firmware_dir() / "boards" / "machines" / self.machine / "machine.ld").read_text(encoding="utf-8")
        found = {name: int(size) * _UNITS[unit] for name, size, unit in _SIZES.findall(text)}
        stacks = found["netspec_board_stack_bytes"] + found["netspec_board_handler_stack_bytes"]
        return Memory(found["FLASH"], found["RAM"] - stacks)


@dataclass(frozen=True)
class Memory:
    """Bytes for code and constants, and for variables, without the stacks."""

    flash_bytes: int
    ram_bytes: int


@dataclass(frozen=True)
class Core:
    """A core: what the compiler is told, and where its code runs.

    ``larger`` is a board with more memory whose processor executes the same code. ``note`` says what a report has to
    say when board or flags are those of another core.
    """

    name: str
    flags: tuple[str, ...]
    board: Board
    larger: Board | None = None
    note: str | None = None


MICROBIT = Board("microbit", "micro:bit")
AN385 = Board("mps2-an385", "MPS2 AN385")
_AN547 = Board("mps3-an547", "MPS3 AN547")
M55_FLAGS = ("-mcpu=cortex-m55", "-mfloat-abi=hard")

CORES: Mapping[str, Core] = MappingProxyType(
    {
        core.name: core
        for core in (
            Core("cortex-m0", ("-mcpu=cortex-m0",), MICROBIT, AN385),
            Core(
                "cortex-m0+",
                ("-mcpu=cortex-m0plus",),
                MICROBIT,
                AN385,
                "QEMU has no Cortex-M0+; a Cortex-M0 executes the same instructions",
            ),
            Core("cortex-m3", ("-mcpu=cortex-m3",), AN385),
            Core(
                "cortex-m4",
                ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
                Board("mps2-an386", "MPS2 AN386"),
            ),
            Core(
                "cortex-m7",
                ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16"),
                Board("mps2-an500", "MPS2 AN500"),
            ),
            Core(
                "cortex-m33",
                ("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
                Board("mps2-an505", "MPS2 AN505"),
            ),
            Core("cortex-m55", M55_FLAGS, _AN547),
            Core(
                "cortex-m85",
                ("-mcpu=cortex-m85", "-mfloat-abi=hard"),
                _AN547,
                note="QEMU has no Cortex-M85; this runs on its Cortex-M55",
            ),
        )
    }
)
