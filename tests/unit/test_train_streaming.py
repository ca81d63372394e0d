"""Samples on disk: the same values, digests and weights as in memory, and a training on more than the memory holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from netspec.diagnostics import SpecError, ToolError
from netspec.graph import Graph
from netspec.quantize.calibration import calibration_samples
from netspec.train import samples
from netspec.train.data import Dataset, load_data
from netspec.train.fit import train
from netspec.train.samples import Stored
from netspec.train.weights import weights_digest
from netspec.verify.proof import held_out
from tests.specs import make_graph

X = np.random.default_rng(0).integers(0, 200, (50, 6), np.uint8)
Y = (X.sum(axis=1) > 600).astype(np.int64)


def graph_in(folder: Path, data: dict[str, Any], **options: Any) -> Graph:
    layers: list[Any] = [
        {"rescaling": {"scale": 0.005}},
        {"dense": {"units": 8, "activation": "relu"}},
        {"dense": {"name": "out", "units": 2}},
        "softmax",
    ]
    section = {
        "data": data,
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        "epochs": 3,
        "batch_size": 8,
        "validation_split": 0.2,
        **options,
    }
    return make_graph(layers, [6], path=folder / "spec.yaml", train=section)


def write(folder: Path, form: str, x: npt.NDArray[Any] = X, y: npt.NDArray[Any] = Y) -> dict[str, Any]:
    if form == "npy":
        np.save(folder / "x.npy", x)
        np.save(folder / "y.npy", y)
        return {"npy": {"x": "x.npy", "y": "y.npy"}}
    save = np.savez_compressed if form == "compressed" else np.savez
    save(folder / "data.npz", x_train=x, y_train=y)
    return {"npz": "data.npz"}


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(samples, "_CHUNK_BYTES", 100)  # so that one array is several chunks


def same(one: Dataset, other: Dataset) -> None:
    assert one.digest == other.digest
    assert one.validation is not None
    assert other.validation is not None
    for ours, theirs in ((one.train, other.train), (one.validation, other.validation)):
        for mine, yours in ((ours.x, theirs.x), (ours.y, theirs.y)):
            for name, values in mine.items():
                assert values.dtype == yours[name].dtype
                np.testing.assert_array_equal(values[:], yours[name][:])


@pytest.mark.parametrize("form", ["npy", "npz", "compressed"])
@pytest.mark.parametrize("dtype", ["u1", "<f8", ">f4", ">i2", "<f2", "?"])
def test_samples_on_disk_are_those_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, dtype: str
) -> None:
    graph = graph_in(tmp_path, write(tmp_path, form, X.astype(dtype)))
    inside = load_data(graph.spec)
    monkeypatch.setattr(samples, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(samples, "_CHUNK_BYTES", 100)
    outside = load_data(graph.spec)
    assert isinstance(inside.train.x["x"], np.ndarray)
    assert isinstance(outside.train.x["x"], Stored)
    same(inside, outside)
    numbers = np.array([7, 3, 3, 39, 0])
    np.testing.assert_array_equal(outside.train.x["x"][numbers], inside.train.x["x"][numbers])
    np.testing.assert_array_equal(outside.train.x["x"][2:30:7], inside.train.x["x"][2:30:7])
    np.testing.assert_array_equal(outside.train.x["x"][35:99], inside.train.x["x"][35:99])


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("form", ["npy", "npz", "compressed"])
def test_an_array_in_fortrans_order_is_read_at_once(tmp_path: Path, form: str) -> None:
    graph = graph_in(tmp_path, write(tmp_path, form, np.asfortranarray(X)))
    data = load_data(graph.spec)
    assert isinstance(data.train.x["x"], np.ndarray)
    np.testing.assert_array_equal(data.train.x["x"], X[:40].astype(np.float32))


@pytest.mark.parametrize("size", [8, 10, 64])
def test_training_from_disk_gives_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    graph = graph_in(tmp_path, write(tmp_path, "npz"), batch_size=size)
    inside = train(graph, load_data(graph.spec), tmp_path / "inside")
    monkeypatch.setattr(samples, "LARGEST_IN_MEMORY", 0)
    outside = train(graph, load_data(graph.spec), tmp_path / "outside")
    assert outside.history == inside.history
    assert weights_digest(outside.weights) == weights_digest(inside.weights)


def test_weights_are_those_that_keras_trains_on_whole_arrays(tmp_path: Path) -> None:
    """Batch by batch in our order, against `fit` on shuffled arrays: the same to the bit, a full last batch or not."""
    from netspec.train.backend import load_keras, seed_everything
    from netspec.train.compiled import compile_model, rehearse
    from netspec.train.model import build_model

    for size in (8, 12):
        graph = graph_in(tmp_path, write(tmp_path, "npz"), batch_size=size)
        data = load_data(graph.spec)
        ours = train(graph, data, tmp_path / "build")
        keras = load_keras()
        seed_everything(keras, 0)
        model = build_model(graph)
        compile_model(graph, model)
        rehearse(graph, model, data)
        for epoch in range(ours.epoch):
            order = np.random.default_rng([0, epoch]).permutation(len(data.train))
            x, y = data.train.x["x"][order], data.train.y["softmax"][order]
            model.fit(x, y, batch_size=size, shuffle=False, verbose=0)
        for mine, theirs in zip(ours.model.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.usefixtures("on_disk")
def test_faults_are_found_on_disk_too(tmp_path: Path) -> None:
    x = X.astype(np.float32)
    x[-1, 2] = np.nan
    y = Y.copy()
    y[-1] = 2
    with pytest.raises(SpecError) as caught:
        load_data(graph_in(tmp_path, write(tmp_path, "npz", x, y)).spec)
    assert [found.rule for found in caught.value.diagnostics] == ["data-values", "data-label-range"]
    assert "1 values that are not finite in float32, of 300" in caught.value.diagnostics[0].message


@pytest.mark.usefixtures("on_disk")
def test_calibration_reads_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.device.plan import plan_device

    graph = graph_in(tmp_path, write(tmp_path, "npy"))
    data = load_data(graph.spec)
    asked: list[int] = []
    read = samples._File.read_into
    monkeypatch.setattr(
        samples._File, "read_into", lambda self, target, offset: (asked.append(len(target)), read(self, target, offset))
    )
    chosen = calibration_samples(plan_device(graph).graph, data.train.x, 5)
    assert asked == [6] * 5
    np.testing.assert_array_equal(chosen["x"], X[[0, 9, 19, 29, 39]])
    held, split = held_out(data)
    assert (split, len(asked)) == ("validation", 5)
    assert held is not None
    held["x"][:3]
    assert asked[5:] == [18]


@pytest.mark.usefixtures("on_disk")
def test_a_file_cut_short_during_training_is_told(tmp_path: Path) -> None:
    graph = graph_in(tmp_path, write(tmp_path, "npy"))
    data = load_data(graph.spec)
    os.truncate(tmp_path / "x.npy", 200)
    with pytest.raises(ToolError, match=r"x\.npy was cut short while it was read"):
        train(graph, data, tmp_path / "build")


@pytest.mark.usefixtures("on_disk")
def test_a_temporary_file_that_does_not_fit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    class File:
        write = flush = full

        def close(self) -> None:
            pass

    monkeypatch.setattr(samples.tempfile, "TemporaryFile", lambda **_: File())
    with pytest.raises(ToolError, match="no room for unpacked samples"):
        load_data(graph_in(tmp_path, write(tmp_path, "compressed")).spec)


LIMITED = """
import json, resource, sys
limit = 2 * 2**30
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
from pathlib import Path
from netspec.build import Options, build
from netspec.spec.source import load
lines = []
built = build(load(sys.argv[1]), Options(out=Path(sys.argv[2]), core=None), lines.append)
# ru_maxrss would be that of the process which started this one, if that was larger.
peak = 1024 * int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
(accuracy,) = built.report.accuracy
print(json.dumps({"peak": peak, "agrees": built.agrees, "seconds": dict(built.seconds), "samples": accuracy.samples}))
"""


@pytest.mark.slow
def test_a_build_on_four_gigabytes_in_a_process_of_two(tmp_path: Path, repository: Path) -> None:
    """The whole file is checked, digested, trained on and scored; RLIMIT_DATA bounds what may be allocated.

    The file is sparse, so it takes no disk, but every byte of it goes through the process.
    """
    count, width = 2**20, 1024
    x = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype="<f4", shape=(count, width))
    rng = np.random.default_rng(0)
    for start in range(0, count, 4096):  # a few rows that are not zeros, all over the file
        x[start : start + 4] = rng.random((4, width), np.float32)
    x.flush()
    del x
    assert (tmp_path / "x.npy").stat().st_size > 4 * 2**30
    np.save(tmp_path / "y.npy", (np.arange(count) % 4096 < 4).astype(np.uint8))
    graph = make_graph(
        [{"dense": {"name": "out", "units": 2}}, "softmax"],
        [width],
        path=tmp_path / "spec.yaml",
        train={
            "data": {"npy": {"x": "x.npy", "y": "y.npy"}},
            "loss": "sparse_categorical_crossentropy",
            "epochs": 1,
            "batch_size": 8192,
            "validation_split": 0.25,
        },
    )
    assert graph.parameters == 2050
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "spec.yaml"), str(tmp_path / "build")],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    print(result)
    assert result["agrees"]
    assert result["samples"] == count // 4
    assert result["peak"] < 2 * 2**30
