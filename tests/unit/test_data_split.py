"""What `validation_split` holds back of data that are sorted by class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.check import check
from netspec.data.check import data_findings
from netspec.data.split import SplitCounts
from netspec.diagnostics import Diagnostic
from netspec.spec.source import parse
from netspec.train.data import load_data
from tests.specs import make_graph

SPARSE = "sparse_categorical_crossentropy"
SORTED = np.repeat(np.arange(5), 60)
SHARED = Path(__file__).parents[2] / "../shared/cases/09-validation-split-of-sorted"


def warnings(
    folder: Path, labels: Any, *, share: float = 0.2, loss: str = SPARSE, units: int = 5, data: Any = None, **more: Any
) -> list[Diagnostic]:
    """Return the warnings of `check --data`, after making sure that a build has the same."""
    np.savez(folder / "data.npz", x_train=np.zeros((len(labels), 2)), y_train=labels, **more)
    train = {"data": data or {"npz": "data.npz"}, "loss": loss, "validation_split": share}
    layers = [{"dense": {"name": "out", "units": units}}]
    graph = make_graph(layers, [2], path=folder / "spec.yaml", train=train)
    loaded = load_data(graph.spec).warnings
    found = data_findings(graph)
    if loss != "categorical_crossentropy":  # whose labels only a build reads
        assert list(loaded) == found
    return list(loaded)


def test_sorted_labels(tmp_path: Path) -> None:
    (found,) = warnings(tmp_path, SORTED)
    assert (found.rule, found.severity, found.path) == ("data-split-classes", "warning", "train.validation_split")
    assert found.message == (
        "validation_split 0.2 holds back the last 60 samples, with 60 of the 60 of class 4: training never sees it"
    )


def test_names_of_classes(tmp_path: Path) -> None:
    (found,) = warnings(tmp_path, SORTED, data={"npz": "data.npz", "classes": ["a", "b", "c", "d", "last"]})
    assert "60 of the 60 of class 'last'" in found.message


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", ">i2"])
def test_every_type_of_labels(tmp_path: Path, dtype: str) -> None:
    assert len(warnings(tmp_path, SORTED.astype(dtype))) == 1
    assert len(warnings(tmp_path, SORTED[:, None].astype(dtype))) == 1


def test_classes_that_are_not_validated(tmp_path: Path) -> None:
    labels = np.concatenate([np.zeros(100, int), np.arange(400) % 4 + 1])
    (found,) = warnings(tmp_path, labels)
    assert found.message.endswith("the last 100 samples, with only 0 of the 100 of class 0")


def test_a_class_of_which_training_sees_little(tmp_path: Path) -> None:
    labels = np.concatenate([np.arange(400) % 4, np.full(100, 4)])
    labels[7] = 4
    (found,) = warnings(tmp_path, labels)
    assert found.message.endswith("with 100 of the 101 of class 4: training hardly sees it")


def test_shuffled_labels_draw_no_warning(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for size in (20, 300):
        for share in (0.1, 0.2, 0.5):
            assert warnings(tmp_path, generator.integers(0, 5, size), share=share) == []
    assert warnings(tmp_path, generator.permutation(SORTED)) == []


def test_data_that_are_split_already_draw_no_warning(tmp_path: Path) -> None:
    assert warnings(tmp_path, SORTED, share=0.0, x_val=np.zeros((5, 2)), y_val=np.arange(5)) == []
    assert warnings(tmp_path, SORTED, share=0.0) == []


def test_amounts_have_no_classes(tmp_path: Path) -> None:
    assert warnings(tmp_path, SORTED.astype(float), loss="mse", units=1) == []


def test_zeros_and_ones(tmp_path: Path) -> None:
    (found,) = warnings(tmp_path, np.repeat([0, 1], 100), share=0.5, loss="binary_crossentropy", units=1)
    assert "with 100 of the 100 of class 1: training never sees it" in found.message


def test_one_hot_labels(tmp_path: Path) -> None:
    (found,) = warnings(tmp_path, np.eye(5)[SORTED], loss="categorical_crossentropy")
    assert "with 60 of the 60 of class 4" in found.message


def test_words_of_a_table(tmp_path: Path) -> None:
    words = np.array(["walk", "idle", "run"])
    rows = "".join(f"1,2,{word}\n" for word in np.repeat(words, 50))
    (tmp_path / "d.csv").write_text(f"a,b,kind\n{rows}")
    table = {"csv": {"path": "d.csv", "target": "kind"}}
    (found,) = warnings(tmp_path, SORTED, share=0.4, data=table)
    assert "the last 60 samples, with 50 of the 50 of class 'run': training never sees it" in found.message


def test_parts_are_counted_in_pieces() -> None:
    whole, pieces = SplitCounts(300, 0.2), SplitCounts(300, 0.2)
    whole.add(SORTED.tolist())
    for start in range(0, 300, 7):
        pieces.add(SORTED[start : start + 7].tolist())
    assert whole.uneven() == pieces.uneven() == ([4.0], [0.0, 1.0, 2.0, 3.0])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared cases are not here")
def test_shared_case_09() -> None:
    path = SHARED / "net.yaml"
    (found,) = data_findings(check(parse(path.read_bytes(), str(path))).graph)
    assert found.rule == "data-split-classes"
    assert "300 of the 300 of class 4: training never sees it" in found.message
