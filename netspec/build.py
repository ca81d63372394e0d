"""The whole pipeline as one visible list of stages: check, data, weights, calibrate, quantize, write, verify."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec import __version__
from netspec.artifacts.manifest import (
    HISTORY_FILE,
    KERAS_FILE,
    MANIFEST,
    SPEC_COPY,
    SPEC_LINK,
    STORED_FILE,
    TFLITE_FILE,
    Manifest,
    file_digests,
    quantized_digest,
    read_manifest,
)
from netspec.artifacts.previous import finished_build, link_to, note_owner, own_files, require_own, require_own_training
from netspec.artifacts.staging import Staging, holds_training, staged
from netspec.device.plan import DevicePlan, plan_device
from netspec.diagnostics import Diagnostic, SpecError, ToolError, encodable
from netspec.graph import Graph
from netspec.spec.source import Document
from netspec.system.writing import write_file
from netspec.verify.report import Report

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel
    from netspec.quantize.stored import Stored
    from netspec.toolchain import CmsisNN
    from netspec.train.data import Dataset
    from netspec.train.samples import Samples
    from netspec.train.warm_start import WarmStart
    from netspec.verify.proof import Progress

    Arrays = dict[tuple[str, str], NDArray[np.float32]]


MADE_UP_RANGES = (
    "the ranges of the activations are made up, from normally distributed inputs, so the accuracy on real data is not "
    "known; give samples without labels: `quantize: {calibration: {data: {npz: FILE}}}`, or in place of npz a csv, "
    "images or audio"
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of a build."""

    out: Path | None = None
    weights: Path | None = None
    cmsis_nn: Path | None = None
    core: str | None = None
    force: bool = False
    warm_start: Path | None = None
    resume: bool = False
    run: str | None = None
    """The core on whose emulated board the firmware is booted and compared."""


@dataclass
class State:
    """What the stages have made so far; each fills in its own part."""

    document: Document
    options: Options
    progress: Progress
    graph: Graph
    plan: DevicePlan
    target: Path
    """The build folder, which holds the build before until the end."""
    staging: Staging
    folder: Path
    """Where files are written: a folder aside, and the build folder once this build has taken its place."""
    cmsis: CmsisNN | None
    """Arm's kernels, to verify with beside the portable ones."""
    dataset: Dataset | None = None
    calibration: dict[str, Samples] | None = None
    """The samples of `quantize.calibration.data`, by input."""
    arrays: Arrays = field(default_factory=dict)
    keras_model: Any = None
    initial_digest: str | None = None
    stored: Stored | None = None
    model: QuantizedModel | None = None
    firmware: dict[str, str] = field(default_factory=dict)
    report: Report | None = None
    information: dict[str, Any] = field(default_factory=dict)
    """What the report tells beside its verdict."""
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def classes(self) -> dict[str, list[str]]:
        """The names of the classes of each output, in the order of their numbers, where the data name them."""
        return {name: list(names) for name, names in self.dataset.classes.items()} if self.dataset else {}


@dataclass(frozen=True, slots=True)
class Built:
    """A finished build."""

    folder: Path
    report: Report
    seconds: Mapping[str, float]

    @property
    def agrees(self) -> bool:
        return self.report.agrees

    def verdict(self) -> str:
        return f"{self.report.to_text()}\nwritten to {_shown(self.folder)}"


def build(document: Document, options: Options, progress: Progress) -> Built:
    """Run every stage. Raises `SpecError` for faults of the spec or its data, `ToolError` where a tool fails."""
    from netspec.check import check

    cmsis = _find_tools(options)  # before hours of training
    started = time.perf_counter()
    checked = check(document, options.core)
    plan = checked.plan or plan_device(checked.graph, options.core)
    if options.run is not None:
        from netspec.verify.board_needs import require_board

        require_board(checked.graph, options.run, cmsis)
    folder = options.out or Path("build") / checked.graph.name
    anew = options.force or options.out or (options.warm_start and options.warm_start.resolve() == folder.resolve())
    if not anew:
        require_own(folder, document)
    with staged(folder) as staging:
        state = State(document, options, progress, checked.graph, plan, folder, staging, staging.next, cmsis)
        state.seconds["check"] = time.perf_counter() - started
        if options.force:
            note_owner(staging, document)
        else:
            require_own_training(staging, document)
        with _kept(state):
            staging.begin()
            for stage in STAGES:
                started = time.perf_counter()
                stage(state)
                state.seconds[stage.__name__] = time.perf_counter() - started
    assert state.report is not None
    return Built(folder, state.report, state.seconds)


@contextmanager
def _kept(state: State) -> Iterator[None]:
    """Where a build ends before its time by no fault of the spec, say what there still is."""
    from netspec.train.fit import Interrupted

    try:
        yield
    except SpecError:
        raise
    except BaseException as error:
        if state.folder != state.target:
            if (state.target / MANIFEST).is_file():
                state.progress(f"the build in {_shown(state.target)} is as it was")
            if holds_training(state.staging.root) and not isinstance(error, Interrupted):
                state.progress(f"the training is kept: `{_command(state)}` goes on with it")
        if isinstance(error, OSError) and error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(state.folder)) from error
        raise


def _find_tools(options: Options) -> CmsisNN | None:
    """Return the CMSIS-NN to verify with, if there is one. Raises ToolError where it or another tool is missing."""
    from netspec.toolchain import find_cc, find_cmsis_nn

    find_cc()
    if options.run is not None:
        from netspec.verify.board_needs import require_tools

        require_tools(options.run)
    return find_cmsis_nn(options.cmsis_nn)


def load_data(state: State) -> None:
    """Read the data that `train` names, and those for calibration: what is wrong with them is known before training."""
    if state.graph.spec.quantize.calibration.data is not None:
        _load_calibration(state)
    if state.graph.spec.train is None:
        return
    from netspec.data.classes import numbered
    from netspec.train.data import load_data as load

    state.progress("loading data")
    state.dataset = load(state.graph.spec)
    for warning in state.dataset.warnings:
        state.progress(f"warning: {warning.message}; {warning.help}")
    for output, names in state.classes.items():
        state.progress(f"classes of {output}: {numbered(names)}")


def _load_calibration(state: State) -> None:
    """Read the samples of `quantize.calibration.data`, unless the weights are integers that have their scales."""
    from netspec.quantize.stored import is_stored

    given = _given_weights(state)
    if given and is_stored(given):
        message = f"quantize.calibration.data has no effect: {_shown(given)} holds integers, which have their scales"
        state.progress(f"warning: {message}")
        return
    from netspec.train.calibration_data import load_calibration

    state.progress("loading samples for calibration")
    state.calibration = load_calibration(state.graph)


def _given_weights(state: State) -> Path | None:
    """Return the file of weights that the command line or the spec names."""
    named = state.graph.spec.weights
    return state.options.weights or (_beside(state.document, named) if named else None)


def find_weights(state: State) -> None:
    """Take given weights or integers, those of a build that still fits, or train."""
    from netspec.quantize.stored import is_stored

    spec = state.graph.spec
    given = _given_weights(state)
    if given and state.options.warm_start:
        raise SpecError(_not_trained(state))
    if given and is_stored(given):
        _take_integers(state, given)
        return
    from netspec.train.model import assert_matches, build_model, require_trainable
    from netspec.train.weights import read_weights, save_model, set_weights

    require_trainable(state.graph)
    start = _warm_start(state)
    finished = None if given or state.options.force else _finished(state, start)
    if given or finished:
        source = given or state.target / KERAS_FILE
        state.arrays = read_weights(source, state.graph, isolated=given is not None)
        state.progress(
            f"taking weights from {_shown(source)}"
            if given
            else "the last build's weights fit this spec: not trained again"
        )
        state.initial_digest = finished.initial_weights_sha256 if finished else None
        state.keras_model = build_model(state.graph)
        assert_matches(state.graph, state.keras_model)
        set_weights(state.keras_model, state.arrays)
        if finished:
            write_file(state.folder / HISTORY_FILE, (state.target / HISTORY_FILE).read_bytes())
    elif spec.train is not None and state.dataset is not None:
        _train(state, state.dataset, start)
    else:
        raise SpecError(
            Diagnostic(
                "nothing-to-train",
                f"'{spec.name}' has no `train` section, and no weights were given",
                spec.span("name"),
                help="add `train:` with data and a loss, or pass `--weights FILE`",
            )
        )
    save_model(state.keras_model, state.folder / KERAS_FILE)


def _train(state: State, dataset: Dataset, start: WarmStart | None) -> None:
    """Train, or go on with a training that was stopped; its checkpoint stays until the build is finished."""
    from netspec.train.fit import train
    from netspec.train.progress import Display
    from netspec.train.stopped import stopped_training

    initial = start.weights if start else None
    root, options = state.staging.root, state.options
    plan = stopped_training(state.graph, dataset, root, initial, anew=options.force, go_on=options.resume)
    for line in start.told() if start else ():
        state.progress(line)
    for line in plan.told:
        state.progress(line)
    state.initial_digest = start.digest if start and start.weights else None
    trained = train(
        state.graph,
        dataset,
        root,
        resume=plan.resume,
        changed=plan.changed,
        keep=True,
        progress=Display(),
        command=_command(state),
        initial=initial,
    )
    state.arrays, state.keras_model = trained.weights, trained.model
    write_file(state.folder / HISTORY_FILE, (root / HISTORY_FILE).read_bytes())


def _take_integers(state: State, source: Path) -> None:
    """Take the integers and scales of an imported model: nothing is trained or calibrated, no TensorFlow needed."""
    from netspec.quantize.stored import floats_of, read_stored, write_stored

    state.progress(f"taking the integers from {_shown(source)}")
    state.stored = read_stored(source, state.graph, state.plan)
    state.arrays = floats_of(state.graph, state.plan.graph, state.stored)
    write_file(state.folder / STORED_FILE, write_stored(state.stored))


def quantize_network(state: State) -> None:
    """Calibrate on training samples, choose scales, make every integer; prove that folding changed nothing.

    Integers that were imported have their scales already.
    """
    if state.stored is not None:
        from netspec.quantize.stored import quantize_stored

        state.model = quantize_stored(state.plan, state.stored)
        return
    from netspec.quantize.calibration import calibration_samples, prove_folding
    from netspec.quantize.quantize import quantize, weight_lookup
    from netspec.quantize.ranges import find_ranges
    from netspec.quantize.scales import choose_scales

    calibration = state.graph.spec.quantize.calibration
    given = state.calibration or (state.dataset.train.x if state.dataset else None)
    if given is None:
        state.information["calibration"] = MADE_UP_RANGES
        state.progress(f"warning: {MADE_UP_RANGES}")
    samples = calibration_samples(state.plan.graph, given, calibration.samples)
    state.progress(f"calibrating on {len(next(iter(samples.values())))} samples")
    weights = weight_lookup(state.arrays)
    try:  # first: of what is not finite nothing can be proven
        ranges = find_ranges(state.plan.graph, weights, samples, calibration.method)
    except ValueError as error:
        remedy = "training has diverged: lower the learning rate; or these weights are not those of a trained network"
        raise ToolError(f"calibration failed: {error}", remedy) from error
    prove_folding(state.graph, state.plan.graph, state.keras_model, weights, samples)
    state.model = quantize(state.plan, weights, choose_scales(state.plan.graph, ranges))


def write_files(state: State) -> None:
    """Write model.tflite and the firmware folder."""
    from netspec.emit.firmware import emit_firmware
    from netspec.tflite.model import TFLiteModel

    assert state.model is not None
    state.progress("writing model.tflite and firmware/")
    write_file(state.folder / TFLITE_FILE, TFLiteModel(state.model).to_bytes())
    state.firmware = emit_firmware(state.model, state.document, state.classes)
    target = state.folder / "firmware"
    for name, text in state.firmware.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(target / name, text)


def write_manifest(state: State) -> None:
    """Record the digests of everything that was made."""
    from netspec.quantize.stored import stored_digest
    from netspec.train.weights import weights_digest

    assert state.model is not None
    weights_file = KERAS_FILE if state.stored is None else STORED_FILE
    write_file(state.folder / SPEC_COPY, state.document.text)
    names = [SPEC_COPY, weights_file, TFLITE_FILE, *(f"firmware/{name}" for name in sorted(state.firmware))]
    if (state.folder / HISTORY_FILE).is_file():
        names.append(HISTORY_FILE)
    manifest = Manifest(
        name=state.graph.name,
        spec=encodable(Path(state.document.path).name),
        spec_sha256=state.document.sha256,
        core=state.plan.core,
        data_sha256=state.dataset.digest if state.dataset else None,
        weights_sha256=weights_digest(state.arrays) if state.stored is None else stored_digest(state.stored),
        quantized_sha256=quantized_digest(state.model),
        quantization={
            name: {"scale": quant.scale, "zero_point": quant.zero_point} | ({"raw": True} if quant.raw else {})
            for name, quant in state.model.tensors.items()
        },
        files=file_digests(state.folder, names),
        versions=_versions(),
        initial_weights_sha256=state.initial_digest,
        classes=state.classes or None,
    ).sealed()
    write_file(state.folder / MANIFEST, manifest.to_json())
    write_file(state.folder / SPEC_LINK, os.fsencode(link_to(state.document, state.target) + "\n"))


def verify_build(state: State) -> None:
    """Compare every implementation with every other, and score float against int8."""
    from netspec.verify.desktop import desktop_at_work
    from netspec.verify.inputs import case_inputs
    from netspec.verify.proof import held_out, prove

    assert state.model is not None
    samples, _ = held_out(state.dataset)
    with ExitStack() as stack:
        information: Callable[[], dict[str, str]] = dict
        if state.stored is None:  # imported integers need no TensorFlow, and this alone is no reason to load it
            cases = case_inputs(state.model, samples)
            tflite = (state.folder / TFLITE_FILE).read_bytes()
            information = stack.enter_context(desktop_at_work(tflite, state.model, cases))
        found = prove(
            state.graph, state.model, state.arrays, state.dataset, state.firmware, state.cmsis, state.progress, (), {}
        )
        state.report = replace(found, information={**state.information, **information()})
    _write_verdict(state)


def put_in_place(state: State) -> None:
    """Put the finished build in the place of the one before, in one step; files that no build wrote stay."""
    state.staging.publish(own_files(state.target))
    state.folder = state.target


def run_firmware(state: State) -> None:
    """Boot the firmware on the emulated board of the core that was asked for, and add what it did to the report."""
    if state.options.run is None:
        return
    from netspec.verify.boot import boot
    from netspec.verify.proof import held_out

    assert state.model is not None
    assert state.report is not None
    state.report = boot(
        state.report, state.options.run, state.graph, state.model, state.stored or state.arrays, state.document,
        held_out(state.dataset)[0], state.cmsis, state.progress,
    )  # fmt: skip
    _write_verdict(state)


def _write_verdict(state: State) -> None:
    from netspec.verify.html import Subject
    from netspec.verify.verdict import write_verdict

    assert state.report is not None
    versions = read_manifest(state.folder).versions
    write_verdict(state.folder, state.report, Subject(state.graph, state.plan, versions, state.classes))


STAGES: tuple[Callable[[State], None], ...] = (
    load_data,
    find_weights,
    quantize_network,
    write_files,
    write_manifest,
    verify_build,
    put_in_place,
    run_firmware,
)


def _warm_start(state: State) -> WarmStart | None:
    if state.options.warm_start is None or state.graph.spec.train is None:
        return None
    from netspec.train.warm_start import find_warm_start

    return find_warm_start(state.options.warm_start, state.document, state.graph)


def _not_trained(state: State) -> Diagnostic:
    source = state.options.weights or state.graph.spec.weights
    return Diagnostic(
        "nothing-to-train",
        f"'{state.graph.name}' takes all of its weights from {source}, so no training starts with others",
        state.graph.spec.span("weights"),
        help="leave out one of the two: the weights, or --warm-start",
        path="weights",
    )


def _finished(state: State, start: WarmStart | None) -> Manifest | None:
    """Return the manifest of a finished build of this very spec and data, if the folder holds one.

    Where the training is to start with other weights, it must have started with them; those of the folder itself are
    its result, and starting with them again would train it twice.
    """
    manifest = finished_build(state.target, state.document, state.dataset.digest if state.dataset else None)
    if manifest is None or start is None or start.folder.resolve() == state.target.resolve():
        return manifest
    return manifest if start.digest == manifest.initial_weights_sha256 else None


def _command(state: State) -> str:
    """Return what to type to go on with an interrupted build."""
    import shlex

    words = ["netspec", "build", state.document.path]
    for option in ("out", "cmsis_nn", "core", "run", "warm_start"):
        value = getattr(state.options, option)
        if value is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _beside(document: Document, name: str) -> Path:
    return Path(document.path).parent / name


def _shown(path: Path) -> str:
    return path.as_posix()


def _versions() -> dict[str, str]:
    """Return the versions that training and arithmetic depend on."""
    found = {"netspec": __version__, "python": platform.python_version()}
    for package in ("numpy", "keras", "tensorflow", "tensorflow-cpu", "tflite-micro", "flatbuffers", "pillow"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
