"""Netron opens what `netspec export` writes: its own modules read the files, in node, and say what they would draw."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.check import check
from netspec.importers.tflite.reader import read_file
from netspec.spec.source import load
from tests.importers.test_malformed import small_model

_READER = Path(__file__).with_name("netron_graph.mjs")
_SPEC = """\
netspec: 1
name: net
inputs: {image: {shape: [8, 8, 2]}}
layers:
  - conv2d: {name: stem, filters: 4, kernel_size: 3, padding: same}
  - batch_normalization
  - relu
  - separable_conv2d: {name: parts, filters: 4, kernel_size: 3, padding: same}
  - add: {from: [parts, relu]}
  - max_pooling2d: {pool_size: 2}
  - flatten
  - dense: {name: scores, units: 3}
  - softmax
"""


@pytest.fixture(scope="module")
def netron(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of Netron's modules that node takes for such."""
    found = importlib.util.find_spec("netron")
    if found is None or found.origin is None:
        pytest.skip("netron is not installed: the `test` extra has it")
    if shutil.which("node") is None:
        pytest.skip("no node: Netron is written in JavaScript")
    folder = tmp_path_factory.mktemp("netron")
    for file in Path(found.origin).parent.glob("*.js*"):
        shutil.copy(file, folder)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    return folder


def opened(netron: Path, model: Path) -> dict[str, Any]:
    done = subprocess.run(
        ["node", str(_READER), str(netron), str(model)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def netspec(folder: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netspec", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the spec of a build, `net.yaml`, and both exports of it."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds from floats need it")
    from netspec.train.weights import write_npz
    from tests.builds import random_weights

    folder = tmp_path_factory.mktemp("exported")
    (folder / "net.yaml").write_text(_SPEC, encoding="utf-8")
    graph = check(load(folder / "net.yaml")).graph
    write_npz(random_weights(graph, np.random.default_rng(0)), folder / "weights.npz")
    netspec(folder, "build", "net.yaml", "--weights", "weights.npz")
    netspec(folder, "export", "build/net", "--tflite", "net.tflite", "--keras", "net.keras")
    return folder


def assert_is_drawn(netron: Path, path: Path) -> None:
    """Assert that Netron sees the operators that are in a .tflite file, with their weights."""
    seen, file = opened(netron, path), read_file(path)
    assert seen["format"] == "TensorFlow Lite v3"
    kinds = [node["type"].upper() for node in seen["nodes"]]
    assert kinds == [operator.kind.replace("_", "") for operator in file.operators]
    assert seen["inputs"] == [list(file.tensors[index].signature) for index in file.inputs]
    assert seen["outputs"] == [list(file.tensors[index].signature) for index in file.outputs]
    for node, operator in zip(seen["nodes"], file.operators, strict=True):
        constants = [file.tensors[index] for index in operator.inputs if file.tensors[index].data is not None]
        assert node["weights"] == [list(each.shape) for each in constants]


def test_the_int8_model(netron: Path, exported: Path) -> None:
    assert_is_drawn(netron, exported / "net.tflite")


def test_the_float_model(netron: Path, exported: Path) -> None:
    seen = opened(netron, exported / "net.keras")
    graph = check(load(exported / "net.yaml")).graph
    assert seen["format"].startswith("Keras v3.")
    assert [node["name"] for node in seen["nodes"]] == [layer.name for layer in graph.layers]
    for node, layer in zip(seen["nodes"], graph.layers, strict=True):
        [call] = layer.layer.keras(layer.input_shapes)
        assert node["type"] == call.class_name
        assert node["weights"] == [list(weight.shape) for weight in layer.weights]


def test_an_imported_model_and_the_floats_made_of_it(netron: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: a Keras model needs it")
    (tmp_path / "little.tflite").write_bytes(small_model())
    netspec(tmp_path, "import", "little.tflite")
    netspec(tmp_path, "build", "little.yaml")
    netspec(tmp_path, "export", "build/little", "--tflite", "out.tflite", "--keras", "out.keras")
    assert_is_drawn(netron, tmp_path / "out.tflite")
    seen = opened(netron, tmp_path / "out.keras")
    names = [layer.name for layer in check(load(tmp_path / "little.yaml")).graph.layers]
    assert [node["name"] for node in seen["nodes"] if not node["name"].endswith("_pad")] == names


def test_a_file_that_is_no_model_is_not_opened(netron: Path, tmp_path: Path) -> None:
    """So that the tests above can fail."""
    (tmp_path / "broken.tflite").write_bytes(small_model()[:200])
    with pytest.raises(AssertionError, match="Error"):
        opened(netron, tmp_path / "broken.tflite")
