"""MAX_POOL_2D and AVERAGE_POOL_2D: netspec_max_pool_s8, netspec_average_pool_s8. Input and output share their scale."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Dims, Kernel, limits, named_dims, tile
from netspec.ops import Pool2D, hwc
from netspec.ops.numbers import Quantized


class Pool2DKernel(Kernel[Pool2D]):
    template = "netspec/pool2d"

    def kernel_choice(self, op: Pool2D, extension: Extension) -> KernelChoice:
        if op.kind == "max":
            return KernelChoice("netspec_max_pool_s8", "the largest integer is the largest value: the scale stays")
        return KernelChoice(
            "netspec_average_pool_s8", "sums of integers, divided by their number: the scale stays; without scratch"
        )

    def shapes(self, op: Pool2D, extension: Extension) -> Mapping[str, Dims]:
        return {
            "input_dims": (1, *hwc(op.input_shape)),
            "filter_dims": (1, *op.pool_size, 1),
            "output_dims": (1, *hwc(op.output_shape)),
        }

    def call(self, op: Pool2D, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {
            "kind": op.kind,
            "function": self.kernel_choice(op, extension).function,
            "stride": tile(op.strides),
            "padding": tile((op.padding.top, op.padding.left)),
            "activation": limits(q),
            **named_dims(self.shapes(op, extension)),
        }
