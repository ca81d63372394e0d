"""Pictures, sound and functions as data: what is read, and what `check --data` says of them."""

from __future__ import annotations

import shutil
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from netspec.data.headers import HeaderError
from netspec.data.pictures import picture_size
from netspec.data.sounds import read_sound
from netspec.diagnostics import SpecError, ToolError
from netspec.spec.data_forms import Audio
from netspec.train import samples
from netspec.train.audio_features import Features
from netspec.train.data import Dataset, load_data
from netspec.train.decode import read_clip, read_picture
from netspec.train.samples import Stored
from tests.specs import make_graph
from tests.unit.test_data_headers import findings, one

SPARSE = "sparse_categorical_crossentropy"
RNG = np.random.default_rng(0)


def load(folder: Path, data: Any, shape: Any, *, units: int = 3, loss: str = SPARSE, **train: Any) -> Dataset:
    layers = ["flatten", {"dense": {"name": "out", "units": units}}]
    section = {"data": data, "loss": loss, **train}
    return load_data(make_graph(layers, shape, path=folder / "spec.yaml", train=section).spec)


# Pictures.


def paint(path: Path, size: tuple[int, int] = (5, 4), mode: str = "L", **options: Any) -> npt.NDArray[np.uint8]:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = RNG.integers(0, 256, (*size, *channels), np.uint8)
    Image.fromarray(pixels, mode).save(path, **options)
    return pixels


def gallery(folder: Path, counts: dict[str, int], **options: Any) -> dict[str, list[npt.NDArray[np.uint8]]]:
    return {
        name: [paint(folder / name / f"{index:02}.png", **options) for index in range(count)]
        for name, count in counts.items()
    }


def test_a_folder_a_class(tmp_path: Path) -> None:
    made = gallery(tmp_path / "pictures", {"bee": 2, "ant": 4, "cat": 4})
    (tmp_path / "pictures" / ".cache").mkdir()
    assert findings(tmp_path, {"images": {"path": "pictures"}}, shape=[5, 4, 1]) == []
    data = load(tmp_path, {"images": {"path": "pictures"}}, [5, 4, 1])
    labels = data.train.y["out"][:].tolist()
    assert Counter(labels) == {0: 4, 1: 2, 2: 4}
    seen = dict.fromkeys(range(3), 0)
    for picture, label in zip(data.train.x["x"][:], labels, strict=True):  # in a class, by file name
        np.testing.assert_array_equal(picture[..., 0], made[("ant", "bee", "cat")[label]][seen[label]])
        seen[label] += 1
    assert set(labels[:5]) == set(labels[5:]) == {0, 1, 2}  # so that a validation split sees every class


def test_folders_of_splits(tmp_path: Path) -> None:
    for split, counts in {"train": {"a": 3, "b": 3}, "val": {"b": 1}, "test": {"a": 1, "b": 1}}.items():
        gallery(tmp_path / "p" / split, counts)
    data = load(tmp_path, {"images": {"path": "p"}}, [5, 4], units=2)
    assert data.validation is not None
    assert data.test is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (6, 1, 2)
    assert data.validation.y["out"][:].tolist() == [1]  # numbered as in train
    assert data.train.x["x"].shape == (6, 5, 4)


@pytest.mark.parametrize(
    ("units", "loss", "shape"),
    [(3, SPARSE, (6,)), (3, "categorical_crossentropy", (6, 3)), (1, "binary_crossentropy", (6, 1))],
)
def test_labels_are_what_the_loss_takes(tmp_path: Path, units: int, loss: str, shape: tuple[int, ...]) -> None:
    gallery(tmp_path / "p", {"a": 2, "b": 4} if units == 1 else {"a": 2, "b": 2, "c": 2})
    y = load(tmp_path, {"images": {"path": "p"}}, [5, 4], units=units, loss=loss).train.y["out"][:]
    assert y.shape == shape
    if units == 1:
        assert sorted(y[:, 0].tolist()) == [0, 0, 1, 1, 1, 1]
    elif loss != SPARSE:
        np.testing.assert_array_equal(y.sum(axis=0), [2, 2, 2])


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("RGBA", ".png"), *((mode, suffix) for mode in ("L", "RGB") for suffix in (".png", ".bmp", ".ppm", ".JPG"))],
)
def test_formats_and_channels(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / "a" / f"picture{suffix}"
    pixels = paint(path, (33, 20), mode, **({"progressive": True} if suffix == ".JPG" else {}))
    assert picture_size(path) == (33, 20)
    channels = 1 if mode == "L" else len(mode)
    read = read_picture(path, (33, 20, channels), None)
    if suffix != ".JPG":
        np.testing.assert_array_equal(read, pixels.reshape(33, 20, channels))
    grey = read_picture(path, (33, 20, 1), None)
    assert grey.shape == (33, 20, 1)
    assert read_picture(path, (7, 9, 3), "bilinear").shape == (7, 9, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"GIF89a and so on, and so on", "it is no PNG, JPEG, BMP, PPM or PGM"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(10), "claims 0 x 0 pixels"),
        (b"\xff\xd8\xff\xd9", "a JPEG without a frame"),
        (b"\xff\xd8" + b"\xff\xe0\0\2" * 2000, "a JPEG without a frame"),
        (b"\xff\xd8" + b"\xff" * 100, "a JPEG without a frame"),
        (b"\xff\xd8\xff\xc0\0\x11\x08\0", "a JPEG without a frame"),
        (b"P6 # " + b"x" * 5000, "its header is no PPM's"),
        (b"P5 12345678901 3\n", "its header is no PPM's"),
        (b"BM" + bytes(24), "claims 0 x 0 pixels"),
    ],
)
def test_pictures_that_lie(tmp_path: Path, content: bytes, message: str) -> None:
    gallery(tmp_path / "p", {"a": 1, "b": 1, "c": 1})
    path = tmp_path / "p" / "b" / "00.png"
    path.write_bytes(content)
    with pytest.raises(HeaderError, match=message):
        picture_size(path)
    found = one(findings(tmp_path, {"images": {"path": "p"}}, shape=[5, 4, 1]))
    assert (found.rule, found.path) == ("data-unreadable", "train.data.images.path")
    assert "b/00.png cannot be read as a picture: " in found.message


def test_a_picture_that_breaks_off_after_its_header(tmp_path: Path) -> None:
    gallery(tmp_path / "p", {"a": 1, "b": 1, "c": 1}, size=(50, 40))
    path = tmp_path / "p" / "b" / "00.png"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SpecError, match=r"b/00\.png cannot be read as a picture"):
        load(tmp_path, {"images": {"path": "p"}}, [50, 40])


def test_a_picture_of_16_bits_is_not_cut_to_8(tmp_path: Path) -> None:
    gallery(tmp_path / "p", {"a": 1, "b": 1, "c": 1})
    Image.fromarray(np.full((5, 4), 40_000, np.uint16)).save(tmp_path / "p" / "a" / "00.png")
    with pytest.raises(SpecError, match="more than 8 bits a channel"):
        load(tmp_path, {"images": {"path": "p"}}, [5, 4])


def test_sizes_must_fit_or_be_resized(tmp_path: Path) -> None:
    gallery(tmp_path / "p", {"a": 2, "b": 2, "c": 2})
    found = one(findings(tmp_path, {"images": {"path": "p"}}, shape=[8, 8, 3]))
    assert found.rule == "data-shape"
    assert found.message == "a/00.png has 5 x 4 pixels, the input is 8 x 8"
    assert "resize: bilinear" in (found.help or "")
    data: dict[str, Any] = {"images": {"path": "p", "resize": "nearest"}}
    assert findings(tmp_path, data, shape=[8, 8, 3]) == []
    assert load(tmp_path, data, [8, 8, 3]).train.x["x"].shape == (6, 8, 8, 3)
    huge = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 2**30, 2**30) + bytes(9)
    (tmp_path / "p" / "a" / "00.png").write_bytes(huge)
    assert "claims 1073741824 x 1073741824 pixels" in one(findings(tmp_path, data, shape=[8, 8, 3])).message


@pytest.mark.parametrize(
    ("counts", "severity", "message"),
    [
        (
            {"a": 1, "b": 1, "c": 1, "d": 1},
            "error",
            "there are 4 folders of classes (a, b, c, d), the output 'out' has 3",
        ),
        ({"a": 1, "b": 1}, "warning", "there are 2 folders of classes (a, b), the output 'out' has 3 classes"),
    ],
)
def test_the_number_of_classes(tmp_path: Path, counts: Any, severity: str, message: str) -> None:
    gallery(tmp_path / "p", counts)
    found = one(findings(tmp_path, {"images": {"path": "p"}}, shape=[5, 4, 1]))
    assert (found.rule, found.severity) == ("data-class-count", severity)
    assert message in found.message


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    gallery(tmp_path / "p", {"a": 1, "b": 1, "c": 1})
    data = {"images": {"path": "p"}}
    (tmp_path / "p" / "a" / "notes.txt").touch()
    found = one(findings(tmp_path, data, shape=[5, 4, 1]))
    assert (found.rule, found.severity) == ("data-ignored-files", "warning")
    assert found.message == "1 file in p (.txt) is left out"
    (tmp_path / "p" / "a" / "notes.txt").unlink()
    (tmp_path / "p" / "b" / "00.png").unlink()
    assert one(findings(tmp_path, data, shape=[5, 4, 1])).message == (
        "p/b holds no .png nor .jpg nor .jpeg nor .bmp nor .ppm nor .pgm file"
    )
    (tmp_path / "flat").mkdir()
    missing = one(findings(tmp_path, {"images": {"path": "flatt"}}, shape=[5, 4, 1]))
    assert (missing.rule, missing.help) == ("data-missing-file", "did you mean `flat`?")
    assert one(findings(tmp_path, {"images": {"path": "flat"}}, shape=[5, 4, 1])).message == "flat holds no folders"
    gallery(tmp_path / "s" / "train", {"a": 1, "b": 1, "c": 1})
    gallery(tmp_path / "s" / "val", {"d": 1})
    assert one(findings(tmp_path, {"images": {"path": "s"}}, shape=[5, 4, 1])).message == (
        "s/val has the class d, which s/train has not"
    )
    assert one(findings(tmp_path, data, shape=[20])).message == (
        "images give samples of (height, width, channels), the input 'x' is (20,)"
    )


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    gallery(tmp_path / "p", {"a": 1, "b": 1, "c": 1})
    (tmp_path / "p" / "a" / "up").symlink_to(tmp_path / "p")
    (tmp_path / "p" / "a" / "self.png").symlink_to("self.png")
    (tmp_path / "p" / "loop").symlink_to("loop")
    found = one(findings(tmp_path, {"images": {"path": "p"}}, shape=[5, 4, 1]))
    assert (found.rule, found.message) == ("data-ignored-files", "2 files in p (.png, no suffix) are left out")
    assert len(load(tmp_path, {"images": {"path": "p"}}, [5, 4]).train) == 3


def test_pictures_beyond_the_memory_go_to_a_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery(tmp_path / "p", {"a": 3, "b": 3, "c": 3})
    inside = load(tmp_path, {"images": {"path": "p"}}, [5, 4, 1])
    monkeypatch.setattr(samples, "LARGEST_IN_MEMORY", 0)
    outside = load(tmp_path, {"images": {"path": "p"}}, [5, 4, 1])
    assert isinstance(outside.train.x["x"], Stored)
    assert outside.digest == inside.digest
    np.testing.assert_array_equal(outside.train.x["x"][:], inside.train.x["x"][:])


# Sound.


def wav(
    values: bytes, bits: int = 16, kind: int = 1, *, channels: int = 1, rate: int = 16_000, extensible: bool = False,
    extra: bytes = b"", claimed: int | None = None,
) -> bytes:  # fmt: skip
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else kind, channels, rate, rate * block, block, bits)
    if extensible:
        guid = struct.pack("<H", kind) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
        form += struct.pack("<HHI", 22, bits, 4) + guid
    size = len(values) if claimed is None else claimed
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + extra + b"data" + struct.pack("<I", size) + values
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def record(folder: Path, counts: dict[str, int], length: int = 1200, **options: Any) -> dict[str, Any]:
    clips = {}
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            values = RNG.integers(-(2**15), 2**15, length).astype("<i2")
            (folder / name / f"{index}.wav").write_bytes(wav(values.tobytes(), **options))
            clips[f"{name}/{index}"] = values
    return clips


AUDIO: dict[str, Any] = {"path": "clips", "features": "mfcc", "mel_bins": 20}


def test_a_folder_of_sounds(tmp_path: Path) -> None:
    clips = record(tmp_path / "clips", {"no": 2, "on": 2, "yes": 2})
    assert findings(tmp_path, {"audio": AUDIO}, shape=[3, 10, 1]) == []  # 480 + 2 * 320 = 1120 samples
    data = load(tmp_path, {"audio": AUDIO}, [3, 10, 1])
    features = Features(Audio(**AUDIO), 10)
    assert data.train.x["x"].shape == (6, 3, 10, 1)
    for row, name in enumerate(["no/0", "on/0", "yes/0", "no/1", "on/1", "yes/1"]):
        expected = features((clips[name][:1120] / 32768).astype(np.float32))
        np.testing.assert_array_equal(data.train.x["x"][row : row + 1][0, ..., 0], expected)
    assert data.train.y["out"][:].tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("bits", "kind", "values", "expected"),
    [
        (8, 1, bytes([0, 128, 255]), [-1, 0, 127 / 128]),
        (16, 1, struct.pack("<3h", -(2**15), 1, 2**15 - 1), [-1, 2**-15, 1 - 2**-15]),
        (24, 1, b"\0\0\x80\1\0\0\xff\xff\x7f", [-1, 2**-23, 1 - 2**-23]),
        (32, 1, struct.pack("<3i", -(2**31), 2**10, 2**30), [-1, 2**-21, 0.5]),
        (32, 3, struct.pack("<3f", -1, 0.1, 1.5), [-1, 0.1, 1.5]),
        (64, 3, struct.pack("<3d", -1, 0.1, 1.5), [-1, 0.1, 1.5]),
    ],
)
@pytest.mark.parametrize("extensible", [False, True])
def test_samples_of_every_kind(
    tmp_path: Path, bits: int, kind: int, values: bytes, expected: list[float], extensible: bool
) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav(values, bits, kind, extensible=extensible, extra=b"LIST\3\0\0\0odd\0"))
    sound = read_sound(path)
    assert (sound.samples, sound.bits, sound.floating, sound.rate) == (3, bits, kind == 3, 16_000)
    read = read_clip(path, sound, 5)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, np.array([*expected, 0, 0], np.float32))  # silence after the end
    np.testing.assert_array_equal(read_clip(path, sound, 2), read[:2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"RIFF\0\0\0\0WAVX", "does not begin as a WAV does"),
        (b"RIFF\4\0\0\0WAVE", "it has no samples"),
        (b"RIFF\4\0\0\0WAVE" + b"junk\0\0\0\0" * 3000, "it has no samples"),
        (b"RIFF\4\0\0\0WAVEdata\4\0\0\0abcd", "its samples come before their format"),
        (wav(b"ab", claimed=2**32 - 1), "promises 4,294,967,295 bytes of samples, 2 are there"),
        (wav(b"ab")[:30], "its format is cut short"),
        (wav(b"abcd", 12), "12-bit samples of kind 1"),
        (wav(b"abcd", 16, 0x55), "16-bit samples of kind 85"),
        (wav(b"abcd", channels=0), "claims 0 channels"),
        (wav(b"abcd", rate=0), "at 0 Hz"),
        (b"RIFF\4\0\0\0WAVEfmt \xff\xff\xff\xff" + bytes(60), "of kind 0"),
    ],
)
def test_sounds_that_lie(tmp_path: Path, content: bytes, message: str) -> None:
    record(tmp_path / "clips", {"no": 1, "on": 1, "yes": 1})
    (tmp_path / "clips" / "on" / "0.wav").write_bytes(content)
    found = one(findings(tmp_path, {"audio": AUDIO}, shape=[3, 10, 1]))
    assert found.rule == "data-unreadable"
    assert "on/0.wav cannot be read as a WAV: " in found.message
    assert message in found.message


@pytest.mark.parametrize(
    ("options", "keys", "shape", "rule", "message"),
    [
        (
            {"rate": 8000},
            {},
            [3, 10, 1],
            "data-sample-rate",
            "no/0.wav has 8000 samples a second, sample_rate is 16000",
        ),
        ({"channels": 2}, {}, [3, 10, 1], "data-shape", "no/0.wav has 2 channels"),
        ({}, {"coefficients": 13}, [3, 10], "data-shape", "mfcc gives 13 values a frame, the input 'x' (3, 10) has 10"),
        ({}, {}, [3, 30], "data-shape", "mfcc gives 20 values a frame, the input 'x' (3, 30) has 30"),
        ({}, {"features": "log_mel"}, [3, 10], "data-shape", "log_mel gives 20 values a frame"),
        ({}, {}, [3, 10, 2], "data-shape", "mfcc gives samples of (frames, values), the input 'x' is (3, 10, 2)"),
    ],
)
def test_sounds_that_do_not_fit(
    tmp_path: Path, options: Any, keys: Any, shape: list[int], rule: str, message: str
) -> None:
    record(tmp_path / "clips", {"no": 1, "on": 1, "yes": 1}, **options)
    found = one(findings(tmp_path, {"audio": {**AUDIO, **keys}}, shape=shape))
    assert found.rule == rule
    assert message in found.message
    assert found.help


def test_clips_longer_than_the_input_draw_a_warning(tmp_path: Path) -> None:
    record(tmp_path / "clips", {"no": 1, "on": 1, "yes": 1}, length=1120 + 319)
    assert findings(tmp_path, {"audio": AUDIO}, shape=[3, 10]) == []
    record(tmp_path / "clips", {"on": 1}, length=16_000)
    found = one(findings(tmp_path, {"audio": AUDIO}, shape=[3, 10]))
    assert (found.rule, found.severity) == ("data-clip-length", "warning")
    assert found.message == "on/0.wav lasts 1 s, the input reads 0.07 s of it"
    assert found.help == "49 frames would read all"


# Functions.


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what writes a module of its own name beside the spec."""

    def write(text: str) -> str:
        name = f"samples_{abs(hash((str(tmp_path), text)))}"
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
        return name

    return write


def test_a_function(tmp_path: Path, module: Any) -> None:
    name = module(
        "import numpy as np\n"
        "def load():\n"
        "    return {'x_train': np.ones((6, 2)), 'y_train': [0, 1, 2, 0, 1, 2], 'x_val': [[1, 2]], 'y_val': [2]}\n"
    )
    before = list(sys.path)
    data = load(tmp_path, {"python": f"{name}:load"}, [2])
    assert sys.path == before
    assert data.validation is not None
    np.testing.assert_array_equal(data.train.x["x"], np.ones((6, 2), np.float32))
    assert data.validation.y["out"].dtype == np.int32


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ("def load():\n    raise KeyError('speech')\n", ":load failed: KeyError: 'speech'", r"raised at \w+\.py:2"),
        ("import sys\nsys.exit(0)\n", ":load failed: SystemExit: 0", r"raised at \w+\.py:2"),
        ("def loud(): pass\n", "has no attribute 'load'", "raised at"),
        ("def load(path): pass\n", "missing 1 required positional argument", "raised at"),
        ("import no_such_package\n", "No module named 'no_such_package'", r"raised at \w+\.py:1"),
        ("def load(:\n", "SyntaxError", "raised at"),
        ("def load():\n    return [1]\n", "returned list, not a mapping of arrays", "x_train"),
    ],
)
def test_a_function_that_fails(tmp_path: Path, module: Any, text: str, message: str, help: str) -> None:
    import re

    with pytest.raises(ToolError) as caught:
        load(tmp_path, {"python": f"{module(text)}:load"}, [2])
    assert message in caught.value.message
    assert re.search(help, caught.value.help or "")


@pytest.mark.parametrize(
    ("returned", "rule"),
    [
        ("{'x_train': [[1, 2]], 'y_train': 3}", "data-dtype"),
        ("{'x_train': [['a', 'b']], 'y_train': [0]}", "data-dtype"),
        ("{'x_train': [object()], 'y_train': [0]}", "data-dtype"),
        ("{'x_train': [[1, 2]]}", "data-missing-array"),
        ("{'x_train': [[1, 2]], 'y_train': [3]}", "data-label-range"),
        ("{'x_train': [[1, 2]] * 4, 'y_train': [0, 1]}", "data-sample-count"),
    ],
)
def test_what_a_function_returns_keeps_the_rules(tmp_path: Path, module: Any, returned: str, rule: str) -> None:
    from netspec.diagnostics import SpecError

    with pytest.raises(SpecError) as caught:
        load(tmp_path, {"python": f"{module(f'def load(): return {returned}')}:load"}, [2])
    assert [each.rule for each in caught.value.diagnostics] == [rule]
    assert caught.value.diagnostics[0].path == "train.data.python"


@pytest.mark.parametrize("name", ["cut", "empty"])
def test_shared_case_18(tmp_path: Path, name: str) -> None:
    """A broken picture is a fault of the data: a finding at its place, not a failure of the tool."""
    case = Path(__file__).parents[2] / "../shared/cases/18-broken-picture-exit"
    if not case.is_dir():
        pytest.skip("the shared cases are not here")
    shutil.copytree(case / name, tmp_path / name)
    with pytest.raises(SpecError) as caught:
        load(tmp_path, {"images": {"path": name}}, [16, 16, 1], units=2)
    (found,) = caught.value.diagnostics
    assert (found.rule, found.path) == ("data-unreadable", "train.data.images.path")
    assert found.message.startswith("a/1.jpg cannot be read as a picture: ")
