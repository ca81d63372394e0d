"""Verification of a finished build folder: digests, what the spec and weights give again, and the proof."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec import __version__
from netspec.artifacts.manifest import (
    KERAS_FILE,
    LARGEST_JSON,
    MANIFEST,
    REPORT_FILE,
    SPEC_LINK,
    STORED_FILE,
    TFLITE_FILE,
    VERDICT_FILE,
    Manifest,
    drifted_files,
    quantized_digest,
    read_manifest,
    sha256,
)
from netspec.artifacts.staging import identity
from netspec.spec.source import Document
from netspec.system.files import read_at_most
from netspec.verify.html import Subject
from netspec.verify.proof import Progress, prove
from netspec.verify.report import Report
from netspec.verify.verdict import remove_verdict, write_verdict

if TYPE_CHECKING:
    from netspec.device.plan import DevicePlan
    from netspec.graph import Graph
    from netspec.quantize.model import QuantizedModel
    from netspec.quantize.stored import Arrays, Stored
    from netspec.toolchain import CmsisNN
    from netspec.train.data import Dataset


def verify_folder(
    folder: Path, spec: Path | None, cmsis_nn: Path | None, progress: Progress, run: str | None = None
) -> Report:
    """Prove a build again: digests against files, files against what the spec and weights give, all implementations.

    `run` is a core on whose emulated board the firmware is booted too. Nothing is trained or calibrated: integers are
    made again from model.keras and the manifest's scales.
    """
    from netspec.diagnostics import SpecError, ToolError

    before = identity(folder)
    try:
        if run is not None:
            from netspec.verify.board_needs import require_tools

            require_tools(run)
        report, subject = _verified(folder, spec, cmsis_nn, progress, run)
    except (SpecError, ToolError, OSError):
        if before is not None and identity(folder) not in (before, None):
            return verify_folder(folder, spec, cmsis_nn, progress, run)
        with suppress(OSError):
            remove_verdict(folder)
        raise
    if before is not None and identity(folder) != before:  # what was read is partly of the old build, partly of the new
        progress("another build has taken the place of this one: once more")
        return verify_folder(folder, spec, cmsis_nn, progress, run)
    try:
        write_verdict(folder, report, subject)
    except OSError as error:  # a build on a read-only medium is as good as another
        progress(f"{VERDICT_FILE} and {REPORT_FILE} are not written: {error.strerror}")
    return report


def _verified(
    folder: Path, spec: Path | None, cmsis_nn: Path | None, progress: Progress, run: str | None
) -> tuple[Report, Subject | None]:
    """Return what was found, and the build that it was found of; None where files are no longer those of a build."""
    from netspec.spec.source import parse, read
    from netspec.toolchain import find_cmsis_nn

    manifest = read_manifest(folder)
    drift = drifted_files(folder, manifest)
    if not manifest.intact:
        drift.insert(0, f"{MANIFEST} was changed after the build")
    path = spec or linked_spec(folder)
    document: Document | None = None
    if path is None or not path.is_file():
        drift.insert(0, f"the spec {manifest.spec} is gone (name it with --spec)")
    else:
        content = read(str(path))
        if sha256(content) != manifest.spec_sha256:  # before it is parsed: what it is now may be no spec at all
            drift.insert(0, f"the spec {path.as_posix()} was changed after the build")
        else:
            document = parse(content, str(path))
    if drift or document is None:
        return Report(manifest.name, tuple(drift)), None
    return _verify_intact(folder, manifest, document, find_cmsis_nn(cmsis_nn), progress, run)


def _verify_intact(
    folder: Path, manifest: Manifest, document: Document, cmsis: CmsisNN | None, progress: Progress, run: str | None
) -> tuple[Report, Subject | None]:
    """Make everything again from the spec and the weights and compare it with the files, then run the proof."""
    from netspec.check import check
    from netspec.device.plan import plan_device
    from netspec.emit.firmware import emit_firmware

    graph = check(document, manifest.core).graph
    if run is not None:
        from netspec.verify.board_needs import require_board

        require_board(graph, run, cmsis)
    plan = plan_device(graph, manifest.core)
    if manifest.name != graph.name or manifest.quantization.keys() != plan.graph.tensors.keys():
        return Report(manifest.name, (f"{MANIFEST} is that of another network",)), None
    classes = dict(manifest.classes or {})
    subject = Subject(graph, plan, manifest.versions, classes)
    again = _quantize_again(folder, manifest, graph, plan)
    dataset, data_drift = _load_again(graph, manifest, classes, progress)
    firmware = _firmware_of(folder, manifest)
    emitted = emit_firmware(again.model, document, classes)
    drift = (*again.drift, *data_drift, *_firmware_drift(emitted, firmware))
    if not emitted.keys() <= firmware.keys():  # too little is left to be compiled
        return Report(manifest.name, drift), subject
    information = recorded_information(folder)
    report = prove(graph, again.model, again.arrays, dataset, firmware, cmsis, progress, drift, information)
    if run is None or drift:
        return report, subject
    from netspec.verify.boot import boot
    from netspec.verify.proof import held_out

    samples, _ = held_out(dataset)
    weights = again.stored or again.arrays
    return boot(report, run, graph, again.model, weights, document, samples, cmsis, progress), subject


@dataclass(frozen=True, slots=True)
class _Requantized:
    """The integers that follow from a build's weights, and what differs from the build's own.

    `stored` are the weights' integers where they were imported; `arrays` the float weights, or what integers stand for.
    """

    model: QuantizedModel
    arrays: Arrays
    stored: Stored | None
    drift: tuple[str, ...]


def _quantize_again(folder: Path, manifest: Manifest, graph: Graph, plan: DevicePlan) -> _Requantized:
    from netspec.quantize.quantize import quantize, weight_lookup
    from netspec.quantize.stored import floats_of, quantize_stored, read_stored, stored_digest
    from netspec.tflite.model import TFLiteModel
    from netspec.train.weights import read_weights, weights_digest

    arrays: Arrays
    stored: Stored | None = None
    if STORED_FILE in manifest.files:
        stored = read_stored(folder / STORED_FILE, graph, plan)
        arrays, digest, weights_file = floats_of(graph, plan.graph, stored), stored_digest(stored), STORED_FILE
        model = quantize_stored(plan, stored)
    else:
        arrays = floats = read_weights(folder / KERAS_FILE, graph)
        digest, weights_file = weights_digest(floats), KERAS_FILE
        model = quantize(plan, weight_lookup(floats), manifest.scales())
    drift = []
    if digest != manifest.weights_sha256:
        drift.append(f"{weights_file} holds other weights than those that were quantized")
    if quantized_digest(model) != manifest.quantized_sha256:
        drift.append("the integers no longer follow from the weights and scales")
    if TFLiteModel(model).to_bytes() != (folder / TFLITE_FILE).read_bytes():
        drift.append(f"{TFLITE_FILE} is not what the spec and weights give")
    return _Requantized(model, arrays, stored, tuple(drift))


def _load_again(
    graph: Graph, manifest: Manifest, classes: Mapping[str, Sequence[str]], progress: Progress
) -> tuple[Dataset | None, list[str]]:
    """Return the data that the spec names, None where it names none, and what differs from the build's."""
    from netspec.train.data import load_data

    dataset, drift = None, []
    if graph.spec.train is not None:
        progress("loading data")
        dataset = load_data(graph.spec)
        if dataset.digest != manifest.data_sha256:
            drift.append("the data are not those that the build was trained on")
    if {name: list(names) for name, names in (dataset.classes if dataset else {}).items()} != classes:
        drift.append("the classes are named otherwise than when it was built")
    return dataset, drift


def _firmware_of(folder: Path, manifest: Manifest) -> dict[str, str]:
    names = (name for name in manifest.files if name.startswith("firmware/"))
    return {name.removeprefix("firmware/"): (folder / name).read_text(encoding="utf-8") for name in names}


def _firmware_drift(emitted: Mapping[str, str], firmware: Mapping[str, str]) -> list[str]:
    return [
        f"firmware/{name} is not what netspec {__version__} emits for the spec and weights"
        for name, text in emitted.items()
        if firmware.get(name) != text
    ]


def recorded_information(folder: Path) -> dict[str, Any]:
    """Return what the build found out about desktop LiteRT; importing TensorFlow again would take seconds."""
    try:
        return dict(json.loads(read_at_most(folder / VERDICT_FILE, LARGEST_JSON) or b"")["information"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def linked_spec(folder: Path) -> Path | None:
    """Return where the spec of a build stood when it was built; None where that is not recorded."""
    try:
        link = os.fsdecode(read_at_most(folder / SPEC_LINK, 2**16) or b"").strip()
    except OSError:
        return None
    if "\0" in link:  # no path holds one
        return None
    path = folder / link
    return Path(os.path.relpath(path)) if path.is_file() else path
