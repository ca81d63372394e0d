"""The loaders of `quantize.calibration.data`: files -> samples without labels by input, checked."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np

from netspec.data.calibration import SPLIT, calibration_faults, chosen_clips, chosen_pictures, unlabelled_table
from netspec.data.faults import Faults
from netspec.data.rules import check_headers
from netspec.data.sources import find_calibration, unlabelled_names
from netspec.data.tables import TableError, row_shape
from netspec.graph import Graph
from netspec.spec.data_forms import CalibrationData
from netspec.train.data import checked
from netspec.train.decode import BadPicture
from netspec.train.loaders import call, clip_reader, picture_reader, read_source, take
from netspec.train.samples import Samples, collected, header_of

Given = dict[str, Samples]
"""Samples by `x/<input>`."""


def load_calibration(graph: Graph) -> dict[str, Samples] | None:
    """Return the samples of `quantize.calibration.data` by input, checked; None where the spec names none.

    Of a folder only the samples that calibration runs are read. Raises `SpecError` with what is wrong, and
    `ToolError` where a Python function fails, or a package is missing.
    """
    data = graph.spec.quantize.calibration.data
    if data is None:
        return None
    loaders: dict[str, Callable[[Graph, CalibrationData, Faults], Given]] = {
        "npz": _arrays,
        "npy": _arrays,
        "csv": _table,
        "images": _images,
        "audio": _audio,
        "python": _python,
    }
    faults = calibration_faults(graph, data)
    loaded = loaders[data.kind](graph, data, faults)
    faults.raise_any()
    check_headers(faults, SPLIT, {item: header_of(values) for item, values in loaded.items()}, graph, {})
    faults.raise_any()
    fitted = {item: checked(faults, item, SPLIT, values, graph, {}) for item, values in loaded.items()}
    faults.raise_any()
    return {item.removeprefix("x/"): values for item, values in fitted.items()}


def _arrays(graph: Graph, data: CalibrationData, faults: Faults) -> Given:
    sources = find_calibration(graph, data, faults)
    check_headers(faults, SPLIT, {item: source.header for item, source in sources.items()}, graph, {})
    if faults.failed():  # before gigabytes are read
        return {}
    read = {item: read_source(source, faults) for item, source in sources.items()}
    return {item: values for item, values in read.items() if values is not None}


def _table(graph: Graph, data: CalibrationData, faults: Faults) -> Given:
    assert data.csv is not None
    table = unlabelled_table(graph, data.csv, faults)
    if table is None:
        return {}
    numbers, rows = array("d"), 0
    try:
        for values, _ in table.samples(labelled=False):
            numbers.extend(values)
            rows += 1
    except TableError as error:
        faults.add(error.rule, error.message, help=error.help, key=error.key)
        return {}
    ((name, shape),) = graph.inputs.items()
    return {f"x/{name}": np.array(numbers).reshape(rows, *row_shape(len(table.values), shape))}


def _images(graph: Graph, data: CalibrationData, faults: Faults) -> Given:
    given = data.images
    assert given is not None
    chosen, size = chosen_pictures(graph, given, faults)
    if chosen is None or size is None:
        return {}
    ((name, shape),) = graph.inputs.items()
    read = picture_reader(given, size, shape)
    try:
        return {f"x/{name}": collected(map(read, chosen), len(chosen), shape, "uint8", given.path)}
    except BadPicture as error:
        faults.add("data-unreadable", str(error), help=error.help, key="path")
        return {}


def _audio(graph: Graph, data: CalibrationData, faults: Faults) -> Given:
    given = data.audio
    assert given is not None
    heard = chosen_clips(graph, given, faults)
    if heard is None:
        return {}
    ((name, shape),) = graph.inputs.items()
    read = clip_reader(given, heard, shape)
    return {f"x/{name}": collected(map(read, heard), len(heard), shape, "float32", given.path)}


def _python(graph: Graph, data: CalibrationData, faults: Faults) -> Given:
    assert data.python is not None
    made = call(graph, data.python)
    stems = unlabelled_names(list(made), graph, faults, data.python)
    read = {f"x/{name}": take(made, stem, data.python, faults) for name, stem in stems.items()}
    return {item: values for item, values in read.items() if values is not None}
