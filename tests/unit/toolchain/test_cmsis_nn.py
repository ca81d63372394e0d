from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from netspec import toolchain
from netspec.diagnostics import ToolError

Make = Callable[..., Path]

# What tells the releases apart, with the argument counts of each.
GENERATIONS = {
    "4.x": {},
    "5.x": {"arm_vector_sum_s8": 4, "arm_lstm_unidirectional_s16_s8": 8},
    "6.x": {"arm_vector_sum_s8": 6, "arm_lstm_unidirectional_s8": 4},
    "7.x": {"arm_vector_sum_s8": 7, "arm_lstm_unidirectional_s8": 5, "arm_convolve_s8": 12, "arm_pad_s8": 6},
}
GENERATIONS["7.x+"] = GENERATIONS["7.x"]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_generation_is_derived_from_the_headers(generation: str, make_cmsis: Make, tmp_path: Path) -> None:
    changes = GENERATIONS[generation]
    types = "struct lstm_context { void *cell_state; void *hidden_state; };" if generation == "7.x+" else ""
    cmsis = toolchain.probe(make_cmsis(tmp_path, types, **changes))
    assert cmsis.generation == generation
    assert changes.items() <= cmsis.declared.items()
    assert cmsis.functions == cmsis.declared.keys()
    assert cmsis.convolve_arguments == changes.get("arm_convolve_s8", 11)
    assert cmsis.vector_sum_arguments == changes.get("arm_vector_sum_s8")
    assert cmsis.host_defines == ()


def test_what_is_declared_but_not_carried_is_no_function(make_cmsis: Make, tmp_path: Path) -> None:
    cmsis = toolchain.probe(make_cmsis(tmp_path, undefined=frozenset({"arm_pad_s8"}), arm_pad_s8=6))
    assert cmsis.declared["arm_pad_s8"] == 6
    assert "arm_pad_s8" not in cmsis.functions


def test_digest_follows_the_headers(make_cmsis: Make, tmp_path: Path) -> None:
    one = toolchain.probe(make_cmsis(tmp_path / "one"))
    same = toolchain.probe(make_cmsis(tmp_path / "same"))
    other = toolchain.probe(make_cmsis(tmp_path / "other", "typedef int more;\n"))
    assert one.digest == same.digest != other.digest


def test_sources_of_no_use_to_int8_stay_out(make_cmsis: Make, write: Callable[..., None], tmp_path: Path) -> None:
    wanted = {source.stem for source in toolchain.probe(make_cmsis(tmp_path)).sources}
    unwanted = (
        "Source/Pad/arm_pad_f16.c",
        "Source/Conv/arm_convolve_1x1_s4_fast.c",
        "Source/Bindings/arm_py.c",
    )
    write({tmp_path / name: "#error not for int8\n" for name in unwanted})
    write({tmp_path / "Source/Support/arm_nn_mat_mult_kernel_s8_s16.c": ""})
    sources = {source.stem for source in toolchain.probe(tmp_path).sources}
    assert sources == wanted | {"arm_nn_mat_mult_kernel_s8_s16"}


@pytest.mark.parametrize("layout", [".", "CMSIS/NN", "vendor/cmsis_nn", "backend/cmsis_nn/vendor/cmsis_nn"])
def test_root_is_found_from_near_it(layout: str, make_cmsis: Make, tmp_path: Path) -> None:
    root = make_cmsis(tmp_path / layout)
    assert toolchain.probe(tmp_path).root == root.resolve()
    assert toolchain.probe(root / "Include").root == root.resolve()


def test_core_is_looked_for_where_the_headers_include_it(
    make_cmsis: Make, write: Callable[..., None], tmp_path: Path
) -> None:
    root = make_cmsis(tmp_path / "cmsis_nn", '#if 0\n#include "cmsis_compiler.h"\n#endif\n')
    assert toolchain.probe(root).core_include is None
    write({tmp_path / "cmsis_core/Include/cmsis_compiler.h": ""})
    cmsis = toolchain.probe(root)
    assert cmsis.needs_core
    assert cmsis.core_include == (tmp_path / "cmsis_core/Include").resolve()
    assert cmsis.host_defines[0] == "__GNUC_PYTHON__"


def test_an_installed_pack_finds_core_in_the_pack_beside_it(
    make_cmsis: Make, write: Callable[..., None], tmp_path: Path
) -> None:
    root = make_cmsis(tmp_path / "ARM/CMSIS-NN/4.0.0", '#if 0\n#include "cmsis_compiler.h"\n#endif\n')
    for version in ("5.9.0", "6.1.0"):
        write({tmp_path / f"ARM/CMSIS/{version}/CMSIS/Core/Include/cmsis_compiler.h": ""})
    core = tmp_path / "ARM/CMSIS/6.1.0/CMSIS/Core/Include"
    assert toolchain.probe(root).core_include == core.resolve()


def test_a_folder_without_cmsis_nn_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"--cmsis-nn: .* holds no Include/arm_nnfunctions\.h beside a Source"):
        toolchain.find_cmsis_nn(tmp_path)
    with pytest.raises(ToolError, match="is not a folder"):
        toolchain.find_cmsis_nn(tmp_path / "absent")


def test_an_old_cmsis_nn_is_refused_by_what_it_lacks(
    make_cmsis: Make, write: Callable[..., None], tmp_path: Path
) -> None:
    root = make_cmsis(tmp_path, arm_convolve_1x1_s8_fast=0)
    with pytest.raises(ToolError, match=r"not supported: it has no arm_convolve_1x1_s8_fast$"):
        toolchain.probe(root)
    for name in ("Include/arm_nnfunctions.h", "Include/arm_nn_types.h"):
        write({root / name: (root / name).read_text().replace("arm_cmsis_nn_status", "arm_status")})
    with pytest.raises(ToolError, match=r"has no arm_convolve_1x1_s8_fast, arm_cmsis_nn_status$"):
        toolchain.probe(root)


def find_origin(explicit: Path | None = None) -> str | None:
    cmsis = toolchain.find_cmsis_nn(explicit)
    return None if cmsis is None else f"{cmsis.origin}: {cmsis.root.name}"


def test_explicit_goes_before_the_variable_and_the_variable_before_packs(
    make_cmsis: Make, write: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CMSIS_NN_PATH", raising=False)
    monkeypatch.setenv("CMSIS_PACK_ROOT", str(tmp_path / "packs"))
    assert find_origin() is None

    packs = tmp_path / "packs/ARM/CMSIS-NN"
    for version in ("6.0.0", "9.0.0", "10.0.0", "10.1.0-rc1", "10.1.0", "latest"):
        make_cmsis(packs / version)
    write({packs / "11.0.0/README": "nothing to use"})
    assert find_origin() == "CMSIS-Pack 10.1.0: 10.1.0"
    shutil.rmtree(packs / "10.1.0")
    assert find_origin() == "CMSIS-Pack 10.1.0-rc1: 10.1.0-rc1"

    monkeypatch.setenv("CMSIS_NN_PATH", str(make_cmsis(tmp_path / "variable")))
    assert find_origin() == "CMSIS_NN_PATH: variable"
    assert find_origin(make_cmsis(tmp_path / "option")) == "--cmsis-nn: option"

    monkeypatch.setenv("CMSIS_NN_PATH", str(tmp_path / "absent"))
    with pytest.raises(ToolError, match=r"^CMSIS_NN_PATH: "):
        toolchain.find_cmsis_nn()


@pytest.mark.parametrize(
    ("platform", "variable", "packs"),
    [
        ("linux", "HOME", ".cache/arm/packs"),
        ("darwin", "HOME", ".cache/arm/packs"),
        ("linux", "XDG_CACHE_HOME", "arm/packs"),
        ("win32", "LOCALAPPDATA", "Arm/Packs"),
    ],
)
def test_packs_lie_where_cmsis_toolbox_puts_them(
    platform: str,
    variable: str,
    packs: str,
    make_cmsis: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("CMSIS_NN_PATH", "CMSIS_PACK_ROOT", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    make_cmsis(tmp_path / packs / "ARM/CMSIS-NN/7.0.0")
    assert find_origin() == "CMSIS-Pack 7.0.0: 7.0.0"
