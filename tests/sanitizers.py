"""The sanitizers of clang: gcc's find less, and it has none for memory that was never written."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from netspec.diagnostics import ToolError
from netspec.toolchain.compiler import Compiler, compile_program, compiler_of

_NAMES = ("clang", *(f"clang-{version}" for version in range(30, 12, -1)))


def clang(sanitize: str) -> Compiler:
    """Return a clang that links programs with sanitizers; skips, saying why, where there is none."""
    found = next((name for name in _NAMES if shutil.which(name)), None)
    if found is None:
        pytest.skip("clang is not installed; on Debian: apt install clang libclang-rt-dev")
    if (reason := _missing(found, sanitize)) is not None:
        pytest.skip(
            f"{found} does not link with -fsanitize={sanitize}; on Debian: apt install libclang-rt-dev: {reason}"
        )
    compiler = compiler_of((found,))
    assert compiler is not None
    return compiler


@cache
def _missing(name: str, sanitize: str) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "empty.c"
        source.write_text("int main(void) { return 0; }\n", encoding="utf-8")
        try:
            compile_program([source], [], [], [], source.with_suffix(""), cc=compiler_of((name,)), sanitize=sanitize)
        except ToolError as error:
            return error.message
    return None
