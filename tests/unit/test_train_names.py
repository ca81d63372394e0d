"""The names that `check` knows without Keras are those of the installed Keras."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netspec.names import keras as keras_names
from netspec.train.backend import load_keras
from netspec.train.monitor import is_rising

keras = load_keras()

# Why a lower-case name of Keras is not in the language.
LEFT_OUT = {
    "circle": "labels of metric learning, which belong to no shape of an output",
    "ctc": "labels of sequences, likewise",
    "mean": "aggregates one value, compares nothing",
    "sum": "likewise",
    "metric": "base class",
    "optimizer": "base class",
}


# Arguments of optimizers that no plain value of a spec can be, or that change nothing in what is trained.
NOT_PLAIN = {"self", "kwargs", "name", "exclude_layers", "exclude_embeddings"}


def registered(module: str) -> dict[str, Any]:
    """Return what Keras' `get` looks names up in; the only way to list them."""
    found: dict[str, Any] = importlib.import_module(f"keras.src.{module}").ALL_OBJECTS_DICT
    return {name: value for name, value in found.items() if name == name.lower()}


def usable(make: Callable[[], object]) -> bool:
    """Tell whether a name is enough; `io_u` and the like need arguments, which a list of names cannot give."""
    try:
        make()
    except (TypeError, ValueError, KeyError):
        return False
    return True


def test_losses() -> None:
    assert set(keras_names.LOSSES) == set(registered("losses")) - set(LEFT_OUT)


def test_metrics() -> None:
    known = {name for name, make in registered("metrics").items() if usable(make)}
    assert set(keras_names.METRICS) == known - set(LEFT_OUT) | {"acc"}  # compile() knows `acc`, and only it


def test_optimizers() -> None:
    known = {name for name in registered("optimizers") if usable(lambda name=name: keras.optimizers.get(name))}
    assert set(keras_names.OPTIMIZERS) == known - set(LEFT_OUT)


@pytest.mark.parametrize("name", keras_names.OPTIMIZERS)
def test_optimizer_arguments(name: str) -> None:
    signature = set(inspect.signature(type(keras.optimizers.get(name)).__init__).parameters)
    listed = {*keras_names.OPTIMIZERS[name], *keras_names.OPTIMIZER_ARGUMENTS}
    assert listed == signature - NOT_PLAIN


@pytest.mark.parametrize("names", [keras_names.LOSSES, keras_names.METRICS, tuple(keras_names.OPTIMIZERS)])
def test_names_are_sorted_and_unique(names: tuple[str, ...]) -> None:
    assert list(names) == sorted(set(names))


def test_rising_metrics_rise_in_keras_too() -> None:
    made = {name: make() for name, make in registered("metrics").items() if usable(make)}
    directions = {name: getattr(metric, "_direction", None) for name, metric in made.items()}
    assert any(directions.values())
    for name, direction in directions.items():
        if direction:
            assert is_rising(name) == (direction == "up"), name
            assert is_rising(f"val_output_{name}") == (direction == "up"), name


def test_no_loss_rises() -> None:
    assert not any(is_rising(name) for name in ("loss", "val_loss", "accuracy_loss", "val_auc_loss"))


@pytest.mark.parametrize("name", keras_names.OPTIMIZERS)
def test_every_optimizer_makes_a_step(name: str) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    before = [value.numpy() for value in model.trainable_variables]
    model.compile(keras.optimizers.get(name), "mse")
    model.train_on_batch(np.ones((2, 4), np.float32), np.ones((2, 2), np.float32))
    assert any((old != new.numpy()).any() for old, new in zip(before, model.trainable_variables, strict=True))
