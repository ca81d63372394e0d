"""SOFTMAX over the last axis: netspec_softmax_s8. The output has scale 1/256 and zero point -128."""

from __future__ import annotations

from collections.abc import Container, Mapping
from math import prod
from typing import Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels.base import Kernel
from netspec.ops import Softmax
from netspec.ops.numbers import Quantized


class SoftmaxKernel(Kernel[Softmax]):
    template = "netspec/softmax"

    def kernel_choice(self, op: Softmax, extension: Extension) -> KernelChoice:
        return KernelChoice("netspec_softmax_s8", "a row at a time; its output's scale is always 1/256")

    def in_place(self, op: Softmax) -> tuple[tuple[int, int], ...]:
        """Return the one: a row's maximum and sum are taken first, then each element is read and replaced."""
        return ((0, 0),)

    def call(self, op: Softmax, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {**q.numbers, "rows": prod(op.shape[:-1]), "row_size": op.shape[-1]}
