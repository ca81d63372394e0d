"""The stage of `--run`: a built network on the emulated board of a core, with every provider of kernels there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from netspec.device.plan import plan_device
from netspec.graph import Graph
from netspec.spec.source import Document
from netspec.verify.board import run_on_board
from netspec.verify.inputs import case_inputs
from netspec.verify.oracles import Values
from netspec.verify.proof import Progress, compare, parts
from netspec.verify.report import Comparison, Report, joined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel
    from netspec.quantize.stored import Stored
    from netspec.toolchain import CmsisNN
    from netspec.train.samples import Samples

    Arrays = Mapping[tuple[str, str], NDArray[np.float32]]


def boot(
    report: Report,
    core: str,
    graph: Graph,
    model: QuantizedModel,
    weights: Stored | Arrays,
    document: Document,
    samples: Mapping[str, Samples] | None,
    cmsis: CmsisNN | None,
    progress: Progress,
) -> Report:
    """Return `report` with what the network did on the board of `core`: a comparison and figures for each provider.

    The emitted test vectors run, and all inputs of the other comparisons. For another core than the model's it is
    planned and emitted again, with the same integers. Raises ToolError where a tool or the firmware fails.
    """
    import numpy as np

    from netspec.emit import host_functions, plain_inputs
    from netspec.emit.firmware import emit_firmware
    from netspec.toolchain.arm import device_kernels

    planned = replanned(graph, model, weights, core)
    notes: tuple[str, ...] = ()
    if planned is not model:
        notes = (f"planned anew for {core}; this folder is for {model.plan.core}",)
        progress(f"note: {notes[0]}")
    firmware = emit_firmware(planned, document)
    vectors, cases = plain_inputs(planned), case_inputs(planned, samples)
    inputs = {name: np.concatenate([vectors[name], cases[name]]) for name in cases}
    functions = host_functions(planned)
    comparisons, boards = list(report.comparisons), list(report.boards)
    for provider in (None, cmsis) if cmsis is not None else (None,):
        kernels = device_kernels(functions, provider)
        progress(f"booting {core}: {kernels.provider} kernels")
        run = run_on_board(planned, firmware, kernels, inputs)
        stage = f"{core} in QEMU, {kernels.provider}" + (" kernels" if kernels.provider == "portable" else "")
        comparisons.append(_compared(planned, stage, inputs, run.outputs))
        boards.append(replace(run.figures, folder_core=model.plan.core, notes=(*notes, *run.figures.notes)))
    return replace(report, comparisons=tuple(comparisons), boards=tuple(boards))


def _compared(model: QuantizedModel, stage: str, inputs: Values, outputs: Values) -> Comparison:
    """Compare what the board gave with the numpy reference, a few cases at a time."""
    found = []
    for part in parts(model, len(next(iter(inputs.values())))):
        reference = model.run({name: values[part] for name, values in inputs.items()})
        found.append(compare(model, stage, reference, {name: values[part] for name, values in outputs.items()}))
    return joined(found)


def replanned(graph: Graph, model: QuantizedModel, weights: Stored | Arrays, core: str) -> QuantizedModel:
    """Return the model planned for `core`; the same where it is already."""
    if model.plan.core == core:
        return model
    from netspec.quantize.quantize import quantize, weight_lookup
    from netspec.quantize.stored import Stored, quantize_stored

    plan = plan_device(graph, core)
    if isinstance(weights, Stored):
        return quantize_stored(plan, weights)
    return quantize(plan, weight_lookup(weights), model.tensors)
