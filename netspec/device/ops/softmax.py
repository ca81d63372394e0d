"""SOFTMAX over the last axis: netspec_softmax_s8. The output has scale 1/256 and zero point -128."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.ops.base import Integers, Kernel, Quant, Quantized, Sink, Weights, batched
from netspec.ops import Softmax

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SoftmaxKernel(Kernel[Softmax]):
    name = "softmax"

    def kernel_choice(self, op: Softmax, extension: Extension) -> KernelChoice:
        return KernelChoice("netspec_softmax_s8", "a row at a time; its output's scale is always 1/256")

    def in_place_inputs(self, op: Softmax) -> tuple[int, ...]:
        """Return the one: a row's maximum and sum are taken first, then each element is read and replaced."""
        return (0,)

    def numbers(self, op: Softmax, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        from netspec.arithmetic import softmax_parameters

        parameters = softmax_parameters(inputs[0].scale)
        return Quantized(
            numbers={
                "multiplier": parameters.multiplier,
                "shift": parameters.shift,
                "diff_min": parameters.diff_min,
            }
        )

    def evaluate(self, op: Softmax, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        from netspec.reference import softmax_float

        return softmax_float(batched(inputs[0], op.shape))

    def reference(self, op: Softmax, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        from netspec.arithmetic import SoftmaxParameters
        from netspec.reference import softmax

        return softmax(batched(inputs[0], op.shape), SoftmaxParameters(**q.numbers))

    def tflite(self, op: Softmax, q: Quantized, sink: Sink) -> None:
        rows = (prod(op.shape[:-1]), op.shape[-1])
        sink.operator("SOFTMAX", [sink.read(0, rows)], [sink.write(rows)], beta=1.0)

    def call(self, op: Softmax, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {**q.numbers, "rows": prod(op.shape[:-1]), "row_size": op.shape[-1]}
