"""A model with several faults: one run reports them all, each with its tensor or layer, and nothing that follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.diagnostics import Diagnostic, SpecError, render_text
from netspec.importers.faults import MOST_FAULTS, ModelFault
from netspec.importers.imported import import_model
from netspec.importers.keras.importer import spec_of_config
from netspec.importers.tflite.importer import translate
from netspec.importers.tflite.reader import FileModel, FileOperator, FileTensor
from tests.importers.keras_models import functional, layer, write_h5
from tests.importers.test_tflite_operators import File, integers

_WINDOW = {"stride_h": 1, "stride_w": 1, "padding": "SAME"}


def refusals(file: File, inputs: list[int], outputs: list[int], folder: Path) -> tuple[Diagnostic, ...]:
    path = folder / "model.tflite"
    path.write_bytes(file.to_bytes(inputs, outputs))
    with pytest.raises(SpecError) as caught:
        import_model(path)
    return caught.value.diagnostics


# --------------------------------------------------------------------------------------------------------- .tflite


def test_faults_of_several_operators_are_reported_together(tmp_path: Path) -> None:
    """A fused activation, weights with a zero point, an output of two scales, a pooling that changes the scale."""
    file = File()
    image = [file.activation(name, (1, 6, 6, 4)) for name in ("x", "tanh", "shifted", "split", "pooled", "y")]
    x, tanh, shifted, split, pooled, y = image
    file.operator(
        "CONV_2D", (x, file.constant("k1", integers(4, 3, 3, 4), [0.01])), tanh, **_WINDOW, activation="RELU_N1_TO_1"
    )
    kernel = file.constant("k2", integers(4, 3, 3, 4), [0.01])
    file.tensors[kernel] = _replaced(file, kernel, zero_points=(3,))
    file.operator("CONV_2D", (tanh, kernel), shifted, **_WINDOW)
    file.tensors[split] = _replaced(file, split, scales=(0.5,) * 4, zero_points=(0,) * 4, quantized_dimension=3)
    file.operator("CONV_2D", (shifted, file.constant("k3", integers(4, 3, 3, 4), [0.01])), split, **_WINDOW)
    file.tensors[pooled] = _replaced(file, pooled, scales=(0.25,))
    file.operator("CONV_2D", (split, file.constant("k4", integers(4, 3, 3, 4), [0.01])), pooled, **_WINDOW)
    file.operator("MAX_POOL_2D", (pooled,), y, **_WINDOW, filter_h=2, filter_w=2)
    assert [each.message for each in refusals(file, [x], [y], tmp_path)] == [
        "operator 0, CONV_2D, has the fused activation RELU_N1_TO_1, which no layer has; it writes tensor 1 'tanh'",
        "operator 1, CONV_2D, has weights with a zero point, tensor 7 'k2'",
        "operator 2, CONV_2D, has tensor 3 'split' of type int8, int8 with one scale is expected",
        "operator 4, MAX_POOL_2D, has another scale for its output than for tensor 4 'pooled'",
    ]


def test_several_faults_of_one_operator_are_reported_together(tmp_path: Path) -> None:
    file = File()
    x, y = file.activation("x", (1, 6, 6, 4)), file.activation("y", (1, 6, 6, 4))
    kernel = file.constant("k", integers(4, 3, 3, 4), [0.01])
    file.tensors[kernel] = _replaced(file, kernel, zero_points=(3,))
    bias = file.constant("b", np.zeros(4, np.float32))
    file.operator("CONV_2D", (x, kernel, bias), y, **_WINDOW, activation="RELU_N1_TO_1")
    found = [each.message for each in refusals(file, [x], [y], tmp_path)]
    assert [message.split(", ")[2].split(" ")[1:4] for message in found] == [
        ["weights", "with", "a"],
        ["other", "weights", "than"],
        ["the", "fused", "activation"],
    ]


def _replaced(file: File, index: int, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(file.tensors[index], **changes)


def test_what_reads_a_refused_operator_is_looked_at_with_the_shape_of_the_file(tmp_path: Path) -> None:
    """The pooling's window is too large for what the refused convolution before it writes."""
    file = File()
    x, here, y = (
        file.activation(name, shape) for name, shape in (("x", (1, 6, 6, 4)), ("h", (1, 3, 3, 4)), ("y", (1, 1, 1, 4)))
    )
    grouped = file.constant("k", integers(4, 3, 3, 2), [0.01])
    file.operator("CONV_2D", (x, grouped), here, stride_h=2, stride_w=2, padding="SAME")
    file.operator("AVERAGE_POOL_2D", (here,), y, stride_h=1, stride_w=1, filter_h=4, filter_w=3, padding="VALID")
    one, two = refusals(file, [x], [y], tmp_path)
    assert one.message == (
        "operator 0, CONV_2D, is grouped, and netspec has no int8 kernel for grouped convolutions yet; "
        "it writes tensor 1 'h'"
    )
    assert two.message.startswith("operator 1, AVERAGE_POOL_2D: ")
    assert two.message.endswith("; it writes tensor 2 'y'")


def model_of(kinds: list[str], **changes: Any) -> FileModel:
    """Return a chain of operators of these kinds, each of one input and output of four int8."""
    tensors = tuple(
        FileTensor(
            index, f"t{index}", (1, 4), (1, 4), "int8", (0.5,), (0,), 0, None, index in changes.get("states", ())
        )
        for index in range(len(kinds) + 1 + len(changes.get("states", ())))
    )
    operators = tuple(
        FileOperator(index, kind, (index, *changes.get("reads", {}).get(index, ())), (index + 1,), {})
        for index, kind in enumerate(kinds)
    )
    return FileModel(tensors, operators, (0,), (len(kinds),), {}, {}, changes.get("subgraphs", 1))


def faults(model: FileModel) -> tuple[Diagnostic, ...]:
    with pytest.raises(ModelFault) as caught:
        translate(model, "m.tflite")
    return caught.value.at("m.tflite").diagnostics


def test_every_unknown_operator_is_reported_with_its_tensor() -> None:
    kinds = ["RELU", "UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF", "CUSTOM 'ethos-u'", "READ_VARIABLE", "EXP", "FLOOR"]
    found = faults(model_of(kinds))
    assert [each.message for each in found] == [
        f"operator {index}, {kind}, has no counterpart on the device; it writes tensor {index + 1} 't{index + 1}'"
        for index, kind in list(enumerate(kinds))[1:]
    ]
    for each, word in zip(found, ("conv1d", "state", "Vela", "state", "netspec imports ADD"), strict=False):
        assert word in str(each.help)
    assert found[-1].help is None, "the kinds that netspec imports are listed once"


def test_a_state_is_explained_by_its_operator_or_reported_itself() -> None:
    """An SVDF has a variable for its state; without such an operator the variable is the fault."""
    [found] = faults(model_of(["RELU", "SVDF"], states=[3], reads={1: [3]}))
    assert found.message.startswith("operator 1, SVDF, has no counterpart")
    [found] = faults(model_of(["RELU", "ADD"], states=[3], reads={1: [3]}))
    assert found.message == "tensor 3 't3' is a variable: state between runs cannot be imported"


def test_subgraphs_are_explained_by_the_operators_that_run_them() -> None:
    found = faults(model_of(["WHILE", "CALL_ONCE"], subgraphs=3))
    assert ["conv1d" in str(found[0].help), "state" in str(found[1].help), len(found)] == [True, True, 2]
    [only] = faults(model_of(["RELU"], subgraphs=3))
    assert only.message == "the model has 3 subgraphs, netspec imports models of one"


def test_more_than_twenty_faults_are_counted() -> None:
    found = faults(model_of(["EXP"] * 50))
    assert len(found) == MOST_FAULTS == 20
    assert "note: and 30 more faults of this file" in render_text(found, {})
    assert render_text(found, {}).index("operator 2,") < render_text(found, {}).index("operator 10,")


def test_activations_that_stand_apart_are_reported_together(tmp_path: Path) -> None:
    file = File()
    tensors = [file.activation(name, (1, 6)) for name in ("x", "a", "b", "c", "d")]
    for index in (0, 2):
        kernel = file.constant(f"k{index}", integers(6, 6), [0.01])
        file.operator("FULLY_CONNECTED", (tensors[index], kernel), tensors[index + 1])
        file.operator("RELU", (tensors[index + 1],), tensors[index + 2])
    found = refusals(file, [tensors[0]], [tensors[4]], tmp_path)
    assert [each.message.partition(" stands")[0] for each in found] == [
        "operator 0, FULLY_CONNECTED",
        "operator 2, FULLY_CONNECTED",
    ]


def test_operators_that_would_run_otherwise_are_reported_together(tmp_path: Path) -> None:
    """A softmax has a scale of its own in a spec, so netspec requantizes it where the file joins it as it is."""
    file = File()
    shapes = {"x": 6, "softmax": 6, "relu": 6, "joined": 12, "dense": 6, "again": 6, "y": 12}
    names = {name: file.activation(name, (1, count), 1 / 256, -128) for name, count in shapes.items()}
    x, softmax, relu, joined, dense, again, y = names.values()
    file.operator("SOFTMAX", (x,), softmax, beta=1.0)
    file.operator("RELU", (x,), relu)
    file.operator("CONCATENATION", (softmax, relu), joined, axis=1)
    file.operator("FULLY_CONNECTED", (joined, file.constant("w", integers(6, 12), [0.01])), dense)
    file.operator("SOFTMAX", (dense,), again, beta=1.0)
    file.operator("CONCATENATION", (again, dense), y, axis=1)
    assert [each.message for each in refusals(file, [x], [y], tmp_path)] == [
        "operator 2, CONCATENATION, would run as concatenate of joined_input1, relu",
        "operator 5, CONCATENATION, would run as concatenate of y_input1, dense",
    ]


def test_layers_whose_integers_no_kernel_takes_are_reported_together(tmp_path: Path) -> None:
    file = File()
    shapes = {"x": (1, 6), "a": (1, 6), "y": (1, 6)}
    x, a, y = (file.activation(name, shape) for name, shape in shapes.items())
    for index, (source, target) in enumerate(((x, a), (a, y))):
        bias = file.constant(f"b{index}", np.full(6, -(2**31), np.int32))
        kernel = file.constant(f"k{index}", np.full((6, 6), -128, np.int8), [0.01])
        file.operator("FULLY_CONNECTED", (source, kernel, bias), target)
    found = [each.message for each in refusals(file, [x], [y], tmp_path)]
    assert ["cannot run with the integers" in message for message in found] == [True, True]


# ------------------------------------------------------------------------------------------------- .keras and .h5


def chain(*layers: dict[str, Any]) -> dict[str, Any]:
    x = layer("InputLayer", "x", batch_input_shape=[None, 8, 8, 3])
    return functional([x, *layers], ["x"], [layers[-1]["name"]])


def keras_faults(config: dict[str, Any], folder: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        import_model(write_h5(folder / "model.h5", config, {}))
    return [each.message for each in caught.value.diagnostics]


def test_faults_of_several_keras_layers_are_reported_together(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="h5py is not installed: it reads Keras files")
    config = chain(
        layer("Conv2D", "stem", "x", filters=4, kernel_size=[3, 3], data_format="channels_first", secret=7),
        layer("Lambda", "trick", "stem", function=["4wEAAAA", None, None]),
        layer("Conv2D", "fine", "trick", filters=4, kernel_size=[3, 3], activation="relu"),
        layer("Dense", "head", "fine", units=-2, use_bias="maybe"),
        layer("TFOpLambda", "odd", "head", function="math.pow"),
        layer("Activation", "last", "odd", activation={"class_name": "function", "config": "mine"}),
    )
    assert [message.partition(", which is code")[0] for message in keras_faults(config, tmp_path)] == [
        "layer 'stem' (Conv2D) has data_format 'channels_first'; netspec computes channels last",
        "layer 'stem' (Conv2D) has secret '7', for which a spec has no key",
        "layer 'trick' (Lambda) holds code, which netspec does not execute",
        "layer 'head' (Dense) cannot be written as dense: use_bias input should be a valid boolean, not 'maybe'",
        "layer 'head' (Dense) cannot be written as dense: units input should be greater than or equal to 1, not '-2'",
        "layer 'odd' (TFOpLambda) is the operation 'math.pow', for which netspec has no layer",
        "layer 'last' (Activation) has the activation 'mine'",
    ]


def test_layers_that_are_called_twice_are_reported_with_the_others(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="h5py is not installed: it reads Keras files")
    twice = {**layer("Flatten", "flat", "x"), "inbound_nodes": [[["x", 0, 0, {}]], [["x", 0, 0, {}]]]}
    config = chain(twice, layer("Attention2", "mine", "flat"), layer("Flatten", "out", "mine"))
    one, two = keras_faults(config, tmp_path)
    assert one.startswith("layer 'flat' is called 2 times")
    assert two.startswith("layer 'mine' (Attention2) is a layer that netspec does not have")


def test_a_sequential_config_alone_reports_all_too() -> None:
    config = (
        '{"class_name": "Sequential", "config": {"name": "m", "layers": ['
        '{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [null, null, 4]}},'
        '{"class_name": "Mine", "config": {"name": "a"}},'
        '{"class_name": "Dense", "config": {"name": "b", "units": 0}}]}}'
    )
    with pytest.raises(ModelFault) as caught:
        spec_of_config(config.encode(), "m.json")
    messages = [each.message for each in caught.value.at("m.json").diagnostics]
    assert [message.partition(")")[0] for message in messages] == [
        "layer 'x' (InputLayer",
        "layer 'a' (Mine",
        "layer 'b' (Dense",
    ]
