"""The firmware folder of a build: emission with test vectors that need no data, so that anyone can make it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from netspec.diagnostics import encodable
from netspec.emit import emit, make_vectors, plain_inputs
from netspec.quantize.model import QuantizedModel
from netspec.spec.source import Document


def emit_firmware(
    model: QuantizedModel, document: Document, classes: Mapping[str, Sequence[str]] | None = None
) -> dict[str, str]:
    """Return the text of every file of the folder by its name there; `classes` are the names of outputs' classes."""
    return emit(
        model,
        spec_sha256=document.sha256,
        spec_path_name=encodable(Path(document.path).name),
        vectors=make_vectors(model, plain_inputs(model)),
        classes=classes,
    )
