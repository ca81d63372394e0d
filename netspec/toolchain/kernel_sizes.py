"""What each kernel adds to firmware, by provider and core: measured by linking, for `netspec.device.size`.

For each function that emitted code may call, a program that holds nothing else is linked as firmware is. The pieces
that the linker keeps are the function and all that it calls, the C library and libgcc included; a network's kernels
are the union of the pieces of its functions. Stack is the longest way through the same calls.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from netspec.system.resources import firmware_dir
from netspec.toolchain._declarations import declared
from netspec.toolchain.arm import OPTIMIZED, Core, device_kernels
from netspec.toolchain.cmsis_nn import HEADER, CmsisNN
from netspec.toolchain.compiler import Compiler, compile_library, compile_objects, run_compiler
from netspec.toolchain.disassembly import read_frames
from netspec.toolchain.kernels import KernelSet
from netspec.toolchain.map_file import LIBRARIES, MapFile, Piece, read_map
from netspec.toolchain.stack import StackUsage, read_stack_usage

LIBRARY_FUNCTIONS = frozenset({"memcpy"})
"""What emitted code itself calls of the C library."""

_KERNELS = "kernels"
_SIZER = "_get_buffer_size"


@dataclass(frozen=True)
class Kernels:
    """The kernels of one provider for one core.

    `pieces` are the bytes in flash of functions and of their constants, by name. `needs` gives for each function that
    emitted code may call the pieces that come with it, `stack` the most bytes that a call of it has on the stack.
    """

    pieces: Mapping[str, int]
    needs: Mapping[str, tuple[str, ...]]
    stack: Mapping[str, int]


def callable_functions() -> frozenset[str]:
    """Return the kernels that emitted code may call, Arm's by name: what sizes scratch it calls in assertions only."""
    firmware = firmware_dir()
    headers = (firmware / "portable" / "include" / HEADER, firmware / "include" / "netspec_kernels.h")
    names = {name for header in headers for name in declared(header.read_text(encoding="utf-8"))}
    return frozenset(name for name in names if not name.endswith(_SIZER))


def measure(core: Core, cc: Compiler, cmsis: CmsisNN | None = None, cache_dir: Path | None = None) -> Kernels:
    """Return the kernels of `cmsis`, or the portable ones, as they are linked for `core`.

    Raises ToolError where they do not compile or link, and where no bound of a stack can be given.
    """
    kernels = device_kernels(callable_functions(), cmsis)
    flags = ("-mthumb", *core.flags, *OPTIMIZED, "-fcallgraph-info=su")
    library = compile_library(kernels, cc, flags, cache_dir)
    pieces: dict[str, int] = {}
    needs: dict[str, tuple[str, ...]] = {}
    with tempfile.TemporaryDirectory(prefix="netspec-sizes-") as name:
        folder = Path(name)
        for function in sorted(callable_functions() | LIBRARY_FUNCTIONS):
            found = _sizes(_link(core, cc, library, {function}, folder / f"{function}.elf"))
            pieces |= found
            needs[function] = tuple(sorted(found))
        everything = folder / "all.elf"
        _link(core, cc, library, needs, everything)
        stack = stack_usage(everything, kernels, cc, flags, cache_dir)
    bounds = {function: stack.bound(function, {}) for function in needs}
    return Kernels(dict(sorted(pieces.items())), needs, bounds)


def stack_usage(
    elf: Path,
    kernels: KernelSet,
    cc: Compiler,
    flags: Iterable[str],
    cache_dir: Path | None = None,
    others: StackUsage | None = None,
) -> StackUsage:
    """Return the frames of all functions of a program: as the compiler reports them, else by disassembly.

    `others` are frames of the program's own sources.
    """
    objdump = str(Path(cc.command[0]).with_name(f"{cc.machine}-objdump"))
    linked = read_frames(elf, objdump)
    reported = read_stack_usage(compile_objects(kernels, cc, tuple(flags), cache_dir)).frames
    reported = {**reported, **(others.frames if others else {})}
    frames = {}
    for name, read_off in linked.items():
        frame = reported.get(name, read_off)
        if frame.bytes == 0:  # of a function that is assembly throughout the compiler reports none
            frame = replace(frame, bytes=read_off.bytes, bounded=frame.bounded and read_off.bounded)
        # The compiler reports calls that it has optimized away since, such as divisions: what is not linked is not
        # called. What is, the disassembly shows too.
        calls = {callee for callee in frame.calls if callee in linked}.union(read_off.calls)
        frames[name] = replace(frame, calls=tuple(sorted(calls)))
    return StackUsage(frames)


def name_of(piece: Piece) -> str:
    """Return a piece's name in tables: the function or datum; with its object where that does not say enough."""
    if piece.group == LIBRARIES or piece.symbol.startswith("."):
        return f"{piece.object.removesuffix('.o')}{piece.section}"
    return piece.symbol


def _sizes(found: MapFile) -> dict[str, int]:
    """Return the bytes of the pieces in flash."""
    sizes: dict[str, int] = {}
    for piece in found.pieces:
        assert piece.kind in ("text", "rodata"), f"{piece.object} has variables: {piece.section}"
        assert name_of(piece) not in sizes, f"two pieces are named {name_of(piece)}"
        sizes[name_of(piece)] = piece.size
    return sizes


def _link(core: Core, cc: Compiler, library: Path, functions: Iterable[str], output: Path) -> MapFile:
    """Link a program of nothing but `functions`; it does not run."""
    boards = firmware_dir() / "boards"
    board = (core.larger or core.board).machine
    names = sorted(functions)
    command = [*cc.command, "-mthumb", *core.flags, "-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections"]
    command += [f"-L{boards / 'machines' / board}", "-T", str(boards / "cortex-m.ld"), f"-Wl,-e,{names[0]}"]
    command += [f"-Wl,-u,{name}" for name in names]
    command += [str(library), f"-Wl,-Map={output.with_suffix('.map')}", "-o", str(output)]
    run_compiler(command, f"link {', '.join(names)}")
    return read_map(output.with_suffix(".map"), {_KERNELS: [library]})
