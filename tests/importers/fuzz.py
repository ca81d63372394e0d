"""Fuzzing of the importers with atheris, by hand: what is found goes into the corpus that `test_malformed.py` runs.

    pip install atheris
    python tests/importers/fuzz.py tflite CORPUS_FOLDER -max_total_time=3600 -max_len=8192
    python tests/importers/fuzz.py keras CORPUS_FOLDER -max_total_time=3600 -max_len=8192
    python tests/importers/fuzz.py npz CORPUS_FOLDER -max_total_time=3600 -max_len=4096

A file may be refused (`ModelFault`, `SpecError`); any other exception is a finding.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["netspec", "tests.importers.weights_files"]):
    from netspec.importers.faults import ModelFault
    from netspec.importers.imported import spec_of_tflite
    from netspec.importers.keras.importer import spec_of_config
    from tests.importers.weights_files import read_both


def tflite(data: bytes) -> None:
    with suppress(ModelFault):
        spec_of_tflite(data, "fuzz.tflite")


def keras(data: bytes) -> None:
    with suppress(ModelFault):
        spec_of_config(data, "fuzz.keras")


def npz(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        Path(file.name).write_bytes(data)
        read_both(Path(file.name))


if __name__ == "__main__":
    target = {"tflite": tflite, "keras": keras, "npz": npz}[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
