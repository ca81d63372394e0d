"""The CMake module for users: it builds, and judges a CMSIS-NN as the Python code does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from netspec import toolchain
from netspec.system.resources import firmware_dir

Make = Callable[..., Path]
Configure = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")

PINNED = "22080c68d040c98139e6cb1549473e3149735f4d"


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Write a project around a C file and configure it, with `options` and without the caller's CMSIS-NN.

    Standard output and error come back in one; the build folder is ``build`` below `tmp_path`.
    """

    def act(source: Path, firmware: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.18)
project(user C)
include("{firmware.as_posix()}/cmake/NetspecKernels.cmake")
add_executable(program "{source.as_posix()}")
netspec_add_kernels(program)
get_target_property(defines netspec_kernels INTERFACE_COMPILE_DEFINITIONS)
message(STATUS "defines: ${{defines}}")
""")
        command = ["cmake", "-S", str(tmp_path), "-B", str(tmp_path / "build"), *options]
        return subprocess.run(
            command,
            env={name: value for name, value in os.environ.items() if name != "CMSIS_NN_PATH"}
            | {"CMSIS_PACK_ROOT": str(tmp_path / "packs")}
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    return act


@pytest.fixture
def small_firmware(firmware: Path) -> Path:
    """Add the module to the small firmware folder."""
    real = Path(__file__).resolve().parents[3] / "firmware/cmake"
    shutil.copytree(real, firmware / "cmake")
    return firmware


def build_and_run(folder: Path) -> str:
    built = subprocess.run(
        ["cmake", "--build", str(folder / "build"), "-j2"], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return subprocess.run([folder / "build/program"], capture_output=True, text=True, check=True).stdout


def said(output: str, what: str) -> set[str]:
    match = re.search(rf"{what}: (.*)", output)
    assert match, output
    return set(re.split(r"[ ;>]|\$<BUILD_INTERFACE:", match[1])) - {""}


def test_portable_build(configure: Configure, dense_c: Path, tmp_path: Path) -> None:
    result = configure(dense_c, firmware_dir())
    assert result.returncode == 0, result.stdout
    assert "netspec kernels: portable" in result.stdout
    assert build_and_run(tmp_path) == "16 1\n"


def test_cmsis_nn_build_agrees_with_the_toolchain(
    configure: Configure, dense_c: Path, arm_sources: Path, every_function: frozenset[str], tmp_path: Path
) -> None:
    result = configure(dense_c, firmware_dir(), "-DNETSPEC_KERNELS=cmsis-nn", f"-DCMSIS_NN_PATH={arm_sources}")
    assert result.returncode == 0, result.stdout
    kernels = toolchain.cmsis_kernels(toolchain.probe(arm_sources), every_function)
    assert said(result.stdout, "defines") == set(kernels.defines)
    assert said(result.stdout, "portable fillers") == kernels.fillers
    assert build_and_run(tmp_path) == "16 1\n"


@pytest.mark.parametrize("given", ["variable", "pack"])
def test_cmsis_nn_is_found_like_the_toolchain_finds_it(
    given: str, configure: Configure, small_firmware: Path, make_cmsis: Make, main_c: Path, tmp_path: Path
) -> None:
    packs = tmp_path / "packs/ARM/CMSIS-NN"
    for version in ("9.0.0", "10.0.0"):
        make_cmsis(packs / version)
    root = make_cmsis(tmp_path / "nn", undefined=frozenset({"arm_softmax_s8"}), arm_softmax_s8=7)
    environment = {"CMSIS_NN_PATH": str(root / "Include")} if given == "variable" else {}
    result = configure(main_c, small_firmware, "-DNETSPEC_KERNELS=cmsis-nn", **environment)
    assert result.returncode == 0, result.stdout
    expected = root if given == "variable" else packs / "10.0.0"
    assert f"CMSIS-NN in {expected}\n" in result.stdout
    kernels = toolchain.cmsis_kernels(toolchain.probe(expected), frozenset({"arm_softmax_s8"}))
    assert said(result.stdout, "portable fillers") == kernels.fillers
    assert build_and_run(tmp_path) == "42\n"


def commands(folder: Path) -> dict[str, str]:
    """Return how each source is compiled, by its name."""
    found = json.loads((folder / "compile_commands.json").read_text())
    return {Path(each["file"]).name: each["command"] for each in found}


def test_of_arms_sources_those_are_compiled_that_the_networks_reach(
    small_firmware: Path, make_cmsis: Make, tmp_path: Path
) -> None:
    """Also where the networks are in folders of their own, of which the first one makes the library."""
    root = make_cmsis(tmp_path / "nn", arm_softmax_s8=7, arm_pad_s8=6)
    files = root / "Source/All"
    softmax = files / "arm_softmax_s8.c"
    softmax.write_text(softmax.read_text().replace("return 0;", "arm_nn_helper(); return 0; /* arm_max_pool_s8 */"))
    (files / "arm_nn_help.c").write_text(
        "static void arm_x(void)\n{\n}\nvoid arm_nn_helper(void)\n{\n    arm_x();\n}\n"
    )
    (files / "arm_nntables.c").write_text("const short arm_table[1] = {1};\n")
    for name, functions in {"one": "arm_softmax_s8", "two": "netspec_table_s8 arm_pad_s8"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.c").write_text("int network(void);\nint network(void)\n{\n    return 0;\n}\n")
        (tmp_path / name / "CMakeLists.txt").write_text(
            f"add_library({name} STATIC one.c)\nnetspec_add_kernels({name} FUNCTIONS {functions})\n"
        )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(user C)\n"
        f'include("{small_firmware}/cmake/NetspecKernels.cmake")\nadd_subdirectory(one)\nadd_subdirectory(two)\n'
    )
    build = tmp_path / "build"
    command = ["cmake", "-S", tmp_path, "-B", build, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", "-DCMAKE_BUILD_TYPE=Debug"]
    command += ["-DNETSPEC_KERNELS=cmsis-nn", f"-DCMSIS_NN_PATH={root}"]
    for everything in ("OFF", "ON"):
        done = subprocess.run(
            [*command, f"-DNETSPEC_ALL_KERNELS={everything}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found = commands(build)
        vendor = {name for name in found if (files / name).is_file()}
        if everything == "OFF":
            assert vendor == {"arm_softmax_s8.c", "arm_nn_help.c", "arm_pad_s8.c", "arm_nntables.c"}
            assert subprocess.run(["cmake", "--build", build], capture_output=True, check=False).returncode == 0
        else:
            assert vendor == {path.name for path in files.iterdir()}
        assert all("-include stdint.h" in found[name] for name in vendor)
        shutil.rmtree(build)


@pytest.mark.parametrize(
    ("options", "optimized"),
    [
        ((), True),
        (("-DCMAKE_BUILD_TYPE=Debug",), True),
        (("-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS=-Os -O0"), True),
        (("-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS_DEBUG=-g -Og"), False),
        (("-DCMAKE_C_FLAGS=-Os",), False),
        (("-DCMAKE_BUILD_TYPE=MinSizeRel",), False),
    ],
)
def test_arms_sources_are_optimized_where_nothing_else_is(
    options: tuple[str, ...],
    optimized: bool,
    configure: Configure,
    small_firmware: Path,
    make_cmsis: Make,
    main_c: Path,
    tmp_path: Path,
) -> None:
    root = make_cmsis(tmp_path / "nn")
    export = ("-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", "-DNETSPEC_KERNELS=cmsis-nn", f"-DCMSIS_NN_PATH={root}")
    assert configure(main_c, small_firmware, *export, *options).returncode == 0
    found = commands(tmp_path / "build")
    assert ("-O2" in found["arm_max_pool_s8.c"].split()) == optimized
    assert "-O2" not in found["netspec_table_s8.c"].split()


@pytest.mark.skipif(shutil.which("ninja") is None, reason="needs a generator of several configurations")
def test_arms_sources_are_optimized_in_one_of_several_configurations(
    configure: Configure, small_firmware: Path, make_cmsis: Make, main_c: Path, tmp_path: Path
) -> None:
    options = (
        "-G",
        "Ninja Multi-Config",
        "-DNETSPEC_KERNELS=cmsis-nn",
        f"-DCMSIS_NN_PATH={make_cmsis(tmp_path / 'nn')}",
    )
    assert configure(main_c, small_firmware, *options).returncode == 0
    for configuration, optimized in (("Debug", True), ("Release", False)):
        rules = (tmp_path / f"build/CMakeFiles/impl-{configuration}.ninja").read_text()
        flags = re.search(r"arm_max_pool_s8\.c\.o:.*?\n  FLAGS = ([^\n]*)", rules, re.DOTALL)
        assert flags
        assert ("-O2" in flags[1].split()) == optimized


def test_unsupported_and_absent_copies_are_refused(
    configure: Configure, small_firmware: Path, make_cmsis: Make, main_c: Path, tmp_path: Path
) -> None:
    def refusal(*options: str) -> str:
        result = configure(main_c, small_firmware, "-DNETSPEC_FETCH_CMSIS_NN=OFF", *options)
        assert result.returncode != 0
        return " ".join(result.stdout.split())

    arm = "-DNETSPEC_KERNELS=cmsis-nn"
    old = make_cmsis(tmp_path / "old", arm_max_pool_s8=0)
    other = make_cmsis(tmp_path / "other", arm_convolve_1x1_s8_fast=12)
    assert "NETSPEC_KERNELS is 'mine'" in refusal("-DNETSPEC_KERNELS=mine")
    assert "no CMSIS-NN found" in refusal(arm)
    assert "holds no Include/arm_nnfunctions.h" in refusal(arm, f"-DCMSIS_NN_PATH={tmp_path}/absent")
    assert "it has no arm_max_pool_s8;" in refusal(arm, f"-DCMSIS_NN_PATH={old}")
    assert "takes 12 arguments, netspec passes 11" in refusal(arm, f"-DCMSIS_NN_PATH={other}")


def test_a_download_is_pinned_to_a_commit(
    configure: Configure, small_firmware: Path, make_cmsis: Make, main_c: Path, tmp_path: Path
) -> None:
    # FetchContent's own override stands in for the network
    root = make_cmsis(tmp_path / "download", arm_pad_s8=6)
    override = f"-DFETCHCONTENT_SOURCE_DIR_NETSPEC_CMSIS_NN={root}"
    result = configure(main_c, small_firmware, "-DNETSPEC_KERNELS=cmsis-nn", override)
    assert result.returncode == 0, result.stdout
    assert f"fetching CMSIS-NN {PINNED}" in result.stdout
    assert f"CMSIS-NN in {root}\n" in result.stdout
    assert said(result.stdout, "portable fillers") == {"arm_softmax_s8"}


def test_core_is_needed_on_a_cortex_m_only(
    configure: Configure, small_firmware: Path, make_cmsis: Make, main_c: Path, tmp_path: Path
) -> None:
    root = make_cmsis(tmp_path / "nn")
    (root / "Include/arm_nn_math_types.h").write_text('#if 0\n#include "cmsis_compiler.h"\n#endif\n')
    header = root / "Include/arm_nnfunctions.h"
    header.write_text('#include "arm_nn_math_types.h"\n' + header.read_text())
    options = ("-DNETSPEC_KERNELS=cmsis-nn", f"-DCMSIS_NN_PATH={root}")
    assert "__GNUC_PYTHON__" in said(configure(main_c, small_firmware, *options).stdout, "defines")

    shutil.rmtree(tmp_path / "build")
    # naming the system makes CMake treat the build as a cross build, with the same compiler
    bare = (*options, "-DCMAKE_SYSTEM_NAME=Generic")
    refused = configure(main_c, small_firmware, *bare)
    assert "set CMSIS_CORE_PATH" in " ".join(refused.stdout.split())
    core = tmp_path / "core"
    core.mkdir()
    (core / "cmsis_compiler.h").write_text("")
    accepted = configure(main_c, small_firmware, *bare, f"-DCMSIS_CORE_PATH={core}")
    assert accepted.returncode == 0, accepted.stdout
    assert "__GNUC_PYTHON__" not in said(accepted.stdout, "defines")
