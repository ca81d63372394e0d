"""A .tflite file says what its inputs mean in the caller's units wherever that is exact, whatever reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.device.plan import plan_device
from netspec.importers.imported import spec_of_tflite
from netspec.importers.result import graph_of
from netspec.importers.tflite.reader import read_model
from netspec.importers.tflite.rescaling import plain_number
from netspec.quantize.model import QuantizedModel
from netspec.quantize.stored import quantize_stored, read_stored
from netspec.tflite.model import TFLiteModel, rescaled_notes
from netspec.verify.oracles import run_tflite_micro
from tests.models import int8_inputs, make_model
from tests.specs import make_graph

SHAPE = (8, 6, 3)
CONV: dict[str, Any] = {"conv2d": {"name": "first", "filters": 4, "kernel_size": 3}}
SAME: dict[str, Any] = {"conv2d": {"name": "first", "filters": 4, "kernel_size": 3, "padding": "same"}}
DEPTHWISE: dict[str, Any] = {"depthwise_conv2d": {"name": "first", "kernel_size": 3, "depth_multiplier": 2}}
FLAT: list[Any] = ["flatten", {"dense": {"name": "first", "units": 4}}]
BYTE = {"rescaling": {"scale": 1 / 255}}
CENTRED = {"rescaling": {"scale": 1 / 127.5, "offset": -1.0}}
POWER = {"rescaling": {"scale": 0.0078125, "offset": -1.0}}
RAW, MULTIPLIED = "raw", "multiplied"


def pixels(low: int = 0, high: int = 255, shape: tuple[int, ...] = SHAPE) -> dict[str, Any]:
    values = np.random.default_rng(3).integers(low, high + 1, (16, *shape))
    values.reshape(-1)[:2] = low, high
    return {"x": values.astype(np.float32)}


def described(model: QuantizedModel) -> tuple[float, int]:
    """Return scale and zero point of the file's input."""
    file = read_model(TFLiteModel(model).to_bytes())
    tensor = file.tensors[file.inputs[0]]
    return tensor.scales[0], tensor.zero_points[0]


def imported(model: QuantizedModel, folder: Path) -> tuple[str, QuantizedModel]:
    """Return the spec of a model's file, and the model that it and its integers give."""
    found = spec_of_tflite(TFLiteModel(model).to_bytes(), "net.tflite")
    path = folder / "net.npz"
    path.write_bytes(found.weights)
    graph = graph_of(found.text)
    plan = plan_device(graph)
    return found.text, quantize_stored(plan, read_stored(path, graph, plan))


@pytest.mark.parametrize(
    ("layers", "form", "scale", "zero_point"),
    [
        ([BYTE, *FLAT], RAW, 1.0, -128),
        ([BYTE, CONV], RAW, 1.0, -128),
        ([BYTE, SAME], RAW, 1.0, -128),
        ([BYTE, DEPTHWISE], RAW, 1.0, -128),
        ([BYTE, "zero_padding2d", CONV], RAW, 1.0, -128),
        ([{"rescaling": {"scale": -0.5}}, SAME], RAW, 1.0, -128),
        ([{"rescaling": {"scale": 3.7}}, CONV, "relu"], RAW, 1.0, -128),
        ([CENTRED, *FLAT], RAW, 1.0, -128),
        ([CENTRED, CONV], RAW, 1.0, -128),
        ([CENTRED, DEPTHWISE], RAW, 1.0, -128),
        ([POWER, *FLAT], RAW, 1.0, -128),
        ([{"normalization": {"mean": 127.5, "variance": 5000.0}}, CONV], RAW, 1.0, -128),
        ([POWER, SAME], MULTIPLIED, 1.0, -128),
        ([CENTRED, SAME], MULTIPLIED, 127.5 / 127, -128),
        ([BYTE, {"average_pooling2d": {"pool_size": 2}}, CONV], MULTIPLIED, None, -128),
        ([POWER, {"max_pooling2d": {"pool_size": 2}}, SAME], MULTIPLIED, 1.0, -128),
        ([BYTE, SAME, {"conv2d": {"name": "b", "from": "rescaling", "filters": 4, "kernel_size": 1}},
          {"add": {"from": ["first", "b"]}}], RAW, 1.0, -128),
        ([POWER, {"conv2d": {"name": "a", "filters": 3, "kernel_size": 1}}, {"add": {"from": ["a", "rescaling"]}}],
         MULTIPLIED, 1.0, -128),
        ([BYTE, "softmax"], MULTIPLIED, None, -128),
        ([POWER, "sigmoid"], MULTIPLIED, 1.0, -128),
        ([CENTRED, "flatten", "tanh"], MULTIPLIED, 127.5 / 127, -128),
    ],
    ids=str,
)  # fmt: skip
def test_a_file_takes_raw_values(
    layers: list[Any], form: str, scale: float | None, zero_point: int, tmp_path: Path
) -> None:
    samples = pixels()
    model = make_model(make_graph(layers, SHAPE), samples=samples)
    assert model.tensors["x"].raw == (form == RAW)
    assert rescaled_notes(model) == []
    found = described(model)
    if scale is not None:
        assert found == (pytest.approx(scale, rel=1e-6), zero_point)
    # Whoever quantizes as the file says feeds what the emitted function makes, but for ties.
    raw = samples["x"]
    as_said = np.clip(np.round(raw / np.float32(found[0])) + found[1], -128, 127)
    gap = np.abs(model.quantize_input("x", raw) - as_said)
    assert gap.max() <= 1
    assert (gap > 0).mean() < 0.01
    _assert_same_bits(model, tmp_path, raw)


def _assert_same_bits(model: QuantizedModel, tmp_path: Path, raw: Any) -> None:
    """Compare the reference with TensorFlow Lite Micro, and with what the file's own import computes."""
    inputs = int8_inputs(model)
    reference, other = model.run(inputs), run_tflite_micro(model, inputs)
    for node in model.plan.graph.nodes:
        np.testing.assert_array_equal(reference[node.output].reshape(len(inputs["x"]), -1), other[node.output])
    _, again = imported(model, tmp_path)
    result, before = again.run(inputs), model.run(inputs)
    for ours, theirs in zip(model.plan.graph.outputs, again.plan.graph.outputs, strict=True):
        np.testing.assert_array_equal(before[ours.tensor].ravel(), result[theirs.tensor].ravel())
    gap = np.abs(model.quantize_input("x", raw).astype(int) - again.quantize_input("x", raw))
    assert gap.max() <= 1
    assert (gap > 0).mean() < 0.01


@pytest.mark.parametrize("rescaling", [BYTE, POWER, CENTRED, {"rescaling": {"scale": 0.1, "offset": 2.0}}])
def test_an_import_writes_the_rescaling_that_the_file_multiplies_with(rescaling: Any, tmp_path: Path) -> None:
    model = make_model(
        make_graph([rescaling, {"max_pooling2d": {"pool_size": 2}}, SAME], SHAPE), samples=pixels(-20, 230)
    )
    assert rescaled_notes(model) == []
    text, again = imported(model, tmp_path)
    keys = rescaling["rescaling"]
    assert f"scale: {keys['scale']}" in text
    assert "offset" not in keys or f"offset: {keys['offset']}" in text
    assert again.tensors["x"] == model.tensors["x"]
    assert described(again) == described(model)


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([{"normalization": {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 9.0]}}, CONV], "(value - mean)"),
        ([{"rescaling": {"scale": -0.5, "offset": 1.0}}, SAME], "-0.5 * value + 1.0"),
        ([{"rescaling": {"scale": 0.01, "offset": -300.0}}, CONV], "0.01 * value + -300.0"),
    ],
)
def test_where_it_cannot_the_file_says_so(layers: list[Any], text: str) -> None:
    low = 29_900 if "-300" in str(layers) else 0
    model = make_model(make_graph(layers, SHAPE), samples=pixels(low, low + 255))
    (note,) = rescaled_notes(model)
    assert text in note
    assert note.encode() in TFLiteModel(model).to_bytes()
    inputs = int8_inputs(model)
    other = run_tflite_micro(model, inputs)
    for node in model.plan.graph.nodes:
        np.testing.assert_array_equal(model.run(inputs)[node.output].reshape(len(inputs["x"]), -1), other[node.output])


@pytest.mark.parametrize("layers", [[BYTE, SAME], [CENTRED, SAME]], ids=[RAW, MULTIPLIED])
def test_desktop_interpreters_fed_as_the_file_says_agree(layers: list[Any]) -> None:
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    samples = pixels()
    model = make_model(make_graph(layers, SHAPE), samples=samples)
    interpreter = tf.lite.Interpreter(model_content=TFLiteModel(model).to_bytes())
    interpreter.allocate_tensors()
    (given,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = given["quantization"]
    as_said = np.clip(np.round(samples["x"] / scale + zero_point), -128, 127).astype(np.int8)
    expected = model.run({"x": as_said})["first"]
    for sample, want in zip(as_said, expected, strict=True):
        interpreter.set_tensor(given["index"], sample[None])
        interpreter.invoke()
        got = interpreter.get_tensor(output["index"])[0]
        assert np.abs(got.astype(int) - want.reshape(got.shape)).max() <= 1


def test_an_input_of_many_axes_is_multiplied_as_a_row(tmp_path: Path) -> None:
    model = make_model(make_graph([BYTE, "flatten", "sigmoid"], (2, 3, 4, 5)), samples=pixels(shape=(2, 3, 4, 5)))
    _assert_same_bits(model, tmp_path, pixels(shape=(2, 3, 4, 5))["x"])


def test_an_input_that_is_an_output_keeps_the_rescaled_scale(tmp_path: Path) -> None:
    graph = make_graph([{"rescaling": {"name": "r", "scale": 0.5}}, CONV], SHAPE, outputs=["r", "first"])
    model = make_model(graph, samples=pixels())
    assert not model.tensors["x"].raw
    assert described(model)[0] == pytest.approx(model.tensors["x"].scale * 2)
    values = model.quantize_input("x", pixels()["x"])
    np.testing.assert_allclose(model.dequantize("x", values), pixels()["x"] * 0.5, atol=0.3)


def test_columns_that_padding_of_an_offset_needs_stay_exact(tmp_path: Path) -> None:
    """The zero of a padded convolution is that of the rescaled value, which no raw zero point is."""
    model = make_model(make_graph([CENTRED, SAME], SHAPE), samples=pixels())
    assert not model.tensors["x"].raw


@pytest.mark.parametrize(
    ("number", "written"),
    [(each, each) for each in (1 / 255, 1 / 127.5, 0.0078125, 3.7, -1.0, 0.1234567)],
)
def test_numbers_are_written_as_people_wrote_them(number: float, written: float) -> None:
    assert plain_number(float(np.float32(number))) == written
