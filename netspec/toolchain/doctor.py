"""What `netspec doctor` lists: every tool that some command wants, found or not, and how to get it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from netspec.diagnostics import ToolError
from netspec.system.processes import ending, run_bounded
from netspec.toolchain.arm import GCC, newlib_specs
from netspec.toolchain.cmsis_nn import INSTALL, find_cmsis_nn
from netspec.toolchain.compiler import find_cc, install_command

_TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Tool:
    """One line of the doctor: ``version`` is None for a missing tool, ``problem`` says why if known."""

    name: str
    version: str | None
    path: Path | None
    purpose: str
    install: str
    problem: str | None = None

    @property
    def found(self) -> bool:
        """Tell whether the tool is there and answers."""
        return self.version is not None


def describe() -> list[Tool]:
    """Return the state of every tool that netspec can use, without importing one; never raises."""
    mac = sys.platform == "darwin"

    def system(apt: str, brew: str) -> str:
        return f"brew install {brew}" if mac else f"sudo apt-get install {apt}"

    return [
        _compiler(),
        _program("make", ("make", "gmake"), "runs netspec's own demo and tests", install_command()),
        _program("cmake", ("cmake",), "builds the emitted firmware project", system("cmake", "cmake")),
        _program(
            "arm-none-eabi-gcc",
            ("arm-none-eabi-gcc",),
            "compiles the firmware for Cortex-M",
            "brew install --cask gcc-arm-embedded" if mac else "sudo apt-get install gcc-arm-none-eabi",
        ),
        _newlib(),
        _program(
            "qemu-system-arm",
            ("qemu-system-arm",),
            "boots Cortex-M firmware on an emulated board",
            system("qemu-system-arm", "qemu"),
        ),
        _cmsis_nn(),
        _package("tensorflow", ("tensorflow", "tensorflow-cpu"), "trains and calibrates", "tensorflow-cpu"),
        _package(
            "tflite-micro",
            ("tflite-micro",),
            "the independent interpreter that verify compares with",
            "tflite-micro",
        ),
        _package("flatbuffers", ("flatbuffers",), "writes model.tflite", "flatbuffers"),
    ]


def _compiler() -> Tool:
    purpose = "compiles the emitted C for this machine, to verify it"
    try:
        cc = find_cc()
    except ToolError as error:
        return Tool("cc", None, None, purpose, error.help or install_command(), error.message)
    where = shutil.which(cc.command[0])
    return Tool("cc", cc.version, Path(where) if where else None, purpose, install_command())


def _newlib() -> Tool:
    purpose = "the C library of firmware"
    install = "sudo apt-get install libnewlib-arm-none-eabi"
    where = shutil.which(GCC)
    if where is None:
        return Tool("newlib", None, None, purpose, install, f"looked for where {GCC} would have it")
    specs = newlib_specs(where)
    if specs is None:
        return Tool("newlib", None, None, purpose, install, f"{where} has no nano.specs")
    return Tool("newlib", _newlib_version(where), specs, purpose, install)


def _newlib_version(gcc: str) -> str:
    command = [gcc, "-E", "-dM", "-include", "_newlib_version.h", "-x", "c", os.devnull]
    try:
        result = run_bounded(command, "ask for its version", _TIMEOUT_SECONDS)
    except (OSError, ToolError):
        return "unknown version"
    text = result.stdout.decode(errors="replace")
    found = re.search(r'^#define _NEWLIB_VERSION "([^"]+)"', text, re.MULTILINE)
    return found[1] if found else "unknown version"


def _cmsis_nn() -> Tool:
    purpose = "Arm's kernels; without it the portable ones are used"
    try:
        cmsis = find_cmsis_nn()
    except ToolError as error:
        return Tool("CMSIS-NN", None, None, purpose, error.help or INSTALL, error.message)
    if cmsis is None:
        return Tool("CMSIS-NN", None, None, purpose, INSTALL)
    return Tool("CMSIS-NN", cmsis.generation, cmsis.root, purpose, INSTALL)


def _program(name: str, commands: Sequence[str], purpose: str, install: str) -> Tool:
    for command in commands:
        where = shutil.which(command)
        if where is None:
            continue
        try:
            result = run_bounded([where, "--version"], "ask for its version", _TIMEOUT_SECONDS)
        except (OSError, ToolError) as error:
            return Tool(name, None, Path(where), purpose, install, f"{where} does not answer: {error}")
        first = next(iter(result.stdout.decode(errors="replace").splitlines()), "")
        if result.returncode != 0:
            return Tool(name, None, Path(where), purpose, install, f"{where} {ending(result.returncode)}")
        numbers = re.findall(r"\b\d+(?:\.\d+)+\b", first)
        return Tool(name, numbers[0] if numbers else first or "unknown version", Path(where), purpose, install)
    return Tool(name, None, None, purpose, install)


def _package(name: str, distributions: Sequence[str], purpose: str, pip_name: str) -> Tool:
    install = f"{Path(sys.executable).name} -m pip install {pip_name}"
    for distribution in distributions:
        try:
            found = metadata.distribution(distribution)
        except metadata.PackageNotFoundError:
            continue
        return Tool(name, found.version, Path(str(found.locate_file(""))), purpose, install)
    return Tool(name, None, None, purpose, install)
