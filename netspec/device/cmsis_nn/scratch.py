"""The scratch bytes of kernels, by the core that they are compiled for.

CMSIS-NN's `*_get_buffer_size` functions answer for the machine they were compiled for, so on a build host they give the
wrong number. Here the same sizes are computed for the target. A size is the largest that the kernel uses in any release
from 4.0.0 to main, so that one memory plan serves whichever the firmware is later linked with.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from netspec.device.cmsis_nn.cores import Extension
from netspec.device.cmsis_nn.window import Window

# Channels that the Helium depthwise kernel gathers at a time, however many the tensor has.
CHANNEL_BLOCK_MVE: Final = 124

# Windows that netspec_convolve_s8 takes at a time where it has room for as many.
SIDE_BY_SIDE: Final[Mapping[Extension, int]] = MappingProxyType({"none": 1, "dsp": 2, "mve": 4})


ARM_CONVOLVE: Final = "arm_convolve_s8"
ARM_ROW: Final = "arm_convolve_1_x_n_s8"
ARM_DEPTHWISE_OPT: Final = "arm_depthwise_conv_s8_opt"


def convolve_bytes(extension: Extension, window: Window) -> int:
    """Return what `netspec_convolve_s8` uses of its scratch where it is compiled for `extension`."""
    return 0 if window.in_one_piece else SIDE_BY_SIDE[extension] * window.taps * window.input_hwc[2]


def arm_scratch_bytes(function: str, extension: Extension, window: Window) -> int:
    """Return what a function of CMSIS-NN uses of its scratch where it is compiled for `extension`."""
    if function == ARM_DEPTHWISE_OPT:
        channels = {"none": 0, "dsp": 2 * window.input_hwc[2], "mve": 4 * CHANNEL_BLOCK_MVE}[extension]
        return channels * window.taps
    if function == ARM_ROW and extension == "mve":
        # 6.0 and later build its padded ends there, or copy the one to it; 4.0 and 5.0 use none.
        return (window.kernel_hw[1] + window.padding[1]) * window.input_hwc[2]
    if function in (ARM_CONVOLVE, ARM_ROW):  # without Helium a row is any convolution
        return _columns_bytes(extension, window.taps * window.input_hwc[2])
    return 0


def average_pool_bytes(extension: Extension, channels: int) -> int:
    """Return what `arm_avgpool_s8` uses of its scratch: an int32 a channel with DSP instructions."""
    return 4 * channels if extension == "dsp" else 0


def _columns_bytes(extension: Extension, taps: int) -> int:
    """Return the bytes of gathered windows: two of int16, on Helium four of int8."""
    if extension == "mve":
        return 4 * round_up(taps, 16)
    return 2 * 2 * round_up(taps, 4)


def round_up(value: int, multiple: int) -> int:
    """Return the least multiple that is not below a value."""
    return -(-value // multiple) * multiple
