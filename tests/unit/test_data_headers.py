"""`check --data`: what headers say against the spec, and files that lie."""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from netspec.data.check import data_findings
from netspec.data.headers import HeaderError, read_header
from netspec.data.labels import label_range
from netspec.data.rules import stacking
from netspec.diagnostics import Diagnostic, SpecError
from netspec.train.data import load_data
from tests.specs import make_graph

SPARSE = "sparse_categorical_crossentropy"
X = np.zeros((10, 4, 4), np.uint8)
Y = np.arange(10) % 3


def findings(
    folder: Path, data: Any, *, loss: Any = SPARSE, shape: Any = (4, 4, 1), layers: Any = None, **options: Any
) -> list[Diagnostic]:
    """Return what `check --data` finds, after making sure that a build says the same of it."""
    layers = layers or ["flatten", {"dense": {"name": "out", "units": 3}}]
    graph = make_graph(layers, shape, path=folder / "spec.yaml", train={"data": data, "loss": loss}, **options)
    found = data_findings(graph)
    errors = [each for each in found if each.severity == "error"]
    try:
        load_data(graph.spec)
        loaded: list[Diagnostic] = []
    except SpecError as error:
        loaded = list(error.diagnostics)
    assert [(each.rule, each.message, each.help, each.span) for each in errors] == [
        (each.rule, each.message, each.help, each.span) for each in loaded
    ]
    return found


def one(found: list[Diagnostic]) -> Diagnostic:
    (only,) = found
    return only


def npz(folder: Path, **arrays: Any) -> dict[str, str]:
    np.savez(folder / "data.npz", **arrays)
    return {"npz": "data.npz"}


def npy(folder: Path, shape: tuple[int, ...], dtype: str = "<f4") -> str:
    """Write a .npy of zeros that takes no disk."""
    name = f"x{'_'.join(map(str, shape))}.npy"
    np.lib.format.open_memmap(folder / name, mode="w+", dtype=dtype, shape=shape)  # type: ignore[no-untyped-call]
    return name


# The seed: a page where 7 images of 33 x 33 make one sample, 420,420 images and 60,060 labels (document 004).

SEED_LAYERS = [{"conv3d": {"filters": 16, "kernel_size": [3, 3, 1]}}, "flatten", {"dense": {"units": 1}}]
STACKED = "x.reshape(60060, 7, 33, 33, 1).transpose(0, 2, 3, 1, 4)"


def seed(folder: Path, shape: tuple[int, ...]) -> Diagnostic:
    np.save(folder / "y.npy", np.zeros(60060, np.float32))
    graph = make_graph(
        SEED_LAYERS,
        [33, 33, 7, 1],
        path=folder / "spec.yaml",
        train={"data": {"npy": {"x": npy(folder, shape), "y": "y.npy"}}, "loss": "mse"},
    )
    return one(data_findings(graph))


@pytest.mark.parametrize("shape", [(420420, 33, 33), (420420, 33, 33, 1), (420420, 33, 33, 7, 1)])
def test_the_seed_of_seven_images_a_label_is_one_error(tmp_path: Path, shape: tuple[int, ...]) -> None:
    found = seed(tmp_path, shape)
    assert found.rule == "data-sample-count"
    assert found.message == (
        "x of the train samples has 7 times as many samples as y: 420,420 against 60,060; "
        "one input of shape (33, 33, 7, 1) is 7 images"
    )
    assert found.path == "train.data.npy"
    assert found.help is not None
    assert f"`x = {STACKED}`; `x.reshape(60060, 33, 33, 7, 1)` alone would mix the values of 7 images" in found.help
    assert ("give all 420,420 a label" in found.help) == (len(shape) == 5)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_the_call_that_stacks_keeps_every_image_whole(axis: int) -> None:
    single, times, count = (4, 3, 2), 5, 6
    x = np.arange(count * times * 24).reshape(count * times, *single)
    made = eval(stacking(count, times, single, axis), {"x": x})
    wanted = np.stack([np.stack(x[times * n : times * (n + 1)], axis=axis) for n in range(count)])
    np.testing.assert_array_equal(made, wanted)
    mixed = x.reshape(count, *single[:axis], times, *single[axis:])
    assert np.array_equal(mixed, wanted) == (axis == 0)


# Rules.


@pytest.mark.parametrize(
    ("arrays", "options", "rule", "message", "help"),
    [
        ({"x_train": X[:7], "y_train": Y}, {}, "data-sample-count", "differ in samples: 7 in x of x, 10 in y of", None),
        (
            {"x_train": X[:5], "y_train": Y},
            {},
            "data-sample-count",
            "y of the train samples has 2 times as many samples as x: 10 against 5",
            "keep one label of each 2, such as `y[::2]`, or give every label its own x",
        ),
        (
            {"x_train": X, "y_train": Y[:5]},
            {},
            "data-sample-count",
            "x of the train samples has 2 times as many samples as y: 10 against 5",
            "give every x its label, such as `np.repeat(y, 2, axis=0)`, or keep one x of each 2",
        ),
        ({"x_train": X[:0], "y_train": Y[:0]}, {}, "data-sample-count", "there are 0 train samples", None),
        (
            {"x_train": X.reshape(10, 16), "y_train": Y},
            {},
            "data-shape",
            "samples of shape (16,), the input is (4, 4, 1)",
            "write `x = x.reshape(-1, 4, 4, 1)`, or change the input's shape",
        ),
        (
            {"x_train": np.zeros((10, 3, 4, 5)), "y_train": Y},
            {"shape": (4, 5, 3)},
            "data-shape",
            "samples of shape (3, 4, 5), the input is (4, 5, 3)",
            "its axes stand in another order; the channels come first, as in PyTorch: "
            "write `x = x.transpose(0, 2, 3, 1)`, or change the input's shape",
        ),
        (
            {"x_train": X, "y_train": Y + 1},
            {},
            "data-label-range",
            "y of the train samples for output 'out' holds labels 1 to 3, the output has 3 classes",
            "labels count from 0: subtract 1, or give 'out' 4 units",
        ),
        (
            {"x_train": X, "y_train": Y * 10},
            {},
            "data-label-range",
            "holds labels 0 to 20, the output has 3 classes",
            "labels must lie in 0 to 2; change the labels or the width of 'out'",
        ),
        ({"x_train": X, "y_train": Y / 2}, {}, "data-values", "is not whole numbers", "store integers"),
        (
            {"x_train": X, "y_train": np.eye(3)[Y]},
            {},
            "data-shape",
            "has samples of shape (3,), loss sparse_categorical_crossentropy needs ()",
            "use `loss: categorical_crossentropy` for one-hot labels",
        ),
        ({"x_train": X.astype("U3"), "y_train": Y}, {}, "data-dtype", "is text, not numbers", "store numbers"),
        ({"x_train": X.astype("c8"), "y_train": Y}, {}, "data-dtype", "is complex64, not numbers", "store numbers"),
        (
            {"x_train": np.zeros(10, [("a", "f4"), ("b", "i2", (2,))]), "y_train": Y},
            {},
            "data-dtype",
            "is records, not numbers",
            "store numbers",
        ),
        ({"x_train": X}, {}, "data-missing-array", "data.npz has no y_train; it has x_train", "add y_train"),
        (
            {"x_train": X, "y_train": Y, "x_tset": X},
            {},
            "data-unknown-array",
            "array 'x_tset' of data.npz belongs to no input or output",
            "did you mean `x_test`?",
        ),
    ],
)
def test_rules(tmp_path: Path, arrays: Any, options: Any, rule: str, message: str, help: str | None) -> None:
    found = one(findings(tmp_path, npz(tmp_path, **arrays), **options))
    assert found.rule == rule
    assert message in found.message
    assert found.help
    assert help in (None, found.help)
    assert (tmp_path / "spec.yaml").read_text().splitlines()[found.span.line - 1].endswith("npz: data.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2", "|b1", "|i1", ">u2", "<i4", ">i8", "<u8"])
def test_good_data_are_passed_in_silence(tmp_path: Path, save: Callable[..., None], dtype: str) -> None:
    labels = Y > 1 if dtype == "|b1" else Y
    save(tmp_path / "data.npz", x_train=X, y_train=labels.astype(dtype), x_test=X[:3], y_test=labels[:3, None])
    assert findings(tmp_path, {"npz": "data.npz"}) == []
    save(tmp_path / "data.npz", x_train=X, y_train=(labels * 5).astype(dtype))
    assert [each.rule for each in findings(tmp_path, {"npz": "data.npz"})] == (
        ["data-label-range"] if dtype != "|b1" else []
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_labels_that_are_no_numbers(tmp_path: Path, bad: float) -> None:
    y = Y.astype(np.float32)
    y[4] = bad
    assert one(findings(tmp_path, npz(tmp_path, x_train=X, y_train=y))).rule == "data-values"


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    layers = [
        {"dense": {"name": "p", "units": 1, "from": "a"}},
        {"dense": {"name": "q", "units": 4, "from": "b"}},
    ]
    good = {"x_train_a": np.zeros((6, 2)), "x_train_b": np.zeros((6, 3)), "y_train_p": np.zeros(6), "y_train_q": Y[:6]}
    options: dict[str, Any] = {"loss": {"p": "mse", "q": SPARSE}, "shape": {"a": [2], "b": [3]}, "layers": layers}
    options["outputs"] = ["p", "q"]
    assert findings(tmp_path, npz(tmp_path, **good), **options) == []
    found = findings(
        tmp_path, npz(tmp_path, **{**good, "x_train_b": np.zeros((6, 2)), "y_train_q": Y[:6] + 5}), **options
    )
    assert [each.message for each in found] == [
        "x of the train samples for input 'b' has samples of shape (2,), the input is (3,)"
    ]
    found = findings(tmp_path, npz(tmp_path, **{**good, "x_train_b": np.zeros((3, 3))}), **options)
    assert (
        one(found).message == "the train arrays differ in samples: 6 in x of a, 3 in x of b, 6 in y of p, 6 in y of q"
    )
    names = {key.replace("_train", ""): values for key, values in good.items()}
    for key, values in names.items():
        np.save(tmp_path / f"{key}.npy", values)
    files = {"x": {"a": "x_a.npy", "b": "x_b.npy"}, "y": {"p": "y_p.npy", "q": "y_q.npy"}}
    assert findings(tmp_path, {"npy": files}, **options) == []
    files["y"]["q"] = "y_r.npy"
    missing = one(findings(tmp_path, {"npy": files}, **options))
    assert (missing.rule, missing.path) == ("data-missing-file", "train.data.npy.y")


def test_a_spec_without_a_train_section_has_no_data() -> None:
    assert data_findings(make_graph(["flatten"], [3])) == []


def test_a_function_is_not_called(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('called')")
    train = {"data": {"python": "evil:load"}, "loss": "mse"}
    assert data_findings(make_graph(["flatten"], [3], path=tmp_path / "spec.yaml", train=train)) == []


# Tables.


@pytest.mark.parametrize(
    ("text", "rule", "message"),
    [
        ("a,b,kind\n1,2,0\n3,4,1\n", None, ""),
        ("a,b,kind\n1,2,ant\n3,4,bee\n", None, ""),
        ("a,b,kind\n1,2,0\n1,0\n", "data-values", "row 3 of data.csv has 2 cells, the header has 3"),
        ("a,b,sort\n1,2,0\n", "data-missing-array", "data.csv has no column 'kind'"),
        ("a,b,kind\n", "data-sample-count", "data.csv has a header and no samples"),
        ("", "data-missing-array", "data.csv has no column 'kind'"),
        ("a,b,c,kind\n1,2,3,0\n", "data-shape", "samples of shape (3,), the input is (2,)"),
        ("a,b,kind\n1,2,3\n", "data-label-range", "holds labels 3 to 3, the output has 3 classes"),
        (
            "a,b,kind\n1,2,a\n1,2,b\n1,2,c\n1,2,d\n1,2,d\n",
            "data-class-count",
            "column 'kind' of data.csv holds 4 words (a 1, b 1, c 1, d 2), the output 'out' has 3 classes",
        ),
        ("a,b,kind\n1,2,0\n1,2,\n", "data-values", "the label in row 3, column 'kind' of data.csv is empty"),
        ("a,b,kind\n1,2,0\n1, ,0\n", "data-values", "the cell in row 3, column 'b' of data.csv is empty"),
        ("a,b,kind\n1,2,0\n1,1_0,0\n", "data-values", "'1_0' in row 3, column 'b' of data.csv is no number"),
        ("a,b,kind\n1,\u0663,0\n", "data-values", "'\u0663' in row 2, column 'b' of data.csv is no number"),
        ("a,b,kind\n1,1e999,0\n", "data-values", "'1e999' in row 2, column 'b' of data.csv is no finite number"),
        ("a,b,kind\n1,nan,0\n", "data-values", "'nan' in row 2, column 'b' of data.csv is no finite number"),
        ("a,b,kind\n1,2,0\n1,2,1_0\n", "data-values", "'1_0' in row 3, column 'kind' of data.csv is no number"),
        ("a,b,kind\n1,2,\u0661\n1,2,1\n", "data-values", "'\u0661' in row 2, column 'kind'"),
        ("a,a,kind\n1,2,0\n", "data-duplicate-name", "column 'a' is in data.csv twice, as column 1 and 2"),
        ("kind,a,kind\n1,2,0\n", "data-duplicate-name", "column 'kind' is in data.csv twice, as column 1 and 3"),
        ("a,b,kind\n1,2,0.5\n", "data-values", "is not whole numbers"),
    ],
)
def test_tables(tmp_path: Path, text: str, rule: str | None, message: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    found = findings(tmp_path, {"csv": {"path": "data.csv", "target": "kind"}}, shape=[2])
    assert [each.rule for each in found] == ([rule] if rule else [])
    assert all(message in each.message for each in found)


def test_words_that_differ_in_case_only(tmp_path: Path) -> None:
    table = {"csv": {"path": "data.csv", "target": "kind"}}
    (tmp_path / "data.csv").write_text("a,b,kind\n1,2,walk\n1,2,Walk\n1,2,run\n1,2,idle\n")
    found = one(findings(tmp_path, table, shape=[2]))
    assert "4 words (Walk 1, idle 1, run 1, walk 1), the output 'out' has 3 classes" in found.message
    assert found.help is not None
    assert found.help.startswith("'Walk' and 'walk' differ in case only")
    (tmp_path / "data.csv").write_text("a,b,kind\n1,2,walk\n1,2,Walk\n1,2,run\n")
    found = one(findings(tmp_path, table, shape=[2]))
    assert (found.rule, found.severity) == ("data-class-count", "warning")


def test_amounts_are_no_words(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b,price\n1,2,3.5\n1,2,n/a\n")
    found = one(findings(tmp_path, {"csv": {"path": "data.csv", "target": "price"}}, shape=[2], loss="mse"))
    assert found.message == "'n/a' in row 3, column 'price' of data.csv is no number, others are"


def test_arrays_of_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, array in (("x_train", X), ("y_train", Y), ("x_train", X)):
            with archive.open(f"{name}.npy", "w") as file:
                np.save(file, array)
    found = one(findings(tmp_path, {"npz": "data.npz"}))
    assert (found.rule, found.message) == ("data-duplicate-name", "array 'x_train' is in data.npz 2 times")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4), 'shape': (6, 4)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + ("9" * 18 + ", ") * 400 + ")}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (\u0666, 4)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1_0, 4)}",
        "{'descr': '<f\u0664', 'fortran_order': False, 'shape': (6, 4)}",
    ],
)
def test_headers_with_odd_numbers(header: str) -> None:
    text = header.encode()
    with pytest.raises(HeaderError):
        read_header(io.BytesIO(b"\x93NUMPY\x03\x00" + struct.pack("<I", len(text)) + text + bytes(96)))


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    for content in (b"a,kind\n\xff\xfe,1\n", b"a,kind\n" + b"9" * 200_000 + b",1\n"):
        (tmp_path / "data.csv").write_bytes(content)
        found = one(findings(tmp_path, {"csv": {"path": "data.csv", "target": "kind"}}, shape=[1]))
        assert found.rule == "data-unreadable"
        assert "data.csv cannot be read as csv" in found.message


# Files that lie. None may raise, hang, take memory or run code.


def header(descr: str = "'<f4'", shape: str = "(10, 4, 4)", version: int = 1, text: str | None = None) -> bytes:
    text = text or f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode()


class Bomb:
    def __reduce__(self) -> Any:
        return os.system, ("touch exploded",)


def object_array() -> bytes:
    return header("'|O'", "(1,)") + pickle.dumps(Bomb())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\x93NUMPY", "does not begin as a .npy does"),
        (b"hello, this is text", "does not begin as a .npy does"),
        (b"\x80\x04\x95\x0f pickle", "does not begin as a .npy does"),
        (header()[:40], "ends within its header"),
        (header(), "its header promises 640 bytes of values, 0 are there"),
        (header(version=3) + b"x", "its header promises 640 bytes of values, 1 are there"),
        (header(shape=f"({10**18}, 4, 4)"), f"promises {64 * 10**18:,} bytes of values"),
        (header(shape=f"({10**18}, {10**18}, {10**18})"), "bytes of values, 0 are there"),
        (header(shape=f"({'9' * 30},)"), "is no plain mapping of Python"),
        (header(shape="(-1, 4)"), "is no plain mapping of Python"),
        (header(shape="(True, 4)"), "its shape is no tuple of numbers"),
        (header(shape="5"), "its shape is no tuple of numbers"),
        (header(shape="()"), "a single number, without an axis of samples"),
        (header(shape="(1.5,)"), "is no plain mapping of Python"),
        (header(descr="'<f3'"), "its type <f3 is not known"),
        (header(descr="'<f99999999'"), "its type <f99999999 is not known"),
        (header(descr="'zebra'"), "its descr is no type of NumPy"),
        (header(descr="7"), "its descr is no type of NumPy"),
        (header(descr="[('a', '|O')]"), "a pickle, which may run code and is never opened"),
        (object_array(), "a pickle, which may run code and is never opened"),
        (header(text="__import__('os').system('touch exploded')"), "is no plain mapping of Python"),
        (header(text="{'descr': '<f4', 'shape': (1,)}"), "lacks descr, fortran_order or shape"),
        (header(text="[" * 9000), "is no plain mapping of Python"),
        (header(text="{'a'"), "is no plain mapping of Python"),
        (header(text="{" + " " * 9900), "is no plain mapping of Python"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "its header claims 4294967295 bytes"),
        (b"\x93NUMPY\x09\x00" + b"\x10\x00", "its format 9.0 is not known"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_arrays_that_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str, packed: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    data: dict[str, Any] = {"npy": {"x": "x.npy", "y": "y.npy"}}
    if packed:
        data = {"npz": "data.npz"}
        with zipfile.ZipFile("data.npz", "w") as archive:
            archive.writestr("x_train.npy", content)
            archive.writestr("y_train.npy", npy_bytes(Y))
    else:
        Path("x.npy").write_bytes(content)
        Path("y.npy").write_bytes(npy_bytes(Y))
    found = one(findings(tmp_path, data))
    assert found.rule == "data-unreadable"
    assert message in found.message
    assert not Path("exploded").exists()


def npy_bytes(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_headers_are_numpys(version: tuple[int, int], order: Any) -> None:
    for dtype in ("<f4", ">f8", "|u1", "<i8", "|b1", "<f2", "<U5", "|S3", "<c8", "<M8[ns]"):
        array = np.zeros((3, 2), dtype, order=order)
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, version)  # type: ignore[no-untyped-call]
        length = stream.tell()
        stream.seek(0)
        read, taken = read_header(stream, length)
        assert (read.shape, read.kind, read.itemsize, read.fortran) == (
            (3, 2), array.dtype.kind, array.dtype.itemsize, order == "F",
        )  # fmt: skip
        assert taken + read.nbytes == length
        assert stream.tell() == taken


def test_any_change_of_a_header_is_read_or_refused() -> None:
    """Every byte replaced, and every cut: nothing but `HeaderError` may come of it."""
    good = npy_bytes(np.zeros((3, 2), np.float32))
    for place in range(100):
        for byte in (0, 39, 40, 91, 123, 48, 57, 255):
            changed = good[:place] + bytes([byte]) + good[place + 1 :]
            for data in (changed, changed[:place]):
                try:
                    read, taken = read_header(io.BytesIO(data), len(data))
                except HeaderError:
                    continue
                assert taken + read.nbytes <= len(data)


def test_archives_that_lie(tmp_path: Path) -> None:
    good = io.BytesIO()
    np.savez(good, x_train=X, y_train=Y)
    whole = good.getvalue()
    squeezed = io.BytesIO()
    np.savez_compressed(squeezed, x_train=X, y_train=Y)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        offset = archive.getinfo("y_train.npy").header_offset
    encrypted = bytearray(whole)
    encrypted[whole.index(b"PK\x01\x02") + 8] |= 1
    methods = bytearray(whole)
    methods[whole.index(b"PK\x01\x02") + 10] = 99
    for content, rule in (
        (whole[: len(whole) // 2], "data-unreadable"),  # no directory at its end
        (whole[200:], "data-unreadable"),  # a directory that points elsewhere
        (b"PK\x05\x06" + bytes(18), "data-missing-array"),  # an empty archive
        (bytes(encrypted), "data-unreadable"),
        (bytes(methods), "data-unreadable"),
        (whole[: offset + 4] + b"\xff" * 26 + whole[offset + 30 :], "data-unreadable"),
        (squeezed.getvalue()[:90] + b"\xff" * 60 + squeezed.getvalue()[150:], "data-unreadable"),
    ):
        (tmp_path / "data.npz").write_bytes(content)
        assert {each.rule for each in findings(tmp_path, {"npz": "data.npz"})} == {rule}


def test_archives_with_damaged_bytes(tmp_path: Path) -> None:
    """Whatever a byte is changed to, check and build agree and nothing but findings comes of it."""
    streams = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            archive.writestr("x_train.npy", npy_bytes(X))
            archive.writestr("y_train.npy", npy_bytes(Y))
        streams.append(stream.getvalue())
    layers = ["flatten", {"dense": {"units": 3}}]
    train = {"data": {"npz": "data.npz"}, "loss": SPARSE}
    graph = make_graph(layers, [4, 4, 1], path=tmp_path / "spec.yaml", train=train)
    rng = np.random.default_rng(0)
    refused = 0
    for round in range(400):
        content = bytearray(streams[round % len(streams)])
        for place in rng.integers(0, len(content), 1 + round % 3):
            content[place] = rng.choice([0, 255, rng.integers(256)])
        (tmp_path / "data.npz").write_bytes(content)
        found = data_findings(graph)
        refused += bool(found)
        if found:
            with pytest.raises(SpecError):
                load_data(graph.spec)
    assert refused > 100


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """Eight gigabytes of zeros that claim to be ten labels: their header alone is read."""
    with zipfile.ZipFile(tmp_path / "data.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("y_train.npy", npy_bytes(Y))
        with archive.open("x_train.npy", "w", force_zip64=True) as stream:
            stream.write(header("'|u1'", f"({2**26}, 4, 4, 1)"))
            for _ in range(64):
                stream.write(bytes(2**24))
    graph = make_graph(
        ["flatten", {"dense": {"units": 3}}], [4, 4, 1], path=tmp_path / "spec.yaml",
        train={"data": {"npz": "data.npz"}, "loss": SPARSE},
    )  # fmt: skip
    assert one(data_findings(graph)).rule == "data-sample-count"


@pytest.mark.parametrize("name", ["folder", "pipe", "loop"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    (tmp_path / "loop").symlink_to("loop")
    np.save(tmp_path / "y.npy", Y)
    for data in ({"npz": name}, {"npy": {"x": name, "y": "y.npy"}}, {"csv": {"path": name, "target": "t"}}):
        found = one(findings(tmp_path, data))
        assert found.rule in ("data-unreadable", "data-missing-file")


def test_many_labels_are_left_to_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(npy_bytes(np.full(100, 7, np.uint8)))
    read, taken = read_header(stream)
    assert label_range(stream, read) == (7, 7, True)
    stream.seek(taken)
    monkeypatch.setattr("netspec.data.labels.MOST_LABELS", 99)
    assert label_range(stream, read) is None
    stream.seek(taken + 1)
    monkeypatch.setattr("netspec.data.labels.MOST_LABELS", 100)
    with pytest.raises(HeaderError, match="ends within its values"):
        label_range(stream, read)


# The command.


def test_the_command_says_it_and_imports_no_numpy(tmp_path: Path) -> None:
    npz(tmp_path, x_train=X, y_train=Y + 1)
    layers = ["flatten", {"dense": {"name": "out", "units": 3, "activation": "softmax"}}]
    make_graph(layers, [4, 4, 1], path=tmp_path / "s.yaml", train={"data": {"npz": "data.npz"}, "loss": SPARSE})
    code = (
        "import sys; from netspec.cli import main; sys.argv = ['netspec', 'check', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit as end: print('exit', end.code)\n"
        "finally: print({'numpy', 'PIL', 'tensorflow'} & set(sys.modules))"
    )

    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", code, *arguments, "s.yaml"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    plain = run()
    assert "[data-" not in plain
    assert re.search(r"^(exit (0|None)\n)?set\(\)\n\Z", plain)
    said = run("--data")
    assert said.endswith("exit 1\nset()\n")
    assert "holds labels 1 to 3, the output has 3 classes [data-label-range]" in said
    assert "  = help: labels count from 0" in said


def test_the_page_lists_every_rule(repository: Path) -> None:
    files = [*(repository / "netspec" / "data").glob("*.py"), *(repository / "netspec" / "train").glob("*.py")]
    rules = {rule for file in files for rule in re.findall(r'"(data-[a-z-]+)"', file.read_text(encoding="utf-8"))}
    listed = re.findall(r"`(data-[a-z-]+)`", (repository / "docs" / "data.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(rules)
