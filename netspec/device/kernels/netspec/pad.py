"""PAD: netspec_pad_s8. The padding's value is the zero point; input and output share their scale."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Kernel
from netspec.ops import Pad, hwc
from netspec.ops.numbers import Quantized


class PadKernel(Kernel[Pad]):
    template = "netspec/pad"

    def kernel_choice(self, op: Pad, extension: Extension) -> KernelChoice:
        return KernelChoice("netspec_pad_s8", "rows are copied, and the zero point, which stands for 0, around them")

    def call(self, op: Pad, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        """Return the fields of a `netspec_pad`, all but the value in bytes."""
        (top, bottom, left, right), (height, width, channels) = op.padding, hwc(op.input_shape)
        row = (left + width + right) * channels
        return {
            "value": q.numbers["pad_value"],
            "rows": height,
            "row_bytes": width * channels,
            "before": top * row + left * channels,
            "between": (right + left) * channels,
            "after": right * channels + bottom * row,
        }
