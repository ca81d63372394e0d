"""Layers over one to three spatial axes are Keras' over all of their arguments; and their lengths are PyTorch's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

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


def pooling3d(*, needs_size: bool) -> st.SearchStrategy[Case]:
    size = {"pool_size": per_axis(3, SMALL)}
    others = {"strides": per_axis(3, SMALL), "padding": st.sampled_from(["valid", "same"])}
    with_size, without = optional(size, others), optional({}, others)
    return with_shape(st.one_of(with_size, with_size, with_size if needs_size else without, without), shapes(3))


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
    """A strength within the bounds or past them; `most` is below 1 for a rate, of which we refuse 1: it drops all."""
    strength = st.floats(-0.2, 1.2).filter(lambda value: value <= most or value > 1)
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
    "max_pooling3d": pooling3d(needs_size=False),
    "average_pooling3d": pooling3d(needs_size=True),
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
