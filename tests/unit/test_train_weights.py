"""Weights files: every layer type there and back, the same bytes on any day, and everything that can be wrong."""

from __future__ import annotations

import io
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from netspec.diagnostics import SpecError, ToolError
from netspec.graph import Graph
from netspec.train.backend import load_keras
from netspec.train.model import build_model
from netspec.train.weight_files import read_arrays_isolated
from netspec.train.weights import (
    Weights,
    get_weights,
    read_weights,
    save_model,
    set_weights,
    weights_digest,
    write_npz,
)
from tests.specs import make_graph

EVERY_WEIGHTED_TYPE = make_graph(
    [
        {"conv2d": {"name": "zebra", "filters": 4, "kernel_size": 3, "padding": 1}},
        {"batch_normalization": {"name": "norm"}},
        {"conv2d": {"name": "ape", "filters": 4, "kernel_size": 2, "use_bias": False, "trainable": False}},
        {"depthwise_conv2d": {"name": "deep", "kernel_size": 2, "depth_multiplier": 2}},
        {"batch_normalization": {"name": "bare", "center": False, "scale": False}},
        {"batch_normalization": {"name": "gamma_only", "center": False, "trainable": False}},
        {"separable_conv2d": {"name": "split", "filters": 3, "kernel_size": 2}},
        {"dropout": {"rate": 0.5}},
        {"reshape": {"target_shape": [5, 15]}},
        {"conv1d": {"filters": 4, "kernel_size": 3, "padding": [[1, 2]]}},
        {"separable_conv1d": {"filters": 4, "kernel_size": 2, "use_bias": False}},
        "batch_normalization",
        {"conv1d": {"filters": 2, "kernel_size": 1, "padding": "causal"}},
        "flatten",
        {"dense": {"units": 3}},
        {"dense": {"name": "last", "units": 2, "use_bias": False}},
    ],
    [8, 8, 2],
)
SMALL = make_graph([{"dense": {"name": "a", "units": 2}}, {"dense": {"name": "b", "units": 1}}], [3])


def random_weights(graph: Graph, seed: int = 0) -> Weights:
    rng = np.random.default_rng(seed)
    return {
        (layer.name, weight.name): rng.normal(size=weight.shape).astype(np.float32)
        for layer in graph.layers
        for weight in layer.weights
    }


def assert_same(ours: Weights, theirs: Weights) -> None:
    assert list(ours) == list(theirs)
    for key, array in ours.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, theirs[key], err_msg=str(key))


@pytest.mark.parametrize("suffix", [".npz", ".keras", ".weights.h5", " by Keras.keras"])
def test_every_layer_type_there_and_back(tmp_path: Path, suffix: str) -> None:
    weights, path = random_weights(EVERY_WEIGHTED_TYPE), tmp_path / f"net{suffix}"
    model = build_model(EVERY_WEIGHTED_TYPE)
    set_weights(model, weights)
    assert_same(get_weights(model, EVERY_WEIGHTED_TYPE), weights)
    if suffix == ".npz":
        write_npz(weights, path)
    elif suffix == ".keras":
        save_model(model, path)
    elif suffix == ".weights.h5":
        model.save_weights(path)
    else:
        model.compile("adam", "mse")
        model.save(path)
    assert_same(read_weights(path, EVERY_WEIGHTED_TYPE), weights)


def test_a_keras_file_without_names_goes_by_its_config(tmp_path: Path) -> None:
    weights, path = random_weights(EVERY_WEIGHTED_TYPE), tmp_path / "net.keras"
    model = build_model(EVERY_WEIGHTED_TYPE)
    set_weights(model, weights)
    save_model(model, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "w.h5").write_bytes(members["model.weights.h5"])
    with h5py.File(tmp_path / "w.h5", "a") as file:
        for group in file["layers"].values():
            del group["vars"].attrs["name"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, (tmp_path / "w.h5").read_bytes() if name.endswith(".h5") else content)
    assert_same(read_weights(path, EVERY_WEIGHTED_TYPE), weights)
    with pytest.raises(ToolError, match="does not say which layer"):
        read_weights(tmp_path / "w.h5", EVERY_WEIGHTED_TYPE)


def test_saved_models_load_and_answer_alike(tmp_path: Path) -> None:
    model = build_model(EVERY_WEIGHTED_TYPE)
    set_weights(model, random_weights(EVERY_WEIGHTED_TYPE))
    save_model(model, tmp_path / "net.keras")
    loaded = load_keras().models.load_model(tmp_path / "net.keras")
    x = np.random.default_rng(1).random((2, 8, 8, 2), np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert loaded.get_layer("ape").trainable is False


SAVE = """
import sys
from pathlib import Path
from netspec.train.model import build_model
from netspec.train.weights import save_model, set_weights
from tests.unit.test_train_weights import EVERY_WEIGHTED_TYPE, random_weights
padding = [object() for _ in range(int(sys.argv[2]))]  # moves what is allocated later
model = build_model(EVERY_WEIGHTED_TYPE)
set_weights(model, random_weights(EVERY_WEIGHTED_TYPE))
save_model(model, Path(sys.argv[1]))
"""


def test_equal_models_are_equal_files(tmp_path: Path, repository: Path) -> None:
    weights = random_weights(EVERY_WEIGHTED_TYPE)
    first, later, trained = (build_model(EVERY_WEIGHTED_TYPE) for _ in range(3))
    for model in (first, later, trained):
        set_weights(model, weights)
    trained.compile("adam", "mse")
    save_model(first, tmp_path / "first.keras")
    write_npz(weights, tmp_path / "first.npz")
    time.sleep(2.1)  # zip counts time in steps of two seconds
    save_model(later, tmp_path / "later.keras")
    save_model(trained, tmp_path / "trained.keras")
    write_npz(dict(reversed(weights.items())), tmp_path / "later.npz")
    for number in (1, 2):
        file = tmp_path / f"process{number}.keras"
        subprocess.run([sys.executable, "-c", SAVE, str(file), str(number * 1000)], cwd=repository, check=True)
    assert len({file.read_bytes() for file in tmp_path.glob("*.keras")}) == 1
    assert len({file.read_bytes() for file in tmp_path.glob("*.npz")}) == 1


def test_digest_is_of_names_shapes_and_values() -> None:
    weights = random_weights(SMALL)
    digest = weights_digest(weights)
    assert weights_digest(dict(reversed(weights.items()))) == digest
    for key, array in weights.items():
        nudged = array.copy()
        nudged.flat[0] = np.nextafter(nudged.flat[0], np.float32(9))
        assert weights_digest(weights | {key: nudged}) != digest
    assert weights_digest(weights | {("a", "kernel"): weights["a", "kernel"].T}) != digest


def test_npz_is_read_by_numpy(tmp_path: Path) -> None:
    weights = random_weights(SMALL)
    write_npz(weights, tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as archive:
        assert sorted(archive.files) == ["a/bias", "a/kernel", "b/bias", "b/kernel"]
        np.testing.assert_array_equal(archive["b/kernel"], weights["b", "kernel"])


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ({("a", "bias"): None}, ["w.npz has no array 'bias' of layer 'a'"]),
        ({("a", "kernel"): np.zeros((4, 2))}, ["'kernel' of layer 'a' is (3, 2) in the spec and (4, 2) in w.npz"]),
        ({("c", "kernel"): np.zeros(1)}, ["w.npz has arrays that the spec does not: c/kernel"]),
        ({("a", "bias"): np.array([1, np.inf])}, ["'bias' of layer 'a' holds values in w.npz that are not finite"]),
        (
            {("a", "bias"): None, ("b", "bias"): np.zeros(2)},
            ["w.npz has no array 'bias' of layer 'a'", "'bias' of layer 'b' is (1,) in the spec and (2,) in w.npz"],
        ),
    ],
)
def test_mismatches(tmp_path: Path, change: dict[tuple[str, str], object], messages: list[str]) -> None:
    changed = {key: array for key, array in (random_weights(SMALL) | change).items() if array is not None}
    write_npz(changed, tmp_path / "w.npz")  # type: ignore[arg-type]
    with pytest.raises(SpecError) as caught:
        read_weights(tmp_path / "w.npz", SMALL)
    assert [found.message for found in caught.value.diagnostics] == messages
    assert all(found.rule == "weights-mismatch" and found.help for found in caught.value.diagnostics)


def test_integers_are_not_weights(tmp_path: Path) -> None:
    arrays = {f"{layer}/{weight}": array.astype(int) for (layer, weight), array in random_weights(SMALL).items()}
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(SpecError, match=r"is int64 in w\.npz, not floats"):
        read_weights(tmp_path / "w.npz", SMALL)


def test_weights_of_another_keras_model(tmp_path: Path) -> None:
    other = build_model(make_graph([{"dense": {"name": "a", "units": 5}}, {"dense": {"name": "z", "units": 1}}], [3]))
    save_model(other, tmp_path / "w.keras")
    with pytest.raises(SpecError) as caught:
        read_weights(tmp_path / "w.keras", SMALL)
    text = str(caught.value)
    for part in ("(3, 2) in the spec and (3, 5)", "no array 'kernel' of layer 'b'", "z/0, z/1"):
        assert part in text


@pytest.mark.parametrize("name", ["w.npz", "w.keras", "w.weights.h5"])
@pytest.mark.parametrize("content", [None, b"", b"no such format"])
def test_unreadable_files(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    if content is None:
        with pytest.raises(ToolError, match=f"no weights file .*{name}"):
            read_weights(tmp_path / name, SMALL)
        return
    with pytest.raises(SpecError) as caught:
        read_weights(tmp_path / name, SMALL)
    [diagnostic] = caught.value.diagnostics
    assert name in diagnostic.message
    assert diagnostic.help


def test_a_pickle_in_an_npz_is_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **{"a/kernel": np.array([Trap()], object)})
    with pytest.raises(SpecError, match="a pickle, which may run code and is never opened"):
        read_weights(tmp_path / "w.npz", SMALL)


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("the pickle was loaded",))


def test_a_declared_terabyte_is_not_allocated(tmp_path: Path) -> None:
    """The header of an array says its size; what does not fit the spec is not unpacked."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("a/kernel.npy", header.getvalue())
    with pytest.raises(SpecError, match=r"'kernel' of layer 'a' is \(3, 2\) in the spec and \(1099511627776,\)"):
        read_weights(tmp_path / "w.npz", SMALL)


def test_headers_that_may_unpack_to_gigabytes_are_not_read(tmp_path: Path) -> None:
    """From version 2 on numpy's headers may have 4 GiB, and spaces compress to a thousandth."""
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/kernel.npy", b"\x93NUMPY\x02\x00" + (1 << 28).to_bytes(4, "little") + b" " * (1 << 28))
    assert peak_mebibytes_of_refusal(tmp_path / "w.npz", "its header claims 268435456 bytes") < 32


def test_a_header_on_which_numpy_s_own_parser_gives_up(tmp_path: Path) -> None:
    """Found by fuzzing: NumPy hands an odd header to Python's tokenizer, whose errors are of no usual kind."""
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("a/kernel.npy", b"\x93NUMPY\x01\x00\x02\x00{\n")
    with pytest.raises(SpecError, match="its header is no plain mapping"):
        read_weights(tmp_path / "w.npz", SMALL)


def test_an_array_in_fortran_s_order(tmp_path: Path) -> None:
    weights = random_weights(SMALL)
    np.savez(tmp_path / "w.npz", **{f"{a}/{b}": np.asfortranarray(array) for (a, b), array in weights.items()})
    assert_same(read_weights(tmp_path / "w.npz", SMALL), weights)


def test_an_array_that_stands_in_an_npz_twice(tmp_path: Path) -> None:
    """Entries that share their bytes would be unpacked again and again."""
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("a/kernel.npy", b"")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a/kernel.npy", b"")
    with pytest.raises(SpecError, match="an array stands in it twice"):
        read_weights(tmp_path / "w.npz", SMALL)


def peak_mebibytes_of_refusal(path: Path, message: str) -> float:
    """Return what memory Python takes at most while it refuses a weights file with a message."""
    tracemalloc.start()
    try:
        with pytest.raises(SpecError, match=message):
            read_weights(path, SMALL)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_keras_file_that_is_a_bomb(tmp_path: Path, name: str) -> None:
    members = {"config.json": b"{}", "model.weights.h5": b""} | {name: bytes(512 * 2**20)}
    with zipfile.ZipFile(tmp_path / "w.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    assert (tmp_path / "w.keras").stat().st_size < 2**20
    del members
    assert peak_mebibytes_of_refusal(tmp_path / "w.keras", f"{name} unpacks to more than") < 160


@pytest.mark.parametrize("kept", ["in this process", "isolated"])
def test_an_h5_file_that_declares_terabytes(tmp_path: Path, kept: str) -> None:
    build_model(SMALL).save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        variables = file["layers/dense/vars"]
        del variables["0"]
        variables.create_dataset("0", (1 << 40,), "<f4", chunks=(1024,))
    with pytest.raises(SpecError, match=r"'kernel' of layer 'a' is \(3, 2\) in the spec and \(1099511627776,\)"):
        read_weights(tmp_path / "w.weights.h5", SMALL, isolated=kept == "isolated")


def test_h5_groups_inside_of_themselves(tmp_path: Path) -> None:
    build_model(SMALL).save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        file["layers/dense/layer"] = file["layers/dense"]
    with pytest.raises(SpecError, match="has arrays that the spec does not: a/2, a/3"):
        read_weights(tmp_path / "w.weights.h5", SMALL)


@pytest.mark.parametrize("config", [b"[]", b'{"config": 3}', b"[" * 100_000, b'{"config": {"layers": [{}]}}'])
def test_a_keras_file_whose_config_is_none(tmp_path: Path, config: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "w.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(SpecError, match=r"w\.keras cannot be read"):
        read_weights(tmp_path / "w.keras", SMALL)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_a_process_of_its_own_reads_the_same(tmp_path: Path, suffix: str) -> None:
    weights, path = random_weights(EVERY_WEIGHTED_TYPE), tmp_path / f"net{suffix}"
    model = build_model(EVERY_WEIGHTED_TYPE)
    set_weights(model, weights)
    model.save(path) if suffix == ".keras" else model.save_weights(path)
    assert_same(read_weights(path, EVERY_WEIGHTED_TYPE, isolated=True), weights)


def test_a_process_of_its_own_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "w.keras").write_bytes(b"no such format")
    other = build_model(make_graph([{"dense": {"name": "a", "units": 5}}, {"dense": {"name": "z", "units": 1}}], [3]))
    save_model(other, tmp_path / "other.keras")
    (tmp_path / "none.h5").write_bytes(b"")
    for name in ("w.keras", "other.keras", "none.h5", "nowhere.keras"):
        said = []
        for isolated in (False, True):
            with pytest.raises((SpecError, ToolError)) as caught:
                read_weights(tmp_path / name, SMALL, isolated=isolated)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_a_build_refuses_a_bomb(tmp_path: Path) -> None:
    """As the command, which may take no more memory than it needs to start."""
    (tmp_path / "net.yaml").write_text(
        "netspec: 1\nname: net\ninputs: {x: {shape: [3]}}\nlayers: [{dense: {units: 2}}]\n", encoding="utf-8"
    )
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b"{}")
        archive.writestr("model.weights.h5", bytes(512 * 2**20))
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_DATA, (3 << 29, 3 << 29)); "
        "from netspec.__main__ import main; sys.argv[0] = 'netspec'; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "build", "net.yaml", "--weights", "bomb.keras"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "model.weights.h5 unpacks to more than" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout + done.stderr


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    build_model(SMALL).save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match=r"is not read after 0\.01 s: the HDF5 library hangs in it"):
        read_arrays_isolated(tmp_path / "w.weights.h5", {"a": [("kernel", (3, 2))]}, seconds=0.01)


def test_a_whole_model_of_keras_2_is_for_the_importer(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_group("model_weights")
    with pytest.raises(ToolError, match=r"w\.h5 is a whole model of Keras 2") as caught:
        read_weights(tmp_path / "w.h5", SMALL)
    assert f"run `netspec import {tmp_path / 'w.h5'}`" in str(caught.value.help)


def test_unknown_kinds(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="of no known kind"):
        read_weights(tmp_path / "weights.pt", SMALL)


def test_h5_links_are_not_followed(tmp_path: Path) -> None:
    build_model(SMALL).save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.zeros((3, 2), np.float32)
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        variables = file["layers/dense/vars"]
        del variables["0"]
        variables["0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/kernel")
    with pytest.raises(SpecError, match="is no plain array"):
        read_weights(tmp_path / "w.weights.h5", SMALL)
