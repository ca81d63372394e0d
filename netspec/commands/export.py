"""Take a build's models out of it: model.tflite as it is, and the float model as a .keras file."""

from __future__ import annotations

from pathlib import Path

from netspec.artifacts.manifest import KERAS_FILE, STORED_FILE, TFLITE_FILE, Manifest, read_manifest, sha256
from netspec.diagnostics import ToolError
from netspec.system.writing import write_atomically


def export_tflite(folder: Path, target: Path) -> tuple[str, list[str]]:
    """Write a build's int8 model; return a sentence about it, and what whoever feeds it must know of its inputs.

    Raises `ToolError` where the build was changed.
    """
    from netspec.importers.flatbuffer import Flatbuffer

    manifest = read_manifest(folder)
    content = _recorded(folder, manifest, TFLITE_FILE)
    write_atomically(target, content, sync=True)
    _, *notes = Flatbuffer(content, b"TFL3").root().text(3).split("; ")
    return f"{target.as_posix()}: the int8 model of {manifest.name}", notes


def export_keras(folder: Path, target: Path) -> str:
    """Write a build's float model; return a sentence about it.

    Integers that were imported come from no float model: theirs is made of what the integers stand for, which needs
    TensorFlow. Raises `ToolError` where the build was changed, or its spec is gone.
    """
    if target.suffix != ".keras":
        raise ToolError(f"{target.as_posix()} must end in .keras", help="Keras tells its formats by that ending")
    manifest = read_manifest(folder)
    if KERAS_FILE in manifest.files:
        write_atomically(target, _recorded(folder, manifest, KERAS_FILE), sync=True)
        return f"{target.as_posix()}: the float model of {manifest.name}"
    _recorded(folder, manifest, STORED_FILE)
    _write_dequantized(folder, manifest, target)
    return f"{target.as_posix()}: {manifest.name} with floats made of its imported integers"


def _recorded(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Return a file's content, having checked that it is still what the build wrote."""
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise ToolError(f"{folder / name} cannot be read: {error}", help="run `netspec build SPEC` again") from error
    if sha256(content) != manifest.files.get(name):
        raise ToolError(f"{folder / name} was changed after the build", help="run `netspec build SPEC` again")
    return content


def _write_dequantized(folder: Path, manifest: Manifest, target: Path) -> None:
    from netspec.check import check
    from netspec.device.plan import plan_device
    from netspec.quantize.stored import floats_of, read_stored
    from netspec.spec.source import load
    from netspec.train.model import build_model
    from netspec.train.weights import save_model, set_weights
    from netspec.verify.folder import linked_spec

    path = linked_spec(folder)
    if path is None or not path.is_file():
        raise ToolError(f"the spec {manifest.spec} of {folder} is gone", help="put it back, or build again")
    document = load(path)
    if document.sha256 != manifest.spec_sha256:
        raise ToolError(f"the spec {path.as_posix()} was changed after the build", help="run `netspec build` again")
    graph = check(document, manifest.core).graph
    plan = plan_device(graph, manifest.core)
    stored = read_stored(folder / STORED_FILE, graph, plan)
    model = build_model(graph)
    set_weights(model, floats_of(graph, plan.graph, stored))
    save_model(model, target)
