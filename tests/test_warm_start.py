"""`build --warm-start`: which layers begin with the weights of an earlier build, to the bit, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from netspec.artifacts.manifest import KERAS_FILE, SPEC_COPY, read_manifest
from netspec.diagnostics import SpecError, ToolError
from netspec.graph import Graph, build_graph
from netspec.spec.source import load
from netspec.spec.spec import read
from netspec.train.warm_start import WarmStart, find_warm_start
from netspec.train.weights import Weights, read_weights

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds need the `train` extra")

OLD = """\
netspec: 1
name: net
inputs: {x: {shape: [6]}}
layers:
  - dense: {name: first, units: 8}
  - batch_normalization
  - relu
  - dense: {units: 8}
  - relu
  - dense: {name: logits, units: 3}
train:
  data: {npz: data.npz}
  loss: mse
  optimizer: {sgd: {learning_rate: 0.01}}
  epochs: 2
  batch_size: 8
"""
# Renamed, a layer put in and so the numbers of `relu` and `dense` shifted, and a batch norm that is frozen. A step of
# this learning rate is below half of what float32 tells apart: what training leaves is what it started with.
NEW = (
    OLD.replace("name: logits", "name: head")
    .replace("  - dense: {name: first", "  - relu\n  - dense: {units: 6}\n  - dense: {name: first")
    .replace("- batch_normalization", "- batch_normalization: {trainable: false}")
    .replace("learning_rate: 0.01", "learning_rate: 1.0e-30")
)
KEPT = {"first": "first", "batch_normalization": "batch_normalization", "dense_1": "dense", "head": "logits"}


def run(*words: str | Path, folder: Path, expect: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "netspec", *map(str, words)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def graph_of(path: Path) -> Graph:
    return build_graph(read(load(path)))


def weights_of(spec: Path, build: Path) -> Weights:
    return read_weights(build / KERAS_FILE, graph_of(spec))


def started(folder: Path, spec: str, build: str) -> WarmStart:
    return find_warm_start(folder / build, load(folder / spec), graph_of(folder / spec))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the old spec into `old`, and the new one, with its weights, into `new`."""
    folder = tmp_path_factory.mktemp("project")
    random = np.random.default_rng(0)
    arrays = {"x_train": random.random((32, 6), dtype=np.float32), "y_train": random.random((32, 3), dtype=np.float32)}
    np.savez(folder / "data.npz", **arrays)
    (folder / "old.yaml").write_text(OLD, encoding="utf-8")
    (folder / "new.yaml").write_text(NEW, encoding="utf-8")
    run("build", "old.yaml", "--out", "old", folder=folder)
    _, said = run("build", "new.yaml", "--out", "new", "--warm-start", "old", folder=folder)
    (folder / "said.txt").write_text(said, encoding="utf-8")
    return folder


def test_what_is_kept_is_printed(project: Path) -> None:
    said = (project / "said.txt").read_text(encoding="utf-8")
    assert "starting with the weights of old: 4 of 5 layers keep theirs, 187 of 229 parameters\n" in said
    assert "  under new names: dense -> dense_1, logits -> head\n" in said
    assert "  dense starts fresh: it is new\n" in said


def test_layers_start_with_their_weights_to_the_bit(project: Path) -> None:
    """The renamed one and the one whose number shifted, too; the new one got weights of its own."""
    old = weights_of(project / "old.yaml", project / "old")
    new = weights_of(project / "new.yaml", project / "new")
    assert {layer for layer, _ in new} == {*KEPT, "dense"}
    for (layer, weight), array in new.items():
        if layer in KEPT:
            assert array.tobytes() == old[KEPT[layer], weight].tobytes(), (layer, weight)
    assert any(np.any(array) for (layer, _), array in new.items() if layer == "dense")


def test_training_goes_on_from_there(project: Path) -> None:
    """A net that has been trained begins with about the loss that it ended with."""
    rows = {name: (project / name / "history.csv").read_text().splitlines() for name in ("old", "new")}
    assert len(rows["new"]) == 3
    digest = read_manifest(project / "new").initial_weights_sha256
    assert digest == started(project, "new.yaml", "old").digest
    assert read_manifest(project / "old").initial_weights_sha256 is None


def test_a_build_keeps_the_spec_that_it_was_made_of(project: Path) -> None:
    for name in ("old", "new"):
        assert (project / name / SPEC_COPY).read_text(encoding="utf-8") == {"old": OLD, "new": NEW}[name]
        assert SPEC_COPY in read_manifest(project / name).files
        assert "0 mismatches" in run("verify", name, folder=project)[0]


def test_the_same_again_is_not_trained_again(project: Path) -> None:
    before = (project / "new" / KERAS_FILE).read_bytes()
    for start in (("--warm-start", "old"), ("--warm-start", "new"), ()):
        _, said = run("build", "new.yaml", "--out", "new", *start, folder=project)
        assert "not trained again" in said
        assert (project / "new" / KERAS_FILE).read_bytes() == before
        assert read_manifest(project / "new").initial_weights_sha256 is not None


def test_another_start_is_another_training(project: Path) -> None:
    _, said = run("build", "old.yaml", "--out", "old_again", "--warm-start", "new", folder=project)
    assert "under new names: dense_1 -> dense, head -> logits" in said
    run("build", "old.yaml", "--out", "third", "--warm-start", "old_again", folder=project)
    _, said = run("build", "old.yaml", "--out", "old_again", "--warm-start", "third", folder=project)
    assert "every layer keeps its own" in said
    assert "epoch 2/2" in said


def test_in_place_the_old_weights_are_read_before_the_new_ones_are_written(project: Path) -> None:
    run("build", "old.yaml", "--out", "place", folder=project)
    old = weights_of(project / "old.yaml", project / "place")
    run("build", "new.yaml", "--out", "place", "--warm-start", "place", folder=project)
    new = weights_of(project / "new.yaml", project / "place")
    assert new["head", "kernel"].tobytes() == old["logits", "kernel"].tobytes()


def test_weights_of_another_shape_start_fresh(project: Path, tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_text(OLD.replace("{units: 8}", "{units: 9}"), encoding="utf-8")
    found = find_warm_start(project / "old", load(tmp_path / "wide.yaml"), graph_of(tmp_path / "wide.yaml"))
    assert {layer for layer, _ in found.weights} == {"first", "batch_normalization"}
    assert [fate.reason for fate in found.fates if not fate.kept] == [
        "kernel was (8, 8) and is (8, 9), bias was (8,) and is (9,)",
        "kernel was (8, 3) and is (9, 3)",
    ]


def test_a_checkpoint_of_another_start_is_refused(project: Path, tmp_path: Path) -> None:
    from netspec.train import checkpoint
    from netspec.train.data import load_data
    from netspec.train.fit import train

    graph = graph_of(project / "old.yaml")
    dataset = load_data(graph.spec)
    owner = checkpoint.identity(graph, dataset.digest, "of another start")
    checkpoint.save(tmp_path, checkpoint.Checkpoint(1, [], None, [], [], []), owner)
    with pytest.raises(ToolError, match="the weights it starts with changed since"):
        train(graph, dataset, tmp_path)


def test_a_folder_that_is_no_build_is_refused(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="is no finished build"):
        find_warm_start(tmp_path, load(project / "new.yaml"), graph_of(project / "new.yaml"))


@pytest.mark.parametrize("name", [SPEC_COPY, KERAS_FILE])
def test_a_build_whose_files_were_changed_is_refused(project: Path, tmp_path: Path, name: str) -> None:
    for each in ("manifest.json", SPEC_COPY, KERAS_FILE):
        (tmp_path / each).write_bytes((project / "old" / each).read_bytes())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"\n")
    with pytest.raises(ToolError, match="is not what was built there"):
        find_warm_start(tmp_path, load(project / "new.yaml"), graph_of(project / "new.yaml"))
    (tmp_path / name).unlink()
    with pytest.raises(ToolError, match="without which its weights belong to no layers"):
        find_warm_start(tmp_path, load(project / "new.yaml"), graph_of(project / "new.yaml"))


def test_weights_that_are_not_trained_take_no_start(project: Path, tmp_path: Path) -> None:
    from netspec.build import Options, build

    _, said = run("build", "old.yaml", "--weights", "w.npz", "--warm-start", "old", folder=project, expect=2)
    assert "leave out one of the two" in said
    text = OLD.replace("npz: data.npz", f"npz: '{project / 'data.npz'}'") + "weights: own.npz\n"
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match="so no training starts with others"):
        build(load(tmp_path / "own.yaml"), Options(tmp_path / "out", warm_start=project / "old"), lambda line: None)


def test_the_manifest_of_a_cold_start_has_the_chain_of_old(project: Path) -> None:
    """Builds from before there was a warm start are still intact."""
    path = project / "old" / "manifest.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    assert values.pop("initial_weights_sha256") is None
    from netspec.artifacts.manifest import Manifest

    assert Manifest(**values).intact
