"""Scratch sizes that netspec knows at check time, against those that CMSIS-NN's own functions report."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from netspec.device import cmsis_nn
from netspec.device.cmsis_nn import Extension, Pair, Shape
from netspec.toolchain.cmsis_nn import CmsisNN, probe
from netspec.toolchain.compiler import compile_library, compile_program
from netspec.toolchain.kernels import cmsis_kernels

EXTENSIONS: tuple[Extension, ...] = ("none", "dsp", "mve")
PROGRAM = Path(__file__).parents[1] / "firmware" / "c" / "print_scratch.c"
FUNCTIONS = frozenset(
    {
        "arm_convolve_wrapper_s8_get_buffer_size",
        "arm_depthwise_conv_wrapper_s8_get_buffer_size",
        "arm_avgpool_s8_get_buffer_size",
        "arm_fully_connected_s8_get_buffer_size",
    }
)


@dataclass(frozen=True)
class Layer:
    """The geometry of a convolution; depthwise if `groups` is 0."""

    input: Shape
    kernel: Pair
    output: Shape
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Pair = (0, 0)
    groups: int = 1

    def convolve_bytes(self, extension: Extension) -> int:
        return cmsis_nn.convolve_scratch_bytes(
            extension,
            input_hwc=self.input,
            kernel_hw=self.kernel,
            output_hwc=self.output,
            strides=self.strides,
            dilation=self.dilation,
            padding=self.padding,
            groups=self.groups,
        )

    def depthwise_bytes(self, extension: Extension) -> int:
        return cmsis_nn.depthwise_scratch_bytes(
            extension,
            input_hwc=self.input,
            kernel_hw=self.kernel,
            output_hwc=self.output,
            strides=self.strides,
            dilation=self.dilation,
            padding=self.padding,
        )


# Bytes on plain C, DSP and Helium: the greatest that the sizers of 4.1.0, 5.0.0, 6.0.0, 7.0.0 and main returned on
# a host. The rows marked 4.0 are greater by what its source says, since it has no sizers for other cores.
RECORDED = {
    "first layer": (Layer((32, 32, 3), (3, 3), (32, 32, 16), padding=(1, 1)), (112, 112, 128)),
    "valid 5x5": (Layer((28, 28, 1), (5, 5), (24, 24, 8)), (112, 112, 128)),
    "1x1": (Layer((8, 8, 64), (1, 1), (8, 8, 128)), (0, 0, 0)),
    "1x1, stride 2": (Layer((8, 8, 64), (1, 1), (4, 4, 128), (2, 2)), (0, 0, 0)),
    "1x1, padded": (Layer((8, 8, 10), (1, 1), (10, 10, 4), padding=(1, 1)), (48, 48, 64)),
    "dilated": (Layer((16, 16, 8), (3, 3), (12, 12, 8), dilation=(2, 2)), (288, 288, 320)),
    "row, same": (Layer((1, 40, 4), (1, 5), (1, 40, 8), padding=(0, 2)), (80, 80, 28)),
    "row, causal": (Layer((1, 40, 4), (1, 5), (1, 40, 8), padding=(0, 4)), (80, 80, 36)),
    "row, stride 2, 4.0": (Layer((1, 100, 6), (1, 3), (1, 49, 16), (1, 2)), (80, 80, 96)),
    "row, odd channels": (Layer((1, 100, 6), (1, 3), (1, 98, 16)), (80, 80, 128)),
    "row, dilated": (Layer((1, 100, 8), (1, 3), (1, 96, 16), dilation=(1, 2)), (96, 96, 128)),
    "column": (Layer((100, 1, 8), (3, 1), (49, 1, 16), (2, 1)), (96, 96, 128)),
    "groups": (Layer((8, 8, 16), (3, 3), (8, 8, 32), padding=(1, 1), groups=4), (576, 576, 576)),
    "groups, 1x1": (Layer((8, 8, 16), (1, 1), (8, 8, 32), groups=4), (64, 64, 64)),
    "depthwise 3x3, 4.0": (Layer((12, 12, 64), (3, 3), (12, 12, 64), padding=(1, 1), groups=0), (0, 1152, 4464)),
    "depthwise 5x5": (Layer((12, 12, 24), (5, 5), (12, 12, 24), padding=(2, 2), groups=0), (0, 1200, 12400)),
    "depthwise, multiplier": (Layer((12, 12, 8), (3, 3), (12, 12, 16), padding=(1, 1), groups=0), (0, 0, 0)),
    "depthwise, one channel": (Layer((49, 10, 1), (10, 8), (25, 5, 8), (2, 2), padding=(4, 3), groups=0), (0, 0, 960)),
    "depthwise, dilated": (Layer((12, 12, 8), (3, 3), (8, 8, 8), dilation=(2, 2), groups=0), (0, 0, 0)),
}


@pytest.mark.parametrize("name", RECORDED)
def test_sizes_are_those_recorded_from_cmsis_nn(name: str) -> None:
    layer, expected = RECORDED[name]
    sized = layer.convolve_bytes if layer.groups else layer.depthwise_bytes
    assert tuple(sized(extension) for extension in EXTENSIONS) == expected


def test_sizes_of_the_layers_without_windows() -> None:
    assert [cmsis_nn.average_pool_scratch_bytes(e, channels=10) for e in EXTENSIONS] == [0, 40, 0]
    assert [cmsis_nn.fully_connected_kernel_sum_bytes(e, outputs=10) for e in EXTENSIONS] == [0, 0, 40]
    assert [cmsis_nn.fully_connected_scratch_bytes(e, outputs=10) for e in EXTENSIONS] == [0, 0, 0]


def test_armclang_can_use_columns_in_pointwise_layers() -> None:
    def size(extension: Extension, strides: Pair) -> int:
        return cmsis_nn.convolve_scratch_bytes(
            extension, input_hwc=(8, 8, 64), kernel_hw=(1, 1), output_hwc=(8, 8, 4), strides=strides, armclang=True
        )

    assert (size("dsp", (1, 1)), size("dsp", (2, 2)), size("none", (1, 1)), size("mve", (1, 1))) == (256, 0, 0, 0)


@pytest.mark.parametrize(
    ("widths", "exact"),
    [
        # (input, kernel, output, stride, left)
        ((8, 3, 8, 1, 1), True),
        ((8, 4, 8, 1, 1), True),
        ((8, 3, 6, 1, 0), True),
        ((8, 3, 8, 1, 2), False),  # causal: ARM_CMSIS_NN_FAILURE
        ((8, 3, 3, 2, 0), False),  # valid, one value left over: wrong last column
        ((8, 5, 4, 2, 1), False),  # same, two columns of padding at the end: wrong last column
        ((2, 3, 2, 1, 1), False),  # the kernel is wider than the input: read beyond its end
    ],
)
def test_rows_that_helium_computes_exactly(widths: tuple[int, int, int, int, int], exact: bool) -> None:
    width, kernel, output, stride, left = widths
    assert exact == cmsis_nn.row_convolution_is_exact(
        input_width=width, kernel_width=kernel, output_width=output, stride=stride, left=left
    )


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
    """Sizers of this release never exceed ours; for plain C ours is theirs, or theirs rounded to whole words of 4."""
    target_sizers = "arm_convolve_wrapper_s8_get_buffer_size_mve" in genuine.functions
    layers = [_layer(Random(f"scratch {i}")) for i in range(1000)]
    sizes = _genuine_sizes(genuine, layers, tmp_path, target_sizers=target_sizers)
    for layer, row in zip(layers, sizes, strict=True):
        outputs = layer.output[2]
        for index, extension in enumerate(EXTENSIONS if target_sizers else EXTENSIONS[:1]):
            convolve, depthwise, pool, connected = row[4 * index : 4 * index + 4]
            assert convolve <= layer.convolve_bytes(extension), (extension, layer)
            assert pool == cmsis_nn.average_pool_scratch_bytes(extension, channels=layer.input[2])
            assert connected <= cmsis_nn.fully_connected_kernel_sum_bytes(extension, outputs=outputs)
            if outputs % layer.input[2] == 0:
                assert depthwise <= layer.depthwise_bytes(extension), (extension, layer)
        if layer.groups == 1:
            assert -(-row[0] // 16) * 16 == layer.convolve_bytes("none"), layer


def _genuine_sizes(genuine: CmsisNN, layers: list[Layer], folder: Path, *, target_sizers: bool) -> list[list[int]]:
    kernels = cmsis_kernels(genuine, FUNCTIONS)
    program = compile_program(
        [PROGRAM],
        kernels.include_dirs,
        [*kernels.defines, *(["TARGET_SIZERS"] if target_sizers else [])],
        [compile_library(kernels, cache_dir=folder)],
        folder / "print_scratch",
        system_include_dirs=kernels.system_include_dirs,
    )
    lines = []
    for x in layers:
        filter_channels = x.input[2] // x.groups
        numbers = (*x.input, *x.kernel, *x.output, *x.strides, *x.dilation, *x.padding, filter_channels)
        lines.append(" ".join(map(str, numbers)))
    done = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


def _layer(random: Random) -> Layer:
    while True:
        row = random.random() < 0.5
        height, width = 1 if row else random.randint(1, 9), random.randint(1, 24)
        kernel = (1 if row else random.randint(1, 4), random.randint(1, 6))
        strides, dilation = (
            (random.randint(1, 3), random.randint(1, 4)),
            random.choice([(1, 1), (1, 1), (2, 1), (1, 2)]),
        )
        padded = random.random() < 0.6
        before, after = (
            ((random.randrange(kernel[0]), random.randrange(kernel[1])) if padded else (0, 0)) for _ in range(2)
        )
        channels = random.choice([1, 2, 3, 4, 5, 6, 8, 16, 17])
        groups = random.choice([1, 1, 1, channels])
        spans = [
            size + before[i] + after[i] - (kernel[i] - 1) * dilation[i] - 1 for i, size in enumerate((height, width))
        ]
        if min(spans) >= 0:
            output = (spans[0] // strides[0] + 1, spans[1] // strides[1] + 1, channels * random.choice([1, 1, 2, 9]))
            return Layer((height, width, channels), kernel, output, strides, dilation, before, groups)
