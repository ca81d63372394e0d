"""Samples without labels for calibration: every loader gives what the same samples as an npz give, or says why not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from netspec.data import pictures
from netspec.data.calibration import calibration_findings, evenly_spread
from netspec.data.pictures import input_size
from netspec.device.plan import plan_device
from netspec.diagnostics import Diagnostic, SpecError, ToolError
from netspec.graph import Graph
from netspec.quantize.calibration import calibration_samples
from netspec.quantize.quantize import weight_lookup
from netspec.quantize.ranges import find_ranges
from netspec.quantize.scales import choose_scales
from netspec.spec.data_forms import Audio
from netspec.train.audio_features import Features
from netspec.train.calibration_data import load_calibration
from netspec.train.samples import Stored
from tests.specs import make_graph
from tests.unit.test_data_folders import AUDIO, gallery, paint, record, wav

Values = npt.NDArray[Any]
RNG = np.random.default_rng(3)
LAYERS = ["flatten", {"dense": {"name": "out", "units": 3, "activation": "relu"}}]


def spec(folder: Path, data: Any, shape: Any, *, samples: int = 256, dtype: str = "float32") -> Graph:
    calibration = {"data": data, "samples": samples}
    layers = LAYERS if not isinstance(shape, dict) else [{"concatenate": {"from": list(shape)}}, *LAYERS]
    return make_graph(layers, shape, path=folder / "spec.yaml", dtype=dtype, quantize={"calibration": calibration})


def findings(folder: Path, data: Any, shape: Any, **options: Any) -> list[Diagnostic]:
    """Return what `check --data` finds, after making sure that a build says the same of it."""
    graph = spec(folder, data, shape, **options)
    found = calibration_findings(graph)
    try:
        load_calibration(graph)
        loaded: list[Diagnostic] = []
    except SpecError as error:
        loaded = list(error.diagnostics)
    assert [each for each in found if each.severity == "error"] == loaded
    return found


def one(folder: Path, data: Any, shape: Any, **options: Any) -> tuple[str, str]:
    (found,) = findings(folder, data, shape, **options)
    assert found.path is not None
    assert found.path.startswith("quantize.calibration.data.")
    return found.rule, found.message


def scales(folder: Path, data: Any, shape: Any, **options: Any) -> Any:
    """Return the scales that a build chooses for made up weights."""
    graph = spec(folder, data, shape, **options)
    assert calibration_findings(graph) == []
    device = plan_device(graph).graph
    samples = calibration_samples(device, load_calibration(graph), graph.spec.quantize.calibration.samples)
    width = int(np.prod(graph.inputs["x"]))
    kernel = np.random.default_rng(0).normal(size=(width, 3)).astype("f4")
    weights = weight_lookup({("out", "kernel"): kernel, ("out", "bias"): np.zeros(3, "f4")})
    return choose_scales(device, find_ranges(device, weights, samples))


def same_as_npz(folder: Path, data: Any, values: Values, shape: Any, **options: Any) -> None:
    """Assert that a loader gives exactly the scales that these samples give as an npz."""
    np.savez(folder / "same.npz", x=values)
    expected = scales(folder, {"npz": "same.npz"}, shape, **options)
    assert scales(folder, data, shape, **options) == expected


ROWS = RNG.normal(50, 200, (20, 4))


def table(path: Path, rows: Values, header: str | None = None) -> None:
    lines = [",".join(repr(float(value)) for value in row) for row in rows]
    path.write_text("\n".join([header, *lines] if header is not None else lines) + "\n")


# The same scales.


@pytest.mark.parametrize("samples", [256, 7, 1])
@pytest.mark.parametrize("header", [None, "a,b,c,d"])
def test_a_table_is_what_an_npz_is(tmp_path: Path, header: str | None, samples: int) -> None:
    table(tmp_path / "rows.csv", ROWS, header)
    same_as_npz(tmp_path, {"csv": {"path": "rows.csv"}}, ROWS, [4], samples=samples)
    same_as_npz(tmp_path, {"csv": {"path": "rows.csv"}}, ROWS.reshape(-1, 2, 2), [2, 2], samples=samples)


@pytest.mark.parametrize(("header", "first"), [(None, 0), (False, 0), (True, 1)])
def test_a_header_of_numbers(tmp_path: Path, header: bool | None, first: int) -> None:
    """The first row is a sample, unless the spec says that it names the columns."""
    rows = np.concatenate([[[0, 1, 2, 3]], ROWS / 1000])
    (tmp_path / "rows.csv").write_text("\n".join(",".join(map(str, row)) for row in ([0, 1, 2, 3], *rows[1:].tolist())))
    given = {"path": "rows.csv"} if header is None else {"path": "rows.csv", "header": header}
    same_as_npz(tmp_path, {"csv": given}, rows[first:], [4])


def test_a_first_row_of_words_is_no_sample_though_the_spec_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert one(tmp_path, {"csv": {"path": "t.csv", "header": False}}, [2]) == (
        "data-values",
        "'a' in row 1, column 1 of t.csv is no number",
    )


def test_a_table_to_train_on_is_read_without_its_labels(tmp_path: Path) -> None:
    lines = [f"{a!r},{b!r},{label},{c!r},{d!r}" for (a, b, c, d), label in zip(ROWS.tolist(), "xy " * 7, strict=False)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,word,c,d", *lines]))
    same_as_npz(tmp_path, {"csv": {"path": "rows.csv", "target": "word"}}, ROWS, [4])


def test_the_size_of_pictures_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(3):
        paint(tmp_path / "p" / f"{index}.png")
    calls = []
    monkeypatch.setattr(pictures, "input_size", lambda *given: calls.append(given) or input_size(*given))
    graph = spec(tmp_path, {"images": {"path": "p"}}, [5, 4, 1])
    for run in (calibration_findings, load_calibration):
        calls.clear()
        run(graph)
        assert len(calls) == 1


@pytest.mark.parametrize("samples", [256, 4])
def test_pictures_without_classes(tmp_path: Path, samples: int) -> None:
    values = np.stack([paint(tmp_path / "p" / f"{index:02}.png") for index in range(9)])
    same_as_npz(tmp_path, {"images": {"path": "p"}}, values, [5, 4, 1], samples=samples)


@pytest.mark.parametrize("samples", [256, 4])
@pytest.mark.parametrize("split", ["", "train"])
def test_folders_of_classes_are_no_labels(tmp_path: Path, split: str, samples: int) -> None:
    """The samples are in the order in which training sees them, however many classes the output has."""
    made = gallery(tmp_path / "p" / split, {"a": 2, "b": 2})
    if split:
        gallery(tmp_path / "p" / "test", {"a": 1})
    values = np.stack([made["a"][0], made["b"][0], made["a"][1], made["b"][1]])
    same_as_npz(tmp_path, {"images": {"path": "p"}}, values, [5, 4], samples=samples)


def test_pictures_beside_folders_of_pictures_are_read_too(tmp_path: Path) -> None:
    inner = gallery(tmp_path / "p", {"a": 1})
    values = np.stack([paint(tmp_path / "p" / "0.png"), inner["a"][0]])
    same_as_npz(tmp_path, {"images": {"path": "p"}}, values, [5, 4])


def test_a_folder_named_train_hides_no_pictures_beside_it(tmp_path: Path) -> None:
    inner = gallery(tmp_path / "p", {"train": 1})
    values = np.stack([paint(tmp_path / "p" / "0.png"), inner["train"][0]])
    same_as_npz(tmp_path, {"images": {"path": "p"}}, values, [5, 4])


def test_pictures_are_resized(tmp_path: Path) -> None:
    paint(tmp_path / "p" / "0.png", (10, 8))
    loaded = load_calibration(spec(tmp_path, {"images": {"path": "p", "resize": "box"}}, [5, 4, 1]))
    assert loaded is not None
    assert loaded["x"].shape == (1, 5, 4, 1)
    assert calibration_findings(spec(tmp_path, {"images": {"path": "p", "resize": "box"}}, [5, 4, 1])) == []


@pytest.mark.parametrize("folder", ["", "someone"])
def test_sounds(tmp_path: Path, folder: str) -> None:
    clips = record(tmp_path / "clips", {folder: 3})
    features = Features(Audio(**AUDIO), 10)
    values = np.stack([features((clips[f"{folder}/{index}"][:1120] / 32768).astype("f4")) for index in range(3)])
    same_as_npz(tmp_path, {"audio": AUDIO}, values, [3, 10, 1])


def test_arrays_and_a_function(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    same_as_npz(tmp_path, {"npy": "rows.npy"}, ROWS, [4])
    same_as_npz(tmp_path, {"npy": {"x": "rows.npy"}}, ROWS, [4])
    (tmp_path / "unlabelled_rows.py").write_text(
        f"import numpy as np\n\n\ndef rows():\n    return {{'x': np.array({ROWS.tolist()})}}\n"
    )
    same_as_npz(tmp_path, {"python": "unlabelled_rows:rows"}, ROWS, [4])


def test_whole_numbers_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n3,16777217\n")
    graph = make_graph(
        [{"embedding": {"input_dim": 4, "output_dim": 2}}, "flatten"], [2], path=tmp_path / "spec.yaml", dtype="int32",
        quantize={"calibration": {"data": {"csv": {"path": "rows.csv"}}}},
    )  # fmt: skip
    loaded = load_calibration(graph)
    assert loaded is not None
    assert loaded["x"].dtype == np.int32
    assert loaded["x"][:].tolist() == [[1, 2], [3, 16777217]]


@pytest.mark.parametrize("total", [1, 2, 3, 10, 255, 256, 257, 1000, 4093, 60_000])
@pytest.mark.parametrize("count", [1, 2, 7, 100, 256, 1000])
def test_the_samples_are_those_of_linspace(total: int, count: int) -> None:
    expected = np.unique(np.linspace(0, total - 1, min(count, total)).astype(int))
    assert evenly_spread(total, count) == expected.tolist()


def test_of_a_folder_only_what_calibration_runs_is_opened(tmp_path: Path) -> None:
    for index in range(9):
        paint(tmp_path / "p" / f"{index}.png")
    (tmp_path / "p" / "1.png").write_bytes(b"no picture")
    assert findings(tmp_path, {"images": {"path": "p"}}, [5, 4], samples=3) == []
    assert one(tmp_path, {"images": {"path": "p"}}, [5, 4], samples=9)[0] == "data-unreadable"


def test_samples_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.train import samples

    gallery(tmp_path / "p", {"a": 3})
    inside = scales(tmp_path, {"images": {"path": "p"}}, [5, 4])
    monkeypatch.setattr(samples, "LARGEST_IN_MEMORY", 0)
    loaded = load_calibration(spec(tmp_path, {"images": {"path": "p"}}, [5, 4]))
    assert loaded is not None
    assert isinstance(loaded["x"], Stored)
    assert scales(tmp_path, {"images": {"path": "p"}}, [5, 4]) == inside


# What is wrong, at its place.

X = "x of the calibration samples for input 'x'"
NOT_UTF8 = "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
CSV = {"csv": {"path": "t.csv"}}


@pytest.mark.parametrize(
    ("text", "rule", "message"),
    [
        ("1,2\n3,x\n", "data-values", "'x' in row 2, column 2 of t.csv is no number"),
        ("a,b\n3,x\n", "data-values", "'x' in row 2, column 'b' of t.csv is no number"),
        ("1,x\n3,4\n", "data-values", "'x' in row 1, column 2 of t.csv is no number"),
        ("nan,x\n3,4\n", "data-values", "'nan' in row 1, column 1 of t.csv is no finite number"),
        ("1,2\n3,\n", "data-values", "the cell in row 2, column 2 of t.csv is empty, not a number"),
        ("1,2\n3,1_0\n", "data-values", "'1_0' in row 2, column 2 of t.csv is no number"),
        ("1,2\n3\n", "data-values", "row 2 of t.csv has 1 cells, the first row has 2"),
        ("a,b\n3\n", "data-values", "row 2 of t.csv has 1 cells, the header has 2"),
        ("a,b\n", "data-sample-count", "t.csv has a header and no samples"),
        ("", "data-sample-count", "t.csv is empty"),
        ("a,a\n1,2\n", "data-duplicate-name", "column 'a' is in t.csv twice, as column 1 and 2"),
        ("1;2\n3;4\n", "data-unreadable", "t.csv has semicolons between its columns, where commas are read"),
        ("1\t2\n3\t4\n", "data-unreadable", "t.csv has tabs between its columns, where commas are read"),
        ("1 2\n3 4\n", "data-unreadable", "t.csv has blanks between its columns, where commas are read"),
        ("a;b\n3;4\n", "data-unreadable", "t.csv has semicolons between its columns, where commas are read"),
        ("1,2,3\n", "data-shape", "t.csv has 3 columns, the input 'x' is (2,)"),
        ("a,b,idle\n1,2,walk\n", "data-shape", "t.csv has 3 columns, the input 'x' is (2,)"),
        ("1\n", "data-shape", f"{X} has samples of shape (1,), the input is (2,)"),
        ("1,2\n1,1e300\n", "data-values", f"{X} holds 1 values that are not finite in float32, of 4"),
        ("\xff", "data-unreadable", f"t.csv cannot be read as csv: {NOT_UTF8}"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit(tmp_path: Path, text: str, rule: str, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    if "float32" in message:  # only a build looks at values
        with pytest.raises(SpecError) as caught:
            load_calibration(spec(tmp_path, CSV, [2]))
        (found,) = caught.value.diagnostics
        assert (found.rule, found.message) == (rule, message)
    else:
        assert one(tmp_path, CSV, [2]) == (rule, message)


def test_the_help_leaves_out_the_column_of_labels(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,my label\n1,2,walk\n")
    (found,) = findings(tmp_path, CSV, [2])
    assert found.help == 'leave out the column of labels: `target: "my label"`'
    assert findings(tmp_path, {"csv": {"path": "t.csv", "target": "my label"}}, [2]) == []
    (found,) = findings(tmp_path, CSV, [3])
    assert found.help is not None
    assert found.help.endswith(', or leave this one out: `target: "my label"`')
    assert one(tmp_path, {"csv": {"path": "t.csv", "target": "label"}}, [2]) == (
        "data-missing-array",
        "t.csv has no column 'label'",
    )


def test_files_and_folders_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n")
    (tmp_path / "pictures").mkdir()
    for kind, name in (("csv", "row.csv"), ("images", "picture"), ("audio", "picture")):
        options = {"features": "log_mel", "mel_bins": 2} if kind == "audio" else {}
        (found,) = findings(tmp_path, {kind: {"path": name, **options}}, [2, 2] if kind != "csv" else [2])
        assert (found.rule, found.path) == ("data-missing-file", f"quantize.calibration.data.{kind}.path")
        assert found.help is not None
        assert found.help.startswith("did you mean `")
        assert (found.span.line, found.span.column) > (1, 1)
    assert one(tmp_path, {"npz": "none.npz"}, [2])[0] == "data-missing-file"
    assert one(tmp_path, {"npy": {"x": "none.npy"}}, [2])[0] == "data-missing-file"


def test_a_folder_that_holds_no_sample(tmp_path: Path) -> None:
    (tmp_path / "p" / "a" / "b").mkdir(parents=True)
    paint(tmp_path / "p" / "a" / "b" / "deep.png")
    assert one(tmp_path, {"images": {"path": "p"}}, [5, 4])[1] == (
        "p holds no .png nor .jpg nor .jpeg nor .bmp nor .ppm nor .pgm file"
    )
    assert one(tmp_path, {"audio": {**AUDIO, "path": "p"}}, [3, 10])[1] == "p holds no .wav file"
    (tmp_path / "p" / "train").mkdir()
    shutil.rmtree(tmp_path / "p" / "a")
    assert one(tmp_path, {"images": {"path": "p"}}, [5, 4])[1].startswith("p/train holds no .png")
    (tmp_path / "file").write_bytes(b"x")
    found = one(tmp_path, {"images": {"path": "file"}}, [5, 4])
    assert found == ("data-unreadable", "file cannot be read as a folder: not a directory")


def test_pictures_that_do_not_fit(tmp_path: Path) -> None:
    data = {"images": {"path": "p"}}
    paint(tmp_path / "p" / "0.png")
    paint(tmp_path / "p" / "1.png", (3, 3))
    assert one(tmp_path, data, [5, 4]) == ("data-shape", "p/1.png has 3 x 3 pixels, the input is 5 x 4")
    assert one(tmp_path, data, [20])[0] == "data-shape"
    (tmp_path / "p" / "1.png").write_bytes(b"GIF89a")
    assert one(tmp_path, data, [5, 4])[1] == "p/1.png cannot be read as a picture: it is no PNG, JPEG, BMP, PPM or PGM"
    whole = (tmp_path / "p" / "0.png").read_bytes()
    (tmp_path / "p" / "1.png").write_bytes(whole[:40])  # what only decoding finds
    with pytest.raises(SpecError, match=r"p/1\.png cannot be read as a picture"):
        load_calibration(spec(tmp_path, data, [5, 4]))


def test_files_of_other_kinds_are_a_warning(tmp_path: Path) -> None:
    paint(tmp_path / "p" / "0.png")
    (tmp_path / "p" / "notes.txt").write_text("of the pictures\n")
    os.mkfifo(tmp_path / "p" / "pipe.png")
    (found,) = findings(tmp_path, {"images": {"path": "p"}}, [5, 4])
    assert (found.rule, found.severity) == ("data-ignored-files", "warning")
    assert found.message == "2 files in p (.png, .txt) are left out"


def test_what_is_no_file_is_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for data in ({"csv": {"path": "pipe"}}, {"npz": "pipe"}, {"npy": "pipe"}, {"csv": {"path": "/dev/zero"}}):
        rule, message = one(tmp_path, data, [2])
        assert (rule, "cannot be read" in message) == ("data-unreadable", True)
    for data in ({"images": {"path": "pipe"}}, {"audio": {**AUDIO, "path": "/dev/zero"}}):
        assert one(tmp_path, data, [3, 10])[0] == "data-unreadable"


def test_sounds_that_do_not_fit(tmp_path: Path) -> None:
    data = {"audio": AUDIO}
    record(tmp_path / "clips", {"": 2}, rate=8000)
    assert one(tmp_path, data, [3, 10]) == (
        "data-sample-rate",
        "clips/0.wav has 8000 samples a second, sample_rate is 16000",
    )
    assert one(tmp_path, data, [20])[0] == "data-shape"
    (tmp_path / "clips" / "0.wav").write_bytes(b"RIFF")
    assert one(tmp_path, data, [3, 10])[0] == "data-unreadable"
    (tmp_path / "clips" / "0.wav").write_bytes(wav(bytes(8), channels=2))
    assert one(tmp_path, data, [3, 10])[1] == "clips/0.wav has 2 channels"


def test_long_clips_are_one_warning(tmp_path: Path) -> None:
    record(tmp_path / "clips", {"": 3}, length=9000)
    assert one(tmp_path, {"audio": AUDIO}, [3, 10])[0] == "data-clip-length"


def test_loaders_of_one_input_are_not_for_several(tmp_path: Path) -> None:
    for kind, options in (("csv", {}), ("images", {}), ("audio", {"features": "mfcc"})):
        rule, message = one(tmp_path, {kind: {"path": "p", **options}}, {"a": [4], "b": [4]})
        assert (rule, message) == ("data-missing-array", f"{kind} feeds one input, the spec has 2: a, b")


def test_a_file_of_labels_is_not_passed_over(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROWS)
    rule, message = one(tmp_path, {"npy": {"x": "x.npy", "y": "y.npy"}}, [4])
    assert (rule, message) == ("data-unknown-array", "npy has a file for 'y', which is no input")


def test_a_function_that_gives_something_else(tmp_path: Path) -> None:
    (tmp_path / "some_calibration_module.py").write_text(
        "def none():\n    return 1\n\n\ndef other():\n    return {'y': [1]}\n\n\n"
        "def ragged():\n    return {'x': 'text'}\n"
    )
    with pytest.raises(ToolError, match="returned int, not a mapping of arrays"):
        load_calibration(spec(tmp_path, {"python": "some_calibration_module:none"}, [2]))
    for function, message in (("other", "has no array for input 'x'; it has y"), ("ragged", "x of some_calibration")):
        with pytest.raises(SpecError, match=message):
            load_calibration(spec(tmp_path, {"python": f"some_calibration_module:{function}"}, [2]))


def test_arrays_that_are_not_finite(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.array([[1, np.nan]]))
    with pytest.raises(SpecError, match="holds 1 values that are not finite in float32, of 2"):
        load_calibration(spec(tmp_path, {"npz": "x.npz"}, [2]))


def test_the_language_of_the_docs(tmp_path: Path) -> None:
    """Every form in docs/data.md is one that a spec may have."""
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    section = page.partition("## Samples without labels")[2].partition("\n## ")[0]
    forms = [cell for line in section.splitlines() if line.startswith("| `") for cell in line.split("|")[1].split("`")]
    shown = [yaml.safe_load(form) for form in forms if form.startswith("{")]
    assert [next(iter(form)) for form in shown] == ["npz", "npy", "csv", "images", "audio", "python"]
    for form in shown:
        assert spec(tmp_path, form, [4]).spec.quantize.calibration.data is not None
