"""Firmware images for Cortex-M: the cross compiler, compiling, linking.

An image holds a program of the caller's, the kernels it calls, and netspec's board support: start-up, faults,
semihosting. It is linked for an emulated board, with a map (:mod:`netspec.toolchain.map_file`) and the stack of
every function.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from netspec.diagnostics import ToolError
from netspec.toolchain.cmsis_nn import CmsisNN
from netspec.toolchain.compiler import STRICT, Compiler, ask, compile_library, compile_objects, run_compiler
from netspec.toolchain.cores import CORES, M55_FLAGS, Board, Core
from netspec.toolchain.kernels import KernelSet, cmsis_kernels, portable_kernels
from netspec.toolchain.map_file import MapFile, read_map
from netspec.toolchain.stack import StackUsage, read_stack_usage

__all__ = [
    "BOARD",
    "CONSTANTS",
    "CORES",
    "GCC",
    "KERNELS",
    "NETWORK",
    "OPTIMIZED",
    "Board",
    "Core",
    "Image",
    "ImageTooLarge",
    "compile_source",
    "core_named",
    "device_kernels",
    "find_arm_gcc",
    "install_command",
    "link_image",
    "newlib_specs",
]

GCC = "arm-none-eabi-gcc"
OPTIMIZED = ("-O2",)
"""What figures are given for."""

_FIRST_GCC = 10
"""The release of gcc from which on it knows all of CORES but the Cortex-M85."""
_OVERFLOWS = re.compile(r"region `(\w+)' overflowed by (\d+) bytes")
_SECTIONS = ("-ffunction-sections", "-fdata-sections")
_STACK = ("-fcallgraph-info=su",)
# Groups of a map, beside LIBRARIES.
BOARD, CONSTANTS, KERNELS, NETWORK = "board", "constants", "kernels", "network"
_GROUPS: Mapping[str, str] = MappingProxyType({})
# A loop that fills memory stays a loop: what the image holds of the C library is to be the network's.
_BOARD_FLAGS = ("-fno-tree-loop-distribute-patterns",)


@dataclass(frozen=True)
class Image:
    """A linked program, its map, and the stack of the functions that were compiled for it."""

    elf: Path
    core: Core
    board: Board
    provider: str
    map: MapFile
    stack: StackUsage


class ImageTooLarge(ToolError):
    """The program does not fit the memory of its board."""


def install_command() -> str:
    """Return what to type to get the cross compiler, its C library and the emulator."""
    if sys.platform == "darwin":
        return "brew install --cask gcc-arm-embedded && brew install qemu"
    return "sudo apt-get install --no-install-recommends gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"


def find_arm_gcc() -> Compiler:
    """Return arm-none-eabi-gcc from PATH. Raises ToolError where it, or the C library for it, is missing."""
    where = shutil.which(GCC)
    if where is None:
        raise ToolError(f"no {GCC} found, which compiles firmware for Cortex-M", install_command())
    version = ask([where, "--version"])
    if version is None:
        raise ToolError(f"{where} does not run", install_command())
    if newlib_specs(where) is None:
        raise ToolError(f"{where} has no newlib, the C library for firmware", install_command())
    return Compiler((where,), version, "arm-none-eabi", archiver=str(Path(where).with_name("arm-none-eabi-ar")))


def newlib_specs(gcc: str) -> Path | None:
    """Return the file by which this compiler links newlib's small C library; None where it has none."""
    answer = ask([gcc, "-print-file-name=nano.specs"])  # the bare name where there is no such file
    return Path(answer) if answer and Path(answer).is_absolute() else None


def core_named(name: str, cc: Compiler) -> Core:
    """Return a core as this compiler can serve it: one that does not know the Cortex-M85 compiles for the M55.

    Raises KeyError for a name that is not in CORES, ToolError for a core that this compiler does not know at all.
    """
    core = CORES[name]
    if _knows(cc, core.flags):
        return core
    if name == "cortex-m85" and _knows(cc, M55_FLAGS):
        note = f"{core.note}, compiled for that too: this compiler knows no Cortex-M85"
        return replace(core, flags=M55_FLAGS, note=note)
    raise ToolError(
        f"this compiler knows no {name}: {cc.version}", f"take gcc {_FIRST_GCC} or later: {install_command()}"
    )


def _knows(cc: Compiler, flags: Sequence[str]) -> bool:
    return ask([*cc.command, *flags, "-mthumb", "-E", "-dM", "-x", "c", os.devnull]) is not None


def device_kernels(functions: frozenset[str], cmsis: CmsisNN | None = None) -> KernelSet:
    """Return the kernels behind `functions` for a Cortex-M: portable ones, or those of `cmsis`.

    Raises ToolError where that CMSIS-NN needs the headers of CMSIS-Core (4.0) and they are nowhere.
    """
    if cmsis is None:
        return portable_kernels(functions)
    kernels = cmsis_kernels(cmsis, functions)
    if not cmsis.needs_core:
        return kernels
    return replace(
        kernels,
        defines=tuple(define for define in kernels.defines if define not in cmsis.host_defines),
        system_include_dirs=(*kernels.system_include_dirs, _core_headers(cmsis)),
    )


def link_image(
    core: Core,
    sources: Sequence[Path],
    kernels: KernelSet,
    output: Path,
    *,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    groups: Mapping[str, str] = _GROUPS,
    app: bool = True,
    board: Board | None = None,
    flags: Sequence[str] = OPTIMIZED,
    cc: Compiler | None = None,
    cache_dir: Path | None = None,
) -> Image:
    """Compile `sources` for `core`, link them with `kernels` and the board support into `output`, an ELF file.

    Beside it are written a map, an object for each source and the compiler's stack report. A source may be an object
    that `compile_source` gave. `groups` says to which group of the map a source counts, by its stem; those not named
    to NETWORK. `app` adds the program of firmware/boards/app, which runs the network that `sources` define; without
    it they have a main() of their own. `board` is the core's where not given. Unused sections are left out. Raises
    ImageTooLarge for a program that the board cannot hold, ToolError with the compiler's first lines for one that
    does not compile or link.
    """
    cc = cc or find_arm_gcc()
    board = board or core.board
    machine = ("-mthumb", *core.flags)
    compiled = compile_objects(_board_support(app), cc, (*machine, *OPTIMIZED, *_STACK, *_BOARD_FLAGS), cache_dir)
    kernel_flags = (*machine, *flags, *_STACK)
    library = compile_library(kernels, cc, kernel_flags, cache_dir)

    output.parent.mkdir(parents=True, exist_ok=True)
    owners: dict[str, list[Path]] = {BOARD: list(compiled), KERNELS: [library]}
    objects = []
    for source in sources:
        target = source
        if source.suffix != ".o":
            target = output.with_name(f"{output.stem}.{source.stem}.o")
            compile_source(
                core, source, kernels, target,
                include_dirs=include_dirs, defines=defines, app=app, flags=flags, cc=cc,
            )  # fmt: skip
        objects.append(target)
        owners.setdefault(groups.get(source.stem, NETWORK), []).append(target)

    map_path = output.with_suffix(".map")
    _link([*cc.command, *machine], [*compiled, *objects, library], board, output, map_path)
    kernel_objects = compile_objects(kernels, cc, kernel_flags, cache_dir)
    return Image(
        elf=output,
        core=core,
        board=board,
        provider=kernels.provider,
        map=read_map(map_path, owners),
        stack=read_stack_usage([*compiled, *objects, *kernel_objects]),
    )


def _board_support(app: bool) -> KernelSet:
    """Return the sources of a board's start-up, and of the program that runs a network on it where `app` is set."""
    folders = _board_dirs(app)
    return KernelSet(
        provider=BOARD,
        sources=tuple(sorted(file for each in folders for file in (*each.glob("*.c"), *each.glob("*.S")))),
        vendor_sources=(),
        include_dirs=folders,
        system_include_dirs=(),
        defines=(),
        fillers=frozenset(),
    )


def _link(compiler: Sequence[str], inputs: Sequence[Path], board: Board, output: Path, map_path: Path) -> None:
    """Link objects and libraries. Raises ImageTooLarge, with what is lacking, where the board cannot hold them."""
    folder = _boards()
    link = [*compiler, "-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections", "-Wl,--fatal-warnings"]
    link += [f"-L{folder / 'machines' / board.machine}", "-T", str(folder / "cortex-m.ld"), f"-Wl,-Map={map_path}"]
    try:
        run_compiler([*link, *map(str, inputs), "-o", str(output)], f"link {output.name}")
    except ToolError as error:
        overflows = {region: int(size) for region, size in _OVERFLOWS.findall(error.message)}
        if overflows or "will not fit in region" in error.message:
            lacking = [f"{size:,} bytes of {region}" for region, size in overflows.items()]
            raise ImageTooLarge(
                f"the firmware does not fit the {board.title}, which lacks {' and '.join(lacking) or 'memory'}"
            ) from error
        raise


def compile_source(
    core: Core,
    source: Path,
    kernels: KernelSet,
    target: Path,
    *,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    app: bool = True,
    flags: Sequence[str] = OPTIMIZED,
    cc: Compiler | None = None,
) -> Path:
    """Compile one source as `link_image` does, into `target`; with every warning we hold ourselves to, as errors."""
    cc = cc or find_arm_gcc()
    options = [*STRICT, "-mthumb", *core.flags, *flags, *_SECTIONS, *_STACK]
    options += [f"-D{each}" for each in (*kernels.defines, *defines)]
    options += [f"-I{each}" for each in (*include_dirs, *kernels.include_dirs, *_board_dirs(app))]
    options += [word for each in kernels.system_include_dirs for word in ("-isystem", str(each))]
    run_compiler([*cc.command, *options, "-c", str(source), "-o", str(target)], f"compile {source.name}")
    return target


def _core_headers(cmsis: CmsisNN) -> Path:
    named = os.environ.get("CMSIS_CORE_PATH")
    if named:
        if (Path(named) / "cmsis_compiler.h").is_file():
            return Path(named)
        raise ToolError(f"CMSIS_CORE_PATH: {named} holds no cmsis_compiler.h", "name CMSIS-Core's folder Include")
    if cmsis.core_include is None:
        raise ToolError(
            f"the CMSIS-NN in {cmsis.root} needs CMSIS-Core on a Cortex-M, and none lies beside it",
            "set CMSIS_CORE_PATH to the folder of cmsis_compiler.h, or take CMSIS-NN 4.1 or later",
        )
    return cmsis.core_include


def _board_dirs(app: bool) -> tuple[Path, ...]:
    return (_boards(), _boards() / "app") if app else (_boards(),)


def _boards() -> Path:
    from netspec.system.resources import firmware_dir

    return firmware_dir() / "boards"
