"""How our own kernels run a convolution on a core.

CMSIS-NN's wrapper for plain convolutions comes to a kernel that gathers windows as int16, with code for groups that no
net here has. Ours gathers bytes: less code, less scratch and fewer instructions. CMSIS-NN has three depthwise kernels,
each for some windows, two of them with scratch; ours takes any window, without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from netspec.device.cmsis_nn.cores import Extension
from netspec.device.cmsis_nn.scratch import SIDE_BY_SIDE
from netspec.device.cmsis_nn.window import Window

CONVOLVE: Final = "netspec_convolve_s8"
DEPTHWISE: Final = "netspec_depthwise_conv_s8"

_TOGETHER: Final[Mapping[Extension, int]] = MappingProxyType({"none": 1, "dsp": 4, "mve": 16})
"""Channels that netspec_depthwise_conv_s8 takes at a time; one output where a channel has several filters."""


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """The function that emitted code calls, and why that one."""

    function: str
    reason: str


@lru_cache(maxsize=1024)
def convolve_choice(extension: Extension, window: Window) -> KernelChoice:
    """Return the kernel of a convolution without groups."""
    count = SIDE_BY_SIDE[extension]
    at_a_time = f"{count} windows of {window.size}" if count > 1 else f"a window of {window.size}"
    if window.in_one_piece:
        return KernelChoice(CONVOLVE, f"{at_a_time} at a time, read where {'they lie' if count > 1 else 'it lies'}")
    return KernelChoice(CONVOLVE, f"{at_a_time} at a time, gathered into {'columns' if count > 1 else 'a column'}")


@lru_cache(maxsize=1024)
def depthwise_choice(extension: Extension, window: Window) -> KernelChoice:
    """Return the kernel of a depthwise convolution, whose multiplier is that of output to input channels.

    For one input channel that is a plain convolution, which wants the filters one after the other.
    """
    channels, outputs = window.input_hwc[2], window.output_hwc[2]
    if channels == 1 < outputs:
        return KernelChoice(CONVOLVE, f"one input channel: a plain convolution with {outputs} filters")
    count = 1 if outputs != channels else min(_TOGETHER[extension], channels)
    if extension == "dsp" and count < _TOGETHER["dsp"]:
        count = 1
    at_a_time = f"{count} channels" if count > 1 else "one output"
    return KernelChoice(DEPTHWISE, f"{window.size} windows of {at_a_time} at a time, read where they lie")
