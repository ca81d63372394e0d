"""Layers over one to three spatial axes are Keras' over all of their arguments; and their lengths are PyTorch's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import prod
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from netspec.device.graph import lower
from netspec.diagnostics import SpecError
from netspec.layers import LAYERS
from netspec.train.backend import load_keras
from tests.property.test_keras_equality import (
    ANY_SHAPE,
    SMALL,
    Case,
    amounts,
    global_pooling,
    keras_facts,
    keras_name,
    optional,
    our_facts,
    per_axis,
    shapes_of,
    window,
    with_shape,
)
from tests.specs import make_graph


def conv3d() -> st.SearchStrategy[Case]:
    required = {"filters": SMALL, "kernel_size": per_axis(3, st.integers(1, 3))}
    keys = window(3, groups=st.sampled_from([1, 1, 2, 3]))
    apart = [{name: value for name, value in keys.items() if name != other} for other in ("strides", "dilation_rate")]
    return with_shape(st.one_of(*(optional(required, some) for some in (keys, *apart))), shapes(3))


def pooling3d(**required: Any) -> st.SearchStrategy[Case]:
    keys = {
        "pool_size": per_axis(3, st.integers(1, 4)),
        "strides": per_axis(3, SMALL),
        "padding": st.sampled_from(["valid", "same"]),
    }
    return with_shape(optional(required, keys), shapes(3))


def conv_transpose(rank: int) -> st.SearchStrategy[Case]:
    required = {"filters": SMALL, "kernel_size": per_axis(rank, SMALL)}
    keys = window(
        rank,
        output_padding=st.one_of(st.none(), per_axis(rank, st.integers(0, 2))),
        padding=st.sampled_from(["valid", "valid", "same", "same", "causal"]),
    )
    return with_shape(optional(required, keys), shapes(rank))


def shapes(rank: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Inputs of `rank` spatial axes, short where there are three, now and then of a rank that does not fit."""
    volume = st.tuples(*[st.integers(1, 6)] * 3, SMALL)
    return st.one_of(volume, volume, volume, shapes_of(3)) if rank == 3 else shapes_of(rank)


def borders(rank: int, key: str) -> st.SearchStrategy[Case]:
    """Keras' forms: a number, one or a pair an axis; along one axis a pair is the whole value."""
    side = st.integers(0, 3)
    pair = st.lists(side, min_size=2, max_size=2)
    items = st.lists(side if rank == 1 else st.one_of(side, pair), min_size=1, max_size=4)
    return with_shape(optional({}, {key: st.one_of(side, items, amounts(rank) if rank > 1 else pair)}), shapes(rank))


def up_sampling(rank: int, **others: Any) -> st.SearchStrategy[Case]:
    size = st.integers(1, 4) if rank == 1 else per_axis(rank, st.integers(1, 4))
    return with_shape(optional({}, {"size": size, **others}), shapes(rank))


def noise(key: str, most: float, shape: st.SearchStrategy[tuple[int, ...]]) -> st.SearchStrategy[Case]:
    within = st.floats(0, most)
    strength = st.one_of(within, within, within, st.floats(-1, -0.01), st.floats(1.01, 2))
    return with_shape(optional({key: strength}, {"seed": st.integers(0, 9)}), shape)


@st.composite
def permutations(draw: Callable[[Any], Any]) -> Case:
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple))
    axes = list(range(1, len(shape) + 1))
    dims = draw(st.one_of(st.permutations(axes), st.lists(st.integers(-1, 4), max_size=4)))
    return {"dims": list(dims)}, [shape]


STRATEGIES: dict[str, st.SearchStrategy[Case]] = {
    "conv3d": conv3d(),
    "conv1d_transpose": conv_transpose(1),
    "conv2d_transpose": conv_transpose(2),
    "depthwise_conv1d": with_shape(
        optional({"kernel_size": per_axis(1, SMALL)}, window(1, depth_multiplier=SMALL)), shapes(1)
    ),
    "max_pooling3d": pooling3d(),
    "average_pooling3d": st.one_of(pooling3d(), pooling3d(pool_size=per_axis(3, SMALL))),
    "global_average_pooling3d": global_pooling(3),
    "global_max_pooling3d": global_pooling(3),
    "zero_padding1d": borders(1, "padding"),
    "zero_padding2d": borders(2, "padding"),
    "zero_padding3d": borders(3, "padding"),
    "cropping1d": borders(1, "cropping"),
    "cropping2d": borders(2, "cropping"),
    "cropping3d": borders(3, "cropping"),
    "up_sampling1d": up_sampling(1),
    "up_sampling2d": up_sampling(
        2, interpolation=st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area", "cubic"])
    ),
    "up_sampling3d": up_sampling(3),
    "spatial_dropout1d": noise("rate", 0.99, shapes(1)),
    "spatial_dropout2d": noise("rate", 0.99, shapes(2)),
    "gaussian_noise": noise("stddev", 1, ANY_SHAPE),
    "permute": permutations(),
    "repeat_vector": with_shape(
        optional({"n": st.integers(-1, 5)}, {}), st.one_of(st.tuples(st.integers(1, 5)), ANY_SHAPE)
    ),
}


@pytest.mark.parametrize("layer_type", STRATEGIES)
def test_a_layer_is_what_keras_makes_of_its_keys(layer_type: str) -> None:
    windowed = "conv" in layer_type or "pooling" in layer_type

    @settings(max_examples=300 if windowed else 80, suppress_health_check=list(HealthCheck))
    @given(STRATEGIES[layer_type])
    def compare(case: Case) -> None:
        keys, inputs = case
        ours, reason = our_facts(layer_type, keys, inputs)
        theirs, keras_reason = keras_facts(layer_type, keys, inputs)
        assert ours == theirs, (reason, keras_reason)

    compare()


# Signatures.


SPATIAL = [name for name in LAYERS if name in STRATEGIES or "conv" in name or "pooling" in name]


@pytest.mark.parametrize("layer_type", SPATIAL)
def test_arguments_and_defaults_are_those_of_keras(layer_type: str) -> None:
    keras_class = getattr(load_keras().layers, keras_name(layer_type))
    theirs = inspect.signature(keras_class.__init__).parameters
    fields = LAYERS[layer_type].model_fields
    # One layout is the language's; every layer takes a name; the rest are arguments of Keras' base class.
    ignored = {"self", "kwargs", "data_format", "name", "dtype"}
    assert set(theirs) - ignored == set(fields) - {"name", "from_", "trainable"}
    shape = (7,) * rank_of(layer_type) + (6,)
    required = {key: example(layer_type, key) for key, field in fields.items() if field.is_required()}
    (layer,) = make_graph([{layer_type: required}], shape).layers
    asked = layer.layer.keras(layer.input_shapes)[-1]
    plain, full = keras_class(**required).get_config(), keras_class(**asked.config).get_config()
    assert without_name(full) == without_name(plain)


def rank_of(layer_type: str) -> int:
    """Return the digit in a type's name, the number of its spatial axes, or 0."""
    return int(next((letter for letter in layer_type if letter.isdigit()), "0"))


def example(layer_type: str, key: str) -> Any:
    if layer_type == "permute":
        return [1]
    return {"rate": 0.5, "stddev": 0.5}.get(key, 3)


def without_name(config: dict[str, Any]) -> dict[str, Any]:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in config.items() if key != "name"}


# Lengths as PyTorch's documentation of Conv1d gives them.


@settings(max_examples=200)
@given(
    length=st.integers(1, 200),
    kernel=st.integers(1, 12),
    stride=st.integers(1, 5),
    padding=st.integers(0, 8),
    dilation=st.integers(1, 5),
)
def test_integer_padding_gives_the_length_of_pytorch(
    length: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    assume(stride == 1 or dilation == 1)  # PyTorch allows both, Keras does not
    expected = (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    keys = {
        "filters": 2,
        "kernel_size": kernel,
        "strides": stride,
        "padding": padding,
        "dilation_rate": dilation,
    }
    facts, reason = our_facts("conv1d", keys, [(length, 3)])
    if expected < 1:
        assert facts is None
        assert "does not fit the input" in reason
    else:
        assert facts is not None, reason
        assert facts.output == (expected, 2)


# Multiply-accumulates.


@pytest.mark.parametrize(
    ("layer_type", "keys", "shape", "macs"),
    [
        ("conv3d", {"filters": 6, "kernel_size": [1, 2, 3], "groups": 2}, (4, 5, 6, 4), 4 * 4 * 4 * 6 * 2 * 6),
        ("conv3d", {"filters": 6, "kernel_size": 2, "padding": "same", "strides": 2}, (4, 5, 6, 4), 18 * 8 * 4 * 6),
        ("depthwise_conv1d", {"kernel_size": 3, "depth_multiplier": 2}, (10, 4), 8 * 3 * 4 * 2),
        ("conv1d_transpose", {"filters": 6, "kernel_size": 3, "strides": 2}, (10, 4), 10 * 3 * 4 * 6),
        ("conv2d_transpose", {"filters": 6, "kernel_size": [3, 2], "padding": "same"}, (5, 4, 3), 20 * 3 * 2 * 3 * 6),
        ("max_pooling3d", {}, (4, 5, 6, 4), 0),
        ("up_sampling2d", {"interpolation": "bilinear"}, (4, 5, 6), 0),
    ],
)
def test_multiply_accumulates(layer_type: str, keys: dict[str, Any], shape: tuple[int, ...], macs: int) -> None:
    assert make_graph([{layer_type: keys}], shape).macs == macs


@settings(max_examples=60)
@given(st.tuples(st.integers(1, 8), st.integers(1, 8), SMALL), st.integers(1, 4), st.integers(1, 3), SMALL)
def test_a_transposed_convolution_costs_what_the_convolution_back_costs(
    shape: tuple[int, int, int], kernel: int, stride: int, filters: int
) -> None:
    keys = {"kernel_size": kernel, "strides": stride}
    there = make_graph([{"conv2d_transpose": {"filters": filters, **keys}}], shape)
    back = make_graph([{"conv2d": {"filters": shape[-1], **keys}}], there.layers[0].output_shape)
    assert back.layers[0].output_shape == shape
    assert back.macs == there.macs


# The device.

ON_DEVICE: dict[str, list[dict[str, Any]]] = {
    "depthwise_conv1d": [{"kernel_size": 3}, {"kernel_size": 3, "padding": "same", "strides": 2, "dilation_rate": 2}],
    "spatial_dropout1d": [{"rate": 0.5}],
    "spatial_dropout2d": [{"rate": 0.5}],
    "gaussian_noise": [{"stddev": 0.5}],
    "zero_padding1d": [{}],
    "zero_padding2d": [{}],
    "permute": [{"dims": [1]}],
    "repeat_vector": [{"n": 1}],
}
"""Keys with which a type runs on the device. The others, and these two with other keys, have no int8 kernel."""


@pytest.mark.parametrize("layer_type", [*(set(STRATEGIES) - set(ON_DEVICE)), "permute", "repeat_vector"])
def test_what_has_no_int8_kernel_is_refused_with_a_remedy(layer_type: str) -> None:
    shape = (7,) * (2 if layer_type == "permute" else rank_of(layer_type)) + (6,)
    required = {
        key: [2, 1, 3] if layer_type == "permute" else 2
        for key, field in LAYERS[layer_type].model_fields.items()
        if field.is_required()
    }
    graph = make_graph([{layer_type: {**required, "name": "odd"}}], shape)
    with pytest.raises(SpecError) as caught:
        lower(graph)
    (fault,) = caught.value.diagnostics
    assert fault.rule == "unsupported-on-device"
    assert fault.message.startswith("odd ")
    assert fault.help


@pytest.mark.parametrize("layer_type", ["spatial_dropout1d", "spatial_dropout2d", "gaussian_noise"])
def test_noise_costs_nothing_on_the_device(layer_type: str) -> None:
    shape = (7, 6) if layer_type.endswith("1d") else (7, 5, 6)
    graph = make_graph([{layer_type: ON_DEVICE[layer_type][0]}, "relu"], shape)
    assert [node.layer for node in lower(graph).nodes] == ["relu"]


@pytest.mark.parametrize("keys", ON_DEVICE["depthwise_conv1d"])
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


def test_a_permute_of_axes_of_size_one_is_a_view() -> None:
    (node,) = lower(make_graph([{"permute": {"dims": [3, 1, 2]}}], (9, 4, 1))).nodes
    assert type(node.op).__name__ == "View"
    assert prod(node.op.output_shape) == 36
    assert node.op.output_shape == (1, 9, 4)
