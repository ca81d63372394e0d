"""The loaders of `train.data`: npz, npy, csv -> arrays by split and name, as the files hold them."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netspec.diagnostics import Diagnostic, SpecError, ToolError, nearest
from netspec.spec import Spec

Array = npt.NDArray[np.generic]
Loaded = dict[str, dict[str, Array]]
"""{split: {"x/<input>" or "y/<output>": array}}, split being train, val or test."""

_SPLITS = ("train", "val", "test")


class Faults:
    """Collects what is wrong with the data, at the places in the spec that name it."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        assert spec.train is not None
        self.kind = spec.train.data[0]
        self.found: list[Diagnostic] = []

    def add(self, rule: str, message: str, *, help: str | None = None, key: str | None = None) -> None:
        """Note a fault at `train.data`, or at one of the loader's keys."""
        place = ("train", "data", self.kind, *((key,) if key else ()))
        self.found.append(Diagnostic(rule, message, self.spec.span(*place), help=help, path=".".join(place)))

    def raise_any(self) -> None:
        """Raise `SpecError` if there are faults."""
        if self.found:
            raise SpecError(self.found)


def load_arrays(spec: Spec, outputs: tuple[str, ...], faults: Faults) -> Loaded:
    """Return the arrays that the spec's loader finds; what is missing or unreadable goes to `faults`.

    Raises `ToolError` for a loader that this version does not have.
    """
    assert spec.train is not None
    kind, source = spec.train.data
    loaders: dict[str, Callable[[Spec, Any, tuple[str, ...], Faults], Loaded]] = {
        "npz": _npz,
        "npy": _npy,
        "csv": _csv,
    }
    if kind not in loaders:
        raise ToolError(
            f"this version of netspec cannot load '{kind}' data yet", help="save the arrays as `{npz: FILE}`"
        )
    return loaders[kind](spec, source, outputs, faults)


def _resolve(spec: Spec, name: str) -> Path:
    return Path(spec.document.path).parent / name


def _read(path: Path, name: str, faults: Faults, key: str | None = None) -> Any:
    """Return what numpy finds in a file, never unpickling; None after noting why it cannot be read."""
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, beside)
        hint = f"did you mean {Path(name).parent / near}?" if near else "paths are relative to the spec"
        faults.add("data-file", f"there is no file {name}", help=hint, key=key)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        faults.add(
            "data-file",
            f"{name} cannot be read as numpy arrays: {str(error).splitlines()[0].lower() if str(error) else 'empty'}",
            help="save plain numbers with np.savez_compressed or np.save",
            key=key,
        )
    return None


def _npz(spec: Spec, name: str, outputs: tuple[str, ...], faults: Faults) -> Loaded:
    archive = _read(_resolve(spec, name), name, faults)
    if archive is None:
        return {}
    if not isinstance(archive, np.lib.npyio.NpzFile):
        faults.add("data-file", f"{name} is one array, not an npz archive", help="use `{npy: {x: FILE, y: FILE}}`")
        return {}
    with archive:
        return _pick(spec, outputs, faults, archive.files, lambda key: _member(archive, key, name, faults), name)


def _member(archive: Any, key: str, name: str, faults: Faults) -> Array:
    try:
        array: Array = archive[key]
        if array.ndim == 0:
            raise ValueError("it has no axis of samples")
        return array
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        faults.add(
            "data-arrays",
            f"array '{key}' of {name} cannot be read: {str(error).splitlines()[0].lower()}",
            help="save plain numbers, samples along the first axis",
        )
        return np.zeros(0)


def _pick(
    spec: Spec,
    outputs: tuple[str, ...],
    faults: Faults,
    present: list[str],
    read: Callable[[str], Array],
    source: str,
) -> Loaded:
    """Return the arrays by split; those of one input or output may go without its name."""
    wanted: dict[str, dict[str, list[str]]] = {}
    for split in _SPLITS:
        wanted[split] = {}
        for axis, names in (("x", tuple(spec.inputs)), ("y", outputs)):
            for item in names:
                bare = [f"{axis}_{split}"] if len(names) == 1 else []
                wanted[split][f"{axis}/{item}"] = [*bare, f"{axis}_{split}_{item}"]
    known = {key for keys in wanted.values() for choices in keys.values() for key in choices}
    for key in present:
        if key.startswith(("x_", "y_")) and key not in known:
            near = nearest(key, sorted(known))
            hint = f"did you mean `{near}`?" if near else f"the arrays are {', '.join(sorted(known))}"
            faults.add("data-arrays", f"array '{key}' of {source} belongs to no input or output", help=hint)
    loaded: Loaded = {}
    for split, keys in wanted.items():
        found = {item: next((key for key in choices if key in present), None) for item, choices in keys.items()}
        if split != "train" and not any(found.values()):
            continue
        missing = [keys[item][0] for item, key in found.items() if key is None]
        if missing:
            faults.add(
                "data-arrays",
                f"{source} has no {' nor '.join(missing)}; it has {', '.join(present) or 'no arrays'}",
                help=f"add {', '.join(missing)}",
            )
            continue
        loaded[split] = {item: read(key) for item, key in found.items() if key is not None}
    return loaded


def _npy(spec: Spec, source: Mapping[str, Any], outputs: tuple[str, ...], faults: Faults) -> Loaded:
    files: dict[str, tuple[str, str]] = {}  # npz name of the array: (file, key of the spec)
    splits = {"x": "x_train", "y": "y_train"}
    for key, value in source.items():
        axis, _, split = key.partition("_")
        if axis not in splits or split not in ("", "val", "test"):
            faults.add(
                "unknown-key", f"unknown key '{key}' of npy", help="the keys are x, y, x_val, y_val, x_test, y_test"
            )
            continue
        stem = splits[key] if not split else key
        if isinstance(value, str):
            files[stem] = (value, key)
        elif isinstance(value, Mapping) and all(isinstance(file, str) for file in value.values()):
            files |= {f"{stem}_{name}": (file, key) for name, file in value.items()}
        else:
            faults.add("wrong-type", f"{key} must be a file, or a mapping of names to files", key=key)

    def read(stem: str) -> Array:
        name, key = files[stem]
        array = _read(_resolve(spec, name), name, faults, key)
        if array is not None and (not isinstance(array, np.ndarray) or array.ndim == 0):
            faults.add("data-file", f"{name} is not one array of samples", help="save it with np.save", key=key)
            array = None
        return np.zeros(0) if array is None else array

    return _pick(spec, outputs, faults, list(files), read, "npy")


def _csv(spec: Spec, source: Mapping[str, Any], outputs: tuple[str, ...], faults: Faults) -> Loaded:
    """Read a table: `target` is the label, every other column one input value, row by row in the input's shape."""
    for key in ("path", "target"):
        if not isinstance(source.get(key), str):
            faults.add("missing-key", f"csv needs the key '{key}'", help="write `{csv: {path: FILE, target: COLUMN}}`")
    for key in source:
        if key not in ("path", "target"):
            faults.add("unknown-key", f"unknown key '{key}' of csv", help="the keys are path, target", key=key)
    if len(spec.inputs) > 1 or len(outputs) > 1:
        message = f"csv feeds one input and one output, the spec has {len(spec.inputs)} and {len(outputs)}"
        faults.add("data-arrays", message, help="use `{npz: FILE}`")
    if faults.found:
        return {}
    name, target = source["path"], source["target"]
    rows = _rows(_resolve(spec, name), name, faults)
    if rows is None:
        return {}
    header, body = rows
    if target not in header:
        near = nearest(target, header)
        hint = f"did you mean `{near}`?" if near else f"the columns are {', '.join(header[:12])}"
        faults.add("data-arrays", f"{name} has no column '{target}'", help=hint, key="target")
        return {}
    column = header.index(target)
    features = [[cell for index, cell in enumerate(row) if index != column] for row in body]
    numbers = _numbers(features, [cell for cell in header if cell != target], name, faults)
    if numbers is None:
        return {}
    ((input_name, given),) = spec.inputs.items()
    if numbers.shape[1] == prod(given.shape):  # a table knows no axes, so a row is the input written in order
        numbers = numbers.reshape(len(numbers), *given.shape)
    labels = _labels([row[column] for row in body])
    return {"train": {f"x/{input_name}": numbers, f"y/{outputs[0]}": labels}}


def _rows(path: Path, name: str, faults: Faults) -> tuple[list[str], list[list[str]]] | None:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except FileNotFoundError:
        faults.add("data-file", f"there is no file {name}", help="paths are relative to the spec", key="path")
        return None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        faults.add("data-file", f"{name} cannot be read as csv: {error}", help="save it as UTF-8 text", key="path")
        return None
    if len(rows) < 2:
        faults.add("data-file", f"{name} has {len(rows)} rows, it needs a header and one sample", key="path")
        return None
    header, *body = rows
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            message = f"row {number} of {name} has {len(row)} cells, the header has {len(header)}"
            faults.add("data-values", message, help="give every column a value in every row", key="path")
            return None
    return header, body


def _numbers(rows: list[list[str]], columns: list[str], name: str, faults: Faults) -> Array | None:
    try:
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(columns))
    except ValueError:
        for number, row in enumerate(rows, start=2):
            for column, cell in zip(columns, row, strict=True):
                try:
                    float(cell)
                except ValueError:
                    message = f"'{cell}' in row {number}, column '{column}' of {name} is no number"
                    faults.add("data-values", message, help="write numbers in every column but the target")
                    return None
        raise


def _labels(cells: list[str]) -> Array:
    """Return a column as numbers; text is class numbers in the sorted order of the words."""
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        classes = {label: index for index, label in enumerate(sorted(set(cells)))}
        return np.array([classes[cell] for cell in cells], dtype=np.int32)
