"""A model file -> the text of a spec and the bytes of its weights file: what `netspec import` writes."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.device.graph import DeviceGraph
from netspec.device.plan import DevicePlan, plan_device
from netspec.diagnostics import SpecError, ToolError
from netspec.graph import Graph
from netspec.importers.faults import Faults, MalformedModel, ModelFault, refused
from netspec.importers.result import Imported, graph_of, weights_name
from netspec.importers.tflite.importer import translate
from netspec.importers.tflite.reader import FileModel, read_file, read_model
from netspec.importers.tflite.translator import Step, Translated
from netspec.importers.writer import KeptNames, WrittenSpec, write_spec
from netspec.ops import Pad
from netspec.ops.numbers import Quant
from netspec.quantize.stored import Stored, npz_bytes, stored_numbers, write_stored
from netspec.system.files import open_regular
from netspec.system.missing import MEND_LINK, broken_link

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAD = Pad.stem
"""What the passes move and fold: padding changes no integer."""


def import_model(path: Path, stem: str | None = None, names: KeptNames = "auto") -> Imported:
    """Return a model as a spec named `stem` in its files. Nothing in the file is ever executed.

    Raises `SpecError` (exit 1) where the model is malformed or holds what netspec does not have, and `ToolError` where
    the file cannot be read at all.
    """
    try:
        with open_regular(path) as file:
            magic = file.read(8)
        if magic[4:8] == b"TFL3" or path.suffix in (".tflite", ".lite"):
            return _from_tflite(read_file(path), path.name, stem, names)
        if magic[:2] == b"PK" or magic == b"\x89HDF\r\n\x1a\n" or path.suffix in (".keras", ".h5", ".hdf5"):
            from netspec.importers.isolated import import_keras_isolated

            return import_keras_isolated(path, stem, names)
    except FileNotFoundError:
        link = broken_link(str(path))
        raise ToolError(link or f"there is no model {path}", MEND_LINK if link else "check the path") from None
    except OSError as error:
        raise ToolError(f"the model {path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except ModelFault as fault:
        raise fault.at(path) from fault
    raise ModelFault(
        "the file is neither a Keras nor a TensorFlow Lite model",
        help="netspec imports .keras, .h5 and .tflite files",
    ).at(path)


def spec_of_tflite(data: bytes, file_name: str) -> Imported:
    """Return the bytes of a .tflite file as a spec. Raises `ModelFault`."""
    return _from_tflite(read_model(data), file_name, None)


def _from_tflite(model: FileModel, file_name: str, stem: str | None, names: KeptNames = "auto") -> Imported:
    translated = translate(model, file_name)
    draft = translated.draft
    beside = weights_name(stem or draft.name)
    written = write_spec(draft, beside, names)
    graph = graph_of(written.text)
    _require_shapes(graph, _arrays(translated, written))
    if translated.integer:
        content = write_stored(_stored(model, translated, written, graph))
    else:
        content = npz_bytes({f"{layer}/{weight}": array for (layer, weight), array in _arrays(translated, written)})
    return Imported(draft.name, written.text, beside, content, tuple(draft.notes))


def _arrays(translated: Translated, written: WrittenSpec) -> list[tuple[tuple[str, str], NDArray[Any]]]:
    found: list[tuple[tuple[str, str], NDArray[Any]]] = []
    for index, weights in translated.weights.items():
        found.append(((written.names[index], "kernel"), weights.kernel))
        if weights.bias is not None:
            found.append(((written.names[index], "bias"), weights.bias))
    return found


def _require_shapes(graph: Graph, arrays: list[tuple[tuple[str, str], NDArray[Any]]]) -> None:
    """Raise unless the file's arrays are those of the spec's layers."""
    given = {key: array.shape for key, array in arrays}
    faults = Faults()
    for layer in graph.layers:
        for weight in layer.weights:
            shape = given.get((layer.name, weight.name))
            if shape != weight.shape:
                message = f"{weight.name} of {layer.name} has the shape {shape}, not {weight.shape}"
                faults.add(MalformedModel(message))
    faults.raise_found()


def _stored(model: FileModel, translated: Translated, written: WrittenSpec, graph: Graph) -> Stored:
    """Return the integers under the spec's names, having proven that the spec's device graph is the file's."""
    try:
        plan = plan_device(graph)
    except SpecError as error:
        raise refused(error, "the device cannot run the net") from error
    names = _device_names(model, translated, written)
    _require_same_ops(plan.graph, translated, names)
    tensors = _tensors(model, translated, plan.graph, names)
    kept = {layer.name for layer in graph.layers}
    arrays = {key: array for key, array in _arrays(translated, written) if key[0] in kept}
    scales = {(written.names[i], "kernel"): w.scales for i, w in translated.weights.items() if written.names[i] in kept}
    stored = Stored(arrays, scales, tensors)
    _require_numbers(plan, stored)
    return stored


def _device_names(model: FileModel, translated: Translated, written: WrittenSpec) -> dict[int, str]:
    """Return the device tensor that holds each of the file's; a reshape is another name of what it reads."""
    draft = translated.draft

    def name(source: int | str) -> str:
        while not isinstance(source, str):
            layer = draft.layers[source]
            if layer.type not in ("reshape", "flatten") and source not in translated.folded:
                return written.names[source]
            source = layer.sources[0]
        return source

    return {index: name(source) for index, source in translated.source_of.items()}


_Reads = tuple[str, ...]
"""The tensors that an op reads, in order, those of paddings left out."""


def _require_same_ops(device: DeviceGraph, translated: Translated, names: dict[int, str]) -> None:
    """Raise unless the passes have led the spec to the ops that the file has, each reading and writing the same.

    Padding is the exception: the passes fold it into a convolution, or put it before one, and no integer changes.
    """
    shortcut = {names[s.output]: names[s.inputs[0]] for s in translated.steps if s.variant == PAD}
    shortcut |= {node.output: node.inputs[0] for node in device.nodes if node.op.variant() == PAD}

    def unpadded(name: str) -> str:
        while name in shortcut:
            name = shortcut[name]
        return name

    ours = {node.output: (node.op.variant(), tuple(map(unpadded, node.inputs))) for node in device.nodes}
    theirs: dict[str, tuple[Step, _Reads]] = {}
    for step in translated.steps:
        theirs[names[step.output]] = (step, tuple(unpadded(names[index]) for index in step.inputs))
    _require_unfused(translated, theirs, ours.keys())
    _require_alike(ours, theirs)


def _require_unfused(translated: Translated, theirs: Mapping[str, tuple[Step, _Reads]], reached: Set[str]) -> None:
    """Raise for each operator of the file whose output no op of the device graph writes, though it is read."""
    faults = Faults()
    for output, (step, _) in theirs.items():
        if step.variant != PAD and output not in reached and _is_read(translated, step.output):
            faults.add(
                ModelFault(
                    f"{step.what} stands apart in the file, and netspec joins it with its neighbour, which would round "
                    "differently",
                    help="convert the model again: converters fuse activations",
                )
            )
    faults.raise_found()


def _require_alike(ours: Mapping[str, tuple[str, _Reads]], theirs: Mapping[str, tuple[Step, _Reads]]) -> None:
    """Raise for each op that computes something else than the file's operator, and for ops that the file has not."""
    faults = Faults()
    explained: set[str] = set()
    for output, (step, inputs) in theirs.items():
        if step.variant != PAD and output in ours and ours[output] != (step.variant, inputs):
            kind, reads = ours[output]
            faults.add(ModelFault(f"{step.what}, would run as {kind} of {', '.join(reads)}"))
            explained.update(reads)
    extra = [name for name, (kind, _) in ours.items() if name not in theirs and kind != PAD and name not in explained]
    if extra:
        faults.add(ModelFault(f"netspec would compute {', '.join(extra[:6])} besides the operators of the file"))
    faults.raise_found()


def _is_read(translated: Translated, tensor: int) -> bool:
    """Say whether a tensor matters: some op reads it, or it is an output."""
    source = translated.source_of[tensor]
    return source in translated.draft.outputs or any(source in layer.sources for layer in translated.draft.layers)


def _tensors(model: FileModel, translated: Translated, device: DeviceGraph, names: dict[int, str]) -> dict[str, Quant]:
    """Return the file's scale and zero point of every device tensor; padding keeps those of what it pads."""
    found: dict[str, Quant] = {}
    faults = Faults()
    for index, name in names.items():
        tensor = model.tensors[index]
        if tensor.dtype != "int8" or len(tensor.scales) != 1 or index in translated.unscaled:
            continue  # an end of the net, whose operator is dropped
        quant = Quant(tensor.scales[0], tensor.zero_points[0])
        if found.setdefault(name, quant) != quant:
            faults.add(ModelFault(f"{tensor.shown} has another scale than the tensor whose bytes it shares"))
    for node in device.nodes:
        if node.op.variant() == PAD and node.inputs[0] in found:
            found.setdefault(node.output, found[node.inputs[0]])
    faults.raise_found()
    missing = [name for name in device.tensors if name not in found]
    if missing:
        raise ModelFault(f"the file has no int8 scale for {', '.join(missing)}")
    return {name: found[name] for name in device.tensors}


def _require_numbers(plan: DevicePlan, stored: Stored) -> None:
    faults = Faults()
    for node in plan.graph.nodes:
        try:
            stored_numbers(plan, node, stored)
        except ToolError as error:
            faults.add(ModelFault(error.message))
    faults.raise_found()
