"""PAD: arm_pad_s8. The padding's value is the zero point; input and output share their scale."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.ops.base import Dims, Integers, Kernel, Quant, Quantized, Sink, Weights, batched, named_dims
from netspec.ops import Pad, hwc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PadKernel(Kernel[Pad]):
    name = "pad"

    def kernel_choice(self, op: Pad, extension: Extension) -> KernelChoice:
        return KernelChoice("arm_pad_s8", "rows are copied, and the zero point, which stands for 0, around them")

    def shapes(self, op: Pad, extension: Extension) -> Mapping[str, Dims]:
        top, bottom, left, right = op.padding
        return {
            "input_dims": (1, *hwc(op.input_shape)),
            "before_dims": (0, top, left, 0),
            "after_dims": (0, bottom, right, 0),
        }

    def numbers(self, op: Pad, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        assert inputs[0] == output, "padding keeps its input's scale"
        return Quantized(numbers={"pad_value": output.zero_point})

    def _amounts(self, op: Pad) -> tuple[tuple[int, int], ...]:
        top, bottom, left, right = op.padding
        return ((0, 0), (top, bottom), (left, right), (0, 0))

    def evaluate(self, op: Pad, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        import numpy as np

        return batched(np.pad(batched(inputs[0], hwc(op.input_shape)), self._amounts(op)), op.output_shape)

    def reference(self, op: Pad, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        from netspec.reference import pad

        image = batched(inputs[0], hwc(op.input_shape))
        return batched(pad(image, self._amounts(op), q.numbers["pad_value"]), op.output_shape)

    def tflite(self, op: Pad, q: Quantized, sink: Sink) -> None:
        import numpy as np

        source = sink.read(0, (1, *hwc(op.input_shape)))
        amounts = sink.constant("padding", np.array(self._amounts(op), np.int32))
        sink.operator("PAD", [source, amounts], [sink.write((1, *hwc(op.output_shape)))])

    def call(self, op: Pad, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {
            "value": q.numbers["pad_value"],
            **named_dims(self.shapes(op, extension)),
        }
