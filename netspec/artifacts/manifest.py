"""manifest.json: one chain of SHA-256 from the spec to the last emitted file. No dates, no paths of this machine."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import ToolError
from netspec.system.files import file_sha256, read_at_most

if TYPE_CHECKING:
    from netspec.ops.numbers import Quant
    from netspec.quantize.model import QuantizedModel

MANIFEST = "manifest.json"
KERAS_FILE, TFLITE_FILE, HISTORY_FILE = "model.keras", "model.tflite", "history.csv"
# What a verification says of a build, and so no part of it.
VERDICT_FILE, REPORT_FILE = "verify.json", "report.html"
# In the place of model.keras where the integers were imported: there is no float model that they come from.
STORED_FILE = "weights.npz"
# Where the spec stood, relative to the build folder. It is a hint for `verify`, no part of the build: the manifest
# holds digests only and is the same on every machine.
SPEC_LINK = ".spec"
# The spec as it was read, for --warm-start: its layers are who the weights belong to. Not called *.yaml, lest
# `netspec check FOLDER` take it for a spec that somebody maintains.
SPEC_COPY = "spec.txt"
SCHEMA_VERSION = 1
LARGEST_JSON = 64 * 2**20
"""Bytes of a manifest or verdict that are read: ten thousand layers have a few of them."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a build was made of. `chain` is the digest of all the rest, so that no line can be edited alone.

    `initial_weights_sha256` is of the weights that training started with, None where it made its own. `classes` are the
    names of the classes of each output, in the order of their numbers, None where the data name none.
    """

    name: str
    spec: str
    spec_sha256: str
    core: str
    data_sha256: str | None
    weights_sha256: str
    quantized_sha256: str
    quantization: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, str]
    versions: Mapping[str, str]
    initial_weights_sha256: str | None = None
    classes: Mapping[str, Sequence[str]] | None = None
    schema_version: int = SCHEMA_VERSION
    chain: str = field(default="")

    def sealed(self) -> Manifest:
        values = asdict(self) | {"chain": ""}
        # A build without these has the chain that it had before there were these fields.
        later = ("initial_weights_sha256", "classes")
        counted = {key: value for key, value in values.items() if key not in later or value is not None}
        return Manifest(**(values | {"chain": sha256(_canonical(counted))}))

    @property
    def intact(self) -> bool:
        return self.sealed().chain == self.chain

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    def scales(self) -> dict[str, Quant]:
        """Return the recorded scale and zero point of every tensor."""
        from netspec.ops.numbers import Quant

        return {
            name: Quant(float(q["scale"]), int(q["zero_point"]), bool(q.get("raw", False)))
            for name, q in self.quantization.items()
        }


def read_manifest(folder: Path) -> Manifest:
    """Return a build folder's manifest, having finished a swap in which a build was killed.

    Raises `ToolError` where it is missing or not ours.
    """
    from netspec.artifacts.staging import holds_training, repair, staging_folder

    repair(folder)
    path = folder / MANIFEST
    try:
        values = json.loads(_text(path), object_pairs_hook=_unique)
        manifest = Manifest(**values)
        _require_form(manifest)
        return manifest
    except FileNotFoundError:
        remedy = "a training was stopped there: " if holds_training(staging_folder(folder)) else ""
        raise ToolError(
            f"{folder} is no finished build: it has no {MANIFEST}", f"{remedy}run `netspec build SPEC`"
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ToolError(f"{path} cannot be read: {error}", "run `netspec build SPEC` again") from error


def _text(path: Path) -> str:
    """Return the text of a manifest. Raises OSError, and ValueError where it is too long for one."""
    content = read_at_most(path, LARGEST_JSON)
    if content is None:
        raise ValueError(f"it has more than {LARGEST_JSON:,} bytes")
    return content.decode("utf-8")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; raise ValueError for a key that it has twice."""
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise ValueError(f"it has the key {counts.most_common(1)[0][0]!r} twice")
    return values


def _require_form(manifest: Manifest) -> None:
    """Raise ValueError unless a manifest holds what `verify` will ask it for."""
    from netspec.device.cmsis_nn import CORE_EXTENSIONS

    if manifest.schema_version != SCHEMA_VERSION:
        raise ValueError(f"its schema_version is {manifest.schema_version!r}, this netspec knows {SCHEMA_VERSION}")
    if manifest.core not in CORE_EXTENSIONS:
        raise ValueError(f"{manifest.core!r} is no core that netspec knows")
    if not isinstance(manifest.files, dict) or not all(isinstance(each, str) for each in manifest.files.values()):
        raise ValueError("its files have no digests")
    if manifest.classes is not None and not _are_names(manifest.classes):
        raise ValueError("its classes are no names")
    if not isinstance(manifest.versions, dict):
        raise ValueError("its versions are no mapping")
    if not isinstance(manifest.quantization, dict):
        raise ValueError("it has no quantization")
    for name, quant in manifest.quantization.items():
        scale, zero_point = quant["scale"], quant["zero_point"]
        if not isinstance(scale, float) or not 0 < scale < float("inf") or not isinstance(zero_point, int):
            raise ValueError(f"the quantization of {name} is no scale and zero point")


def _are_names(classes: Any) -> bool:
    return isinstance(classes, dict) and all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in classes.values()
    )


def quantized_digest(model: QuantizedModel) -> str:
    """Return the digest of all integers of a network: scales, zero points, constants, kernel parameters."""
    digest = hashlib.sha256()
    for name, quant in sorted(model.tensors.items()):
        digest.update(f"{name} {quant.scale!r} {quant.zero_point}\n".encode())
    for node, numbers in model.nodes:
        digest.update(f"{node.name} {sorted(numbers.numbers.items())}\n".encode())
        for role, array in numbers.arrays.items():
            digest.update(f"{role} {array.dtype.str} {array.shape}\n".encode() + array.tobytes())
    return digest.hexdigest()


def file_digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: file_sha256(folder / name) for name in names}


def drifted_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return a sentence for each recorded file that is gone or changed."""
    faults = []
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif file_sha256(path) != expected:
            faults.append(f"{name} was changed after the build")
    return faults


def _canonical(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
