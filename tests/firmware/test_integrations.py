"""The emitted folder in projects of CMake and Zephyr, which take it as it is; the test vectors come out right.

CMake and Kconfig are the real ones. Of Zephyr, `integrations/zephyr` acts out what it documents to modules.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from netspec.device.cmsis_nn import ARM_FUNCTIONS
from netspec.emit import host_functions
from netspec.emit.integrations import VERSION, zephyr_options
from netspec.spec.sections import Target
from netspec.toolchain.kernel_sizes import callable_functions
from tests.builds import bakenn_kernels
from tests.emitted_folders import RIGHT, STANDINS, TWO, emitted, must, run, write
from tests.emitted_nets import NETS
from tests.models import make_model

needs_cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="needs CMake")
needs_cross = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc")
needs_cxx = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the emitted folders of two shipped specs: one calls Arm's functions, the other none of them."""
    folder = tmp_path_factory.mktemp("networks")
    return {name: emitted(name, folder / name, on_arm=name == "motions") for name in TWO}


# CMake

CONSUMER = """\
cmake_minimum_required(VERSION 3.18)
project(consumer LANGUAGES {language})
{found}
foreach(name digits motions)
  add_executable(${{name}}_check "${{CMAKE_CURRENT_SOURCE_DIR}}/${{name}}_check.c")
  target_link_libraries(${{name}}_check PRIVATE ${{name}}::test_vectors)
endforeach()
add_executable(both both.c)
target_link_libraries(both PRIVATE digits::digits motions::motions)
"""
BOTH = """\
#include "digits.h"
#include "motions.h"

static DIGITS_ARENA(one);
static MOTIONS_ARENA(two);

int main(void)
{
    return digits_run(one, sizeof one) + motions_run(two, sizeof two);
}
"""
TOOLCHAIN = """\
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m4)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_C_FLAGS_INIT "-mcpu=cortex-m4 -mthumb -O1")
set(CMAKE_EXE_LINKER_FLAGS_INIT "--specs=nosys.specs")
"""


def consumer(folder: Path, networks: dict[str, Path], found: str, language: str = "C") -> Path:
    """Return a project that takes both networks as `found` says and runs their tests."""
    files = {"CMakeLists.txt": CONSUMER.format(found=found, language=language), "both.c": BOTH}
    checks = {f"{name}_check.c": (networks[name] / f"{name}_test.c").read_text() for name in TWO}
    return write(files | checks, folder)


def configure(source: Path, target: Path, *options: str) -> str:
    return must("cmake", "-S", source, "-B", target, "-G", "Unix Makefiles", "-DCMAKE_BUILD_TYPE=Debug", *options)


def cmake(source: Path, target: Path, *options: str) -> Path:
    configure(source, target, *options)
    must("cmake", "--build", target, "-j", "2")
    return target


def results(target: Path) -> list[str]:
    assert run(target / "both").returncode == 0
    return [must(target / f"{name}_check").strip() for name in TWO]


@needs_cmake
def test_cmake_subdirectory(networks: dict[str, Path], tmp_path: Path) -> None:
    added = "\n".join(f'add_subdirectory("{networks[name]}" {name})' for name in TWO)
    target = cmake(consumer(tmp_path / "consumer", networks, added), tmp_path / "build")
    assert results(target) == RIGHT
    # A dependency is neither tested nor installed unless its project asks.
    assert not [path.name for path in target.rglob("*") if path.name in ("digits_test", "digitsConfig.cmake")]


FOUND = "\n".join(f"find_package({name} {VERSION[:3]} CONFIG REQUIRED COMPONENTS test_vectors)" for name in TWO)


@needs_cmake
@pytest.mark.parametrize("where", ["installed", "build folder"])
def test_cmake_package(where: str, networks: dict[str, Path], tmp_path: Path) -> None:
    for name in TWO:
        cmake(networks[name], tmp_path / name)
        if where == "installed":
            must("cmake", "--install", tmp_path / name, "--prefix", tmp_path / "prefix")
            shutil.rmtree(tmp_path / name)
    options = (
        [f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}"]
        if where == "installed"
        else [f"-D{name}_DIR={tmp_path / name}" for name in TWO]
    )
    assert results(cmake(consumer(tmp_path / "consumer", networks, FOUND), tmp_path / "build", *options)) == RIGHT
    for asked, reason in [
        ("digits 2", "version: 1.0.0"),
        ("digits 1.0 COMPONENTS nonsense", "nonsense"),
    ]:
        project = consumer(tmp_path / "wrong", networks, f"find_package({asked} CONFIG REQUIRED)")
        done = run("cmake", "-S", project, "-B", tmp_path / "wrong-build", *options)
        assert done.returncode != 0
        assert reason in done.stdout.decode()
        shutil.rmtree(tmp_path / "wrong-build")


@needs_cmake
def test_cmake_package_with_cmsis_nn(networks: dict[str, Path], tmp_path: Path) -> None:
    """Nothing of the CMSIS-NN that it was built with has to stay, and no other kernels can take over."""
    copy = shutil.copytree(bakenn_kernels().root, tmp_path / "cmsis")
    for name in TWO:
        cmake(networks[name], tmp_path / name, "-DNETSPEC_KERNELS=cmsis-nn", f"-DCMSIS_NN_PATH={copy}")
        must("cmake", "--install", tmp_path / name, "--prefix", tmp_path / "prefix")
    shutil.rmtree(copy)
    project, option = consumer(tmp_path / "consumer", networks, FOUND), f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}"
    target = cmake(project, tmp_path / "build", option)
    assert results(target) == RIGHT
    assert " T arm_nn_" in must("nm", target / "both")  # of Arm's alone

    cmake(networks["motions"], tmp_path / "portable")
    must("cmake", "--install", tmp_path / "portable", "--prefix", tmp_path / "prefix")
    done = run("cmake", "-S", project, "-B", tmp_path / "mixed", option)
    assert done.returncode != 0
    said = " ".join(done.stdout.decode().split())
    assert "digits was compiled for the kernels 'cmsis-nn NETSPEC_CMSIS_NN" in said
    assert "are 'portable': build all networks with the same NETSPEC_KERNELS" in said


@needs_cmake
@needs_cxx
def test_cmake_package_serves_a_project_without_c(networks: dict[str, Path], tmp_path: Path) -> None:
    cmake(networks["digits"], tmp_path / "digits")
    text = (
        "cmake_minimum_required(VERSION 3.18)\nproject(consumer LANGUAGES CXX)\nfind_package(digits REQUIRED)\n"
        "add_executable(one one.cpp)\ntarget_link_libraries(one PRIVATE digits::digits)\n"
    )
    main = '#include "digits.h"\nstatic DIGITS_ARENA(arena);\nint main() { return digits_run(arena, sizeof arena); }\n'
    project = write({"CMakeLists.txt": text, "one.cpp": main}, tmp_path / "consumer")
    cmake(project, tmp_path / "build", f"-Ddigits_DIR={tmp_path / 'digits'}")
    assert run(tmp_path / "build/one").returncode == 0


@needs_cmake
@needs_cross
@pytest.mark.parametrize("way", ["subdirectory", "package"])
def test_cmake_for_a_cortex_m(way: str, networks: dict[str, Path], tmp_path: Path) -> None:
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={write({'arm.cmake': TOOLCHAIN}, tmp_path) / 'arm.cmake'}"
    found, options = FOUND, [toolchain, f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}"]
    if way == "subdirectory":
        found = "\n".join(f'add_subdirectory("{networks[name]}" {name})' for name in TWO)
    else:
        for name in TWO:
            cmake(networks[name], tmp_path / name, toolchain)
            must("cmake", "--install", tmp_path / name, "--prefix", tmp_path / "prefix")
    target = cmake(consumer(tmp_path / "consumer", networks, found), tmp_path / "build", *options)
    for program in ("digits_check", "motions_check", "both"):
        assert "Tag_CPU_arch: v7E-M" in must("arm-none-eabi-readelf", "-A", target / program)


@needs_cmake
@pytest.mark.parametrize(
    ("options", "build_type"),
    [((), "Release"), (("-DCMAKE_BUILD_TYPE=Debug",), "Debug"), (("-DCMAKE_C_FLAGS=-Os",), "")],
)
def test_cmake_optimizes_a_folder_that_is_the_whole_project(
    options: tuple[str, ...], build_type: str, networks: dict[str, Path], tmp_path: Path
) -> None:
    must("cmake", "-S", networks["digits"], "-B", tmp_path, *options, CMAKE_GENERATOR="Unix Makefiles")
    assert f"CMAKE_BUILD_TYPE:STRING={build_type}\n" in (tmp_path / "CMakeCache.txt").read_text()


@needs_cmake
def test_cmake_leaves_the_build_type_to_the_project_around(networks: dict[str, Path], tmp_path: Path) -> None:
    added = "\n".join(f'add_subdirectory("{networks[name]}" {name})' for name in TWO)
    project = consumer(tmp_path / "consumer", networks, added)
    must("cmake", "-S", project, "-B", tmp_path / "build", CMAKE_GENERATOR="Unix Makefiles")
    assert "CMAKE_BUILD_TYPE:STRING=\n" in (tmp_path / "build" / "CMakeCache.txt").read_text()


@needs_cmake
@needs_cross
@pytest.mark.parametrize("build_type", ["", "Debug", "MinSizeRel"])
def test_cmake_for_helium_in_every_build_type(build_type: str, networks: dict[str, Path], tmp_path: Path) -> None:
    """Arm's inline assembly for it needs an optimizing compiler, and of some files one that does not save space."""
    helium = TOOLCHAIN.replace("-mcpu=cortex-m4 -mthumb -O1", "-mcpu=cortex-m55 -mfloat-abi=hard -mthumb")
    toolchain = write({"arm.cmake": helium}, tmp_path) / "arm.cmake"
    added = f'cmake_minimum_required(VERSION 3.18)\nproject(user C)\nadd_subdirectory("{networks["digits"]}" digits)\n'
    options = [f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", f"-DCMAKE_BUILD_TYPE={build_type}", "-DNETSPEC_KERNELS=cmsis-nn"]
    options.append(f"-DCMSIS_NN_PATH={os.environ.get('CMSIS_NN_PATH') or bakenn_kernels().root}")
    must("cmake", "-S", write({"CMakeLists.txt": added}, tmp_path), "-B", tmp_path / "build", *options)
    must("cmake", "--build", tmp_path / "build", "-j", "2")


# Zephyr

APPLICATION = """\
cmake_minimum_required(VERSION 3.20)
project(application LANGUAGES C)
find_package(Zephyr REQUIRED)
target_sources(app PRIVATE main.c {sources})
target_include_directories(app PRIVATE {folders})
"""
# The tests of both networks in one program, whose mains are renamed.
MAINS = """\
int digits_main(void);
int motions_main(void);

int main(void)
{
    return digits_main() + motions_main();
}
"""


def kconfig(folder: Path, modules: Sequence[Path], settings: str) -> Path:
    """Return the .config of Kconfig for these modules, sourced as Zephyr does."""
    kconfiglib = pytest.importorskip("kconfiglib")
    menus = []
    for module in modules:
        meta = yaml.safe_load((module / "zephyr/module.yml").read_text())
        option = re.sub("[^a-zA-Z0-9]", "_", meta["name"]).upper()
        menus.append(
            f'menu "{meta["name"]} ({module})"\nosource "{module / meta["build"]["kconfig"]}"\n'
            f"config ZEPHYR_{option}_MODULE\n\tbool\n\tdefault y\nendmenu\n"
        )
    write({"Kconfig": f'source "{STANDINS / "zephyr/Kconfig"}"\n' + "".join(menus), "prj.conf": settings}, folder)
    config = kconfiglib.Kconfig(str(folder / "Kconfig"), warn_to_stderr=False)
    config.load_config(str(folder / "prj.conf"))
    assert config.warnings == []
    config.write_config(str(folder / ".config"))
    return folder / ".config"


def test_zephyr_module_yml_keeps_to_the_schema(networks: dict[str, Path]) -> None:
    for name in TWO:
        meta = yaml.safe_load((networks[name] / "zephyr/module.yml").read_text())
        assert meta == {"name": f"netspec_{name}", "build": {"cmake": "zephyr", "kconfig": "zephyr/Kconfig"}}
        assert (networks[name] / meta["build"]["cmake"] / "CMakeLists.txt").is_file()
        assert (networks[name] / meta["build"]["kconfig"]).is_file()


@needs_cmake
@pytest.mark.parametrize("provider", ["portable", "arm"])
def test_zephyr_application(provider: str, networks: dict[str, Path], tmp_path: Path) -> None:
    modules = [networks[name] for name in TWO]
    arm = bakenn_kernels()
    settings = "CONFIG_NETSPEC_DIGITS=y\nCONFIG_NETSPEC_MOTIONS=y\n" + "CONFIG_CMSIS_NN=y\n" * (provider == "arm")
    sources = {
        f"{name}.c": f'#define main {name}_main\nint main(void);\n#include "{networks[name] / name}_test.c"\n'
        f'#include "{networks[name] / name}_test_vectors.c"\n'
        for name in TWO
    }
    text = APPLICATION.format(sources=" ".join(sources), folders=" ".join(f'"{module}"' for module in modules))
    project = write({**sources, "main.c": MAINS, "CMakeLists.txt": text}, tmp_path / "application")
    output = configure(
        project,
        tmp_path / "build",
        f"-DZephyr_DIR={STANDINS / 'zephyr'}",
        f"-DZEPHYR_MODULES={';'.join(map(str, modules))}",
        f"-DCONFIG_FILE={kconfig(tmp_path, modules, settings)}",
        f"-DCMSIS_NN_FOLDER={arm.root}",
        f"-DHOST_DEFINES={';'.join(arm.host_defines)}",
    )
    assert f"netspec kernels: {'portable' if provider == 'portable' else 'CMSIS-NN of Zephyr'}" in output
    must("cmake", "--build", tmp_path / "build", "-j", "2")
    assert must(tmp_path / "build/zephyr_elf").splitlines() == RIGHT


def test_zephyr_without_the_option_builds_nothing(networks: dict[str, Path], tmp_path: Path) -> None:
    config = kconfig(tmp_path, [networks["digits"]], "CONFIG_CMSIS_NN=y\n").read_text()
    assert "# CONFIG_NETSPEC_DIGITS is not set" in config
    assert "CONFIG_CMSIS_NN_CONVOLUTION=y" not in config


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("net", ["image", "sequence", "one_step", "views"])
def test_zephyr_options_of_every_kernel_are_known(net: str, core: str) -> None:
    """Between them these nets call every kernel: one of Arm's that is listed, or one that our header declares."""
    for kernels in ("netspec", "cmsis-nn"):
        graph = NETS[net]()
        target = Target(core=core, kernels=kernels)
        graph = replace(graph, spec=replace(graph.spec, target=target))
        assert set(host_functions(make_model(graph, core=core))) <= ARM_FUNCTIONS.keys() | callable_functions()


def test_zephyr_options_follow_from_the_kernels() -> None:
    assert zephyr_options(["arm_softmax_s8", "netspec_mean_s8"]) == ("NNSUPPORT", "SOFTMAX")
    assert zephyr_options(["arm_pad_s8", "netspec_mean_s8"]) == ()
