from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from netspec import toolchain
from netspec.diagnostics import ToolError
from netspec.toolchain.compiler import ADDRESS, STRICT

Make = Callable[..., Path]
Run = Callable[[Path], subprocess.CompletedProcess[str]]
Write = Callable[[dict[Path, str]], None]


def test_program_runs_with_either_provider(
    firmware: Path, make_cmsis: Make, main_c: Path, run: Run, tmp_path: Path
) -> None:
    called = frozenset({"arm_softmax_s8", "netspec_table_s8"})
    cmsis = toolchain.probe(make_cmsis(tmp_path / "nn"))
    for kernels in (toolchain.portable_kernels(called), toolchain.cmsis_kernels(cmsis, called)):
        library = toolchain.compile_library(kernels, cache_dir=tmp_path / "cache")
        program = toolchain.compile_program(
            [main_c],
            kernels.include_dirs,
            kernels.defines,
            [library],
            tmp_path / "program",
            system_include_dirs=kernels.system_include_dirs,
        )
        assert run(program).stdout == "42\n"


def test_objects_are_compiled_once_and_again_when_anything_in_reach_changes(
    firmware: Path, tmp_path: Path, counting_cc: Path
) -> None:
    def compiled(functions: set[str], *flags: str) -> int:
        counting_cc.write_text("")
        kernels = toolchain.portable_kernels(frozenset(functions))
        assert toolchain.compile_library(kernels, flags=flags, cache_dir=tmp_path / "cache").is_file()
        return len(counting_cc.read_text().splitlines())

    assert compiled({"arm_softmax_s8"}) == 3
    assert compiled({"arm_softmax_s8"}) == 0
    assert compiled({"arm_softmax_s8", "arm_convolve_1x1_s8_fast"}) == 1
    assert compiled({"arm_pad_s8"}) == 0
    assert compiled({"arm_softmax_s8"}, "-O1") == 3
    source = firmware / "portable/arm_pad_s8.c"
    source.write_text(source.read_text() + "/* changed */\n")
    assert compiled({"arm_softmax_s8"}) == 1
    (firmware / "portable/requantize.h").write_text("/* beside the sources */\n")
    assert compiled({"arm_softmax_s8"}) == 2
    (firmware / "include/other.h").write_text("/* in an include folder */\n")
    assert compiled({"arm_softmax_s8"}) == 3


def test_an_archive_is_made_once(firmware: Path, tmp_path: Path) -> None:
    kernels = toolchain.portable_kernels(frozenset({"arm_softmax_s8"}))
    first, second = (toolchain.compile_library(kernels, cache_dir=tmp_path / "cache").stat() for _ in range(2))
    assert first.st_mtime_ns == second.st_mtime_ns


def test_our_files_are_strict_and_arms_are_not(
    firmware: Path, make_cmsis: Make, tmp_path: Path, counting_cc: Path
) -> None:
    root = make_cmsis(tmp_path / "nn")
    careless = root / "Source/All/arm_max_pool_s8.c"
    # <stdint.h> is not included, the conversion narrows, and a prototype is missing
    careless.write_text(careless.read_text() + "int32_t careless(long x) { int8_t y = x; return y; }\n")
    kernels = toolchain.cmsis_kernels(toolchain.probe(root), frozenset({"arm_pad_s8"}))
    toolchain.compile_library(kernels, cache_dir=tmp_path / "cache")
    for line in counting_cc.read_text().splitlines():
        options, source = line.split(" -c ")
        words = set(options.split())
        if source.startswith(str(firmware)):
            assert words.issuperset(STRICT)
        else:
            assert "-w" in words
            assert "-Werror" not in words

    own = firmware / "portable/arm_pad_s8.c"
    own.write_text(own.read_text() + "int careless(long x);\nint careless(long x) { return x; }\n")
    with pytest.raises(ToolError, match=r"(?s)cannot compile arm_pad_s8\.c:.*conversion") as error:
        toolchain.compile_library(kernels, cache_dir=tmp_path / "cache")
    assert error.value.help is not None
    assert "arm_pad_s8.c" in error.value.help


def test_a_failed_build_leaves_the_old_program(write: Write, run: Run, tmp_path: Path) -> None:
    good, bad, program = tmp_path / "good.c", tmp_path / "bad.c", tmp_path / "program"
    write({good: "int main(void) { return 7; }\n", bad: "int main(void) { int unused; return missing(); }\n"})
    toolchain.compile_program([good], [], [], [], program)
    with pytest.raises(ToolError, match="cannot build program"):
        toolchain.compile_program([bad], [], [], [], program)
    assert run(program).returncode == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.c", "good.c", "program"]


def test_strict_is_a_choice_for_programs(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "unused.c"
    source.write_text("int main(void) { int unused; return 0; }\n")
    with pytest.raises(ToolError, match="unused"):
        toolchain.compile_program([source], [], [], [], tmp_path / "program")
    program = toolchain.compile_program([source], [], [], [], tmp_path / "program", strict=False)
    assert run(program).returncode == 0


def test_sanitizers_catch_an_overflow_in_a_kernel(firmware: Path, main_c: Path, run: Run, tmp_path: Path) -> None:
    source = firmware / "src/netspec_table_s8.c"
    source.write_text(source.read_text().replace("index + 1", "index + 0x7fffffff"))
    kernels = toolchain.portable_kernels(frozenset({"arm_softmax_s8"}))
    status = {}
    for sanitize in ("", ADDRESS):
        library = toolchain.compile_library(kernels, cache_dir=tmp_path / "cache", sanitize=sanitize)
        inputs = ([main_c], kernels.include_dirs, kernels.defines, [library], tmp_path / "program")
        status[sanitize] = run(toolchain.compile_program(*inputs, sanitize=sanitize))
    assert status[""].returncode == 0
    assert status[ADDRESS].returncode != 0
    assert "signed integer overflow" in status[ADDRESS].stderr


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETSPEC_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert toolchain.cache_folder() == tmp_path / ".cache/netspec"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert toolchain.cache_folder() == tmp_path / "xdg/netspec"
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path / "own"))
    assert toolchain.cache_folder() == tmp_path / "own"


def test_an_unusable_cache_names_the_variable(firmware: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="cannot write to") as error:
        toolchain.compile_library(toolchain.portable_kernels(frozenset()), cache_dir=tmp_path / "file")
    assert "NETSPEC_CACHE" in (error.value.help or "")


def test_cc_may_carry_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = toolchain.find_cc()
    monkeypatch.setenv("CC", f"{plain.command[0]} -g")
    assert toolchain.find_cc().command == (plain.command[0], "-g")
    assert toolchain.find_cc().version == plain.version


@pytest.mark.parametrize(("platform", "install"), [("linux", "sudo apt-get install gcc"), ("darwin", "xcode-select")])
def test_a_missing_compiler_says_what_to_type(
    platform: str, install: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.platform", platform)
    with pytest.raises(ToolError, match="no C compiler found") as error:
        toolchain.find_cc()
    assert (error.value.help or "").startswith(install)
    monkeypatch.setenv("CC", "no-such-cc")
    with pytest.raises(ToolError, match="CC names does not run: no-such-cc"):
        toolchain.find_cc()
