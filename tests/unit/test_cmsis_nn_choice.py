"""Which kernel of CMSIS-NN runs a layer, against the wrappers' own sources."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from random import Random

import pytest

from netspec.device.cmsis_nn import Extension, Pair, Shape, Window, convolve_choice, depthwise_choice
from netspec.device.cmsis_nn.arm import arm_convolve_choice, arm_depthwise_choice, is_plain
from netspec.toolchain.cmsis_nn import probe

EXTENSIONS: tuple[Extension, ...] = ("none", "dsp", "mve")
PROGRAM = Path(__file__).parents[1] / "firmware" / "c" / "print_choice.c"

# What runs a convolution on plain C, DSP and Helium.
FAST, OWN = "arm_convolve_1x1_s8_fast", "netspec_convolve_s8"
CONVOLUTIONS: dict[str, Window] = {
    "1x1": Window((8, 8, 64), (1, 1), (8, 8, 4)),
    "1x1, dilated": Window((8, 8, 64), (1, 1), (8, 8, 4), dilation=(2, 2)),
    "1x1, stride 2": Window((8, 8, 64), (1, 1), (4, 4, 4), (2, 2)),
    "1x1, padded": Window((8, 8, 3), (1, 1), (10, 10, 4), padding=(1, 1)),
    "1x1, padded below": Window((8, 8, 3), (1, 1), (9, 8, 4)),
    "3x3": Window((8, 8, 3), (3, 3), (6, 6, 4)),
    "row": Window((1, 40, 4), (1, 5), (1, 36, 8)),
}
OWN_DEPTHWISE = "netspec_depthwise_conv_s8"
# What of CMSIS-NN's runs one, where it is asked for throughout.
SMALL, OPT, PLAIN = "conv_3x3_s8", "conv_s8_opt", "conv_s8"
DEPTHWISE: dict[str, tuple[Window, tuple[str, str, str]]] = {
    "3x3": (Window((12, 12, 8), (3, 3), (12, 12, 8), padding=(1, 1)), (SMALL, SMALL, OPT)),
    "3x3, stride 2": (Window((12, 12, 8), (3, 3), (6, 6, 8), (2, 2)), (SMALL, SMALL, OPT)),
    "3x3, wide padding": (Window((12, 12, 8), (3, 3), (14, 12, 8), padding=(2, 1)), (PLAIN, OPT, OPT)),
    "3x3, two columns on the right": (Window((12, 12, 8), (3, 3), (12, 12, 8), padding=(1, 0)), (PLAIN, OPT, OPT)),
    "3x3, beyond the right edge": (Window((5, 1, 8), (3, 3), (3, 1, 8)), (PLAIN, OPT, OPT)),
    "5x5": (Window((12, 12, 8), (5, 5), (8, 8, 8)), (PLAIN, OPT, OPT)),
    "5x5, wholly above": (Window((12, 12, 8), (5, 5), (14, 8, 8), padding=(6, 0)), (PLAIN, PLAIN, OPT)),
    "5x5, wholly below": (Window((4, 12, 8), (2, 2), (6, 11, 8)), (PLAIN, PLAIN, OPT)),
    "dilated": (Window((12, 12, 8), (3, 3), (8, 8, 8), dilation=(2, 2)), (PLAIN, PLAIN, PLAIN)),
    "multiplier": (Window((12, 12, 8), (3, 3), (10, 10, 16)), (PLAIN, PLAIN, PLAIN)),
    "one channel, one filter": (Window((12, 12, 1), (3, 3), (10, 10, 1)), (SMALL, SMALL, OPT)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_one_kernel_runs_all_convolutions(name: str, extension: Extension) -> None:
    assert convolve_choice(extension, CONVOLUTIONS[name]).function == OWN


PLAIN_1X1, GENERAL, ROW = "arm_convolve_1x1_s8", "arm_convolve_s8", "arm_convolve_1_x_n_s8"
ARM_CONVOLUTIONS: dict[str, tuple[Window, tuple[str, str, str]]] = {
    "1x1": (Window((8, 8, 64), (1, 1), (8, 8, 4)), (FAST, FAST, FAST)),
    "1x1, dilated": (Window((8, 8, 64), (1, 1), (8, 8, 4), dilation=(2, 2)), (GENERAL, GENERAL, GENERAL)),
    "1x1, stride 2": (Window((8, 8, 64), (1, 1), (4, 4, 4), (2, 2)), (PLAIN_1X1, PLAIN_1X1, PLAIN_1X1)),
    "1x1, padded": (Window((8, 8, 3), (1, 1), (10, 10, 4), padding=(1, 1)), (GENERAL, GENERAL, GENERAL)),
    "3x3": (Window((8, 8, 3), (3, 3), (6, 6, 4)), (GENERAL, GENERAL, GENERAL)),
    "row": (Window((1, 40, 4), (1, 5), (1, 36, 8)), (GENERAL, GENERAL, ROW)),
    "row, same": (Window((1, 40, 4), (1, 5), (1, 40, 8), padding=(0, 2)), (GENERAL, GENERAL, ROW)),
    "row, even kernel": (Window((1, 40, 4), (1, 4), (1, 40, 8), padding=(0, 1)), (GENERAL, GENERAL, ROW)),
    "row, causal": (Window((1, 40, 4), (1, 5), (1, 40, 8), padding=(0, 4)), (GENERAL, GENERAL, GENERAL)),
    "row, 3 channels": (Window((1, 40, 3), (1, 5), (1, 36, 8)), (GENERAL, GENERAL, GENERAL)),
    "row, 35 outputs": (Window((1, 39, 4), (1, 5), (1, 35, 8)), (GENERAL, GENERAL, GENERAL)),
    "row, stride 2": (Window((1, 40, 4), (1, 2), (1, 20, 8), (1, 2)), (GENERAL, GENERAL, GENERAL)),
    "row, dilated": (Window((1, 44, 4), (1, 3), (1, 40, 8), dilation=(1, 2)), (GENERAL, GENERAL, GENERAL)),
    "row, wider than its input": (Window((1, 4, 4), (1, 5), (1, 4, 8), padding=(0, 2)), (GENERAL, GENERAL, GENERAL)),
}


@pytest.mark.parametrize("name", ARM_CONVOLUTIONS)
def test_convolutions_of_arm(name: str) -> None:
    window, expected = ARM_CONVOLUTIONS[name]
    for extension, kernel in zip(EXTENSIONS, expected, strict=True):
        assert arm_convolve_choice(extension, window).function == kernel, extension


@pytest.mark.parametrize("name", DEPTHWISE)
def test_depthwise_convolutions_of_arm(name: str) -> None:
    window, expected = DEPTHWISE[name]
    for extension, kernel in zip(EXTENSIONS, expected, strict=True):
        assert arm_depthwise_choice(extension, window).function == f"arm_depthwise_{kernel}", extension


@pytest.mark.parametrize("name", DEPTHWISE)
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_one_kernel_runs_all_depthwise_convolutions(name: str, extension: Extension) -> None:
    assert depthwise_choice(extension, DEPTHWISE[name][0]).function == OWN_DEPTHWISE


def test_one_channel_is_a_plain_convolution() -> None:
    layer = Window((49, 10, 1), (10, 8), (25, 5, 8), (2, 2), padding=(4, 3))
    assert {depthwise_choice(extension, layer).function for extension in EXTENSIONS} == {OWN}
    assert arm_depthwise_choice("mve", layer).function == GENERAL
    assert arm_depthwise_choice("dsp", layer).function == "arm_depthwise_conv_s8"


def test_the_reason_says_what_decided() -> None:
    """The same call for another reason reads differently, and tells the sizes that it hangs on."""
    said = [convolve_choice("mve", window).reason for window in CONVOLUTIONS.values()]
    assert said[:3] == ["4 windows of 1x1 at a time, read where they lie"] * 3
    assert said[3] == "4 windows of 1x1 at a time, gathered into columns"
    assert said[6] == "4 windows of 1x5 at a time, read where they lie"
    assert convolve_choice("none", CONVOLUTIONS["3x3"]).reason == "a window of 3x3 at a time, gathered into a column"
    assert "matrix product" in arm_convolve_choice("dsp", CONVOLUTIONS["1x1"]).reason
    names = ("3x3", "5x5", "dilated", "multiplier")
    said = [arm_depthwise_choice("dsp", DEPTHWISE[name][0]).reason for name in names]
    assert len(set(said)) == len(said)
    said = [depthwise_choice(extension, DEPTHWISE["5x5"][0]).reason for extension in EXTENSIONS]
    assert [reason.partition(" at a time")[0] for reason in said] == [
        "5x5 windows of one output",
        "5x5 windows of 4 channels",
        "5x5 windows of 8 channels",
    ]
    assert "of one output" in depthwise_choice("mve", DEPTHWISE["multiplier"][0]).reason
    narrow = Window((12, 12, 3), (3, 3), (10, 10, 3))
    assert "of one output" in depthwise_choice("dsp", narrow).reason


# The wrappers themselves.

STUB = """\
#include <stdbool.h>
#include <stdint.h>
#define __STATIC_INLINE static inline
typedef enum { ARM_CMSIS_NN_SUCCESS } arm_cmsis_nn_status;
typedef struct { void *buf; int32_t size; } cmsis_nn_context;
typedef struct { int32_t w, h; } cmsis_nn_tile;
typedef struct { int32_t min, max; } cmsis_nn_activation;
typedef struct { int32_t n, h, w, c; } cmsis_nn_dims;
typedef struct { int32_t *multiplier, *shift; } cmsis_nn_per_channel_quant_params;
typedef struct { int32_t num_dims; const uint32_t *permutations; } cmsis_nn_transpose_params;
typedef struct { int32_t input_offset, output_offset; cmsis_nn_tile stride, padding, dilation;
                 cmsis_nn_activation activation; } cmsis_nn_conv_params;
typedef struct { int32_t input_offset, output_offset, ch_mult; cmsis_nn_tile stride, padding, dilation;
                 cmsis_nn_activation activation; } cmsis_nn_dw_conv_params;
arm_cmsis_nn_status note(const char *name);
#define CONVERT_DW_CONV_WITH_ONE_INPUT_CH_AND_OUTPUT_CH_ABOVE_THRESHOLD (1)
#define arm_transpose_s8(...) ARM_CMSIS_NN_SUCCESS
#define arm_convolve_wrapper_s8_get_buffer_size(...) 0
"""
KERNELS = (
    "arm_convolve_1x1_s8_fast",
    "arm_convolve_1x1_s8",
    "arm_convolve_1_x_n_s8",
    "arm_convolve_s8",
    "arm_depthwise_conv_3x3_s8",
    "arm_depthwise_conv_s8_opt",
    "arm_depthwise_conv_s8",
)
WRAPPERS = ("arm_convolve_wrapper_s8", "arm_depthwise_conv_wrapper_s8")
PROTOTYPE = (
    "arm_cmsis_nn_status {0}(const cmsis_nn_context *, const {1} *, const cmsis_nn_per_channel_quant_params *, "
    "const cmsis_nn_dims *, const int8_t *, const cmsis_nn_dims *, const int8_t *, const cmsis_nn_dims *, "
    "const int32_t *, const cmsis_nn_dims *, int8_t *);\n"
)


def program(root: Path, extension: Extension, folder: Path) -> Path:
    """Return a program of the wrappers' sources in which each kernel only notes its name."""
    helpers = ""
    header = (root / "Include" / "arm_nnsupportfunctions.h").read_text(encoding="utf-8")
    for inline in re.findall(r"^__STATIC_INLINE bool arm_nn_is_convolve\w+\(.*?^}\n", header, re.MULTILINE | re.DOTALL):
        helpers += inline
    (folder / "arm_nnfunctions.h").write_text(
        "#ifndef STUB\n#define STUB\n"
        + STUB
        + helpers
        + "".join(f'#define {kernel}(...) note("{kernel}")\n' for kernel in KERNELS)
        + PROTOTYPE.format(WRAPPERS[0], "cmsis_nn_conv_params")
        + PROTOTYPE.format(WRAPPERS[1], "cmsis_nn_dw_conv_params")
        + "#endif\n"
    )
    (folder / "arm_nnsupportfunctions.h").write_text('#include "arm_nnfunctions.h"\n')
    sources = []
    for wrapper in WRAPPERS:
        text = (root / "Source" / "ConvolutionFunctions" / f"{wrapper}.c").read_text(encoding="utf-8")
        if wrapper == WRAPPERS[1]:  # what it hands a plain convolution to is noted, not called
            text = text.replace("status = arm_convolve_wrapper_s8(", "status = NOTED(")
            text = '#define NOTED(...) note("arm_convolve_wrapper_s8")\n' + text
        (folder / f"{wrapper}.c").write_text(text)
        sources.append(folder / f"{wrapper}.c")
    defines = {"none": [], "dsp": ["-DARM_MATH_DSP"], "mve": ["-DARM_MATH_DSP", "-DARM_MATH_MVEI"]}[extension]
    built = folder / f"choice_{extension}"
    subprocess.run(["cc", "-w", *defines, f"-I{folder}", "-o", built, PROGRAM, *sources], check=True)
    return built


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_wrappers_of_a_release_choose_the_same(extension: Extension, tmp_path: Path) -> None:
    named = os.environ.get("CMSIS_NN_PATH")
    if not named:
        pytest.skip("CMSIS_NN_PATH is not set")
    root = probe(Path(named)).root
    texts = [(root / "Source" / "ConvolutionFunctions" / f"{wrapper}.c").read_text() for wrapper in WRAPPERS]
    if "output_dims->w % 4" in texts[0]:
        pytest.skip("CMSIS-NN 4.0 has another condition for rows")
    header = (root / "Include" / "arm_nnsupportfunctions.h").read_text()
    checks_groups = "input_dims->c == filter_dims->c" in texts[0] + header
    turns_depthwise = "arm_depthwise_conv_to_conv_s8" in texts[1]
    layers = [_layer(Random(f"choice {number}")) for number in range(2000)]
    lines = [" ".join(map(str, (*x, *k, *o, *s, *d, *p, x[2] // g))) for x, k, o, s, d, p, g in layers]
    built = program(root, extension, tmp_path)
    done = subprocess.run([built], input="\n".join(lines), capture_output=True, text=True, check=True)
    seen, rows = set(), 0
    for layer, line in zip(layers, done.stdout.splitlines(), strict=True):
        *geometry, groups = layer
        window = Window(*geometry)
        convolved, by_channel = line.split()
        if (groups == 1 or checks_groups) and window.undilated:
            ours = groups == 1 and arm_convolve_choice(extension, window).function == FAST
            assert ours == (convolved == FAST), layer
            seen |= {FAST} if ours else set()
        if groups == 1:
            of_arm = arm_convolve_choice(extension, window).function
            # A row takes the general kernel where that has no code of its own for it, or is wrong in some release.
            assert of_arm == convolved or (of_arm, convolved) == (GENERAL, ROW), layer
            rows += of_arm == ROW
        one_channel = extension == "mve" and window.input_hwc[2] == 1 < window.output_hwc[2]
        if window.output_hwc[2] % window.input_hwc[2] == 0 and (turns_depthwise or not one_channel):
            ours = arm_depthwise_choice(extension, window).function
            # Without DSP instructions that kernel hands over; a plain convolution is chosen as above.
            plain_one = arm_convolve_choice(extension, window).function
            instead = {"arm_depthwise_conv_s8_opt": "arm_depthwise_conv_s8", WRAPPERS[0]: plain_one}
            assert ours == by_channel or ours == instead.get(by_channel), layer
            seen.add(WRAPPERS[0] if is_plain(extension, window) else ours)
    assert (rows > 0) == (extension == "mve")
    small, opt, plain = (f"arm_depthwise_{kernel}" for kernel in (SMALL, OPT, PLAIN))
    mve = {opt, plain} | ({WRAPPERS[0]} if turns_depthwise else set())
    assert seen == {"none": {FAST, small, plain}, "dsp": {FAST, small, opt, plain}, "mve": mve | {FAST}}[extension]


def _layer(random: Random) -> tuple[Shape, Pair, Shape, Pair, Pair, Pair, int]:
    """Draw input, kernel, output, strides, dilation, padding and groups."""
    while True:
        row = random.random() < 0.4
        height, width = 1 if row else random.randint(1, 9), random.randint(1, 12)
        kernel = (1 if row else random.randint(1, 3), random.choice([1, 1, 3, 3, 4]))
        strides, dilation = (
            (random.randint(1, 2), random.randint(1, 2)),
            random.choice([(1, 1), (1, 1), (2, 1), (1, 2)]),
        )
        padding = random.choice([(0, 0), (0, 0), (0, 1), (1, 1), (2, 1)])
        channels = random.choice([1, 2, 3, 4, 8])
        sizes = [
            size + 2 * padding[axis] - (kernel[axis] - 1) * dilation[axis] - 1
            for axis, size in enumerate((height, width))
        ]
        if min(sizes) >= 0:
            outputs = channels * random.choice([1, 1, 1, 2, 4])
            output = (sizes[0] // strides[0] + 1, sizes[1] // strides[1] + 1, outputs)
            groups = random.choice([1, 1, channels])
            return (height, width, channels), kernel, output, strides, dilation, padding, groups
