"""Every operator, one file each, made with the writer and run by TensorFlow Lite Micro: the import is equal to it.

Random networks too: what netspec itself writes as model.tflite comes back as a spec that computes the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from numpy.typing import NDArray

from netspec.check import check
from netspec.device.plan import plan_device
from netspec.diagnostics import SpecError
from netspec.graph import Graph
from netspec.importers.flatbuffer import Flatbuffer
from netspec.importers.imported import import_model
from netspec.importers.result import Imported, graph_of
from netspec.quantize.model import QuantizedModel
from netspec.quantize.stored import quantize_stored, read_stored
from netspec.spec.source import parse
from netspec.tflite.model import TFLiteModel
from netspec.tflite.schema import OPERATORS
from netspec.tflite.writer import Operator, Tensor, write
from tests.builds import quantized
from tests.nets import device_nets

_SAMPLES = 12


@dataclass
class File:
    """A .tflite file in the making; activations have scale 0.05 and zero point 3 unless told."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)

    def activation(
        self, name: str, shape: Sequence[int], scale: float = 0.05, zero_point: int = 3, dtype: Any = "int8"
    ) -> int:
        scales = () if dtype == "float32" else (float(np.float32(scale)),)
        return self._add(Tensor(name, tuple(shape), dtype, scales, (zero_point,) * len(scales)))

    def constant(self, name: str, values: NDArray[Any], scales: Sequence[float] = (), axis: int = 0) -> int:
        exact = tuple(float(np.float32(scale)) for scale in scales)
        dtype: Any = values.dtype.name
        return self._add(Tensor(name, values.shape, dtype, exact, (0,) * len(exact), axis, values.tobytes()))

    def _add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def operator(self, kind: str, inputs: Sequence[int], output: int, **options: Any) -> int:
        self.operators.append(Operator(kind, tuple(inputs), (output,), options))
        return output

    def to_bytes(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        return write(self.tensors, self.operators, tuple(inputs), tuple(outputs), description="a test")


def imported(tflite: bytes, folder: Path) -> tuple[Imported, Graph]:
    path = folder / "model.tflite"
    path.write_bytes(tflite)
    found = import_model(path)
    return found, graph_of(found.text)


def network(tflite: bytes, folder: Path) -> QuantizedModel:
    found, graph = imported(tflite, folder)
    plan = plan_device(graph)
    (folder / found.weights_name).write_bytes(found.weights)
    return quantize_stored(plan, read_stored(folder / found.weights_name, graph, plan))


def interpreted(tflite: bytes, inputs: Sequence[NDArray[Any]], outputs: Sequence[int]) -> list[NDArray[Any]]:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed: the `train` extra has it")
    from netspec.tflite.interpreter import Interpreter

    interpreter = Interpreter(tflite)
    runs = [interpreter.run([each[i : i + 1] for each in inputs], list(outputs)) for i in range(len(inputs[0]))]
    return [np.stack([run[index].reshape(-1) for run in runs]) for index in range(len(outputs))]


def assert_equal_to_interpreter(file: File, inputs: Sequence[int], outputs: Sequence[int], folder: Path) -> Graph:
    """Assert that an import computes what the interpreter computes with the file; return its graph."""
    tflite = file.to_bytes(inputs, outputs)
    model = network(tflite, folder)
    generator = np.random.default_rng(1)
    given = [generator.integers(-128, 128, (_SAMPLES, *file.tensors[i].shape[1:]), np.int8) for i in inputs]
    ours = model.run({each.name: values for each, values in zip(model.plan.graph.inputs, given, strict=True)})
    theirs = interpreted(tflite, given, outputs)
    for output, expected in zip(model.plan.graph.outputs, theirs, strict=True):
        np.testing.assert_array_equal(ours[output.tensor].reshape(_SAMPLES, -1), expected)
    return graph_of(import_model(folder / "model.tflite").text)


def integers(*shape: int, seed: int = 0) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-127, 128, shape, np.int8)


# -------------------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
@pytest.mark.parametrize(("padding", "stride", "out"), [("SAME", 2, (5, 4)), ("SAME", 1, (9, 8)), ("VALID", 2, (4, 3))])
def test_convolution(tmp_path: Path, activation: str, padding: str, stride: int, out: tuple[int, int]) -> None:
    file = File()
    x = file.activation("x", (1, 9, 8, 3))
    kernel = file.constant("k", integers(5, 3, 3, 3), [0.01, 0.02, 0.005, 0.01, 0.03])
    bias = file.constant("b", np.arange(5, dtype=np.int32) * 300, [0.0005, 0.001, 0.00025, 0.0005, 0.0015])
    y = file.activation("stem", (1, *out, 5), 0.1, -128)
    window = {"stride_h": stride, "stride_w": stride, "padding": padding, "activation": activation}
    file.operator("CONV_2D", (x, kernel, bias), y, **window)
    graph = assert_equal_to_interpreter(file, [x], [y], tmp_path)
    assert [layer.name for layer in graph.layers] == ["stem"]


def test_a_convolution_with_one_scale_in_all_and_no_bias(tmp_path: Path) -> None:
    file = File()
    x, y = file.activation("x", (1, 6, 6, 2)), file.activation("y", (1, 4, 4, 4), 0.2, 0)
    kernel = file.constant("k", integers(4, 3, 3, 2), [0.01])
    file.operator("CONV_2D", (x, kernel), y, stride_h=1, stride_w=1, padding="VALID")
    assert_equal_to_interpreter(file, [x], [y], tmp_path)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_convolution(tmp_path: Path, multiplier: int) -> None:
    file, outputs = File(), 3 * multiplier
    x, y = file.activation("x", (1, 7, 7, 3)), file.activation("y", (1, 4, 4, outputs), 0.1, 5)
    kernel = file.constant("k", integers(1, 3, 3, outputs), [0.01 + 0.001 * i for i in range(outputs)], 3)
    bias = file.constant("b", np.arange(outputs, dtype=np.int32), [0.0005 + 0.00005 * i for i in range(outputs)])
    window = {"stride_h": 2, "stride_w": 2, "padding": "SAME", "depth_multiplier": multiplier}
    file.operator("DEPTHWISE_CONV_2D", (x, kernel, bias), y, **window)
    assert_equal_to_interpreter(file, [x], [y], tmp_path)


def test_dense_of_an_image(tmp_path: Path) -> None:
    """The operator takes all values of an image for one row; a spec says `flatten`."""
    file = File()
    x, y = file.activation("x", (1, 3, 3, 2)), file.activation("y", (1, 4), 0.1, 5)
    kernel = file.constant("k", integers(4, 18), [0.01])
    bias = file.constant("b", np.arange(4, dtype=np.int32), [0.0005])
    file.operator("FULLY_CONNECTED", (x, kernel, bias), y, activation="RELU")
    graph = assert_equal_to_interpreter(file, [x], [y], tmp_path)
    assert [layer.type for layer in graph.layers] == ["flatten", "dense"]


def test_dense_over_rows(tmp_path: Path) -> None:
    file = File()
    x, y = file.activation("x", (1, 5, 6)), file.activation("y", (1, 5, 4), 0.1, 5)
    kernel = file.constant("k", integers(4, 6), [0.01])
    file.operator("FULLY_CONNECTED", (x, kernel), y, keep_num_dims=True)
    graph = assert_equal_to_interpreter(file, [x], [y], tmp_path)
    assert [layer.type for layer in graph.layers] == ["dense"]


@pytest.mark.parametrize("scales", [[0.01, 0.02, 0.03, 0.004], [0.01, 0.01, 0.01, 0.01]])
def test_dense_with_a_scale_for_each_output(tmp_path: Path, scales: list[float]) -> None:
    file = File()
    x, y = file.activation("x", (1, 6)), file.activation("y", (1, 4), 0.1, 5)
    kernel = file.constant("k", integers(4, 6), scales)
    bias = file.constant("b", np.arange(4, dtype=np.int32) * 50, [0.05 * scale for scale in scales])
    file.operator("FULLY_CONNECTED", (x, kernel, bias), y, activation="RELU6")
    graph = assert_equal_to_interpreter(file, [x], [y], tmp_path)
    assert [layer.type for layer in graph.layers] == ["reshape", "conv2d", "flatten"]
    assert "a dense layer whose weights have a scale for each output is a 1x1 convolution here" in " ".join(
        graph.spec.document.text.replace("#", "").split()
    )


# ----------------------------------------------------------------------------------------------- the other operators


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
@pytest.mark.parametrize(("padding", "out"), [("SAME", 4), ("VALID", 3)])
def test_pools(tmp_path: Path, kind: str, activation: str, padding: str, out: int) -> None:
    file = File()
    x, y = file.activation("x", (1, 7, 7, 3)), file.activation("y", (1, out, out, 3))
    window = {"stride_h": 2, "stride_w": 2, "filter_h": 3, "filter_w": 3, "padding": padding}
    file.operator(kind, (x,), y, **window, activation=activation)
    assert_equal_to_interpreter(file, [x], [y], tmp_path)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(("shape", "axes"), [((1, 6, 5, 4), [1, 2]), ((1, 6, 5, 4), [-2, -3]), ((1, 6, 4), [1])])
def test_global_average(tmp_path: Path, keep: bool, shape: tuple[int, ...], axes: list[int]) -> None:
    file = File()
    x = file.activation("x", shape)
    reduced = (1, *([1] * (len(shape) - 2) if keep else []), shape[-1])
    y = file.activation("y", reduced, 0.04, -7)
    file.operator("MEAN", (x, file.constant("axes", np.array(axes, np.int32))), y, keep_dims=keep)
    graph = assert_equal_to_interpreter(file, [x], [y], tmp_path)
    assert graph.layers[0].type == f"global_average_pooling{len(shape) - 2}d"


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
def test_sum(tmp_path: Path, activation: str) -> None:
    file = File()
    a, b = file.activation("a", (1, 4, 3)), file.activation("b", (1, 4, 3), 0.11, -60)
    y = file.activation("y", (1, 4, 3), 0.13, -128)
    file.operator("ADD", (a, b), y, activation=activation)
    graph = assert_equal_to_interpreter(file, [a, b], [y], tmp_path)
    assert graph.layers[0].inputs == ("a", "b")


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_concatenation(tmp_path: Path, axis: int) -> None:
    file = File()
    a, b = file.activation("a", (1, 4, 3)), file.activation("b", (1, 4, 3))
    y = file.activation("y", (1, 8, 3) if axis == 1 else (1, 4, 6))
    file.operator("CONCATENATION", (a, b), y, axis=axis)
    assert_equal_to_interpreter(file, [a, b], [y], tmp_path)


def test_concatenation_behind_a_change_of_scale(tmp_path: Path) -> None:
    """Converters put QUANTIZE before a concatenation whose inputs have several scales."""
    file = File()
    a, b = file.activation("a", (1, 4, 3)), file.activation("b", (1, 4, 3), 0.02, 9)
    pooled = file.activation("t", (1, 4, 3), 1 / 128, 0)
    file.operator("TANH", (b,), pooled)
    scaled, y = file.activation("scaled", (1, 4, 3)), file.activation("y", (1, 4, 6))
    file.operator("QUANTIZE", (pooled,), scaled)
    file.operator("CONCATENATION", (a, scaled), y, axis=2)
    graph = assert_equal_to_interpreter(file, [a, b], [y], tmp_path)
    assert [layer.type for layer in graph.layers] == ["tanh", "rescaling", "concatenate"]


@pytest.mark.parametrize(("shape", "pads"), [((1, 5, 4, 3), [[0, 0], [1, 2], [0, 3], [0, 0]])])
def test_padding(tmp_path: Path, shape: tuple[int, ...], pads: list[list[int]]) -> None:
    file = File()
    x = file.activation("x", shape)
    y = file.activation("y", [size + sum(pair) for size, pair in zip(shape, pads, strict=True)])
    file.operator("PAD", (x, file.constant("pads", np.array(pads, np.int32))), y)
    assert_equal_to_interpreter(file, [x], [y], tmp_path)


def test_padding_before_a_convolution_is_folded(tmp_path: Path) -> None:
    file = File()
    x, padded = file.activation("x", (1, 5, 5, 2)), file.activation("p", (1, 8, 6, 2))
    pads = np.array([[0, 0], [1, 2], [1, 0], [0, 0]], np.int32)
    file.operator("PAD", (x, file.constant("pads", pads)), padded)
    kernel, y = file.constant("k", integers(3, 3, 3, 2), [0.01, 0.02, 0.03]), file.activation("y", (1, 3, 2, 3), 0.1)
    file.operator("CONV_2D", (padded, kernel), y, stride_h=2, stride_w=2, padding="VALID")
    graph = assert_equal_to_interpreter(file, [x], [y], tmp_path)
    assert len(plan_device(graph).graph.nodes) == 1


@pytest.mark.parametrize(
    ("kind", "scale", "zero_point", "options"),
    [
        ("SOFTMAX", 1 / 256, -128, {"beta": 1.0}),
        ("LOGISTIC", 1 / 256, -128, {}),
        ("TANH", 1 / 128, 0, {}),
        ("RELU", 0.04, -100, {}),
        ("RELU6", 0.05, 3, {}),
        ("QUANTIZE", 0.3, 11, {}),
    ],
)
def test_unary_operators(tmp_path: Path, kind: str, scale: float, zero_point: int, options: dict[str, Any]) -> None:
    file = File()
    x, here = file.activation("x", (1, 6, 3)), file.activation("here", (1, 6, 3))
    # Not straight after the input, where a change of scale would be the input's own.
    file.operator("RELU", (x,), here)
    y = file.activation("y", (1, 6, 3), scale, zero_point)
    file.operator(kind, (here,), y, **options)
    assert_equal_to_interpreter(file, [x], [y], tmp_path)


def test_views_are_no_ops(tmp_path: Path) -> None:
    file = File()
    x, flat = file.activation("x", (1, 4, 3)), file.activation("flat", (1, 12))
    back, y = file.activation("back", (1, 2, 6)), file.activation("y", (1, 2, 6), 1 / 128, 0)
    for source, target, shape in ((x, flat, [1, 12]), (flat, back, [1, 2, 6])):
        sizes = file.constant("shape", np.array(shape, np.int32))
        file.operator("RESHAPE", (source, sizes), target, new_shape=shape)
    file.operator("TANH", (back,), y)
    graph = assert_equal_to_interpreter(file, [x], [y], tmp_path)
    assert [layer.type for layer in graph.layers] == ["flatten", "reshape", "tanh"]


def test_a_reshape_without_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As converters of 2020 write it: the sizes stand in a tensor alone."""
    monkeypatch.setitem(OPERATORS, "RESHAPE", OPERATORS["RESHAPE"]._replace(options_type=0))
    file = File()
    x, flat = file.activation("x", (1, 4, 3)), file.activation("flat", (1, 12))
    y = file.activation("y", (1, 12), 1 / 128, 0)
    file.operator("RESHAPE", (x, file.constant("shape", np.array([-1, 12], np.int32))), flat, new_shape=[1, 12])
    file.operator("TANH", (flat,), y)
    root = Flatbuffer(file.to_bytes([x], [y]), b"TFL3").root()
    [graph] = root.tables(2, lambda table: table)
    assert graph.tables(3, lambda table: table)[0].table(4) is None
    found = assert_equal_to_interpreter(file, [x], [y], tmp_path)
    assert [layer.type for layer in found.layers] == ["flatten", "tanh"]


def test_float_ends_are_dropped_and_said(tmp_path: Path) -> None:
    file = File()
    x, inner = file.activation("x", (1, 6), dtype="float32"), file.activation("inner", (1, 6))
    file.operator("QUANTIZE", (x,), inner)
    kernel, hidden = file.constant("k", integers(4, 6), [0.01]), file.activation("hidden", (1, 4), 0.1, 5)
    file.operator("FULLY_CONNECTED", (inner, kernel), hidden)
    y = file.activation("y", (1, 4), dtype="float32")
    file.operator("DEQUANTIZE", (hidden,), y)
    tflite = file.to_bytes([x], [y])
    found, graph = imported(tflite, tmp_path)
    assert [layer.type for layer in graph.layers] == ["dense"]
    assert "Dropped: the QUANTIZE of x, which is float32 in the file" in " ".join(found.notes)
    model = network(tflite, tmp_path)
    assert (model.tensors["x"].scale, model.tensors["x"].zero_point) == (float(np.float32(0.05)), 3)
    floats = np.random.default_rng(3).normal(0, 3, (_SAMPLES, 6)).astype(np.float32)
    [theirs] = interpreted(tflite, [floats], [hidden])
    ours = model.run({"x": model.quantize_input("x", floats)})
    np.testing.assert_array_equal(ours[model.plan.graph.outputs[0].tensor], theirs)


# --------------------------------------------------------------------------------------------------- float models


@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_a_float_model_becomes_a_spec_with_float_weights(tmp_path: Path, weights: str) -> None:
    from netspec.train.weights import read_weights

    file = File()
    x, y = file.activation("x", (1, 6), dtype="float32"), file.activation("y", (1, 4), dtype="float32")
    values = np.random.default_rng(0).normal(0, 1, (4, 6)).astype(np.float32)
    kept = file.constant("k", values)
    if weights == "int8":
        kept = file.constant("k8", (values * 40).round().astype(np.int8), [1 / 40])
        values = (values * 40).round() / np.float32(40)
    bias = file.constant("b", np.arange(4, dtype=np.float32))
    file.operator("FULLY_CONNECTED", (x, kept, bias), y, activation="RELU")
    found, graph = imported(file.to_bytes([x], [y]), tmp_path)
    (tmp_path / found.weights_name).write_bytes(found.weights)
    read = read_weights(tmp_path / found.weights_name, graph)
    np.testing.assert_allclose(read["y", "kernel"], values.T, atol=1e-6)
    np.testing.assert_array_equal(read["y", "bias"], np.arange(4, dtype=np.float32))
    assert "a build chooses int8 scales of its own" in " ".join(found.notes)


# ------------------------------------------------------------------------------------------------------- refusals


def refusal(file: File, inputs: Sequence[int], outputs: Sequence[int], folder: Path) -> str:
    with pytest.raises(SpecError) as caught:
        imported(file.to_bytes(inputs, outputs), folder)
    return caught.value.diagnostics[0].message


def test_an_activation_that_netspec_would_fuse_is_refused(tmp_path: Path) -> None:
    file = File()
    x, here, y = (file.activation(name, (1, 6)) for name in ("x", "here", "y"))
    file.operator("FULLY_CONNECTED", (x, file.constant("k", integers(6, 6), [0.01])), here)
    file.operator("RELU", (here,), y)
    assert "stands apart in the file" in refusal(file, [x], [y], tmp_path)


def test_scales_that_an_operator_cannot_change_are_refused(tmp_path: Path) -> None:
    file = File()
    x, y = file.activation("x", (1, 6, 6, 2)), file.activation("y", (1, 3, 3, 2), 0.06)
    window = {"stride_h": 2, "stride_w": 2, "filter_h": 2, "filter_w": 2, "padding": "VALID"}
    file.operator("MAX_POOL_2D", (x,), y, **window)
    assert "has another scale for its output" in refusal(file, [x], [y], tmp_path)


def test_shapes_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    file = File()
    x, y = file.activation("x", (1, 6, 6, 2)), file.activation("y", (1, 9, 9, 4), 0.2, 0)
    file.operator(
        "CONV_2D", (x, file.constant("k", integers(4, 3, 3, 2), [0.01])), y, stride_h=1, stride_w=1, padding="VALID"
    )
    assert "writes tensor 1 'y' of shape [1, 9, 9, 4], its inputs give [1, 4, 4, 4]" in refusal(
        file, [x], [y], tmp_path
    )


# -------------------------------------------------------------------------------------------------- random networks


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(device_nets(max_layers=6))
def test_what_netspec_writes_comes_back(tmp_path: Path, text: str) -> None:
    """Import of a model.tflite of our own: the same integers, whatever the layers were."""
    graph, _, model = quantized(text)
    assert graph.layers
    tflite = TFLiteModel(model).to_bytes()
    again = network(tflite, tmp_path)
    generator = np.random.default_rng(0)
    given = {each.name: generator.integers(-128, 128, (3, *each.shape), np.int8) for each in model.plan.graph.inputs}
    one, two = model.run(given), again.run(given)
    for ours, theirs in zip(model.plan.graph.outputs, again.plan.graph.outputs, strict=True):
        np.testing.assert_array_equal(one[ours.tensor].reshape(3, -1), two[theirs.tensor].reshape(3, -1))
    assert check(parse(graph.spec.document.text, "spec.yaml")).graph.name == "random_net"
