"""Our shapes, weights and refusals are Keras': over each layer's arguments, and over whole random nets.

The reference is built here from the keys as they are written, not by `Layer.keras`, which is on trial too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from netspec.diagnostics import SpecError
from netspec.layers import LAYERS
from netspec.train.backend import load_keras
from netspec.train.model import build_model
from tests.specs import make_graph

Keys = dict[str, Any]
Shape = tuple[int, ...]
Case = tuple[Keys, list[Shape]]

SMALL = st.integers(1, 4)
LENGTH = st.integers(1, 9)


@dataclass(frozen=True)
class Facts:
    output: Shape
    weights: list[tuple[str, Shape, bool]]
    trainable: int
    total: int


def shapes_of(rank: int) -> st.SearchStrategy[Shape]:
    """Mostly inputs of `rank` spatial axes and channels, now and then of a rank that does not fit."""
    right = st.tuples(*[LENGTH] * rank, SMALL)
    return st.one_of(right, right, right, right, st.lists(LENGTH, min_size=1, max_size=4).map(tuple))


def per_axis(rank: int, value: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return st.one_of(value, st.lists(value, min_size=rank, max_size=rank))


def amounts(rank: int) -> st.SearchStrategy[Any]:
    zeros = st.integers(0, 3)
    pairs = st.lists(st.tuples(zeros, zeros).map(list), min_size=rank, max_size=rank)
    return st.one_of(zeros, st.lists(zeros, min_size=rank, max_size=rank), pairs)


def optional(required: dict[str, Any], others: dict[str, Any]) -> st.SearchStrategy[Keys]:
    return st.fixed_dictionaries(required, optional=others)


def window(rank: int, **others: Any) -> dict[str, Any]:
    return {
        "strides": per_axis(rank, st.sampled_from([1, 1, 2, 3])),
        "dilation_rate": per_axis(rank, st.sampled_from([1, 1, 1, 2, 3])),
        "padding": st.one_of(st.sampled_from(["valid", "same", "causal"]), amounts(rank)),
        "use_bias": st.booleans(),
        "trainable": st.booleans(),
        "activation": st.sampled_from(["linear", "relu", "relu6", "sigmoid", "tanh", "softmax"]),
        **others,
    }


def with_shape(keys: st.SearchStrategy[Keys], shape: st.SearchStrategy[Shape]) -> st.SearchStrategy[Case]:
    return st.tuples(keys, shape.map(lambda one: [one]))


def conv(rank: int) -> st.SearchStrategy[Case]:
    required = {"filters": SMALL, "kernel_size": per_axis(rank, SMALL)}
    return with_shape(optional(required, window(rank, groups=st.sampled_from([1, 1, 2, 3]))), shapes_of(rank))


def separable(rank: int) -> st.SearchStrategy[Case]:
    required = {"filters": SMALL, "kernel_size": per_axis(rank, SMALL)}
    return with_shape(optional(required, window(rank, depth_multiplier=SMALL)), shapes_of(rank))


def pooling(rank: int) -> st.SearchStrategy[Case]:
    keys = {
        "pool_size": per_axis(rank, st.integers(1, 5)),
        "strides": per_axis(rank, SMALL),
        "padding": st.sampled_from(["valid", "same"]),
    }
    return with_shape(optional({}, keys), shapes_of(rank))


def global_pooling(rank: int) -> st.SearchStrategy[Case]:
    return with_shape(optional({}, {"keepdims": st.booleans()}), shapes_of(rank))


ANY_SHAPE = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
AXIS = st.integers(-4, 4)


@st.composite
def reshapes(draw: Callable[[Any], Any]) -> Case:
    shape = draw(ANY_SHAPE)
    target = draw(st.one_of(st.permutations(shape), st.just([prod(shape)]), st.lists(st.integers(1, 6), max_size=3)))
    target = list(target)
    if target and draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    assume(target)
    return {"target_shape": target}, [shape]


@st.composite
def dropouts(draw: Callable[[Any], Any]) -> Case:
    shape = draw(ANY_SHAPE)
    noise = [None, *(draw(st.sampled_from([1, size])) for size in shape)]
    keys = {"rate": draw(st.sampled_from([0.0, 0.25, 0.5])), "seed": draw(st.integers(0, 9))}
    return keys | ({"noise_shape": noise} if draw(st.booleans()) else {}), [shape]


@st.composite
def merges(draw: Callable[[Any], Any], *, sizes: Any) -> list[Shape]:
    """Two to four shapes that agree but for some axes; sometimes of different ranks."""
    first = list(draw(ANY_SHAPE))
    shapes = [tuple(first)]
    for _ in range(draw(st.integers(1, 3))):
        other = [draw(sizes(size)) for size in first]
        shapes.append(tuple(other[draw(st.sampled_from([0, 0, 0, 0, 1])) :]) or (1,))
    return shapes


STRATEGIES: dict[str, st.SearchStrategy[Case]] = {
    "dense": with_shape(optional({"units": SMALL}, {"use_bias": st.booleans(), "trainable": st.booleans()}), ANY_SHAPE),
    "conv1d": conv(1),
    "conv2d": conv(2),
    "depthwise_conv2d": with_shape(
        optional({"kernel_size": per_axis(2, SMALL)}, window(2, depth_multiplier=SMALL)), shapes_of(2)
    ),
    "separable_conv1d": separable(1),
    "separable_conv2d": separable(2),
    "max_pooling1d": pooling(1),
    "max_pooling2d": pooling(2),
    "average_pooling1d": pooling(1),
    "average_pooling2d": pooling(2),
    "global_average_pooling1d": global_pooling(1),
    "global_average_pooling2d": global_pooling(2),
    "global_max_pooling1d": global_pooling(1),
    "global_max_pooling2d": global_pooling(2),
    "batch_normalization": with_shape(
        optional({}, {"axis": AXIS, "center": st.booleans(), "scale": st.booleans(), "trainable": st.booleans()}),
        ANY_SHAPE,
    ),
    "relu": with_shape(
        optional({}, {"max_value": st.floats(0.5, 9), "negative_slope": st.floats(0, 1), "threshold": st.floats(0, 1)}),
        ANY_SHAPE,
    ),
    "sigmoid": with_shape(st.just({}), ANY_SHAPE),
    "tanh": with_shape(st.just({}), ANY_SHAPE),
    "softmax": with_shape(optional({}, {"axis": AXIS}), ANY_SHAPE),
    "flatten": with_shape(st.just({}), ANY_SHAPE),
    "reshape": reshapes(),
    "dropout": dropouts(),
    "add": st.tuples(st.just({}), merges(sizes=lambda size: st.sampled_from([size, size, size, 1, size + 1]))),
    "concatenate": st.tuples(
        optional({}, {"axis": AXIS}), merges(sizes=lambda size: st.sampled_from([size, size, size, size + 1]))
    ),
    "zero_padding1d": with_shape(
        optional({}, {"padding": st.one_of(st.integers(0, 3), st.lists(st.integers(0, 3), min_size=2, max_size=2))}),
        shapes_of(1),
    ),
    "zero_padding2d": with_shape(optional({}, {"padding": amounts(2)}), shapes_of(2)),
    "rescaling": with_shape(optional({"scale": st.floats(-2, 2)}, {"offset": st.floats(-2, 2)}), ANY_SHAPE),
}


def test_every_type_has_a_strategy() -> None:
    """Here or in one of the files of a family, which use what is here."""
    families = [import_module(f"tests.property.{file.stem}") for file in Path(__file__).parent.glob("test_layers_*.py")]
    assert set(STRATEGIES).union(*(family.STRATEGIES for family in families)) == set(LAYERS)


@pytest.mark.parametrize("layer_type", sorted(STRATEGIES))
def test_a_layer_is_what_keras_makes_of_its_keys(layer_type: str) -> None:
    windowed = "conv" in layer_type or re.search(r"pooling\dd$", layer_type)

    @settings(max_examples=300 if windowed else 60, suppress_health_check=list(HealthCheck))
    @given(STRATEGIES[layer_type])
    def compare(case: Case) -> None:
        keys, shapes = case
        ours, reason = our_facts(layer_type, keys, shapes)
        if keys.get("axis") in (0, -len(shapes[0]) - 1):
            assert ours is None  # the batch: Keras computes over it, so that one sample would change another's answer
            return
        if ours is None and "takes one for both axes" in str(reason):
            return  # TensorFlow computes unequal depthwise strides with oneDNN alone: not without it, nor on a GPU
        theirs, keras_reason = keras_facts(layer_type, keys, shapes)
        assert ours == theirs, (reason, keras_reason)

    compare()


SAME = {"padding": "same"}
BODY: dict[int, list[tuple[str, dict[str, Any]]]] = {
    # What may follow a tensor of so many axes. Windows are `same` or of size 1, so that every draw fits.
    1: [("dense", {"units": 3}), ("batch_normalization", {}), ("relu", {"max_value": 6.0}), ("dropout", {"rate": 0.1})],
    2: [
        ("conv1d", {"filters": 4, "kernel_size": 3, **SAME}),
        ("conv1d", {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
        ("separable_conv1d", {"filters": 4, "kernel_size": 5, "padding": [[2, 2]], "use_bias": False}),
        ("max_pooling1d", {"pool_size": 2, **SAME}),
        ("average_pooling1d", {"pool_size": 2, "strides": 1, **SAME}),
        ("global_average_pooling1d", {}),
        ("global_max_pooling1d", {"keepdims": True}),
        ("zero_padding1d", {"padding": [1, 0]}),
        ("batch_normalization", {"center": False}),
        ("dense", {"units": 4, "trainable": False}),
        ("flatten", {}),
        ("tanh", {}),
    ],
    3: [
        ("conv2d", {"filters": 4, "kernel_size": 3, **SAME}),
        ("conv2d", {"filters": 4, "kernel_size": [3, 1], "strides": 2, "padding": [1, 0]}),
        ("depthwise_conv2d", {"kernel_size": 3, "depth_multiplier": 2, **SAME}),
        ("separable_conv2d", {"filters": 4, "kernel_size": 3, "padding": 1, "activation": "relu"}),
        ("max_pooling2d", SAME),
        ("average_pooling2d", {"pool_size": 3, "strides": 1, **SAME}),
        ("global_average_pooling2d", {}),
        ("global_max_pooling2d", {"keepdims": True}),
        ("zero_padding2d", {"padding": [[1, 0], [0, 1]]}),
        ("batch_normalization", {"scale": False, "trainable": False}),
        ("sigmoid", {}),
        ("flatten", {}),
        ("rescaling", {"scale": 0.5, "offset": 1.0}),
    ],
}


@st.composite
def nets(draw: Callable[[Any], Any]) -> tuple[list[dict[str, Keys]], dict[str, Shape], list[str]]:
    """Nets of up to 30 layers: each reads any earlier tensors, add and concatenate several; the unread are outputs."""
    sizes = [(6,), (8, 2), (6, 5, 2)]
    inputs = {f"in_{index}": draw(st.sampled_from(sizes)) for index in range(draw(st.integers(1, 3)))}
    shapes: dict[str, Shape] = dict(inputs)
    layers: list[dict[str, Keys]] = []
    read: set[str] = set()
    for index in range(draw(st.integers(len(inputs), 30))):
        name = f"layer_{index}"
        # The first layers read the inputs, so that none goes unread; the others mostly the latest tensors.
        recent = list(shapes)[-4:] if draw(st.booleans()) else list(shapes)
        source = list(inputs)[index] if index < len(inputs) else draw(st.sampled_from(recent))
        shape = shapes[source]
        alike = [other for other in shapes if shapes[other] == shape and other != source]
        joinable = [o for o in shapes if o != source and len(shapes[o]) == len(shape) and shapes[o][:-1] == shape[:-1]]
        reads: str | list[str] = source
        kind = draw(st.integers(0, 9))
        if alike and kind < 3:
            layer_type, keys = "add", {}
            reads = [source, *draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2))]
        elif joinable and kind < 5:
            layer_type, keys = "concatenate", {}
            reads = [source, *draw(st.lists(st.sampled_from(joinable), min_size=1, max_size=2))]
        else:
            layer_type, keys = draw(st.sampled_from(BODY[len(shape)]))
        layer = LAYERS[layer_type].model_validate(keys)
        shapes[name] = layer.output_shape(tuple(shapes[r] for r in ([reads] if isinstance(reads, str) else reads)))
        assume(prod(shapes[name]) < 5000)
        layers.append({layer_type: {**keys, "name": name, "from": reads}})
        read |= {reads} if isinstance(reads, str) else set(reads)
    ends = [name for name in shapes if name not in read]
    return layers, inputs, ends


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(nets())
def test_whole_nets_have_keras_shapes_and_totals(
    net: tuple[list[dict[str, Keys]], dict[str, Shape], list[str]],
) -> None:
    layers, inputs, ends = net
    graph = make_graph(layers, inputs, outputs=ends)
    model = build_model(graph)
    trainable = sum(prod(variable.shape) for variable in model.trainable_variables)
    assert graph.parameters == model.count_params()
    assert graph.trainable_parameters == trainable
    outputs = model.output if isinstance(model.output, dict) else {ends[0]: model.output}
    assert {name: tuple(tensor.shape)[1:] for name, tensor in outputs.items()} == {e: graph.shape(e) for e in ends}
    for layer in graph.layers:
        assert tuple(model.get_layer(layer.name).output.shape)[1:] == layer.output_shape


def our_facts(layer_type: str, keys: Keys, shapes: list[Shape]) -> tuple[Facts | None, str]:
    inputs = {f"x{index}": shape for index, shape in enumerate(shapes)}
    reads = {"from": list(inputs)} if len(inputs) > 1 else {}
    try:
        (layer,) = make_graph([{layer_type: {**keys, **reads}}], inputs).layers
    except SpecError as error:
        return None, str(error)
    weights = [(weight.name, weight.shape, weight.trainable) for weight in layer.weights]
    return Facts(layer.output_shape, weights, layer.trainable_parameters, layer.parameters), ""


def keras_facts(layer_type: str, keys: Keys, shapes: list[Shape]) -> tuple[Facts | None, str]:
    keras = load_keras()
    class_name, arguments = keras_name(layer_type), dict(keys)
    tensors = [keras.Input(shape) for shape in shapes]
    value: Any = tensors if len(tensors) > 1 else tensors[0]
    try:
        if "conv" in layer_type and not isinstance(arguments.get("padding", "valid"), str):
            pads = pairs(arguments.pop("padding"), rank := int(layer_type[-2]))
            value = getattr(keras.layers, f"ZeroPadding{rank}D")(pads if rank > 1 else pads[0])(value)
        if layer_type in ("sigmoid", "tanh"):
            layer = keras.layers.Activation(layer_type)
        else:
            layer = getattr(keras.layers, class_name)(**arguments)
        output = layer(value)
        computed(layer)(run(keras, value))  # TensorFlow refuses some of what Keras' shape inference lets pass
    except Exception as error:  # Keras refuses with whatever the failing line raises
        return None, f"{type(error).__name__}: {error}"
    weights = [(variable.name, tuple(variable.shape), variable.trainable) for variable in layer.weights]
    trainable = sum(prod(variable.shape) for variable in layer.trainable_weights)
    return Facts(tuple(output.shape)[1:], weights, trainable, layer.count_params()), ""


def computed(layer: Any) -> Callable[[Any], Any]:
    """Return the layer, compiled where TensorFlow's uncompiled kernels need a GPU: dilated and transposed."""
    if "Transpose" in type(layer).__name__ and max(layer.dilation_rate) > 1:
        import tensorflow as tf

        return tf.function(layer, jit_compile=True)
    return layer


def run(keras: Any, value: Any) -> Any:
    """Return zeros in the shape of symbolic tensors, one sample each."""
    if isinstance(value, list):
        return [run(keras, item) for item in value]
    return keras.ops.zeros((1, *value.shape[1:]))


def keras_name(layer_type: str) -> str:
    camel = "".join(word.capitalize() for word in layer_type.split("_"))
    return {"Relu": "ReLU"}.get(camel, re.sub(r"(\d)d", r"\1D", camel))


def pairs(padding: Any, rank: int) -> list[list[int]]:
    if isinstance(padding, int):
        return [[padding, padding]] * rank
    return [[item, item] if isinstance(item, int) else item for item in padding]
