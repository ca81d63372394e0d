"""Who agrees with whom: numpy reference, TensorFlow Lite Micro, emitted C with each provider of kernels. Tolerance 0.

Every tensor is compared, not only outputs, so that the first layer that deviates is named.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import ToolError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel
    from netspec.toolchain import CmsisNN, KernelSet

Progress = Callable[[str], None]
Values = Mapping[str, "NDArray[np.int8]"]

TEST_SAMPLES = 128
RANDOM_SAMPLES = 64
_SEED = 20240229
_TIMEOUT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class TensorResult:
    """One tensor over all cases: elements that differ from the reference, and the largest difference."""

    tensor: str
    layer: str
    elements: int
    mismatches: int
    largest: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One implementation against the numpy reference. `skipped` says why there is nothing to compare."""

    stage: str
    cases: int = 0
    tensors: tuple[TensorResult, ...] = ()
    skipped: str | None = None

    @property
    def elements(self) -> int:
        return sum(result.elements for result in self.tensors)

    @property
    def mismatches(self) -> int:
        return sum(result.mismatches for result in self.tensors)

    @property
    def largest(self) -> int:
        return max((result.largest for result in self.tensors), default=0)

    @property
    def first(self) -> TensorResult | None:
        """Return the first tensor, in the order they are computed, that differs."""
        return next((result for result in self.tensors if result.mismatches), None)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The same score of the float network and of its int8 form, over `samples` of held-out data."""

    metric: str
    split: str
    samples: int
    float_value: float
    int8_value: float


@dataclass(frozen=True, slots=True)
class Report:
    """What verification found. `information` holds facts that decide nothing, such as desktop LiteRT's difference."""

    name: str
    drift: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    accuracy: tuple[Accuracy, ...] = ()
    information: Mapping[str, Any] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        return not self.drift and not any(comparison.mismatches for comparison in self.comparisons)

    def to_data(self) -> dict[str, Any]:
        return {
            "schema_version": 1,
            "name": self.name,
            "agrees": self.agrees,
            "drift": list(self.drift),
            "stages": [
                {
                    "stage": comparison.stage,
                    "skipped": comparison.skipped,
                    "cases": comparison.cases,
                    "elements": comparison.elements,
                    "mismatching_elements": comparison.mismatches,
                    "largest_difference": comparison.largest,
                    "tensors": [asdict(result) for result in comparison.tensors],
                }
                for comparison in self.comparisons
            ],
            "accuracy": [asdict(accuracy) for accuracy in self.accuracy],
            "information": dict(self.information),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_data(), indent=2)

    def to_text(self, *, per_layer: bool = False) -> str:
        """Return the verdict and what it rests on."""
        lines = [f"drift: {fault}" for fault in self.drift]
        width = max((len(comparison.stage) for comparison in self.comparisons), default=0)
        for comparison in self.comparisons:
            lines.append(_comparison_line(comparison, width))
            if per_layer:
                lines += [
                    f"    {result.tensor}: {result.mismatches:,} of {result.elements:,}, largest {result.largest}"
                    for result in comparison.tensors
                ]
        for score in self.accuracy:
            lines.append(
                f"{score.metric} on {score.samples} {score.split} samples: "
                f"float {_shown(score.float_value, score.metric)}, int8 {_shown(score.int8_value, score.metric)}"
            )
        for name, difference in self.information.items():
            lines.append(f"for information, {name}: {difference}")
        lines.append(f"{self.name}: " + self._verdict())
        return "\n".join(lines)

    def _verdict(self) -> str:
        if self.drift:
            return "drifted: the build no longer belongs to its spec"
        bad = [comparison for comparison in self.comparisons if comparison.mismatches]
        if bad:
            return f"MISMATCH in {', '.join(comparison.stage for comparison in bad)}"
        ran = [comparison for comparison in self.comparisons if not comparison.skipped]
        return f"0 mismatches in {sum(comparison.elements for comparison in ran):,} elements, {len(ran)} implementations"


def _comparison_line(comparison: Comparison, width: int) -> str:
    head = f"{comparison.stage:<{width}}  "
    if comparison.skipped:
        return f"{head}not compared: {comparison.skipped}"
    line = f"{head}{comparison.mismatches:,} mismatches in {comparison.elements:,} elements of {comparison.cases} cases"
    first = comparison.first
    if first is None:
        return line
    return f"{line}; first at layer {first.layer} (tensor {first.tensor}), largest {first.largest}"


def _shown(value: float, metric: str) -> str:
    return f"{value:.2%}" if metric == "accuracy" else f"{value:.6g}"


def test_inputs(model: QuantizedModel, samples: Mapping[str, NDArray[Any]] | None) -> dict[str, NDArray[np.int8]]:
    """Return int8 inputs: real samples where there are any, uniform random ones, and saturating patterns.

    The same for the same model and data: the generator's seed is fixed.
    """
    import numpy as np

    generator = np.random.default_rng(_SEED)
    result: dict[str, NDArray[np.int8]] = {}
    for given in model.plan.graph.inputs:
        parts: list[NDArray[np.int8]] = []
        if samples is not None:
            real = samples[given.name][:TEST_SAMPLES]
            parts.append(model.quantize_input(given.name, real).reshape((-1, *given.shape)))
        parts.append(generator.integers(-128, 128, (RANDOM_SAMPLES, *given.shape), np.int8))
        parts.append(generator.choice(np.array([-128, 127], np.int8), (RANDOM_SAMPLES // 4, *given.shape)))
        constants = np.array([-128, 127, model.tensors[given.name].zero_point], np.int8)
        parts.append(np.broadcast_to(constants.reshape((-1,) + (1,) * len(given.shape)), (3, *given.shape)))
        result[given.name] = np.ascontiguousarray(np.concatenate(parts))
    return result


def compare(model: QuantizedModel, stage: str, reference: Values, other: Values) -> Comparison:
    """Return how `other` differs from `reference` in every tensor that a node writes."""
    import numpy as np

    results = []
    cases = 0
    for node in model.plan.graph.nodes:
        expected = reference[node.output].reshape(len(reference[node.output]), -1).astype(np.int16)
        got = other[node.output].reshape(len(other[node.output]), -1).astype(np.int16)
        differences = np.abs(expected - got)
        cases = len(expected)
        results.append(
            TensorResult(
                node.output, node.layer, differences.size, int((differences > 0).sum()), int(differences.max(initial=0))
            )
        )
    return Comparison(stage, cases, tuple(results))


def run_tflite_micro(model: QuantizedModel, inputs: Values) -> dict[str, NDArray[np.int8]]:
    """Return every tensor as TensorFlow Lite Micro computes it. Raises `ToolError` where it is not installed."""
    import numpy as np

    from netspec.quantize.tflite_model import TFLiteModel
    from netspec.quantize.tflm import Interpreter

    written = TFLiteModel(model)
    interpreter = Interpreter(written.to_bytes())
    names = [node.output for node in model.plan.graph.nodes]
    wanted = [written.index_of[name] for name in names]
    rows: list[list[NDArray[Any]]] = []
    for sample in range(len(next(iter(inputs.values())))):
        arrays = [inputs[given.name][sample : sample + 1] for given in model.plan.graph.inputs]
        rows.append([array.reshape(-1) for array in interpreter.run(arrays, wanted)])
    return {name: np.stack([row[index] for row in rows]) for index, name in enumerate(names)}


def run_program(model: QuantizedModel, program: Path, inputs: Values) -> dict[str, NDArray[np.int8]]:
    """Return every tensor as the compiled C computes it.

    The program reads samples, each the inputs one after another, and writes every node's output. Raises `ToolError`
    with what the program said where it fails.
    """
    import numpy as np

    graph = model.plan.graph
    flat = [inputs[given.name].reshape(len(inputs[given.name]), -1) for given in graph.inputs]
    stream = np.concatenate(flat, axis=1).astype(np.int8).tobytes()
    try:
        done = subprocess.run([str(program)], input=stream, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"the compiled network did not end within {_TIMEOUT_SECONDS} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()[:12]
        raise ToolError(f"the compiled network ended with status {done.returncode}:\n" + "\n".join(said))
    shapes = graph.tensors
    sizes = [int(np.prod(shapes[node.output])) for node in graph.nodes]
    rows = np.frombuffer(done.stdout, np.int8)
    if rows.size != sum(sizes) * len(flat[0]):
        raise ToolError(f"the compiled network wrote {rows.size} bytes, {sum(sizes) * len(flat[0])} were expected")
    columns = np.split(rows.reshape(len(flat[0]), -1), np.cumsum(sizes)[:-1], axis=1)
    return {node.output: column for node, column in zip(graph.nodes, columns, strict=True)}


def compile_network(
    model: QuantizedModel, firmware: Mapping[str, str], kernels: KernelSet, output: Path, *, sanitize: bool = False
) -> Path:
    """Compile emitted files with a provider of kernels into a program for this machine."""
    from netspec.emit.host import host_main
    from netspec.toolchain import compile_library, compile_program

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in (f"{model.name}.h", f"{model.name}.c", f"{model.name}_weights.h", f"{model.name}_weights.c"):
            if file in firmware:
                (folder / file).write_text(firmware[file], encoding="utf-8")
        (folder / "host_main.c").write_text(host_main(model), encoding="utf-8")
        return compile_program(
            sorted(folder.glob("*.c")),
            [folder, *kernels.include_dirs],
            kernels.defines,
            [compile_library(kernels, sanitize=sanitize)],
            output,
            system_include_dirs=kernels.system_include_dirs,
            sanitize=sanitize,
        )


def called_functions(model: QuantizedModel) -> frozenset[str]:
    """Return the C functions that the emitted code calls."""
    from netspec.device.ops import kernel_of

    return frozenset(name for node in model.plan.graph.nodes for name in kernel_of(node.op).functions)


def three_way(
    model: QuantizedModel,
    firmware: Mapping[str, str],
    inputs: Values,
    cmsis: CmsisNN | None,
    progress: Progress,
    *,
    sanitize: bool = False,
) -> tuple[Comparison, ...]:
    """Compare TensorFlow Lite Micro and the emitted C, with each provider of kernels, with the numpy reference."""
    from netspec.toolchain import cmsis_kernels, portable_kernels

    reference = model.run(inputs)
    comparisons: list[Comparison] = []
    try:
        other = run_tflite_micro(model, inputs)
        comparisons.append(compare(model, "TensorFlow Lite Micro", reference, other))
    except ToolError as error:
        if "not installed" not in error.message:
            raise
        comparisons.append(Comparison("TensorFlow Lite Micro", skipped=error.message))
    functions = called_functions(model)
    providers = [portable_kernels(functions)]
    if cmsis is not None:
        providers.append(cmsis_kernels(cmsis, functions))
    with tempfile.TemporaryDirectory() as name:
        for kernels in providers:
            stage = f"C, {kernels.provider}" + (" kernels" if kernels.provider == "portable" else "")
            progress(f"compiling: {stage}")
            program = compile_network(model, firmware, kernels, Path(name) / "network", sanitize=sanitize)
            comparisons.append(compare(model, stage, reference, run_program(model, program, inputs)))
    return tuple(comparisons)


def litert_difference(tflite: bytes, model: QuantizedModel, inputs: Values) -> dict[str, Any]:
    """Return how far desktop LiteRT's outputs are from ours: {resolver: text}. Information only, never a verdict.

    Its reference fully connected kernel rounds once where the contract rounds twice, and XNNPACK differs again.
    """
    import contextlib
    import io
    import warnings

    import numpy as np

    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        import tensorflow as tf

        resolvers = {
            "desktop LiteRT, reference kernels": tf.lite.experimental.OpResolverType.BUILTIN_REF,
            "desktop LiteRT, default kernels": tf.lite.experimental.OpResolverType.AUTO,
        }
        reference = model.run(inputs)
        found: dict[str, Any] = {}
        for label, resolver in resolvers.items():
            interpreter = tf.lite.Interpreter(model_content=tflite, experimental_op_resolver_type=resolver)
            interpreter.allocate_tensors()
            reads, gives = interpreter.get_input_details(), interpreter.get_output_details()
            differing, elements, largest = 0, 0, 0
            for sample in range(min(32, len(next(iter(inputs.values()))))):
                for detail, given in zip(reads, model.plan.graph.inputs, strict=True):
                    interpreter.set_tensor(detail["index"], inputs[given.name][sample : sample + 1])
                interpreter.invoke()
                for detail, output in zip(gives, model.plan.graph.outputs, strict=True):
                    ours = reference[output.tensor][sample].reshape(-1).astype(np.int16)
                    theirs = interpreter.get_tensor(detail["index"]).reshape(-1).astype(np.int16)
                    gap = np.abs(ours - theirs)
                    differing, elements = differing + int((gap > 0).sum()), elements + gap.size
                    largest = max(largest, int(gap.max(initial=0)))
            found[label] = f"{differing} of {elements} outputs differ, by at most {largest}"
    return found


