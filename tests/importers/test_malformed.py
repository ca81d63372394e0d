"""Malformed model files: a finding for each, never another exception, in bounded time and memory.

Mutations are drawn by a generator of fixed seed, so that a failure repeats. The corpus is what atheris kept of longer
runs (`fuzz.py`).
"""

from __future__ import annotations

import io
import json
import random
import resource
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from netspec.importers.faults import MalformedModel, ModelFault
from netspec.importers.flatbuffer import Flatbuffer
from netspec.importers.imported import spec_of_tflite
from netspec.importers.isolated import import_keras_isolated
from netspec.importers.keras.importer import spec_of_config
from netspec.importers.tflite.reader import read_model
from tests.importers.keras_models import functional, layer
from tests.importers.test_tflite_operators import File, integers
from tests.importers.weights_files import floats, read_both
from tests.importers.weights_files import integers as stored_integers

_CORPUS = Path(__file__).with_name("corpus.zip")
_MUTATIONS = 1200
_SECONDS_A_FILE = 5.0
_MEBIBYTES_A_FILE = 64
_ODD = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def small_model() -> bytes:
    """Return a model with most operators, of about 3 kB."""
    file = File()
    x = file.activation("x", (1, 5, 5, 2))
    kernel = file.constant("k", integers(3, 3, 3, 2), [0.01, 0.02, 0.03])
    bias = file.constant("b", np.arange(3, dtype=np.int32), [0.0005, 0.001, 0.0015])
    here = file.activation("net/stem/Conv2D", (1, 5, 5, 3), 0.1, -128)
    window = {"stride_h": 1, "stride_w": 1, "padding": "SAME", "activation": "RELU"}
    file.operator("CONV_2D", (x, kernel, bias), here, **window)
    padded = file.activation("padded", (1, 7, 7, 3), 0.1, -128)
    pads = file.constant("pads", np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    file.operator("PAD", (here, pads), padded)
    taps = file.constant("taps", integers(1, 3, 3, 3), [0.01, 0.02, 0.03], 3)
    here = file.activation("here", (1, 3, 3, 3), 0.1, 0)
    window = {"stride_h": 2, "stride_w": 2, "padding": "VALID", "depth_multiplier": 1}
    file.operator("DEPTHWISE_CONV_2D", (padded, taps), here, **window)
    pooled = file.activation("pooled", (1, 3), 0.1, 0)
    file.operator("MEAN", (here, file.constant("axes", np.array([1, 2], np.int32))), pooled)
    scaled, total = file.activation("scaled", (1, 3), 0.2, 0), file.activation("total", (1, 3), 0.2, 0)
    file.operator("QUANTIZE", (pooled,), scaled)
    file.operator("ADD", (pooled, scaled), total, activation="RELU6")
    joined, view = file.activation("joined", (1, 6), 0.2, 0), file.activation("view", (1, 6, 1), 0.2, 0)
    file.operator("CONCATENATION", (total, scaled), joined, axis=1)
    file.operator("RESHAPE", (joined, file.constant("shape", np.array([1, 6, 1], np.int32))), view, new_shape=[1, 6, 1])
    scores, result = file.activation("scores", (1, 4), 0.2, 0), file.activation("result", (1, 4), 1 / 256, -128)
    file.operator("FULLY_CONNECTED", (view, file.constant("w", integers(4, 6), [0.01])), scores)
    file.operator("SOFTMAX", (scores,), result, beta=1.0)
    return file.to_bytes([x], [result])


def small_config() -> bytes:
    config = functional(
        [
            layer("InputLayer", "x", batch_input_shape=[None, 8, 8, 2], dtype="float32"),
            layer("Conv2D", "c", "x", filters=3, kernel_size=[3, 3], strides=[1, 1], padding="same", activation="relu",
                  kernel_initializer={"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": 0.1}},
                  kernel_regularizer={"class_name": "L2", "config": {"l2": 0.01}}),
            layer("BatchNormalization", "n", "c", axis=[3], momentum=0.99, epsilon=0.001),
            layer("Activation", "a", "n", activation="tanh"),
            layer("Add", "sum", ["a", "c"]),
            layer("Flatten", "f", "sum"),
            layer("Dense", "d", "f", units=3, activation="softmax"),
        ],
        ["x"],
        ["d"],
    )  # fmt: skip
    return json.dumps(config).encode()


def mutated(original: bytes, generator: random.Random) -> bytes:
    """Return a copy with a few bytes, words, numbers or stretches changed, or cut short."""
    data = bytearray(original)
    for _ in range(generator.randint(1, 4)):
        kind = generator.randrange(6)
        at = generator.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << generator.randrange(8)
        elif kind == 1:
            data[at] = generator.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 2 and len(data) >= 8:
            struct.pack_into("<I", data, at // 4 * 4 % (len(data) - 4), generator.choice(_ODD))
        elif kind == 3:
            end = min(len(data), at + generator.randint(1, 64))
            data[at:end] = bytes(data[generator.randrange(len(data)) :][: end - at])
        elif kind == 4:
            del data[at : at + generator.randint(1, 16)]
        else:
            del data[at : len(data) if generator.random() < 0.1 else at + 1]
        if not data:
            return b""
    return bytes(data)


def assert_bounded(read: Callable[[bytes], object], data: bytes, label: str) -> None:
    """Assert that a file is taken or refused, and that neither takes long nor much memory."""
    tracemalloc.reset_peak()
    started = time.process_time()
    outcome: object = None
    try:
        outcome = read(data)
    except ModelFault as fault:
        outcome = fault.message
    except Exception as error:
        raise AssertionError(f"{label}: {type(error).__name__}: {error}") from error
    assert outcome, label
    assert time.process_time() - started < _SECONDS_A_FILE, label
    assert tracemalloc.get_traced_memory()[1] < _MEBIBYTES_A_FILE * 2**20, label


def tflite(data: bytes) -> object:
    return spec_of_tflite(data, "model.tflite")


def keras(data: bytes) -> object:
    return spec_of_config(data, "model.keras")


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    ("read", "original"), [(tflite, small_model()), (keras, small_config())], ids=["tflite", "keras"]
)
def test_mutations_are_taken_or_refused(read: Callable[[bytes], object], original: bytes) -> None:
    read(original)
    generator = random.Random(20)
    for index in range(_MUTATIONS):
        assert_bounded(read, mutated(original, generator), f"mutation {index}")


@pytest.mark.usefixtures("traced")
def test_every_truncation_is_refused() -> None:
    original = small_model()
    for length in range(0, len(original), 7):
        with pytest.raises(ModelFault):
            tflite(original[:length])
        assert tracemalloc.get_traced_memory()[1] < _MEBIBYTES_A_FILE * 2**20


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(("folder", "least"), [("tflite", 200), ("keras", 200), ("npz", 30)])
def test_the_corpus_of_longer_runs(folder: str, least: int, tmp_path: Path) -> None:
    def npz(data: bytes) -> object:
        (tmp_path / "weights.npz").write_bytes(data)
        return read_both(tmp_path / "weights.npz")

    read = {"tflite": tflite, "keras": keras, "npz": npz}[folder]
    with zipfile.ZipFile(_CORPUS) as archive:
        names = [name for name in archive.namelist() if name.startswith(f"{folder}/")]
        assert len(names) >= least
        for name in names:
            assert_bounded(read, archive.read(name), name)


@pytest.mark.parametrize("write", [floats, stored_integers])
def test_sound_weights_are_read_as_what_they_are(write: Callable[[Path], None], tmp_path: Path) -> None:
    """So that the corpus of weights begins with something that is read to its end."""
    write(tmp_path / "weights.npz")
    [fault] = read_both(tmp_path / "weights.npz")
    assert ("is float32 in weights.npz, not int8" if write is floats else "not floats") in fault


def test_a_file_that_hangs_the_hdf5_library_is_given_up(tmp_path: Path) -> None:
    """Found by fuzzing: 11 kB whose attributes libhdf5 never finishes reading."""
    with zipfile.ZipFile(_CORPUS) as archive:
        (tmp_path / "model.h5").write_bytes(archive.read("h5/endless.h5"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(MalformedModel, match="the HDF5 library hangs in the file"):
        import_keras_isolated(tmp_path / "model.h5")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4  # 1 s and the imports


# ------------------------------------------------------------------------------------------------ particular attacks


@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(8), b"\0\0\0\0TFL3", b"\xff\xff\xff\xffTFL3" + bytes(64)])
def test_what_is_no_flatbuffer(data: bytes) -> None:
    with pytest.raises(MalformedModel):
        read_model(data)


def test_a_magic_that_is_another_s() -> None:
    data = bytearray(small_model())
    data[4:8] = b"TFL2"
    with pytest.raises(MalformedModel, match="its magic is b'TFL2'"):
        read_model(bytes(data))


def test_a_file_cannot_say_more_than_it_holds() -> None:
    """A vector of tables that all are the same one, again and again: gigabytes described by a kilobyte."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.StartVector(4, 20_000, 4)
    for _ in range(20_000):
        builder.PrependInt32(1)
    numbers = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, numbers, 0)
    table = builder.EndObject()
    builder.StartVector(4, 5_000, 4)
    for _ in range(5_000):
        builder.PrependUOffsetTRelative(table)
    tables = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, tables, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    data = bytes(builder.Output())
    root = Flatbuffer(data, b"TFL3").root()
    with pytest.raises(MalformedModel, match="describes more than"):
        root.tables(0, lambda each: each.integers(0, "int32"))


def test_huge_shapes_are_refused_before_anything_is_allocated() -> None:
    file = File()
    x = file.activation("x", (1, 60000, 60000, 4))
    y = file.activation("y", (1, 30000, 30000, 4))
    window = {"stride_h": 2, "stride_w": 2, "filter_h": 2, "filter_w": 2, "padding": "VALID"}
    file.operator("MAX_POOL_2D", (x,), y, **window)
    with pytest.raises(MalformedModel, match=r"has the shape \[1, 60000, 60000, 4\]"):
        tflite(file.to_bytes([x], [y]))


def test_scales_too_far_apart_for_int32_are_refused() -> None:
    """Found by fuzzing: the kernel would shift its input out of int32, which C leaves undefined."""
    file = File()
    x, y, z = (
        file.activation("x", (1, 4)),
        file.activation("y", (1, 4), 1 / 128, 0),
        file.activation("z", (1, 4), 1e-30),
    )
    file.operator("TANH", (x,), y)
    file.operator("QUANTIZE", (y,), z)
    with pytest.raises(ModelFault, match=r"layer z .* cannot run with the integers .* does not fit int32"):
        tflite(file.to_bytes([x], [z]))


def test_biases_of_two_axes_with_scales_along_the_second() -> None:
    """Found by fuzzing: a bias of integers in a float model, which was flattened before its axes were counted."""
    file = File()
    x, y = file.activation("x", (1, 4, 4, 2), dtype="float32"), file.activation("y", (1, 4, 4, 3), dtype="float32")
    kernel = file.constant("k", integers(3, 1, 1, 2), [0.01])
    bias = file.constant("b", np.arange(3, dtype=np.int32).reshape(1, 3), [0.5, 0.25, 0.125], 1)
    file.operator("CONV_2D", (x, kernel, bias), y, stride_h=1, stride_w=1, padding="SAME")
    found = spec_of_tflite(file.to_bytes([x], [y]), "model.tflite")
    with np.load(io.BytesIO(found.weights)) as arrays:
        np.testing.assert_array_equal(arrays["y/bias"], [0.0, 0.25, 0.25])


def test_tensors_that_read_themselves_are_refused() -> None:
    file = File()
    x, y, z = (file.activation(name, (1, 4), 1 / 128, 0) for name in ("x", "y", "z"))
    file.operator("TANH", (z,), y)
    file.operator("TANH", (y,), z)
    with pytest.raises(MalformedModel, match="reads tensor 2 'z', which nothing has written yet"):
        tflite(file.to_bytes([x], [z]))


def test_models_inside_of_models_without_end() -> None:
    config = functional([layer("InputLayer", "x", batch_input_shape=[None, 2])], ["x"], ["x"])
    for _ in range(40):
        inner = {**config, "name": "m", "inbound_nodes": [[["x", 0, 0, {}]]]}
        config = functional([layer("InputLayer", "x", batch_input_shape=[None, 2]), inner], ["x"], ["m"])
    with pytest.raises(ModelFault, match="more than 16 deep"):
        keras(json.dumps(config).encode())


def test_layers_that_read_each_other_are_refused() -> None:
    config = functional(
        [
            layer("InputLayer", "x", batch_input_shape=[None, 2]),
            layer("Add", "a", ["x", "b"]),
            layer("Add", "b", ["x", "a"]),
        ],
        ["x"],
        ["b"],
    )
    with pytest.raises(ModelFault, match="the layers a, b read each other"):
        keras(json.dumps(config).encode())


def test_the_command_line_prints_a_finding_and_exits_1(tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(small_model()[:900])
    words = [sys.executable, "-m", "netspec", "import", str(path)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{path}:1:1: error: " in done.stdout
    assert "[malformed-model]" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["broken.tflite"]
