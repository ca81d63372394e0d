"""What a model answers, and how often it is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netspec.data.rules import CATEGORICAL
from netspec.train.data import SPARSE

if TYPE_CHECKING:
    import keras

Array = npt.NDArray[Any]

_BINARY = ("binary_crossentropy", "binary_focal_crossentropy", "bce")
_BATCH = 256


def keras_outputs(model: keras.Model, x: Mapping[str, Array]) -> dict[str, npt.NDArray[np.float32]]:
    """Return the model's outputs by name for samples along axis 0 of every input, as float32."""
    given = next(iter(x.values())) if len(x) == 1 else dict(x)
    answers = model.predict(given, batch_size=_BATCH, verbose=0)
    named = answers if isinstance(answers, dict) else {model.output_names[0]: answers}
    return {name: np.asarray(named[name], dtype=np.float32) for name in model.output_names}


def accuracy(outputs: Mapping[str, Array], y: Mapping[str, Array], loss: str | Mapping[str, str]) -> float | None:
    """Return the share of right answers, in 0..1; None where an output is no classification by its loss.

    The class is the largest value along the last axis, for binary losses whether a value is above 0.5. Several
    outputs count alike.
    """
    shares = []
    for name, values in outputs.items():
        share = _share(values, y[name], loss if isinstance(loss, str) else loss[name])
        if share is None:
            return None
        shares.append(share)
    return float(np.mean(shares)) if shares else None


def score(outputs: Mapping[str, Array], y: Mapping[str, Array], loss: str | Mapping[str, str]) -> tuple[str, float]:
    """Return ("accuracy", share) for classifications, else ("mean squared error", error), outputs counted alike."""
    share = accuracy(outputs, y, loss)
    if share is not None:
        return "accuracy", share
    errors = []
    for name, values in outputs.items():
        if (loss if isinstance(loss, str) else loss[name]) in SPARSE:
            truth: Array = np.eye(values.shape[-1])[y[name]]
        else:
            truth = y[name]
        errors.append(np.mean(np.square(values.astype(np.float64) - truth)))
    return "mean squared error", float(np.mean(errors))


def class_counts(truth: Array, loss: str, classes: int) -> Array | None:
    """Return how many samples are of each class, in a column for each label of a sample; None without classes."""
    if loss in SPARSE:
        return np.bincount(truth.ravel().astype(np.int64), minlength=classes)[:, None]
    if loss in CATEGORICAL:
        return np.bincount(np.argmax(truth, axis=-1).ravel(), minlength=classes)[:, None]
    if loss in _BINARY:
        above = (truth > 0.5).reshape(len(truth), -1).sum(axis=0)
        return np.stack([len(truth) - above, above])
    return None


def commonest(counts: Iterable[Array]) -> tuple[float, bool]:
    """Return the accuracy of always answering the commonest class, and whether classes are unequal.

    They are where that accuracy is a fifth above that of equal classes.
    """
    shares = [(each.max(axis=0) / each.sum(axis=0), len(each)) for each in counts]
    share = float(np.mean([part.mean() for part, _ in shares]))
    equal = float(np.mean([1 / classes for _, classes in shares]))
    return share, share >= 1.2 * equal


def _share(values: Array, truth: Array, loss: str) -> float | None:
    if loss in SPARSE:
        return float(np.mean(np.argmax(values, axis=-1) == truth))
    if loss in CATEGORICAL:
        return float(np.mean(np.argmax(values, axis=-1) == np.argmax(truth, axis=-1)))
    if loss in _BINARY:
        return float(np.mean((values > 0.5) == (truth > 0.5)))
    return None
