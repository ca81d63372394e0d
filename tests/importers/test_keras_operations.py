"""Operations in functional models: the layer that each is where it is exactly one, and a refusal where it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.importers.faults import ModelFault
from netspec.importers.keras.importer import spec_of_config
from tests.importers.keras_models import functional, layer, rebuilt_outputs


def operation(function: str, name: str, first: Any, /, **keywords: Any) -> dict[str, Any]:
    """Return a TFOpLambda as Keras 2 files it; `first` is a layer, a list of layers, or a number."""
    if isinstance(first, list):
        node: Any = [[each, 0, 0, keywords] for each in first]
    else:
        node = [first, 0, 0, keywords] if isinstance(first, str) else ["_CONSTANT_VALUE", -1, first, keywords]
    config = {"name": name, "trainable": True, "dtype": "float32", "function": function}
    return {"class_name": "TFOpLambda", "name": name, "config": config, "inbound_nodes": [node]}


def text_of(layers: list[dict[str, Any]]) -> str:
    """Return what is written of layers after two branches `a` and `b` of (4, 4, 3)."""
    before = [
        layer("InputLayer", "x", batch_input_shape=[None, 4, 4, 3]),
        layer("Conv2D", "a", "x", filters=3, kernel_size=1),
        layer("Conv2D", "b", "x", filters=3, kernel_size=1),
    ]
    config = functional([*before, *layers], ["x"], [layers[-1]["name"]])
    return spec_of_config(json.dumps(config).encode(), "model.h5").partition("layers:\n")[2]


_B = ["b", 0, 0]
_HEAD = (
    "  - conv2d: {name: a, filters: 3, kernel_size: 1}\n  - conv2d: {name: b, from: x, filters: 3, kernel_size: 1}\n"
)


@pytest.mark.parametrize(
    ("found", "item"),
    [
        (operation("__operators__.add", "tf.__operators__.add", "a", y=_B, name=None), "add: {from: [a, b]}"),
        (operation("math.add", "tf.math.add", "a", y=_B), "add: {from: [a, b]}"),
        (operation("math.add_n", "tf.math.add_n", ["a", "b", "a"]), "add: {from: [a, b, a]}"),
        (operation("math.subtract", "tf.math.subtract_7", "a", y=_B), "subtract: {from: [a, b]}"),
        (operation("math.multiply", "tf.math.multiply", "a", y=_B), "multiply: {from: [a, b]}"),
        (operation("math.maximum", "tf.math.maximum", "a", y=_B), "maximum: {from: [a, b]}"),
        (operation("math.minimum", "tf.math.minimum", "a", y=_B), "minimum: {from: [a, b]}"),
        (operation("concat", "tf.concat", ["a", "b"], axis=-1), "concatenate: {from: [a, b]}"),
        (operation("math.multiply", "tf.math.multiply", "b", y=0.5), "rescaling: {scale: 0.5}"),
        (operation("math.truediv", "tf.math.truediv", "b", y=4), "rescaling: {scale: 0.25}"),
        (operation("math.subtract", "tf.math.subtract", "b", y=0.2), "rescaling: {scale: 1.0, offset: -0.2}"),
        (operation("math.subtract", "tf.math.subtract", 1.0, y=_B), "rescaling: {scale: -1.0, offset: 1.0}"),
        (operation("math.maximum", "tf.math.maximum", "b", y=0), "relu"),
        (operation("nn.relu", "tf.nn.relu", "b", name=None), "relu"),
        (operation("nn.relu6", "tf.nn.relu6", "b"), "relu: {max_value: 6.0}"),
        (operation("math.sigmoid", "tf.math.sigmoid", "b"), "sigmoid"),
        (operation("nn.softmax", "tf.nn.softmax", "b", axis=-1), "softmax"),
        (operation("nn.leaky_relu", "tf.nn.leaky_relu", "b", alpha=0.1), "leaky_relu: {negative_slope: 0.1}"),
        (operation("math.reduce_mean", "tf.math.reduce_mean", "b", axis=[1, 2]), "reduce: {op: mean, axis: [1, 2]}"),
        (operation("reshape", "tf.reshape", "b", shape=[-1, 48]), "reshape: {target_shape: [48]}"),
        (operation("expand_dims", "tf.expand_dims", "b", axis=-1), "reshape: {target_shape: [4, 4, 3, 1]}"),
        (operation("compat.v1.transpose", "tf.t", "b", perm=[0, 2, 1, 3]), "permute: {dims: [2, 1, 3]}"),
        (operation("nn.relu", "chosen", "b"), "relu: {name: chosen}"),
    ],
)  # fmt: skip
def test_an_operation_is_the_layer_that_it_is(found: dict[str, Any], item: str) -> None:
    text = text_of([found])
    assert text.startswith(_HEAD)
    written = text.removeprefix(_HEAD)
    assert written == f"  - {item}\n" or written == f"  - {item.replace('{', '{from: b, ')}\n"


def test_an_operation_that_does_nothing_is_dropped() -> None:
    text = text_of([operation("identity", "tf.identity", "b"), layer("ReLU", "re_lu", "tf.identity")])
    assert text == f"{_HEAD}  - relu\n"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (operation("math.add", "tf.math.add", "a", y=[1.0, 2.0, 3.0]), "with the constant '.1.0, 2.0, 3.0.'"),
        (operation("math.pow", "tf.math.pow", "a", y=2), "is the operation 'math.pow', for which"),
        (operation("math.truediv", "tf.math.truediv", 1.0, y=_B), "is divide with the number 1"),
        (operation("math.truediv", "tf.math.truediv", "a", y=0), "is divide with the number 0"),
        (operation("math.truediv", "tf.math.truediv", "a", y=_B), "for which netspec has no layer"),
        (operation("reshape", "tf.reshape", "a", shape=[2, -1]), "and the batch with it"),
        (operation("compat.v1.transpose", "t", "a", perm=[3, 0, 1, 2]), "moves the batch"),
        (operation("linalg.matmul", "tf.linalg.matmul", "a", b=_B), "for which netspec has no layer"),
        (operation("nn.softmax", "s", "a", odd=3), "has the argument 'odd=3'"),
        (operation("math.multiply", "m", "a", y=10**400), "which is no number"),
        (operation("math.add", "m", "a", y="a tensor"), "which is no number"),
        (operation("concat", "c", "a", values=[1.0]), "of which not all are tensors"),
        (operation("nn.relu", "r", 3.0, y=_B), "netspec has no layer"),
    ],
)
def test_what_is_no_layer_is_refused(found: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFault, match=message):
        text_of([found])


def test_operations_of_keras_3_compute_what_keras_computes(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: this test compares with Keras")
    from netspec.train.backend import load_keras

    keras = load_keras()
    layers, ops = keras.layers, keras.ops
    x = keras.Input((4, 4, 3), name="x")
    a, b = layers.Conv2D(3, 1)(x), layers.Conv2D(3, 1)(x)
    here = ops.maximum(ops.relu(1.0 - ((a + b) * 0.5 + 1.0)), a)
    here = ops.concatenate([here, b], axis=-1)
    here = ops.sigmoid(ops.mean(here, axis=(1, 2)))
    here = ops.softmax(ops.reshape(here, (-1, 2, 3))) / 2.0 - ops.tanh(ops.reshape(here, (-1, 2, 3)))
    original = keras.Model(x, ops.transpose(here, (0, 2, 1)))
    original.save(tmp_path / "net.keras")
    inputs = np.random.default_rng(0).normal(0, 1, (4, 4, 4, 3)).astype(np.float32)
    ours = rebuilt_outputs(tmp_path / "net.keras", tmp_path, inputs)
    np.testing.assert_allclose(ours, original.predict(inputs, verbose=0), atol=1e-6)


def test_a_shared_layer_is_refused_with_all_its_uses() -> None:
    twin = layer("Dense", "encoder", units=2)
    twin["inbound_nodes"] = [[["left", 0, 0, {}]], [["right", 0, 0, {}]]]
    config = functional(
        [
            layer("InputLayer", "left", batch_input_shape=[None, 4]),
            layer("InputLayer", "right", batch_input_shape=[None, 4]),
            twin,
            layer("Add", "sum", ["encoder", "encoder"]),
        ],
        ["left", "right"],
        ["sum"],
    )
    with pytest.raises(ModelFault, match="layer 'encoder' is called 2 times, on 'left', 'right', and a spec's"):
        spec_of_config(json.dumps(config).encode(), "model.h5")
