"""Scratch sizes that netspec knows at check time, against those that CMSIS-NN's own kernels report."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from random import Random

import pytest

from netspec.device.cmsis_nn import Extension, Pair, Window, arm_scratch_bytes, average_pool_bytes, convolve_bytes
from netspec.toolchain.cmsis_nn import CmsisNN, probe
from netspec.toolchain.compiler import compile_library, compile_program
from netspec.toolchain.kernels import cmsis_kernels

EXTENSIONS: tuple[Extension, ...] = ("none", "dsp", "mve")
PROGRAM = Path(__file__).parents[1] / "firmware" / "c" / "print_scratch.c"
OWN, FAST, OPT = "netspec_convolve_s8", "arm_convolve_1x1_s8_fast", "arm_depthwise_conv_s8_opt"
ARM, ROW, POOL = "arm_convolve_s8", "arm_convolve_1_x_n_s8", "arm_avgpool_s8"
SIZERS = frozenset({f"{function}_get_buffer_size" for function in (OPT, ARM, POOL)})

# Bytes on plain C, DSP and Helium. Those of CMSIS-NN's kernels are the greatest that the sizers of 4.1.0, 5.0.0, 6.0.0,
# 7.0.0 and main returned on a host for the three.
RECORDED: dict[str, tuple[str, Window, tuple[int, int, int]]] = {
    "first layer": (OWN, Window((32, 32, 3), (3, 3), (32, 32, 16), padding=(1, 1)), (27, 54, 108)),
    "dilated": (OWN, Window((16, 16, 8), (3, 3), (12, 12, 8), dilation=(2, 2)), (72, 144, 288)),
    "row, same": (OWN, Window((1, 40, 4), (1, 5), (1, 40, 8), padding=(0, 2)), (20, 40, 80)),
    "row, valid": (OWN, Window((1, 42, 4), (1, 3), (1, 40, 8)), (0, 0, 0)),
    "row, beyond the right edge": (OWN, Window((1, 40, 4), (1, 3), (1, 40, 8)), (12, 24, 48)),
    "row, dilated": (OWN, Window((1, 44, 4), (1, 3), (1, 40, 8), dilation=(1, 2)), (12, 24, 48)),
    "1x1, stride 2": (OWN, Window((8, 8, 64), (1, 1), (4, 4, 128), (2, 2)), (0, 0, 0)),
    "1x1, padded": (OWN, Window((8, 8, 10), (1, 1), (10, 10, 4), padding=(1, 1)), (10, 20, 40)),
    "1x1": (FAST, Window((8, 8, 64), (1, 1), (8, 8, 128)), (0, 0, 0)),
    "1x1, stride 2, Arm's": ("arm_convolve_1x1_s8", Window((8, 8, 64), (1, 1), (4, 4, 128), (2, 2)), (0, 0, 0)),
    "first layer, Arm's": (ARM, Window((32, 32, 3), (3, 3), (32, 32, 16), padding=(1, 1)), (112, 112, 128)),
    "dilated, Arm's": (ARM, Window((16, 16, 8), (3, 3), (12, 12, 8), dilation=(2, 2)), (288, 288, 320)),
    "1x1, padded, Arm's": (ARM, Window((8, 8, 10), (1, 1), (10, 10, 4), padding=(1, 1)), (48, 48, 64)),
    "row, causal, Arm's": (ARM, Window((1, 40, 4), (1, 5), (1, 40, 8), padding=(0, 4)), (80, 80, 128)),
    "row, same, Arm's": (ROW, Window((1, 40, 4), (1, 5), (1, 40, 8), padding=(0, 2)), (80, 80, 28)),
    "row, valid, Arm's": (ROW, Window((1, 42, 4), (1, 3), (1, 40, 8)), (48, 48, 12)),
    "depthwise 5x5": (OPT, Window((12, 12, 24), (5, 5), (12, 12, 24), padding=(2, 2)), (0, 1200, 12400)),
    "depthwise 3x3": ("arm_depthwise_conv_3x3_s8", Window((12, 12, 64), (3, 3), (10, 10, 64)), (0, 0, 0)),
    "depthwise, general": ("arm_depthwise_conv_s8", Window((12, 12, 8), (3, 3), (10, 10, 16)), (0, 0, 0)),
}


@pytest.mark.parametrize("name", RECORDED)
def test_sizes_are_those_recorded_from_cmsis_nn(name: str) -> None:
    function, window, expected = RECORDED[name]
    found = (
        convolve_bytes(extension, window) if function == OWN else arm_scratch_bytes(function, extension, window)
        for extension in EXTENSIONS
    )
    assert tuple(found) == expected


@pytest.fixture(scope="module", params=["bakenn", "CMSIS_NN_PATH"])
def genuine(request: pytest.FixtureRequest) -> CmsisNN:
    if request.param == "bakenn":
        spec = importlib.util.find_spec("bakenn")
        if spec is None or spec.origin is None:
            pytest.skip("bakenn, which carries CMSIS-NN 4.0, is not installed")
        return probe(Path(spec.origin).parent)
    named = os.environ.get("CMSIS_NN_PATH")
    if not named:
        pytest.skip("CMSIS_NN_PATH is not set")
    return probe(Path(named))


def test_no_cmsis_nn_asks_for_more(genuine: CmsisNN, tmp_path: Path) -> None:
    """What the sizers of this release ask for is what we plan; those of other cores exist in 6.0 and later."""
    support = (genuine.root / "Include" / "arm_nnsupportfunctions.h").read_text(encoding="utf-8")
    targets = f"{OPT}_get_buffer_size_dsp" in support
    windows = [_window(Random(f"scratch {i}")) for i in range(1000)]
    for window, sizes in zip(windows, _genuine_sizes(genuine, windows, tmp_path, targets=targets), strict=True):
        assert sizes[0] == arm_scratch_bytes(OPT, "none", window), window
        columns = arm_scratch_bytes(ARM, "none", window)
        # 4.0 and 5.0 did not yet round their columns up.
        assert sizes[1] == columns or (not targets and sizes[1] == 4 * window.taps * window.input_hwc[2]), window
        assert sizes[2] == average_pool_bytes("none", window.input_hwc[2]), window
        if targets:
            ours = [arm_scratch_bytes(OPT, extension, window) for extension in ("dsp", "mve")]
            pools = [average_pool_bytes(extension, window.input_hwc[2]) for extension in ("dsp", "mve")]
            assert sizes[3:] == [*ours, *pools], window


def _genuine_sizes(genuine: CmsisNN, windows: list[Window], folder: Path, *, targets: bool) -> list[list[int]]:
    kernels = cmsis_kernels(genuine, SIZERS)
    program = compile_program(
        [PROGRAM],
        kernels.include_dirs,
        [*kernels.defines, *(["TARGET_SIZERS"] if targets else [])],
        [compile_library(kernels, cache_dir=folder)],
        folder / "print_scratch",
        system_include_dirs=kernels.system_include_dirs,
    )
    lines = [" ".join(map(str, (*window.input_hwc, *window.kernel_hw, window.output_hwc[2]))) for window in windows]
    done = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


def _window(random: Random) -> Window:
    kernel: Pair = (random.randint(1, 5), random.randint(1, 6))
    channels = random.choice([1, 2, 3, 4, 5, 6, 8, 16, 17])
    outputs = channels * random.choice([1, 1, 2, 9])
    return Window((9, 12, channels), kernel, (10 - kernel[0], 13 - kernel[1], outputs))
