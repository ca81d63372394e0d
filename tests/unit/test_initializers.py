"""Initializers that Keras refuses for the rank of a weight: `check` refuses the same, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from netspec.layers import LAYERS
from netspec.layers._types import INITIALIZER_RANKS, INITIALIZERS, KERAS_CLASSES
from netspec.layers.base import LayerError

SHAPES = [(4,), (4, 6), (3, 4, 6), (3, 3, 4, 6), (3, 3, 3, 4, 6)]


@pytest.mark.parametrize("name", INITIALIZERS)
def test_ranks_are_those_of_keras(name: str) -> None:
    initializers = pytest.importorskip("keras").initializers
    config: dict[str, Any] = {"value": 0.0} if name == "constant" else {}
    least, most = INITIALIZER_RANKS.get(name, (0, None))
    for shape in SHAPES:
        made = initializers.get({"class_name": KERAS_CLASSES[name], "config": config})
        try:
            made(shape)
            taken = True
        except ValueError:
            taken = False
        assert taken == (least <= len(shape) <= (most or len(shape))), shape


LAYERS_WITH_WEIGHTS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("dense", {"units": 3}, (5,)),
    ("conv1d", {"filters": 3, "kernel_size": 3}, (8, 2)),
    ("conv2d", {"filters": 3, "kernel_size": 3}, (8, 8, 2)),
    ("conv3d", {"filters": 3, "kernel_size": 3}, (8, 8, 8, 2)),
    ("conv2d_transpose", {"filters": 3, "kernel_size": 3}, (8, 8, 2)),
    ("depthwise_conv2d", {"kernel_size": 3}, (8, 8, 2)),
    ("separable_conv2d", {"filters": 3, "kernel_size": 3}, (8, 8, 2)),
    ("embedding", {"input_dim": 9, "output_dim": 3}, (5,)),
    ("lstm", {"units": 3}, (5, 2)),
    ("gru", {"units": 3}, (5, 2)),
    ("gru", {"units": 3, "reset_after": False}, (5, 2)),
    ("simple_rnn", {"units": 3}, (5, 2)),
    ("batch_normalization", {}, (5, 2)),
    ("layer_normalization", {}, (5, 2)),
    ("prelu", {}, (5, 2)),
    ("prelu", {}, (5,)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("layer_type", "keys", "shape"), LAYERS_WITH_WEIGHTS)
@pytest.mark.parametrize("initializer", ["identity", "orthogonal", "he_normal"])
def test_a_layer_is_refused_as_keras_refuses_it(
    layer_type: str, keys: dict[str, Any], shape: tuple[int, ...], initializer: str
) -> None:
    keras = pytest.importorskip("keras")
    for key in (name for name in LAYERS[layer_type].keys if name.endswith("_initializer")):
        layer = LAYERS[layer_type].model_validate(keys | {key: initializer})
        (call,) = layer.keras((shape,))
        try:
            getattr(keras.layers, call.class_name)(**call.config).build((None, *shape))
            taken = True
        except ValueError:
            taken = False
        try:
            layer.check_initializers((shape,))
            ours = True
        except LayerError:
            ours = False
        assert ours == taken, key
