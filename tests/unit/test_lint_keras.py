"""What the rules say of Keras, asked of Keras."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from netspec.lint import heads
from netspec.train.backend import load_keras

keras = load_keras()


@pytest.mark.parametrize("name", sorted(heads._CLASSES | heads._EACH))
def test_a_loss_by_name_takes_probabilities(name: str) -> None:
    parameters = inspect.signature(keras.losses.get(name)).parameters
    assert "from_logits" not in parameters or parameters["from_logits"].default is False


def test_categorical_crossentropy_of_logits_may_prefer_the_wrong_class() -> None:
    """Both logits below 0: divided by their sum, the smaller one becomes the larger probability."""
    loss, logits = keras.losses.get("categorical_crossentropy"), np.array([[-1.0, -2.0]], np.float32)
    right, wrong = (np.array([label], np.float32) for label in ([1, 0], [0, 1]))
    assert float(loss(right, logits)[0]) > float(loss(wrong, logits)[0])
    assert float(loss(right, keras.ops.softmax(logits))[0]) < float(loss(wrong, keras.ops.softmax(logits))[0])


def test_binary_crossentropy_of_logits_is_clipped() -> None:
    """Beyond 0 and 1 it is constant, so nothing is learned from how wrong a logit is."""
    loss, label = keras.losses.get("binary_crossentropy"), np.array([[1.0]], np.float32)
    near, far = (np.array([[logit]], np.float32) for logit in (-0.5, -8.0))
    assert float(loss(label, near)[0]) == float(loss(label, far)[0])
    assert float(loss(label, keras.ops.sigmoid(near))[0]) < float(loss(label, keras.ops.sigmoid(far))[0])


def test_batch_norm_takes_a_bias_away_again() -> None:
    """In training: the same outputs for any bias."""
    norm = keras.layers.BatchNormalization()
    x = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    bias = np.array([0.5, -1.0, 2.0, 0.0, 3.0], np.float32)
    np.testing.assert_allclose(norm(x, training=True), norm(x + bias, training=True), atol=1e-5)


def test_a_frozen_batch_norm_does_not() -> None:
    norm = keras.layers.BatchNormalization(trainable=False)
    x = np.zeros((4, 3), np.float32)
    assert float(np.max(np.abs(norm(x + 1, training=True) - norm(x, training=True)))) > 0.9
