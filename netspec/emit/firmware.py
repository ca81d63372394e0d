"""The firmware folder of a build: emission with test vectors that need no data, so that anyone can make it again."""

from __future__ import annotations

from pathlib import Path

from netspec.diagnostics import encodable
from netspec.emit import emit, make_vectors, plain_inputs
from netspec.quantize.model import QuantizedModel
from netspec.source import Document


def emit_firmware(model: QuantizedModel, document: Document) -> dict[str, str]:
    """Return the text of every file of the folder by its name there."""
    return emit(
        model,
        spec_sha256=document.sha256,
        spec_path_name=encodable(Path(document.path).name),
        vectors=make_vectors(model, plain_inputs(model)),
    )
