"""The arrays of `npz` and `npy`: where each lies, what its header says, and which input or output it belongs to."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from netspec.data.faults import Faults, located, reason
from netspec.data.headers import MAGIC, Header, HeaderError, read_header
from netspec.diagnostics import nearest, suggestion
from netspec.graph import Graph
from netspec.spec.data_forms import CalibrationData
from netspec.system.files import open_regular

SPLITS = ("train", "val", "test")

T = TypeVar("T")
Found = dict[str, dict[str, T]]
"""{split: {"x/<input>" or "y/<output>": what holds it}}, split being train, val or test."""

UNREADABLE = (
    OSError, EOFError, HeaderError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, ValueError, KeyError,
    OverflowError, RuntimeError,
)  # fmt: skip
"""What opening and reading a file may raise: Python's zipfile lets through what a damaged archive trips over."""


@dataclass(frozen=True, slots=True)
class Source:
    """An array in a file: `member` of an archive, or the whole file.

    `offset` is where the values begin in the file, None where they are compressed; `name` is for messages and `key`
    the key of the spec.
    """

    path: Path
    name: str
    key: str | None
    member: str | None
    header: Header
    offset: int | None

    def values(self) -> IO[bytes]:
        """Open the file or the member at the first value."""
        if self.member is None:
            file = self.path.open("rb")
            file.seek(self.offset or 0)
            return file
        with zipfile.ZipFile(self.path) as archive:
            stream = archive.open(self.member)  # keeps the file open after the archive is closed
        read_header(stream)
        return stream


def find_sources(graph: Graph, faults: Faults) -> Found[Source]:
    """Return the arrays that an `npz` or `npy` loader finds; what is missing or unreadable goes to `faults`."""
    data = faults.data
    if data.npz is not None:
        name = data.npz
        members = _archive(located(graph.spec, name), name, faults)
        if members is None:
            return {}
        return assign(members, graph, faults, name, lambda stem: _member(located(graph.spec, name), name, stem, faults))
    assert data.npy is not None
    files: dict[str, tuple[str, str]] = {}  # npz name of the array: (file, key of the spec)
    for key in type(data.npy).model_fields:
        value = getattr(data.npy, key)
        stem = key if "_" in key else f"{key}_train"
        if isinstance(value, str):
            files[stem] = (value, key)
        elif value is not None:
            files |= {f"{stem}_{name}": (file, key) for name, file in value.items()}
    return assign(files, graph, faults, "npy", lambda stem: _file(graph, *files[stem], faults))


def find_calibration(graph: Graph, data: CalibrationData, faults: Faults) -> dict[str, Source]:
    """Return the array of each input that `quantize.calibration.data` names, as `x/<input>`."""
    names = tuple(graph.inputs)
    found: dict[str, Source | None] = {}
    if data.npz is None:
        files = data.npy if isinstance(data.npy, dict) else {names[0]: data.npy or ""}
        for name in files:
            if name not in names:
                message = f"npy has a file for '{name}', which is no input"
                hint = suggestion(name, names, "the inputs are")
                faults.add("data-unknown-array", message, help=hint, key=name)
        for name in names:
            if name not in files:
                faults.add("data-missing-array", f"npy has no file for input '{name}'", help=f"add `{name}: FILE`")
            else:
                key = name if isinstance(data.npy, dict) else None
                found[f"x/{name}"] = _file(graph, files[name], key, faults)
    else:
        path = located(graph.spec, data.npz)
        members = _archive(path, data.npz, faults)
        if members is not None:
            stems = unlabelled_names(members, graph, faults, data.npz)
            found = {f"x/{name}": _member(path, data.npz, stem, faults) for name, stem in stems.items()}
    return {item: source for item, source in found.items() if source is not None}


def unlabelled_names(present: Collection[str], graph: Graph, faults: Faults, source: str) -> dict[str, str]:
    """Return the name of each input's array among those that are there: its own, or a name of training data."""
    stems: dict[str, str] = {}
    for name in graph.inputs:
        choices = (name, f"x_train_{name}", *(("x", "x_train") if len(graph.inputs) == 1 else ()))
        stem = next((each for each in choices if each in present), None)
        if stem is None:
            message = f"{source} has no array for input '{name}'; it has {', '.join(present) or 'no arrays'}"
            faults.add("data-missing-array", message, help=f"save it as '{name}'")
        else:
            stems[name] = stem
    return stems


def assign(
    present: Iterable[str], graph: Graph, faults: Faults, source: str, read: Callable[[str], T | None]
) -> Found[T]:
    """Return arrays by split, from their names: `x_train`, or `x_train_image` where there are several inputs.

    `read` is called for every name that is used, and returns None after it has noted a fault.
    """
    present = list(present)
    wanted = _wanted(graph)
    _note_unknown(present, wanted, faults, source)
    _note_duplicates(present, wanted, faults, source)
    found: Found[T] = {}
    for split, keys in wanted.items():
        chosen = {item: next((key for key in choices if key in present), None) for item, choices in keys.items()}
        if split != "train" and not any(chosen.values()):
            continue
        missing = [keys[item][0] for item, key in chosen.items() if key is None]
        if missing:
            faults.add(
                "data-missing-array",
                f"{source} has no {' nor '.join(missing)}; it has {', '.join(present) or 'no arrays'}",
                help=f"add {', '.join(missing)}",
            )
            continue
        arrays = {item: read(key) for item, key in chosen.items() if key is not None}
        found[split] = {item: array for item, array in arrays.items() if array is not None}
    return found


Wanted = dict[str, dict[str, list[str]]]
"""{split: {"x/<input>" or "y/<output>": the names that its array may have}}."""


def _wanted(graph: Graph) -> Wanted:
    wanted: Wanted = {}
    for split in SPLITS:
        wanted[split] = {}
        for axis, names in (("x", tuple(graph.inputs)), ("y", graph.outputs)):
            for item in names:
                bare = [f"{axis}_{split}"] if len(names) == 1 else []
                wanted[split][f"{axis}/{item}"] = [*bare, f"{axis}_{split}_{item}"]
    return wanted


def _note_unknown(present: Iterable[str], wanted: Wanted, faults: Faults, source: str) -> None:
    """Note arrays that are named as those of an input or output are, and belong to none."""
    known = {key for keys in wanted.values() for choices in keys.values() for key in choices}
    for key in present:
        if key.startswith(("x_", "y_")) and key not in known:
            near = nearest(key, sorted(known))
            hint = f"did you mean `{near}`?" if near else f"the arrays are {', '.join(sorted(known))}"
            faults.add("data-unknown-array", f"array '{key}' of {source} belongs to no input or output", help=hint)


def _note_duplicates(present: Collection[str], wanted: Wanted, faults: Faults, source: str) -> None:
    """Note arrays that are there under two names."""
    for choices in (choices for keys in wanted.values() for choices in keys.values()):
        both = [key for key in choices if key in present]
        if len(both) > 1:
            message = f"{source} has {' and '.join(both)}, which are names of the same array"
            faults.add("data-duplicate-name", message, help="remove one of the two")


def _archive(path: Path, name: str, faults: Faults) -> list[str] | None:
    """Return the names of an archive's arrays, or None after noting why there are none."""
    try:
        with open_regular(path) as file:
            if file.read(len(MAGIC)) == MAGIC:
                message = f"{name} is one array, not an npz archive"
                faults.add("data-unreadable", message, help="use `{npy: {x: FILE, y: FILE}}`")
                return None
            with zipfile.ZipFile(file) as archive:
                names = [item.removesuffix(".npy") for item in archive.namelist() if item.endswith(".npy")]
        twice = sorted(item for item, count in Counter(names).items() if count > 1)
        for item in twice:
            message = f"array '{item}' is in {name} {names.count(item)} times"
            faults.add("data-duplicate-name", message, help="save the file again with np.savez")
        return None if twice else names
    except FileNotFoundError:
        faults.missing(path, name)
    except UNREADABLE as error:
        message = f"{name} cannot be read as numpy arrays: {reason(error)}"
        faults.add("data-unreadable", message, help="save plain numbers with np.savez")
    return None


def _member(path: Path, name: str, stem: str, faults: Faults) -> Source | None:
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            info = archive.getinfo(f"{stem}.npy")
            with archive.open(info) as stream:
                header, taken = read_header(stream, info.file_size)
            plain = info.compress_type == zipfile.ZIP_STORED
            return Source(path, name, None, info.filename, header, _begin(file, info) + taken if plain else None)
    except UNREADABLE as error:
        faults.add(
            "data-unreadable",
            f"array '{stem}' of {name} cannot be read: {reason(error)}",
            help="save plain numbers with np.savez, samples along the first axis",
        )
        return None


def _begin(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Return where a stored member begins: after its local header, whose extra field is not the directory's."""
    file.seek(info.header_offset)
    local = file.read(30)
    if len(local) < 30:
        raise zipfile.BadZipFile("it is truncated")
    name, extra = struct.unpack("<HH", local[26:30])
    begin: int = info.header_offset + 30 + name + extra
    if begin + info.file_size > file.seek(0, 2):
        raise zipfile.BadZipFile("it is truncated")
    return begin


def _file(graph: Graph, name: str, key: str | None, faults: Faults) -> Source | None:
    path = located(graph.spec, name)
    try:
        with open_regular(path) as file:
            header, taken = read_header(file, path.stat().st_size)
        return Source(path, name, key, None, header, taken)
    except FileNotFoundError:
        faults.missing(path, name, key=key)
    except UNREADABLE as error:
        message = f"{name} cannot be read as a numpy array: {reason(error)}"
        faults.add("data-unreadable", message, help="save plain numbers with np.save", key=key)
    return None
