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


def scratch_bytes(function: str, extension: Extension, window: Window) -> int:
    """Return what `function` uses of its scratch where it is compiled for `extension`."""
    if function == "netspec_convolve_s8" and not window.in_one_piece:
        return SIDE_BY_SIDE[extension] * window.taps * window.input_hwc[2]
    if function == "arm_depthwise_conv_s8_opt":
        channels = {"none": 0, "dsp": 2 * window.input_hwc[2], "mve": 4 * CHANNEL_BLOCK_MVE}[extension]
        return channels * window.taps
    return 0
