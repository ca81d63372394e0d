"""`check --data`: what headers say of the samples, held against the spec. No array is read but labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from netspec.data import pictures, sounds
from netspec.data.calibration import calibration_findings
from netspec.data.classes import NUMERIC_LOSSES, column_classes, given_classes
from netspec.data.faults import Faults, reason
from netspec.data.folders import Classes, find_classes
from netspec.data.headers import Header
from netspec.data.labels import MOST_LABELS, Column, count_split, label_range
from netspec.data.rules import (
    SPARSE,
    called,
    check_class_count,
    check_headers,
    check_integers,
    check_label_range,
    class_label_shape,
    is_sparse,
    output_losses,
)
from netspec.data.sources import UNREADABLE, Source, find_sources
from netspec.data.split import SplitCounts, split_warning
from netspec.data.tables import TableError, open_table, refuse_several, table_header
from netspec.diagnostics import Diagnostic
from netspec.graph import Graph


def data_findings(graph: Graph) -> list[Diagnostic]:
    """Return what is wrong with the files of `train.data`, and of `quantize.calibration.data`.

    Reads headers, the rows of a table, and class numbers as far as `labels.MOST_LABELS`. A Python function is not
    called. Raises `SpecError` where losses and outputs do not belong together.
    """
    found = calibration_findings(graph)
    if graph.spec.train is None:
        return found
    faults = Faults(graph.spec, warnings=True)
    losses = output_losses(graph)
    match faults.data.kind:
        case "npz" | "npy":
            _check_arrays(graph, losses, faults)
        case "csv":
            _check_table(graph, losses, faults)
        case "images":
            _check_images(graph, losses, faults)
        case "audio":
            _check_audio(graph, losses, faults)
    return [*faults.found, *found]


def _check_arrays(graph: Graph, losses: dict[str, str], faults: Faults) -> None:
    found = find_sources(graph, faults)
    if faults.failed():
        return
    for split, sources in found.items():
        check_headers(faults, split, {item: source.header for item, source in sources.items()}, graph, losses)
    if faults.failed():
        return
    for split, sources in found.items():
        for item, source in sources.items():
            if is_sparse(item, losses):
                _check_labels(graph, split, item, source, faults)
    if "val" not in found and not faults.failed():
        for item, source in found["train"].items():
            _check_split(graph, losses, item, source, faults)


def _check_labels(graph: Graph, split: str, item: str, source: Source, faults: Faults) -> None:
    output = item.removeprefix("y/")
    what = called(item, split)
    try:
        with source.values() as stream:
            ends = label_range(stream, source.header)
    except UNREADABLE as error:
        faults.add("data-unreadable", f"{what} cannot be read: {reason(error)}", key=source.key)
        return
    if ends is None:
        return
    if check_integers(faults, what, *ends):
        check_label_range(faults, what, *ends[:2], graph.shape(output)[-1], output)


def _check_split(graph: Graph, losses: dict[str, str], item: str, source: Source, faults: Faults) -> None:
    """Note where `validation_split` parts the classes of an array of class numbers, or of zeros and ones."""
    axis, output = item.split("/", 1)
    header, share = source.header, faults.validation_split
    if axis == "x" or not share or header.shape[1:] not in ((), (1,)) or header.samples > MOST_LABELS:
        return
    if losses[output] in NUMERIC_LOSSES:
        return
    counts = SplitCounts(header.samples, share)
    try:
        with source.values() as stream:
            count_split(stream, header, counts)
    except UNREADABLE:  # reported where the labels were checked, or when the data are loaded
        return
    faults.add_found(split_warning(graph.spec, counts, given_classes(graph.spec, graph.outputs).get(output, ())))


def _check_table(graph: Graph, losses: dict[str, str], faults: Faults) -> None:
    given = faults.data.csv
    assert given is not None
    table = None if refuse_several(graph, "csv", faults) else open_table(graph, given.path, given.target, faults)
    if table is None:
        return
    ((name, shape),) = graph.inputs.items()
    (output,) = graph.outputs
    labels, rows = Column(), 0
    try:
        for _, label in table.samples():
            labels.add(label)
            rows += 1
    except TableError as error:
        faults.add(error.rule, error.message, help=error.help, key=error.key)
        return
    header = table_header(rows, len(table.columns) - 1, shape)
    check_headers(faults, "train", {f"x/{name}": header}, graph, losses)
    words: Sequence[str] = ()
    if not labels.numeric:
        words = column_classes(faults, labels, graph, losses) or ()
    elif losses[output] in SPARSE and check_integers(faults, called(f"y/{output}", "train"), *labels.range()):
        low, high, _ = labels.range()
        check_label_range(faults, called(f"y/{output}", "train"), low, high, graph.shape(output)[-1], output)
    if faults.validation_split and losses[output] not in NUMERIC_LOSSES and not faults.failed():
        counts = SplitCounts(rows, faults.validation_split)
        counts.add(labels.indices(words) if words else labels.numbers())
        names = words or given_classes(graph.spec, graph.outputs).get(output, ())
        faults.add_found(split_warning(graph.spec, counts, names))


def _check_images(graph: Graph, losses: dict[str, str], faults: Faults) -> None:
    given = faults.data.images
    assert given is not None
    size = None if refuse_several(graph, "images", faults) else pictures.input_size(graph, faults)
    classes = find_classes(graph, given.path, pictures.SUFFIXES, faults) if size else None
    if size is None or classes is None:
        return
    _check_classes(classes, graph, losses, faults)
    for path in _firsts(classes):
        pictures.check_picture(path, size, given, faults)
        if faults.failed():
            return


def _check_audio(graph: Graph, losses: dict[str, str], faults: Faults) -> None:
    given = faults.data.audio
    assert given is not None
    if refuse_several(graph, "audio", faults) or not sounds.check_features(graph, given, faults):
        return
    classes = find_classes(graph, given.path, sounds.SUFFIXES, faults)
    if classes is None:
        return
    _check_classes(classes, graph, losses, faults)
    for path in _firsts(classes):
        sounds.check_clip(path, graph, given, faults)
        if faults.failed():
            return


def _check_classes(classes: Classes, graph: Graph, losses: dict[str, str], faults: Faults) -> None:
    check_class_count(faults, classes.names, graph, losses)
    for split, files in classes.files.items():
        labels = Header((len(files), *class_label_shape(graph, losses)), "i", 4)
        check_headers(faults, split, {f"y/{graph.outputs[0]}": labels}, graph, losses)


def _firsts(classes: Classes) -> Iterable[Path]:
    """Return the first file of every class in every split: their headers stand for the others'."""
    firsts: dict[tuple[str, int], Path] = {}
    for split, files in classes.files.items():
        for path, number in files:
            firsts.setdefault((split, number), path)
    return firsts.values()
