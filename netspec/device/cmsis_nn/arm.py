"""Which of CMSIS-NN's own kernels runs a convolution, by the conditions of its wrappers, known at build time.

A condition that differs between releases must hold by all of them, 4.0.0 to main: emitted code is linked with any.
"""

from __future__ import annotations

from netspec.device.cmsis_nn.choice import KernelChoice
from netspec.device.cmsis_nn.cores import Extension
from netspec.device.cmsis_nn.scratch import ARM_CONVOLVE, ARM_ROW
from netspec.device.cmsis_nn.window import Pair, Window


def arm_convolve_choice(extension: Extension, window: Window) -> KernelChoice:
    """Return what `arm_convolve_wrapper_s8` comes to for a convolution without groups."""
    if window.kernel_hw == window.dilation == (1, 1) and window.padding == (0, 0):
        if window.strides == (1, 1):
            reason = "a 1x1 window with strides of 1: one matrix product over all positions"
            return KernelChoice("arm_convolve_1x1_s8_fast", reason)
        reason = f"a 1x1 window with strides of {window.strides[0]}x{window.strides[1]}: one row product a position"
        return KernelChoice("arm_convolve_1x1_s8", reason)
    if extension == "mve" and _is_row(window):
        return KernelChoice(ARM_ROW, f"a row of {window.size} windows, read where they lie but for its ends")
    count = 4 if extension == "mve" else 2
    return KernelChoice(ARM_CONVOLVE, f"{count} windows of {window.size} at a time, gathered into columns")


def arm_depthwise_choice(extension: Extension, window: Window) -> KernelChoice:
    """Return what `arm_depthwise_conv_wrapper_s8` comes to; the multiplier is that of output to input channels.

    For one input channel Helium takes a plain convolution (`is_plain`). The kernel for 3x3 windows looks at the left
    edge, the first and the last column of taps only; the one for DSP instructions writes past its scratch where a
    window lies wholly above or below the input.
    """
    channels, outputs = window.input_hwc[2], window.output_hwc[2]
    if is_plain(extension, window):
        plain = arm_convolve_choice(extension, window)
        reason = f"one input channel: a plain convolution with {outputs} filters; {plain.reason}"
        return KernelChoice(plain.function, reason)
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


def is_plain(extension: Extension, window: Window) -> bool:
    """Return whether a depthwise convolution runs as a plain one, which wants the filters one after the other."""
    return extension == "mve" and window.input_hwc[2] == 1 < window.output_hwc[2]


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


def _is_row(window: Window) -> bool:
    """Return whether Helium's kernel for a row takes a window and is right in every release.

    4.0 wants outputs, 5.0 and later stride * channels that are multiples of 4. From 4.1 on it fails for padding that is
    not symmetric, such as causal padding, and from 6.0 on miscounts the last columns of many strides above 1.
    """
    (height, width, channels), (kernel_height, kernel), stride = window.input_hwc, window.kernel_hw, window.strides[1]
    out_height, out_width, _ = window.output_hwc
    if not height == kernel_height == out_height == window.dilation[1] == stride == 1:
        return False
    zeros = out_width - 1 + kernel - width
    exact = kernel <= width and zeros >= 0 and window.padding == (0, zeros // 2)
    return exact and channels % 4 == out_width % 4 == 0
