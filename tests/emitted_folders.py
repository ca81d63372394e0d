"""What the tests of the integrations share: emitted folders on disk, and the commands that take them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from netspec.toolchain.compiler import STRICT
from tests.emitted_nets import NETS
from tests.footprints import on_arm_kernels
from tests.models import firmware, make_model

# Files that stand for the tools of others.
STANDINS = Path(__file__).resolve().parent / "firmware" / "integrations"
TWO = ("digits", "motions")
RIGHT = [f"{name}: 4 samples, 0 mismatches" for name in TWO]


def write(files: dict[str, str], folder: Path) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def emitted(net: str, folder: Path, *, on_arm: bool = False) -> Path:
    """Write the firmware folder of a network; `on_arm` with `target: {kernels: cmsis-nn}`."""
    graph = NETS[net]()
    return write(firmware(make_model(on_arm_kernels(graph) if on_arm else graph)), folder)


def run(*command: str | Path, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command; what it says on standard error is part of what it prints."""
    words = [*(f"{name}={value}" for name, value in environment.items()), *map(str, command)]
    both = ["env", *words] if environment else words
    return subprocess.run(both, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def must(*command: str | Path, given: bytes = b"", **environment: str) -> str:
    """Run a command that has to succeed, and return what it prints."""
    done = run(*command, given=given, **environment)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout.decode()}"
    return done.stdout.decode()


def compiled(
    folder: Path,
    sources: Iterable[Path],
    include_dirs: Iterable[Path],
    defines: Sequence[str] = (),
    *,
    strict: bool = True,
) -> Path:
    """Return the program of these sources, each compiled by itself as build systems do, and strictly where asked."""
    folder.mkdir(parents=True, exist_ok=True)
    includes = [f"-I{path}" for path in include_dirs]
    objects = []
    for number, source in enumerate(sources):
        objects.append(folder / f"{number}.o")
        if source.suffix == ".c":
            words = ["gcc", *(STRICT if strict else ("-std=gnu11", "-w"))]
        else:
            words = ["g++", "-std=gnu++11", "-xc++", *(("-Wall", "-Wextra", "-Werror") if strict else ("-w",))]
        must(*words, *defines, *includes, "-c", source, "-o", objects[-1])
    must("g++", *objects, "-o", folder / "program")
    return folder / "program"
