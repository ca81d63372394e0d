"""CONCATENATION: arm_concatenation_s8_x, one call an input. All inputs and the output share their scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netspec.device.ops.base import Kernel, Quant, Quantized, Sink, Weights, batched
from netspec.ops import Concatenate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ConcatenateKernel(Kernel[Concatenate]):
    name = "concatenate"
    functions = ("arm_concatenation_s8_x",)

    def quantize(
        self, op: Concatenate, weights: Weights, inputs: Sequence[Quant], output: Quant
    ) -> Quantized:
        assert all(given == output for given in inputs), "a concatenation's inputs share its scale"
        return Quantized()

    def _join(self, op: Concatenate, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        import numpy as np

        parts = [batched(given, shape) for given, shape in zip(inputs, op.input_shapes, strict=True)]
        return np.concatenate(parts, axis=op.axis + 1)

    def evaluate(self, op: Concatenate, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return self._join(op, inputs)

    def reference(
        self, op: Concatenate, q: Quantized, inputs: Sequence[NDArray[np.int8]]
    ) -> NDArray[np.int8]:
        return self._join(op, inputs)

    def tflite(self, op: Concatenate, q: Quantized, sink: Sink) -> None:
        reads = [sink.read(position, (1, *shape)) for position, shape in enumerate(op.input_shapes)]
        sink.operator(
            "CONCATENATION", reads, [sink.write((1, *op.output_shape))], axis=op.axis + 1, activation="NONE"
        )
