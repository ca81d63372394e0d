"""Whole builds through the command line: real data, hard shapes with random weights, drift, interruption."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.check import check
from netspec.spec.source import load
from netspec.train.weights import write_npz
from tests.builds import bakenn_kernels, random_weights

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds need the `train` extra")

AUTOENCODER = """\
netspec: 1
name: autoencoder
inputs: {spectrum: {shape: [640]}}
layers:
"""
for _units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
    AUTOENCODER += f"  - dense: {{units: {_units}}}\n  - batch_normalization\n  - relu\n"
AUTOENCODER += "  - dense: {units: 640}\n"


def _resnet() -> str:
    """Return a ResNet-8 shaped spec: three residual stages on 32x32x3, as MLPerf Tiny's image classifier."""
    lines = ["netspec: 1", "name: resnet", "inputs: {image: {shape: [32, 32, 3]}}", "layers:"]

    def conv(name: str, filters: int, kernel: int, strides: int, source: str, *, relu: bool) -> str:
        lines.append(
            f"  - conv2d: {{name: {name}, from: {source}, filters: {filters}, kernel_size: {kernel}, "
            f"strides: {strides}, padding: same}}"
        )
        lines.append(f"  - batch_normalization: {{name: {name}_bn}}")
        if relu:
            lines.append(f"  - relu: {{name: {name}_relu}}")
            return f"{name}_relu"
        return f"{name}_bn"

    here = conv("stem", 16, 3, 1, "image", relu=True)
    for stage, (filters, strides) in enumerate([(16, 1), (32, 2), (64, 2)], start=1):
        first = conv(f"s{stage}a", filters, 3, strides, here, relu=True)
        second = conv(f"s{stage}b", filters, 3, 1, first, relu=False)
        if strides > 1:
            lines.append(
                f"  - conv2d: {{name: s{stage}c, from: {here}, filters: {filters}, kernel_size: 1, "
                f"strides: {strides}, padding: same}}"
            )
            here = f"s{stage}c"
        lines.append(f"  - add: {{name: s{stage}, from: [{here}, {second}]}}")
        lines.append(f"  - relu: {{name: s{stage}_out}}")
        here = f"s{stage}_out"
    lines += ["  - average_pooling2d: {pool_size: 8}", "  - flatten", "  - dense: {units: 10}", "  - softmax"]
    return "\n".join(lines) + "\n"


def run(*words: str | Path, folder: Path, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "netspec", *map(str, words)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def verdict(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "verify.json").read_text(encoding="utf-8"))
    return found


def assert_proven(report: dict[str, Any], stages: int = 3) -> None:
    assert report["agrees"]
    assert report["drift"] == []
    ran = [stage for stage in report["stages"] if stage["skipped"] is None]
    assert len(ran) == stages, report["stages"]
    for stage in ran:
        assert stage["elements"] > 0
        assert stage["mismatching_elements"] == 0
        assert all(tensor["mismatches"] == 0 for tensor in stage["tensors"])


@pytest.fixture(scope="module")
def built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build digits once, from a copy of its spec that tests may spoil in copies of their own."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "data").mkdir()
    shutil.copy(repository / "specs" / "digits.yaml", folder)
    shutil.copy(repository / "specs" / "data" / "digits.npz", folder / "data")
    run("build", "digits.yaml", "--cmsis-nn", bakenn_kernels().root, folder=folder)
    return folder


@pytest.fixture
def spoiled(built: Path, tmp_path: Path) -> Path:
    """Return a copy of the built project."""
    return Path(shutil.copytree(built, tmp_path / "project"))


def test_digits_reach_their_accuracy_and_are_bit_exact(built: Path) -> None:
    report = verdict(built / "build" / "digits")
    assert_proven(report)
    [accuracy] = report["accuracy"]
    assert accuracy["split"] == "test"
    assert accuracy["float_value"] >= 0.98
    assert abs(accuracy["float_value"] - accuracy["int8_value"]) <= 0.005


def test_build_leaves_what_the_language_page_says(built: Path) -> None:
    folder = built / "build" / "digits"
    names = {path.name for path in folder.iterdir()}
    assert {"manifest.json", "model.keras", "model.tflite", "history.csv"} <= names
    assert {"verify.json", "report.html", "firmware"} <= names
    firmware = {path.name for path in (folder / "firmware").iterdir()}
    assert {"digits.h", "digits.c", "digits_weights.c", "CMakeLists.txt", "README.md"} <= firmware
    manifest = (folder / "manifest.json").read_text(encoding="utf-8")
    assert str(built) not in manifest
    assert json.loads(manifest)["files"].keys() >= {"model.keras", "model.tflite", "firmware/digits.c"}


def test_verify_accepts_an_untouched_build(spoiled: Path) -> None:
    assert "0 mismatches" in run("verify", "build/digits", folder=spoiled)


@pytest.mark.parametrize(
    "file", ["firmware/digits.c", "firmware/digits_weights.c", "firmware/digits.h", "model.tflite"]
)
def test_one_character_less_is_drift(spoiled: Path, file: str) -> None:
    path = spoiled / "build" / "digits" / file
    content = path.read_bytes()
    path.write_bytes(content[:1000] + content[1001:])
    assert f"drift: {file} was changed" in run("verify", "build/digits", folder=spoiled, expect=1)


def test_a_missing_file_is_drift(spoiled: Path) -> None:
    (spoiled / "build" / "digits" / "firmware" / "digits.c").unlink()
    assert "drift: firmware/digits.c is missing" in run("verify", "build/digits", folder=spoiled, expect=1)


def test_one_digit_of_the_spec_is_drift(spoiled: Path) -> None:
    spec = spoiled / "digits.yaml"
    text = spec.read_text(encoding="utf-8")
    assert "seed: " in text
    spec.write_text(text.replace("epochs: ", "epochs: 1"), encoding="utf-8")
    assert "drift: the spec digits.yaml was changed" in run("verify", "build/digits", folder=spoiled, expect=1)


def test_other_weights_are_drift(spoiled: Path) -> None:
    from netspec.train.model import build_model
    from netspec.train.weights import save_model

    graph = check(load(spoiled / "digits.yaml")).graph
    save_model(build_model(graph), spoiled / "build" / "digits" / "model.keras")
    assert "drift: model.keras was changed" in run("verify", "build/digits", folder=spoiled, expect=1)


def test_an_edited_manifest_is_drift(spoiled: Path) -> None:
    """Files changed together with their digests are still found: the chain no longer closes."""
    path = spoiled / "build" / "digits" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"]["firmware/digits.c"] = "0" * 64
    path.write_text(json.dumps(manifest), encoding="utf-8")
    output = run("verify", "build/digits", folder=spoiled, expect=1)
    assert "drift: manifest.json was changed" in output


def test_other_data_are_drift(spoiled: Path) -> None:
    path = spoiled / "data" / "digits.npz"
    arrays = dict(np.load(path))
    arrays["x_train"] = arrays["x_train"][::-1]
    np.savez(path, **arrays)
    assert "drift: the data are not those" in run("verify", "build/digits", folder=spoiled, expect=1)


def test_verify_prints_json_and_every_layer(spoiled: Path) -> None:
    report = json.loads(run("verify", "build/digits", "--format", "json", folder=spoiled))
    assert report["agrees"]
    assert "softmax: 0 of" in run("verify", "build/digits", "--per-layer", folder=spoiled)


def test_verify_of_a_folder_that_is_no_build(tmp_path: Path) -> None:
    run("verify", tmp_path, folder=tmp_path, expect=3)


def test_a_second_build_trains_no_more_and_gives_the_same_bytes(spoiled: Path) -> None:
    folder = spoiled / "build" / "digits"
    verdicts = ("verify.json", "report.html")  # this one is without CMSIS-NN
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name not in verdicts}
    run("build", "digits.yaml", folder=spoiled)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name not in verdicts}
    assert before == after


@pytest.mark.parametrize(("name", "text"), [("autoencoder", AUTOENCODER), ("resnet", _resnet())])
def test_random_weights_build_and_verify_with_tolerance_0(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    graph = check(load(tmp_path / f"{name}.yaml")).graph
    assert graph.parameters == {"autoencoder": 269_992, "resnet": 78_666}[name]
    write_npz(random_weights(graph, np.random.default_rng(7)), tmp_path / "weights.npz")
    output = run(
        "build", f"{name}.yaml", "--weights", "weights.npz", "--cmsis-nn", bakenn_kernels().root, folder=tmp_path
    )
    assert "0 mismatches" in output
    assert_proven(verdict(tmp_path / "build" / name))


def test_build_without_training_or_weights_says_so(tmp_path: Path) -> None:
    (tmp_path / "bare.yaml").write_text(
        "netspec: 1\nname: bare\ninputs: {x: {shape: [4]}}\nlayers:\n  - dense: {units: 2}\n", encoding="utf-8"
    )
    assert "[nothing-to-train]" in run("build", "bare.yaml", folder=tmp_path, expect=1)


def test_motions_build_from_the_repository(repository: Path, tmp_path: Path) -> None:
    run("build", repository / "specs" / "motions.yaml", "--out", "motions", folder=tmp_path)
    report = verdict(tmp_path / "motions")
    assert_proven(report, stages=2)
    assert report["accuracy"][0]["float_value"] >= 0.9
    for path in (tmp_path / "motions").rglob("*"):
        if path.is_file() and path.name != ".spec":
            assert os.fsencode(str(repository)) not in path.read_bytes(), path
