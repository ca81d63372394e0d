"""Recurrent layers, wrappers, embedding, normalizations, activations, merges and reductions are what Keras makes of
their keys: shapes, weights, counts and refusals, over each type's arguments.

The reference is built here from the keys as they are written, not by `Layer.keras`, which is on trial too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netspec.diagnostics import SpecError
from netspec.layers._types import ActivationName
from netspec.train.backend import load_keras
from netspec.train.model import build_model
from tests.specs import make_graph

Keys = dict[str, Any]
Shape = tuple[int, ...]
Case = tuple[Keys, list[Shape]]

SMALL = st.integers(1, 4)
AXIS = st.integers(-4, 4)
ANY_SHAPE = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
SEQUENCE = st.one_of(*[st.tuples(st.integers(1, 5), SMALL)] * 5, ANY_SHAPE)
BOOL = st.booleans()
ACTIVATION = st.sampled_from([None, *get_args(ActivationName)])
RATE = st.sampled_from([0.0, 0.25, 0.5])


@dataclass(frozen=True)
class Facts:
    output: Shape
    weights: list[tuple[str, Shape, bool]]
    trainable: int
    total: int


def optional(required: dict[str, Any], others: dict[str, Any]) -> st.SearchStrategy[Keys]:
    return st.fixed_dictionaries(required, optional=others)


def over(keys: st.SearchStrategy[Keys], shape: st.SearchStrategy[Shape]) -> st.SearchStrategy[Case]:
    return st.tuples(keys, shape.map(lambda one: [one]))


def recurrent(**others: Any) -> st.SearchStrategy[Keys]:
    keys = {"activation": ACTIVATION, "use_bias": BOOL, "return_sequences": BOOL, "go_backwards": BOOL}
    keys |= {"unroll": BOOL, "trainable": BOOL, "dropout": RATE, "recurrent_dropout": RATE, "seed": st.integers(0, 9)}
    return optional({"units": SMALL}, keys | others)


RECURRENT = {
    "lstm": recurrent(recurrent_activation=ACTIVATION, unit_forget_bias=BOOL),
    "gru": recurrent(recurrent_activation=ACTIVATION, reset_after=BOOL),
    "simple_rnn": recurrent(),
}
HELD_RECURRENT = st.one_of([keys.map(lambda one, t=name: {t: one}) for name, keys in RECURRENT.items()])
BIDIRECTIONAL = optional(
    {"layer": HELD_RECURRENT}, {"merge_mode": st.sampled_from(["sum", "mul", "concat", "ave"]), "trainable": BOOL}
)
HELD = st.one_of(
    optional({"units": SMALL}, {"use_bias": BOOL, "trainable": BOOL}).map(lambda keys: {"dense": keys}),
    optional({}, {"axis": AXIS, "scale": BOOL, "trainable": BOOL}).map(lambda keys: {"batch_normalization": keys}),
    optional({"filters": SMALL, "kernel_size": SMALL}, {"strides": SMALL}).map(lambda keys: {"conv1d": keys}),
    HELD_RECURRENT,
    BIDIRECTIONAL.map(lambda keys: {"bidirectional": keys}),
    st.just("flatten"),
    st.just({"global_max_pooling1d": {"keepdims": True}}),
)
TIME_DISTRIBUTED = optional({"layer": HELD}, {"trainable": BOOL})


@st.composite
def normalizations(draw: Callable[[Any], Any]) -> Case:
    """Means and variances that mostly fit the axes."""
    shape = draw(ANY_SHAPE)
    axes = draw(st.lists(st.integers(1, len(shape)), unique=True, max_size=2))
    sizes = [shape[axis - 1] for axis in sorted(axes)]
    fitting = [size if draw(st.integers(0, 3)) else 1 for size in sizes[draw(st.integers(0, len(sizes))) :]]
    wrong = draw(st.lists(SMALL, max_size=2))
    mean = fitting if draw(st.integers(0, 3)) else wrong
    variance = mean if draw(st.integers(0, 4)) else wrong
    written = [axis - len(shape) - 1 if draw(BOOL) else axis for axis in axes]
    keys = {"mean": numbers(mean), "variance": numbers(variance), "invert": draw(BOOL)}
    return keys | {"axis": draw(st.sampled_from([written, written[0], None] if len(axes) == 1 else [written]))}, [shape]


def numbers(sizes: list[int]) -> Any:
    return 0.5 if not sizes else [numbers(sizes[1:])] * sizes[0]


@st.composite
def merges(draw: Callable[[Any], Any], most: int) -> Case:
    """Shapes that agree but for some axes; sometimes of different ranks."""
    first = draw(ANY_SHAPE)
    shapes = [first]
    for _ in range(draw(st.integers(1, most - 1))):
        other = [draw(st.sampled_from([size, size, size, 1, size + 1])) for size in first]
        shapes.append(tuple(other[draw(st.sampled_from([0, 0, 0, 1])) :]) or (1,))
    return {}, draw(st.permutations(shapes))


@st.composite
def dots(draw: Callable[[Any], Any]) -> Case:
    shapes = [draw(st.lists(st.integers(2, 3), min_size=1, max_size=3).map(tuple)) for _ in range(2)]
    axes = draw(st.one_of(AXIS, st.tuples(AXIS, AXIS).map(list), st.lists(AXIS, max_size=3)))
    return {"axes": axes, "normalize": draw(BOOL)}, shapes


AXES = st.one_of(AXIS, st.lists(AXIS, min_size=1, max_size=3))
STRATEGIES: dict[str, st.SearchStrategy[Case]] = {
    "embedding": over(
        optional({"input_dim": SMALL, "output_dim": SMALL}, {"mask_zero": BOOL, "trainable": BOOL}), ANY_SHAPE
    ),
    **{name: over(keys, SEQUENCE) for name, keys in RECURRENT.items()},
    "bidirectional": over(BIDIRECTIONAL, SEQUENCE),
    "time_distributed": over(TIME_DISTRIBUTED, st.lists(SMALL, min_size=1, max_size=4).map(tuple)),
    "layer_normalization": over(
        optional({}, {"axis": AXES, "center": BOOL, "scale": BOOL, "trainable": BOOL}), ANY_SHAPE
    ),
    "normalization": normalizations(),
    "leaky_relu": over(optional({}, {"negative_slope": st.floats(0, 2)}), ANY_SHAPE),
    "prelu": over(optional({}, {"shared_axes": AXES, "trainable": BOOL}), ANY_SHAPE),
    "elu": over(optional({}, {"alpha": st.floats(-1, 2)}), ANY_SHAPE),
    "gelu": over(optional({}, {"approximate": BOOL}), ANY_SHAPE),
    **{name: over(st.just({}), ANY_SHAPE) for name in ("selu", "silu", "hard_sigmoid", "hard_swish", "softplus")},
    "subtract": merges(most=3),
    **{name: merges(most=4) for name in ("multiply", "average", "maximum", "minimum")},
    "dot": dots(),
    "reduce": over(
        optional({"op": st.sampled_from(["sum", "mean", "max", "min"])}, {"axis": AXES, "keepdims": BOOL}), ANY_SHAPE
    ),
}
EXAMPLES = {"lstm": 150, "gru": 150, "bidirectional": 120, "time_distributed": 250, "normalization": 250, "dot": 200}


@pytest.mark.parametrize("layer_type", STRATEGIES)
def test_a_layer_is_what_keras_makes_of_its_keys(layer_type: str) -> None:
    dtype = "int32" if layer_type == "embedding" else "float32"
    accepted = refused = 0

    @settings(max_examples=EXAMPLES.get(layer_type, 100), suppress_health_check=list(HealthCheck))
    @given(STRATEGIES[layer_type])
    def compare(case: Case) -> None:
        nonlocal accepted, refused
        keys, shapes = case
        ours, reason = our_facts(layer_type, keys, shapes, dtype)
        if stricter(layer_type, keys, shapes):
            assert ours is None
            return
        theirs, keras_reason = keras_facts(layer_type, keys, shapes, dtype)
        assert ours == theirs, (reason, keras_reason)
        accepted, refused = accepted + (ours is not None), refused + (ours is None)

    compare()
    assert accepted >= 10, f"{accepted} accepted, {refused} refused"


def stricter(layer_type: str, keys: Keys, shapes: list[Shape]) -> bool:
    """Tell whether Keras may take what makes no sense: the batch as an axis, an axis twice, or one that is not there;
    and, in time_distributed, which passes the held layer's own check by, a step of the wrong rank.
    """
    ranks = [len(shape) + 1 for shape in shapes]
    if layer_type == "time_distributed":
        held = keys["layer"]
        if held == "flatten" or "dense" in held:
            return False
        if "batch_normalization" in held:
            return held["batch_normalization"].get("axis") in (0, -len(shapes[0]))
        return len(shapes[0]) != 3
    key = {"prelu": "shared_axes", "dot": "axes"}.get(layer_type, "axis")
    if keys.get(key) is None:
        return False
    axes = keys[key] if isinstance(keys[key], list) else [keys[key]]
    if layer_type == "prelu":
        return any(not 1 <= axis < ranks[0] for axis in axes)
    if layer_type == "dot":
        return len(axes) < 3 and any(axis == 0 or axis <= -rank for axis in axes for rank in ranks)
    counted = [axis % ranks[0] for axis in axes]
    inside = all(-ranks[0] <= axis < ranks[0] for axis in axes)
    return inside and (0 in counted or len(set(counted)) < len(counted))


def our_facts(layer_type: str, keys: Keys, shapes: list[Shape], dtype: str) -> tuple[Facts | None, str]:
    """Return the graph's facts, after `build_model` has proved that `Layer.keras` gives a model of the same."""
    inputs = {f"x{index}": shape for index, shape in enumerate(shapes)}
    reads = {"from": list(inputs)} if len(inputs) > 1 else {}
    try:
        graph = make_graph([{layer_type: {**keys, **reads}}], inputs, dtype=dtype)
    except SpecError as error:
        return None, str(error)
    build_model(graph)
    (layer,) = graph.layers
    weights = [(weight.name, weight.shape, weight.trainable) for weight in layer.weights]
    return Facts(layer.output_shape, weights, layer.trainable_parameters, layer.parameters), ""


CLASSES = {
    "lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN", "prelu": "PReLU", "leaky_relu": "LeakyReLU", "elu": "ELU",
    "conv1d": "Conv1D", "global_max_pooling1d": "GlobalMaxPooling1D",
}  # fmt: skip


def keras_layer(layer_type: str, keys: Keys) -> Any:
    """Return what Keras has for a type: a layer or, where it has none, an operation."""
    keras = load_keras()
    if layer_type == "reduce":
        arguments = {"keepdims": keys.get("keepdims", False), "axis": keys.get("axis")}
        return lambda x: getattr(keras.ops, keys["op"])(
            x, **{**arguments, "axis": list(range(1, len(x.shape))) if arguments["axis"] is None else arguments["axis"]}
        )
    if keys.get("approximate"):
        return lambda x: keras.ops.gelu(x, approximate=True)
    if layer_type in ("selu", "silu", "gelu", "hard_sigmoid", "hard_swish", "softplus"):
        return keras.layers.Activation(layer_type)
    if isinstance(keys.get("layer"), str):
        keys = {**keys, "layer": {keys["layer"]: {}}}
    if "layer" in keys:
        ((held, held_keys),) = keys["layer"].items()
        keys = {**keys, "layer": keras_layer(held, held_keys)}
        frozen = keys.pop("trainable", True) is False
        wrapper = getattr(keras.layers, "".join(word.capitalize() for word in layer_type.split("_")))(**keys)
        if frozen:  # as an argument it would stay with the wrapper, and a model would train what that holds
            wrapper.trainable = False
        return wrapper
    camel = "".join(word.capitalize() for word in layer_type.split("_"))
    return getattr(keras.layers, CLASSES.get(layer_type, camel))(**keys)


def keras_facts(layer_type: str, keys: Keys, shapes: list[Shape], dtype: str) -> tuple[Facts | None, str]:
    keras = load_keras()
    tensors = [keras.Input(shape, dtype=dtype) for shape in shapes]
    try:
        layer = keras_layer(layer_type, keys)
        output = layer(tensors if len(tensors) > 1 else tensors[0])
    except Exception as error:  # Keras refuses with whatever the failing line raises
        return None, f"{type(error).__name__}: {error}"
    shape = tuple(output.shape)[1:]
    if not isinstance(layer, keras.Layer):
        return Facts(shape, [], 0, 0), ""
    trained = {id(variable) for variable in layer.trainable_weights}
    weights = [(weight_name(variable), tuple(variable.shape), id(variable) in trained) for variable in layer.weights]
    return Facts(shape, weights, sum(prod(v.shape) for v in layer.trainable_weights), layer.count_params()), ""


def weight_name(variable: Any) -> str:
    """Return a variable's name; in a bidirectional layer, which its path tells, with the run before it."""
    runs = [part.partition("_")[0] for part in variable.path.split("/") if part.startswith(("forward_", "backward_"))]
    return "_".join([*runs, variable.name])
