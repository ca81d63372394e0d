"""Which kernel a wrapper of CMSIS-NN comes to, against the wrappers' own sources."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from random import Random

import pytest

from netspec.device.cmsis_nn import Extension, KernelChoice, Pair, Shape, convolve_choice, depthwise_choice
from netspec.toolchain.cmsis_nn import probe

EXTENSIONS: tuple[Extension, ...] = ("none", "dsp", "mve")
PROGRAM = Path(__file__).parents[1] / "firmware" / "c" / "print_choice.c"


def conv(
    extension: Extension,
    input_hwc: Shape,
    kernel: Pair,
    output: Shape,
    strides: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: Pair = (0, 0),
    groups: int = 1,
) -> KernelChoice:
    return convolve_choice(
        extension,
        input_hwc=input_hwc,
        kernel_hw=kernel,
        output_hwc=output,
        strides=strides,
        dilation=dilation,
        padding=padding,
        groups=groups,
    )


def depthwise(
    extension: Extension,
    input_hwc: Shape,
    kernel: Pair,
    output: Shape,
    strides: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: Pair = (0, 0),
) -> KernelChoice:
    return depthwise_choice(
        extension,
        input_hwc=input_hwc,
        kernel_hw=kernel,
        output_hwc=output,
        strides=strides,
        dilation=dilation,
        padding=padding,
    )


# What follows the wrapper, on plain C, DSP and Helium.
FAST, POINT, ROW, GENERAL = "1x1_s8_fast", "1x1_s8", "1_x_n_s8", "s8"
CONVOLUTIONS: dict[str, tuple[tuple, tuple[str, str, str]]] = {  # type: ignore[type-arg]
    "1x1": (((8, 8, 64), (1, 1), (8, 8, 4)), (FAST, FAST, FAST)),
    "1x1, stride 2": (((8, 8, 64), (1, 1), (4, 4, 4), (2, 2)), (POINT, POINT, POINT)),
    "1x1, padded": (((8, 8, 3), (1, 1), (10, 10, 4), (1, 1), (1, 1), (1, 1)), (GENERAL, GENERAL, GENERAL)),
    "1x1, groups": (((8, 8, 4), (1, 1), (8, 8, 4), (1, 1), (1, 1), (0, 0), 2), (GENERAL, GENERAL, GENERAL)),
    "3x3": (((8, 8, 3), (3, 3), (6, 6, 4)), (GENERAL, GENERAL, GENERAL)),
    "row": (((1, 40, 4), (1, 5), (1, 40, 8), (1, 1), (1, 1), (0, 2)), (f"{ROW} {GENERAL}", f"{ROW} {GENERAL}", ROW)),
    "row, all edges": (
        ((1, 3, 4), (1, 3), (1, 3, 8), (1, 1), (1, 1), (0, 2)),
        (f"{ROW} {GENERAL}", f"{ROW} {GENERAL}", f"{ROW} {GENERAL}"),
    ),
    "row, odd channels": (((1, 40, 6), (1, 5), (1, 36, 8)), (GENERAL, GENERAL, GENERAL)),
    "row, odd channels, stride 2": (
        ((1, 40, 6), (1, 4), (1, 19, 8), (1, 2)),
        (f"{ROW} {GENERAL}", f"{ROW} {GENERAL}", ROW),
    ),
    "row, dilated": (((1, 40, 8), (1, 3), (1, 36, 8), (1, 1), (1, 2)), (GENERAL, GENERAL, GENERAL)),
    "column": (((40, 1, 8), (3, 1), (38, 1, 8)), (GENERAL, GENERAL, GENERAL)),
}
OPT = "conv_s8_opt"
DEPTHWISE: dict[str, tuple[tuple, tuple[str, str, str]]] = {  # type: ignore[type-arg]
    "3x3": (((12, 12, 8), (3, 3), (12, 12, 8), (1, 1), (1, 1), (1, 1)), ("conv_3x3_s8", "conv_3x3_s8", OPT)),
    "3x3, wide padding": (
        ((12, 12, 8), (3, 3), (14, 12, 8), (1, 1), (1, 1), (2, 1)),
        (f"{OPT} conv_s8", OPT, OPT),
    ),
    "5x5": (((12, 12, 8), (5, 5), (8, 8, 8)), (f"{OPT} conv_s8", OPT, OPT)),
    "dilated": (((12, 12, 8), (3, 3), (8, 8, 8), (1, 1), (2, 2)), ("conv_s8", "conv_s8", "conv_s8")),
    "multiplier": (((12, 12, 8), (3, 3), (10, 10, 16)), ("conv_s8", "conv_s8", "conv_s8")),
    "one channel, one filter": (((12, 12, 1), (3, 3), (10, 10, 1)), ("conv_3x3_s8", "conv_3x3_s8", OPT)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name: str) -> None:
    arguments, expected = CONVOLUTIONS[name]
    for extension, kernels in zip(EXTENSIONS, expected, strict=True):
        calls = ("arm_convolve_wrapper_s8", *(f"arm_convolve_{kernel}" for kernel in kernels.split()))
        assert conv(extension, *arguments).calls == calls, extension


@pytest.mark.parametrize("name", DEPTHWISE)
def test_depthwise_convolutions(name: str) -> None:
    arguments, expected = DEPTHWISE[name]
    for extension, kernels in zip(EXTENSIONS, expected, strict=True):
        calls = ("arm_depthwise_conv_wrapper_s8", *(f"arm_depthwise_{kernel}" for kernel in kernels.split()))
        assert depthwise(extension, *arguments).calls == calls, extension


def test_one_channel_is_a_plain_convolution_on_helium() -> None:
    layer = ((49, 10, 1), (10, 8), (25, 5, 8), (2, 2), (1, 1), (4, 3))
    wrappers = ("arm_depthwise_conv_wrapper_s8", "arm_convolve_wrapper_s8")
    assert depthwise("mve", *layer).calls == (*wrappers, "arm_convolve_s8")
    assert depthwise("dsp", *layer).calls == (wrappers[0], "arm_depthwise_conv_s8")


@pytest.mark.parametrize("name", [*CONVOLUTIONS, "5x5", "dilated", "multiplier"])
def test_the_reason_says_what_decided(name: str) -> None:
    """The same call for another reason reads differently: two rows of the tables share a reason only if alike."""
    said = {key: conv("dsp", *arguments).reason for key, (arguments, _) in CONVOLUTIONS.items()}
    said |= {key: depthwise("dsp", *DEPTHWISE[key][0]).reason for key in ("5x5", "dilated", "multiplier")}
    alike = {"row", "row, all edges"}
    others = [key for key in said if key != name and not {key, name} <= alike]
    assert said[name] not in [said[key] for key in others]


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
    seen = set()
    for layer, line in zip(layers, done.stdout.splitlines(), strict=True):
        *geometry, groups = layer
        convolved, by_channel = line.split()
        if groups == 1 or checks_groups:
            assert conv(extension, *layer).calls[1] == convolved, layer
            seen.add(convolved)
        one_channel = extension == "mve" and layer[0][2] == 1 < layer[2][2]
        if layer[2][2] % layer[0][2] == 0 and (turns_depthwise or not one_channel):
            assert depthwise(extension, *geometry).calls[1] == by_channel, layer
            seen.add(by_channel)
    expected = {*KERNELS, WRAPPERS[0]} - ({"arm_depthwise_conv_3x3_s8"} if extension == "mve" else {WRAPPERS[0]})
    assert seen == expected - (set() if turns_depthwise else {WRAPPERS[0]})


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
