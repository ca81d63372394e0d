"""Read a Keras file in a process of its own, for its HDF5 part goes through a C library."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from netspec.diagnostics import ToolError
from netspec.importers.faults import MALFORMED, Faults, MalformedModel, ModelFault
from netspec.importers.result import Imported
from netspec.importers.writer import KeptNames
from netspec.system.isolation import SECONDS, ReaderFailed, answer, limit_memory, limit_time, run_isolated


def import_keras_isolated(
    path: Path, stem: str | None = None, names: KeptNames = "auto", seconds: float = SECONDS
) -> Imported:
    """Return a Keras model as a spec. Raises `ModelFault`, and `ToolError` where h5py is not installed."""
    try:
        found, content = run_isolated(__name__, [str(path.resolve()), json.dumps(stem), names], seconds=seconds)
    except ReaderFailed as failure:
        raise MalformedModel(str(failure)) from None
    if "tool" in found:
        raise ToolError(found["tool"], found["help"])
    if "faults" in found:
        Faults(_fault(*each) for each in found["faults"]).raise_found()
    return Imported(found["name"], found["text"], found["weights_name"], content, tuple(found["notes"]))


def _fault(rule: str, message: str, help: str | None) -> ModelFault:
    return (MalformedModel if rule == MALFORMED else ModelFault)(message, help)


def _main(path: str, stem: str, names: KeptNames) -> None:
    from netspec.importers.keras.importer import import_keras

    limit_memory()
    limit_time(Path(path))
    try:
        imported = import_keras(Path(path), json.loads(stem), names)
    except ModelFault as fault:
        answer({"faults": [(each.rule, each.message, each.help) for each in (fault, *fault.others)]})
        return
    except ToolError as error:
        answer({"tool": error.message, "help": error.help})
        return
    answer(
        {
            "name": imported.name,
            "text": imported.text,
            "weights_name": imported.weights_name,
            "notes": imported.notes,
        },
        imported.weights,
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])  # type: ignore[arg-type]
