"""Open a Keras file: its config as plain data, its arrays one by one. No Keras, no TensorFlow, no code from the file.

A `.keras` file is a zip of config.json and an HDF5 file; a legacy `.h5` file is HDF5 with the config as an attribute.
What is unpacked is bounded, and an array is only read once its shape is known to be the expected one: a few bytes of
HDF5 can declare terabytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import ToolError
from netspec.importers.faults import MalformedModel, ModelFault
from netspec.layers.base import describe
from netspec.ops import Shape
from netspec.system.isolation import begin_call, end_calls

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_CONFIG = 32 * 1024**2
LARGEST_WEIGHTS = 2 * 1024**3
_INSIDE = ("cell", "layer", "forward_layer", "backward_layer")
"""Where Keras 3 files the layers inside of a layer, in the order of their weights."""
_MOST_PARTS = 16
"""Parts of an array's path that are compared with the names of layers."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer's arrays are: the containers around it and itself, each as (name, HDF5 group of Keras 3)."""

    path: tuple[tuple[str, str], ...]

    def inside(self, name: str, group: str) -> Place:
        return Place((*self.path, (name, group)))

    @property
    def name(self) -> str:
        return self.path[-1][0]


class KerasFile:
    """An open file. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._h5py = _import_h5py(path)
        with path.open("rb") as file:
            magic = file.read(4)
        self.legacy = magic[:2] != b"PK"
        begin_call()
        try:
            if self.legacy:
                if path.stat().st_size > LARGEST_WEIGHTS:
                    raise ModelFault(f"the file is larger than {LARGEST_WEIGHTS:,} bytes")
                self._arrays = self._h5py.File(path, "r")
                text = self._arrays.attrs.get("model_config")
                if text is None:
                    raise ModelFault(
                        "the file holds weights without a model", help="save the whole model: `model.save(...)`"
                    )
            else:
                with zipfile.ZipFile(path) as archive:
                    text = _member(archive, "config.json", LARGEST_CONFIG)
                    # Floats hardly compress, and Keras stores them as they are: more than this is a bomb.
                    most = min(LARGEST_WEIGHTS, 4 * path.stat().st_size + 64 * 1024**2)
                    weights = _member(archive, "model.weights.h5", most)
                self._arrays = self._h5py.File(io.BytesIO(weights), "r")
            self.config = read_config(text)
            self._owned: dict[tuple[str, ...], dict[str | None, list[str]]] = {}
        except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
            raise MalformedModel(f"the zip archive cannot be read: {_said(error)}") from error
        except (OSError, RuntimeError, ValueError) as error:
            raise MalformedModel(f"the HDF5 file cannot be read: {_said(error)}") from error
        finally:
            end_calls()

    def __enter__(self) -> KerasFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._arrays.close()

    def arrays(self, place: Place, shapes: Sequence[Shape]) -> list[NDArray[np.float32]]:
        """Return a layer's arrays in Keras' order as floats. Raises `ModelFault` where they are not of these shapes."""
        import numpy as np

        begin_call()
        try:
            datasets = list(self._legacy(place) if self.legacy else self._current(place))
            found = [tuple(dataset.shape) for dataset in datasets]
            if found != list(map(tuple, shapes)):
                raise MalformedModel(
                    f"layer '{place.name}' has arrays of {_shown(found)}, its config asks for {_shown(shapes)}"
                )
            arrays = []
            for dataset in datasets:
                if dataset.dtype.kind != "f":
                    raise MalformedModel(f"layer '{place.name}' has an array of {dataset.dtype}, not of floats")
                array = np.asarray(dataset[()], np.float32)
                if not np.isfinite(array).all():
                    raise MalformedModel(f"layer '{place.name}' has values that are not finite")
                arrays.append(np.ascontiguousarray(array))
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise MalformedModel(f"the arrays of layer '{place.name}' cannot be read: {_said(error)}") from error
        finally:
            end_calls()
        return arrays

    def _current(self, place: Place) -> Iterator[Any]:
        """Give the data sets of Keras 3: `layers/GROUP/vars/0`; a container has `layers` of its own.

        Newer files tell the layer's name beside its arrays; in the others groups are counted by class.
        """
        group = self._arrays
        for name, counted in place.path:
            groups = self._child(group, "layers")
            if groups is None:
                return
            named = {self._name_of(groups, key): key for key in groups} if len(groups) <= 100_000 else {}
            group = self._child(groups, named.get(name, counted))
            if group is None:
                return
        yield from self._inside(group)

    def _name_of(self, groups: Any, key: str) -> str:
        child = self._child(groups, key)
        variables = self._child(child, "vars") if child is not None else None
        return str(variables.attrs.get("name", "")) if variables is not None else ""

    def _inside(self, group: Any, depth: int = 0) -> Iterator[Any]:
        variables = self._child(group, "vars")
        if variables is not None:
            for key in sorted((key for key in variables if key.isdecimal()), key=int):
                yield self._dataset(variables, key)
        for name in _INSIDE:
            inner = self._child(group, name) if depth < len(_INSIDE) else None
            if inner is not None:
                yield from self._inside(inner, depth + 1)

    def _legacy(self, place: Place) -> Iterator[Any]:
        """Give the data sets of Keras 2: a group for each outer layer, with the paths of its arrays in an attribute.

        A model inside lists the arrays of all its layers; the layer's name is in their paths.
        """
        weights = self._child(self._arrays, "model_weights")
        outer = self._child(weights, place.path[0][0]) if weights is not None else None
        if outer is None:
            return
        for name in self._written(place, outer):
            *parents, last = name.split("/")
            group = outer
            for part in parents:
                group = self._child(group, part)
                if group is None:
                    raise MalformedModel(f"layer '{place.name}' names an array '{name}' that is not there")
            yield self._dataset(group, last)

    def _written(self, place: Place, outer: Any) -> list[str]:
        """Return the paths of a layer's arrays in the group of the outer layer."""
        container = tuple(name for name, _ in place.path[:-1])
        if (found := self._owned.get(container)) is None:
            written = outer.attrs.get("weight_names", ())
            names = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in written]
            if not container:
                return names
            found = self._owned[container] = {}
            layers = layer_names(self.config, container)
            for name in names:
                found.setdefault(_owner(name.split("/")[:-1], layers), []).append(name)
        return found.get(place.name, [])

    def _child(self, group: Any, key: str) -> Any:
        """Return a group; None where there is none. A link to elsewhere is refused: it may lead into another file."""
        link = group.get(key, getlink=True)
        if link is None:
            return None
        if not isinstance(link, self._h5py.HardLink):
            raise MalformedModel(f"'{key}' is a link, which a Keras file does not have")
        child = group[key]
        return child if isinstance(child, self._h5py.Group) else None

    def _dataset(self, group: Any, key: str) -> Any:
        dataset = group[key] if isinstance(group.get(key, getlink=True), self._h5py.HardLink) else None
        if not isinstance(dataset, self._h5py.Dataset) or dataset.external or dataset.is_virtual:
            raise MalformedModel(f"'{key}' of {group.name} is no plain array")
        return dataset


def layer_names(config: Mapping[str, Any], container: Sequence[str]) -> frozenset[str]:
    """Return the names of the layers of a model inside of models."""
    for step in (*container, None):
        inner = config.get("config")
        layers = inner.get("layers") if isinstance(inner, dict) else inner
        named: dict[str, Mapping[str, Any]] = {}
        for layer in layers if isinstance(layers, list) else ():
            held = layer.get("config") if isinstance(layer, dict) else None
            name = layer.get("name") or (held.get("name") if isinstance(held, dict) else None) if held else None
            if isinstance(name, str):
                named[name] = layer
        if step is None or step not in named:
            break
        config = named[step]
    return frozenset(named)


def _owner(parts: Sequence[str], layers: frozenset[str]) -> str | None:
    """Return the layer whose name is in the path of an array: a name may have slashes, and the longest one counts."""
    parts = parts[:_MOST_PARTS]
    for length in range(len(parts), 0, -1):
        for start in range(len(parts) - length + 1):
            name = "/".join(parts[start : start + length])
            if name in layers:
                return name
    return None


def _import_h5py(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ToolError(
            f"reading {path} needs h5py, which cannot be imported: {error}", help="pip install h5py"
        ) from error
    return h5py


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a member of a zip that unpacks to no more than it may."""
    if archive.namelist().count(name) > 1:
        raise ModelFault(f"{name} is in it twice")
    with archive.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise ModelFault(f"{name} unpacks to more than {most:,} bytes")
    return content


def read_config(text: str | bytes) -> dict[str, Any]:
    """Return a model's config from its JSON. Raises `ModelFault` where it is none, or too large."""
    if len(text) > LARGEST_CONFIG:
        raise ModelFault(f"the config is larger than {LARGEST_CONFIG:,} bytes")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedModel(f"the config is no JSON: {_said(error)}") from error
    if not isinstance(config, dict):
        raise MalformedModel("the config is no mapping")
    return config


def _said(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _shown(shapes: Sequence[Shape]) -> str:
    return ", ".join(map(describe, shapes)) or "no shape at all"
