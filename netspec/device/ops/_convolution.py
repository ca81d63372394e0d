"""What the two convolutions share: constants, quantization per output channel, window and padding in both files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from netspec.device.cmsis_nn import (
    CHANNEL_BLOCK_MVE,
    CONVOLVE,
    DEPTHWISE,
    SIDE_BY_SIDE,
    Extension,
    Window,
    scratch_bytes,
)
from netspec.device.ops.base import (
    Constant,
    Dims,
    Integers,
    Kernel,
    Quant,
    Quantized,
    Sink,
    StoredWeights,
    Weights,
    batched,
    clamp_numbers,
    dims,
    float_bounds,
    limits,
    named_dims,
    tflite_activation,
    tile,
)
from netspec.layers._window import same_padding
from netspec.ops import NO_PADDING, Conv2D, Dense, DepthwiseConv2D, Padding, Shape, hwc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ConvT = TypeVar("ConvT", Conv2D, DepthwiseConv2D)


def has_bias(op: Conv2D | DepthwiseConv2D | Dense) -> bool:
    """Return whether an op with weights adds a bias on the device: its own, or one that folding brings.

    A wide depthwise convolution always does, if of zeros: CMSIS-NN's Helium kernel steps through the bias a block of
    channels at a time, also where there is none.
    """
    wide = isinstance(op, DepthwiseConv2D) and op.output_shape[-1] > CHANNEL_BLOCK_MVE
    return op.bias is not None or bool(op.affine) or wide


class ConvolutionKernel(Kernel[ConvT]):
    """A convolution with one scale an output channel; `name` is that of its function in `netspec.reference`."""

    tflite_kind: ClassVar[str]
    channel_axis: ClassVar[int]
    """Axis of the device's kernel that holds the output channels."""

    @abstractmethod
    def kernel_shape(self, op: ConvT) -> Shape:
        """Return the kernel's shape with the output channels last."""

    @abstractmethod
    def kernel_array(self, op: ConvT, weights: Weights | StoredWeights) -> NDArray[Any]:
        """Return the kernel, floats or integers, in that shape."""

    def constants(self, op: ConvT, extension: Extension) -> tuple[Constant, ...]:
        channels = op.output_shape[-1]
        biases: tuple[Constant, ...] = (Constant("bias", "int32_t", channels),) if has_bias(op) else ()
        return (
            Constant("kernel", "int8_t", prod(self.kernel_shape(op))),
            *biases,
            Constant("multiplier", "int32_t", channels),
            Constant("shift", "int32_t", channels),
        )

    def float_weights(self, op: ConvT, weights: Weights) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return float kernel (device layout) and bias, affine ops folded in."""
        import numpy as np

        from netspec.device.ops._weights import folded

        kernel, bias = folded(self.kernel_array(op, weights), op.bias, op.affine, weights)
        if bias is None and has_bias(op):
            bias = np.zeros(kernel.shape[-1])
        return np.moveaxis(kernel, -1, self.channel_axis), bias

    def integers(self, op: ConvT, weights: Weights, inputs: Sequence[Quant], output: Quant) -> Integers:
        import numpy as np

        from netspec.device.ops._weights import symmetric

        kernel, bias = self.float_weights(op, weights)
        by_channel = np.moveaxis(kernel, self.channel_axis, 0)
        return symmetric(by_channel.reshape(len(by_channel), -1), bias, inputs[0], output, per_row=True)

    def stored_integers(self, op: ConvT, stored: StoredWeights, inputs: Sequence[Quant]) -> Integers:
        import numpy as np

        from netspec.device.ops._weights import stored_integers

        assert op.kernel is not None, "what is stored has a kernel"
        kernel = self.kernel_array(op, stored)
        rows = np.moveaxis(kernel, -1, 0).reshape(kernel.shape[-1], -1)
        found = stored_integers(rows, op.kernel, op.bias, stored, inputs[0])
        outputs = len(rows)
        bias = np.zeros(outputs, np.int32) if found.bias is None and has_bias(op) else found.bias
        every = outputs if len(found.scales) == 1 else 1  # one scale in all is the same scale for each
        return replace(found, bias=bias, scales=found.scales * every, bias_scales=found.bias_scales * every)

    def numbers(self, op: ConvT, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        import numpy as np

        from netspec.arithmetic import conv_multipliers
        from netspec.device.ops._weights import require_accumulators

        assert integers is not None
        multipliers, shifts = conv_multipliers(inputs[0].scale, integers.scales, output.scale)
        require_accumulators(integers, inputs[0], shifts)
        *tap, channels = self.kernel_shape(op)
        device_layout = np.moveaxis(integers.rows.reshape((channels, *tap)), 0, self.channel_axis)
        arrays: dict[str, NDArray[Any]] = {"kernel": np.ascontiguousarray(device_layout)}
        sums = integers.rows.astype(np.int64).sum(axis=1) * -inputs[0].zero_point
        if integers.bias is not None:
            arrays["bias"] = integers.bias
            sums = sums + integers.bias
        arrays["kernel_sum"] = sums.astype(np.int32)
        arrays["multiplier"] = np.array(multipliers, np.int32)
        arrays["shift"] = np.array(shifts, np.int32)
        scalars = {"input_zero_point": inputs[0].zero_point, "output_zero_point": output.zero_point}
        scalars |= clamp_numbers(op.activation, output)
        return Quantized(arrays, scalars, integers.scales, integers.bias_scales)

    def evaluate(self, op: ConvT, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        from netspec import reference

        kernel, bias = self.float_weights(op, weights)
        result: NDArray[Any] = getattr(reference, f"{self.name}_float")(
            batched(inputs[0], hwc(op.input_shape)),
            kernel,
            bias,
            strides=op.strides,
            dilation=op.dilation,
            padding=op.padding,
            activation=float_bounds(op.activation, op.max_value),
        )
        return batched(result, op.output_shape)

    def reference(self, op: ConvT, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        from netspec import reference

        result: NDArray[np.int8] = getattr(reference, self.name)(
            batched(inputs[0], hwc(op.input_shape)),
            q.arrays["kernel"],
            q.arrays.get("bias"),
            input_zero_point=q.numbers["input_zero_point"],
            output_zero_point=q.numbers["output_zero_point"],
            multipliers=q.arrays["multiplier"].tolist(),
            shifts=q.arrays["shift"].tolist(),
            strides=op.strides,
            dilation=op.dilation,
            padding=op.padding,
            activation=(q.numbers["activation_min"], q.numbers["activation_max"]),
        )
        return batched(result, op.output_shape)

    def tflite(self, op: ConvT, q: Quantized, sink: Sink) -> None:
        """Append the convolution; padding that is neither `same` nor `valid` becomes a PAD before it."""
        import numpy as np

        image = (1, *hwc(op.input_shape))
        source = sink.read(0, image)
        padding = _padding_name(op)
        if padding is None:
            before, padding = source, "VALID"
            top, bottom, left, right = op.padding
            source = sink.intermediate(
                "padded", (1, image[1] + top + bottom, image[2] + left + right, image[3]), before
            )
            amounts = sink.constant("padding", np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32))
            sink.operator("PAD", [before, amounts], [source])
        reads = [source, sink.constant("kernel", q.arrays["kernel"], q.scales, self.channel_axis)]
        reads.append(tflite_bias(q, op.output_shape[-1], sink))
        target = sink.write((1, *hwc(op.output_shape)))
        options: dict[str, Any] = {
            "padding": padding,
            "stride_h": op.strides[0],
            "stride_w": op.strides[1],
            "dilation_h": op.dilation[0],
            "dilation_w": op.dilation[1],
            "activation": tflite_activation(op.activation),
        }
        if isinstance(op, DepthwiseConv2D):
            options["depth_multiplier"] = op.depth_multiplier
        sink.operator(self.tflite_kind, reads, [target], **options)


def cmsis_shapes(op: Conv2D | DepthwiseConv2D, filter_dims: Dims) -> dict[str, Dims]:
    """Return the shapes that calls of CMSIS-NN's convolutions point to."""
    window = window_of(op)
    return {"input_dims": (1, *window.input_hwc), "filter_dims": filter_dims, "output_dims": (1, *window.output_hwc)}


def cmsis_call(op: Conv2D | DepthwiseConv2D, q: Quantized, function: str, shapes: Mapping[str, Dims]) -> dict[str, Any]:
    """Return what the calls of CMSIS-NN's convolutions share: the function, its parameters and the shapes."""
    window = window_of(op)
    return {
        "function": function,
        "role": "kernel",
        "upscales": False,
        "input_offset": -q.numbers["input_zero_point"],
        "output_offset": q.numbers["output_zero_point"],
        "stride": tile(window.strides),
        "padding": tile(window.padding),
        "dilation": tile(window.dilation),
        "activation": limits(q),
        **named_dims(shapes),
    }


def own_constants(constants: tuple[Constant, ...]) -> tuple[Constant, ...]:
    """Return what our own kernels read: in place of the bias the sums that they begin with."""
    kernel, *_, multiplier, shift = constants
    return (kernel, Constant("kernel_sum", "int32_t", multiplier.count), multiplier, shift)


def own_scratch(op: Conv2D | DepthwiseConv2D, extension: Extension) -> int:
    """Return room for as many windows as netspec_convolve_s8 takes at a time on a core."""
    return scratch_bytes(CONVOLVE, extension, window_of(op))


def own_call(op: Conv2D | DepthwiseConv2D, q: Quantized, extension: Extension, role: str) -> dict[str, Any]:
    """Return the call of netspec_convolve_s8; `role` is the constant that holds the filters.

    `room` is for how many windows there is scratch, or none is needed.
    """
    window = window_of(op)
    filters = dims(window.output_hwc[2], *window.kernel_hw, window.input_hwc[2])
    room = max(SIDE_BY_SIDE.values()) if window.in_one_piece else SIDE_BY_SIDE[extension]
    return {**_own_convolution(window, q, filters), "function": CONVOLVE, "role": role, "room": room}


def own_depthwise_call(op: DepthwiseConv2D, q: Quantized) -> dict[str, Any]:
    """Return the call of netspec_depthwise_conv_s8, of as many filters for each channel as its multiplier is."""
    window = window_of(op)
    filters = dims(op.depth_multiplier, *window.kernel_hw, 1)
    return {**_own_convolution(window, q, filters), "function": DEPTHWISE, "role": "kernel"}


def _own_convolution(window: Window, q: Quantized, filters: Mapping[str, int]) -> dict[str, Any]:
    """Return the numbers of a `netspec_convolution`."""
    return {
        "input": dims(1, *window.input_hwc),
        "filter": filters,
        "output": dims(1, *window.output_hwc),
        "stride": tile(window.strides),
        "padding": tile(window.padding),
        "dilation": tile(window.dilation),
        "input_zero": q.numbers["input_zero_point"],
        "output_offset": q.numbers["output_zero_point"],
        "activation": limits(q),
    }


def window_of(op: Conv2D | DepthwiseConv2D) -> Window:
    """Return a convolution's geometry as its kernel is told it."""
    return _window(op.input_shape, op.kernel_size, op.output_shape, op.strides, op.dilation, op.padding)


@lru_cache(maxsize=1024)  # every question about a node needs it, and layers repeat
def _window(
    inputs: Shape,
    kernel: tuple[int, int],
    outputs: Shape,
    strides: tuple[int, int],
    dilation: tuple[int, int],
    padding: Padding,
) -> Window:
    return Window(hwc(inputs), kernel, hwc(outputs), strides, dilation, (padding.top, padding.left))


def tflite_bias(q: Quantized, outputs: int, sink: Sink) -> int:
    """Return the bias of a .tflite operator; zeros where there is none, for LiteRT's XNNPACK crashes without one."""
    import numpy as np

    return sink.constant("bias", q.arrays.get("bias", np.zeros(outputs, np.int32)), q.bias_scales)


def _padding_name(op: Conv2D | DepthwiseConv2D) -> str | None:
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
