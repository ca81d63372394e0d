"""The samples without labels of `quantize.calibration.data`: which files and rows there are, and whether they fit.

The files and tables are read as those of `train.data` are; what is different is that nothing is asked of labels, and
that of a folder only the files that calibration runs are opened.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

from netspec.data import pictures, sounds
from netspec.data.faults import Faults
from netspec.data.folders import find_files
from netspec.data.rules import check_headers
from netspec.data.sources import find_calibration
from netspec.data.tables import Table, TableError, open_table, refuse_several_inputs, table_header
from netspec.diagnostics import Diagnostic
from netspec.graph import Graph
from netspec.layers.base import describe
from netspec.spec.data_forms import Audio, CalibrationData, Images, UnlabelledCsv

SPLIT = "calibration"
"""What messages call the samples."""


def calibration_faults(graph: Graph, data: CalibrationData, *, warnings: bool = False) -> Faults:
    """Return a collector of findings at `quantize.calibration.data`."""
    return Faults(graph.spec, warnings=warnings, place=("quantize", "calibration", "data", data.kind))


def calibration_findings(graph: Graph) -> list[Diagnostic]:
    """Return what is wrong with the files of `quantize.calibration.data`; nothing where the spec has none.

    Reads headers and the rows of a table. A Python function is not called.
    """
    data = graph.spec.quantize.calibration.data
    if data is None:
        return []
    faults = calibration_faults(graph, data, warnings=True)
    if data.csv is not None:
        _check_table(graph, data.csv, faults)
    elif data.images is not None:
        chosen_pictures(graph, data.images, faults)
    elif data.audio is not None:
        chosen_clips(graph, data.audio, faults)
    elif data.python is None:
        sources = find_calibration(graph, data, faults)
        check_headers(faults, SPLIT, {item: source.header for item, source in sources.items()}, graph, {})
    return faults.found


def evenly_spread(total: int, count: int) -> list[int]:
    """Return the indices of `count` of `total` samples, evenly spread from the first to the last; all if there are few.

    They are those that NumPy's `linspace` gives in whole numbers.
    """
    count = min(count, total)
    if count < 2:
        return [0][:count]
    step = (total - 1) / (count - 1)
    return list(dict.fromkeys([*(int(index * step) for index in range(count - 1)), total - 1]))


def unlabelled_table(graph: Graph, given: UnlabelledCsv, faults: Faults) -> Table | None:
    """Return the table that the spec names, or None after noting why there is none."""
    if refuse_several_inputs(graph, "csv", faults):
        return None
    table = open_table(graph, given.path, given.target, faults, header=given.header)
    if table is None:
        return None
    ((name, shape),) = graph.inputs.items()
    if given.target is None and len(table.columns) == prod(shape) + 1:
        # A table to train on has such a column, which need not be of numbers.
        message = f"{given.path} has {len(table.columns)} columns, the input '{name}' is {describe(shape)}"
        column = table.columns[-1]
        help = f"leave out the column of labels: {table.leave_out(column)}" if table.header else "remove one column"
        faults.add("data-shape", message, help=help)
        return None
    return table


def _check_table(graph: Graph, given: UnlabelledCsv, faults: Faults) -> None:
    table = unlabelled_table(graph, given, faults)
    if table is None:
        return
    rows = 0
    try:
        for _ in table.samples(labelled=False):
            rows += 1
    except TableError as error:
        faults.add(error.rule, error.message, help=error.help, key=error.key)
        return
    ((name, shape),) = graph.inputs.items()
    check_headers(faults, SPLIT, {f"x/{name}": table_header(rows, len(table.values), shape)}, graph, {})


def chosen_pictures(
    graph: Graph, given: Images, faults: Faults
) -> tuple[list[Path], pictures.PictureSize] | tuple[None, None]:
    """Return the pictures that calibration runs, their headers checked, and the size that they get.

    Both are None after noting what is wrong.
    """
    size = None if refuse_several_inputs(graph, "images", faults) else pictures.input_size(graph, faults)
    chosen = _chosen(graph, given.path, pictures.SUFFIXES, faults) if size else None
    if size is None or chosen is None:
        return None, None
    if not all(pictures.check_picture(path, size, given, faults) for path in chosen):
        return None, None
    return chosen, size


def chosen_clips(graph: Graph, given: Audio, faults: Faults) -> dict[Path, sounds.Sound] | None:
    """Return the clips that calibration runs, and what their headers say; None after noting what is wrong."""
    if refuse_several_inputs(graph, "audio", faults) or not sounds.check_features(graph, given, faults):
        return None
    chosen = _chosen(graph, given.path, sounds.SUFFIXES, faults)
    heard: dict[Path, sounds.Sound] = {}
    for path in chosen or ():
        noted = any(found.rule == "data-clip-length" for found in faults.found)  # once is enough
        sound = sounds.check_clip(path, graph, given, faults, lengths=not noted)
        if sound is None:
            return None
        heard[path] = sound
    return heard if chosen is not None else None


def _chosen(graph: Graph, name: str, suffixes: tuple[str, ...], faults: Faults) -> list[Path] | None:
    files = find_files(graph, name, suffixes, faults)
    if files is None:
        return None
    return [files[index] for index in evenly_spread(len(files), graph.spec.quantize.calibration.samples)]
