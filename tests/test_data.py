"""The data files of the example specs: what their README says about them is so."""

from __future__ import annotations

import hashlib
import io
import re
import runpy
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest


@dataclass(frozen=True)
class Expected:
    dtype: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    classes: int
    low: float
    high: float


EXPECTED = {
    "digits": Expected("uint8", (1352, 8, 8, 1), (445, 8, 8, 1), 10, 0, 16),
    "motions": Expected("float32", (40, 100, 6), (40, 100, 6), 4, -40, 40),
}

Arrays = dict[str, npt.NDArray[np.generic]]


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    return repository / "specs" / "data"


def load(folder: Path, name: str) -> Arrays:
    with np.load(folder / f"{name}.npz", allow_pickle=False) as archive:
        return dict(archive)


def test_every_data_file_is_expected_here(folder: Path) -> None:
    assert {path.stem for path in folder.glob("*.npz")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_arrays(folder: Path, name: str) -> None:
    expected, arrays = EXPECTED[name], load(folder, name)
    assert set(arrays) == {"x_train", "y_train", "x_test", "y_test"}
    for half, shape in (("train", expected.train), ("test", expected.test)):
        x, y = arrays[f"x_{half}"], arrays[f"y_{half}"]
        assert (x.dtype, x.shape) == (np.dtype(expected.dtype), shape)
        assert (y.dtype, y.shape) == (np.dtype("uint8"), shape[:1])
        assert np.isfinite(x).all()
        assert expected.low <= x.min() < x.max() <= expected.high


@pytest.mark.parametrize("name", EXPECTED)
def test_halves_hold_every_class_in_like_shares(folder: Path, name: str) -> None:
    expected, arrays = EXPECTED[name], load(folder, name)
    for half in ("train", "test"):
        counts = np.bincount(arrays[f"y_{half}"], minlength=expected.classes)
        assert len(counts) == expected.classes
        # The rarest digit occurs 174 times in 1,797, the most frequent 183 times.
        assert counts.min() >= 0.95 * counts.mean()


@pytest.mark.parametrize("name", EXPECTED)
def test_the_last_tenth_of_the_training_samples_holds_every_class(folder: Path, name: str) -> None:
    """`validation_split` cuts the tail off, unshuffled as Keras does."""
    expected, y = EXPECTED[name], load(folder, name)["y_train"]
    assert set(y[-(len(y) // 10) :].tolist()) == set(range(expected.classes))


@pytest.mark.parametrize("name", EXPECTED)
def test_no_sample_occurs_twice(folder: Path, name: str) -> None:
    arrays = load(folder, name)
    samples = [sample.tobytes() for half in ("train", "test") for sample in arrays[f"x_{half}"]]
    assert len(set(samples)) == len(samples)


@pytest.mark.parametrize("name", EXPECTED)
def test_readme_states_the_digest(folder: Path, name: str) -> None:
    row = re.search(rf"^\| {name}\.npz \|.*$", (folder / "README.md").read_text(), re.MULTILINE)
    assert row is not None
    assert f"`{hashlib.sha256((folder / f'{name}.npz').read_bytes()).hexdigest()}`" in row[0]


def test_licence_texts_stand_beside_the_data(folder: Path) -> None:
    linked = set(re.findall(r"\((LICENSES/[^)]+)\)", (folder / "README.md").read_text()))
    present = {path.relative_to(folder).as_posix() for path in (folder / "LICENSES").iterdir()}
    assert linked == present


def test_npz_bytes_hang_on_nothing_but_the_arrays(folder: Path) -> None:
    """The maker's archive of the shipped arrays is the shipped file, whatever order they come in."""
    maker = runpy.run_path(str(folder / "make.py"))
    for name in EXPECTED:
        arrays = load(folder, name)
        remade = maker["npz_bytes"](dict(reversed(arrays.items())))
        assert _members(remade) == _members((folder / f"{name}.npz").read_bytes())


def _members(data: bytes) -> list[tuple[str, tuple[int, ...], bytes]]:
    """Return name, date and content of each member: the compressed bytes belong to the machine's zlib."""

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(info.filename, info.date_time, archive.read(info)) for info in archive.infolist()]
