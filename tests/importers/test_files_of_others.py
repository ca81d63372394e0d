"""Files that other tools write, older ones among them: what a reader must take, and what is malformed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netspec.device.plan import plan_device
from netspec.diagnostics import SpecError
from netspec.importers.faults import MalformedModel, ModelFault
from netspec.importers.imported import import_model, spec_of_tflite
from netspec.importers.keras.importer import spec_of_config
from netspec.importers.result import graph_of
from netspec.quantize.stored import read_stored, write_stored
from netspec.train.weights import read_weights
from tests.importers.keras_models import functional, imported_graph, layer, write_h5
from tests.importers.shared_cases import shared_case
from tests.importers.test_tflite_operators import File, assert_equal_to_interpreter, integers
from tests.importers.weights_files import GRAPH, PLAN
from tests.importers.weights_files import integers as write_integers

Arrays = Mapping[tuple[str, str], NDArray[np.float32]]


# ------------------------------------------------------------------------------------------------------------ .tflite


@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 1, 1, 3)])
def test_the_quantized_dimension_of_a_bias_may_be_its_kernel_s(
    tmp_path: Path, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in TensorFlow Lite Micro's person_detect; no interpreter reads it."""
    monkeypatch.setattr("netspec.tflite.writer._check_tensor", lambda tensor: None)  # our writer refuses it
    file = File()
    x, y = file.activation("x", (1, 4, 4, 3)), file.activation("y", (1, 4, 4, 3), 0.1, 0)
    kernel = file.constant("k", integers(1, 3, 3, 3), [0.01, 0.02, 0.03], 3)
    bias = file.constant("b", np.arange(3, dtype=np.int32).reshape(shape) * 50, [0.0005, 0.001, 0.0015], 3)
    window = {"stride_h": 1, "stride_w": 1, "padding": "SAME", "depth_multiplier": 1}
    file.operator("DEPTHWISE_CONV_2D", (x, kernel, bias), y, **window)
    if len(shape) == 1:
        assert_equal_to_interpreter(file, [x], [y], tmp_path)
    else:
        spec_of_tflite(file.to_bytes([x], [y]), "model.tflite")


@pytest.mark.parametrize("strides", [(2, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_depthwise_strides_may_differ(tmp_path: Path, strides: tuple[int, int], padding: str) -> None:
    file = File()
    sizes = (9, 8)
    out = [-(-(size if padding == "SAME" else size - 2) // stride) for size, stride in zip(sizes, strides, strict=True)]
    x, y = file.activation("x", (1, *sizes, 3)), file.activation("y", (1, *out, 3), 0.1, 5)
    kernel = file.constant("k", integers(1, 3, 3, 3), [0.01, 0.02, 0.03], 3)
    window = {"stride_h": strides[0], "stride_w": strides[1], "padding": padding, "depth_multiplier": 1}
    file.operator("DEPTHWISE_CONV_2D", (x, kernel), y, **window)
    graph = assert_equal_to_interpreter(file, [x], [y], tmp_path)
    assert graph.layers[0].layer.keras(graph.layers[0].input_shapes)[-1].config["strides"] == list(strides)


def test_the_shared_case_of_unequal_strides_is_imported() -> None:
    found = import_model(shared_case("05-import-unequal-strides/m.tflite"))
    assert "strides: [2, 1]" in found.text
    assert plan_device(graph_of(found.text)).graph.nodes


_UNEQUAL = "netspec: 1\nname: net\ninputs: {x: {shape: [8, 8, 3]}}\nlayers:\n  - %s\n"


@pytest.mark.parametrize(
    "item",
    [
        "depthwise_conv2d: {kernel_size: 3, strides: [2, 1]}",
        "separable_conv2d: {filters: 2, kernel_size: 3, strides: [1, 2]}",
    ],
)
def test_what_trains_still_needs_equal_strides(item: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.graph import build_graph
    from netspec.spec.source import parse
    from netspec.spec.spec import read

    text = _UNEQUAL % item
    train = "train: {data: {npz: d.npz}, loss: mse}\nweights: w.npz\n"
    for refused in (text, text + train):
        with pytest.raises(SpecError, match="differ, and TensorFlow's"):
            build_graph(read(parse(refused, "net.yaml")))
    graph = build_graph(read(parse(text + "weights: w.npz\n", "net.yaml")))
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: floats need it")
    from netspec.train.model import require_trainable

    monkeypatch.setattr("netspec.train.model._computes", lambda layer: True)  # as with oneDNN
    require_trainable(graph)
    monkeypatch.setattr("netspec.train.model._computes", lambda layer: False)
    with pytest.raises(SpecError, match="differ, and TensorFlow's") as caught:
        require_trainable(graph)
    [found] = caught.value.diagnostics
    assert (found.span.line, found.help) == (5, "import the int8 .tflite of the model, or use `strides: 2`")


@pytest.mark.parametrize(("scales", "biases"), [((0.01,), 3), ((0.01,), 5), ((0.01, 0.02, 0.03, 0.04), 1)])
def test_dense_biases_are_counted(scales: tuple[float, ...], biases: int) -> None:
    file = File()
    x, y = file.activation("x", (1, 6)), file.activation("y", (1, 4), 0.1, 5)
    bias = file.constant("b", np.zeros(biases, np.int32), [0.0005])
    file.operator("FULLY_CONNECTED", (x, file.constant("k", integers(4, 6), scales), bias), y)
    with pytest.raises(MalformedModel, match=f"has {biases} biases for 4 outputs"):
        spec_of_tflite(file.to_bytes([x], [y]), "model.tflite")


def test_a_kernel_without_inputs_is_malformed() -> None:
    """The weights of the operator are what another one computes, and have no values."""
    file = File()
    x, empty = file.activation("x", (1, 6)), file.activation("empty", (4, 0), 1 / 128, 0)
    file.operator("TANH", (x,), empty)
    file.operator("FULLY_CONNECTED", (x, empty), file.activation("y", (1, 4), 0.1, 5))
    with pytest.raises(ModelFault):
        spec_of_tflite(file.to_bytes([x], [2]), "model.tflite")


def test_a_constant_of_open_sizes_is_malformed() -> None:
    file = File()
    x, y = file.activation("x", (1, 6)), file.activation("y", (1, 1), 0.1, 5)
    kernel = file.constant("k", integers(1, 1), [0.01])
    file.operator("FULLY_CONNECTED", (x, kernel), y)
    file.tensors[kernel] = replace(file.tensors[kernel], shape=(-1, -1))
    with pytest.raises(MalformedModel, match="bytes of data"):
        spec_of_tflite(file.to_bytes([x], [y]), "model.tflite")


def test_the_shared_case_of_one_byte_is_malformed() -> None:
    with pytest.raises(SpecError, match="has 128 biases for 640 outputs") as caught:
        import_model(shared_case("27-one-byte/bad1min.tflite"))
    assert caught.value.diagnostics[0].rule == "malformed-model"


# ----------------------------------------------------------------------------------------------------- integers in npz


@pytest.mark.parametrize("count", [2, 3])
def test_scales_of_a_weights_file_are_counted(tmp_path: Path, count: int) -> None:
    """A dense layer has one scale in all; a file may say otherwise."""
    path = tmp_path / "net.npz"
    write_integers(path)
    stored = read_stored(path, GRAPH, PLAN)
    scales = dict(stored.weight_scales) | {("dense", "kernel"): (0.5,) * count}
    path.write_bytes(write_stored(type(stored)(stored.arrays, scales, stored.tensors)))
    with pytest.raises(SpecError, match=f"'dense/kernel.scales' has {count} scales in net.npz for 2 outputs"):
        read_stored(path, GRAPH, PLAN)


def test_integers_of_a_layer_that_has_none(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    write_integers(path)
    graph = graph_of(GRAPH.spec.document.text.replace("[{dense", "[batch_normalization, {dense"))
    with pytest.raises(SpecError, match="batch_normalization has a gamma, which imported integers do not have"):
        read_stored(path, graph, plan_device(graph))


# -------------------------------------------------------------------------------------------------------------- Keras


def _image(name: str = "x") -> dict[str, Any]:
    return layer("InputLayer", name, batch_input_shape=[None, 8, 8, 1])


@pytest.mark.parametrize("number", [1, 1.0, 0, True, False])
def test_truth_values_may_be_numbers(number: float) -> None:
    """Keras keeps what it is given: `use_bias=1` is in the file as 1."""

    def text(value: float | bool) -> str:
        config = functional(
            [
                _image(),
                layer("Conv2D", "conv", "x", filters=2, kernel_size=3, use_bias=value),
                layer("BatchNormalization", "norm", "conv", axis=[3], scale=value, center=value),
                layer("GlobalAveragePooling2D", "pool", "norm", keepdims=value),
                layer("Reshape", "rows", "pool", target_shape=[2, 1]),
                layer("GRU", "gru", "rows", units=3, return_sequences=value, reset_after=value),
                layer("Rescaling", "scaled", "gru", scale=1, offset=0),
            ],
            ["x"],
            ["scaled"],
        )
        return spec_of_config(json.dumps(config).encode(), "model.h5")

    assert text(number) == text(bool(number))


@pytest.mark.parametrize("name", ["bn_scale1", "bias1"])
def test_the_shared_cases_of_numbers_are_imported(tmp_path: Path, name: str) -> None:
    graph, weights = imported_graph(shared_case(f"22-keras-files/{name}.h5"), tmp_path)
    assert sum(array.size for array in weights.values()) == graph.parameters == {"bn_scale1": 28, "bias1": 20}[name]


@pytest.mark.parametrize("class_name", ["Dropout", "ReLU", "ZeroPadding2D"])
def test_a_name_of_a_padding_makes_none(class_name: str) -> None:
    """A convolution `conv` after a `conv_pad` of netspec's own is one layer; the name alone decides nothing."""
    rate = {"rate": 0.5} if class_name == "Dropout" else {}
    layers = [_image(), layer(class_name, "conv_pad", "x", **rate)]
    layers.append(layer("Conv2D", "conv", "conv_pad", filters=1, kernel_size=3, padding="valid"))
    text = spec_of_config(json.dumps(functional(layers, ["x"], ["conv"])).encode(), "model.h5")
    assert ("padding: 1" in text) == (class_name == "ZeroPadding2D")


def _nested(inner: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a model that holds a model `inner` of convolutions with these names, each reading the named one before."""
    layers = [_image("inside")]
    layers += [layer("Conv2D", name, reads, filters=1, kernel_size=1) for name, reads in inner]
    held = functional(layers, ["inside"], [inner[-1][0]])
    held = {**held, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]]]}
    held["config"]["name"] = "inner"
    return functional([_image(), held], ["x"], ["inner"])


@pytest.mark.parametrize("before", ["", "inner/"])
def test_names_with_slashes_inside_of_a_model(tmp_path: Path, before: str) -> None:
    """Each layer gets its own arrays, also where one name is a part of another."""
    names = ["block/conv", "conv", "block", "block/conv/1x1"]
    config = _nested(list(zip(names, ["inside", *names], strict=False)))
    arrays: dict[str, NDArray[np.float32]] = {}
    for number, name in enumerate(names):
        arrays[f"{before}{name}/kernel:0"] = np.full((1, 1, 1, 1), number, np.float32)
        arrays[f"{before}{name}/bias:0"] = np.full(1, number + 0.5, np.float32)
    path = write_h5(tmp_path / "net.h5", config, {"inner": arrays})
    graph, weights = imported_graph(path, tmp_path)
    found = [
        (float(weights[each.name, "kernel"].item()), float(weights[each.name, "bias"][0])) for each in graph.layers
    ]
    assert found == [(number, number + 0.5) for number in range(len(names))]


def test_the_shared_case_of_slashes_is_imported(tmp_path: Path) -> None:
    import h5py

    path = shared_case("22-keras-files/slash_nested.h5")
    graph, weights = imported_graph(path, tmp_path)
    with h5py.File(path) as file:
        group = file["model_weights/inner/layer1/conv"]
        for name in ("kernel", "bias"):
            np.testing.assert_array_equal(weights[graph.layers[0].name, name], group[f"{name}:0"])


def test_arrays_read_from_the_import_are_floats(tmp_path: Path) -> None:
    found = import_model(shared_case("22-keras-files/leaky.keras"))
    graph = graph_of(found.text)
    (tmp_path / found.weights_name).write_bytes(found.weights)
    assert set(read_weights(tmp_path / found.weights_name, graph))
