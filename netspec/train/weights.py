"""Weights outside of a model: read from npz, keras and weights.h5 files; equal weights are written as equal bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netspec.diagnostics import Diagnostic, Note, SpecError, ToolError
from netspec.graph import Graph, GraphLayer
from netspec.layers.base import describe
from netspec.system.missing import MEND_LINK, broken_link
from netspec.system.writing import naming
from netspec.train.archive import canonical_h5, write_zip
from netspec.train.model import named_weights
from netspec.train.weight_files import UNREADABLE, Found, read_arrays, read_arrays_isolated, reason

if TYPE_CHECKING:
    import keras

FloatArray = npt.NDArray[np.float32]
Weights = dict[tuple[str, str], FloatArray]
"""{(layer, weight): array}, in the graph's order."""

_VARIABLES = "model.weights.h5"
_CONFIG = "config.json"
_MOST_SHOWN = 20


def read_weights(path: Path, graph: Graph, *, isolated: bool = False) -> Weights:
    """Return the graph's weights from a `.npz` (keys `layer/weight`), `.keras` or `.weights.h5` file, without Keras.

    Arrays of the Keras files belong to layers by the layer's name and stand in Keras' order within it. A file of which
    nothing is known is read `isolated`, in a process of its own. Raises `ToolError` for a file that cannot be opened,
    and `SpecError` for one whose content is malformed, or with every missing, superfluous, non-finite or misshapen
    array.
    """
    wanted = {
        layer.name: [(weight.name, weight.shape) for weight in layer.weights] for layer in graph.layers if layer.weights
    }
    read = read_arrays_isolated if isolated and not path.name.endswith(".npz") else read_arrays
    try:
        found, odd = read(path, wanted)
    except FileNotFoundError:
        link = broken_link(str(path))
        raise ToolError(link or f"there is no weights file {path}", MEND_LINK if link else "check the path") from None
    except (PermissionError, IsADirectoryError) as error:
        raise ToolError(f"the weights file {path} cannot be opened: {error.strerror}") from error
    except UNREADABLE as error:
        raise SpecError(
            Diagnostic(
                "weights-mismatch",
                f"the weights file {path} cannot be read: {reason(error)}",
                graph.spec.span("weights"),
                help="save it again, with Keras 3 or write_npz",
                path="weights",
            )
        ) from error
    return _matched(graph, path, found, odd)


def write_npz(weights: Mapping[tuple[str, str], FloatArray], path: Path) -> None:
    """Write weights as npz with keys `layer/weight`, float32; the same weights give the same bytes."""
    write_zip(path, {f"{layer}/{weight}.npy": _npy(array) for (layer, weight), array in sorted(weights.items())})


def weights_digest(weights: Mapping[tuple[str, str], FloatArray]) -> str:
    """Return the SHA-256 of names, shapes and values, in hexadecimal."""
    digest = hashlib.sha256()
    for (layer, weight), array in sorted(weights.items()):
        digest.update(f"{layer}/{weight} {list(array.shape)}\n".encode())
        digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()


def get_weights(model: keras.Model, graph: Graph) -> Weights:
    """Return a copy of the model's weights."""
    return {
        (layer.name, name): np.array(variable.numpy(), dtype=np.float32)
        for layer in graph.layers
        for name, variable in named_weights(model.get_layer(layer.name))
    }


def set_weights(model: keras.Model, weights: Mapping[tuple[str, str], FloatArray]) -> None:
    """Give a model its weights. Raises `AssertionError` unless they are exactly the model's, in name and shape."""
    variables = {(layer.name, name): variable for layer in model.layers for name, variable in named_weights(layer)}
    assert set(variables) == set(weights), f"weights differ: {sorted(set(variables) ^ set(weights))}"
    for key, variable in variables.items():
        assert tuple(variable.shape) == weights[key].shape, f"{key}: {variable.shape}, {weights[key].shape}"
        variable.assign(weights[key])


def set_some_weights(model: keras.Model, weights: Mapping[tuple[str, str], FloatArray]) -> None:
    """Give some layers their weights and leave the others as they are; names and shapes must be the model's."""
    variables = {(layer.name, name): variable for layer in model.layers for name, variable in named_weights(layer)}
    for key, array in weights.items():
        assert tuple(variables[key].shape) == array.shape, f"{key}: {variables[key].shape}, {array.shape}"
        variables[key].assign(array)


def save_model(model: keras.Model, path: Path) -> None:
    """Write a model as a `.keras` file for inference; the same model gives the same bytes, on any day.

    It holds what Keras saves but for the date, the compilation and the optimizer's state.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "model.keras"
        with naming(raw):
            model.save(raw)
        with zipfile.ZipFile(raw) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(members["metadata.json"])
    metadata.pop("date_saved", None)
    config = json.loads(members[_CONFIG])
    config["compile_config"] = None
    _number_shared_objects(config, {})
    write_zip(
        path,
        {
            "metadata.json": json.dumps(metadata, sort_keys=True).encode(),
            _CONFIG: json.dumps(config).encode(),
            _VARIABLES: canonical_h5(members[_VARIABLES], ("layers", "vars")),
        },
    )


def _number_shared_objects(node: Any, numbers: dict[int, int]) -> None:
    """Replace the memory addresses by which Keras tells shared objects with their order of appearance."""
    if isinstance(node, dict):
        if "shared_object_id" in node:
            node["shared_object_id"] = numbers.setdefault(node["shared_object_id"], len(numbers))
        for value in node.values():
            _number_shared_objects(value, numbers)
    elif isinstance(node, list):
        for value in node:
            _number_shared_objects(value, numbers)


def _npy(array: npt.NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array, dtype="<f4"), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _matched(graph: Graph, path: Path, found: Found, odd: list[str]) -> Weights:
    faults: list[Diagnostic] = []
    weights: Weights = {}
    for layer in graph.layers:
        for weight in layer.weights:
            array = found.pop((layer.name, weight.name), None)
            if array is None:
                faults.append(_fault(layer, f"{path.name} has no array '{weight.name}' of layer '{layer.name}'"))
            elif array.shape != weight.shape:
                message = (
                    f"'{weight.name}' of layer '{layer.name}' is {describe(weight.shape)} in the spec and "
                    f"{describe(array.shape)} in {path.name}"
                )
                faults.append(_fault(layer, message))
            elif array.dtype.kind != "f":
                message = f"'{weight.name}' of layer '{layer.name}' is {array.dtype} in {path.name}, not floats"
                faults.append(_fault(layer, message))
            elif not np.isfinite(array := array.astype(np.float32)).all():
                message = f"'{weight.name}' of layer '{layer.name}' holds values in {path.name} that are not finite"
                faults.append(_fault(layer, message))
            else:
                weights[layer.name, weight.name] = np.ascontiguousarray(array)
    surplus = [*("/".join(key) for key in found), *odd]
    if surplus:
        faults.append(
            Diagnostic(
                "weights-mismatch",
                f"{path.name} has arrays that the spec does not: {_listed(surplus)}",
                graph.spec.span("weights"),
                help="add the layers, name them as the file does, or choose another file",
                path="weights",
            )
        )
    if faults:
        raise SpecError(faults)
    return weights


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_SHOWN]) + (
        f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    )


def _fault(layer: GraphLayer, message: str) -> Diagnostic:
    return Diagnostic(
        "weights-mismatch",
        message,
        layer.item.type_span,
        help="the file belongs to another spec; change the layer, or choose another file",
        notes=(Note(f"the spec's weights are {', '.join(f'{w.name} {describe(w.shape)}' for w in layer.weights)}"),),
        path=layer.item.place,
    )
