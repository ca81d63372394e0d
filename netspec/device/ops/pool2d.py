"""MAX_POOL_2D and AVERAGE_POOL_2D: arm_max_pool_s8, netspec_average_pool_s8. Input and output share their scale."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.ops.base import (
    Dims,
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
    named_dims,
    tflite_activation,
    tile,
)
from netspec.ops import NO_PADDING, Pool2D, hwc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Pool2DKernel(Kernel[Pool2D]):
    name = "pool2d"

    def kernel_choice(self, op: Pool2D, extension: Extension) -> KernelChoice:
        if op.kind == "max":
            return KernelChoice("arm_max_pool_s8", "the largest integer is the largest value: the scale stays")
        return KernelChoice(
            "netspec_average_pool_s8", "sums of integers, divided by their number: the scale stays; without scratch"
        )

    def shapes(self, op: Pool2D, extension: Extension) -> Mapping[str, Dims]:
        return {
            "input_dims": (1, *hwc(op.input_shape)),
            "filter_dims": (1, *op.pool_size, 1),
            "output_dims": (1, *hwc(op.output_shape)),
        }

    def takes_context(self, op: Pool2D, extension: Extension) -> bool:
        return op.kind == "max"

    def numbers(self, op: Pool2D, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        assert inputs[0] == output, "a pool keeps its input's scale"
        return Quantized(numbers=clamp_numbers(op.activation, output))

    def _window(self, op: Pool2D) -> dict[str, Any]:
        return {"pool_size": op.pool_size, "strides": op.strides, "padding": op.padding}

    def evaluate(self, op: Pool2D, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        from netspec.reference import average_pool2d_float, max_pool2d_float

        pool = max_pool2d_float if op.kind == "max" else average_pool2d_float
        image = batched(inputs[0], hwc(op.input_shape))
        result = pool(image, **self._window(op)).clip(*float_bounds(op.activation))
        return batched(result, op.output_shape)

    def reference(self, op: Pool2D, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        from netspec.reference import average_pool2d, max_pool2d

        pool = max_pool2d if op.kind == "max" else average_pool2d
        clamp = (q.numbers["activation_min"], q.numbers["activation_max"])
        result = pool(batched(inputs[0], hwc(op.input_shape)), **self._window(op), activation=clamp)
        return batched(result, op.output_shape)

    def tflite(self, op: Pool2D, q: Quantized, sink: Sink) -> None:
        source = sink.read(0, (1, *hwc(op.input_shape)))
        target = sink.write((1, *hwc(op.output_shape)))
        sink.operator(
            f"{op.kind.upper()}_POOL_2D",
            [source],
            [target],
            padding="VALID" if op.padding == NO_PADDING else "SAME",
            stride_h=op.strides[0],
            stride_w=op.strides[1],
            filter_h=op.pool_size[0],
            filter_w=op.pool_size[1],
            activation=tflite_activation(op.activation),
        )

    def call(self, op: Pool2D, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {
            "kind": op.kind,
            "function": self.kernel_choice(op, extension).function,
            "stride": tile(op.strides),
            "padding": tile((op.padding.top, op.padding.left)),
            "activation": limits(q),
            **named_dims(self.shapes(op, extension)),
        }
