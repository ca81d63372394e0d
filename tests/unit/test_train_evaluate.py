"""Accuracy by the loss, and what stands in for it where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netspec.train.evaluate import accuracy, class_counts, commonest, keras_outputs, score
from netspec.train.model import build_model
from tests.specs import make_graph

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3], [0.5, 0.1, 0.4]])


@pytest.mark.parametrize(
    ("loss", "outputs", "labels", "expected"),
    [
        ("sparse_categorical_crossentropy", PROBABILITIES, np.array([0, 2, 0, 2]), 0.5),
        ("categorical_crossentropy", PROBABILITIES, np.eye(3)[[0, 2, 1, 2]], 0.75),
        ("categorical_hinge", PROBABILITIES, np.eye(3)[[0, 2, 1, 0]], 1.0),
        ("binary_crossentropy", np.array([[0.4], [0.6], [0.5]]), np.array([[0.0], [1.0], [1.0]]), 2 / 3),
        ("mse", PROBABILITIES, PROBABILITIES, None),
        ("huber", PROBABILITIES, PROBABILITIES, None),
    ],
)
def test_accuracy(loss: str, outputs: np.ndarray, labels: np.ndarray, expected: float | None) -> None:
    assert accuracy({"out": outputs}, {"out": labels}, loss) == expected


def test_labels_of_sequences_count_step_by_step() -> None:
    outputs = np.stack([PROBABILITIES, PROBABILITIES])
    labels = np.array([[0, 2, 1, 0], [1, 1, 1, 1]])
    assert accuracy({"out": outputs}, {"out": labels}, "sparse_categorical_crossentropy") == 5 / 8


def test_several_outputs_count_alike() -> None:
    outputs = {"a": PROBABILITIES, "b": np.array([[0.9], [0.1]])}
    labels = {"a": np.array([0, 0, 0, 0]), "b": np.array([[1.0], [1.0]])}
    losses = {"a": "sparse_categorical_crossentropy", "b": "bce"}
    assert accuracy(outputs, labels, losses) == (0.5 + 0.5) / 2
    assert accuracy(outputs, labels, losses | {"b": "mse"}) is None


def test_score() -> None:
    answers, truth = {"out": np.array([[1.0], [3.0]], np.float32)}, {"out": np.array([[2.0], [1.0]], np.float32)}
    assert score(answers, truth, "mae") == ("mean squared error", (1 + 4) / 2)
    assert score({"out": PROBABILITIES}, {"out": np.array([0, 2, 1, 0])}, "sparse_categorical_crossentropy") == (
        "accuracy",
        1.0,
    )


def test_score_of_a_classification_beside_a_regression() -> None:
    outputs = {"a": np.array([[0.5, 0.5]]), "b": np.array([[2.0]])}
    labels = {"a": np.array([1]), "b": np.array([[0.0]])}
    losses = {"a": "sparse_categorical_crossentropy", "b": "mse"}
    assert score(outputs, labels, losses) == ("mean squared error", (0.25 + 4.0) / 2)


def test_outputs_are_the_models_for_any_number_of_samples() -> None:
    graph = make_graph(
        [{"dense": {"name": "p", "units": 2, "from": "b"}}, {"dense": {"name": "q", "units": 1, "from": "a"}}],
        {"a": [3], "b": [2]},
        outputs=["q", "p"],
    )
    model = build_model(graph)
    rng = np.random.default_rng(0)
    x = {"a": rng.random((300, 3), np.float32), "b": rng.random((300, 2), np.float32)}
    outputs = keras_outputs(model, x)
    for name, source in (("p", "b"), ("q", "a")):
        assert outputs[name].dtype == np.float32
        expected = x[source] @ model.get_layer(name).kernel.numpy()
        np.testing.assert_allclose(outputs[name], expected, rtol=1e-5, atol=1e-6)


def test_the_one_output_bears_its_name() -> None:
    model = build_model(make_graph([{"rescaling": {"name": "half", "scale": 0.5}}], [2]))
    outputs = keras_outputs(model, {"x": np.array([[2.0, 4.0]], np.float32)})
    assert outputs["half"].tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("loss", "labels", "classes", "share", "uneven"),
    [
        ("sparse_categorical_crossentropy", [0] * 981 + [1] * 19, 2, 0.981, True),
        ("sparse_categorical_crossentropy", [0, 1, 2, 3] * 25, 4, 0.25, False),
        ("sparse_categorical_crossentropy", [0] * 30 + [1] * 35 + [2] * 35, 3, 0.35, False),
        ("binary_crossentropy", [0.0] * 98 + [1.0] * 2, 1, 0.98, True),
        ("binary_crossentropy", [0.0] * 50 + [1.0] * 50, 1, 0.5, False),
        ("categorical_crossentropy", [[1, 0]] * 9 + [[0, 1]], 2, 0.9, True),
    ],
)
def test_the_commonest_class(loss: str, labels: list[Any], classes: int, share: float, uneven: bool) -> None:
    truth = np.array(labels)
    counts = class_counts(truth, loss, classes)
    assert counts is not None
    assert commonest([counts]) == (pytest.approx(share), uneven)
    first, second = (class_counts(part, loss, classes) for part in np.array_split(truth, 2))
    assert first is not None
    assert second is not None
    assert commonest([first + second]) == (pytest.approx(share), uneven)


def test_a_regression_has_no_classes() -> None:
    assert class_counts(np.array([1.0, 2.0]), "mse", 1) is None
