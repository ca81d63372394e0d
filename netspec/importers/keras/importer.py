"""A Keras file -> a spec and its float weights."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from netspec.importers.draft import Draft, Source, check_keys
from netspec.importers.faults import Faults, MalformedModel, ModelFault
from netspec.importers.keras.file import KerasFile, read_config
from netspec.importers.keras.graph import KerasGraph, KerasLayer, flatten
from netspec.importers.keras.layers import OPERATIONS, activation_layer, layer_keys, operation_keys, refuse_code
from netspec.importers.keras.names import snake_case
from netspec.importers.keras.operations import LAMBDA, Operation, is_operation, is_own_name
from netspec.importers.names import identifier, is_automatic, spec_name
from netspec.importers.result import Imported, graph_of, weights_name
from netspec.importers.writer import KeptNames, write_spec
from netspec.ops import Shape
from netspec.quantize.stored import npz_bytes

_DTYPES = ("float32", "int32")
_UNKNOWN = "?"
"""In the place of what holds the output of a layer that is refused: no input has this name."""


def import_keras(path: Path, stem: str | None = None, names: KeptNames = "auto") -> Imported:
    """Return a Keras model as a spec. Raises `ModelFault`, and `ToolError` where h5py is not installed."""
    with KerasFile(path) as file:
        draft, layer_of = _draft(flatten(file.config), path.name)
        beside = weights_name(stem or draft.name)
        written = write_spec(draft, beside, names)
        graph = graph_of(written.text)
        by_name = {layer.name: layer for layer in graph.layers}
        arrays: dict[str, Any] = {}
        faults = Faults()
        for position, keras_layer in layer_of.items():
            layer = by_name.get(written.names[position])
            if layer is None or not layer.weights:
                continue
            with faults.collected():
                given = file.arrays(keras_layer.place, [weight.shape for weight in layer.weights])
                for weight, array in zip(layer.weights, given, strict=True):
                    arrays[f"{layer.name}/{weight.name}"] = array
        faults.raise_found()
    return Imported(draft.name, written.text, beside, npz_bytes(arrays), tuple(draft.notes))


def spec_of_config(text: bytes, file_name: str) -> str:
    """Return the spec of a model's config alone. Raises `ModelFault`."""
    draft, _ = _draft(flatten(read_config(text)), file_name)
    written = write_spec(draft, None)
    graph_of(written.text)
    return written.text


def _draft(found: KerasGraph, file_name: str) -> tuple[Draft, dict[int, KerasLayer]]:
    """Return the draft of a spec, and the Keras layer behind each of its layers."""
    automatic = re.fullmatch(r"(model|functional|sequential)(_\d+)?", found.name)
    name = file_name.partition(".")[0] if automatic else found.name
    draft = Draft(spec_name(name), [f"Imported from {file_name}, with its weights."], automatic is not None)
    readers = Counter(key for layer in found.layers for key in layer.reads)
    readers.update(found.outputs)
    source_of: dict[str, Source] = {}
    layer_of: dict[int, KerasLayer] = {}
    for layer in found.layers:
        source_of[layer.key] = _UNKNOWN
        with found.faults.collected():
            reads = tuple(source_of[key] for key in layer.reads)
            if layer.class_name == "InputLayer":
                source_of[layer.key] = _input(draft, layer)
            elif _UNKNOWN in reads or layer.key in found.doubtful:
                _check_alone(layer, len(reads))
            else:
                source_of[layer.key] = _layer(draft, layer, reads, layer_of, readers)
    found.faults.raise_found()
    outputs = [source_of[key] for key in found.outputs]
    positions = [output for output in outputs if isinstance(output, int)]
    if len(positions) != len(outputs) or not positions:
        raise ModelFault("an output of the model is an input")
    draft.outputs = tuple(dict.fromkeys(positions))
    return draft, layer_of


def _input(draft: Draft, layer: KerasLayer) -> str:
    shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
    if not isinstance(shape, list) or not shape or not all(size is None or isinstance(size, int) for size in shape):
        raise MalformedModel(f"{layer.shown} has the shape {str(shape)[:60]}")
    name = identifier(layer.name)
    while name in draft.inputs:
        name += "_2"
    if shape[0] is not None:
        draft.notes.append(f"Dropped: the batch of {name}, {shape[0]} in the file; a spec's shapes have no batch axis.")
    sizes = shape[1:]
    if any(size is None or size < 1 for size in sizes) or not sizes:
        raise ModelFault(
            f"{layer.shown} has the shape {shape}; a spec's shapes are fixed",
            help="build the model for one size and save it again",
        )
    dtype = layer.config.get("dtype", "float32")
    if dtype not in _DTYPES:
        draft.notes.append(f"Changed: {name} is {str(dtype)[:60]} in the file, here float32.")
        dtype = "float32"
    draft.inputs[name] = tuple(sizes)
    draft.dtypes[name] = dtype
    return name


def _layer(
    draft: Draft,
    layer: KerasLayer,
    reads: tuple[Source, ...],
    layer_of: dict[int, KerasLayer],
    readers: Counter[str],
) -> Source:
    """Append a layer and return what holds its output."""
    if layer.class_name == "Activation" and not layer.custom:
        found = activation_layer(layer.config, layer.shown)
        if found is None and _names_operation(draft, layer, reads, layer_of, readers):
            return reads[0]
        if found is None:
            draft.notes.append(f"Dropped: {layer.shown}, which does nothing.")
            return reads[0]
        kind, keys = found
    elif layer.class_name in OPERATIONS and (layer.module or "").startswith("keras.src.ops"):
        kind, keys = "reduce", operation_keys(layer.class_name, layer.config, layer.shown)
    elif (operation := _operation(layer, tuple(draft.shape(source) for source in reads))) is not None:
        kind, keys = operation
        if kind == "identity":
            draft.notes.append(f"Dropped: {layer.shown}, which does nothing.")
            return reads[0]
    else:
        refuse_code(layer.class_name, layer.shown, custom=layer.custom)
        shapes = tuple(draft.shape(source) for source in reads)
        kind, keys = layer_keys(layer.class_name, layer.config, layer.shown, draft.notes, shapes)
        reads = _with_padding(draft, layer, kind, keys, reads, layer_of, readers)
    name, numbered = _name(layer, kind)
    position = draft.add(kind, reads, keys, what=layer.shown, name=name, numbered=numbered)
    layer_of[position] = layer
    return position


def _check_alone(layer: KerasLayer, reads: int) -> None:
    """Raise for what is wrong with a layer whatever the shapes that it reads, which nobody knows after a fault."""
    if layer.class_name == "Activation" and not layer.custom:
        activation_layer(layer.config, layer.shown)
    elif layer.class_name in OPERATIONS and (layer.module or "").startswith("keras.src.ops"):
        check_keys("reduce", operation_keys(layer.class_name, layer.config, layer.shown), layer.shown)
    elif is_operation(layer.class_name, layer.module):
        found = _operation(layer, ((),) * reads, ranks=False)
        if found is not None and found[0] != "identity":
            check_keys(*found, layer.shown)
    else:
        refuse_code(layer.class_name, layer.shown, custom=layer.custom)
        check_keys(*layer_keys(layer.class_name, layer.config, layer.shown, [], ()), layer.shown)


def _operation(
    layer: KerasLayer, shapes: tuple[Shape, ...], *, ranks: bool = True
) -> tuple[str, dict[str, Any]] | None:
    """Return the layer that an operation is; None for what is none. Raises `ModelFault` for one without a layer.

    Without `ranks`, the shapes are made up, and None is also for an operation that depends on them.
    """
    if not is_operation(layer.class_name, layer.module):
        return None
    name, keywords = snake_case(layer.class_name), {**layer.config, **layer.keywords}
    if layer.class_name == LAMBDA:
        name, keywords = str(layer.config.get("function", "")), dict(layer.keywords)
    operation = Operation(name, layer.arguments, keywords, layer.shown)
    if not ranks and operation.needs_ranks:
        return None
    found = operation.layer(shapes)
    if found is None:
        raise ModelFault(
            f"{layer.shown} is the operation '{name[:60]}', for which netspec has no layer",
            help="write what it computes with layers, and train or copy the weights",
        )
    return found


def _name(layer: KerasLayer, kind: str) -> tuple[str | None, str | None]:
    """Return a layer's name as the one that somebody chose, or else as that of Keras' own numbering."""
    name = identifier(layer.name)
    if is_operation(layer.class_name, layer.module) and is_own_name(layer.name, layer.class_name):
        return None, None
    if not is_automatic(name):
        return name, None
    return None, name if re.fullmatch(rf"{kind}(_\d+)?", name) else None


def _names_operation(
    draft: Draft,
    layer: KerasLayer,
    reads: tuple[Source, ...],
    layer_of: dict[int, KerasLayer],
    readers: Counter[str],
) -> bool:
    """Say whether an identity is there only to bear the name of the operation before it, which now gets that name."""
    last = len(draft.layers) - 1
    before = layer_of.get(last)
    if before is None or reads != (last,) or draft.layers[last].type != "reduce" or readers[before.key] != 1:
        return False
    if not before.name.startswith(f"{layer.name}_"):
        return False
    name, numbered = _name(layer, "reduce")
    draft.layers[last] = replace(draft.layers[last], name=name, numbered=numbered)
    return True


def _with_padding(
    draft: Draft,
    layer: KerasLayer,
    kind: str,
    keys: dict[str, Any],
    reads: tuple[Source, ...],
    layer_of: dict[int, KerasLayer],
    readers: Counter[str],
) -> tuple[Source, ...]:
    """Take a zero padding back into the convolution that netspec wrote it for: it bears the convolution's name."""
    last = len(draft.layers) - 1
    before = layer_of.get(last)
    if before is None or reads != (last,) or keys.get("padding") != "valid" or "conv" not in kind:
        return reads
    padding = draft.layers[last]
    if not re.fullmatch(re.escape(layer.name) + "_pad_*", before.name) or readers[before.key] != 1:
        return reads
    if not padding.type.startswith("zero_padding"):
        return reads
    amounts = padding.layer.keras(padding.input_shapes)[-1].config["padding"]
    keys["padding"] = amounts if isinstance(amounts[0], list) else [amounts]
    draft.layers.pop()
    del layer_of[last]
    return padding.sources
