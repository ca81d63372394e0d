"""The proof: every tensor of every implementation against the numpy reference, and the scores of both networks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import ToolError
from netspec.graph import Graph
from netspec.verify.from_floats import compare_inputs, float_cases, quantized_by_micro, quantized_by_program
from netspec.verify.inputs import case_inputs
from netspec.verify.oracles import Values, compile_network, run_program, tflite_micro
from netspec.verify.report import Comparison, Report, TensorResult, joined
from netspec.verify.resolution import build_warnings
from netspec.verify.scores import score_split

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel
    from netspec.toolchain import CmsisNN
    from netspec.train.data import Dataset
    from netspec.train.samples import Samples

PART_ELEMENTS = 2**21
"""Of all tensors of the cases that are compared at once."""

Progress = Callable[[str], None]


def prove(
    graph: Graph,
    model: QuantizedModel,
    arrays: Mapping[tuple[str, str], NDArray[Any]],
    dataset: Dataset | None,
    firmware: Mapping[str, str],
    cmsis: CmsisNN | None,
    progress: Progress,
    drift: tuple[str, ...],
    information: Mapping[str, Any],
) -> Report:
    samples, split = held_out(dataset)
    progress("verifying")
    comparisons: tuple[Comparison, ...] = three_way(model, firmware, case_inputs(model, samples), cmsis, progress)
    scored = score_split(graph, model, arrays, dataset, split)
    accuracy = (scored.accuracy,) if scored else ()
    return Report(model.name, drift, comparisons, accuracy, information, warnings=build_warnings(graph, model, scored))


def three_way(
    model: QuantizedModel,
    firmware: Mapping[str, str],
    inputs: Values,
    cmsis: CmsisNN | None,
    progress: Progress,
    *,
    sanitize: str = "",
) -> tuple[Comparison, ...]:
    """Compare TensorFlow Lite Micro and the emitted C, with each provider of kernels, with the numpy reference.

    An imported model is compared from its float inputs on, others from the int8 ones.
    """
    from netspec.emit import host_functions
    from netspec.toolchain import cmsis_kernels, portable_kernels

    implementations: dict[str, Callable[[Values], Values]] = {}
    floats = float_cases(model)
    before: dict[str, tuple[TensorResult, ...]] = {}
    skipped: list[Comparison] = []
    try:
        implementations["TensorFlow Lite Micro"] = tflite_micro(model)
        before["TensorFlow Lite Micro"] = compare_inputs(model, floats, partial(quantized_by_micro, model))
    except ToolError as error:
        if "not installed" not in error.message:
            raise
        skipped.append(Comparison("TensorFlow Lite Micro", skipped=error.message))
    functions = host_functions(model)
    providers = [portable_kernels(functions)]
    if cmsis is not None:
        providers.append(cmsis_kernels(cmsis, functions))
    with tempfile.TemporaryDirectory() as name:
        for number, kernels in enumerate(providers):
            stage = f"C, {kernels.provider}" + (" kernels" if kernels.provider == "portable" else "")
            progress(f"compiling: {stage}")
            path = Path(name) / f"network{number}"
            program = compile_network(model, firmware, kernels, path, sanitize=sanitize)
            implementations[stage] = partial(run_program, model, program)
            if floats:
                before[stage] = compare_inputs(model, floats, partial(quantized_by_program, model, program))
        compared = compare_in_parts(model, inputs, implementations)
        whole = (replace(each, tensors=(*before.get(each.stage, ()), *each.tensors)) for each in compared)
        return (*skipped, *whole)


def compare_in_parts(
    model: QuantizedModel, inputs: Values, implementations: Mapping[str, Callable[[Values], Values]]
) -> tuple[Comparison, ...]:
    """Compare implementations, by name, with the numpy reference on a few cases at a time.

    So what is held at once does not grow with the number of cases.
    """
    found: dict[str, list[Comparison]] = {stage: [] for stage in implementations}
    for part in parts(model, len(next(iter(inputs.values())))):
        some = {name: values[part] for name, values in inputs.items()}
        reference = model.run(some)
        for stage, run in implementations.items():
            found[stage].append(compare(model, stage, reference, run(some)))
    return tuple(joined(comparisons) for comparisons in found.values())


def parts(model: QuantizedModel, cases: int) -> Iterator[slice]:
    """Yield the cases that are compared at once: as many as PART_ELEMENTS allows, at least one."""
    step = max(1, PART_ELEMENTS // max(1, sum(tensor.size for tensor in model.plan.graph.tensors.values())))
    for start in range(0, cases, step):
        yield slice(start, min(start + step, cases))


def compare(model: QuantizedModel, stage: str, reference: Values, other: Values) -> Comparison:
    """Return how `other` differs from `reference` in every tensor that a node writes."""
    import numpy as np

    results = []
    cases = 0
    for node in model.plan.graph.nodes:
        for tensor in node.outputs:
            wide = np.int16 if tensor.dtype.bits < 16 else np.int64
            expected, got = (each[tensor.name] for each in (reference, other))
            cases = len(expected)
            differences = np.abs(expected.reshape(cases, -1).astype(wide) - got.reshape(cases, -1).astype(wide))
            wrong, largest = int((differences > 0).sum()), int(differences.max(initial=0))
            results.append(TensorResult(tensor.name, node.layer, differences.size, wrong, largest))
    return Comparison(stage, cases, tuple(results))


def held_out(dataset: Dataset | None) -> tuple[Mapping[str, Samples] | None, str]:
    """Return the inputs of the best split that training did not see, and its name."""
    if dataset is None:
        return None, ""
    for split in ("test", "validation"):
        part = getattr(dataset, split)
        if part is not None:
            return part.x, split
    return dataset.train.x, "train"
