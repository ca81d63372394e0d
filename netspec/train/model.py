"""Graph -> Keras model, and the proof that both have the same shapes and weights."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph, GraphLayer
from netspec.layers.base import KerasCall, describe
from netspec.train.backend import load_keras

if TYPE_CHECKING:
    import keras


def build_model(graph: Graph) -> keras.Model:
    """Return the Keras functional model of a graph, with fresh weights and not compiled.

    Layers bear the graph's names. A model of one input takes an array, of several a dict by input name; outputs
    likewise. Raises `SpecError` at the layer that Keras refuses, and `AssertionError` where Keras' shapes or
    weights are not those of the graph.
    """
    keras = load_keras()
    tensors: dict[str, Any] = {
        name: keras.Input(shape=tuple(given.shape), dtype=given.dtype, name=name)
        for name, given in graph.spec.inputs.items()
    }
    inputs = dict(tensors)
    taken = {*tensors, *(layer.name for layer in graph.layers)}
    for layer in graph.layers:
        tensors[layer.name] = _apply(keras, layer, [tensors[name] for name in layer.inputs], taken)
    outputs = {name: tensors[name] for name in graph.outputs}
    model = keras.Model(inputs=_bare(inputs), outputs=_bare(outputs), name=graph.name)
    assert_matches(graph, model)
    return model


def assert_matches(graph: Graph, model: keras.Model) -> None:
    """Raise `AssertionError` unless every layer has Keras' output shape, weights and parameter counts.

    The message names the layer and both values: the graph is wrong there, never the user.
    """
    by_name = {layer.name: layer for layer in model.layers}
    for layer in graph.layers:
        keras_layer = by_name.get(layer.name)
        _equal(layer.name, "presence", True, keras_layer is not None)
        assert keras_layer is not None
        _equal(layer.name, "output shape", layer.output_shape, tuple(keras_layer.output.shape)[1:])
        ours = [(weight.name, weight.shape, weight.trainable) for weight in layer.weights]
        theirs = [(v.name, tuple(v.shape), bool(v.trainable)) for v in keras_layer.weights]
        _equal(layer.name, "weights", ours, theirs)
        trainable = sum(prod(variable.shape) for variable in keras_layer.trainable_weights)
        _equal(layer.name, "trainable parameters", layer.trainable_parameters, trainable)
        _equal(layer.name, "parameters", layer.parameters, keras_layer.count_params())
    _equal("the model", "parameters", graph.parameters, model.count_params())


def keras_layers(layer: GraphLayer, pad_name: str | None = None) -> list[keras.Layer]:
    """Return the Keras layers of one graph layer, in order; the last bears its name, helpers the name `pad_name`.

    Raises `SpecError` at the key, or else the layer, that Keras refuses.
    """
    keras = load_keras()
    calls = layer.layer.keras(layer.input_shapes)
    names = [pad_name or f"{layer.name}_pad"] * (len(calls) - 1) + [layer.name]
    built = []
    for call, name in zip(calls, names, strict=True):
        try:
            built.append(getattr(keras.layers, call.class_name)(**call.config, name=name, dtype="float32"))
        except (TypeError, ValueError) as error:
            raise SpecError(_refusal(layer, error, _refused_key(keras, call))) from error
    return built


def _apply(keras: Any, layer: GraphLayer, tensors: list[Any], taken: set[str]) -> Any:
    pad_name = f"{layer.name}_pad"
    while pad_name in taken:
        pad_name += "_"
    value = tensors if layer.layer.merges else tensors[0]
    for keras_layer in keras_layers(layer, pad_name):
        taken.add(keras_layer.name)
        try:
            value = keras_layer(value)
        except (TypeError, ValueError) as error:
            raise SpecError(_refusal(layer, error, None)) from error
    return value


def _refused_key(keras: Any, call: KerasCall) -> str | None:
    """Return the initializer, regularizer or constraint at fault; None where it is something else."""
    getters = {
        "initializer": keras.initializers.get,
        "regularizer": keras.regularizers.get,
        "constraint": keras.constraints.get,
    }
    for key, value in call.config.items():
        getter = getters.get(key.rpartition("_")[2])
        if getter is not None and isinstance(value, Mapping):
            try:
                getter(value)
            except (TypeError, ValueError):
                return key
    return None


def _refusal(layer: GraphLayer, error: Exception, key: str | None) -> Diagnostic:
    what = f"{key} of {layer.type}" if key else layer.type
    return Diagnostic(
        "keras-restriction",
        f"Keras refuses {what} with inputs {', '.join(map(describe, layer.input_shapes))}: {first_line(error)}",
        layer.item.span_of(key),
        help="see the documentation of the Keras class, whose arguments these are",
        path=f"{layer.item.place}.{key}" if key else layer.item.place,
    )


def first_line(error: Exception) -> str:
    """Return the sentence of a Keras message that says what is wrong; the rest repeats the call's arguments."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = [line.partition(":")[2].strip() for line in lines if line.startswith(("TypeError:", "ValueError:"))]
    return (cause or lines or [type(error).__name__])[0].rstrip(".")


def _bare(values: dict[str, Any]) -> Any:
    return next(iter(values.values())) if len(values) == 1 else values


def _equal(layer: str, what: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise AssertionError(f"{layer}: {what} {ours} in the graph, {theirs} in Keras")
