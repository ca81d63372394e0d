"""Which kernel runs a convolution on a core: one of CMSIS-NN's that is right in every release, or our own.

CMSIS-NN's wrapper for plain convolutions comes to a kernel that gathers windows as int16, with code for groups that no
net here has. Ours gathers bytes: less code, less scratch and fewer instructions. For 1x1 windows with strides of 1
CMSIS-NN's matrix product is the faster one, except on Helium.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from netspec.device.cmsis_nn.cores import Extension
from netspec.device.cmsis_nn.scratch import SIDE_BY_SIDE
from netspec.device.cmsis_nn.window import Pair, Window

CONVOLVE: Final = "netspec_convolve_s8"


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """The function that emitted code calls, and why that one."""

    function: str
    reason: str


def convolve_choice(extension: Extension, window: Window) -> KernelChoice:
    """Return the kernel of a convolution without groups. CMSIS-NN's for 1x1 windows knows no padding."""
    positions = window.output_hwc[:2] == window.input_hwc[:2]
    if extension != "mve" and window.kernel_hw == window.strides == (1, 1) and window.in_one_piece and positions:
        return KernelChoice(
            "arm_convolve_1x1_s8_fast", "a 1x1 window with strides of 1: one matrix product over all positions"
        )
    count = SIDE_BY_SIDE[extension]
    at_a_time = f"{count} windows of {window.size}" if count > 1 else f"a window of {window.size}"
    if window.in_one_piece:
        return KernelChoice(CONVOLVE, f"{at_a_time} at a time, read where {'they lie' if count > 1 else 'it lies'}")
    return KernelChoice(CONVOLVE, f"{at_a_time} at a time, gathered into {'columns' if count > 1 else 'a column'}")


def depthwise_choice(extension: Extension, window: Window) -> KernelChoice:
    """Return the kernel of a depthwise convolution, whose multiplier is that of output to input channels.

    For one input channel Helium takes a plain convolution, which wants the filters one after the other. The kernel for
    3x3 windows looks at the left edge, the first and the last column of taps only; the one for DSP instructions
    writes past its scratch where a window lies wholly above or below the input.
    """
    channels, outputs = window.input_hwc[2], window.output_hwc[2]
    if extension == "mve" and channels == 1 < outputs:
        reason = f"one input channel: a plain convolution with {outputs} filters"
        return KernelChoice(CONVOLVE, reason)
    general = "arm_depthwise_conv_s8"
    if outputs != channels:
        return KernelChoice(general, f"depth_multiplier {outputs // channels}: the general kernel")
    if not window.undilated:
        return KernelChoice(general, f"dilated by {window.dilation[0]}x{window.dilation[1]}: the general kernel")
    small = window.kernel_hw == (3, 3) and max(window.padding) <= 1 and window.last_start(1) + 1 < window.input_hwc[1]
    if extension != "mve" and small:
        return KernelChoice("arm_depthwise_conv_3x3_s8", "a 3x3 window, padded by at most 1 above, left and right")
    if extension == "none":
        reason = f"a {window.size} window; the kernel for it needs DSP instructions, which this core has not"
        return KernelChoice(general, reason)
    above, below = window.padding[0] >= window.kernel_hw[0], window.last_start(0) >= window.input_hwc[0]
    if extension == "dsp" and (above or below):
        return KernelChoice(general, "windows wholly in the padding: the general kernel")
    how = "Helium" if extension == "mve" else "DSP instructions"
    reason = f"a {window.size} window, undilated, one filter a channel: the kernel for {how}"
    return KernelChoice("arm_depthwise_conv_s8_opt", reason)


def padding_is_exact(
    *, kernel_hw: Pair, dilation: Pair, padding: tuple[int, int, int, int], depthwise: bool, depth_multiplier: int = 1
) -> bool:
    """Return whether padding (top, bottom, left, right) may be left to the kernel without giving up a faster one.

    It may everywhere but before the 1x1 kernel, which knows none, and before the 3x3 depthwise kernel, which knows
    one column and row.
    """
    top, bottom, left, right = padding
    if depthwise:
        fast = kernel_hw == (3, 3) and dilation == (1, 1) and depth_multiplier == 1 and top <= 1 and left <= 1
        return not (fast and (bottom > 1 or right > 1))
    if kernel_hw[0] == 1 and (top or bottom):
        return False
    return not (kernel_hw == dilation == (1, 1) and (top, left) == (0, 0) and (bottom or right))
