from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netspec import toolchain
from netspec.diagnostics import ToolError

Make = Callable[..., Path]


def test_portable_kernels_are_those_called_and_what_they_call(firmware: Path) -> None:
    kernels = toolchain.portable_kernels(frozenset({"arm_softmax_s8", "netspec_table_s8"}))
    assert [source.name for source in kernels.sources] == [
        "netspec_table_s8.c",
        "arm_pad_s8.c",
        "arm_softmax_s8.c",
    ]
    assert kernels.vendor_sources == kernels.system_include_dirs == ()
    assert kernels.defines == ()


def test_a_function_that_nobody_has_is_an_error(firmware: Path, make_cmsis: Make, tmp_path: Path) -> None:
    called = frozenset({"arm_unheard_of_s8"})
    with pytest.raises(ToolError, match="no kernel is named arm_unheard_of_s8"):
        toolchain.portable_kernels(called)
    with pytest.raises(ToolError, match="no kernel is named arm_unheard_of_s8"):
        toolchain.cmsis_kernels(toolchain.probe(make_cmsis(tmp_path / "nn")), called)


def test_portable_code_fills_in_what_cmsis_nn_lacks(firmware: Path, make_cmsis: Make, tmp_path: Path) -> None:
    root = make_cmsis(tmp_path / "nn", undefined=frozenset({"arm_softmax_s8"}), arm_softmax_s8=7)
    cmsis = toolchain.probe(root)
    # max_pool is Arm's alone here, so no portable file is looked for
    kernels = toolchain.cmsis_kernels(cmsis, frozenset({"arm_max_pool_s8", "arm_softmax_s8"}))
    assert kernels.fillers == {"arm_pad_s8", "arm_softmax_s8"}
    assert [source.name for source in kernels.vendor_sources] == ["arm_max_pool_s8.c"]
    assert kernels.system_include_dirs == (root.resolve() / "Include",)
    assert kernels.include_dirs == (firmware / "include",)


def test_of_arms_sources_those_are_compiled_that_are_reached(
    firmware: Path, make_cmsis: Make, write: Callable[[dict[Path, str]], None], tmp_path: Path
) -> None:
    root = make_cmsis(tmp_path / "nn", arm_softmax_s8=7)
    called = root / "Source/All/arm_max_pool_s8.c"
    text = called.read_text().replace("return 0;", "arm_nn_helper(); /* not arm_softmax_s8() */ return 0;")
    include = '#include "arm_nn_types.h"\n'
    write(
        {
            called: text.replace(
                "arm_cmsis_nn_status arm_max", "void arm_nn_helper(void);\narm_cmsis_nn_status arm_max"
            ),
            root
            / "Source/All/arm_nn_helpers.c": f"{include}void arm_nn_helper(void);\nvoid arm_nn_helper(void)\n{{\n}}\n",
            root / "Source/All/arm_nntables.c": "const short arm_table[1] = {1};\n",
            root / "Source/All/arm_softmax_s8.c": "arm_cmsis_nn_status arm_softmax_s8(int a)\n{\n    no C\n}\n",
        }
    )
    cmsis = toolchain.probe(root)
    kernels = toolchain.cmsis_kernels(cmsis, frozenset({"arm_max_pool_s8"}))
    names = [source.name for source in kernels.vendor_sources]
    assert names == ["arm_max_pool_s8.c", "arm_nn_helpers.c", "arm_nntables.c"]  # tables are anyone's
    assert toolchain.compile_library(kernels, cache_dir=tmp_path / "cache").is_file()
    everything = toolchain.cmsis_kernels(cmsis, frozenset({"arm_max_pool_s8", "arm_softmax_s8"}))
    with pytest.raises(ToolError, match=r"cannot compile arm_softmax_s8\.c"):
        toolchain.compile_library(everything, cache_dir=tmp_path / "cache")


def test_facts_follow_from_the_headers_and_not_from_the_calls(firmware: Path, make_cmsis: Make, tmp_path: Path) -> None:
    # softmax is declared but not defined: filled in, but with Arm's own declaration
    size = {"arm_convolve_1x1_s8_fast_get_buffer_size": 1}
    undefined = frozenset({"arm_softmax_s8"})
    cmsis = toolchain.probe(make_cmsis(tmp_path / "nn", undefined=undefined, arm_softmax_s8=7, **size))
    for called in (frozenset({"arm_pad_s8", "arm_softmax_s8"}), frozenset({"arm_convolve_1x1_s8_fast"})):
        kernels = toolchain.cmsis_kernels(cmsis, called)
        plain = "NETSPEC_CMSIS_NN_CONVOLVES_WITHOUT_UPSCALING"
    assert kernels.defines == ("NETSPEC_CMSIS_NN", plain, "NETSPEC_CMSIS_NN_LACKS_PAD_S8")


def test_a_function_with_other_arguments_is_refused(firmware: Path, make_cmsis: Make, tmp_path: Path) -> None:
    cmsis = toolchain.probe(make_cmsis(tmp_path / "nn", arm_convolve_1x1_s8_fast=12))
    with pytest.raises(ToolError, match="arm_convolve_1x1_s8_fast takes 12 arguments, netspec passes 11"):
        toolchain.cmsis_kernels(cmsis, frozenset({"arm_convolve_1x1_s8_fast"}))


def test_half_a_pair_of_functions_is_refused(firmware: Path, make_cmsis: Make, tmp_path: Path) -> None:
    # the portable file would bring the kernel a second time along with the size that is lacking
    cmsis = toolchain.probe(make_cmsis(tmp_path / "nn"))
    with pytest.raises(
        ToolError,
        match=r"incomplete: it has arm_convolve_1x1_s8_fast but not arm_convolve_1x1_s8_fast_get_buffer_size$",
    ):
        toolchain.cmsis_kernels(cmsis, frozenset({"arm_convolve_1x1_s8_fast_get_buffer_size"}))


@pytest.mark.parametrize(("arguments", "unbiased"), [(0, False), (4, True), (6, True), (7, False)])
def test_the_kernel_sums_of_5_and_6_are_named(
    arguments: int, unbiased: bool, firmware: Path, make_cmsis: Make, tmp_path: Path
) -> None:
    cmsis = toolchain.probe(make_cmsis(tmp_path / "nn", arm_vector_sum_s8=arguments))
    kernels = toolchain.cmsis_kernels(cmsis, frozenset({"arm_max_pool_s8"}))
    assert ("NETSPEC_CMSIS_NN_UNBIASED_KERNEL_SUMS" in kernels.defines) == unbiased


@pytest.mark.parametrize(("arguments", "plain"), [(11, True), (12, False)])
def test_convolutions_before_upscaling_are_named(
    arguments: int, plain: bool, firmware: Path, make_cmsis: Make, tmp_path: Path
) -> None:
    cmsis = toolchain.probe(make_cmsis(tmp_path / "nn", arm_convolve_s8=arguments))
    kernels = toolchain.cmsis_kernels(cmsis, frozenset({"arm_convolve_s8"}))
    assert ("NETSPEC_CMSIS_NN_CONVOLVES_WITHOUT_UPSCALING" in kernels.defines) == plain
