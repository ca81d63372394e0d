"""Which of CMSIS-NN's own kernels runs a plain convolution, by the conditions of its wrapper, known at build time.

A condition that differs between releases must hold by all of them, 4.0.0 to main: emitted code is linked with any.
"""

from __future__ import annotations

from netspec.device.cmsis_nn.choice import KernelChoice
from netspec.device.cmsis_nn.cores import Extension
from netspec.device.cmsis_nn.scratch import ARM_CONVOLVE, ARM_ROW
from netspec.device.cmsis_nn.window import Window


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
