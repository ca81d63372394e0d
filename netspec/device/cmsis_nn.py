"""Which kernels Arm's CMSIS-NN wrappers take, and their scratch bytes, by core, known before anything is compiled.

CMSIS-NN chooses a variant of each int8 kernel from the instructions of the core, and every variant wants scratch of
its own. The `*_get_buffer_size` functions answer for the machine they were compiled for, so on a build host they give
the wrong number. Here the same sizes are computed for the target.

Releases differ. A size is the largest that any release from 4.0.0 to main asks for, or needs where it asks for
too little (grouped pointwise convolution before main, CMSIS-NN issue 201), so that one memory plan serves
whichever release the firmware is later linked with. The portable kernels of this project need none. All functions
describe one batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Extension = Literal["none", "dsp", "mve"]
"""What selects a kernel variant: plain C (M0, M0+, M3, any host), DSP instructions (M4, M7, M33), Helium (M55, M85)."""

Pair = tuple[int, int]
"""(height, width)."""

Shape = tuple[int, int, int]
"""(height, width, channels)."""

CORE_EXTENSIONS: Final[Mapping[str, Extension]] = MappingProxyType(
    {
        "cortex-m0": "none",
        "cortex-m0+": "none",
        "cortex-m3": "none",
        "cortex-m4": "dsp",
        "cortex-m7": "dsp",
        "cortex-m33": "dsp",
        "cortex-m55": "mve",
        "cortex-m85": "mve",
    }
)

HOST_EXTENSION: Final[Extension] = "none"
"""What CMSIS-NN compiles to on a build host."""

# Channels that the Helium depthwise kernel gathers at a time, however many the tensor has.
CHANNEL_BLOCK_MVE: Final = 124


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """What runs an op. `calls` are functions of which each hands over to the next: emitted code calls the first, the
    last one does the work. `reason` says why it comes to that one here.
    """

    calls: tuple[str, ...]
    reason: str


def convolve_choice(
    extension: Extension,
    *,
    input_hwc: Shape,
    kernel_hw: Pair,
    output_hwc: Shape,
    strides: Pair,
    dilation: Pair = (1, 1),
    padding: Pair = (0, 0),
    groups: int = 1,
) -> KernelChoice:
    """Return what `arm_convolve_wrapper_s8` comes to, by the conditions of 5.0 to main; `padding` is (top, left).

    4.0 asks for an output width that is a multiple of 4 in place of the row's stride * channels.
    """
    wrapper = "arm_convolve_wrapper_s8"
    if groups == 1 and _is_pointwise(kernel_hw, dilation, padding):
        if strides == (1, 1):
            reason = "a 1x1 window with strides of 1: one matrix product over all positions"
            return KernelChoice((wrapper, "arm_convolve_1x1_s8_fast"), reason)
        reason = f"a 1x1 window with strides of {strides[0]}x{strides[1]}: one row product a position"
        return KernelChoice((wrapper, "arm_convolve_1x1_s8"), reason)
    general = "arm_convolve_s8"
    if not _is_row(input_hwc, kernel_hw, strides, dilation, groups):
        return KernelChoice((wrapper, general), _why_general(input_hwc, kernel_hw, strides, dilation, padding, groups))
    row = "arm_convolve_1_x_n_s8"
    width = f"one row, stride * channels = {strides[1] * input_hwc[2]}, a multiple of 4"
    if extension != "mve":
        return KernelChoice((wrapper, row, general), f"{width}; only Helium has code of its own for that")
    left, right, _ = _row_ends(input_hwc[1], kernel_hw[1], output_hwc[1], strides[1], padding[1])
    if left + right > output_hwc[1]:
        return KernelChoice((wrapper, row, general), f"{width}; but every window of it reaches into the padding")
    return KernelChoice((wrapper, row), f"{width}: windows are read where they lie")


def _why_general(input_hwc: Shape, kernel_hw: Pair, strides: Pair, dilation: Pair, padding: Pair, groups: int) -> str:
    size = f"{kernel_hw[0]}x{kernel_hw[1]}"
    if groups > 1:
        return f"{groups} groups: windows are gathered a group at a time"
    if kernel_hw == (1, 1) and input_hwc[0] != 1:
        return f"a 1x1 window, but {'padded' if padding != (0, 0) else 'dilated'}: windows are gathered into columns"
    if input_hwc[0] == kernel_hw[0] == 1:
        if dilation[1] != 1:
            return f"one row, but dilated by {dilation[1]}: windows are gathered into columns"
        step = strides[1] * input_hwc[2]
        return f"one row, but stride * channels = {step} is no multiple of 4: windows are gathered into columns"
    return f"a {size} window: windows are gathered into columns, then multiplied"


def depthwise_choice(
    extension: Extension,
    *,
    input_hwc: Shape,
    kernel_hw: Pair,
    output_hwc: Shape,
    strides: Pair,
    dilation: Pair = (1, 1),
    padding: Pair = (0, 0),
) -> KernelChoice:
    """Return what `arm_depthwise_conv_wrapper_s8` comes to, by the conditions of 7.0 and main; `padding` as above.

    Before 7.0, and with armclang for up to 8 filters, Helium's kernel for one input channel is the general one.
    """
    wrapper, general = "arm_depthwise_conv_wrapper_s8", "arm_depthwise_conv_s8"
    if extension == "mve" and input_hwc[2] == 1 and output_hwc[2] > 1:
        plain = convolve_choice(
            extension,
            input_hwc=input_hwc,
            kernel_hw=kernel_hw,
            output_hwc=output_hwc,
            strides=strides,
            dilation=dilation,
            padding=padding,
        )
        reason = f"one input channel: on Helium a plain convolution with {output_hwc[2]} filters"
        return KernelChoice((wrapper, *plain.calls), reason)
    if output_hwc[2] != input_hwc[2]:
        return KernelChoice((wrapper, general), f"depth_multiplier {output_hwc[2] // input_hwc[2]}: the general kernel")
    if dilation != (1, 1):
        return KernelChoice((wrapper, general), f"dilated by {dilation[0]}x{dilation[1]}: the general kernel")
    size = f"{kernel_hw[0]}x{kernel_hw[1]}"
    if extension != "mve" and kernel_hw == (3, 3) and max(padding) <= 1:
        return KernelChoice((wrapper, "arm_depthwise_conv_3x3_s8"), "a 3x3 window, padded by at most 1 above and left")
    opt = "arm_depthwise_conv_s8_opt"
    if extension == "none":
        reason = f"a {size} window; the kernel for it needs DSP instructions, which this core has not"
        return KernelChoice((wrapper, opt, general), reason)
    how = "Helium" if extension == "mve" else "DSP instructions"
    return KernelChoice((wrapper, opt), f"a {size} window, undilated, one filter a channel: the kernel for {how}")


def convolve_scratch_bytes(
    extension: Extension,
    *,
    input_hwc: Shape,
    kernel_hw: Pair,
    output_hwc: Shape,
    strides: Pair,
    dilation: Pair = (1, 1),
    padding: Pair = (0, 0),
    groups: int = 1,
    armclang: bool = False,
) -> int:
    """Return the scratch bytes of `arm_convolve_wrapper_s8`.

    `padding` is (top, left). A window over one row (`input_hwc[0] == kernel_hw[0] == 1`) takes a path of its own on
    Helium; see `row_convolution_is_exact`. `armclang` adds the optional columns of the unit-stride 1x1 kernel on DSP
    cores, which that compiler alone uses and which the kernel does without when given no buffer.
    """
    pointwise = _is_pointwise(kernel_hw, dilation, padding)
    if armclang and extension == "dsp" and pointwise and strides == (1, 1) and groups == 1:
        return 4 * input_hwc[2]
    recent = _convolve_bytes(extension, input_hwc, kernel_hw, output_hwc, strides, dilation, padding, groups)
    row = extension == "mve" and _is_row(input_hwc, kernel_hw, strides, dilation, groups)
    if pointwise or not row or output_hwc[1] % 4 == 0:
        return recent
    # 4.0 takes its row kernel only where the output width is a multiple of 4, and the general kernel otherwise.
    return max(recent, 4 * _round_up(kernel_hw[1] * input_hwc[2], 8))


def depthwise_scratch_bytes(
    extension: Extension,
    *,
    input_hwc: Shape,
    kernel_hw: Pair,
    output_hwc: Shape,
    strides: Pair,
    dilation: Pair = (1, 1),
    padding: Pair = (0, 0),
) -> int:
    """Return the scratch bytes of `arm_depthwise_conv_wrapper_s8`; `padding` is (top, left).

    On DSP cores this includes what the sizer of 4.0.0 asks for a 3x3 kernel and later releases do not (issue 19).
    """
    area = kernel_hw[0] * kernel_hw[1]
    if extension == "mve" and input_hwc[2] == 1 and output_hwc[2] > 1:
        # From 7.0 on this runs as a convolution, with the filter transposed into scratch behind its columns.
        columns = _convolve_bytes("mve", input_hwc, kernel_hw, output_hwc, strides, dilation, padding, 1)
        return columns + area * output_hwc[2]
    if input_hwc[2] != output_hwc[2] or dilation != (1, 1):
        return 0
    return {"none": 0, "dsp": 2 * area * input_hwc[2], "mve": 4 * area * CHANNEL_BLOCK_MVE}[extension]


def average_pool_scratch_bytes(extension: Extension, *, channels: int) -> int:
    """Return the scratch bytes of `arm_avgpool_s8`: an int32 accumulator a channel on DSP cores."""
    return 4 * channels if extension == "dsp" else 0


def fully_connected_scratch_bytes(extension: Extension, *, outputs: int) -> int:
    """Return the scratch bytes of `arm_fully_connected_s8`: none.

    What its sizer asks for on Helium is not scratch but a constant: see `fully_connected_kernel_sum_bytes`.
    """
    del extension, outputs
    return 0


def fully_connected_kernel_sum_bytes(extension: Extension, *, outputs: int) -> int:
    """Return the bytes of the table that `arm_fully_connected_s8` reads through `ctx->buf`: 4 an output on Helium.

    4.0 and 4.1 read none. 5.0 wants the sum of each output's weights; 6.0 and later want that sum times the input
    offset, plus the bias, and ignore the bias argument. The table is constant and belongs in flash.
    """
    return 4 * outputs if extension == "mve" else 0


def row_convolution_is_exact(*, input_width: int, kernel_width: int, output_width: int, stride: int, left: int) -> bool:
    """Return whether the Helium row kernel of every release gives the right numbers for these widths.

    It fails or miscounts the padding in other cases: `ARM_CMSIS_NN_FAILURE` from 4.1 on for padding that is not
    symmetric, such as causal padding, and wrong last columns from 6.0 on for many strides above 1 (input 8, kernel 3,
    stride 2, valid). The same bytes described as one column (height and width exchanged in input, filter and output)
    take the general kernel, which has no such limits. The answer is conservative for strides above 1.
    """
    total = (output_width - 1) * stride + kernel_width - input_width
    return stride == 1 and kernel_width <= input_width and total >= 0 and left == total // 2


def _is_pointwise(kernel_hw: Pair, dilation: Pair, padding: Pair) -> bool:
    return kernel_hw == (1, 1) and padding == (0, 0) and dilation == (1, 1)


def _is_row(input_hwc: Shape, kernel_hw: Pair, strides: Pair, dilation: Pair, groups: int) -> bool:
    one_row = input_hwc[0] == 1 and kernel_hw[0] == 1 and dilation[1] == 1
    return one_row and groups == 1 and strides[1] * input_hwc[2] % 4 == 0


def _convolve_bytes(
    extension: Extension,
    input_hwc: Shape,
    kernel_hw: Pair,
    output_hwc: Shape,
    strides: Pair,
    dilation: Pair,
    padding: Pair,
    groups: int,
) -> int:
    """Return what main asks for; only the row kernel of 4.0 ever asks for more."""
    if groups == 1 and _is_pointwise(kernel_hw, dilation, padding):
        return 0
    general = _columns_bytes(extension, kernel_hw[0] * kernel_hw[1] * input_hwc[2])
    if extension != "mve" or not _is_row(input_hwc, kernel_hw, strides, dilation, groups):
        return general
    _, width, channels = input_hwc
    return _row_bytes_mve(width, channels, kernel_hw[1], output_hwc[1], strides[1], padding[1], general)


def _columns_bytes(extension: Extension, taps: int) -> int:
    """Return the bytes of the gathered columns: two of int16 in plain C and DSP, four of int8 on Helium."""
    if extension == "mve":
        return 4 * _round_up(taps, 16)
    return 2 * 2 * _round_up(taps, 4)


def _row_bytes_mve(width: int, channels: int, kernel: int, output: int, stride: int, left: int, general: int) -> int:
    """Return the bytes of the wider of the two padded ends that the Helium row kernel of 6.0 and later builds."""
    left_columns, right_columns, odd = _row_ends(width, kernel, output, stride, left)
    if left_columns + right_columns > output:
        return general
    right = right_columns if odd else left
    return max(kernel + left, kernel - 1 + right) * channels


def _row_ends(width: int, kernel: int, output: int, stride: int, left: int) -> tuple[int, int, int]:
    """Return how many outputs of a row read padding on the left and right, and the odd column of padding."""
    total = (output - 1) * stride + kernel - width
    odd = total % 2 if total >= 0 else -(-total % 2)  # the sign of C's remainder
    right_columns = max(1, (left + odd + stride - 1) // stride) if left + odd != 0 else 0
    left_columns = max(1, (left + stride - 1) // stride) if left != 0 else 0
    return left_columns, right_columns, odd


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def padding_is_exact(
    *, kernel_hw: Pair, dilation: Pair, padding: tuple[int, int, int, int], depthwise: bool, depth_multiplier: int = 1
) -> bool:
    """Return whether every release's kernel stays inside its input with these zeros (top, bottom, left, right).

    Three do not: the 3x3 depthwise kernel of plain C and DSP, chosen for at most one row above and one column on the
    left, with more than one below or on the right; the 1x1 kernel, chosen where nothing is above or on the left; and
    Helium's kernel for one row, which gives one row of output, whatever rows of zeros stand above and below.
    """
    top, bottom, left, right = padding
    if depthwise:
        fast = kernel_hw == (3, 3) and dilation == (1, 1) and depth_multiplier == 1 and top <= 1 and left <= 1
        return not (fast and (bottom > 1 or right > 1))
    if kernel_hw[0] == 1 and (top or bottom):
        return False
    return not (_is_pointwise(kernel_hw, dilation, (top, left)) and (bottom or right))
