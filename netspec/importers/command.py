"""What `netspec import` does: read a model, write a spec and its weights, overwrite nothing unless told to."""

from __future__ import annotations

import os
from pathlib import Path

from netspec.importers.imported import import_model
from netspec.importers.result import Imported
from netspec.importers.writer import KeptNames
from netspec.system.writing import write_atomically


class WouldOverwrite(Exception):
    """A file that is there already and would be lost."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path.as_posix()} is there already; --force overwrites it")


def ranges_note(imported: Imported, weights: Path) -> str | None:
    """Return what is missing for the numbers of a float model to mean anything in int8; None for an int8 model."""
    from netspec.quantize.stored import is_stored

    if is_stored(weights):
        return None
    return (
        f"{imported.name} has float weights and no data, so a build makes up the ranges of its activations; give "
        "samples without labels: `quantize: {calibration: {data: {npz: FILE}}}`, or in place of npz a csv, images "
        "or audio"
    )


def run_import(
    model: Path, out: Path | None, *, force: bool = False, names: KeptNames = "auto"
) -> tuple[Path, Imported]:
    """Write the spec of a model to `out`, by default NAME.yaml in the current folder, and its weights beside it.

    Raises `WouldOverwrite`, and what `import_model` raises; then nothing is written.
    """
    imported = import_model(model, out.stem if out is not None else None, names)
    spec = out if out is not None else Path(f"{imported.name}.yaml")
    weights = spec.with_name(imported.weights_name)
    for path in (spec, weights):
        if path.exists() and not force:
            raise WouldOverwrite(path)
        if path.exists() and os.path.samefile(path, model):
            raise WouldOverwrite(path)
    spec.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(weights, imported.weights)
    write_atomically(spec, imported.text.encode())
    return spec, imported
