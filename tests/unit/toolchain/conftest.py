"""Small trees in the shape of CMSIS-NN and of our firmware folder, and the genuine ones."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from netspec import toolchain
from netspec.system.resources import firmware_dir
from netspec.toolchain import _declarations as declarations

# Functions of every supported CMSIS-NN with their argument counts in 4.0.
_BASE = {
    "arm_convolve_1x1_s8_fast": 11,
    "arm_depthwise_conv_s8": 11,
    "arm_depthwise_conv_3x3_s8": 11,
    "arm_depthwise_conv_s8_opt": 11,
    "arm_max_pool_s8": 7,
    "arm_convolve_s8": 11,
}
_TYPES = "#pragma once\ntypedef int arm_cmsis_nn_status;\n"


def _prototype(name: str, arguments: int) -> str:
    return f"arm_cmsis_nn_status {name}({', '.join(f'int a{index}' for index in range(arguments))})"


def _header(functions: dict[str, int]) -> str:
    lines = ["#ifndef ARM_NNFUNCTIONS_H", "#define ARM_NNFUNCTIONS_H", '#include "arm_nn_types.h"']
    lines += [f"/* See also arm_pad_s8(); */\n{_prototype(*item)};" for item in functions.items()]
    return "\n".join([*lines, "#endif", ""])


def _body(name: str, arguments: int, include: str = "arm_nnfunctions.h") -> str:
    used = "".join(f"    (void)a{index};\n" for index in range(arguments))
    return f'#include "{include}"\n\n{_prototype(name, arguments)}\n{{\n{used}    return 0;\n}}\n'


def _write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def write() -> Callable[[dict[Path, str]], None]:
    """Write files, with the folders they need."""
    return _write


@pytest.fixture
def make_cmsis() -> Callable[..., Path]:
    """Write a tree with the layout of CMSIS-NN whose functions do nothing.

    Keyword arguments add functions with their argument counts, or take one away (0). Those in `undefined` are
    declared only; `types` is appended to the types header.
    """

    def make(root: Path, types: str = "", undefined: frozenset[str] = frozenset(), **changes: int) -> Path:
        functions = {name: count for name, count in (_BASE | changes).items() if count}
        files = {
            root / "Include/arm_nnfunctions.h": _header(functions),
            root / "Include/arm_nn_types.h": _TYPES + types,
        }
        defined = functions.keys() - undefined
        files |= {root / f"Source/All/{name}.c": _body(name, functions[name]) for name in defined}
        _write(files)
        return root

    return make


@pytest.fixture
def firmware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a small firmware folder in place of the real one: three portable kernels and one of our own.

    arm_softmax_s8 calls arm_pad_s8; arm_convolve_1x1_s8_fast.c also holds the function for its scratch size.
    """
    root = tmp_path / "firmware"
    functions = {"arm_convolve_1x1_s8_fast": 11, "arm_pad_s8": 6, "arm_softmax_s8": 7}
    size = "arm_convolve_1x1_s8_fast_get_buffer_size"
    kernels = '#include "arm_nnfunctions.h"\nint netspec_table_s8(int index);\n'
    for name in ("arm_pad_s8", "arm_softmax_s8"):
        macro = f"NETSPEC_CMSIS_NN_LACKS_{name.removeprefix('arm_').upper()}"
        kernels += f"#ifdef {macro}\n{_prototype(name, functions[name])};\n#endif\n"
    files = {root / f"portable/{name}.c": _body(name, functions[name], "netspec_kernels.h") for name in functions}
    files[root / "portable/arm_convolve_1x1_s8_fast.c"] += _body(size, 1)
    softmax = root / "portable/arm_softmax_s8.c"
    files[softmax] = files[softmax].replace("return 0;", "return arm_pad_s8(a0, a1, a2, a3, a4, a5);")
    files |= {
        root / "portable/include/arm_nn_types.h": _TYPES,
        root / "portable/include/arm_nnfunctions.h": _header(functions | {size: 1}),
        root / "include/netspec_kernels.h": kernels,
        root / "src/netspec_table_s8.c": '#include "netspec_kernels.h"\n\n'
        "int netspec_table_s8(int index)\n{\n    return index + 1;\n}\n",
    }
    _write(files)
    monkeypatch.setattr("netspec.system.resources.firmware_dir", lambda: root)
    return root


@pytest.fixture
def main_c(tmp_path: Path) -> Path:
    """Write a program for the small firmware folder that prints 42."""
    path = tmp_path / "main.c"
    path.write_text("""
#include "netspec_kernels.h"
#include <stdio.h>

int main(void)
{
    printf("%d\\n", netspec_table_s8(41) + arm_softmax_s8(0, 0, 0, 0, 0, 0, 0));
    return 0;
}
""")
    return path


@pytest.fixture
def counting_cc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a compiler in place that writes down what it compiles, a line a file, and return that log."""
    log = tmp_path / "compiled.txt"
    real = shlex.join(toolchain.find_cc().command)
    script = tmp_path / "counting-cc"
    calls = f'case " $* " in *" -c "*) echo "$*" >> "{log}";; esac'
    script.write_text(f'#!/bin/sh\n{calls}\nexec {real} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CC", shlex.quote(str(script)))
    log.write_text("")
    return log


@pytest.fixture
def run() -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Run a program and return what it did."""
    return lambda program: subprocess.run([program], capture_output=True, text=True, check=False)


@pytest.fixture(params=["bakenn", "CMSIS_NN_PATH"])
def arm_sources(request: pytest.FixtureRequest) -> Path:
    """Return a copy of Arm's own code: the one in the package bakenn, and the one that the user names."""
    if request.param == "CMSIS_NN_PATH":
        named = os.environ.get("CMSIS_NN_PATH")
        return Path(named) if named else pytest.skip("CMSIS_NN_PATH is not set")
    found = importlib.util.find_spec("bakenn")
    if found is None or found.origin is None:
        pytest.skip("the package bakenn, which carries CMSIS-NN 4.0, is not installed")
    return Path(found.origin).parent / "backend/cmsis_nn/vendor"


@pytest.fixture
def every_function() -> frozenset[str]:
    """Return what emitted code may call: all that the portable header declares, and our own kernels."""
    root = firmware_dir()
    own = {name for file in (root / "src").glob("*.c") for name in declarations.defined(file.read_text())}
    header = (root / "portable/include/arm_nnfunctions.h").read_text()
    return frozenset(declarations.declared(header)) | own


@pytest.fixture
def dense_c(tmp_path: Path, every_function: frozenset[str]) -> Path:
    """Write a program that links every kernel and runs one whose answer is plain: 1 * 3 + 2 * 4 + 5 = 16."""
    table = "\n".join(f"    (kernel){name}," for name in sorted(every_function))
    path = tmp_path / "dense.c"
    path.write_text(f"""
#include "netspec_kernels.h"
#include <stdio.h>

typedef void (*kernel)(void);
static const volatile kernel kernels[] = {{
{table}
}};

int main(void)
{{
    const int8_t input[2] = {{1, 2}}, weights[2] = {{3, 4}};
    const int32_t sums[1] = {{5}};
    int8_t output[1] = {{0}};
    const netspec_dense layer = {{weights, sums, 2, 1, 1 << 30, 1, 0, -128, 127}};
    netspec_dense_s8(&layer, input, output, 1);
    printf("%d %d\\n", output[0], kernels[0] != 0);
    return 0;
}}
""")
    return path
