"""The loaders of `train.data`: files -> samples by split and name, as the files hold them."""

from __future__ import annotations

import importlib
import sys
import traceback
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netspec.data import pictures, sounds
from netspec.data.classes import column_classes, given_classes
from netspec.data.faults import Faults, located, reason
from netspec.data.folders import Classes, find_classes
from netspec.data.labels import Column
from netspec.data.rules import check_class_count, check_headers, class_label_shape
from netspec.data.sources import UNREADABLE, Found, Source, assign, find_sources
from netspec.data.tables import TableError, open_table, refuse_several, row_shape
from netspec.diagnostics import ToolError, encodable
from netspec.graph import Graph
from netspec.ops import Shape
from netspec.spec.data_forms import Audio, Images
from netspec.train.audio_features import Features
from netspec.train.decode import BadPicture, read_clip, read_picture
from netspec.train.samples import Array, Samples, collected, read_array

Losses = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Samples by split and name, and the names of classes by output, in the order of their numbers."""

    samples: Found[Samples] = field(default_factory=dict)
    classes: dict[str, list[str]] = field(default_factory=dict)


def load_samples(graph: Graph, losses: Losses, faults: Faults) -> Loaded:
    """Return the arrays that the spec's loader finds; what is missing or unreadable goes to `faults`.

    Raises `ToolError` where a Python function fails, or a package is missing.
    """
    loaders: dict[str, Callable[[Graph, Losses, Faults], Loaded]] = {
        "npz": _arrays,
        "npy": _arrays,
        "csv": _table,
        "images": _images,
        "audio": _audio,
        "python": _python,
    }
    loaded = loaders[faults.data.kind](graph, losses, faults)
    return Loaded(loaded.samples, loaded.classes or given_classes(graph.spec, graph.outputs))


def _arrays(graph: Graph, losses: Losses, faults: Faults) -> Loaded:
    sources = find_sources(graph, faults)
    for split, held in sources.items():  # before gigabytes are read
        check_headers(faults, split, {item: source.header for item, source in held.items()}, graph, losses)
    if faults.failed():
        return Loaded()
    found: Found[Samples] = {}
    for split, held in sources.items():
        read = {item: read_source(source, faults) for item, source in held.items()}
        found[split] = {item: samples for item, samples in read.items() if samples is not None}
    return Loaded(found)


def read_source(source: Source, faults: Faults) -> Samples | None:
    try:
        with source.values() as stream:
            return read_array(source.header, stream, source.path, source.offset, source.name)
    except UNREADABLE as error:
        stem = f"array '{source.member.removesuffix('.npy')}' of " if source.member else ""
        message = f"{stem}{source.name} cannot be read: {reason(error)}"
        faults.add("data-unreadable", message, help="save it again", key=source.key)
        return None


def _table(graph: Graph, losses: Losses, faults: Faults) -> Loaded:
    """Read a table: `target` is the label, every other column one input value, row by row in the input's shape."""
    given = faults.data.csv
    assert given is not None
    table = None if refuse_several(graph, "csv", faults) else open_table(graph, given.path, given.target, faults)
    if table is None:
        return Loaded()
    (output,) = graph.outputs
    numbers, labels, rows = array("d"), Column(), 0
    try:
        for values, label in table.samples():
            numbers.extend(values)
            labels.add(label)
            rows += 1
    except TableError as error:
        faults.add(error.rule, error.message, help=error.help, key=error.key)
        return Loaded()
    classes: dict[str, list[str]] = {}
    if labels.numeric:
        targets: Array = np.array(labels.numbers())
    else:
        words = column_classes(faults, labels, graph, losses)
        if words is None:
            return Loaded()
        classes = {output: words}
        targets = np.array(labels.indices(words), dtype=np.int32)
    ((name, shape),) = graph.inputs.items()
    samples = np.array(numbers).reshape(rows, *row_shape(len(table.columns) - 1, shape))
    return Loaded({"train": {f"x/{name}": samples, f"y/{output}": targets}}, classes)


def _images(graph: Graph, losses: Losses, faults: Faults) -> Loaded:
    """Read pictures as they are, 0 to 255: scaling belongs into the net, where the device does it too."""
    given = faults.data.images
    assert given is not None
    size = None if refuse_several(graph, "images", faults) else pictures.input_size(graph, faults)
    classes = find_classes(graph, given.path, pictures.SUFFIXES, faults) if size else None
    if size is None or classes is None:
        return Loaded()
    check_class_count(faults, classes.names, graph, losses)
    for path in classes.paths():
        if faults.failed() or not pictures.check_picture(path, size, given, faults):
            return Loaded()
    (shape,) = graph.inputs.values()
    try:
        return _by_class(graph, losses, classes, shape, "uint8", given.path, picture_reader(given, size, shape))
    except BadPicture as error:
        faults.add("data-unreadable", str(error), help=error.help, key="path")
        return Loaded()


def _audio(graph: Graph, losses: Losses, faults: Faults) -> Loaded:
    """Read clips and compute their features; a clip that is too short ends in silence, a longer one is cut."""
    given = faults.data.audio
    assert given is not None
    if refuse_several(graph, "audio", faults) or not sounds.check_features(graph, given, faults):
        return Loaded()
    classes = find_classes(graph, given.path, sounds.SUFFIXES, faults)
    if classes is None:
        return Loaded()
    check_class_count(faults, classes.names, graph, losses)
    heard: dict[Path, sounds.Sound] = {}
    for path in classes.paths():
        sound = None if faults.failed() else sounds.check_clip(path, graph, given, faults)
        if sound is None:
            return Loaded()
        heard[path] = sound
    (shape,) = graph.inputs.values()
    return _by_class(graph, losses, classes, shape, "float32", given.path, clip_reader(given, heard, shape))


def picture_reader(given: Images, size: pictures.PictureSize, shape: Shape) -> Callable[[Path], Array]:
    """Return the function from a picture's file to a sample."""
    return lambda path: read_picture(path, size, given.resize).reshape(shape)


def clip_reader(given: Audio, heard: Mapping[Path, sounds.Sound], shape: Shape) -> Callable[[Path], Array]:
    """Return the function from a clip's file, one of `heard`, to a sample: its features."""
    features = Features(given, shape[1])
    length = sounds.clip_length(given, shape[0])
    return lambda path: features(read_clip(path, heard[path], length)).reshape(shape)


def _by_class(
    graph: Graph,
    losses: Losses,
    classes: Classes,
    shape: Shape,
    dtype: str,
    name: str,
    read: Callable[[Path], Array],
) -> Loaded:
    """Return the samples that `read` makes of files, and the labels that a loss wants."""
    ((given, _),) = graph.inputs.items()
    (output,) = graph.outputs
    found: Found[Samples] = {}
    for split, files in classes.files.items():
        numbers = np.array([number for _, number in files], np.int32)
        wanted = class_label_shape(graph, losses)
        labels = np.eye(wanted[0], dtype=np.float32)[numbers] if wanted else numbers
        x = collected((read(path) for path, _ in files), len(files), shape, dtype, name)
        found[split] = {f"x/{given}": x, f"y/{output}": labels}
    return Loaded(found, {output: [encodable(name) for name in classes.names]})


def _python(graph: Graph, losses: Losses, faults: Faults) -> Loaded:
    """Call the function that the spec names, without arguments, with the spec's folder first on Python's path.

    It returns a mapping of arrays by the names that an npz has.
    """
    name = faults.data.python
    assert name is not None
    made = call(graph, name)
    return Loaded(assign(made, graph, faults, name, lambda key: take(made, key, name, faults)))


def call(graph: Graph, name: str) -> Mapping[str, Any]:
    """Return what the function `name` of a module returns, a mapping of arrays. Raises `ToolError` where it fails."""
    module, _, function = name.partition(":")
    folder = str(located(graph.spec, ".").resolve())
    before = list(sys.path)
    sys.path.insert(0, folder)
    try:
        made = getattr(importlib.import_module(module), function)()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a SystemExit of theirs is no end of ours
        frame = traceback.extract_tb(error.__traceback__)[-1]
        said = traceback.format_exception_only(error)[-1].strip()
        raise ToolError(
            f"{name} failed: {said}", help=f"it was raised at {Path(frame.filename).name}:{frame.lineno}"
        ) from error
    finally:
        sys.path[:] = before
    if not isinstance(made, Mapping) or not all(isinstance(key, str) for key in made):
        raise ToolError(
            f"{name} returned {type(made).__name__}, not a mapping of arrays",
            help="return {'x_train': ..., 'y_train': ...}, and x_val, y_val, x_test, y_test if there are any",
        )
    return made


def take(made: Mapping[str, Any], key: str, name: str, faults: Faults) -> Samples | None:
    """Return one of the arrays that the function `name` made; None after noting that it is none."""
    values: Array = np.asarray(made[key])
    if values.dtype.kind == "O" or values.ndim == 0:
        what = "a single number" if values.ndim == 0 else "objects, or rows of several lengths"
        faults.add("data-dtype", f"{key} of {name} is {what}, not an array of numbers", help="return NumPy arrays")
        return None
    return values
