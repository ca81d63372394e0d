"""The operations of `netspec.arithmetic` on arrays, and the checks that every int8 op makes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netspec.arithmetic import INT8_MAX, INT8_MIN, INT32_MAX, INT32_MIN

Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]
Bounds = tuple[int, int]

INT8_RANGE: Bounds = (INT8_MIN, INT8_MAX)


def multiply_by_quantized_multiplier(values: NDArray[Any], multiplier: ArrayLike, shift: ArrayLike) -> Int64:
    """Return values * multiplier * 2**(shift - 31) with double rounding, element by element.

    `multiplier` and `shift` are scalars or broadcast against `values`, say one a channel on the last axis.
    Raises OverflowError where a positive shift takes a value out of int32. Source:
    MultiplyByQuantizedMultiplier, tensorflow/lite/kernels/internal/common.cc.
    """
    result = np.asarray(values, np.int64)
    shifts = np.asarray(shift, np.int64)
    if (shifts > 0).any():
        result = result << np.maximum(shifts, 0)
        require_int32(result, "a value shifted left before its multiplication")
    result = result * np.asarray(multiplier, np.int64)
    result += 1 << 30
    result >>= 31
    return rounding_shift_right(result, np.maximum(-shifts, 0))


def rounding_shift_right(values: Int64, exponents: Int64) -> Int64:
    """Return values / 2**exponents rounded to nearest, halves away from zero; changes `values`."""
    if not exponents.any():
        return values
    # Subtracting 1 from what is negative turns "halves up" into "halves away from zero".
    values -= (values < 0) & (exponents > 0)
    values += (np.int64(1) << exponents) >> 1
    values >>= exponents
    return values


def require_int8(*arrays: NDArray[Any]) -> None:
    for array in arrays:
        if array.dtype != np.int8:
            raise TypeError(f"an array of {array.dtype} where int8 is meant")


def require_int32(values: Int64, what: str) -> None:
    if values.size and not INT32_MIN <= int(values.min()) <= int(values.max()) <= INT32_MAX:
        raise OverflowError(f"{what} does not fit int32")
