"""What converters put at the ends of a model, and operators that are layers without an int8 kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netspec.device.plan import plan_device
from netspec.diagnostics import SpecError
from netspec.importers.faults import ModelFault
from netspec.importers.imported import import_model, spec_of_tflite
from netspec.importers.result import graph_of
from netspec.tflite.schema import OPERATORS, Field, Kind
from netspec.train.weights import read_weights
from tests.importers.shared_cases import shared_case
from tests.importers.test_tflite_operators import File, imported, integers, interpreted, network

_SAMPLES = 12


@pytest.fixture(autouse=True)
def _writes_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writer write operators that netspec only reads."""
    for kind, code in (("TRANSPOSE", 39), ("LOG_SOFTMAX", 50)):
        monkeypatch.setitem(OPERATORS, kind, Kind(code, lambda operator, tensors: 2, 0, {}))
    slope = {"alpha": Field(0, "float32", 0.0)}
    monkeypatch.setitem(OPERATORS, "LEAKY_RELU", Kind(98, lambda operator, tensors: 2, 75, slope))


def ulp(scale: float, count: int = 1) -> float:
    """Return a float32 `count` steps away."""
    found = np.float32(scale)
    for _ in range(abs(count)):
        found = np.nextafter(found, np.float32(np.inf if count > 0 else 0))
    return float(found)


def dense(file: File, source: int, width: int, outputs: int, scale: float = 0.1) -> int:
    kernel = file.constant("k", integers(outputs, width), [0.01])
    return file.operator("FULLY_CONNECTED", (source, kernel), file.activation("scores", (1, outputs), scale, 5))


# ----------------------------------------------------------------------------------------------------------- QUANTIZE


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("steps", [-2, -1, 0, 1, 2])
def test_a_quantize_at_the_input_that_moves_no_value(tmp_path: Path, dtype: str, steps: int) -> None:
    """Its scales are one float32 apart, as converters write 1/255 in two ways: the kernel gives each value again."""
    file = File()
    offset = 128 if dtype == "uint8" else 0
    x = file.activation("x", (1, 6), ulp(1 / 255, steps), -3 + offset, dtype)
    inner = file.activation("inner", (1, 6), 1 / 255, -3)
    file.operator("QUANTIZE", (x,), inner)
    y = dense(file, inner, 6, 4)
    tflite = _bytes(file, [x], [y])
    model = network(tflite, tmp_path)
    assert (model.tensors["x"].scale, model.tensors["x"].zero_point) == (float(np.float32(1 / 255)), -3)
    assert "Dropped: the QUANTIZE of x" in " ".join(imported(tflite, tmp_path)[0].notes)
    given = np.random.default_rng(0).integers(-128, 128, (_SAMPLES, 6), np.int8)
    theirs = (given.astype(np.int16) + offset).astype(dtype)
    ours = model.run({"x": given})[model.plan.graph.outputs[0].tensor]
    np.testing.assert_array_equal(ours, interpreted(tflite, [theirs], [y])[0])


def _bytes(file: File, inputs: list[int], outputs: list[int]) -> bytes:
    """Return the file; uint8 is a type that netspec's own writer does not know."""
    from netspec.tflite import schema as tflite_schema

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tflite_schema.TENSOR_TYPES, "uint8", 3)  # type: ignore[arg-type]
        patch.setitem(tflite_schema.ITEM_BYTES, "uint8", 1)  # type: ignore[arg-type]
        return file.to_bytes(inputs, outputs)


def test_a_quantize_at_the_input_that_moves_values_is_refused() -> None:
    file = File()
    x, inner = file.activation("x", (1, 6), 0.02, 3), file.activation("inner", (1, 6), 0.0201, 3)
    file.operator("QUANTIZE", (x,), inner)
    with pytest.raises(ModelFault, match="stands apart"):
        spec_of_tflite(file.to_bytes([x], [dense(file, inner, 6, 4)]), "model.tflite")


# ---------------------------------------------------------------------------------------------- SOFTMAX, LOG_SOFTMAX


@pytest.mark.parametrize("ending", ["int8", "float"])
def test_a_wide_softmax_at_the_end_is_dropped(tmp_path: Path, ending: str) -> None:
    file = File()
    x = file.activation("x", (1, 6))
    scores = dense(file, x, 6, 512)
    y = file.operator("SOFTMAX", (scores,), file.activation("y", (1, 512), 1 / 256, -128), beta=1.0)
    if ending == "float":
        y = file.operator("DEQUANTIZE", (y,), file.activation("f", (1, 512), dtype="float32"))
    _assert_ends_with(file, x, scores, y, tmp_path, "SOFTMAX, over 512 classes")


@pytest.mark.parametrize("kind", ["LOG_SOFTMAX", "SOFTMAX"])
def test_a_float_softmax_after_the_dequantize_is_dropped(tmp_path: Path, kind: str) -> None:
    file = File()
    x = file.activation("x", (1, 6))
    scores = dense(file, x, 6, 4)
    floats = file.operator("DEQUANTIZE", (scores,), file.activation("f", (1, 4), dtype="float32"))
    options = {"beta": 1.0} if kind == "SOFTMAX" else {}
    y = file.operator(kind, (floats,), file.activation("y", (1, 4), dtype="float32"), **options)
    _assert_ends_with(file, x, scores, y, tmp_path, f"the last {kind}, over 4 classes")


def _assert_ends_with(file: File, x: int, scores: int, y: int, folder: Path, note: str) -> None:
    tflite = file.to_bytes([x], [y])
    found, graph = imported(tflite, folder)
    assert note in " ".join(found.notes)
    assert [layer.type for layer in graph.layers] == ["dense"]
    model = network(tflite, folder)
    given = np.random.default_rng(0).integers(-128, 128, (_SAMPLES, 6), np.int8)
    theirs = interpreted(tflite, [given], [scores])[0]
    np.testing.assert_array_equal(model.run({"x": given})[model.plan.graph.outputs[0].tensor], theirs)


def test_a_softmax_of_511_classes_stays(tmp_path: Path) -> None:
    file = File()
    x = file.activation("x", (1, 6))
    scores = dense(file, x, 6, 511)
    y = file.operator("SOFTMAX", (scores,), file.activation("y", (1, 511), 1 / 256, -128), beta=1.0)
    _, graph = imported(file.to_bytes([x], [y]), tmp_path)
    assert [layer.type for layer in graph.layers] == ["dense", "softmax"]


def test_a_wide_softmax_that_is_read_is_refused() -> None:
    file = File()
    x = file.activation("x", (1, 6))
    scores = dense(file, x, 6, 512)
    y = file.operator("SOFTMAX", (scores,), file.activation("y", (1, 512), 1 / 256, -128), beta=1.0)
    z = file.operator("QUANTIZE", (y,), file.activation("z", (1, 512), 0.3, 0))
    t = file.operator("TANH", (z,), file.activation("t", (1, 512), 1 / 128, 0))
    with pytest.raises(ModelFault, match="softmax over 512 classes"):
        spec_of_tflite(file.to_bytes([x], [t]), "model.tflite")


# --------------------------------------------------------------------------------------------------------- TRANSPOSE


@pytest.mark.parametrize("before", ["int8", "float32"])
def test_an_input_of_channels_first(tmp_path: Path, before: str) -> None:
    """As converters of PyTorch's models write it; the spec's input is channels last, and the integers are the same."""
    file = File()
    x = file.activation("x", (1, 3, 5, 6), dtype=before)
    here = x
    if before == "float32":
        here = file.operator("QUANTIZE", (x,), file.activation("inner", (1, 3, 5, 6)))
    order = file.constant("order", np.array([0, 2, 3, 1], np.int32))
    image = file.operator("TRANSPOSE", (here, order), file.activation("image", (1, 5, 6, 3)))
    window = {"stride_h": 1, "stride_w": 1, "padding": "VALID"}
    kernel = file.constant("k", integers(2, 3, 3, 3), [0.01, 0.02])
    y = file.operator("CONV_2D", (image, kernel), file.activation("y", (1, 3, 4, 2), 0.2, 5), **window)
    tflite = file.to_bytes([x], [y])
    found, graph = imported(tflite, tmp_path)
    assert "x is channels first in the file, [3, 5, 6]; here it is channels last, [5, 6, 3]" in " ".join(found.notes)
    assert [layer.type for layer in graph.layers] == ["conv2d"]
    model = network(tflite, tmp_path)
    given = np.random.default_rng(0).integers(-128, 128, (_SAMPLES, 5, 6, 3), np.int8)
    theirs: NDArray[Any] = given.transpose(0, 3, 1, 2)
    if before == "float32":
        theirs = ((theirs.astype(np.float32) - 3) * np.float32(0.05)).astype(np.float32)
    ours = model.run({"x": given})[model.plan.graph.outputs[0].tensor].reshape(_SAMPLES, -1)
    np.testing.assert_array_equal(ours, interpreted(tflite, [theirs], [y])[0])


@pytest.mark.parametrize(("shape", "order"), [((1, 1, 5, 3), (0, 2, 1, 3)), ((1, 4, 1, 1), (0, 3, 2, 1))])
def test_a_transpose_that_moves_no_value_is_a_view(tmp_path: Path, shape: tuple[int, ...], order: Any) -> None:
    file = File()
    x = file.activation("x", shape)
    to = tuple(shape[axis] for axis in order)
    axes = file.constant("order", np.array(order, np.int32))
    moved = file.operator("TRANSPOSE", (x, axes), file.activation("moved", to))
    y = file.operator("TANH", (moved,), file.activation("y", to, 1 / 128, 0))
    _, graph = imported(file.to_bytes([x], [y]), tmp_path)
    assert [layer.type for layer in graph.layers] == ["reshape", "tanh"]


def test_a_transpose_that_moves_values_inside_is_refused() -> None:
    file = File()
    x = file.activation("x", (1, 4, 3))
    here = file.operator("TANH", (x,), file.activation("here", (1, 4, 3), 1 / 128, 0))
    order = file.constant("order", np.array([0, 2, 1], np.int32))
    y = file.operator("TRANSPOSE", (here, order), file.activation("y", (1, 3, 4), 1 / 128, 0))
    with pytest.raises(ModelFault, match="TRANSPOSE, moves values, for which netspec has no int8 kernel yet"):
        spec_of_tflite(file.to_bytes([x], [y]), "model.tflite")


# ------------------------------------------------------------------------------------------------ layers of floats


def _outputs_of_file(tflite: bytes, given: NDArray[np.float32]) -> NDArray[np.float32]:
    tensorflow = pytest.importorskip("tensorflow", reason="TensorFlow is not installed: it runs these files")
    interpreter = tensorflow.lite.Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    rows = []
    for row in given:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], row[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.stack(rows)


def _assert_floats_are_the_file_s(path: Path, folder: Path, shape: tuple[int, ...], tolerance: float = 1e-5) -> None:
    from tests.importers.keras_models import rebuilt_outputs

    given = np.random.default_rng(1).normal(0, 1, (8, *shape)).astype(np.float32)
    theirs = _outputs_of_file(path.read_bytes(), given)
    ours = rebuilt_outputs(path, folder, given)
    assert np.max(np.abs(ours - theirs)) <= tolerance * max(1.0, float(np.max(np.abs(theirs))))


def test_the_shared_case_of_one_net_in_two_files(tmp_path: Path) -> None:
    one = graph_of(import_model(shared_case("22-keras-files/leaky.keras")).text)
    found = import_model(shared_case("22-keras-files/leaky.tflite"))
    two = graph_of(found.text)
    assert [layer.type for layer in one.layers] == [layer.type for layer in two.layers]
    assert [layer.output_shape for layer in one.layers] == [layer.output_shape for layer in two.layers]
    assert "negative_slope: 0.1}" in found.text
    for graph in (one, two):
        with pytest.raises(SpecError, match="leaky_re"):
            plan_device(graph)


def test_an_int8_model_with_such_a_layer_keeps_what_its_weights_stand_for(tmp_path: Path) -> None:
    file = File()
    x = file.activation("x", (1, 6))
    scores = dense(file, x, 6, 4)
    y = file.operator("LEAKY_RELU", (scores,), file.activation("y", (1, 4), 0.1, 5), alpha=0.1)
    found, graph = imported(file.to_bytes([x], [y]), tmp_path)
    assert "an int8 model with LEAKY_RELU, for which netspec has no int8 kernel yet" in found.notes[0]
    assert "negative_slope: 0.1}" in found.text
    (tmp_path / found.weights_name).write_bytes(found.weights)
    weights = read_weights(tmp_path / found.weights_name, graph)
    expected = integers(4, 6).T * np.float32(0.01)
    np.testing.assert_allclose(weights[graph.layers[0].name, "kernel"], expected, rtol=1e-6)


def _net(keras: Any) -> Any:
    layers = keras.layers
    image = keras.Input((6, 5, 3), name="image")
    here = layers.LeakyReLU(negative_slope=0.15)(layers.Conv2D(4, 3, padding="same")(image))
    here = layers.UpSampling2D((2, 3))(here)
    here = layers.ELU()(layers.Conv2D(4, 3)(here))
    other = layers.Activation("hard_swish")(layers.Conv2D(4, 1)(here))
    here = layers.Multiply()([here, other])
    here = layers.Subtract()([here, layers.Maximum()([other, layers.Minimum()([here, other])])])
    here = layers.UpSampling2D(2, interpolation="bilinear")(here)
    here = layers.Permute((3, 1, 2))(here)
    return keras.Model(image, layers.Dense(3)(layers.Flatten()(here)), name="floats")


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_layers_without_int8_kernels_become_a_float_spec(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: its converter makes this file")
    import tensorflow as tf

    from netspec.train.backend import load_keras

    keras = load_keras()
    keras.utils.set_random_seed(3)
    converter = tf.lite.TFLiteConverter.from_keras_model(_net(keras))
    if kind == "int8":
        samples = np.random.default_rng(0).normal(0, 1, (8, 6, 5, 3)).astype(np.float32)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row[None]] for row in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    path = tmp_path / "floats.tflite"
    path.write_bytes(converter.convert())
    found = import_model(path)
    types = [layer.type for layer in graph_of(found.text).layers]
    for each in ("leaky_relu", "up_sampling2d", "elu", "hard_swish", "multiply", "subtract", "maximum", "minimum"):
        assert each in types, found.text
    if kind == "float":
        _assert_floats_are_the_file_s(path, tmp_path, (6, 5, 3))
    else:
        assert "Its weights are here as floats" in found.notes[0]
