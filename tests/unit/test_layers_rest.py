"""Recurrent layers, wrappers and the others that are no windows: costs, files, defaults, freezing, the device."""

from __future__ import annotations

import inspect
import itertools
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from netspec.device.plan import plan_device
from netspec.diagnostics import SpecError
from netspec.layers import LAYERS
from netspec.layers._types import KERAS_CLASSES, ActivationName
from netspec.ops import Mean, Pool2D, Rescale
from netspec.train.backend import load_keras
from netspec.train.checkpoint import identity
from netspec.train.model import build_model
from netspec.train.weights import Weights, get_weights, read_weights, save_model, set_weights
from tests.specs import make_graph

keras = load_keras()

# Every new kind of weight, held once and twice, with masks, and with the operations that Keras puts in for them.
NET = make_graph(
    [
        {"embedding": {"name": "words", "input_dim": 9, "output_dim": 4, "mask_zero": True}},
        {"bidirectional": {"layer": {"lstm": {"units": 3, "return_sequences": True, "dropout": 0.2}}}},
        {"bidirectional": {"layer": {"gru": {"units": 2, "return_sequences": True}}, "merge_mode": "ave"}},
        {"time_distributed": {"layer": {"dense": {"units": 4, "trainable": False}}}},
        {"time_distributed": {"layer": {"batch_normalization": {}}, "trainable": False}},
        {"layer_normalization": {"axis": [1, -1]}},
        {"gru": {"name": "zz", "units": 2, "reset_after": False, "return_sequences": True}},
        {"prelu": {"shared_axes": 1}},
        {"gelu": {"approximate": True}},
        {"simple_rnn": {"units": 2, "return_sequences": True, "recurrent_dropout": 0.1}},
        {"lstm": {"name": "aa", "units": 2, "return_sequences": True, "trainable": False}},
        {"normalization": {"mean": [1, 2], "variance": [1, 4]}},
        {"reshape": {"target_shape": [3, 2, 2]}},
        {"time_distributed": {"layer": {"bidirectional": {"layer": {"gru": {"units": 2, "return_sequences": True}}}}}},
        {"time_distributed": {"layer": {"conv1d": {"filters": 3, "kernel_size": 2, "padding": 1}}}},
        {"reduce": {"op": "sum", "axis": 2}},
        {"reduce": {"op": "max", "axis": -1}},
    ],
    [6],
    dtype="int32",
)


def random_weights(seed: int = 0) -> Weights:
    rng = np.random.default_rng(seed)
    return {
        (layer.name, weight.name): rng.uniform(0.1, 1, weight.shape).astype(np.float32)
        for layer in NET.layers
        for weight in layer.weights
    }


def trained_net() -> Any:
    model = build_model(NET)
    set_weights(model, random_weights())
    return model


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        ({"lstm": {"units": 256}}, [100, 256], 100 * 4 * 512 * 256),
        ({"gru": {"units": 5, "reset_after": False}}, [7, 3], 7 * 3 * 8 * 5),
        ({"simple_rnn": {"units": 5, "return_sequences": True}}, [7, 3], 7 * 8 * 5),
        ({"bidirectional": {"layer": {"gru": {"units": 5}}}}, [7, 3], 2 * 7 * 3 * 8 * 5),
        ({"time_distributed": {"layer": {"dense": {"units": 5}}}}, [7, 3], 7 * 3 * 5),
        ({"embedding": {"input_dim": 10, "output_dim": 4}}, [7], 0),
        ({"layer_normalization": {}}, [7, 3], 0),
        ({"reduce": {"op": "sum"}}, [7, 3], 0),
    ],
)
def test_multiply_accumulates(layer: dict[str, Any], shape: list[int], macs: int) -> None:
    assert make_graph([layer], shape).macs == macs


def test_multiply_accumulates_of_dot() -> None:
    graph = make_graph([{"dot": {"axes": [2, 1], "from": ["a", "b"]}}], {"a": [5, 3], "b": [3, 4]})
    assert graph.macs == 5 * 4 * 3


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5", " by Keras.keras"])
def test_weights_of_nested_layers_there_and_back(tmp_path: Path, suffix: str) -> None:
    path, model = tmp_path / f"net{suffix}", trained_net()
    if suffix == ".keras":
        save_model(model, path)
    elif suffix == ".weights.h5":
        model.save_weights(path)
    else:
        model.save(path)
    read, weights = read_weights(path, NET), random_weights()
    assert list(read) == list(weights) == list(get_weights(model, NET))
    for key, array in weights.items():
        np.testing.assert_array_equal(read[key], array, err_msg=str(key))


def test_equal_models_are_equal_files_that_plain_keras_loads(tmp_path: Path) -> None:
    """Keras numbers operations and held layers through the process; the second model must not show it."""
    model = trained_net()
    save_model(model, tmp_path / "one.keras")
    save_model(trained_net(), tmp_path / "two.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
    loaded = keras.models.load_model(tmp_path / "one.keras")
    ids = np.random.default_rng(1).integers(0, 9, (3, 6), np.int32)
    assert np.isfinite(loaded(ids)).all()
    np.testing.assert_array_equal(loaded(ids), model(ids))


@pytest.mark.parametrize(
    "layer",
    [
        {"lstm": {"units": 1, "trainable": False}},
        {"bidirectional": {"layer": {"lstm": {"units": 1}}, "trainable": False}},
        {"time_distributed": {"layer": {"dense": {"units": 1}}, "trainable": False}},
        {"time_distributed": {"layer": {"bidirectional": {"layer": {"gru": {"units": 1}}}}, "trainable": False}},
        {"time_distributed": {"layer": {"bidirectional": {"layer": {"gru": {"units": 1}}, "trainable": False}}}},
    ],
)
def test_frozen_wrappers_freeze_what_they_hold(layer: dict[str, Any]) -> None:
    shape = [2, 2, 2] if "bidirectional" in str(layer.get("time_distributed")) else [2, 2]
    graph = make_graph([layer], shape)
    assert graph.parameters > graph.trainable_parameters == 0
    assert build_model(graph).trainable_variables == []


def test_another_held_layer_is_another_training() -> None:
    train = {"data": {"npz": "data.npz"}, "loss": "mse"}
    digests = [
        identity(make_graph([{"bidirectional": {"layer": {held: {"units": 2}}}}], [2, 2], train=train), "")["layers"]
        for held in ("lstm", "gru")
    ]
    assert digests[0] != digests[1]


def test_every_activation_without_weights_is_a_name_that_keras_knows() -> None:
    names = get_args(ActivationName)
    assert all(callable(keras.activations.get(name)) for name in names)
    own = {name for name in LAYERS if LAYERS[name].__module__ == "netspec.layers.activations"}
    assert set(names) - {"linear", "relu6"} == own


SIGNATURES = {
    "embedding": "Embedding", "lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN",
    "bidirectional": "Bidirectional", "time_distributed": "TimeDistributed",
    "layer_normalization": "LayerNormalization", "normalization": "Normalization", "leaky_relu": "LeakyReLU",
    "prelu": "PReLU", "elu": "ELU", "dot": "Dot",
}  # fmt: skip
# Arguments of Keras that are no keys: what a spec cannot hold, or does not need.
NOT_KEYS = {
    "embedding": {"weights", "lora_rank", "lora_alpha", "quantization_config"},
    "lstm": {"use_cudnn"},
    "gru": {"use_cudnn"},
    "simple_rnn": {"activity_regularizer"},
    "bidirectional": {"weights", "backward_layer"},
}
ALIASES = {"uniform": "RandomUniform"}


@pytest.mark.parametrize("layer_type", SIGNATURES)
def test_keys_and_defaults_are_those_of_keras(layer_type: str) -> None:
    parameters = inspect.signature(getattr(keras.layers, SIGNATURES[layer_type])).parameters.values()
    theirs = {each.name: each.default for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD}
    ours = {key: field for key, field in LAYERS[layer_type].model_fields.items() if key not in ("name", "from_")}
    assert set(ours) - {"trainable"} == set(theirs) - NOT_KEYS.get(layer_type, set())
    for key, field in ours.items():
        if key == "trainable":
            assert field.default is True
        elif field.is_required():  # normalization's constants: without them Keras' class has weights
            assert theirs[key] in (inspect.Parameter.empty, None)
        elif key.endswith("_initializer"):
            wanted = keras.initializers.get(ALIASES.get(theirs[key], theirs[key]))
            assert (KERAS_CLASSES[field.default[0]], field.default[1]) == (type(wanted).__name__, ())
        else:
            assert field.default == theirs[key], key


MERGES = ("add", "subtract", "multiply", "average", "maximum", "minimum")
UNSUPPORTED: list[tuple[dict[str, Any], list[int]]] = [
    ({"embedding": {"input_dim": 9, "output_dim": 2}}, [3]),
    ({"lstm": {"units": 2}}, [3, 2]),
    ({"gru": {"units": 2}}, [3, 2]),
    ({"simple_rnn": {"units": 2}}, [3, 2]),
    ({"bidirectional": {"layer": {"gru": {"units": 2}}}}, [3, 2]),
    ({"time_distributed": {"layer": {"dense": {"units": 2}}}}, [3, 2]),
    ({"layer_normalization": {}}, [3, 2]),
    *[({name: {}}, [3, 2]) for name in ("leaky_relu", "prelu", "elu", "selu", "gelu", "silu")],
    *[({name: {}}, [3, 2]) for name in ("hard_sigmoid", "hard_swish", "softplus")],
    *[({name: {"from": ["x", "x"]}}, [3, 2]) for name in MERGES if getattr(LAYERS[name], "kind", None) is None],
    ({"dot": {"axes": -1, "from": ["x", "x"]}}, [3, 2]),
    ({"reduce": {"op": "sum"}}, [3, 2]),
    ({"reduce": {"op": "mean"}}, [3, 2]),
    ({"dense": {"units": 2, "activation": "gelu"}}, [3]),
]


@pytest.mark.parametrize(("layer", "shape"), UNSUPPORTED, ids=lambda value: str(value)[:40])
def test_what_has_no_int8_kernel_is_refused_with_a_remedy(layer: dict[str, Any], shape: list[int]) -> None:
    graph = make_graph([layer], shape)
    with pytest.raises(SpecError) as caught:
        plan_device(graph, "cortex-m4")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.rule == "unsupported-on-device"
    assert diagnostic.help


@pytest.mark.parametrize(("keys", "scale", "offset"), [({}, 0.5, -0.25), ({"invert": True}, 2.0, 0.5)])
def test_normalization_by_one_number_is_a_rescaling(keys: dict[str, Any], scale: float, offset: float) -> None:
    graph = make_graph([{"normalization": {"mean": 0.5, "variance": 4, **keys}}], [3, 2])
    assert graph.layers[0].layer.ops(((3, 2),), "it") == (Rescale((3, 2), scale, offset),)
    answer = build_model(graph)(np.ones((1, 3, 2), np.float32))
    np.testing.assert_array_equal(answer, np.full((1, 3, 2), scale + offset, np.float32))


@pytest.mark.parametrize(
    ("shape", "axis", "keepdims"),
    [*itertools.product([[6, 5, 2]], [[1, 2], [-2, -3]], [True, False]), ([5, 2], 1, False), ([5, 2], [-2], True)],
)
def test_reducing_all_but_the_channels_is_global_pooling(shape: list[int], axis: Any, keepdims: bool) -> None:
    for op, kind in (("mean", "average"), ("max", "max")):
        reduced = make_graph([{"reduce": {"op": op, "axis": axis, "keepdims": keepdims}}], shape)
        pooled = make_graph([{f"global_{kind}_pooling{len(shape) - 1}d": {"keepdims": keepdims}}], shape)
        (one,), (other,) = ([node.op for node in plan_device(graph, None).graph.nodes] for graph in (reduced, pooled))
        assert isinstance(one, Mean | Pool2D)
        assert one == other
