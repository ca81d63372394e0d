"""Which kernel runs a convolution on a core, and what is known of Arm's CMSIS-NN before anything is compiled.

Emitted code calls the kernel itself and not CMSIS-NN's wrapper before it, which links every kernel that it may come to.
"""

from netspec.device.cmsis_nn.choice import CONVOLVE, DEPTHWISE, KernelChoice, convolve_choice, depthwise_choice
from netspec.device.cmsis_nn.cores import CORE_EXTENSIONS, HOST_EXTENSION, Extension
from netspec.device.cmsis_nn.functions import ARM_FUNCTIONS
from netspec.device.cmsis_nn.scratch import (
    CHANNEL_BLOCK_MVE,
    SIDE_BY_SIDE,
    arm_scratch_bytes,
    average_pool_bytes,
    convolve_bytes,
    round_up,
)
from netspec.device.cmsis_nn.window import Pair, Shape, Window

__all__ = [
    "ARM_FUNCTIONS",
    "CHANNEL_BLOCK_MVE",
    "CONVOLVE",
    "CORE_EXTENSIONS",
    "DEPTHWISE",
    "HOST_EXTENSION",
    "SIDE_BY_SIDE",
    "Extension",
    "KernelChoice",
    "Pair",
    "Shape",
    "Window",
    "arm_scratch_bytes",
    "average_pool_bytes",
    "convolve_bytes",
    "convolve_choice",
    "depthwise_choice",
    "round_up",
]
