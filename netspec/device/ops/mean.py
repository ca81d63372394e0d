"""MEAN over height and width: netspec_mean_s8. Unlike an average pool it rescales to its output's range."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.ops.base import Dims, Integers, Kernel, Quant, Quantized, Sink, Weights, batched, named_dims
from netspec.ops import Mean, hwc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MeanKernel(Kernel[Mean]):
    name = "mean"

    def kernel_choice(self, op: Mean, extension: Extension) -> KernelChoice:
        return KernelChoice(
            "netspec_mean_s8",
            "CMSIS-NN has no mean over an image that changes the scale, as TensorFlow Lite's MEAN does",
        )

    def shapes(self, op: Mean, extension: Extension) -> Mapping[str, Dims]:
        return {"input_dims": (1, *hwc(op.input_shape))}

    def numbers(self, op: Mean, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        from netspec.arithmetic import INT32_MAX, mean_parameters

        height, width, _ = hwc(op.input_shape)
        multiplier, shift = mean_parameters(inputs[0].scale, output.scale, height * width)
        reach = height * width * max(127 - inputs[0].zero_point, inputs[0].zero_point + 128)
        if reach * 2 ** max(shift, 0) > INT32_MAX:
            raise ValueError("its output's range is too small for its input's: a sum would leave int32")
        return Quantized(
            numbers={
                "input_zero_point": inputs[0].zero_point,
                "output_zero_point": output.zero_point,
                "multiplier": multiplier,
                "shift": shift,
            }
        )

    def evaluate(self, op: Mean, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        from netspec.reference import mean_hw_float

        return batched(mean_hw_float(batched(inputs[0], hwc(op.input_shape))), op.output_shape)

    def reference(self, op: Mean, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        from netspec.reference import mean_hw

        result = mean_hw(
            batched(inputs[0], hwc(op.input_shape)),
            input_zero_point=q.numbers["input_zero_point"],
            output_zero_point=q.numbers["output_zero_point"],
            multiplier=q.numbers["multiplier"],
            shift=q.numbers["shift"],
        )
        return batched(result, op.output_shape)

    def tflite(self, op: Mean, q: Quantized, sink: Sink) -> None:
        import numpy as np

        source = sink.read(0, (1, *hwc(op.input_shape)))
        axes = sink.constant("axes", np.array([1, 2], np.int32))
        sink.operator("MEAN", [source, axes], [sink.write((1, op.output_shape[-1]))], keep_dims=False)

    def call(self, op: Mean, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {
            **named_dims(self.shapes(op, extension)),
            "input_offset": -q.numbers["input_zero_point"],
            "multiplier": q.numbers["multiplier"],
            "shift": q.numbers["shift"],
            "output_offset": q.numbers["output_zero_point"],
        }
