"""Loaders and every mismatch between data and spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph
from netspec.train.data import Dataset, load_data
from tests.specs import make_graph

SPARSE = "sparse_categorical_crossentropy"
X = np.arange(10 * 16, dtype=np.uint8).reshape(10, 4, 4)
Y = np.arange(10) % 3


def graph_in(folder: Path, data: Any, *, loss: Any = SPARSE, shape: Any = (4, 4, 1), **train: Any) -> Graph:
    layers = ["flatten", {"dense": {"name": "out", "units": 3}}]
    return make_graph(layers, shape, path=folder / "spec.yaml", train={"data": data, "loss": loss, **train})


def load_npz(folder: Path, arrays: dict[str, Any], **options: Any) -> Dataset:
    np.savez(folder / "data.npz", **arrays)
    return load_data(graph_in(folder, {"npz": "data.npz"}, **options).spec)


def fault(folder: Path, arrays: dict[str, Any], **options: Any) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        load_npz(folder, arrays, **options)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


def test_npz(tmp_path: Path) -> None:
    data = load_npz(tmp_path, {"x_train": X, "y_train": Y, "x_test": X[:4], "y_test": Y[:4, None]})
    assert data.validation is None
    assert data.test is not None
    assert data.train.x["x"].dtype == np.float32
    assert data.train.x["x"].shape == (10, 4, 4, 1)  # the missing channel axis is added
    np.testing.assert_array_equal(data.train.x["x"][..., 0], X)
    assert data.train.y["out"].dtype == np.int32
    np.testing.assert_array_equal(data.train.y["out"], Y)
    np.testing.assert_array_equal(data.test.y["out"], Y[:4])  # (n, 1) labels too


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"x_train_a": rng.random((5, 2)), "x_train_b": rng.random((5, 3)), "y_train_p": rng.random((5, 1)),
              "y_train_q": rng.random(5)}  # fmt: skip
    np.savez(tmp_path / "data.npz", **arrays)
    graph = make_graph(
        [{"dense": {"name": "p", "units": 1, "from": "a"}}, {"dense": {"name": "q", "units": 1, "from": "b"}}],
        {"a": [2], "b": [3]},
        path=tmp_path / "spec.yaml",
        outputs=["p", "q"],
        train={"data": {"npz": "data.npz"}, "loss": "mse"},
    )
    data = load_data(graph.spec)
    for name in "ab":
        np.testing.assert_array_equal(data.train.x[name], arrays[f"x_train_{name}"].astype(np.float32))
    np.testing.assert_array_equal(data.train.y["q"], arrays["y_train_q"].astype(np.float32)[:, None])


def test_npy(tmp_path: Path) -> None:
    for name, array in {"x": X, "y": Y, "xt": X[:2], "yt": Y[:2]}.items():
        np.save(tmp_path / f"{name}.npy", array)
    source = {"x": "x.npy", "y": "y.npy", "x_test": {"x": "xt.npy"}, "y_test": "yt.npy"}
    data = load_data(graph_in(tmp_path, {"npy": source}).spec)
    assert len(data.train) == 10
    assert data.test is not None
    np.testing.assert_array_equal(data.test.x["x"][..., 0], X[:2])


@pytest.mark.parametrize("classes", [["0", "1", "2"], ["ant", "bee", "cat"]])
def test_csv(tmp_path: Path, classes: list[str]) -> None:
    rows = [[*map(str, x.ravel()), classes[y]] for x, y in zip(X, Y, strict=True)]
    columns = [*(f"pixel{index}" for index in range(16)), "kind"]
    moved = [[row[-1], *row[:-1]] for row in [columns, *rows]]  # the target may stand anywhere
    (tmp_path / "data.csv").write_text("\ufeff" + "\r\n".join(",".join(row) for row in moved), encoding="utf-8")
    data = load_data(graph_in(tmp_path, {"csv": {"path": "data.csv", "target": "kind"}}).spec)
    np.testing.assert_array_equal(data.train.x["x"][..., 0], X)
    np.testing.assert_array_equal(data.train.y["out"], Y)


def test_validation_split_takes_the_last_samples_as_keras_does(tmp_path: Path) -> None:
    data = load_npz(tmp_path, {"x_train": X, "y_train": Y}, validation_split=0.25)
    assert data.validation is not None
    assert (len(data.train), len(data.validation)) == (7, 3)
    np.testing.assert_array_equal(data.validation.x["x"][..., 0], X[7:])


def test_digest_is_of_the_contents(tmp_path: Path) -> None:
    arrays = {"x_train": X, "y_train": Y}
    plain = load_npz(tmp_path, arrays).digest
    assert load_npz(tmp_path, arrays, validation_split=0.5).digest == plain
    np.savez_compressed(tmp_path / "data.npz", **arrays)
    assert load_data(graph_in(tmp_path, {"npz": "data.npz"}).spec).digest == plain
    changed = X.copy()
    changed[-1, -1, -1] += 1
    assert load_npz(tmp_path, {"x_train": changed, "y_train": Y}).digest != plain
    assert load_npz(tmp_path, {**arrays, "x_test": X, "y_test": Y}).digest != plain


@pytest.mark.parametrize(
    ("arrays", "options", "rule", "message"),
    [
        ({"x_train": X}, {}, "data-missing-array", "data.npz has no y_train; it has x_train"),
        (
            {"x_train": X, "y_train": Y[:8]},
            {},
            "data-sample-count",
            "the train arrays differ in samples: 10 in x of x, 8 in",
        ),
        (
            {"x_train": X[:, :3], "y_train": Y},
            {},
            "data-shape",
            "x of the train samples for input 'x' has samples of shape (3, 4), the input is (4, 4, 1)",
        ),
        (
            {"x_train": X, "y_train": Y + 1},
            {},
            "data-label-range",
            "y of the train samples for output 'out' holds labels 1 to 3, the output has 3 classes",
        ),
        ({"x_train": X, "y_train": Y - 1}, {}, "data-label-range", "holds labels -1 to 1, the output has 3 classes"),
        ({"x_train": X, "y_train": Y + 0.5}, {}, "data-values", "is not whole numbers"),
        ({"x_train": X + np.nan, "y_train": Y}, {}, "data-values", "160 values that are not finite"),
        ({"x_train": X * 1e40, "y_train": Y}, {}, "data-values", "not finite in float32"),
        ({"x_train": X.astype(str), "y_train": Y}, {}, "data-dtype", "not numbers"),
        ({"x_train": X[:0], "y_train": Y[:0]}, {}, "data-sample-count", "there are 0 train samples"),
        (
            {"x_train": X, "y_train": Y},
            {"loss": "categorical_crossentropy"},
            "data-shape",
            "has samples of shape (), loss categorical_crossentropy needs (3,)",
        ),
        (
            {"x_train": X, "y_train": Y, "x_tset": X},
            {},
            "data-unknown-array",
            "array 'x_tset' of data.npz belongs to no",
        ),
        ({"x_train": X, "y_train": Y, "x_val": X}, {}, "data-missing-array", "data.npz has no y_val; it has"),
        (
            {"x_train": X, "y_train": np.array([object()] * 10)},
            {},
            "data-unreadable",
            "array 'y_train' of data.npz cannot",
        ),
    ],
)
def test_mismatches(tmp_path: Path, arrays: dict[str, Any], options: Any, rule: str, message: str) -> None:
    found = fault(tmp_path, arrays, **options)
    assert found.rule == rule
    assert message in found.message
    assert found.help
    text = (tmp_path / "spec.yaml").read_text().splitlines()
    assert "npz: data.npz" in text[found.span.line - 1]


def test_class_numbers_for_a_dense_loss_name_the_sparse_one(tmp_path: Path) -> None:
    found = fault(tmp_path, {"x_train": X, "y_train": Y}, loss="categorical_crossentropy")
    assert found.help == "use `loss: sparse_categorical_crossentropy` for class numbers"


def test_a_split_that_leaves_nothing_to_train_on(tmp_path: Path) -> None:
    found = fault(tmp_path, {"x_train": X[:2], "y_train": Y[:2]}, validation_split=0.75)
    assert (found.rule, found.path) == ("data-sample-count", "train.validation_split")


def test_a_split_beside_validation_data(tmp_path: Path) -> None:
    arrays = {"x_train": X, "y_train": Y, "x_val": X, "y_val": Y}
    assert fault(tmp_path, arrays, validation_split=0.5).rule == "conflicting-keys"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file data.npz"),
        (b"", "data.npz cannot be read as numpy arrays"),
        (b"PK\x03\x04 broken", "data.npz cannot be read as numpy arrays"),
        (b"\x80\x04\x95 a pickle", "data.npz cannot be read as numpy arrays"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_data(graph_in(tmp_path, {"npz": "data.npz"}).spec)
    (found,) = caught.value.diagnostics
    assert found.rule == ("data-missing-file" if content is None else "data-unreadable")
    assert message in found.message


def test_a_misspelt_file_is_guessed(tmp_path: Path) -> None:
    np.savez(tmp_path / "digits.npz", x=X)
    with pytest.raises(SpecError) as caught:
        load_data(graph_in(tmp_path, {"npz": "./digit.npz"}).spec)
    assert caught.value.diagnostics[0].help == "did you mean `digits.npz`?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,kind\n1,2,0\n1,0\n", "row 3 of data.csv has 2 cells, the header has 3"),
        ("a,b,kind\n1,2,0\n1,two,0\n", "'two' in row 3, column 'b' of data.csv is no number"),
        ("a,b,sort\n1,2,0\n", "data.csv has no column 'kind'"),
        ("a,b,kind\n", "data.csv has a header and no samples"),
        ("a,b,kind\n1,2,0\n", "has samples of shape (2,), the input is (4, 4, 1)"),
    ],
)
def test_csv_faults(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(SpecError) as caught:
        load_data(graph_in(tmp_path, {"csv": {"path": "data.csv", "target": "kind"}}).spec)
    assert message in caught.value.diagnostics[0].message


def test_losses_must_name_the_outputs(tmp_path: Path) -> None:
    found = fault(tmp_path, {"x_train": X, "y_train": Y}, loss={"other": SPARSE})
    assert (found.rule, found.path) == ("bad-output", "train.loss")


def test_a_spec_without_a_train_section() -> None:
    with pytest.raises(SpecError, match="no train section"):
        load_data(make_graph(["flatten"], [3]).spec)


def test_the_shipped_data_fit_their_specs(repository: Path) -> None:
    from netspec.spec.source import load
    from netspec.spec.spec import read

    digits = load_data(read(load(repository / "specs" / "digits.yaml")))
    assert digits.test is not None
    assert digits.validation is not None
    assert len(digits.train) + len(digits.validation) == 1352
    assert len(digits.test) == 445
