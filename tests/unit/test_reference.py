"""References against naive loops over Python integers and against each other."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from netspec import arithmetic as fp
from netspec import reference as ref
from netspec.reference.weighted import _exact_type

RNG = np.random.default_rng(20)


@pytest.fixture(autouse=True)
def _same_numbers_whatever_ran_before() -> None:
    RNG.bit_generator.state = np.random.default_rng(20).bit_generator.state


def int8(*shape: int) -> NDArray[np.int8]:
    return RNG.integers(-128, 128, shape, dtype=np.int8)


@given(
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=20),
    st.integers(2**30, 2**31 - 1),
    st.integers(-31, 4),
)
def test_multiply_on_arrays_equals_multiply_on_numbers(values: list[int], multiplier: int, shift: int) -> None:
    array = np.array(values, np.int32)
    if any(not -(2**31) <= v << max(shift, 0) < 2**31 for v in values):
        with pytest.raises(OverflowError):
            ref.multiply_by_quantized_multiplier(array, multiplier, shift)
    else:
        expected = [fp.multiply_by_quantized_multiplier(v, multiplier, shift) for v in values]
        assert ref.multiply_by_quantized_multiplier(array, multiplier, shift).tolist() == expected
        assert array.tolist() == values


def test_multiply_takes_one_multiplier_a_channel() -> None:
    values = RNG.integers(-(2**20), 2**20, (5, 4))
    multipliers, shifts = [2**30, 2**31 - 1, 1500000000, 1200000000], [0, -9, 3, -31]
    expected = [
        [fp.multiply_by_quantized_multiplier(int(v), m, s) for v, m, s in zip(row, multipliers, shifts, strict=True)]
        for row in values
    ]
    assert ref.multiply_by_quantized_multiplier(values, multipliers, shifts).tolist() == expected


def naive_conv2d(
    x: NDArray[Any],
    w: NDArray[Any],
    *,
    zero_point: int,
    strides: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int, int, int],
    groups: int,
) -> NDArray[np.int64]:
    """Return sums of products, element by element, skipping what lies outside the image."""
    (n, h, width, _), (o, kh, kw, depth) = x.shape, w.shape
    top, bottom, left, right = padding
    oh = (h + top + bottom - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    ow = (width + left + right - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    sums = np.zeros((n, oh, ow, o), np.int64)
    for b, y, z, f in product(range(n), range(oh), range(ow), range(o)):
        first = f // (o // groups) * depth
        for i, j, k in product(range(kh), range(kw), range(depth)):
            row = y * strides[0] - top + i * dilation[0]
            column = z * strides[1] - left + j * dilation[1]
            if 0 <= row < h and 0 <= column < width:
                sums[b, y, z, f] += (int(x[b, row, column, first + k]) - zero_point) * int(w[f, i, j, k])
    return sums


GEOMETRIES = [
    ((1, 1), (1, 1), (0, 0, 0, 0), 1),
    ((2, 1), (1, 1), (1, 0, 2, 1), 1),
    ((1, 2), (2, 1), (0, 2, 1, 1), 2),
    ((3, 3), (1, 2), (2, 2, 2, 2), 4),
]


@pytest.mark.parametrize(("strides", "dilation", "padding", "groups"), GEOMETRIES)
def test_conv2d(
    strides: tuple[int, int], dilation: tuple[int, int], padding: tuple[int, int, int, int], groups: int
) -> None:
    x, w = int8(3, 6, 7, 4), int8(8, 3, 2, 4 // groups)
    bias = RNG.integers(-5000, 5000, 8, dtype=np.int32)
    multipliers, shifts = RNG.integers(2**30, 2**31, 8).tolist(), RNG.integers(-12, -6, 8).tolist()
    sums = naive_conv2d(x, w, zero_point=-5, strides=strides, dilation=dilation, padding=padding, groups=groups)
    scaled = ref.multiply_by_quantized_multiplier(sums + bias, multipliers, shifts) + 7
    got = ref.conv2d(
        x,
        w,
        bias,
        input_zero_point=-5,
        output_zero_point=7,
        multipliers=multipliers,
        shifts=shifts,
        strides=strides,
        dilation=dilation,
        padding=padding,
        activation=(-100, 90),
    )
    assert got.dtype == np.int8
    np.testing.assert_array_equal(got, np.clip(scaled, -100, 90))

    exact = ref.conv2d_float(x.astype(np.float64) + 5, w, bias, strides=strides, dilation=dilation, padding=padding)
    np.testing.assert_array_equal(exact, sums + bias)


@pytest.mark.parametrize(("strides", "dilation", "padding", "groups"), GEOMETRIES)
def test_depthwise_conv2d_is_a_grouped_convolution(
    strides: tuple[int, int], dilation: tuple[int, int], padding: tuple[int, int, int, int], groups: int
) -> None:
    channels, multiplier = 5, groups
    x, w = int8(2, 6, 7, channels), int8(1, 3, 2, channels * multiplier)
    bias = RNG.integers(-5000, 5000, channels * multiplier, dtype=np.int32)
    arguments: dict[str, Any] = {
        "input_zero_point": 9,
        "output_zero_point": -3,
        "multipliers": [2**30 + 12345] * channels * multiplier,
        "shifts": [-8] * channels * multiplier,
        "strides": strides,
        "dilation": dilation,
        "padding": padding,
    }
    grouped = w.transpose(3, 1, 2, 0)
    np.testing.assert_array_equal(
        ref.depthwise_conv2d(x, w, bias, **arguments), ref.conv2d(x, grouped, bias, **arguments)
    )
    geometry = {key: arguments[key] for key in ("strides", "dilation", "padding")}
    real = x.astype(np.float64)
    np.testing.assert_array_equal(
        ref.depthwise_conv2d_float(real, w, bias, **geometry), ref.conv2d_float(real, grouped, bias, **geometry)
    )


def test_a_large_batch_equals_its_samples() -> None:
    """Batches are cut into pieces; 16 samples of this size need several."""
    x, w = int8(16, 40, 40, 8), int8(8, 3, 3, 8)
    arguments: dict[str, Any] = {
        "input_zero_point": 1,
        "output_zero_point": 2,
        "multipliers": [2**30] * 8,
        "shifts": [-9] * 8,
    }
    together = ref.conv2d(x, w, None, **arguments)
    np.testing.assert_array_equal(together, np.concatenate([ref.conv2d(s[None], w, None, **arguments) for s in x]))


@pytest.mark.parametrize("depth", [514, 515, 60_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_are_exact_on_both_sides_of_float32(depth: int, sign: int) -> None:
    """514 products of 255 * 128 fit 24 bits, 515 do not. The bias takes the sum to 100, one too many shows."""
    x = np.full((1, depth), 127, np.int8)
    w = (sign * RNG.integers(100, 128, (1, depth))).astype(np.int8)
    total = 255 * int(w.astype(np.int64).sum())
    identity: dict[str, Any] = {"output_zero_point": 0, "multiplier": 2**30, "shift": 1}
    got = ref.dense(x, w, np.array([100 - total], np.int32), input_zero_point=-128, **identity)
    assert got.tolist() == [[100]]


def test_exact_types() -> None:
    assert _exact_type(2**24) is np.float32
    assert _exact_type(2**24 + 1) is np.float64
    with pytest.raises(OverflowError):
        _exact_type(2**53 + 1)


def test_an_accumulator_beyond_int32_is_refused() -> None:
    x, w = np.full((1, 70_000), 127, np.int8), np.full((1, 70_000), 127, np.int8)
    arguments: dict[str, Any] = {"output_zero_point": 0, "multiplier": 2**30, "shift": -20}
    with pytest.raises(OverflowError, match="sum of products"):
        ref.dense(x, w, None, input_zero_point=-128, **arguments)
    assert ref.dense(x, w, None, input_zero_point=127, **arguments)[0, 0] == 0
    one = np.ones((1, 1), np.int8)
    with pytest.raises(OverflowError, match="and its bias"):
        ref.dense(one, one, np.array([2**31 - 1], np.int32), input_zero_point=0, **arguments)
    with pytest.raises(OverflowError, match="shifted left"):
        ref.dense(
            one,
            one,
            np.array([2**29], np.int32),
            input_zero_point=0,
            output_zero_point=0,
            multiplier=2**30,
            shift=2,
        )


def test_dense_takes_rows_and_a_multiplier_an_output() -> None:
    x, w = int8(2, 3, 11), int8(4, 11)
    multipliers, shifts = [2**30, 2**31 - 1, 1500000000, 1200000000], [-7, -9, -8, -6]
    rows = ref.dense(x, w, None, input_zero_point=4, output_zero_point=-1, multiplier=multipliers, shift=shifts)
    for output in range(4):
        column = ref.dense(
            x.reshape(6, 11),
            w[output : output + 1],
            None,
            input_zero_point=4,
            output_zero_point=-1,
            multiplier=multipliers[output],
            shift=shifts[output],
        )
        np.testing.assert_array_equal(rows.reshape(6, 4)[:, output : output + 1], column)


def test_pools() -> None:
    x = np.array([[-3, -2, 5], [-4, 127, -128]], np.int8).reshape(1, 2, 3, 1)
    pooled = ref.average_pool2d(x, pool_size=(2, 2), strides=(1, 1), padding=(1, 0, 0, 1))
    # Top row alone: -5/2, 3/2, 5; both rows: 118/4, 2/4, -123/2.
    assert pooled.reshape(2, 3).tolist() == [[-3, 2, 5], [30, 1, -62]]
    real = ref.average_pool2d_float(x.astype(np.float64), pool_size=(2, 2), strides=(1, 1), padding=(1, 0, 0, 1))
    assert real.reshape(2, 3).tolist() == [[-2.5, 1.5, 5.0], [29.5, 0.5, -61.5]]

    arguments: dict[str, Any] = {"pool_size": (2, 2), "strides": (1, 2), "padding": (1, 1, 1, 0)}
    maxima = [[-3, 5], [-3, 127], [-4, 127]]
    assert ref.max_pool2d(x, **arguments).reshape(3, 2).tolist() == maxima
    assert ref.max_pool2d_float(x.astype(np.float32), **arguments).reshape(3, 2).tolist() == maxima
    assert ref.max_pool2d(x, **arguments, activation=(-3, 100)).max() == 100


def test_a_pooling_window_in_the_padding_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="padding alone"):
        ref.average_pool2d(int8(1, 2, 2, 1), pool_size=(1, 1), strides=(1, 1), padding=(1, 0, 0, 0))


def test_mean() -> None:
    x = int8(4, 7, 5, 3)
    multiplier, shift = fp.mean_parameters(0.1, 0.1, 35)
    got = ref.mean_hw(x, input_zero_point=3, output_zero_point=3, multiplier=multiplier, shift=shift)
    sums = (x.astype(int) - 3).sum(axis=(1, 2))
    expected = [[fp.multiply_by_quantized_multiplier(int(v), multiplier, shift) + 3 for v in row] for row in sums]
    assert got.tolist() == expected
    assert np.abs(got - ref.mean_hw_float(x.astype(np.float64))).max() < 0.6
    kept = ref.mean_hw(x, input_zero_point=3, output_zero_point=3, multiplier=multiplier, shift=shift, keep_dims=True)
    np.testing.assert_array_equal(kept, got[:, None, None])


def test_softmax_is_near_the_real_one() -> None:
    x = int8(50, 10)
    got = ref.softmax(x, fp.softmax_parameters(0.05))
    real = ref.softmax_float(x.astype(np.float64) * 0.05)
    steps = np.minimum(real * 256, 255)  # 1 itself is out of range
    assert np.abs(got.astype(np.float64) + 128 - steps).max() < 0.51


def test_softmax_refuses_rows_for_which_the_interpreter_aborts() -> None:
    parameters = fp.softmax_parameters(0.05)
    ref.softmax(np.zeros((1, 511), np.int8), parameters)
    with pytest.raises(OverflowError, match="512 or more"):
        ref.softmax(np.zeros((1, 512), np.int8), parameters)


def test_float_functions() -> None:
    x = np.array([-1000.0, -2.0, 0.0, 2.0, 1000.0])
    np.testing.assert_allclose(ref.logistic_float(x), [0, 0.11920292202211755, 0.5, 0.8807970779778823, 1], atol=1e-300)
    assert ref.binary_float(x, x, activation=(0.0, 6.0)).tolist() == [0, 0, 0, 4, 6]
    assert ref.dense_float(np.ones((1, 2), np.float32), np.eye(2), np.ones(2)).dtype == np.float32


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="float64 where int8"):
        ref.table(np.zeros(3), [0] * 256)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="differ"):
        ref.binary(int8(1, 2), int8(2, 1), fp.add_parameters(1, 0, 1, 0, 1, 0))
    with pytest.raises(ValueError, match="groups"):
        ref.conv2d_float(np.zeros((1, 3, 3, 3)), np.zeros((2, 1, 1, 2)), None)
    with pytest.raises(ValueError, match="does not fit"):
        ref.conv2d_float(np.zeros((1, 3, 3, 1)), np.zeros((1, 2, 2, 1)), None, dilation=(3, 1))
