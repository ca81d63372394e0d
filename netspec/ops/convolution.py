"""What the convolutions of images share: one scale an output channel, window, padding, and their three forms."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from netspec.ops.base import Op
from netspec.ops.numbers import (
    Integers,
    Quant,
    Quantized,
    StoredWeights,
    Weights,
    batched,
    clamp_numbers,
    float_bounds,
)
from netspec.ops.sink import Sink, tflite_activation, tflite_bias
from netspec.ops.traits import Weighted, changed
from netspec.ops.words import NO_PADDING, Padding, Param, Shape, hwc, same_padding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Convolution(Weighted):
    """A convolution in height and width; `stem` is also that of its functions in `netspec.reference`."""

    __slots__ = ()

    tflite_kind: ClassVar[str]
    channel_axis: ClassVar[int]
    """Axis of TensorFlow Lite's kernel that holds the output channels."""
    input_shape: Shape
    output_shape: Shape
    kernel: Param | None
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.output_shape,)

    def input_reads(self) -> float:
        return prod(self.kernel_size) / prod(self.strides)

    def weight_reads(self) -> int:
        return prod(self.output_shape[:-1])

    def weights_key(self) -> Hashable:
        return (self.stem, self.kernel, self.bias, self.affine, self.kernel_size, self.output_shape[-1])

    def zeros_before(self) -> Padding:
        return self.padding

    def with_zeros_before(self, zeros: Padding, input_shape: Shape) -> Op:
        return changed(self, padding=zeros, input_shape=input_shape)

    def kernel_shape(self) -> Shape:
        """Return the kernel's shape with the output channels last."""
        raise NotImplementedError

    def kernel_array(self, weights: Weights | StoredWeights) -> NDArray[Any]:
        """Return the kernel, floats or integers, in that shape."""
        raise NotImplementedError

    def tflite_options(self) -> dict[str, Any]:
        """Return the options of the operator that only this kind of convolution has."""
        return {}

    def float_weights(self, weights: Weights) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return float kernel (device layout) and bias, affine ops folded in."""
        import numpy as np

        from netspec.ops.weights import folded

        kernel, bias = folded(self.kernel_array(weights), self.bias, self.affine, weights)
        return np.moveaxis(kernel, -1, self.channel_axis), bias

    def integers(self, weights: Weights, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Integers:
        import numpy as np

        from netspec.ops.weights import symmetric

        kernel, bias = self.float_weights(weights)
        by_channel = np.moveaxis(kernel, self.channel_axis, 0)
        return symmetric(by_channel.reshape(len(by_channel), -1), bias, inputs[0], outputs[0], per_row=True)

    def stored_integers(self, stored: StoredWeights, inputs: Sequence[Quant]) -> Integers:
        import numpy as np

        from netspec.ops.weights import stored_integers

        assert self.kernel is not None, "what is stored has a kernel"
        kernel = self.kernel_array(stored)
        rows = np.moveaxis(kernel, -1, 0).reshape(kernel.shape[-1], -1)
        found = stored_integers(rows, self.kernel, self.bias, stored, inputs[0])
        every = len(rows) if len(found.scales) == 1 else 1  # one scale in all is the same scale for each
        return replace(found, scales=found.scales * every, bias_scales=found.bias_scales * every)

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        import numpy as np

        from netspec.arithmetic import conv_multipliers
        from netspec.ops.weights import require_accumulators

        assert integers is not None
        multipliers, shifts = conv_multipliers(inputs[0].scale, integers.scales, outputs[0].scale)
        require_accumulators(integers, inputs[0], shifts)
        *tap, channels = self.kernel_shape()
        device_layout = np.moveaxis(integers.rows.reshape((channels, *tap)), 0, self.channel_axis)
        arrays: dict[str, NDArray[Any]] = {"kernel": np.ascontiguousarray(device_layout)}
        sums = integers.rows.astype(np.int64).sum(axis=1) * -inputs[0].zero_point
        if integers.bias is not None:
            arrays["bias"] = integers.bias
            sums = sums + integers.bias
        arrays["kernel_sum"] = sums.astype(np.int32)
        arrays["multiplier"] = np.array(multipliers, np.int32)
        arrays["shift"] = np.array(shifts, np.int32)
        scalars = {"input_zero_point": inputs[0].zero_point, "output_zero_point": outputs[0].zero_point}
        scalars |= clamp_numbers(self.activation, outputs[0])
        return Quantized(arrays, scalars, integers.scales, integers.bias_scales)

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec import reference

        kernel, bias = self.float_weights(weights)
        result: NDArray[Any] = getattr(reference, f"{self.stem}_float")(
            batched(inputs[0], hwc(self.input_shape)),
            kernel,
            bias,
            strides=self.strides,
            dilation=self.dilation,
            padding=self.padding,
            activation=float_bounds(self.activation, self.max_value),
        )
        return (batched(result, self.output_shape),)

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec import reference

        result: NDArray[np.int8] = getattr(reference, self.stem)(
            batched(inputs[0], hwc(self.input_shape)),
            q.arrays["kernel"],
            q.arrays.get("bias"),
            input_zero_point=q.numbers["input_zero_point"],
            output_zero_point=q.numbers["output_zero_point"],
            multipliers=q.arrays["multiplier"].tolist(),
            shifts=q.arrays["shift"].tolist(),
            strides=self.strides,
            dilation=self.dilation,
            padding=self.padding,
            activation=(q.numbers["activation_min"], q.numbers["activation_max"]),
        )
        return (batched(result, self.output_shape),)

    def tflite(self, q: Quantized, sink: Sink) -> None:
        """Append the convolution; padding that is neither `same` nor `valid` becomes a PAD before it."""
        import numpy as np

        image = (1, *hwc(self.input_shape))
        source = sink.read(0, image)
        padding = _padding_name(self)
        if padding is None:
            before, padding = source, "VALID"
            top, bottom, left, right = self.padding
            source = sink.intermediate(
                "padded", (1, image[1] + top + bottom, image[2] + left + right, image[3]), before
            )
            amounts = sink.constant("padding", np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32))
            sink.operator("PAD", [before, amounts], [source])
        reads = [source, sink.constant("kernel", q.arrays["kernel"], q.scales, self.channel_axis)]
        reads.append(tflite_bias(q, self.output_shape[-1], sink))
        target = sink.write((1, *hwc(self.output_shape)))
        options: dict[str, Any] = {
            "padding": padding,
            "stride_h": self.strides[0],
            "stride_w": self.strides[1],
            "dilation_h": self.dilation[0],
            "dilation_w": self.dilation[1],
            "activation": tflite_activation(self.activation),
        }
        sink.operator(self.tflite_kind, reads, [target], **options, **self.tflite_options())


def _padding_name(op: Convolution) -> str | None:
    if op.padding == NO_PADDING:
        return "VALID"
    height, width, _ = hwc(op.input_shape)
    sides = [
        same_padding(length, kernel, stride, dilation)
        for length, kernel, stride, dilation in zip(
            (height, width), op.kernel_size, op.strides, op.dilation, strict=True
        )
    ]
    return "SAME" if op.padding == Padding(*sides[0], *sides[1]) else None
