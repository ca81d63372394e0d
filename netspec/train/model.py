"""Graph -> Keras model, and the proof that both have the same shapes and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph, GraphLayer, diagnose
from netspec.layers.base import KERAS_LAYERS, KerasCall, LayerError, describe
from netspec.spec.held import locate
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
    _name_operations(model, taken)
    assert_matches(graph, model)
    return model


def require_trainable(graph: Graph) -> None:
    """Raise `SpecError` for the layers that TensorFlow cannot compute, once the weights turn out to be floats."""
    found = []
    for layer in graph.layers:
        try:
            layer.layer.check_trainable()
        except LayerError as error:
            if _computes(layer):
                continue
            diagnostic = diagnose(error, layer.name, layer.item)
            found.append(replace(diagnostic, help=f"import the int8 .tflite of the model, or {error.help}"))
    if found:
        raise SpecError(found)


def _computes(layer: GraphLayer) -> bool:
    """Say whether TensorFlow computes a layer here: with oneDNN it does more than without."""
    keras = load_keras()
    import tensorflow as tf

    value = keras.ops.zeros((1, *layer.input_shapes[0]))
    try:
        for keras_layer in keras_layers(layer):
            value = keras_layer(value)
    except (tf.errors.OpError, ValueError):
        return False
    return True


def _name_operations(model: keras.Model, taken: set[str]) -> None:
    """Name the operations that Keras puts in for a mask: it numbers them through the process, and saves the numbers."""
    for operation in model.operations:
        if operation.name not in taken:
            name = "mask"
            while name in taken:
                name += "_"
            operation.name = name
            taken.add(name)


def assert_matches(graph: Graph, model: keras.Model) -> None:
    """Raise `AssertionError` unless every layer has Keras' output shape, weights and parameter counts.

    The message names the layer and both values: the graph is wrong there, never the user.
    """
    by_name = {layer.name: layer for layer in model.layers}
    trained = {id(variable) for variable in model.trainable_variables}
    for layer in graph.layers:
        keras_layer = by_name.get(layer.name)
        _equal(layer.name, "presence", True, keras_layer is not None)
        assert keras_layer is not None
        _equal(layer.name, "output shape", layer.output_shape, tuple(keras_layer.output.shape)[1:])
        ours = [(weight.name, weight.shape, weight.trainable) for weight in layer.weights]
        theirs = [(name, tuple(v.shape), id(v) in trained) for name, v in named_weights(keras_layer)]
        _equal(layer.name, "weights", ours, theirs)
        trainable = sum(prod(variable.shape) for variable in keras_layer.weights if id(variable) in trained)
        _equal(layer.name, "trainable parameters", layer.trainable_parameters, trainable)
        _equal(layer.name, "parameters", layer.parameters, keras_layer.count_params())
    _equal("the model", "parameters", graph.parameters, model.count_params())


def named_weights(layer: keras.Layer) -> list[tuple[str, keras.Variable]]:
    """Return a Keras layer's weights in its order, under the names that the graph's layer gives them.

    These are Keras' own names but in `Bidirectional`, whose two runs name theirs alike.
    """
    if hasattr(layer, "forward_layer"):
        runs = (("forward", layer.forward_layer), ("backward", layer.backward_layer))
        return [(f"{run}_{name}", variable) for run, held in runs for name, variable in named_weights(held)]
    if isinstance(layer, load_keras().layers.Wrapper):
        return named_weights(layer.layer)
    return [(variable.name, variable) for variable in layer.weights]


def keras_layers(layer: GraphLayer, helper_name: str | None = None) -> list[keras.Layer]:
    """Return the Keras layers of one graph layer, in order; the last bears its name, what stands before `helper_name`.

    What stands before is a zero padding, or an operation, which has no weights and no `dtype`.

    Raises `SpecError` at the key, or else the layer, that Keras refuses.
    """
    keras = load_keras()
    calls = layer.layer.keras(layer.input_shapes)
    names = [helper_name or _helper_name(layer, calls[0])] * (len(calls) - 1) + [layer.name]
    built = []
    for call, name in zip(calls, names, strict=True):
        try:
            built.append(_construct(keras, call, {"name": name}))
        except (TypeError, ValueError) as error:
            raise SpecError(_refusal(layer, error, _refused_key(keras, call))) from error
    return built


def _helper_name(layer: GraphLayer, call: KerasCall) -> str:
    return f"{layer.name}_{'pad' if call.module == KERAS_LAYERS else call.class_name.lower()}"


def _construct(keras: Any, call: KerasCall, name: Mapping[str, str]) -> Any:
    given = {key: _construct(keras, v, {}) if isinstance(v, KerasCall) else v for key, v in call.config.items()}
    if call.module == KERAS_LAYERS:
        return getattr(keras.layers, call.class_name)(**given, **name, dtype="float32")
    saved = {"module": call.module, "class_name": call.class_name, "config": {**given, **name}}
    return keras.saving.deserialize_keras_object(saved)


def _apply(keras: Any, layer: GraphLayer, tensors: list[Any], taken: set[str]) -> Any:
    helper_name = _helper_name(layer, layer.layer.keras(layer.input_shapes)[0])
    while helper_name in taken:
        helper_name += "_"
    value = tensors if layer.layer.merges else tensors[0]
    for keras_layer in keras_layers(layer, helper_name):
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
        elif isinstance(value, KerasCall) and (held := _refused_key(keras, value)) is not None:
            return f"{key}.{held}"
    return None


def _refusal(layer: GraphLayer, error: Exception, key: str | None) -> Diagnostic:
    what = f"{key} of {layer.type}" if key else layer.type
    span, path = locate(layer.item, key)
    return Diagnostic(
        "keras-restriction",
        f"Keras refuses {what} with inputs {', '.join(map(describe, layer.input_shapes))}: {first_line(error)}",
        span,
        help="see the documentation of the Keras class, whose arguments these are",
        path=path,
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
