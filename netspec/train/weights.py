"""Weights outside of a model: read from npz, keras and weights.h5 files; equal weights are written as equal bytes."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netspec.diagnostics import Diagnostic, Note, SpecError, ToolError
from netspec.graph import Graph, GraphLayer
from netspec.layers.base import describe
from netspec.train.archive import canonical_h5, write_zip
from netspec.train.model import named_weights

if TYPE_CHECKING:
    import keras

FloatArray = npt.NDArray[np.float32]
Weights = dict[tuple[str, str], FloatArray]
"""{(layer, weight): array}, in the graph's order."""

_VARIABLES = "model.weights.h5"
_CONFIG = "config.json"


def read_weights(path: Path, graph: Graph) -> Weights:
    """Return the graph's weights from a `.npz` (keys `layer/weight`), `.keras` or `.weights.h5` file, without Keras.

    Arrays of the Keras files belong to layers by the layer's name and stand in Keras' order within it. Raises
    `ToolError` for a file that cannot be opened, and `SpecError` for one whose content is malformed, or with every
    missing, superfluous, non-finite or misshapen array.
    """
    try:
        if path.name.endswith(".npz"):
            return _matched(graph, path, *_from_npz(path, graph))
        if path.name.endswith(".keras"):
            return _matched(graph, path, *_from_keras(path, graph))
        if path.name.endswith(".h5"):
            return _matched(graph, path, *_from_h5(path.read_bytes(), path, graph, {}))
    except FileNotFoundError:
        raise ToolError(f"there is no weights file {path}", help="check the path") from None
    except (PermissionError, IsADirectoryError) as error:
        raise ToolError(f"the weights file {path} cannot be opened: {error.strerror}") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpecError(
            Diagnostic(
                "weights-mismatch",
                f"the weights file {path} cannot be read: {reason}",
                graph.spec.span("weights"),
                help="save it again, with Keras 3 or write_npz",
                path="weights",
            )
        ) from error
    raise ToolError(f"weights file {path} is of no known kind", help="use .npz, .keras or .weights.h5")


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


_Found = dict[tuple[str, str], npt.NDArray[np.generic]]


def _from_npz(path: Path, graph: Graph) -> tuple[_Found, list[str]]:
    """Return the arrays of an npz file. Only those of the expected shape are unpacked, the others are but described."""
    wanted = {f"{layer.name}/{weight.name}": weight.shape for layer in graph.layers for weight in layer.weights}
    found: _Found = {}
    odd = []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            key = info.filename.removesuffix(".npy")
            layer, _, weight = key.partition("/")
            with archive.open(info) as member:
                shape, dtype = _npy_header(member)
            if not weight:
                odd.append(key)
            elif wanted.get(key) == shape:
                with archive.open(info) as member:
                    found[layer, weight] = np.lib.format.read_array(member, allow_pickle=False)
            else:
                found[layer, weight] = np.broadcast_to(np.zeros((), dtype), shape)
    return found, odd


def _npy_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of an array in numpy's format. Raises ValueError for anything else, and for objects."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    if dtype.hasobject:
        raise ValueError("an array of Python objects is a pickle, which is not loaded")
    return shape, dtype


def _from_keras(path: Path, graph: Graph) -> tuple[_Found, list[str]]:
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read(_CONFIG))
        content = archive.read(_VARIABLES)
    return _from_h5(content, path, graph, _group_names(config))


def _group_names(config: dict[str, Any]) -> dict[str, str]:
    """Return {HDF5 group: layer name}: Keras numbers groups by class, in the order of the config's layers."""
    counts: dict[str, int] = {}
    names = {}
    for layer in config["config"]["layers"]:
        snake = _snake_case(layer["class_name"])
        count = counts.get(snake, 0)
        counts[snake] = count + 1
        names[f"{snake}_{count}" if count else snake] = layer["config"]["name"]
    return names


def _snake_case(name: str) -> str:
    """Return a class name as Keras spells it in files: `Conv2D` is conv2d, `ZeroPadding2D` zero_padding2d."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _from_h5(content: bytes, path: Path, graph: Graph, names: dict[str, str]) -> tuple[_Found, list[str]]:
    """Return the arrays under `layers/<group>`; `names` tells the layer of a group that does not say its own."""
    try:
        import h5py
    except ImportError as error:
        raise ToolError(
            f"reading {path} needs h5py, which cannot be imported: {error}",
            help="install netspec with its extra: pip install 'netspec-mcu[train]', or [train-cpu]",
        ) from error
    by_name = {layer.name: layer for layer in graph.layers}
    found: _Found = {}
    odd = []
    with h5py.File(io.BytesIO(content), "r") as file:
        for group in file.get("layers", {}):
            arrays = list(_arrays(h5py, file["layers"][group]))
            if not arrays:
                continue
            variables = file["layers"][group].get("vars")
            name = (variables.attrs if variables is not None else {}).get("name", names.get(group))
            if name is None:
                raise ToolError(
                    f"{path} does not say which layer '{group}' is", help="save the whole model as a .keras file"
                )
            layer = by_name.get(str(name))
            if layer is None:
                odd += [f"{name}/{index}" for index in range(len(arrays))]
                continue
            for index, array in enumerate(arrays):
                if index < len(layer.weights):
                    found[layer.name, layer.weights[index].name] = array
                else:
                    odd.append(f"{name}/{index}")
    return found, odd


# Where Keras files the layers inside of a layer, in the order of their weights; random generators are left out.
_INSIDE = ("cell", "layer", "forward_layer", "backward_layer")


def _arrays(h5py: Any, group: Any) -> Iterator[npt.NDArray[np.generic]]:
    """Give the arrays of a layer, then those of the layers inside it."""
    if "vars" in group:
        yield from _ordered(h5py, group["vars"])
    for name in _INSIDE:
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            yield from _arrays(h5py, group[name])


def _ordered(h5py: Any, variables: Any) -> Iterator[npt.NDArray[np.generic]]:
    for key in sorted(variables, key=int):
        # A link or an external data set would read files other than the one that was named.
        plain = isinstance(variables.get(key, getlink=True), h5py.HardLink)
        dataset = variables[key] if plain else None
        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
            raise ValueError(f"{variables.name}/{key} is no plain array")
        yield dataset[()]


def _matched(graph: Graph, path: Path, found: _Found, odd: list[str]) -> Weights:
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
                f"{path.name} has arrays that the spec does not: {', '.join(surplus)}",
                graph.spec.span("weights"),
                help="add the layers, name them as the file does, or choose another file",
                path="weights",
            )
        )
    if faults:
        raise SpecError(faults)
    return weights


def _fault(layer: GraphLayer, message: str) -> Diagnostic:
    return Diagnostic(
        "weights-mismatch",
        message,
        layer.item.type_span,
        help="the file belongs to another spec; change the layer, or choose another file",
        notes=(Note(f"the spec's weights are {', '.join(f'{w.name} {describe(w.shape)}' for w in layer.weights)}"),),
        path=layer.item.place,
    )
