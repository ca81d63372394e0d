"""What spatial layers become on the device: int8 ops, nothing, or a refusal with a remedy."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

from netspec.device.lowering import lower
from netspec.device.plan import plan_device
from netspec.diagnostics import SpecError
from netspec.layers import LAYERS
from netspec.quantize.calibration import prove_folding
from netspec.quantize.quantize import weight_lookup
from netspec.train.model import build_model
from netspec.train.weights import get_weights
from tests.specs import make_graph

NEEDS = {"filters": 2, "kernel_size": 2, "pool_size": 2, "dims": [2, 1, 3], "n": 2}
DEPTHWISE = [
    {"kernel_size": 3},
    {"kernel_size": 4, "padding": "same", "strides": 3, "depth_multiplier": 2},
    {"kernel_size": 3, "padding": [[3, 1]], "dilation_rate": 2, "activation": "relu"},
    {"kernel_size": 2, "padding": "same", "strides": 2, "dilation_rate": 3},
]


@pytest.mark.parametrize(
    ("layer_type", "shape"),
    [
        *((name, (7, 7, 7, 6)) for name in LAYERS if name.endswith("3d")),
        ("conv1d_transpose", (7, 6)),
        ("conv2d_transpose", (7, 7, 6)),
        ("cropping1d", (7, 6)),
        ("cropping2d", (7, 7, 6)),
        ("up_sampling1d", (7, 6)),
        ("up_sampling2d", (7, 7, 6)),
        ("permute", (7, 7, 6)),
        ("repeat_vector", (6,)),
    ],
)
def test_what_has_no_int8_kernel_is_refused_with_a_remedy(layer_type: str, shape: tuple[int, ...]) -> None:
    required = {key: NEEDS[key] for key, field in LAYERS[layer_type].model_fields.items() if field.is_required()}
    graph = make_graph([{layer_type: {**required, "name": "odd"}}], shape)
    with pytest.raises(SpecError) as caught:
        lower(graph)
    (fault,) = caught.value.diagnostics
    assert fault.rule == "unsupported-on-device"
    assert fault.message.startswith("odd ")
    assert fault.help


@pytest.mark.parametrize(
    ("noise", "shape"),
    [
        ({"spatial_dropout1d": {"rate": 0.5}}, (7, 6)),
        ({"spatial_dropout2d": {"rate": 0.5}}, (7, 5, 6)),
        ({"gaussian_noise": {"stddev": 0.5}}, (6,)),
    ],
)
def test_noise_costs_nothing_on_the_device(noise: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert [node.layer for node in lower(make_graph([noise, "relu"], shape)).nodes] == ["relu"]


@pytest.mark.parametrize("keys", [DEPTHWISE[0], DEPTHWISE[3]])
def test_depthwise_conv1d_is_a_depthwise_conv2d_of_height_one(keys: dict[str, Any]) -> None:
    wide = {key: value if isinstance(value, str) else [1, value] for key, value in keys.items()}
    wide["strides"] = keys.get("strides", 1)  # TensorFlow's 2-D kernel takes equal strides only; height 1 has one row
    (row,) = lower(make_graph([{"depthwise_conv1d": {"name": "d", **keys}}], (11, 4))).nodes
    (image,) = lower(make_graph([{"depthwise_conv2d": {"name": "d", **wide}}], (1, 11, 4))).nodes
    for fact in ("input_shape", "kernel_size", "dilation", "padding", "depth_multiplier", "bias"):
        assert getattr(row.op, fact) == getattr(image.op, fact), fact
    assert row.op.strides[1] == image.op.strides[1]
    assert (1, *row.op.output_shape) == image.op.output_shape
    assert (1, *row.op.kernel.shape) == image.op.kernel.shape


@pytest.mark.parametrize("keys", DEPTHWISE)
def test_the_device_computes_depthwise_conv1d_as_keras_does(keys: dict[str, Any]) -> None:
    layers = [
        {"gaussian_noise": {"stddev": 0.5}},
        {"spatial_dropout1d": {"rate": 0.5}},
        {"depthwise_conv1d": {**keys, "bias_initializer": {"random_normal": {"stddev": 1.0}}}},
        "flatten",
        {"repeat_vector": {"n": 1}},
    ]
    graph = make_graph(layers, (11, 4))
    model = build_model(graph)
    samples = {"x": np.random.default_rng(0).normal(size=(4, 11, 4)).astype(np.float32)}
    prove_folding(graph, plan_device(graph).graph, model, weight_lookup(get_weights(model, graph)), samples)


def test_a_permute_of_axes_of_size_one_is_a_view() -> None:
    (node,) = lower(make_graph([{"permute": {"dims": [3, 1, 2]}}], (9, 4, 1))).nodes
    assert type(node.op).__name__ == "View"
    assert prod(node.op.output_shape) == 36
    assert node.op.output_shape == (1, 9, 4)
