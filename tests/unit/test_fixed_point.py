"""Literal numbers, printed by TensorFlow Lite Micro's own functions compiled on x86-64."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec import arithmetic as fp
from netspec.arithmetic import functions

INPUT, FILTER, OUTPUT = 0.0235294122, 0.00716535468, 0.0784313753


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (0.5, (1073741824, 0)),
        (1.0, (1073741824, 1)),
        (0.25, (1073741824, -1)),
        (0.1, (1717986918, -3)),
        (1 / 3, (1431655765, -1)),
        (0.999999999999, (1073741824, 1)),  # the mantissa rounds up to 2**31
        (1e-9, (1152921505, -29)),
        (2.0**-32, (1073741824, -31)),
        (2.0**-33, (0, 0)),  # shifts of less than -31 give nothing
        (3.7, (1986422374, 2)),
        (1234.5, (1294467072, 11)),
    ],
)
def test_quantize_multiplier(real: float, expected: tuple[int, int]) -> None:
    assert fp.quantize_multiplier(real) == expected


@pytest.mark.parametrize("real", [-1.0, float("inf"), float("nan")])
def test_quantize_multiplier_refuses(real: float) -> None:
    with pytest.raises(ValueError, match="multiplier"):
        fp.quantize_multiplier(real)


@given(st.floats(2.0**-31, 2.0**30))
def test_a_quantized_multiplier_is_within_half_a_unit(real: float) -> None:
    multiplier, shift = fp.quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert abs(Fraction(real) * 2**31 / Fraction(2) ** shift - multiplier) <= Fraction(1, 2)


def test_convolutions_and_dense_layers_multiply_scales_in_double() -> None:
    assert fp.conv_multipliers(INPUT, [FILTER, FILTER], OUTPUT) == ((1181758599,) * 2, (-8,) * 2)
    assert fp.dense_multiplier(INPUT, FILTER, OUTPUT) == (1181758599, -8)


@given(st.floats(2.0**-20, 2.0**10), st.floats(2.0**-20, 2.0**10))
def test_short_scales_have_an_exact_product(first: float, second: float) -> None:
    a, b = fp.short_scale(first), fp.short_scale(second)
    assert fp.scale32(first) <= a <= fp.scale32(first) * (1 + 2.0**-11)
    assert fp.short_scale(a) == a
    assert fp.float32(a * b) == a * b
    assert Fraction(a) * Fraction(b) == Fraction(a * b)


def test_quantize_and_relu_divide_scales_in_double() -> None:
    assert fp.requantize_multiplier(INPUT, OUTPUT) == (1288490168, -1)
    assert fp.relu_multiplier(INPUT, OUTPUT) == (1288490168, -1)


def test_scales_are_taken_in_float32() -> None:
    assert fp.scale32(0.1) == 0.10000000149011612
    assert fp.requantize_multiplier(0.1, 0.3) == fp.requantize_multiplier(fp.scale32(0.1), fp.scale32(0.3))
    assert fp.bias_scale(INPUT, FILTER) == fp.float32(fp.scale32(INPUT) * fp.scale32(FILTER))
    for scale in (0.0, -1.0, float("inf"), float("nan"), 1e-60):
        with pytest.raises(ValueError, match="scale"):
            fp.scale32(scale)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, (1288490168, -1)),
        (2, (1288490168, -2)),
        (49, (841462966, -6)),
        (64, (1288490168, -7)),
        (1000, (659706966, -10)),
    ],
)
def test_mean_parameters(count: int, expected: tuple[int, int]) -> None:
    assert fp.mean_parameters(INPUT, OUTPUT, count) == expected


def test_mean_of_nothing() -> None:
    with pytest.raises(ValueError, match="0 values"):
        fp.mean_parameters(INPUT, OUTPUT, 0)


def test_add_parameters() -> None:
    assert fp.add_parameters(0.03, 5, 0.05, -7, 0.07, 11) == fp.AddParameters(
        left_shift=20,
        input1_offset=-5,
        input1_multiplier=1288490141,
        input1_shift=-1,
        input2_offset=7,
        input2_multiplier=1073741824,
        input2_shift=0,
        output_offset=11,
        output_multiplier=1533916908,
        output_shift=-19,
    )


def test_add_refuses_an_output_scale_for_which_the_interpreter_aborts() -> None:
    limit = 2.0**-19 * 0.5  # twice the larger input scale over 2**20
    fp.add_parameters(0.5, 0, 0.25, 0, limit * 1.001, 0)
    with pytest.raises(ValueError, match="too small"):
        fp.add_parameters(0.5, 0, 0.25, 0, limit, 0)


@pytest.mark.parametrize(
    ("scale", "softmax", "sigmoid"),
    [
        (0.1, (1717986944, 23, -248), (1717986944, 24, 120)),
        (0.00390625, (1073741824, 19, -3968), (1073741824, 20, 1920)),
        (1.5, (1610612736, 27, -15), (1610612736, 28, 7)),
        (0.0001, (1759218560, 13, -253952), (1759218560, 14, 122880)),
        (40.0, (2147483647, 31, 0), (1342177280, 33, 0)),
    ],
)
def test_softmax_and_sigmoid_parameters(
    scale: float, softmax: tuple[int, int, int], sigmoid: tuple[int, int, int]
) -> None:
    assert fp.softmax_parameters(scale) == fp.SoftmaxParameters(*softmax)
    assert fp.sigmoid_parameters(scale) == fp.SigmoidParameters(*sigmoid)


def test_softmax_and_sigmoid_refuse_tiny_scales() -> None:
    with pytest.raises(ValueError, match="too small"):
        fp.softmax_parameters(2.0**-26)
    with pytest.raises(ValueError, match="too small"):
        fp.sigmoid_parameters(2.0**-29)


@pytest.mark.parametrize(
    ("value", "expected"),  # by (2**30, 1), (2**30, 0), (1717986918, -5), (2**31 - 1, -31)
    [
        (1, (1, 1, 0, 0)),
        (-1, (-1, 0, 0, 0)),
        (3, (3, 2, 0, 0)),
        (-3, (-3, -1, 0, 0)),
        (-100, (-100, -50, -3, 0)),
        (123456789, (123456789, 61728395, 3086420, 0)),
        (-123456789, (-123456789, -61728394, -3086420, 0)),
        (2**31 - 1, (None, 1073741824, 53687091, 1)),
        (-(2**31), (None, -1073741824, -53687091, -1)),
    ],
)
def test_multiply_by_quantized_multiplier(value: int, expected: tuple[int | None, ...]) -> None:
    arguments = [(2**30, 1), (2**30, 0), (1717986918, -5), (2**31 - 1, -31)]
    for (multiplier, shift), result in zip(arguments, expected, strict=True):
        if result is None:
            with pytest.raises(OverflowError):
                fp.multiply_by_quantized_multiplier(value, multiplier, shift)
        else:
            assert fp.multiply_by_quantized_multiplier(value, multiplier, shift) == result


def test_multiply_with_a_shift_to_the_left() -> None:
    results = [fp.multiply_by_quantized_multiplier(v, 1717986918, 7) for v in (1, -1, 100, -100, 12345)]
    assert results == [102, -102, 10240, -10240, 1264128]


def test_rounding() -> None:
    values = (-6, -5, -3, -2, -1, 1, 2, 3, 5, 6)
    assert [fp.rounding_shift_right(v, 2) for v in values] == [-2, -1, -1, -1, 0, 0, 1, 1, 1, 2]
    assert [fp.round_half_away(v) for v in (-1.5, -0.5, -0.49, 0.49, 0.5, 2.5)] == [-2, -1, 0, 0, 1, 3]
    assert fp.round_half_away(0.49999999999999994) == 0  # adding 0.5 and flooring gives 1
    assert fp.doubling_high_multiply(-(2**31), -(2**31)) == 2**31 - 1


def test_exponential() -> None:
    inputs = (0, -1, -16777216, -67108864, -100000000, -2080374784)
    outputs = [functions.exp_on_negative_values(a, 5) for a in inputs]
    assert outputs == [2147483647, 2147483124, 1672462419, 790015308, 483927985, 0]


def test_logistic_and_tanh() -> None:
    inputs = (0, 1, -1, 134217728, -134217728, 300000000, -1000000000, 2013265919)
    assert [functions.logistic(a, 4) for a in inputs] == [
        1073741824,
        1073741948,
        1073741699,
        1569936226,
        577547421,
        1939959380,
        1247187,
        2147482988,
    ]
    assert [functions.tanh(a, 4) for a in inputs] == [
        0,
        260,
        -260,
        1635510876,
        -1635510876,
        2098890980,
        -2147482200,
        2147483647,
    ]


def test_reciprocal() -> None:
    inputs = (524288, 600000, 1000000, 134217728, 2147483647)
    assert [functions.reciprocal(v, 12) for v in inputs] == [
        (2147483647, 0),
        (1876499846, 0),
        (1125899904, 0),
        (2147483647, 8),
        (1073741820, 11),
    ]


@pytest.mark.parametrize(
    ("kind", "scale", "zero_point", "expected"),
    [
        ("none", 0.1, 3, (-128, 127)),
        ("relu", 0.1, 3, (3, 127)),
        ("relu", 0.1, -128, (-128, 127)),
        ("relu6", 0.1, 3, (3, 63)),
        ("relu6", 6 / 255, -128, (-128, 127)),
        ("relu6", 0.01, -128, (-128, 127)),
        ("relu_n1_to_1", 0.1, 3, (-7, 13)),
        ("relu6", 4.0, 0, (0, 2)),  # 1.5 is rounded away from zero
    ],
)
def test_activation_clamp(kind: fp.Activation, scale: float, zero_point: int, expected: tuple[int, int]) -> None:
    assert fp.activation_clamp(kind, scale, zero_point) == expected


@pytest.mark.parametrize("scale", [1e-9, 1e-38])
def test_activation_clamp_beyond_int32(scale: float) -> None:
    with pytest.raises(ValueError, match="not representable"):
        fp.activation_clamp("relu6", scale, 0)


def test_tables() -> None:
    assert fp.requantize_table(0.5, 0, 0.25, 0)[128 - 2 : 128 + 3] == [-4, -2, 0, 2, 4]
    assert fp.relu_table(0.5, 10, 0.25, -128)[128 + 9 : 128 + 13] == [-128, -128, -126, -124]
    assert fp.relu6_table(0.1, 3) == [min(63, max(3, q)) for q in range(-128, 128)]
    assert fp.logistic_table(0.1, 0)[128] == 0
    assert fp.tanh_table(0.1, 5)[128 + 5] == 0


def test_relu_with_any_maximum_is_an_output_range() -> None:
    """At scale max / 255 and zero point -128 the plain RELU saturates exactly at max."""
    limit = 4.0
    outputs = fp.relu_table(0.05, -20, limit / 255, -128)
    clipped = [min(max((q + 20) * 0.05, 0.0), limit) for q in range(-128, 128)]
    assert max(abs((out + 128) * limit / 255 - want) for out, want in zip(outputs, clipped, strict=True)) < 0.51 * (
        limit / 255
    )
    assert outputs[-1] == 127


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, netspec.arithmetic; print(int('numpy' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"0\n"
