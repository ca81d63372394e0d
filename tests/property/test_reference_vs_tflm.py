"""Every op of one-operator models, drawn at random: numpy reference == TensorFlow Lite Micro, tolerance 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from netspec import arithmetic as fp
from netspec import reference as ref
from netspec.tflite.interpreter import Interpreter
from netspec.tflite.writer import Operator, Tensor, write

pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 only")

Int8 = NDArray[np.int8]
Data = Literal["random", "saturating", "constant"]

zero_points = st.integers(-128, 127)
scales = st.floats(-12, 3).map(lambda exponent: fp.float32(2.0**exponent))
seeds = st.integers(0, 2**32 - 1)
datas = st.sampled_from(["random", "saturating", "constant"])
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
activations = st.sampled_from(["none", "relu", "relu6", "relu_n1_to_1"])
# Real multipliers of a requantization: from nothing left to saturation everywhere.
ratios = st.floats(-18, 1).map(lambda exponent: 2.0**exponent)


def draw_int8(rng: np.random.Generator, data: Data, shape: Sequence[int], least: int = -128) -> Int8:
    if data == "saturating":
        return rng.choice(np.array([least, 127], np.int8), shape)
    if data == "constant":
        return np.full(shape, rng.integers(least, 128), np.int8)
    return rng.integers(least, 128, shape, dtype=np.int8)


def constant(name: str, values: NDArray[Any], scales: Sequence[float] = (), dimension: int = 0) -> Tensor:
    dtype: Literal["int8", "int32"] = "int8" if values.dtype == np.int8 else "int32"
    zero = (0,) * len(scales)
    return Tensor(name, values.shape, dtype, tuple(scales), zero, dimension, values.tobytes())


def activation_tensor(name: str, shape: Sequence[int], scale: float, zero_point: int) -> Tensor:
    return Tensor(name, tuple(shape), "int8", (scale,), (zero_point,))


def run(tensors: list[Tensor], operators: list[Operator], inputs: Sequence[Int8]) -> Int8:
    """Return the last tensor of a model whose first tensors are its inputs."""
    last = len(tensors) - 1
    model = write(tensors, operators, tuple(range(len(inputs))), (last,), description="one operator")
    (output,) = Interpreter(model).run(inputs, [last])
    return output


def same_padding(image: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> Any:
    amounts = []
    for length, size, stride, spread in zip(image, kernel, strides, dilation, strict=True):
        total = max((-(-length // stride) - 1) * stride + (size - 1) * spread + 1 - length, 0)
        amounts += [total // 2, total - total // 2]
    return tuple(amounts)


class Window:
    """A drawn window: what the file says and the padding amounts that it stands for."""

    def __init__(self, draw: st.DrawFn, *, explicit: bool, dilated: bool) -> None:
        self.kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
        self.strides = draw(pairs)
        self.dilation = draw(pairs) if dilated else (1, 1)
        self.mode = draw(st.sampled_from(["SAME", "VALID", "explicit"] if explicit else ["SAME", "VALID"]))
        spans = [(size - 1) * spread + 1 for size, spread in zip(self.kernel, self.dilation, strict=True)]
        room = draw(st.tuples(st.integers(0, 6), st.integers(0, 6)))
        if self.mode == "SAME":
            self.image = (room[0] + 1, room[1] + 1)
            self.padding = same_padding(self.image, self.kernel, self.strides, self.dilation)
        else:
            self.image = (spans[0] + room[0], spans[1] + room[1])
            self.padding = draw(st.tuples(*[st.integers(0, 3)] * 4)) if self.mode == "explicit" else (0, 0, 0, 0)
        top, bottom, left, right = self.padding
        self.padded = (self.image[0] + top + bottom, self.image[1] + left + right)
        self.output = tuple(
            (length - span) // stride + 1 for length, span, stride in zip(self.padded, spans, self.strides, strict=True)
        )

    @property
    def options(self) -> dict[str, Any]:
        return {
            "padding": "SAME" if self.mode == "SAME" else "VALID",
            "stride_h": self.strides[0],
            "stride_w": self.strides[1],
        }

    @property
    def dilation_options(self) -> dict[str, Any]:
        return {"dilation_h": self.dilation[0], "dilation_w": self.dilation[1]}


@st.composite
def convolutions(draw: st.DrawFn, depthwise: bool) -> tuple[Int8, Int8]:
    """Return (reference, interpreter) of a convolution; explicit padding is a PAD before it in the file."""
    window = Window(draw, explicit=True, dilated=True)
    rng = np.random.default_rng(draw(seeds))
    batch, depth, multiple = draw(st.integers(1, 2)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    groups = 1 if depthwise else draw(st.integers(1, 3))
    channels = depth if depthwise else depth * groups
    filters = depth * multiple if depthwise else multiple * groups
    shape = (1, *window.kernel, filters) if depthwise else (filters, *window.kernel, depth)

    in_scale, in_zero, out_zero = draw(scales), draw(zero_points), draw(zero_points)
    per_channel = draw(st.booleans())
    filter_scales = tuple(fp.float32(2.0 ** rng.uniform(-9, -1)) for _ in range(filters if per_channel else 1))
    out_scale = fp.float32(in_scale * max(filter_scales) / draw(ratios))
    activation = draw(activations)
    x = draw_int8(rng, draw(datas), (batch, *window.image, channels))
    w = draw_int8(rng, draw(datas), shape, least=-127)
    bias = rng.integers(-(2**16), 2**16, filters, dtype=np.int32) if draw(st.booleans()) else None

    tensors = [activation_tensor("x", x.shape, in_scale, in_zero)]
    operators = []
    if window.mode == "explicit":
        top, bottom, left, right = window.padding
        amounts = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
        tensors += [
            constant("amounts", amounts),
            activation_tensor("padded", (batch, *window.padded, channels), in_scale, in_zero),
        ]
        operators.append(Operator("PAD", (0, 1), (2,), {}))
    source = len(tensors) - 1
    tensors.append(constant("w", w, filter_scales, 3 if depthwise else 0))
    inputs: tuple[int, ...] = (source, len(tensors) - 1)
    if bias is not None:
        bias_scales = [fp.bias_scale(in_scale, scale) for scale in filter_scales]
        tensors.append(constant("bias", bias, bias_scales))
        inputs += (len(tensors) - 1,)
    tensors.append(activation_tensor("y", (batch, *window.output, filters), out_scale, out_zero))
    options = window.options | window.dilation_options | {"activation": activation.upper()}
    if depthwise:
        options["depth_multiplier"] = multiple
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    operators.append(Operator(kind, inputs, (len(tensors) - 1,), options))

    every_scale = filter_scales if per_channel else filter_scales * filters
    multipliers, shifts = fp.conv_multipliers(in_scale, every_scale, out_scale)
    least, greatest = fp.activation_clamp(activation, out_scale, out_zero)
    assume(least <= greatest)
    expected = (ref.depthwise_conv2d if depthwise else ref.conv2d)(
        x,
        w,
        bias,
        input_zero_point=in_zero,
        output_zero_point=out_zero,
        multipliers=multipliers,
        shifts=shifts,
        strides=window.strides,
        dilation=window.dilation,
        padding=window.padding,
        activation=(least, greatest),
    )
    return expected, run(tensors, operators, [x])


@given(convolutions(depthwise=False))
def test_convolution(pair: tuple[Int8, Int8]) -> None:
    np.testing.assert_array_equal(*pair)


@given(convolutions(depthwise=True))
def test_depthwise_convolution(pair: tuple[Int8, Int8]) -> None:
    np.testing.assert_array_equal(*pair)


@given(st.data())
def test_dense(data: st.DataObject) -> None:
    draw = data.draw
    rng = np.random.default_rng(draw(seeds))
    leading = draw(st.sampled_from([(1,), (4,), (1, 3), (1, 2, 3)]))
    depth, units = draw(st.integers(1, 40)), draw(st.integers(1, 9))
    in_scale, in_zero, out_zero = draw(scales), draw(zero_points), draw(zero_points)
    per_channel = draw(st.booleans()) and units > 1
    w_scales = tuple(fp.float32(2.0 ** rng.uniform(-9, -1)) for _ in range(units if per_channel else 1))
    out_scale = fp.float32(in_scale * max(w_scales) / draw(ratios))
    activation = draw(activations)
    x = draw_int8(rng, draw(datas), (*leading, depth))
    w = draw_int8(rng, draw(datas), (units, depth), least=-127)
    bias = rng.integers(-(2**16), 2**16, units, dtype=np.int32)

    has_bias = draw(st.booleans())
    options = {"activation": activation.upper(), "keep_num_dims": len(leading) > 1}
    tensors = [
        activation_tensor("x", x.shape, in_scale, in_zero),
        constant("w", w, w_scales),
        constant("bias", bias, [fp.bias_scale(in_scale, scale) for scale in w_scales]),
        activation_tensor("y", (*leading, units), out_scale, out_zero),
    ]
    operator = Operator("FULLY_CONNECTED", (0, 1, 2 if has_bias else -1), (3,), options)
    least, greatest = fp.activation_clamp(activation, out_scale, out_zero)
    assume(least <= greatest)
    multiplier: Any
    shift: Any
    if per_channel:
        multiplier, shift = fp.conv_multipliers(in_scale, w_scales, out_scale)
    else:
        multiplier, shift = fp.dense_multiplier(in_scale, w_scales[0], out_scale)
    expected = ref.dense(
        x,
        w,
        bias if has_bias else None,
        input_zero_point=in_zero,
        output_zero_point=out_zero,
        multiplier=multiplier,
        shift=shift,
        activation=(least, greatest),
    )
    np.testing.assert_array_equal(expected, run(tensors, [operator], [x]))


def thresholds(multiplier: int, shift: int) -> NDArray[np.int32]:
    """Return accumulators on both sides of every step of the output, for an output of at least -1 to 126.

    With a real multiplier near 127 / 2**31 an accumulator has 31 bits: where the output steps depends on the
    last bit of the multiplier.
    """
    steps = [int((k + 0.5) * 2.0 ** (31 - shift) / multiplier) for k in range(126)]
    around = np.array(steps)[:, None] + np.arange(-3, 4)
    return around.ravel().astype(np.int32)


@given(scales, scales, st.floats(0.95, 1.0), st.sampled_from(["CONV_2D", "FULLY_CONNECTED", "per channel"]))
def test_every_bit_of_a_multiplier(in_scale: float, w_scale: float, ratio: float, kind: str) -> None:
    """With weights of 0 the bias is the accumulator. Short scales: dense layers of all interpreters agree."""
    in_scale, w_scale = fp.short_scale(in_scale), fp.short_scale(w_scale)
    out_scale = fp.float32(in_scale * w_scale * 2.0**31 / 127 / ratio)
    if kind == "FULLY_CONNECTED":
        multiplier, shift = fp.dense_multiplier(in_scale, w_scale, out_scale)
    else:
        (multiplier,), (shift,) = fp.conv_multipliers(in_scale, [w_scale], out_scale)
    bias = thresholds(multiplier, shift)
    outputs = ref.multiply_by_quantized_multiplier(bias, multiplier, shift)
    assert len(np.unique(outputs)) > 120
    np.testing.assert_array_equal(outputs, run_accumulators(kind, bias, in_scale, w_scale, out_scale))


def run_accumulators(
    kind: str, accumulators: NDArray[np.int32], in_scale: float, w_scale: float, out_scale: float
) -> Int8:
    n = len(accumulators)
    scales = [w_scale] * (1 if kind == "FULLY_CONNECTED" else n)
    image = (1, 1, 1) if kind == "CONV_2D" else (1,)
    tensors = [
        activation_tensor("x", (*image, 1), in_scale, 0),
        constant("w", np.zeros((n, *image), np.int8), scales),
        constant("bias", accumulators, [fp.bias_scale(in_scale, w_scale)] * len(scales)),
        activation_tensor("y", (*image, n), out_scale, 0),
    ]
    options: dict[str, Any] = {"padding": "VALID", "stride_h": 1, "stride_w": 1} if kind == "CONV_2D" else {}
    operator = Operator(kind if kind == "CONV_2D" else "FULLY_CONNECTED", (0, 1, 2), (3,), options)
    return run(tensors, [operator], [np.zeros((*image, 1), np.int8)]).ravel()


def test_the_thresholds_tell_neighbouring_multipliers_apart() -> None:
    """The test above notices a multiplier that is off by 2 of 2**30."""
    in_scale, w_scale = fp.short_scale(0.0235294122), fp.short_scale(0.00716535468)
    out_scale = fp.float32(in_scale * w_scale * 2.0**31 / 126)
    multiplier, shift = fp.dense_multiplier(in_scale, w_scale, out_scale)
    bias = thresholds(multiplier, shift)
    outputs = run_accumulators("FULLY_CONNECTED", bias, in_scale, w_scale, out_scale)
    for change in (-2, 2):
        assert (ref.multiply_by_quantized_multiplier(bias, multiplier + change, shift) != outputs).any()


@given(st.data(), st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
def test_pools(data: st.DataObject, kind: str) -> None:
    draw = data.draw
    window = Window(draw, explicit=False, dilated=False)
    rng = np.random.default_rng(draw(seeds))
    batch, channels = draw(st.integers(1, 2)), draw(st.integers(1, 5))
    scale, zero_point, activation = draw(scales), draw(zero_points), draw(activations)
    least, greatest = fp.activation_clamp(activation, scale, zero_point)
    assume(least <= greatest)
    x = draw_int8(rng, draw(datas), (batch, *window.image, channels))
    tensors = [
        activation_tensor("x", x.shape, scale, zero_point),
        activation_tensor("y", (batch, *window.output, channels), scale, zero_point),
    ]
    options = window.options | {
        "filter_h": window.kernel[0],
        "filter_w": window.kernel[1],
        "activation": activation.upper(),
    }
    expected = (ref.max_pool2d if kind == "MAX_POOL_2D" else ref.average_pool2d)(
        x,
        pool_size=window.kernel,
        strides=window.strides,
        padding=window.padding,
        activation=(least, greatest),
    )
    np.testing.assert_array_equal(expected, run(tensors, [Operator(kind, (0,), (1,), options)], [x]))


@given(
    st.tuples(st.integers(1, 2), st.integers(1, 20), st.integers(1, 20), st.integers(1, 5)),
    st.booleans(),
    st.sampled_from([(1, 2), (2, 1), (-3, -2)]),
    scales,
    zero_points,
    st.floats(0.25, 8),
    zero_points,
    seeds,
    datas,
)
def test_mean(
    shape: tuple[int, int, int, int],
    keep_dims: bool,
    axes: tuple[int, int],
    in_scale: float,
    in_zero: int,
    ratio: float,
    out_zero: int,
    seed: int,
    data: Data,
) -> None:
    out_scale = fp.float32(in_scale * ratio)
    x = draw_int8(np.random.default_rng(seed), data, shape)
    out_shape = (shape[0], 1, 1, shape[3]) if keep_dims else (shape[0], shape[3])
    tensors = [
        activation_tensor("x", shape, in_scale, in_zero),
        constant("axes", np.array(axes, np.int32)),
        activation_tensor("y", out_shape, out_scale, out_zero),
    ]
    multiplier, shift = fp.mean_parameters(in_scale, out_scale, shape[1] * shape[2])
    expected = ref.mean_hw(
        x,
        input_zero_point=in_zero,
        output_zero_point=out_zero,
        multiplier=multiplier,
        shift=shift,
        keep_dims=keep_dims,
    )
    got = run(tensors, [Operator("MEAN", (0, 1), (2,), {"keep_dims": keep_dims})], [x])
    np.testing.assert_array_equal(expected, got)


@given(
    st.sampled_from([(1, 1), (1, 2), (3, 10), (1, 4, 5), (1, 2, 3, 12), (2, 400)]),
    scales,
    zero_points,
    st.sampled_from([1.0, 0.5, 3.0]),
    seeds,
    datas,
)
def test_softmax(shape: tuple[int, ...], scale: float, zero_point: int, beta: float, seed: int, data: Data) -> None:
    x = draw_int8(np.random.default_rng(seed), data, shape)
    tensors = [activation_tensor("x", shape, scale, zero_point), activation_tensor("y", shape, 1 / 256, -128)]
    expected = ref.softmax(x, fp.softmax_parameters(scale, beta))
    np.testing.assert_array_equal(expected, run(tensors, [Operator("SOFTMAX", (0,), (1,), {"beta": beta})], [x]))


@given(scales, zero_points, st.floats(-6, 6), zero_points, st.floats(-8, 8), zero_points, activations, seeds, datas)
def test_add(
    scale1: float,
    zero1: int,
    exponent2: float,
    zero2: int,
    exponent_out: float,
    zero_out: int,
    activation: fp.Activation,
    seed: int,
    data: Data,
) -> None:
    scale2, scale_out = fp.float32(scale1 * 2.0**exponent2), fp.float32(scale1 * 2.0**exponent_out)
    least, greatest = fp.activation_clamp(activation, scale_out, zero_out)
    assume(least <= greatest)
    rng = np.random.default_rng(seed)
    shape = (1, 5, 7, 3)
    x1, x2 = draw_int8(rng, data, shape), draw_int8(rng, "random", shape)
    tensors = [
        activation_tensor("x1", shape, scale1, zero1),
        activation_tensor("x2", shape, scale2, zero2),
        activation_tensor("y", shape, scale_out, zero_out),
    ]
    parameters = fp.add_parameters(scale1, zero1, scale2, zero2, scale_out, zero_out)
    expected = ref.binary(x1, x2, parameters, activation=(least, greatest))
    operator = Operator("ADD", (0, 1), (2,), {"activation": activation.upper()})
    np.testing.assert_array_equal(expected, run(tensors, [operator], [x1, x2]))


EVERY_INT8 = np.arange(-128, 128, dtype=np.int8)[np.newaxis]


def assert_table(kind: str, outputs: list[int], source: tuple[float, int], result: tuple[float, int]) -> None:
    tensors = [activation_tensor("x", (1, 256), *source), activation_tensor("y", (1, 256), *result)]
    got = run(tensors, [Operator(kind, (0,), (1,), {})], [EVERY_INT8])
    np.testing.assert_array_equal(ref.table(EVERY_INT8, outputs), got)


wide_scales = st.floats(-24, 5).map(lambda exponent: fp.float32(2.0**exponent))


@given(wide_scales, zero_points)
def test_logistic(scale: float, zero_point: int) -> None:
    assert_table("LOGISTIC", fp.logistic_table(scale, zero_point), (scale, zero_point), (1 / 256, -128))


@given(wide_scales, zero_points)
def test_tanh(scale: float, zero_point: int) -> None:
    assert_table("TANH", fp.tanh_table(scale, zero_point), (scale, zero_point), (1 / 128, 0))


@given(scales, zero_points, scales, zero_points)
def test_relu(in_scale: float, in_zero: int, out_scale: float, out_zero: int) -> None:
    outputs = fp.relu_table(in_scale, in_zero, out_scale, out_zero)
    assert_table("RELU", outputs, (in_scale, in_zero), (out_scale, out_zero))


@given(scales, st.integers(3, 255), st.integers(0, 126), st.sampled_from(["RELU", "QUANTIZE"]))
def test_quotients_of_scales_near_a_half_step(out_scale: float, value: int, half_steps: int, kind: str) -> None:
    """`value` lands so near a half step of the output that a quotient rounded to float32 would often tip it."""
    in_scale = fp.float32(out_scale * (2 * half_steps + 1) / (2 * value))
    table = fp.relu_table if kind == "RELU" else fp.requantize_table
    assert_table(kind, table(in_scale, -128, out_scale, -128), (in_scale, -128), (out_scale, -128))


@given(scales, zero_points)
def test_relu6(scale: float, zero_point: int) -> None:
    assert_table("RELU6", fp.relu6_table(scale, zero_point), (scale, zero_point), (scale, zero_point))


@given(scales, zero_points, scales, zero_points)
def test_quantize(in_scale: float, in_zero: int, out_scale: float, out_zero: int) -> None:
    outputs = fp.requantize_table(in_scale, in_zero, out_scale, out_zero)
    assert_table("QUANTIZE", outputs, (in_scale, in_zero), (out_scale, out_zero))


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.integers(0, 3),
    st.lists(st.integers(1, 5), min_size=1, max_size=10),
    st.booleans(),
    seeds,
)
def test_concatenation(shape: list[int], axis: int, lengths: list[int], from_end: bool, seed: int) -> None:
    axis %= len(shape)
    rng = np.random.default_rng(seed)
    xs = [draw_int8(rng, "random", [*shape[:axis], length, *shape[axis + 1 :]]) for length in lengths]
    expected = ref.concatenate(xs, axis)
    tensors = [activation_tensor(f"x{i}", x.shape, 0.1, 3) for i, x in enumerate(xs)]
    tensors.append(activation_tensor("y", expected.shape, 0.1, 3))
    option = {"axis": axis - len(shape) if from_end else axis}
    operator = Operator("CONCATENATION", tuple(range(len(xs))), (len(xs),), option)
    np.testing.assert_array_equal(expected, run(tensors, [operator], xs))


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=4),
    zero_points,
    seeds,
)
def test_pad(axes: list[tuple[int, int, int]], zero_point: int, seed: int) -> None:
    x = draw_int8(np.random.default_rng(seed), "random", [length for length, _, _ in axes])
    paddings = [(before, after) for _, before, after in axes]
    expected = ref.pad(x, paddings, zero_point)
    tensors = [
        activation_tensor("x", x.shape, 0.1, zero_point),
        constant("amounts", np.array(paddings, np.int32)),
        activation_tensor("y", expected.shape, 0.1, zero_point),
    ]
    np.testing.assert_array_equal(expected, run(tensors, [Operator("PAD", (0, 1), (2,), {})], [x]))


@given(st.permutations([2, 3, 4]), seeds)
def test_reshape(shape: list[int], seed: int) -> None:
    x = draw_int8(np.random.default_rng(seed), "random", shape)
    tensors = [
        activation_tensor("x", shape, 0.1, 0),
        constant("shape", np.array([4, 6], np.int32)),
        activation_tensor("y", (4, 6), 0.1, 0),
    ]
    got = run(tensors, [Operator("RESHAPE", (0, 1), (2,), {"new_shape": (4, 6)})], [x])
    np.testing.assert_array_equal(x.reshape(4, 6), got)
