"""The kernels that netspec ships and Arm's own: they compile, link completely and compute."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from netspec import toolchain
from netspec.toolchain.compiler import ADDRESS

Run = Callable[[Path], subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("sanitize", ["", ADDRESS], ids=["plain", "sanitized"])
def test_portable_kernels_link_and_run(
    sanitize: str, every_function: frozenset[str], dense_c: Path, run: Run, tmp_path: Path
) -> None:
    kernels = toolchain.portable_kernels(every_function)
    library = toolchain.compile_library(kernels, cache_dir=tmp_path / "cache", sanitize=sanitize)
    inputs = ([dense_c], kernels.include_dirs, kernels.defines, [library], tmp_path / "dense")
    assert run(toolchain.compile_program(*inputs, sanitize=sanitize)).stdout == "16 1\n"


def test_what_a_function_of_arms_reaches_is_all_that_it_needs(
    arm_sources: Path, every_function: frozenset[str], tmp_path: Path
) -> None:
    cmsis = toolchain.probe(arm_sources)
    for function in sorted(every_function & cmsis.functions):
        kernels = toolchain.cmsis_kernels(cmsis, frozenset({function}))
        assert 0 < len(kernels.vendor_sources) < 16 < len(cmsis.sources)
        main = tmp_path / "main.c"
        main.write_text(
            f'#include "netspec_kernels.h"\nvoid (*volatile kernel)(void);\n'
            f"int main(void)\n{{\n    kernel = (void (*)(void)){function};\n    return kernel == 0;\n}}\n"
        )
        toolchain.compile_program(
            [main],
            kernels.include_dirs,
            kernels.defines,
            [toolchain.compile_library(kernels, cache_dir=tmp_path / "cache")],
            tmp_path / "program",
            system_include_dirs=kernels.system_include_dirs,
            strict=False,
        )


def test_arms_kernels_link_and_run(
    arm_sources: Path, every_function: frozenset[str], dense_c: Path, run: Run, tmp_path: Path
) -> None:
    cmsis = toolchain.probe(arm_sources)
    kernels = toolchain.cmsis_kernels(cmsis, every_function)
    called = {name for name in every_function if name.startswith("arm_")}
    assert kernels.fillers == called - cmsis.functions
    library = toolchain.compile_library(kernels, cache_dir=tmp_path / "cache")
    program = toolchain.compile_program(
        [dense_c],
        kernels.include_dirs,
        kernels.defines,
        [library],
        tmp_path / "dense",
        system_include_dirs=kernels.system_include_dirs,
    )
    assert run(program).stdout == "16 1\n"
