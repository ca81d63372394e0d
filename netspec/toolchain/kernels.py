"""Which C files a build compiles for the functions that it calls, with either provider of kernels.

The provider of the calls (``arm_*``) is the hand-written portable code or Arm's CMSIS-NN; netspec's own
kernels (``netspec_*``) come with both. Where a CMSIS-NN lacks a function, the portable file of that name
fills in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from netspec.diagnostics import ToolError
from netspec.toolchain._declarations import declared, defined, mentioned
from netspec.toolchain.cmsis_nn import BEFORE_UPSCALING, HEADER, INSTALL, CmsisNN


@dataclass(frozen=True)
class KernelSet:
    """Everything a compiler needs to build the kernels behind a model, on the host.

    ``sources`` are ours and compile under strict warnings; ``vendor_sources`` are Arm's and compile with
    none. ``system_include_dirs`` hold headers that are not ours (pass them with -isystem). ``defines``
    (NAME or NAME=VALUE) are for every file, those of the program too. ``fillers`` are the functions that
    our portable code answers in a CMSIS-NN build: what the report should name.
    """

    provider: str
    sources: tuple[Path, ...]
    vendor_sources: tuple[Path, ...]
    include_dirs: tuple[Path, ...]
    system_include_dirs: tuple[Path, ...]
    defines: tuple[str, ...]
    fillers: frozenset[str]


def portable_kernels(functions: frozenset[str]) -> KernelSet:
    """Return the kernel set that needs nothing but netspec.

    `functions` are the ``arm_*`` and ``netspec_*`` functions that the emitted code calls. Raises ToolError
    for one that no file defines.
    """
    firmware = _firmware()
    own = _own_sources(firmware)
    portable = _definitions((firmware / "portable").glob("*.c"))
    needed = _required(functions, own, portable, provided=frozenset())
    return KernelSet(
        provider="portable",
        sources=(*own, *needed),
        vendor_sources=(),
        include_dirs=(firmware / "include", firmware / "portable" / "include"),
        system_include_dirs=(),
        defines=(),
        fillers=frozenset(),
    )


def cmsis_kernels(cmsis: CmsisNN, functions: frozenset[str]) -> KernelSet:
    """Return the kernel set that runs `functions` on Arm's kernels, filled up with portable ones.

    Of Arm's sources only those are compiled that the functions reach: a compiler may fail at others.

    Raises ToolError when a function takes another number of arguments than the emitted code passes, or when
    neither provider has it.
    """
    firmware = _firmware()
    own = _own_sources(firmware)
    expected = declared((firmware / "portable" / "include" / HEADER).read_text(encoding="utf-8"))
    for name in sorted(functions & expected.keys() & cmsis.declared.keys()):
        if name == "arm_convolve_s8" and cmsis.declared[name] == BEFORE_UPSCALING:
            continue  # netspec_kernels.h leaves the argument out
        if cmsis.declared[name] != expected[name]:
            raise ToolError(
                f"the CMSIS-NN in {cmsis.root} is not supported: {name} takes {cmsis.declared[name]} "
                f"arguments, netspec passes {expected[name]}",
                "netspec supports CMSIS-NN 4.0 to 7.0 and its main branch of 2026; " + INSTALL,
            )
    portable = _definitions((firmware / "portable").glob("*.c"))
    needed = _required(functions, own, portable, provided=cmsis.functions)
    fillers = frozenset(name for file in needed for name in _defined_in(file))
    twice = sorted(fillers & cmsis.functions)
    if twice:
        lacking = ", ".join(sorted(fillers - cmsis.functions))
        raise ToolError(
            f"the CMSIS-NN in {cmsis.root} is incomplete: it has {', '.join(twice)} but not {lacking}",
            "take a whole copy: " + INSTALL,
        )
    return KernelSet(
        provider=f"CMSIS-NN {cmsis.generation}",
        sources=(*own, *needed),
        vendor_sources=_reached(functions, (*own, *needed), cmsis),
        include_dirs=(firmware / "include",),
        system_include_dirs=cmsis.include_dirs,
        defines=(*cmsis.host_defines, *_facts(cmsis, expected)),
        fillers=fillers,
    )


def _facts(cmsis: CmsisNN, expected: Iterable[str]) -> tuple[str, ...]:
    """Return the macros by which netspec_kernels.h learns what the headers do not declare.

    They follow from the copy alone, not from the functions called, so that all builds with it share objects.
    """
    lacking = sorted(name for name in expected if name not in cmsis.declared)
    # 5.0 and 6.0 on Helium want the sums of dense weights without input offset and bias, unlike what is emitted.
    unbiased = ("NETSPEC_CMSIS_NN_UNBIASED_KERNEL_SUMS",) if cmsis.unbiased_sums else ()
    plain = ("NETSPEC_CMSIS_NN_CONVOLVES_WITHOUT_UPSCALING",) if cmsis.convolve_arguments == BEFORE_UPSCALING else ()
    return (
        "NETSPEC_CMSIS_NN",
        *unbiased,
        *plain,
        *(f"NETSPEC_CMSIS_NN_LACKS_{name.removeprefix('arm_').upper()}" for name in lacking),
    )


def _required(
    functions: frozenset[str], own: tuple[Path, ...], portable: dict[str, Path], provided: frozenset[str]
) -> tuple[Path, ...]:
    """Return the portable files behind `functions` and what these call in turn, less what is provided."""
    own_names = frozenset(name for file in own for name in _defined_in(file))
    pending = set(functions - own_names)
    for file in own:
        pending |= mentioned(file.read_text(encoding="utf-8")) & portable.keys()
    unknown = sorted(pending - portable.keys() - provided)
    if unknown:
        raise ToolError(
            f"internal error: no kernel is named {', '.join(unknown)}",
            "please report it, with the spec and the output of `netspec doctor`",
        )
    seen: set[str] = set()
    files: set[Path] = set()
    while pending:
        name = pending.pop()
        if name in seen or name in provided:
            continue
        seen.add(name)
        files.add(portable[name])
        pending |= mentioned(portable[name].read_text(encoding="utf-8")) & portable.keys()
    return tuple(sorted(files))


def _reached(functions: frozenset[str], ours: Iterable[Path], cmsis: CmsisNN) -> tuple[Path, ...]:
    """Return Arm's sources behind `functions` and behind what our own sources call, in the order that they have there.

    A name that is mentioned counts as called. Sources without a function are data that any of them may read. Arm's
    headers call nothing that a source defines.
    """
    pending = set(functions)
    for file in ours:
        pending |= mentioned(file.read_text(encoding="utf-8"))
    files = set(cmsis.sources) - set(cmsis.definitions.values())
    while pending:
        source = cmsis.definitions.get(pending.pop())
        if source is not None and source not in files:
            files.add(source)
            pending |= mentioned(source.read_text(encoding="utf-8", errors="replace"))
    return tuple(source for source in cmsis.sources if source in files)


def _definitions(files: Iterable[Path]) -> dict[str, Path]:
    return {name: file for file in sorted(files) for name in _defined_in(file)}


def _defined_in(file: Path) -> list[str]:
    return list(defined(file.read_text(encoding="utf-8")))


def _own_sources(firmware: Path) -> tuple[Path, ...]:
    return tuple(sorted((firmware / "src").glob("netspec_*.c")))


def _firmware() -> Path:
    from netspec.system.resources import firmware_dir

    return firmware_dir()
