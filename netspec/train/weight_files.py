"""Arrays of npz, keras and weights.h5 files. Only what is wanted is unpacked, and no more than it should be.

A few bytes may declare, or unpack to, terabytes. So an array is read once its shape and type are known to be those that
were asked for, and others are but described, by an array of zeros that takes no memory.
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from netspec.data.headers import Header, HeaderError, read_header
from netspec.diagnostics import ToolError
from netspec.system.files import open_regular, read_at_most
from netspec.system.isolation import ReaderFailed, answer, begin_call, end_calls, limit_memory, limit_time, run_isolated

Wanted = Mapping[str, Sequence[tuple[str, tuple[int, ...]]]]
"""{layer: its weights' names and shapes, in Keras' order}."""
Found = dict[tuple[str, str], npt.NDArray[np.generic]]
"""{(layer, weight): array}."""

UNREADABLE = (
    OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError, TypeError,
    AttributeError, HeaderError,
)  # fmt: skip
"""What reading a malformed file may raise."""

_VARIABLES = "model.weights.h5"
_CONFIG = "config.json"
_LARGEST_CONFIG = 32 * 1024**2
# Beside the wanted arrays a file may hold an optimizer's, two for each, and what HDF5 says of them all.
_TIMES_WANTED = 8
_BYTES_BESIDE = 64 * 1024**2
_DEEPEST = 4
# Where Keras files the layers inside of a layer, in the order of their weights; random generators are left out.
_INSIDE = ("cell", "layer", "forward_layer", "backward_layer")


def read_arrays(path: Path, wanted: Wanted) -> tuple[Found, list[str]]:
    """Return the arrays of wanted layers, and what else the file has. Raises one of `UNREADABLE`, and `ToolError`.

    Arrays of another shape or type than is wanted are described alone.
    """
    if not path.name.endswith((".npz", ".keras", ".h5")):
        raise ToolError(f"weights file {path} is of no known kind", help="use .npz, .keras or .weights.h5")
    open_regular(path).close()  # a pipe would never end
    if path.name.endswith(".npz"):
        return _from_npz(path, wanted)
    if path.name.endswith(".keras"):
        return _from_keras(path, wanted)
    most = _most_bytes(wanted)
    content = read_at_most(path, most)
    if content is None:
        raise ValueError(f"it has more than {most:,} bytes, far more than the spec's weights")
    return _from_h5(content, path, wanted, {})


def read_arrays_isolated(path: Path, wanted: Wanted, seconds: float | None = None) -> tuple[Found, list[str]]:
    """Return what `read_arrays` does, read in a process of its own: a malformed HDF5 file can hang its library."""
    limit = {} if seconds is None else {"seconds": seconds}
    open_regular(path).close()  # a file that is not there is no fault of its content
    try:
        header, content = run_isolated(__name__, [str(path.resolve())], json.dumps(wanted).encode(), **limit)
    except ReaderFailed as failure:
        raise ValueError(str(failure)) from None
    if "tool" in header:
        raise ToolError(header["tool"], header["help"])
    if "fault" in header:
        raise ValueError(header["fault"])
    found: Found = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for index, (layer, weight, shape, dtype) in enumerate(header["arrays"]):
            key = str(index)
            found[layer, weight] = arrays[key] if key in arrays else _described(tuple(shape), np.dtype(dtype))
    return found, header["odd"]


def reason(error: BaseException) -> str:
    """Return what a library says is wrong, in one line."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _most_bytes(wanted: Wanted) -> int:
    return _TIMES_WANTED * 4 * sum(prod(shape) for weights in wanted.values() for _, shape in weights) + _BYTES_BESIDE


def _described(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[np.generic]:
    """Return an array that only has a shape and a type."""
    return np.broadcast_to(np.zeros((), dtype), shape)


# ---------------------------------------------------------------------------------------------------------------- npz


def _from_npz(path: Path, wanted: Wanted) -> tuple[Found, list[str]]:
    shapes = {(layer, weight): shape for layer, weights in wanted.items() for weight, shape in weights}
    found: Found = {}
    odd = []
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(set(names)) != len(names):
            raise ValueError("an array stands in it twice")
        for name in names:
            key = name.removesuffix(".npy")
            layer, _, weight = key.partition("/")
            with archive.open(name) as member:
                header, _ = read_header(member, scalars=True)
                if not weight:
                    odd.append(key)
                elif shapes.get((layer, weight)) == header.shape and header.kind == "f":
                    found[layer, weight] = _values(member, header)
                else:
                    found[layer, weight] = _described(header.shape, _dtype(header))
    return found, odd


def _values(member: IO[bytes], header: Header) -> npt.NDArray[np.generic]:
    """Return the array behind a header. Raises ValueError where it is cut short."""
    content = member.read(header.nbytes)
    if len(content) < header.nbytes:
        raise ValueError(f"it ends within an array of {header.nbytes:,} bytes")
    return np.frombuffer(content, _dtype(header)).reshape(header.shape, order="F" if header.fortran else "C")


def _dtype(header: Header) -> np.dtype[Any]:
    texts = {"U": f"U{header.itemsize // 4}", "S": f"S{header.itemsize}", "M": "M8[s]", "m": "m8[s]", "V": "V1"}
    return np.dtype(texts.get(header.kind, f"{header.order}{header.kind}{header.itemsize}"))


# -------------------------------------------------------------------------------------------------------------- Keras


def _from_keras(path: Path, wanted: Wanted) -> tuple[Found, list[str]]:
    with zipfile.ZipFile(path) as archive:
        config = json.loads(_member(archive, _CONFIG, _LARGEST_CONFIG))
        content = _member(archive, _VARIABLES, _most_bytes(wanted))
    return _from_h5(content, path, wanted, _group_names(config))


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a member of a zip. Raises ValueError where it unpacks to more than it may."""
    if archive.namelist().count(name) > 1:
        raise ValueError(f"{name} is in it twice")
    with archive.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{name} unpacks to more than {most:,} bytes, far more than the spec's weights")
    return content


def _group_names(config: Mapping[str, Any]) -> dict[str, str]:
    """Return {HDF5 group: layer name}: Keras numbers groups by class, in the order of the config's layers."""
    counts: dict[str, int] = {}
    names = {}
    for layer in config["config"]["layers"]:
        snake = _snake_case(layer["class_name"])
        count = counts.get(snake, 0)
        counts[snake] = count + 1
        names[f"{snake}_{count}" if count else snake] = str(layer["config"]["name"])
    return names


def _snake_case(name: str) -> str:
    """Return a class name as Keras spells it in files: `Conv2D` is conv2d, `ZeroPadding2D` zero_padding2d."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _from_h5(content: bytes, path: Path, wanted: Wanted, names: Mapping[str, str]) -> tuple[Found, list[str]]:
    """Return the arrays under `layers/<group>`; `names` tells the layer of a group that does not say its own."""
    try:
        import h5py
    except ImportError as error:
        raise ToolError(
            f"reading {path} needs h5py, which cannot be imported: {error}",
            help="install netspec with its extra: pip install 'netspec-mcu[train]', or [train-cpu]",
        ) from error
    found: Found = {}
    odd = []
    begin_call()
    with h5py.File(io.BytesIO(content), "r") as file:
        groups = _group(h5py, file, "layers")
        if groups is None and "model_weights" in file:
            raise ToolError(f"{path} is a whole model of Keras 2", help=f"run `netspec import {path}`, and build that")
        for key in groups if groups is not None else ():
            begin_call()
            group = _group(h5py, groups, key)
            datasets = list(_datasets(h5py, group, 0)) if group is not None else []
            if not datasets:
                continue
            variables = _group(h5py, group, "vars")
            name = (variables.attrs if variables is not None else {}).get("name", names.get(key))
            if name is None:
                raise ToolError(
                    f"{path} does not say which layer '{key}' is", help="save the whole model as a .keras file"
                )
            weights = wanted.get(str(name), ())
            odd += [f"{name}/{index}" for index in range(len(weights), len(datasets))]
            for (weight, shape), dataset in zip(weights, datasets, strict=False):
                found[str(name), weight] = _array(dataset, shape)
    end_calls()
    return found, odd


def _group(h5py: Any, parent: Any, key: str) -> Any:
    """Return a group; None where there is none. A link would lead into another file, or round in a circle."""
    link = parent.get(key, getlink=True)
    child = parent[key] if isinstance(link, h5py.HardLink) else None
    return child if isinstance(child, h5py.Group) else None


def _datasets(h5py: Any, group: Any, depth: int) -> Iterator[Any]:
    """Give the data sets of a layer, then those of the layers inside it."""
    variables = _group(h5py, group, "vars")
    for key in sorted(variables, key=int) if variables is not None else ():
        # A link or an external data set would read files other than the one that was named.
        plain = isinstance(variables.get(key, getlink=True), h5py.HardLink)
        dataset = variables[key] if plain else None
        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
            raise ValueError(f"{variables.name}/{key} is no plain array")
        yield dataset
    for name in _INSIDE if depth < _DEEPEST else ():
        inner = _group(h5py, group, name)
        if inner is not None:
            yield from _datasets(h5py, inner, depth + 1)


def _array(dataset: Any, shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    if tuple(dataset.shape or ()) != tuple(shape) or dataset.dtype.kind != "f":
        return _described(tuple(dataset.shape or ()), dataset.dtype)
    return np.asarray(dataset[()])


# ----------------------------------------------------------------------------------------------- a process of its own


def _main(path: str) -> None:
    limit_memory()
    limit_time(Path(path))
    wanted = {layer: [(name, tuple(shape)) for name, shape in row] for layer, row in json.load(sys.stdin).items()}
    try:
        found, odd = read_arrays(Path(path), wanted)
    except ToolError as error:
        answer({"tool": error.message, "help": error.help})
        return
    except UNREADABLE as error:
        answer({"fault": reason(error)})
        return
    shapes = {(layer, name): shape for layer, row in wanted.items() for name, shape in row}
    arrays = [[layer, name, list(array.shape), array.dtype.str] for (layer, name), array in found.items()]
    whole = {
        str(index): array
        for index, (key, array) in enumerate(found.items())
        if array.shape == shapes.get(key) and array.dtype.kind == "f"
    }
    content = io.BytesIO()
    np.savez(content, **whole)  # type: ignore[arg-type]
    answer({"arrays": arrays, "odd": odd}, content.getvalue())


if __name__ == "__main__":
    _main(*sys.argv[1:])
