"""The whole pipeline as one visible list of stages: check, data, weights, calibrate, quantize, write, verify."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec import __version__
from netspec.device.plan import DevicePlan, plan_device
from netspec.diagnostics import Diagnostic, SpecError, ToolError
from netspec.graph import Graph
from netspec.manifest import (
    MANIFEST,
    Manifest,
    drifted_files,
    file_digests,
    quantized_digest,
    read_manifest,
    sha256,
)
from netspec.source import Document
from netspec.verify import Accuracy, Comparison, Progress, Report

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel
    from netspec.toolchain import CmsisNN
    from netspec.train.data import Dataset

    Arrays = dict[tuple[str, str], NDArray[np.float32]]

# Where the spec stood, relative to the build folder. It is a hint for `verify`, no part of the build: the manifest
# holds digests only and is the same on every machine.
SPEC_LINK = ".spec"
VERDICT = "verify.json"
KERAS_FILE, TFLITE_FILE, HISTORY_FILE = "model.keras", "model.tflite", "history.csv"
_VECTORS = 4
_SYNTHETIC_SAMPLES = 256
# The float device graph and Keras sum in another order; more than this is no rounding but a wrong fold.
_FOLDING_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of a build."""

    out: Path | None = None
    weights: Path | None = None
    cmsis_nn: Path | None = None
    core: str | None = None
    force: bool = False


@dataclass
class State:
    """What the stages have made so far; each fills in its own part."""

    document: Document
    options: Options
    progress: Progress
    graph: Graph
    plan: DevicePlan
    folder: Path
    dataset: Dataset | None = None
    arrays: Arrays = field(default_factory=dict)
    keras_model: Any = None
    model: QuantizedModel | None = None
    firmware: dict[str, str] = field(default_factory=dict)
    report: Report | None = None
    seconds: dict[str, float] = field(default_factory=dict)


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

    started = time.perf_counter()
    checked = check(document, options.core)
    plan = checked.plan or plan_device(checked.graph, options.core)
    folder = options.out or Path("build") / checked.graph.name
    state = State(document, options, progress, checked.graph, plan, folder)
    state.seconds["check"] = time.perf_counter() - started
    for stage in STAGES:
        started = time.perf_counter()
        stage(state)
        state.seconds[stage.__name__] = time.perf_counter() - started
    assert state.report is not None
    return Built(folder, state.report, state.seconds)


def load_data(state: State) -> None:
    """Read the data that `train` names."""
    if state.graph.spec.train is None:
        return
    from netspec.train.data import load_data as load

    state.progress("loading data")
    state.dataset = load(state.graph.spec)


def find_weights(state: State) -> None:
    """Take given weights, those of a build that still fits, or train."""
    from netspec.train.model import assert_matches, build_model
    from netspec.train.weights import read_weights, save_model, set_weights

    spec, folder = state.graph.spec, state.folder
    folder.mkdir(parents=True, exist_ok=True)
    given = state.options.weights or (_beside(state.document, spec.weights) if spec.weights else None)
    finished = None if given or state.options.force else _finished(state)
    if given or finished:
        source = given or finished
        assert source is not None
        state.arrays = read_weights(source, state.graph)
        state.progress(
            f"taking weights from {_shown(source)}" if given else "the last build's weights fit this spec: not trained again"
        )
        state.keras_model = build_model(state.graph)
        assert_matches(state.graph, state.keras_model)
        set_weights(state.keras_model, state.arrays)
        if given:
            (folder / HISTORY_FILE).unlink(missing_ok=True)
    elif spec.train is not None and state.dataset is not None:
        from netspec.train.fit import train

        trained = train(state.graph, state.dataset, folder, resume=not state.options.force)
        state.arrays, state.keras_model = trained.weights, trained.model
    else:
        raise SpecError(
            Diagnostic(
                "nothing-to-train",
                f"'{spec.name}' has no `train` section, and no weights were given",
                spec.span("name"),
                help="add `train:` with data and a loss, or pass `--weights FILE`",
            )
        )
    save_model(state.keras_model, folder / KERAS_FILE)


def quantize_network(state: State) -> None:
    """Calibrate on training samples, choose scales, make every integer; prove that folding changed nothing."""
    from netspec.quantize.quantize import quantize, weight_lookup
    from netspec.quantize.ranges import find_ranges
    from netspec.quantize.scales import choose_scales

    calibration = state.graph.spec.quantize.calibration
    samples = _calibration_samples(state, calibration.samples)
    state.progress(f"calibrating on {len(next(iter(samples.values())))} samples")
    weights = weight_lookup(state.arrays)
    _prove_folding(state, samples)
    try:
        ranges = find_ranges(state.plan.graph, weights, samples, calibration.method)
    except ValueError as error:
        raise ToolError(f"calibration failed: {error}", "training has diverged: lower the learning rate") from error
    state.model = quantize(state.plan, weights, choose_scales(state.plan.graph, ranges))


def write_files(state: State) -> None:
    """Write model.tflite and the firmware folder."""
    from netspec.quantize.tflite_model import TFLiteModel

    assert state.model is not None
    state.progress("writing model.tflite and firmware/")
    (state.folder / TFLITE_FILE).write_bytes(TFLiteModel(state.model).to_bytes())
    state.firmware = emitted(state.model, state.document)
    target = state.folder / "firmware"
    stale = _recorded_firmware(state.folder) - {f"firmware/{name}" for name in state.firmware}
    for name in stale:
        (state.folder / name).unlink(missing_ok=True)
    for name, text in state.firmware.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text, encoding="utf-8", newline="\n")


def write_manifest(state: State) -> None:
    """Record the digests of everything that was made."""
    assert state.model is not None
    names = [KERAS_FILE, TFLITE_FILE, *(f"firmware/{name}" for name in sorted(state.firmware))]
    if (state.folder / HISTORY_FILE).is_file():
        names.append(HISTORY_FILE)
    manifest = Manifest(
        name=state.graph.name,
        spec=Path(state.document.path).name,
        spec_sha256=state.document.sha256,
        core=state.plan.core,
        data_sha256=state.dataset.digest if state.dataset else None,
        weights_sha256=_weights_digest(state.arrays),
        quantized_sha256=quantized_digest(state.model),
        quantization={
            name: {"scale": quant.scale, "zero_point": quant.zero_point} for name, quant in state.model.tensors.items()
        },
        files=file_digests(state.folder, names),
        versions=_versions(),
    ).sealed()
    (state.folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    link = os.path.relpath(Path(state.document.path).resolve(), state.folder.resolve())
    (state.folder / SPEC_LINK).write_text(link + "\n", encoding="utf-8")


def verify_build(state: State) -> None:
    """Compare every implementation with every other, and score float against int8."""
    from netspec.toolchain import find_cmsis_nn
    from netspec.verify import litert_difference, test_inputs

    assert state.model is not None
    samples, _ = _held_out(state.dataset)
    information = litert_difference(
        (state.folder / TFLITE_FILE).read_bytes(), state.model, test_inputs(state.model, samples)
    )
    state.report = _proof(
        state.graph, state.model, state.arrays, state.dataset, state.firmware,
        find_cmsis_nn(state.options.cmsis_nn), state.progress, (), information,
    )  # fmt: skip
    (state.folder / VERDICT).write_text(state.report.to_json() + "\n", encoding="utf-8")


STAGES: tuple[Callable[[State], None], ...] = (
    load_data,
    find_weights,
    quantize_network,
    write_files,
    write_manifest,
    verify_build,
)


def verify_folder(folder: Path, spec: Path | None, cmsis_nn: Path | None, progress: Progress) -> Report:
    """Prove a build again: digests against files, files against what the spec and weights give, all implementations.

    Nothing is trained or calibrated: integers are made again from model.keras and the manifest's scales.
    """
    from netspec.source import load
    from netspec.toolchain import find_cmsis_nn

    manifest = read_manifest(folder)
    drift = drifted_files(folder, manifest)
    if not manifest.intact:
        drift.insert(0, f"{MANIFEST} was changed after the build")
    path = spec or _linked_spec(folder)
    document: Document | None = None
    if path is None or not path.is_file():
        drift.insert(0, f"the spec {manifest.spec} is gone (name it with --spec)")
    else:
        document = load(path)
        if document.sha256 != manifest.spec_sha256:
            drift.insert(0, f"the spec {_shown(path)} was changed after the build")
    if drift or document is None:
        report = Report(manifest.name, tuple(drift))
        (folder / VERDICT).write_text(report.to_json() + "\n", encoding="utf-8")
        return report
    report = _verify_intact(folder, manifest, document, find_cmsis_nn(cmsis_nn), progress)
    (folder / VERDICT).write_text(report.to_json() + "\n", encoding="utf-8")
    return report


def _verify_intact(
    folder: Path, manifest: Manifest, document: Document, cmsis: CmsisNN | None, progress: Progress
) -> Report:
    """Make everything again from the spec and the weights and compare it with the files, then run the proof."""
    from netspec.check import check
    from netspec.quantize.quantize import quantize, weight_lookup
    from netspec.quantize.tflite_model import TFLiteModel
    from netspec.train.data import load_data as load
    from netspec.train.weights import read_weights

    graph = check(document, manifest.core).graph
    plan = plan_device(graph, manifest.core)
    arrays = read_weights(folder / KERAS_FILE, graph)
    drift: list[str] = []
    if _weights_digest(arrays) != manifest.weights_sha256:
        drift.append(f"{KERAS_FILE} holds other weights than those that were quantized")
    model = quantize(plan, weight_lookup(arrays), manifest.scales())
    if quantized_digest(model) != manifest.quantized_sha256:
        drift.append("the integers no longer follow from the weights and scales")
    if TFLiteModel(model).to_bytes() != (folder / TFLITE_FILE).read_bytes():
        drift.append(f"{TFLITE_FILE} is not what the spec and weights give")
    dataset = None
    if graph.spec.train is not None:
        progress("loading data")
        dataset = load(graph.spec)
        if dataset.digest != manifest.data_sha256:
            drift.append("the data are not those that the build was trained on")
    firmware = {
        name.removeprefix("firmware/"): (folder / name).read_text(encoding="utf-8")
        for name in manifest.files
        if name.startswith("firmware/")
    }
    for name, text in emitted(model, document).items():
        if firmware.get(name) != text:
            drift.append(f"firmware/{name} is not what netspec {__version__} emits for the spec and weights")
    information = _recorded_information(folder)
    return _proof(graph, model, arrays, dataset, firmware, cmsis, progress, tuple(drift), information)


def _proof(
    graph: Graph,
    model: QuantizedModel,
    arrays: Arrays,
    dataset: Dataset | None,
    firmware: Mapping[str, str],
    cmsis: CmsisNN | None,
    progress: Progress,
    drift: tuple[str, ...],
    information: Mapping[str, Any],
) -> Report:
    from netspec.verify import test_inputs, three_way

    samples, split = _held_out(dataset)
    progress("verifying")
    comparisons: tuple[Comparison, ...] = three_way(model, firmware, test_inputs(model, samples), cmsis, progress)
    accuracy = _accuracy(graph, model, arrays, dataset, split)
    return Report(model.name, drift, comparisons, accuracy, information)


def emitted(model: QuantizedModel, document: Document) -> dict[str, str]:
    """Return the text of every file of the firmware folder."""
    from netspec.emit import emit
    from netspec.verify import test_inputs

    inputs = {name: values[:_VECTORS] for name, values in test_inputs(model, None).items()}
    return emit(
        model,
        spec_sha256=document.sha256,
        spec_path_name=Path(document.path).name,
        vectors=_vectors(model, inputs),
    )


def _vectors(model: QuantizedModel, inputs: Mapping[str, NDArray[np.int8]]) -> Any:
    from netspec.emit import TestVectors

    values = model.run(inputs)
    return TestVectors(
        inputs=dict(inputs), outputs={output.name: values[output.tensor] for output in model.plan.graph.outputs}
    )


def _accuracy(
    graph: Graph, model: QuantizedModel, arrays: Arrays, dataset: Dataset | None, split: str
) -> tuple[Accuracy, ...]:
    """Score the float and the int8 network on the held-out split; nothing where there are no labels."""
    if dataset is None or graph.spec.train is None:
        return ()
    from netspec.quantize.quantize import weight_lookup
    from netspec.quantize.ranges import evaluate
    from netspec.train.evaluate import score

    part = getattr(dataset, split)
    floats = evaluate(model.plan.graph, weight_lookup(arrays), part.x)
    integers = model.run({name: model.quantize_input(name, values) for name, values in _shaped(graph, part.x).items()})
    outputs = model.plan.graph.outputs
    count = len(next(iter(part.x.values())))
    float_outputs = {o.name: floats[o.tensor].reshape((count, *o.shape)) for o in outputs}
    int8_outputs = {o.name: model.dequantize(o.tensor, integers[o.tensor]).reshape((count, *o.shape)) for o in outputs}
    metric, float_value = score(float_outputs, part.y, graph.spec.train.loss)
    _, int8_value = score(int8_outputs, part.y, graph.spec.train.loss)
    return (Accuracy(metric, split, count, float_value, int8_value),)


def _shaped(graph: Graph, x: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: x[name].reshape((-1, *shape)) for name, shape in graph.inputs.items()}


def _held_out(dataset: Dataset | None) -> tuple[Mapping[str, NDArray[Any]] | None, str]:
    """Return the inputs of the best split that training did not see, and its name."""
    if dataset is None:
        return None, ""
    for split in ("test", "validation"):
        part = getattr(dataset, split)
        if part is not None:
            return part.x, split
    return dataset.train.x, "train"


def _calibration_samples(state: State, count: int) -> dict[str, NDArray[Any]]:
    """Return training inputs, evenly spread; synthetic ones where the spec names no data, which is said."""
    import numpy as np

    if state.dataset is not None:
        total = len(next(iter(state.dataset.train.x.values())))
        chosen = np.unique(np.linspace(0, total - 1, min(count, total)).astype(int))
        return {name: np.asarray(values[chosen]) for name, values in state.dataset.train.x.items()}
    state.progress("no `train.data`: calibrating on normally distributed inputs; accuracy on real data is not known")
    generator = np.random.default_rng(0)
    samples: dict[str, NDArray[Any]] = {}
    for given in state.plan.graph.inputs:
        values = generator.standard_normal((_SYNTHETIC_SAMPLES, *given.shape)).astype(np.float32)
        if given.rescale and given.rescale.scale:  # so that the network sees a normal distribution
            values = (values - np.float32(given.rescale.offset)) / np.float32(given.rescale.scale)
        samples[given.name] = values
    return samples


def _prove_folding(state: State, samples: Mapping[str, NDArray[Any]]) -> None:
    """Assert that the float device graph gives what the Keras model gives."""
    import numpy as np

    from netspec.quantize.quantize import weight_lookup
    from netspec.quantize.ranges import evaluate
    from netspec.train.evaluate import keras_outputs

    some = {name: values[:16] for name, values in samples.items()}
    folded = evaluate(state.plan.graph, weight_lookup(state.arrays), some)
    expected = keras_outputs(state.keras_model, _shaped(state.graph, some))
    for output in state.plan.graph.outputs:
        ours = folded[output.tensor].reshape(expected[output.name].shape)
        size = float(np.abs(expected[output.name]).max(initial=0))
        gap = float(np.abs(ours - expected[output.name]).max(initial=0))
        assert gap <= _FOLDING_TOLERANCE * max(1.0, size), (
            f"the device graph gives {output.name} {gap} away from Keras, whose largest value is {size}"
        )


def _finished(state: State) -> Path | None:
    """Return the weights of a finished build of this very spec and data, if the folder holds one."""
    if not (state.folder / MANIFEST).is_file():
        return None
    try:
        manifest = read_manifest(state.folder)
    except ToolError:
        return None
    fits = (
        manifest.intact
        and state.dataset is not None
        and manifest.spec_sha256 == state.document.sha256
        and manifest.data_sha256 == state.dataset.digest
        and manifest.files.get(KERAS_FILE) == _digest_of(state.folder / KERAS_FILE)
        and manifest.files.get(HISTORY_FILE) == _digest_of(state.folder / HISTORY_FILE)
        and HISTORY_FILE in manifest.files
    )
    return state.folder / KERAS_FILE if fits else None


def _digest_of(path: Path) -> str | None:
    return sha256(path.read_bytes()) if path.is_file() else None


def _recorded_firmware(folder: Path) -> set[str]:
    try:
        return {name for name in read_manifest(folder).files if name.startswith("firmware/") and ".." not in name}
    except ToolError:
        return set()


def _recorded_information(folder: Path) -> dict[str, Any]:
    """Return what the build found out about desktop LiteRT; importing TensorFlow again would take seconds."""
    import json

    try:
        return dict(json.loads((folder / VERDICT).read_text(encoding="utf-8"))["information"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _weights_digest(arrays: Arrays) -> str:
    from netspec.train.weights import weights_digest

    return weights_digest(arrays)


def _linked_spec(folder: Path) -> Path | None:
    try:
        link = (folder / SPEC_LINK).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    path = folder / link
    return Path(os.path.relpath(path)) if path.is_file() else path


def _beside(document: Document, name: str) -> Path:
    return Path(document.path).parent / name


def _shown(path: Path) -> str:
    return path.as_posix()


def _versions() -> dict[str, str]:
    """Return the versions that training and arithmetic depend on."""
    found = {"netspec": __version__, "python": platform.python_version()}
    for package in ("numpy", "keras", "tensorflow", "tensorflow-cpu", "tflite-micro", "flatbuffers"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
