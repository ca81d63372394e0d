"""Global average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from netspec.ops.base import Op
from netspec.ops.numbers import Integers, Quant, Quantized, Weights, batched
from netspec.ops.sink import Sink
from netspec.ops.words import Shape, hwc

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Mean(Op):
    """Mean over height and width."""

    stem: ClassVar[str] = "mean"
    input_shape: Shape
    output_shape: Shape

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        from netspec.arithmetic import INT32_MAX, mean_parameters

        height, width, _ = hwc(self.input_shape)
        multiplier, shift = mean_parameters(inputs[0].scale, outputs[0].scale, height * width)
        reach = height * width * max(127 - inputs[0].zero_point, inputs[0].zero_point + 128)
        if reach * 2 ** max(shift, 0) > INT32_MAX:
            raise ValueError("its output's range is too small for its input's: a sum would leave int32")
        return Quantized(
            numbers={
                "input_zero_point": inputs[0].zero_point,
                "output_zero_point": outputs[0].zero_point,
                "multiplier": multiplier,
                "shift": shift,
            }
        )

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import mean_hw_float

        return (batched(mean_hw_float(batched(inputs[0], hwc(self.input_shape))), self.output_shape),)

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import mean_hw

        result = mean_hw(
            batched(inputs[0], hwc(self.input_shape)),
            input_zero_point=q.numbers["input_zero_point"],
            output_zero_point=q.numbers["output_zero_point"],
            multiplier=q.numbers["multiplier"],
            shift=q.numbers["shift"],
        )
        return (batched(result, self.output_shape),)

    def tflite(self, q: Quantized, sink: Sink) -> None:
        import numpy as np

        source = sink.read(0, (1, *hwc(self.input_shape)))
        axes = sink.constant("axes", np.array([1, 2], np.int32))
        sink.operator("MEAN", [source, axes], [sink.write((1, self.output_shape[-1]))], keep_dims=False)
