"""FULLY_CONNECTED: netspec_dense_s8, one weight scale in all. Weight layout on the device: (units, inputs)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.ops._convolution import tflite_bias
from netspec.device.ops.base import (
    Constant,
    Integers,
    Kernel,
    Layout,
    Quant,
    Quantized,
    Sink,
    StoredWeights,
    Weights,
    clamp_numbers,
    float_bounds,
    limits,
    tflite_activation,
)
from netspec.ops import Dense

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class DenseKernel(Kernel[Dense]):
    name = "dense"

    def layout(self, op: Dense) -> tuple[Layout, ...]:
        inputs, units = op.kernel.shape
        index = "device[o][i] = keras[i][o]"
        return (Layout("kernel", op.kernel.weight, op.kernel.shape, (units, inputs), index, "one scale in all"),)

    def kernel_choice(self, op: Dense, extension: Extension) -> KernelChoice:
        rows = prod(op.input_shape[:-1])
        times = "one row of the kernel" if rows == 1 else f"for each of {rows:,} rows a row of the kernel"
        reason = f"{times} times the input for each unit, on top of sums made at build time"
        return KernelChoice("netspec_dense_s8", reason)

    def constants(self, op: Dense, extension: Extension) -> tuple[Constant, ...]:
        return (
            Constant("kernel", "int8_t", prod(op.kernel.shape)),
            Constant("kernel_sum", "int32_t", op.output_shape[-1]),
        )

    def _float(self, op: Dense, weights: Weights) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return the kernel as (units, inputs) and the bias, affine ops folded in."""
        from netspec.device.ops._weights import folded

        kernel, bias = folded(weights(op.kernel), op.bias, op.affine, weights)
        return kernel.T, bias

    def integers(self, op: Dense, weights: Weights, inputs: Sequence[Quant], output: Quant) -> Integers:
        """Return integers with one scale in all."""
        import numpy as np

        from netspec.device.ops._weights import symmetric

        kernel, bias = self._float(op, weights)
        return symmetric(np.ascontiguousarray(kernel), bias, inputs[0], output, per_row=False)

    def stored_integers(self, op: Dense, stored: StoredWeights, inputs: Sequence[Quant]) -> Integers:
        from netspec.device.ops._weights import stored_integers

        return stored_integers(stored(op.kernel).T, op.kernel, op.bias, stored, inputs[0])

    def numbers(self, op: Dense, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        """Return the numbers of a layer with one weight scale.

        `kernel_sum` is each unit's sum of weights times the input offset, plus its bias: what the kernel begins with,
        so that it multiplies the input as it is.
        """
        import numpy as np

        from netspec.arithmetic import dense_multiplier
        from netspec.device.ops._weights import require_accumulators

        assert integers is not None
        assert len(integers.scales) == 1, "the kernel takes one weight scale in all"
        multiplier, shift = dense_multiplier(inputs[0].scale, integers.scales[0], output.scale)
        require_accumulators(integers, inputs[0], (shift,))
        sums = integers.rows.astype(np.int64).sum(axis=1) * -inputs[0].zero_point
        arrays: dict[str, NDArray[Any]] = {"kernel": integers.rows}
        if integers.bias is not None:
            arrays["bias"] = integers.bias
            sums = sums + integers.bias
        arrays["kernel_sum"] = sums.astype(np.int32)
        numbers = {
            "input_zero_point": inputs[0].zero_point,
            "output_zero_point": output.zero_point,
            "multiplier": multiplier,
            "shift": shift,
        }
        clamp = clamp_numbers(op.activation, output)
        return Quantized(arrays, numbers | clamp, integers.scales, integers.bias_scales)

    def evaluate(self, op: Dense, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        from netspec.reference import dense_float

        kernel, bias = self._float(op, weights)
        rows = inputs[0].reshape((-1, op.input_shape[-1]))
        result = dense_float(rows, kernel, bias, activation=float_bounds(op.activation, op.max_value))
        return result.reshape((len(inputs[0]), *op.output_shape))

    def reference(self, op: Dense, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        from netspec.reference import dense

        result = dense(
            inputs[0].reshape((-1, op.input_shape[-1])),
            q.arrays["kernel"],
            q.arrays.get("bias"),
            input_zero_point=q.numbers["input_zero_point"],
            output_zero_point=q.numbers["output_zero_point"],
            multiplier=q.numbers["multiplier"],
            shift=q.numbers["shift"],
            activation=(q.numbers["activation_min"], q.numbers["activation_max"]),
        )
        return result.reshape((len(inputs[0]), *op.output_shape))

    def tflite(self, op: Dense, q: Quantized, sink: Sink) -> None:
        rows = prod(op.input_shape[:-1])
        reads = [
            sink.read(0, (rows, op.input_shape[-1])),
            sink.constant("kernel", q.arrays["kernel"], q.scales),
        ]
        reads.append(tflite_bias(q, op.output_shape[-1], sink))
        target = sink.write((rows, op.output_shape[-1]))
        sink.operator("FULLY_CONNECTED", reads, [target], activation=tflite_activation(op.activation))

    def call(self, op: Dense, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        units, inputs = q.arrays["kernel"].shape
        return {
            "rows": prod(op.input_shape[:-1]),
            "inputs": inputs,
            "outputs": units,
            "multiplier": q.numbers["multiplier"],
            "shift": q.numbers["shift"],
            "output_offset": q.numbers["output_zero_point"],
            "activation": limits(q),
        }
