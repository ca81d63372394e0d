"""Sound features: to the bit with a front end in C, and to rounding with TensorFlow's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from netspec.data.sounds import values_a_frame
from netspec.spec.data_forms import Audio
from netspec.train.audio_features import Features, dct_weights, fourier, logarithm, mel_weights, twiddles

SETTINGS: list[dict[str, Any]] = [
    {"features": "mfcc", "coefficients": 10, "upper_edge_hertz": 4000.0},
    {"features": "log_mel"},
    {"features": "log_mel", "spectrum": "power", "frame_length": 512, "mel_bins": 64, "log_floor": 1e-10},
    {"features": "mfcc", "coefficients": 13, "sample_rate": 8000, "frame_length": 200, "frame_step": 80},
    {"features": "log_mel", "frame_length": 3, "frame_step": 5, "fft_length": 16, "mel_bins": 2},
]


def audio(settings: dict[str, Any]) -> Audio:
    return Audio(path="clips", **settings)


def clips(given: Audio, count: int = 4, frames: int = 9) -> npt.NDArray[np.float32]:
    """Noise, a tone at full scale, clicks, and silence that ends in a whisper."""
    rng = np.random.default_rng(0)
    length = given.frame_length + (frames - 1) * given.frame_step
    time = np.arange(length)
    made = np.zeros((4, length), np.float32)
    made[0] = rng.normal(0, 0.2, length)
    made[1] = np.sign(np.sin(2 * np.pi * 440 / given.sample_rate * time))
    made[2, ::97] = 1
    made[3, length // 2 :] = rng.integers(-2, 3, length - length // 2) / 32768
    return made[:count]


def double_precision(given: Audio, clip: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The same features by TensorFlow, in float64 and in no particular order."""
    import tensorflow as tf

    def window(length: int, dtype: Any) -> Any:
        # tf.signal.hann_window is the symmetric form for odd lengths, even if asked for the periodic one.
        return tf.signal.hann_window(2 * length, dtype=dtype)[::2]

    samples = tf.constant(clip, tf.float64)
    spectrum = np.abs(tf.signal.stft(samples, given.frame_length, given.frame_step, given.fft, window).numpy())
    if given.spectrum == "power":
        spectrum = spectrum**2
    hertz = np.arange(given.fft // 2 + 1) * given.sample_rate / given.fft

    def mel(f: Any) -> Any:
        return 2595 * np.log10(1 + f / 700) * (1127 / (2595 / np.log(10)))

    edges = np.linspace(mel(given.lower_edge_hertz), mel(given.upper), given.mel_bins + 2)
    weights = np.stack(
        [np.interp(mel(hertz), edges[m : m + 3], [0, 1, 0], left=0, right=0) for m in range(given.mel_bins)], axis=1
    )
    weights[0] = 0
    levels = np.log(np.maximum(spectrum @ weights, given.log_floor))
    if given.features == "log_mel":
        return np.asarray(levels)
    return np.asarray(tf.signal.dct(levels, type=2, norm="ortho").numpy()[:, : given.coefficients])


@pytest.mark.parametrize("settings", SETTINGS)
def test_features_are_tensorflows(settings: dict[str, Any]) -> None:
    given = audio(settings)
    features = Features(given, values_a_frame(given, 10_000))
    for clip in clips(given):
        expected = double_precision(given, clip)
        found = features(clip)
        assert found.dtype == np.float32
        assert found.shape == expected.shape
        # Where a tone leaves a bin empty, float32 leaves 1e-7 of the tone in it; the floor hides what is below it.
        loud = expected > expected.max() - 9
        np.testing.assert_allclose(found[loud], expected[loud], rtol=2e-5, atol=2e-3)


@pytest.mark.parametrize("settings", SETTINGS)
def test_features_are_those_of_a_front_end_in_c_to_the_bit(settings: dict[str, Any], front_end: Path) -> None:
    given = audio(settings)
    features = Features(given, values_a_frame(given, 10_000))
    sounds = clips(given)
    coefficients = 0 if features.dct is None else len(features.dct)
    frames = 1 + (sounds.shape[1] - given.frame_length) // given.frame_step
    numbers = [
        given.frame_length, given.frame_step, given.fft, given.mel_bins, coefficients, frames, len(sounds),
        int(given.spectrum == "power"), 0,
    ]  # fmt: skip
    dct = np.zeros((0, given.mel_bins), np.float32) if features.dct is None else features.dct
    tables = [np.array([given.log_floor]), features.window, features.cos, features.sin, features.mel, dct, sounds]
    stream = np.array(numbers, "<i4").tobytes() + b"".join(np.asarray(each, "<f4").tobytes() for each in tables)
    done = subprocess.run([front_end], input=stream, capture_output=True, check=True)
    theirs = np.frombuffer(done.stdout, "<f4")
    ours = np.stack([features(clip) for clip in sounds]).astype("<f4")
    np.testing.assert_array_equal(ours.reshape(-1).view("<u4"), theirs.view("<u4"))


@pytest.fixture(scope="module")
def front_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("c") / "front_end"
    source = Path(__file__).parent / "audio_front_end.c"
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2", "-ffp-contract=off"]
    subprocess.run(["cc", *strict, source, "-o", program, "-lm"], check=True)
    return program


def test_mel_filters_are_tensorflows() -> None:
    import tensorflow as tf

    for settings in SETTINGS[:4]:
        given = audio(settings)
        theirs = tf.signal.linear_to_mel_weight_matrix(
            given.mel_bins, given.fft // 2 + 1, given.sample_rate, given.lower_edge_hertz, given.upper, tf.float64
        )
        np.testing.assert_allclose(mel_weights(given), theirs.numpy(), atol=1e-6)


def test_mfccs_are_tensorflows_but_for_the_first_ones_scale() -> None:
    import tensorflow as tf

    given = audio({**SETTINGS[0], "log_floor": 1e-6})
    clip = clips(given)[0]
    spectrum = tf.abs(tf.signal.stft(clip, given.frame_length, given.frame_step, given.fft))
    levels = tf.math.log(tf.maximum(spectrum @ mel_weights(given), 1e-6))
    theirs = tf.signal.mfccs_from_log_mel_spectrograms(levels)[:, :10].numpy()
    theirs[:, 0] /= np.sqrt(2)
    np.testing.assert_allclose(Features(given, 10)(clip), theirs, atol=1e-4)


@pytest.mark.parametrize("points", [2, 4, 64, 1024])
def test_fourier(points: int) -> None:
    frames = np.random.default_rng(points).normal(size=(3, points)).astype(np.float32)
    real, imaginary = fourier(frames, *twiddles(points))
    assert real.dtype == imaginary.dtype == np.float32
    expected = np.fft.fft(frames.astype(np.float64))
    np.testing.assert_allclose(real + 1j * imaginary, expected, atol=2e-6 * np.abs(expected).max())


def test_logarithm_is_right_to_its_last_places() -> None:
    values = np.exp(np.random.default_rng(0).uniform(-80, 80, 100_000)).astype(np.float32)
    values = np.concatenate([values, np.array([1, 2, 0.5, 0.70710677, 0.70710683, 1e-6, 3e38], np.float32)])
    expected = np.log(values.astype(np.float64))
    found = logarithm(values)
    assert found.dtype == np.float32
    # Two roundings of e * ln2, which is up to 88: 4 units of float32 there; near 1 the logarithm is near 0.
    assert np.abs(found - expected).max() < 2e-5
    near = np.abs(values - 1) < 0.3
    np.testing.assert_allclose(found[near], expected[near], rtol=4e-7)
    assert logarithm(np.ones(1, np.float32)) == 0


def test_dct_is_orthonormal() -> None:
    weights = dct_weights(40, 40).astype(np.float64)
    np.testing.assert_allclose(weights @ weights.T, np.eye(40), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fft_length": 500}, "no power of two"),
        ({"fft_length": 256}, "no power of two that holds frame_length 480"),
        ({"upper_edge_hertz": 9000.0}, "end at half of sample_rate 16000 at most"),
        ({"lower_edge_hertz": 4000.0, "upper_edge_hertz": 300.0}, "must rise"),
        ({"coefficients": 41}, "41 coefficients of 40 mel_bins"),
        ({"features": "log_mel", "coefficients": 10}, "log_mel has none of"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        audio({"features": "mfcc", **settings})
