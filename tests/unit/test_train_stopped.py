"""Ctrl-C, edit, build again: the build lists the changed keys, and training goes on or starts anew as asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.graph import Graph
from netspec.train import checkpoint
from netspec.train.data import load_data
from netspec.train.fit import Interrupted, Trained, train
from netspec.train.monitor import Monitor
from netspec.train.stopped import Plan, stopped_training
from netspec.train.weights import weights_digest
from tests.unit.test_train_fit import LAYERS, spec_in, stop_in

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """Return a folder that holds a training of four epochs that was stopped in its third."""
    graph = spec_in(tmp_path / "one")
    with pytest.raises(Interrupted):
        train(graph, load_data(graph.spec), tmp_path / "work", progress=stop_in(3))
    return tmp_path / "work"


def plan(folder: Path, *, anew: bool = False, go_on: bool = False, **change: Any) -> tuple[Graph, Plan]:
    graph = spec_in(folder.parent / "two", **change)
    return graph, stopped_training(graph, load_data(graph.spec), folder, None, anew=anew, go_on=go_on)


def trained(graph: Graph, folder: Path, how: Plan | None = None) -> Trained:
    options = {"resume": how.resume, "changed": how.changed} if how else {}
    return train(graph, load_data(graph.spec), folder, **options)  # type: ignore[arg-type]


def test_nothing_changed(stopped: Path) -> None:
    _, found = plan(stopped)
    assert found == Plan(("going on with the training that was stopped here after epoch 2: 4 epochs at most",))


def test_no_training_was_stopped(tmp_path: Path) -> None:
    assert plan(tmp_path / "work")[1] == Plan(("training: 4 epochs at most",))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 9}, ["train.seed was 3 and is 9"]),
        ({"optimizer": {"adam": {"learning_rate": 0.1}}}, ["train.optimizer.adam.learning_rate was 0.02 and is 0.1"]),
        ({"early_stopping": {"patience": 2}}, ["train.early_stopping is new"]),
        ({"layers": LAYERS[:2] + LAYERS[3:]}, ["layers.dropout is gone"]),
        ({"layers": [{"dense": {"name": "hidden", "units": 8, "activation": "relu"}}, *LAYERS[1:]]},
         ["layers.hidden.units was 16 and is 8"]),
        ({"validated": False}, ["the data changed"]),
    ],
)  # fmt: skip
def test_what_changed_is_told_and_training_starts_anew(stopped: Path, change: dict[str, Any], told: list[str]) -> None:
    graph, found = plan(stopped, **change)
    lines = [line.strip() for line in found.told]
    assert lines[0] == "since the training that was stopped here after epoch 2:"
    assert set(told) <= set(lines)
    assert lines[-1] == "training: 4 epochs at most"
    assert "--resume" in lines[-2]
    fresh = trained(graph, stopped.parent / "fresh")
    assert weights_digest(trained(graph, stopped, found).weights) == weights_digest(fresh.weights)


def test_the_spec_as_it_was_goes_on_with_its_own_training(stopped: Path) -> None:
    other, found = plan(stopped, seed=9)
    with pytest.raises(Interrupted):
        train(other, load_data(other.spec), stopped, progress=stop_in(2))
    graph, found = plan(stopped)
    assert "after epoch 2" in found.told[0]
    straight = trained(graph, stopped.parent / "straight")
    assert weights_digest(trained(graph, stopped, found).weights) == weights_digest(straight.weights)


@pytest.mark.parametrize("epochs", [2, 6])
def test_another_number_of_epochs_goes_on_to_the_same_weights(stopped: Path, epochs: int) -> None:
    graph, found = plan(stopped, epochs=epochs)
    assert f"  train.epochs was 4 and is {epochs}" in found.told
    assert found.told[-1] == f"going on after epoch 2: {epochs} epochs at most"
    straight = trained(graph, stopped.parent / "straight")
    assert weights_digest(trained(graph, stopped, found).weights) == weights_digest(straight.weights)


def test_fewer_epochs_than_are_done_start_anew(stopped: Path) -> None:
    assert plan(stopped, epochs=1)[1].told[-1] == "training: 1 epochs at most"


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": {"adam": {"learning_rate": 0.001}}},
        {"optimizer": "sgd"},
        {"validated": False, "metrics": []},
        {"early_stopping": {"monitor": "val_accuracy", "patience": 1}},
        {"layers": [*LAYERS[:2], {"dropout": {"rate": 0.1}}, *LAYERS[3:]]},
    ],
)
def test_resume_goes_on_in_spite_of_a_change(stopped: Path, change: dict[str, Any]) -> None:
    graph, found = plan(stopped, go_on=True, **change)
    assert found.told[-1] == "going on after epoch 2: 4 epochs at most"
    done = trained(graph, stopped, found)
    assert 2 < len(done.history) <= 4
    assert all(np.isfinite(array).all() for array in done.weights.values())


def test_resume_of_weights_that_do_not_fit_is_refused(stopped: Path) -> None:
    graph, found = plan(stopped, go_on=True, layers=[{"dense": {"units": 2}}, "softmax"])
    with pytest.raises(checkpoint.DoesNotFit, match="does not fit the changed network"):
        trained(graph, stopped, found)


def test_force_starts_anew(stopped: Path) -> None:
    assert plan(stopped, anew=True)[1] == Plan(("training: 4 epochs at most",), resume=False)


def test_a_damaged_checkpoint_is_told_and_removed(stopped: Path) -> None:
    (stopped / checkpoint.FOLDER / "checkpoint.npz").write_bytes(b"garbage")
    told = plan(stopped)[1].told
    assert "is damaged" in told[0]
    assert told[1] == "training: 4 epochs at most"
    assert not (stopped / checkpoint.FOLDER).exists()


def test_a_monitor_after_another() -> None:
    seen = Monitor("val_loss", rising=False, best=0.5, best_epoch=2, epoch=3)
    same = Monitor("val_loss", rising=False, patience=1)
    assert same.after(seen, 3) == (Monitor("val_loss", False, 0.0, 1, 0.5, 2, 3), True)
    other, counts = Monitor("loss", rising=False, patience=1).after(seen, 3)
    assert not counts
    assert not other.stop
    assert other.observe(9.0).improved
