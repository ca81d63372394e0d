"""The functions of CMSIS-NN that emitted code names, and what is known of each without its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ArmFunction:
    """`zephyr` is the option of Zephyr's module that builds it, without `CMSIS_NN_`; None where no option does.

    `kernel` says that it computes; the others give the size of a kernel's scratch, in assertions.
    """

    zephyr: str | None
    kernel: bool = True


def _sizer(zephyr: str) -> ArmFunction:
    return ArmFunction(zephyr, kernel=False)


ARM_FUNCTIONS: Final[Mapping[str, ArmFunction]] = MappingProxyType(
    {
        "arm_avgpool_s8": ArmFunction("POOLING"),
        "arm_avgpool_s8_get_buffer_size": _sizer("POOLING"),
        "arm_concatenation_s8_x": ArmFunction("CONCATENATION"),
        "arm_convolve_1_x_n_s8": ArmFunction("CONVOLUTION"),
        "arm_convolve_1x1_s8": ArmFunction("CONVOLUTION"),
        "arm_convolve_1x1_s8_fast": ArmFunction("CONVOLUTION"),
        "arm_convolve_s8": ArmFunction("CONVOLUTION"),
        "arm_convolve_s8_get_buffer_size": _sizer("CONVOLUTION"),
        "arm_depthwise_conv_3x3_s8": ArmFunction("CONVOLUTION"),
        "arm_depthwise_conv_s8": ArmFunction("CONVOLUTION"),
        "arm_depthwise_conv_s8_opt": ArmFunction("CONVOLUTION"),
        "arm_depthwise_conv_s8_opt_get_buffer_size": _sizer("CONVOLUTION"),
        "arm_elementwise_add_s8": ArmFunction("BASICMATH"),
        "arm_fully_connected_s8": ArmFunction("FULLYCONNECTED"),
        "arm_fully_connected_s8_get_buffer_size": _sizer("FULLYCONNECTED"),
        "arm_max_pool_s8": ArmFunction("POOLING"),
        "arm_pad_s8": ArmFunction(None),
        "arm_softmax_s8": ArmFunction("SOFTMAX"),
    }
)
