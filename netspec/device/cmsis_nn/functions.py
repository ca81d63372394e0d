"""The functions of CMSIS-NN that emitted code names: kernels, and those that say a kernel's scratch, in assertions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ARM_FUNCTIONS: Final[Mapping[str, str | None]] = MappingProxyType(
    {
        "arm_avgpool_s8": "POOLING",
        "arm_avgpool_s8_get_buffer_size": "POOLING",
        "arm_concatenation_s8_x": "CONCATENATION",
        "arm_convolve_1_x_n_s8": "CONVOLUTION",
        "arm_convolve_1x1_s8": "CONVOLUTION",
        "arm_convolve_1x1_s8_fast": "CONVOLUTION",
        "arm_convolve_s8": "CONVOLUTION",
        "arm_convolve_s8_get_buffer_size": "CONVOLUTION",
        "arm_depthwise_conv_3x3_s8": "CONVOLUTION",
        "arm_depthwise_conv_s8": "CONVOLUTION",
        "arm_depthwise_conv_s8_opt": "CONVOLUTION",
        "arm_depthwise_conv_s8_opt_get_buffer_size": "CONVOLUTION",
        "arm_elementwise_add_s8": "BASICMATH",
        "arm_fully_connected_s8": "FULLYCONNECTED",
        "arm_fully_connected_s8_get_buffer_size": "FULLYCONNECTED",
        "arm_max_pool_s8": "POOLING",
        "arm_pad_s8": None,
        "arm_softmax_s8": "SOFTMAX",
    }
)
"""By name the option of Zephyr's module that builds it, without `CMSIS_NN_`; None where no option does."""
