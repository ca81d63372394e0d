"""Read a Keras file in a process of its own: its HDF5 part goes through a C library that a malformed file can hang.

What that process finds comes back as JSON and bytes, never as a pickle. It is ended after a while, and may take no more
memory than the largest file that is read would need.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from netspec.diagnostics import ToolError
from netspec.importers.faults import MALFORMED, MalformedModel, ModelFault
from netspec.importers.result import Imported

SECONDS = 60
_LARGEST_ADDRESS_SPACE = 12 * 1024**3
_HEADER_BYTES = 8


def import_keras_isolated(path: Path, stem: str | None = None, seconds: float = SECONDS) -> Imported:
    """Return a Keras model as a spec. Raises `ModelFault`, and `ToolError` where h5py is not installed."""
    # -P: what lies in the current folder, beside a model from somewhere, is not imported.
    command = [sys.executable, "-P", "-m", __name__, str(path.resolve()), json.dumps(stem)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise MalformedModel(f"the file is not read after {seconds:g} s: the HDF5 library hangs in it") from None
    size = int.from_bytes(done.stdout[:_HEADER_BYTES], "little")
    if done.returncode != 0 or len(done.stdout) < _HEADER_BYTES + size or not size:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        if done.returncode < 0 or (said and "MemoryError" in said[-1]):
            raise MalformedModel("the HDF5 library fails in the file")
        raise AssertionError(f"reading {path.name} ended with {done.returncode}: {said[-1] if said else 'nothing'}")
    found = json.loads(done.stdout[_HEADER_BYTES : _HEADER_BYTES + size])
    if "tool" in found:
        raise ToolError(found["tool"], found["help"])
    if "fault" in found:
        kind = MalformedModel if found["rule"] == MALFORMED else ModelFault
        raise kind(found["fault"], found["help"])
    content = done.stdout[_HEADER_BYTES + size :]
    return Imported(found["name"], found["text"], found["weights_name"], content, tuple(found["notes"]))


def _main(path: str, stem: str) -> None:
    from netspec.importers.keras import import_keras

    _limit_memory()
    content = b""
    header: dict[str, object]
    try:
        imported = import_keras(Path(path), json.loads(stem))
        content = imported.weights
        header = {
            "name": imported.name,
            "text": imported.text,
            "weights_name": imported.weights_name,
            "notes": imported.notes,
        }
    except ModelFault as fault:
        header = {"fault": fault.message, "help": fault.help, "rule": fault.rule}
    except ToolError as error:
        header = {"tool": error.message, "help": error.help}
    text = json.dumps(header).encode()
    sys.stdout.buffer.write(len(text).to_bytes(_HEADER_BYTES, "little") + text + content)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (_LARGEST_ADDRESS_SPACE, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    _main(*sys.argv[1:])
