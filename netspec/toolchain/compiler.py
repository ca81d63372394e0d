"""The host's C compiler: finding it, compiling kernels once, linking programs.

Objects and archives lie in a cache addressed by content: the compiler, its flags, every header in reach and
the source itself make the name, so nothing ever has to be thrown away to be right.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from netspec.diagnostics import ToolError
from netspec.system.processes import ANSWER_SECONDS, TimedOut, ending, run_bounded
from netspec.toolchain.kernels import KernelSet

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wmissing-prototypes", "-Werror")
ADDRESS, MEMORY, THREAD = "address,undefined,float-cast-overflow", "memory", "thread"
"""What `sanitize` may name. gcc has no sanitizer for memory that was never written."""
# Arm's sources are not ours to warn about, and 4.1's headers forget to include <stdint.h>.
VENDOR = ("-std=gnu11", "-w", "-include", "stdint.h")
# Arm's kernels shift negative numbers left, which C leaves undefined and every compiler for Arm defines.
SANITIZE_VENDOR = ("-fno-sanitize=shift",)
JOBS = 2
# What gcc writes beside an object when asked: stack per function, and who calls whom.
_BESIDE = (".su", ".ci")
_ERROR_LINES = 15
# A compiler has so long for a source, and longer for large ones: gcc takes seconds for a megabyte of an array.
_SECONDS, _SECONDS_A_MEGABYTE = 180.0, 60.0


@dataclass(frozen=True)
class Compiler:
    """A C compiler: its command in words, the first line of ``--version``, the machine it compiles for.

    ``archiver`` makes the static libraries of another machine's objects; None is $AR, else ar.
    """

    command: tuple[str, ...]
    version: str
    machine: str
    archiver: str | None = None


def install_command() -> str:
    """Return what to type to get a C compiler on this system."""
    return "xcode-select --install" if sys.platform == "darwin" else "sudo apt-get install gcc libc6-dev make"


def find_cc() -> Compiler:
    """Return the compiler that $CC names, else the first of cc, gcc and clang that runs.

    $CC may carry arguments (``ccache gcc``). Raises ToolError when it does not run, or when there is none
    at all.
    """
    named = os.environ.get("CC", "").strip()
    for candidate in [named] if named else ["cc", "gcc", "clang"]:
        try:
            command = tuple(shlex.split(candidate))
        except ValueError as error:
            raise ToolError(f"CC cannot be read as a command: {named}: {error}", "set CC to a compiler") from error
        if (found := compiler_of(command)) is not None:
            return found
    if named:
        raise ToolError(f"the C compiler that CC names does not run: {named}", "set CC to a compiler, or unset it")
    raise ToolError("no C compiler found: looked for cc, gcc and clang", install_command())


def compiler_of(command: tuple[str, ...]) -> Compiler | None:
    """Return the compiler that a command in words runs, or None where it does not run."""
    if shutil.which(command[0]) is None:
        return None
    try:
        version = ask([*command, "--version"], "find a C compiler")
    except TimedOut as error:
        raise ToolError(error.message, "let CC name another compiler") from error
    if version is None:
        return None
    return Compiler(command, version, ask([*command, "-dumpmachine"], "find a C compiler") or "unknown")


def cache_folder() -> Path:
    """Return where compiled kernels are kept: $NETSPEC_CACHE, else netspec in the user's cache folder."""
    named = os.environ.get("NETSPEC_CACHE")
    if named:
        return Path(named).expanduser()
    user = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(user) if user else Path.home() / ".cache") / "netspec"
    except RuntimeError as error:  # a container's user without a home
        raise ToolError("no home folder to keep compiled kernels in", "set NETSPEC_CACHE to a folder") from error


def compile_library(
    kernels: KernelSet,
    cc: Compiler | None = None,
    flags: Sequence[str] = ("-O2",),
    cache_dir: Path | None = None,
    *,
    sanitize: str = "",
) -> Path:
    """Return a static archive of `kernels`, compiled or from the cache.

    Only members that a program needs are linked, so one archive serves every model. `sanitize` names sanitizers,
    as ADDRESS does; the program must be compiled with the same ones. Raises ToolError with the compiler's first
    lines when a file does not compile.
    """
    cc = cc or find_cc()
    cache = cache_dir or cache_folder()
    jobs = _object_jobs(kernels, cc, flags, cache, sanitize=sanitize)
    archive_key = hashlib.sha256("\0".join(target.name for _, target, _ in jobs).encode()).hexdigest()
    archive = cache / "libraries" / archive_key[:32] / "libnetspec_kernels.a"
    if _intact(archive):
        return archive

    _compile_missing(cc, jobs)
    archiver = cc.archiver or os.environ.get("AR", "ar")
    with _published(archive, sealed=True) as scratch:
        run_compiler([archiver, "rcs", str(scratch), *(str(target) for _, target, _ in jobs)], "archive the kernels")
    return archive


def compile_objects(
    kernels: KernelSet,
    cc: Compiler | None = None,
    flags: Sequence[str] = ("-O2",),
    cache_dir: Path | None = None,
) -> tuple[Path, ...]:
    """Return the object of each source of `kernels`, compiled or from the cache.

    The same objects as in the archive of `compile_library`, in the order of its sources. With ``-fstack-usage`` or
    ``-fcallgraph-info`` among `flags` what the compiler wrote beside an object lies beside it (.su, .ci). Raises
    ToolError as `compile_library` does.
    """
    cc = cc or find_cc()
    jobs = _object_jobs(kernels, cc, flags, cache_dir or cache_folder())
    _compile_missing(cc, jobs)
    return tuple(target for _, target, _ in jobs)


def _object_jobs(
    kernels: KernelSet, cc: Compiler, flags: Sequence[str], cache: Path, *, sanitize: str = ""
) -> list[tuple[Path, Path, list[str]]]:
    """Return each source, the object in the cache that it becomes, and the options that make it so."""
    common = [*flags, *_sanitizers(sanitize), "-ffunction-sections", "-fdata-sections"]
    common += [f"-D{define}" for define in kernels.defines]
    includes = _includes(kernels.include_dirs, kernels.system_include_dirs)
    reach = _digest_headers([*kernels.include_dirs, *kernels.system_include_dirs])
    beside = {folder: _digest_headers([folder], deep=False) for folder in {s.parent for s in kernels.sources}}

    jobs: list[tuple[Path, Path, list[str]]] = []
    styles: list[tuple[Path, Sequence[str], Sequence[str]]] = [(source, STRICT, ()) for source in kernels.sources]
    exempt = SANITIZE_VENDOR if sanitize else ()
    styles += [(source, VENDOR, exempt) for source in kernels.vendor_sources]
    for source, style, last in styles:
        options = [*style, *common, *last]
        about = [cc.version, cc.machine, *cc.command[1:], *options, reach, beside.get(source.parent, "")]
        key = hashlib.sha256("\0".join([*about, source.name, ""]).encode() + source.read_bytes()).hexdigest()
        target = cache / "objects" / key[:2] / f"{source.stem}-{key[2:34]}.o"
        jobs.append((source, target, [*options, *includes]))
    return jobs


def _compile_missing(cc: Compiler, jobs: Sequence[tuple[Path, Path, list[str]]]) -> None:
    missing = [job for job in jobs if not _intact(job[1])]
    with ThreadPoolExecutor(max_workers=JOBS) as pool:
        # Consuming the results raises the first failure.
        for _ in pool.map(lambda job: _compile_object(cc, *job), missing):
            pass


def compile_program(
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    defines: Sequence[str],
    libs: Sequence[Path],
    output: Path,
    *,
    system_include_dirs: Sequence[Path] = (),
    cc: Compiler | None = None,
    flags: Sequence[str] = ("-O1",),
    sanitize: str = "",
    strict: bool = True,
) -> Path:
    """Compile `sources` and link them with `libs` into `output`, which is replaced only when all went well.

    `strict` compiles as C99 with every warning we hold ourselves to, as errors. Raises ToolError with the
    compiler's first lines.
    """
    cc = cc or find_cc()
    options = [*(STRICT if strict else ("-std=c99",)), *flags, *_sanitizers(sanitize)]
    options += [f"-D{define}" for define in defines]
    options += _includes(include_dirs, system_include_dirs)
    with _published(output) as scratch:
        inputs = [str(path) for path in (*sources, *libs)]
        run_compiler([*cc.command, *options, "-o", str(scratch), *inputs, "-lm"], f"build {output.name}")
    return output


def _compile_object(cc: Compiler, source: Path, target: Path, options: list[str]) -> None:
    with _published(target, sealed=True) as scratch:
        run_compiler([*cc.command, *options, "-c", str(source), "-o", str(scratch)], f"compile {source.name}")
        for ending in _BESIDE:  # before the object itself, which then vouches for them
            if scratch.with_suffix(ending).is_file():
                os.replace(scratch.with_suffix(ending), target.with_suffix(ending))


def _sanitizers(names: str) -> tuple[str, ...]:
    """Return the options that add sanitizers. The first finding ends the program."""
    if not names:
        return ()
    return ("-g", f"-fsanitize={names}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def _includes(own: Iterable[Path], system: Iterable[Path]) -> list[str]:
    return [f"-I{folder}" for folder in own] + [word for folder in system for word in ("-isystem", str(folder))]


def _digest_headers(folders: Iterable[Path], *, deep: bool = True) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for header in sorted(folder.rglob("*.h") if deep else folder.glob("*.h")):
            body = header.read_bytes()
            digest.update(f"{header.relative_to(folder).as_posix()}\0{len(body)}\0".encode() + body)
    return digest.hexdigest()


def _seal(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _intact(target: Path) -> bool:
    """Return whether a file of the cache is there and is what was put there: disks fill up and machines crash."""
    try:
        return hashlib.sha256(target.read_bytes()).hexdigest() == _seal(target).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return False


@contextmanager
def _published(target: Path, *, sealed: bool = False) -> Iterator[Path]:
    """Give a name to write to; move it onto `target` at the end, so that nobody ever reads half a file.

    `sealed` puts the digest beside it that `_intact` asks for. Raises ToolError where nothing was written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=target.parent, prefix=".netspec-")
    except OSError as error:
        raise ToolError(
            f"cannot write to {target.parent}: {error.strerror}",
            "set NETSPEC_CACHE to a folder that you may write to",
        ) from error
    with folder as name:
        scratch = Path(name) / target.name
        yield scratch
        if not scratch.is_file():
            raise ToolError(
                f"the compiler ended well and wrote no {target.name}", "set CC to a C compiler, or unset it"
            )
        if sealed:
            seal = scratch.with_name(_seal(target).name)
            seal.write_text(hashlib.sha256(scratch.read_bytes()).hexdigest(), encoding="ascii")
            os.replace(seal, _seal(target))
        os.replace(scratch, target)


def run_compiler(command: Sequence[str], purpose: str) -> None:
    """Run a compiler or archiver. Raises ToolError with its first lines, and the whole command as help."""
    read = sum(os.path.getsize(word) for word in command[1:] if os.path.isfile(word))
    try:
        result = run_bounded(command, purpose, _SECONDS + _SECONDS_A_MEGABYTE * read / 2**20)
    except OSError as error:
        raise ToolError(f"cannot {purpose}: {command[0]}: {error.strerror}", install_command()) from error
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).decode(errors="replace").strip().splitlines()[:_ERROR_LINES]
        if not lines or result.returncode < 0:
            lines.append(f"{command[0]} {ending(result.returncode)}")
        shown = "\n".join(lines)
        raise ToolError(f"cannot {purpose}:\n{shown}", "the whole command: " + shlex.join(command))


def ask(command: Sequence[str], purpose: str = "ask what it is") -> str | None:
    """Return the first line of a compiler's answer, None where it gives none. Raises ToolError where it hangs."""
    try:
        result = run_bounded(command, purpose, ANSWER_SECONDS)
    except OSError:
        return None
    lines = result.stdout.decode(errors="replace").strip().splitlines()
    return lines[0] if result.returncode == 0 and lines else None
