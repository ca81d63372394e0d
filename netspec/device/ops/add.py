"""ADD of two tensors of one shape: netspec_add_s8."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.ops.base import (
    Integers,
    Kernel,
    Quant,
    Quantized,
    Sink,
    Weights,
    batched,
    clamp_numbers,
    float_bounds,
    limits,
    tflite_activation,
)
from netspec.ops import Add

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class AddKernel(Kernel[Add]):
    name = "add"

    def kernel_choice(self, op: Add, extension: Extension) -> KernelChoice:
        return KernelChoice(
            "netspec_add_s8", "both inputs are brought to one scale, added, and brought to the output's"
        )

    def in_place_inputs(self, op: Add) -> tuple[int, ...]:
        """Return both: each loop loads one or four elements of both, then stores as many sums.

        So do the loops of CMSIS-NN's arm_elementwise_add_s8: plain C, DSP and Helium, in 4.0 to main.
        """
        return (0, 1)

    def numbers(self, op: Add, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        from netspec.arithmetic import add_parameters

        one, two = inputs
        parameters = add_parameters(
            one.scale, one.zero_point, two.scale, two.zero_point, output.scale, output.zero_point
        )
        return Quantized(numbers=asdict(parameters) | clamp_numbers(op.activation, output))

    def evaluate(self, op: Add, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        from netspec.reference import add_float

        one, two = (batched(each, op.shape) for each in inputs)
        return add_float(one, two, activation=float_bounds(op.activation, op.max_value))

    def reference(self, op: Add, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        from netspec.arithmetic import AddParameters
        from netspec.reference import add

        numbers = dict(q.numbers)
        clamp = (numbers.pop("activation_min"), numbers.pop("activation_max"))
        one, two = (batched(each, op.shape) for each in inputs)
        return add(one, two, AddParameters(**numbers), activation=clamp)

    def tflite(self, op: Add, q: Quantized, sink: Sink) -> None:
        shape = (1, *op.shape)
        reads = [sink.read(0, shape), sink.read(1, shape)]
        sink.operator("ADD", reads, [sink.write(shape)], activation=tflite_activation(op.activation))

    def call(self, op: Add, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {**q.numbers, "activation": limits(q), "size": prod(op.shape)}
