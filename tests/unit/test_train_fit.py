"""Training: what is kept, and that stopping and going on changes nothing."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.diagnostics import SpecError, ToolError
from netspec.graph import Graph, build_graph
from netspec.spec.source import load
from netspec.spec.spec import read
from netspec.train import checkpoint
from netspec.train.data import load_data
from netspec.train.evaluate import accuracy, keras_outputs
from netspec.train.fit import Interrupted, Trained, train
from netspec.train.monitor import Monitor
from netspec.train.progress import Display, Step
from netspec.train.weights import get_weights, weights_digest
from tests.specs import make_graph

LAYERS: list[Any] = [
    {"dense": {"name": "hidden", "units": 16, "activation": "relu"}},
    {"batch_normalization": {"momentum": 0.5}},
    {"dropout": {"rate": 0.3}},
    {"dense": {"name": "out", "units": 2}},
    "softmax",
]


def spec_in(folder: Path, *, validated: bool = True, layers: list[Any] | None = None, **options: Any) -> Graph:
    """Two noisy clouds, 45 samples: the last batch of ten is a part of one."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 4)) + y[:, None] * [1.5, 0, 0, 1]
    held = {"x_val": x[45:], "y_val": y[45:]} if validated else {}
    np.savez(folder / "data.npz", x_train=x[:45], y_train=y[:45], **held)
    section = {
        "data": {"npz": "data.npz"},
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        "optimizer": {"adam": {"learning_rate": 0.02}},
        "epochs": 4,
        "batch_size": 10,
        "seed": 3,
        **options,
    }
    return make_graph(layers or LAYERS, [4], path=folder / "spec.yaml", train=section)


def run(graph: Graph, folder: Path, **options: Any) -> Trained:
    return train(graph, load_data(graph.spec), folder, **options)


def stop_in(epoch: int, batch: int = 2) -> Callable[[Step], None]:
    def progress(step: Step) -> None:
        if (step.epoch, step.batch, step.done) == (epoch, batch, False):
            raise KeyboardInterrupt

    return progress


def test_a_net_learns(tmp_path: Path) -> None:
    graph = spec_in(tmp_path, epochs=30)
    data = load_data(graph.spec)
    trained = train(graph, data, tmp_path / "build")
    share = accuracy(keras_outputs(trained.model, data.train.x), data.train.y, "sparse_categorical_crossentropy")
    assert share is not None
    assert share >= 0.8
    assert len(trained.history) == 30


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    trained = run(spec_in(tmp_path, epochs=12, optimizer={"adam": {"learning_rate": 0.3}}), tmp_path / "build")
    losses = [row["val_loss"] for row in trained.history]
    assert trained.epoch == losses.index(min(losses)) + 1
    assert trained.epoch < 12
    again = run(spec_in(tmp_path, epochs=trained.epoch, optimizer={"adam": {"learning_rate": 0.3}}), tmp_path / "build")
    assert weights_digest(again.weights) == weights_digest(trained.weights)
    assert weights_digest(get_weights(trained.model, spec_in(tmp_path))) == weights_digest(trained.weights)


def test_without_validation_the_last_epoch_is_kept(tmp_path: Path) -> None:
    trained = run(spec_in(tmp_path, validated=False), tmp_path / "build")
    assert trained.epoch == 4
    assert list(trained.history[0]) == ["accuracy", "loss"]


def test_early_stopping(tmp_path: Path) -> None:
    stopping = {"monitor": "val_accuracy", "patience": 3}
    trained = run(spec_in(tmp_path, epochs=60, early_stopping=stopping), tmp_path / "build")
    values = [row["val_accuracy"] for row in trained.history]
    assert len(values) == trained.epoch + 3 < 60
    assert trained.epoch == values.index(max(values)) + 1


def test_history(tmp_path: Path) -> None:
    trained = run(spec_in(tmp_path), tmp_path / "build")
    header, *rows = (tmp_path / "build" / "history.csv").read_text().splitlines()
    assert header == "epoch,accuracy,loss,val_accuracy,val_loss"
    columns = header.split(",")[1:]
    for number, (row, values) in enumerate(zip(rows, trained.history, strict=True), start=1):
        assert row.split(",")[0] == str(number)
        assert [float(cell) for cell in row.split(",")[1:]] == [values[name] for name in columns]
    assert sorted(item.name for item in (tmp_path / "build").iterdir()) == ["history.csv"]


def test_training_repeats_itself(tmp_path: Path) -> None:
    one, two = (run(spec_in(tmp_path), tmp_path / name) for name in ("one", "two"))
    assert weights_digest(one.weights) == weights_digest(two.weights)
    other = run(spec_in(tmp_path, seed=4), tmp_path / "other")
    assert weights_digest(other.weights) != weights_digest(one.weights)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"validated": False, "optimizer": {"sgd": {"momentum": 0.9}}},
        {"early_stopping": {"patience": 2}, "epochs": 9, "optimizer": "schedulefreeadamw"},
    ],
)
def test_stopped_and_resumed_is_as_never_stopped(tmp_path: Path, options: Any) -> None:
    graph = spec_in(tmp_path, **options)
    straight = run(graph, tmp_path / "straight")
    for epoch in (2, 3):
        with pytest.raises(Interrupted) as caught:
            run(graph, tmp_path / "broken", progress=stop_in(epoch))
        assert caught.value.epoch == epoch - 1
    resumed = run(graph, tmp_path / "broken")
    assert resumed.history == straight.history
    assert resumed.epoch == straight.epoch
    for key, array in straight.weights.items():
        np.testing.assert_array_equal(resumed.weights[key], array, err_msg=str(key))
    for name in ("straight", "broken"):
        assert [item.name for item in (tmp_path / name).iterdir()] == ["history.csv"]
    histories = {(tmp_path / name / "history.csv").read_bytes() for name in ("straight", "broken")}
    assert len(histories) == 1


def test_the_best_epoch_survives_an_interruption(tmp_path: Path) -> None:
    """Epochs after the best one are trained again from their own weights, not from the best."""
    graph = spec_in(tmp_path, epochs=12, optimizer={"adam": {"learning_rate": 0.3}})
    straight = run(graph, tmp_path / "straight")
    assert straight.epoch < 11
    with pytest.raises(Interrupted):
        run(graph, tmp_path / "broken", progress=stop_in(12))
    resumed = run(graph, tmp_path / "broken")
    assert resumed.epoch == straight.epoch
    assert weights_digest(resumed.weights) == weights_digest(straight.weights)


def test_the_message_of_an_interruption_says_how_to_go_on(tmp_path: Path) -> None:
    graph = spec_in(tmp_path / "my specs")
    command = f"netspec build '{tmp_path / 'my specs' / 'spec.yaml'}'"
    with pytest.raises(Interrupted) as caught:
        run(graph, tmp_path / "build", progress=stop_in(3))
    assert str(caught.value) == f"training stopped after epoch 2 of 4; `{command}` goes on from there"
    with pytest.raises(Interrupted) as caught:
        run(graph, tmp_path / "other", progress=stop_in(1), command="make demo")
    assert str(caught.value) == "training stopped in epoch 1 of 4; `make demo` starts it again"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder whose `build` holds a training that was stopped in epoch 2."""
    folder = tmp_path_factory.mktemp("interrupted")
    with pytest.raises(Interrupted):
        run(spec_in(folder), folder / "build", progress=stop_in(2))
    return folder


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"seed": 9}, "the train section changed"),
        ({"epochs": 5}, "the train section changed"),
        ({"layers": LAYERS[:2] + LAYERS[3:]}, "the layers changed"),
        ({"validated": False}, "the data changed"),
    ],
)
def test_another_spec_is_not_resumed(tmp_path: Path, interrupted: Path, change: dict[str, Any], what: str) -> None:
    shutil.copytree(interrupted / "build", tmp_path / "build")
    before = (tmp_path / "build" / checkpoint.FOLDER / "checkpoint.npz").read_bytes()
    changed = spec_in(tmp_path, **change)
    with pytest.raises(ToolError, match=what) as caught:
        run(changed, tmp_path / "build")
    assert "--force" in (caught.value.help or "")
    assert (tmp_path / "build" / checkpoint.FOLDER / "checkpoint.npz").read_bytes() == before


def test_force_begins_anew(tmp_path: Path, interrupted: Path) -> None:
    shutil.copytree(interrupted / "build", tmp_path / "build")
    changed = spec_in(tmp_path, seed=9)
    anew, fresh = run(changed, tmp_path / "build", resume=False), run(changed, tmp_path / "fresh")
    assert weights_digest(anew.weights) == weights_digest(fresh.weights)


def test_comments_and_data_packing_do_not_change_a_spec(tmp_path: Path, interrupted: Path) -> None:
    graph = spec_in(tmp_path)
    with np.load(tmp_path / "data.npz") as archive:
        np.savez_compressed(tmp_path / "data.npz", **archive)
    (tmp_path / "spec.yaml").write_text("# a comment\n" + (tmp_path / "spec.yaml").read_text())
    graph = build_graph(read(load(tmp_path / "spec.yaml")))
    owner = checkpoint.identity(graph, load_data(graph.spec).digest)
    state = checkpoint.load(interrupted / "build", owner)
    assert state is not None
    assert state.epoch == 1


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"garbage"])
def test_a_damaged_checkpoint_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "build" / checkpoint.FOLDER).mkdir(parents=True)
    (tmp_path / "build" / checkpoint.FOLDER / "checkpoint.npz").write_bytes(content)
    with pytest.raises(ToolError, match="is damaged"):
        run(spec_in(tmp_path), tmp_path / "build")


@pytest.mark.parametrize(
    ("options", "message", "path"),
    [
        (
            {"optimizer": {"adam": {"clipnorm": 1.0, "clipvalue": 1.0}}},
            "Keras refuses optimizer adam",
            "train.optimizer",
        ),
        ({"optimizer": {"adam": {"use_ema": True}}}, "use_ema of optimizer adam is not supported", "train.optimizer"),
        ({"early_stopping": {"monitor": "val_los"}}, "which training does not log", "train.early_stopping.monitor"),
        (
            {"early_stopping": {"monitor": "val_loss"}, "validated": False},
            "there is no validation data",
            "train.early_stopping.monitor",
        ),
        ({"metrics": ["f1_score"]}, "Keras cannot compute the loss or the metrics", "train.metrics"),
        ({"metrics": {"outt": ["accuracy"]}}, "'outt', which is no output", "train.metrics.outt"),
    ],
)
def test_what_keras_refuses(tmp_path: Path, options: dict[str, Any], message: str, path: str) -> None:
    with pytest.raises(SpecError) as caught:
        run(spec_in(tmp_path, **options), tmp_path / "build")
    (found,) = caught.value.diagnostics
    assert message in found.message
    assert found.path == path
    assert found.help


def test_divergence_is_told(tmp_path: Path) -> None:
    steep = {"optimizer": {"sgd": {"learning_rate": 1e30}}, "loss": "mse", "metrics": []}
    graph = spec_in(tmp_path, layers=[{"dense": {"units": 1}}], **steep)
    with pytest.raises(SpecError, match=r"the loss became (nan|inf) in epoch \d"):
        run(graph, tmp_path / "build")


def test_several_outputs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"x_train": rng.random((20, 3)), "y_train_kind": np.arange(20) % 3, "y_train_size": rng.random(20)}
    np.savez(tmp_path / "data.npz", **arrays)
    layers = [
        {"dense": {"name": "body", "units": 4}},
        {"dense": {"name": "kind", "units": 3, "activation": "softmax", "from": "body"}},
        {"dense": {"name": "size", "units": 1, "from": "body"}},
    ]
    graph = make_graph(
        layers,
        [3],
        path=tmp_path / "spec.yaml",
        outputs=["size", "kind"],
        train={
            "data": {"npz": "data.npz"},
            "loss": {"kind": "sparse_categorical_crossentropy", "size": "mse"},
            "metrics": {"kind": ["accuracy"]},
            "epochs": 2,
            "early_stopping": {"monitor": "kind_accuracy", "patience": 5},
        },
    )
    trained = run(graph, tmp_path / "build")
    assert set(trained.history[0]) == {"loss", "kind_loss", "size_loss", "kind_accuracy"}
    outputs = keras_outputs(trained.model, load_data(graph.spec).train.x)
    assert {name: array.shape for name, array in outputs.items()} == {"size": (20, 1), "kind": (20, 3)}


SCRIPT = """
import sys
from pathlib import Path
from netspec.graph import build_graph
from netspec.spec.source import load
from netspec.spec.spec import read
from netspec.train.data import load_data
from netspec.train.fit import Interrupted, train
from netspec.train.progress import Display
graph = build_graph(read(load(sys.argv[1])))
try:
    train(graph, load_data(graph.spec), Path(sys.argv[2]), progress=Display())
except Interrupted as stopped:
    print(stopped, file=sys.stderr)
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint(tmp_path: Path, repository: Path, number: signal.Signals) -> None:
    graph = spec_in(tmp_path, epochs=5000)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "spec.yaml"), str(tmp_path / "build")],
        cwd=repository,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(3)]
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert [line.split("/")[0] for line in lines] == ["epoch    1", "epoch    2", "epoch    3"]
    *rows, message = err.splitlines()
    assert all(row.startswith("epoch") for row in rows)
    done = len(lines) + len(rows)
    command = f"netspec build {tmp_path / 'spec.yaml'}"
    assert message == f"training stopped after epoch {done} of 5000; `{command}` goes on from there"
    state = checkpoint.load(tmp_path / "build", checkpoint.identity(graph, load_data(graph.spec).digest))
    assert state is not None
    assert state.epoch == len(state.history) == done
    assert len((tmp_path / "build" / "history.csv").read_text().splitlines()) == done + 1


def test_a_signal_is_put_off_to_the_end_of_a_batch_and_handlers_are_restored(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    seen: list[Step] = []

    def progress(step: Step) -> None:
        seen.append(step)
        if (step.epoch, step.batch) == (2, 3):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        run(spec_in(tmp_path), tmp_path / "build", progress=progress)
    *_, last, broken = seen
    assert (last.epoch, last.batch, last.broken) == (2, 3, False)
    assert (broken.epoch, broken.broken) == (2, True)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def step(epoch: int, batch: int, *, done: bool = False) -> Step:
    values = {"val_loss": 0.5, "loss": 0.25, "accuracy": 1.0, "val_accuracy": 0.75}
    return Step(epoch, 12, batch, 4, values, 1.25, 3725.0 if epoch < 12 else None, done)


def test_display_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()
    display = Display(stream)
    for made in (step(1, 1), step(1, 2), step(1, 4, done=True)):
        display(made)  # the second comes too soon after the first to be shown
    values = "loss 0.25  accuracy 1  val_loss 0.5  val_accuracy 0.75"
    assert stream.getvalue() == (
        f"\repoch  1/12  [#####...............]  {values}  eta 1:02:05\x1b[K"
        f"\repoch  1/12  [####################]  {values}  1.2 s  eta 1:02:05\x1b[K\n"
    )


def test_display_ends_its_line_when_training_breaks_off() -> None:
    stream = Terminal()
    display = Display(stream)
    display(step(1, 1))
    for _ in range(2):
        display(Step(1, 12, 0, 0, broken=True))
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("\x1b[K\n")


def test_display_keeps_within_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    Display(stream)(step(1, 1))
    assert len(stream.getvalue().removeprefix("\r").removesuffix("\x1b[K")) == 29


def test_display_elsewhere_is_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    for made in (step(12, 1), step(12, 4, done=True)):
        display(made)
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "epoch 12/12  loss 0.25  accuracy 1  val_loss 0.5  val_accuracy 0.75  1.2 s\n"


def steps_of(graph: Graph, folder: Path) -> list[Step]:
    seen: list[Step] = []
    run(graph, folder, progress=seen.append)
    return seen


def test_steps(tmp_path: Path) -> None:
    started = time.monotonic()
    seen = steps_of(spec_in(tmp_path, epochs=2), tmp_path / "build")
    assert [(s.epoch, s.batch, s.done) for s in seen] == [
        (epoch, batch, done)
        for epoch in (1, 2)
        for batch, done in [(1, False), (2, False), (3, False), (4, False), (5, False), (5, True)]
    ]
    elapsed = time.monotonic() - started
    assert all(0 <= s.seconds <= elapsed for s in seen)  # an order, whatever the machine's speed
    assert seen[-1].remaining_seconds is None
    assert all(s.remaining_seconds is not None for s in seen[:-1])


@pytest.mark.parametrize(
    ("monitor", "values", "best_epoch", "stops_at"),
    [
        (Monitor("val_loss", rising=False), [3, 2, 2, 1], 4, None),
        (Monitor("val_loss", rising=False, patience=2), [3, 2, 2.5, 2.0, 1], 2, 4),
        (Monitor("val_loss", rising=False, patience=0), [3, 2, 2, 1], 2, 3),
        (Monitor("val_loss", rising=False, min_delta=0.5, patience=2), [3, 2.6, 2.4, 2.0, 2.0], 3, 5),
        (Monitor("acc", rising=True, patience=1), [0.1, 0.3, float("nan"), 0.9], 2, 3),
        (Monitor("acc", rising=True, patience=1), [float("nan"), 0.3, 0.4], None, None),
    ],
)
def test_monitor_is_keras_early_stopping(
    monitor: Monitor, values: list[float], best_epoch: int | None, stops_at: int | None
) -> None:
    stopped = None
    for epoch, value in enumerate(values, start=1):
        monitor = monitor.observe(value)
        if monitor.stop:
            stopped = epoch
            break
    assert stopped == stops_at
    if best_epoch is not None:
        assert monitor.best_epoch == best_epoch
