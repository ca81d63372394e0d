"""CONV_2D with filters packed for DSP instructions: netspec_convolve_packed_s8.

Filters are packed four at a time. That is exact where their sums stay within 24 bits for every input, which the weights
say. From the first four filters on for which it is not, weights lie as they are; another loop reads them.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension, KernelChoice, Window, round_up
from netspec.device.kernels._convolution import own_geometry, window_of
from netspec.device.kernels.base import Constant, dims
from netspec.device.kernels.netspec.conv2d import Conv2DKernel
from netspec.ops import INT8, INT32, Conv2D
from netspec.ops.numbers import Quantized

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKED_CONVOLVE = "netspec_convolve_packed_s8"
WORTH_PACKING = 500_000
"""With so many multiplications for it a network takes the kernel, whose code is a kilobyte more."""

_SUM_LIMIT = 1 << 23
_MOST_PLACES = 23
"""Of a shift. A rescaled sum is at most 2^23: more places, and the one that the kernel adds, change nothing."""


class PackedConv2DKernel(Conv2DKernel):
    """With packed filters, on cores with DSP instructions."""

    def kernel_choice(self, op: Conv2D, extension: Extension) -> KernelChoice:
        return packed_choice(window_of(op))

    def constants(self, op: Conv2D, extension: Extension) -> tuple[Constant, ...]:
        return packed_constants(window_of(op))

    def arrays(self, op: Conv2D, q: Quantized) -> Mapping[str, NDArray[Any]]:
        return PackedConvolution(q.arrays).arrays()

    def kernel_scratch_bytes(self, op: Conv2D, extension: Extension, compiled_for: Extension) -> int:
        return packed_scratch_bytes(window_of(op))

    def call(self, op: Conv2D, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return packed_call(window_of(op), q, PackedConvolution(q.arrays))


def packed_choice(window: Window) -> KernelChoice:
    """Return the function, and why it is chosen."""
    reason = f"two windows of {window.size} at a time, expanded to int16, times four filters by three multiplications"
    return KernelChoice(PACKED_CONVOLVE, reason)


def packed_constants(window: Window) -> tuple[Constant, ...]:
    """Return the arrays in flash."""
    filters = window.output_hwc[2]
    return (Constant("packed", INT8, filters * _padded_taps(window)), Constant("scale", INT32, 3 * filters))


def packed_call(window: Window, q: Quantized, packed: PackedConvolution) -> dict[str, Any]:
    """Return the values of the call."""
    filters = dims(window.output_hwc[2], *window.kernel_hw, window.input_hwc[2])
    return {**own_geometry(window, q, filters), "packed": packed.count}


def packed_scratch_bytes(window: Window) -> int:
    """Return the room for both windows, expanded, and for a column where one is gathered before."""
    return (4 if window.input_hwc[2] % 4 == 0 else 5) * _padded_taps(window)


def _padded_taps(window: Window) -> int:
    return round_up(window.taps * window.input_hwc[2], 4)


class PackedConvolution:
    """The arrays of netspec_convolve_packed_s8, from those of a convolution: kernel, kernel_sum, multiplier, shift.

    `count` is how many filters are packed: a multiple of four, up to the first four for which it is not exact.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        import numpy as np

        kernel = arrays["kernel"]
        self._rows = kernel.reshape(len(kernel), -1).astype(np.int64)
        self._sums, self._multiplier, self._shift = (
            arrays[role].astype(np.int64) for role in ("kernel_sum", "multiplier", "shift")
        )
        fours = self._exact()[: len(kernel) // 4 * 4].reshape(-1, 4).all(axis=1)
        self.count = 4 * int(np.logical_and.accumulate(fours).sum())

    def _exact(self) -> NDArray[Any]:
        """Return for each filter whether its sums stay within 24 bits, and its scale and weights are as expected."""
        import numpy as np

        least = self._sums + np.minimum(self._rows * -128, self._rows * 127).sum(axis=1)
        most = self._sums + np.maximum(self._rows * -128, self._rows * 127).sum(axis=1)
        inside = (least >= -_SUM_LIMIT) & (most < _SUM_LIMIT)
        exact: NDArray[Any] = inside & (self._rows > -128).all(axis=1) & ((self._shift < 0) | (self._multiplier == 0))
        return exact

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return the constants, by role."""
        return {"packed": self.kernel(), "scale": self.scale()}

    def kernel(self) -> NDArray[Any]:
        """Return the weights: the first `count` filters in fours, the others as they are."""
        import numpy as np

        count = self.count
        filters, taps = self._rows.shape
        padded = np.zeros((filters, round_up(taps, 4)), np.int64)
        padded[:, :taps] = self._rows
        # (four, filter / 2 % 2, filter % 2, tap / 4, tap / 2 % 2, tap % 2)
        apart = padded[:count].reshape(count // 4, 2, 2, padded.shape[1] // 4, 2, 2)
        first, second = apart[:, 0], apart[:, 1]
        factors = np.stack([256 * first[:, 1] + first[:, 0], 256 * second[:, 0] + second[:, 1] + 128])
        # (filter / 2 % 2, four, tap / 4, tap / 2 % 2, tap % 2)
        fours = np.ascontiguousarray(factors.transpose(1, 2, 4, 0, 3), "<i2").ravel().view(np.int8)
        return np.concatenate([fours, padded[count:].astype(np.int8).ravel()])

    def scale(self) -> NDArray[Any]:
        """Return kernel sums and scales, three words for each filter."""
        import numpy as np

        count = self.count
        scale = np.stack([self._sums, self._multiplier, self._shift], axis=1)
        fours = scale[:count].reshape(-1, 12)
        a, b, c, d = self._sums[:count].reshape(-1, 4).T
        fours[:, :4] = np.stack([0 * a, 256 * b + a, 256 * a + c, 256 * c + d], axis=1)
        places = np.clip(-1 - self._shift[:count], 0, _MOST_PLACES)
        fours[:, 4:] = np.stack([self._multiplier[:count], places], axis=1).reshape(-1, 8)
        return ((scale + (1 << 31)) % (1 << 32) - (1 << 31)).astype(np.int32)
