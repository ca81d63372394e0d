"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from netspec.ops.base import Affine
from netspec.ops.numbers import Integers, Quant, Quantized, StoredWeights, Weights, clamp_numbers, float_bounds
from netspec.ops.sink import Sink, tflite_activation, tflite_bias
from netspec.ops.traits import Weighted
from netspec.ops.words import ActivationKind, Param, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Dense(Weighted):
    """Fully connected over the last axis; `kernel` in Keras' layout (inputs, units). Leading axes are rows."""

    stem: ClassVar[str] = "dense"
    input_shape: Shape
    output_shape: Shape
    kernel: Param
    bias: Param | None
    activation: ActivationKind = "none"
    max_value: float | None = None
    affine: tuple[Affine, ...] = ()

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def weights_key(self) -> Hashable:
        return (self.stem, self.kernel, self.bias, self.affine)

    def macs(self) -> int:
        return prod(self.input_shape) * self.output_shape[-1]

    def float_weights(self, weights: Weights) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return the kernel as (units, inputs) and the bias, affine ops folded in."""
        from netspec.ops.weights import folded

        kernel, bias = folded(weights(self.kernel), self.bias, self.affine, weights)
        return kernel.T, bias

    def integers(self, weights: Weights, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Integers:
        """Return integers with one scale in all."""
        import numpy as np

        from netspec.ops.weights import symmetric

        kernel, bias = self.float_weights(weights)
        return symmetric(np.ascontiguousarray(kernel), bias, inputs[0], outputs[0], per_row=False)

    def stored_integers(self, stored: StoredWeights, inputs: Sequence[Quant]) -> Integers:
        from netspec.ops.weights import stored_integers

        return stored_integers(stored(self.kernel).T, self.kernel, self.bias, stored, inputs[0])

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        """Return the numbers of a layer with one weight scale.

        `kernel_sum` is each unit's sum of weights times the input offset, plus its bias: what the kernel begins with,
        so that it multiplies the input as it is.
        """
        import numpy as np

        from netspec.arithmetic import dense_multiplier
        from netspec.ops.weights import require_accumulators

        assert integers is not None
        assert len(integers.scales) == 1, "the kernel takes one weight scale in all"
        multiplier, shift = dense_multiplier(inputs[0].scale, integers.scales[0], outputs[0].scale)
        require_accumulators(integers, inputs[0], (shift,))
        sums = integers.rows.astype(np.int64).sum(axis=1) * -inputs[0].zero_point
        arrays: dict[str, NDArray[Any]] = {"kernel": integers.rows}
        if integers.bias is not None:
            arrays["bias"] = integers.bias
            sums = sums + integers.bias
        arrays["kernel_sum"] = sums.astype(np.int32)
        numbers = {
            "input_zero_point": inputs[0].zero_point,
            "output_zero_point": outputs[0].zero_point,
            "multiplier": multiplier,
            "shift": shift,
        }
        clamp = clamp_numbers(self.activation, outputs[0])
        return Quantized(arrays, numbers | clamp, integers.scales, integers.bias_scales)

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import dense_float

        kernel, bias = self.float_weights(weights)
        rows = inputs[0].reshape((-1, self.input_shape[-1]))
        result = dense_float(rows, kernel, bias, activation=float_bounds(self.activation, self.max_value))
        return (result.reshape((len(inputs[0]), *self.output_shape)),)

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import dense

        result = dense(
            inputs[0].reshape((-1, self.input_shape[-1])),
            q.arrays["kernel"],
            q.arrays.get("bias"),
            input_zero_point=q.numbers["input_zero_point"],
            output_zero_point=q.numbers["output_zero_point"],
            multiplier=q.numbers["multiplier"],
            shift=q.numbers["shift"],
            activation=(q.numbers["activation_min"], q.numbers["activation_max"]),
        )
        return (result.reshape((len(inputs[0]), *self.output_shape)),)

    def tflite(self, q: Quantized, sink: Sink) -> None:
        rows = prod(self.input_shape[:-1])
        reads = [
            sink.read(0, (rows, self.input_shape[-1])),
            sink.constant("kernel", q.arrays["kernel"], q.scales),
        ]
        reads.append(tflite_bias(q, self.output_shape[-1], sink))
        target = sink.write((rows, self.output_shape[-1]))
        sink.operator("FULLY_CONNECTED", reads, [target], activation=tflite_activation(self.activation))
