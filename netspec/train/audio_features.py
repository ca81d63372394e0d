"""Sound to log-mel energies or MFCCs, in an order of float32 operations that C can follow to the bit.

docs/audio-features.md is the contract. All operations on samples are additions, multiplications, divisions and square
roots of float32, which IEEE 754 rounds alike everywhere; everything that is not (cosines, logarithms of frequencies)
stands in tables, computed in float64 and rounded once.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from netspec.data.sounds import values_a_frame
from netspec.spec.data_forms import Audio

Float32: TypeAlias = npt.NDArray[np.float32]

LN2 = np.float32(math.log(2))
SQRT_HALF = np.float32(math.sqrt(0.5))
SERIES = tuple(np.float32(1 / n) for n in (9, 7, 5, 3))
"""Of ln m = 2 (s + s^3/3 + s^5/5 + s^7/7 + s^9/9), s = (m - 1) / (m + 1): exact to 2e-9 for m in 0.7..1.4."""


class Features:
    """The front end of a spec's audio loader: its tables, and what they make of a clip.

    `window` is (frame_length), `mel` (bins of the spectrum, mel_bins), `dct` (coefficients, mel_bins), and the twiddle
    factors `cos` and `sin` half of the transform's length.
    """

    def __init__(self, given: Audio, width: int) -> None:
        self.given = given
        self.window = hann_window(given.frame_length)
        self.cos, self.sin = twiddles(given.fft)
        self.mel = mel_weights(given)
        self.dct = dct_weights(given.mel_bins, values_a_frame(given, width)) if given.features == "mfcc" else None

    def __call__(self, samples: Float32) -> Float32:
        """Return (frames, values) of a clip whose samples are as many as its frames read."""
        given = self.given
        frames = 1 + (len(samples) - given.frame_length) // given.frame_step
        starts = np.arange(frames) * given.frame_step
        framed = samples[starts[:, None] + np.arange(given.frame_length)] * self.window
        real, imaginary = fourier(np.pad(framed, ((0, 0), (0, given.fft - given.frame_length))), self.cos, self.sin)
        half = given.fft // 2 + 1
        energy = real[:, :half] * real[:, :half] + imaginary[:, :half] * imaginary[:, :half]
        if given.spectrum == "magnitude":
            energy = np.sqrt(energy)
        levels = logarithm(np.maximum(_mel_sums(energy, self.mel), np.float32(given.log_floor)))
        if self.dct is None:
            return levels
        # accumulate adds from the first term to the last; sum would add in pairs.
        return np.add.accumulate(levels[:, None, :] * self.dct, axis=-1)[:, :, -1]


def hann_window(length: int) -> Float32:
    """Return w[n] = 0.5 - 0.5 cos(2 pi n / length), the periodic form."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def twiddles(points: int) -> tuple[Float32, Float32]:
    """Return cos and sin of -2 pi j / points for j below points / 2."""
    angles = -2 * np.pi * np.arange(points // 2) / points
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def fourier(frames: Float32, cos: Float32, sin: Float32) -> tuple[Float32, Float32]:
    """Return real and imaginary part of the discrete Fourier transform of each row.

    The radix-2 transform with decimation in time (Cooley and Tukey 1965): bit-reversed order, then butterflies of
    spans 2, 4 ... points, each t = w * odd, as (wr*or - wi*oi, wr*oi + wi*or); even + t; even - t.
    """
    rows, points = frames.shape
    bits = points.bit_length() - 1
    order = np.zeros(points, np.intp)
    for bit in range(bits):
        order |= ((np.arange(points) >> bit) & 1) << (bits - 1 - bit)
    real, imaginary = frames[:, order], np.zeros_like(frames)
    span = 2
    while span <= points:
        half = span // 2
        wr, wi = cos[:: points // span], sin[:: points // span]
        re, im = real.reshape(rows, -1, span), imaginary.reshape(rows, -1, span)
        odd_re, odd_im = re[..., half:].copy(), im[..., half:].copy()
        t_re, t_im = wr * odd_re - wi * odd_im, wr * odd_im + wi * odd_re
        re[..., half:], im[..., half:] = re[..., :half] - t_re, im[..., :half] - t_im
        re[..., :half] += t_re
        im[..., :half] += t_im
        span *= 2
    return real, imaginary


def mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a frequency in mel, 1127 ln(1 + f / 700), the formula of the Hidden Markov Model Toolkit (HTK)."""
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0))


def mel_weights(given: Audio) -> Float32:
    """Return the filters, (bins of the spectrum, mel_bins): triangles of height 1, even in mel, none over bin 0."""
    low, high = float(mel(given.lower_edge_hertz)), float(mel(given.upper))
    edges = np.linspace(low, high, given.mel_bins + 2)
    bins = mel(np.arange(given.fft // 2 + 1) * (given.sample_rate / given.fft))[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)))
    weights[0] = 0.0
    return np.asarray(weights, np.float32)


def dct_weights(bins: int, coefficients: int) -> Float32:
    """Return the orthonormal DCT-II, (coefficients, bins): c[k, m] = s[k] cos(pi k (2 m + 1) / (2 bins)).

    s[0] = sqrt(1 / bins), the others sqrt(2 / bins).
    """
    k, m = np.arange(coefficients)[:, None], np.arange(bins)
    scale = np.where(k == 0, math.sqrt(1 / bins), math.sqrt(2 / bins))
    return np.asarray(scale * np.cos(np.pi * k * (2 * m + 1) / (2 * bins)), np.float32)


def logarithm(values: Float32) -> Float32:
    """Return the natural logarithm of positive normal numbers.

    v = m * 2**e with m in sqrt(1/2) to sqrt(2); then e * ln 2 + ln m by the series, in Horner's order.
    """
    mantissa, exponent = np.frexp(values)
    low = mantissa < SQRT_HALF
    mantissa = np.where(low, mantissa + mantissa, mantissa)
    exponent = np.where(low, exponent - 1, exponent)
    s = (mantissa - np.float32(1)) / (mantissa + np.float32(1))
    square = s * s
    tail = np.full_like(s, SERIES[0])
    for coefficient in SERIES[1:]:
        tail = tail * square + coefficient
    tail = tail * square + np.float32(1)
    return np.asarray(exponent.astype(np.float32) * LN2 + (s + s) * tail, np.float32)


def _mel_sums(energy: Float32, weights: Float32) -> Float32:
    """Return energy @ weights, each sum from the lowest bin that its filter weighs to the highest."""
    result = np.zeros((len(energy), weights.shape[1]), np.float32)
    for index, column in enumerate(weights.T):
        weighed = np.flatnonzero(column)
        if len(weighed):
            first, last = weighed[0], weighed[-1] + 1
            result[:, index] = np.add.accumulate(energy[:, first:last] * column[first:last], axis=1)[:, -1]
    return result
