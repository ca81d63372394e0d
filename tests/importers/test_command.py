"""`netspec import` and `netspec export` on the command line: files, exit codes, and the way back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.importers.test_malformed import small_model


def run(*words: str | Path, folder: Path, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "netspec", *map(str, words)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "Little Net.tflite"
    path.write_bytes(small_model())
    return path


def test_the_spec_is_written_here_and_checks(model: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    assert "little_net.yaml, weights in little_net.weights.npz" in run("import", model, folder=here)
    assert sorted(path.name for path in here.iterdir()) == ["little_net.weights.npz", "little_net.yaml"]
    assert run("check", "little_net.yaml", folder=here) == ""
    assert "name: stem" in (here / "little_net.yaml").read_text(encoding="utf-8")


def test_out_names_the_spec_and_the_weights(model: Path, tmp_path: Path) -> None:
    run("import", model, "--out", "specs/mine.yaml", folder=tmp_path)
    assert (tmp_path / "specs" / "mine.weights.npz").is_file()
    assert "\nweights: mine.weights.npz\n" in (tmp_path / "specs" / "mine.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("kept", ["little_net.yaml", "little_net.weights.npz"])
def test_nothing_is_overwritten_unless_told(model: Path, tmp_path: Path, kept: str) -> None:
    (tmp_path / kept).write_text("mine", encoding="utf-8")
    assert "is there already; --force overwrites it" in " ".join(
        run("import", model, folder=tmp_path, expect=2).split()
    )
    assert (tmp_path / kept).read_text(encoding="utf-8") == "mine"
    run("import", model, "--force", folder=tmp_path)
    assert (tmp_path / kept).read_bytes() != b"mine"


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no model nowhere.tflite" in run("import", "nowhere.tflite", folder=tmp_path, expect=3)


@pytest.mark.slow
def test_integers_need_no_samples_for_calibration(model: Path, tmp_path: Path) -> None:
    run("import", model, folder=tmp_path)
    spec = tmp_path / "little_net.yaml"
    spec.write_text(spec.read_text(encoding="utf-8") + "quantize: {calibration: {data: {csv: {path: no.csv}}}}\n")
    said = " ".join(run("build", spec, folder=tmp_path).split())
    assert "quantize.calibration.data has no effect: " in said
    assert "little_net.weights.npz holds integers, which have their scales" in said


def test_an_import_builds_verifies_and_is_exported(model: Path, tmp_path: Path) -> None:
    """The exported .tflite is imported again, and has the same integers."""
    from netspec.importers.imported import import_model

    run("import", model, folder=tmp_path)
    assert "0 mismatches" in run("build", "little_net.yaml", folder=tmp_path)
    assert "0 mismatches" in run("verify", "build/little_net", folder=tmp_path)
    run("export", "build/little_net", "--tflite", "again.tflite", folder=tmp_path)
    one, two = import_model(model), import_model(tmp_path / "again.tflite")
    with np.load(tmp_path / "little_net.weights.npz") as ours:
        (tmp_path / "again.npz").write_bytes(two.weights)
        with np.load(tmp_path / "again.npz") as theirs:
            kernels = [sorted(a[k].tobytes() for k in a.files if k.endswith("/kernel")) for a in (ours, theirs)]
    assert kernels[0] == kernels[1]
    assert one.text != two.text


def test_other_integers_in_a_build_are_drift(model: Path, tmp_path: Path) -> None:
    run("import", model, folder=tmp_path)
    run("build", "little_net.yaml", folder=tmp_path)
    path = tmp_path / "build" / "little_net" / "weights.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    assert "drift: weights.npz was changed" in run("verify", "build/little_net", folder=tmp_path, expect=1)


def test_an_import_as_a_keras_model(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: a Keras model needs it")
    run("import", model, folder=tmp_path)
    run("build", "little_net.yaml", folder=tmp_path)
    run("export", "build/little_net", "--keras", "floats.keras", folder=tmp_path)
    run("import", "floats.keras", "--out", "floats.yaml", folder=tmp_path)
    assert "Total params" in run("show", "floats.yaml", folder=tmp_path)


def test_a_trained_build_is_exported_and_imported(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds from floats need it")
    from netspec.check import check
    from netspec.spec.source import load
    from netspec.train.weights import write_npz
    from tests.builds import random_weights
    from tests.importers.test_keras import same_net

    (tmp_path / "net.yaml").write_text(
        "netspec: 1\nname: net\ninputs: {x: {shape: [6]}}\nlayers:\n  - dense: {units: 4, activation: relu}\n"
        "  - dense: {name: scores, units: 3}\n  - softmax\n",
        encoding="utf-8",
    )
    graph = check(load(tmp_path / "net.yaml")).graph
    write_npz(random_weights(graph, np.random.default_rng(0)), tmp_path / "weights.npz")
    run("build", "net.yaml", "--weights", "weights.npz", folder=tmp_path)
    run("export", "build/net", "--keras", "out.keras", "--tflite", "out.tflite", folder=tmp_path)
    run("import", "out.keras", "--out", "back.yaml", folder=tmp_path)
    same_net(graph, check(load(tmp_path / "back.yaml")).graph)
    assert (tmp_path / "out.tflite").read_bytes() == (tmp_path / "build" / "net" / "model.tflite").read_bytes()


def test_a_changed_build_is_not_exported(model: Path, tmp_path: Path) -> None:
    run("import", model, folder=tmp_path)
    run("build", "little_net.yaml", folder=tmp_path)
    path = tmp_path / "build" / "little_net" / "model.tflite"
    path.write_bytes(path.read_bytes() + b"\0")
    output = run("export", "build/little_net", "--tflite", "out.tflite", folder=tmp_path, expect=3)
    assert "was changed after the build" in output
    assert not (tmp_path / "out.tflite").exists()


def test_export_needs_a_file(tmp_path: Path) -> None:
    run("export", "somewhere", folder=tmp_path, expect=2)


def test_a_float_model_without_data_is_warned_of(model: Path, tmp_path: Path) -> None:
    """An int8 model has its scales; of a float model nobody knows the ranges."""
    assert "make" not in run("import", model, folder=tmp_path)
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    net.save(tmp_path / "floats.keras")
    said = " ".join(run("import", "floats.keras", folder=tmp_path).split())
    assert "warning: " in said
    assert "float weights and no data, so a build makes up the ranges of its activations" in said
    assert "quantize: {calibration: {data: {npz: FILE}}}" in said
