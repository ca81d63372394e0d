"""Models as TensorFlow's converter makes them today: int8, 16 bit activations, float, float16, dynamic range."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netspec.device.plan import plan_device
from netspec.importers.imported import import_model
from netspec.importers.result import graph_of
from netspec.importers.tflite.reader import read_model
from netspec.quantize.stored import quantize_stored, read_stored

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: its converter makes these models")


@pytest.fixture(scope="module")
def trained() -> Any:
    """Return a small net with everything that the device has, and weights away from zero."""
    from netspec.train.backend import load_keras

    keras = load_keras()
    keras.utils.set_random_seed(4)
    layers = keras.layers
    image = keras.Input((12, 12, 2), name="image")
    stem = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="stem")(image)
    here = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(stem)
    here = layers.ReLU(max_value=6.0)(layers.BatchNormalization()(here))
    here = layers.Add()([here, stem])
    pooled = layers.MaxPooling2D(2)(here)
    side = layers.Conv2D(3, 1, activation="tanh")(pooled)
    here = layers.Concatenate()([layers.AveragePooling2D(2)(here), side])
    here = layers.Flatten()(layers.ZeroPadding2D(1)(here))
    here = layers.Dense(8, activation="relu", name="hidden")(here)
    return keras.Model(image, layers.Dense(5, activation="softmax", name="scores")(here), name="little")


def samples(count: int = 24) -> NDArray[np.float32]:
    return np.random.default_rng(6).normal(0, 1, (count, 12, 12, 2)).astype(np.float32)


def converted(model: Any, kind: str) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind.startswith("int"):
        converter.representative_dataset = lambda: ([row[None]] for row in samples())
        ops = tf.lite.OpsSet
        both = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [both if kind == "int16" else ops.TFLITE_BUILTINS_INT8]
    if kind == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    if kind == "int8_dense_per_tensor":
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(converter.convert())


@pytest.mark.parametrize("kind", ["int8", "int8_dense_per_tensor", "int8_float_ends"])
def test_an_int8_model_is_computed_as_the_interpreter_does(trained: Any, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed: the `train` extra has it")
    from netspec.tflite.interpreter import Interpreter

    tflite = converted(trained, kind)
    (tmp_path / "little.tflite").write_bytes(tflite)
    found = import_model(tmp_path / "little.tflite")
    assert {"stem", "hidden", "scores"} <= {layer.name for layer in graph_of(found.text).layers}
    graph = graph_of(found.text)
    plan = plan_device(graph)
    (tmp_path / found.weights_name).write_bytes(found.weights)
    model = quantize_stored(plan, read_stored(tmp_path / found.weights_name, graph, plan))
    integers = model.quantize_input("image", samples())
    file = read_model(tflite)
    given = {"int8": integers, "int8_float_ends": samples()}.get(
        kind, (integers.astype(np.int16) + 128).astype(np.uint8)
    )
    interpreter = Interpreter(tflite)
    # The last int8 tensor: what follows it in the file, to uint8 or float, is dropped by the import.
    last = file.outputs[0] if kind == "int8" else file.operators[-1].inputs[0]
    theirs = np.stack([interpreter.run([row[None]], [last])[0].reshape(-1) for row in given])
    ours = model.run({"image": integers})[plan.graph.outputs[0].tensor]
    np.testing.assert_array_equal(ours, theirs)
    assert ("Dropped: the QUANTIZE of image" in " ".join(found.notes)) == (kind != "int8")


@pytest.mark.parametrize(
    ("kind", "tolerance", "said"),
    [
        ("float", 1e-5, "a float model."),
        ("float16", 5e-3, "a float16 model."),
        ("dynamic", 5e-2, "a float model whose weights have 8 bits."),
        ("int16", 5e-2, "a model of 16 bit activations and 8 bit weights. The device computes with 8 bits"),
    ],
)
def test_other_models_become_float_specs(trained: Any, tmp_path: Path, kind: str, tolerance: float, said: str) -> None:
    """Their weights are floats, exact where the file's were; the batch norm is folded in the file and stays so."""
    from netspec.train.model import build_model
    from netspec.train.weights import read_weights, set_weights

    (tmp_path / "little.tflite").write_bytes(converted(trained, kind))
    found = import_model(tmp_path / "little.tflite")
    graph = graph_of(found.text)
    (tmp_path / found.weights_name).write_bytes(found.weights)
    model = build_model(graph)
    set_weights(model, read_weights(tmp_path / found.weights_name, graph))
    ours, theirs = model.predict(samples(), verbose=0), trained.predict(samples(), verbose=0)
    assert np.abs(ours - theirs).max() <= tolerance
    assert f"Imported from little.tflite, {said}" in found.notes[0]
    assert "a build chooses int8 scales of its own" in found.notes[0]
    assert said in " ".join(found.text.replace("#", "").split())


def test_the_weights_of_a_model_of_16_bit_activations_are_those_that_its_integers_stand_for(
    trained: Any, tmp_path: Path
) -> None:
    """Each kernel is a whole number of steps of its channel's scale, and the bias of its 64 bits."""
    tflite = converted(trained, "int16")
    (tmp_path / "little.tflite").write_bytes(tflite)
    found = import_model(tmp_path / "little.tflite")
    file = read_model(tflite)
    assert {file.tensors[index].dtype for each in file.operators for index in each.outputs} >= {"int16"}
    with np.load(io.BytesIO(found.weights)) as arrays:
        kernel, bias = arrays["stem/kernel"], arrays["stem/bias"]
    operator = next(each for each in file.operators if each.kind == "CONV_2D")
    weights, biases = file.tensors[operator.inputs[1]], file.tensors[operator.inputs[2]]
    assert (weights.dtype, biases.dtype) == ("int8", "int64")
    integers = np.frombuffer(weights.data or b"", np.int8).reshape(weights.shape).transpose(1, 2, 3, 0)
    np.testing.assert_array_equal(kernel, (integers * np.array(weights.scales, np.float64)).astype(np.float32))
    steps = np.frombuffer(biases.data or b"", "<i8")
    np.testing.assert_array_equal(bias, (steps * np.array(biases.scales, np.float64)).astype(np.float32))
