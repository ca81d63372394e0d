"""What a build folder holds from before: whose build it is, whether its weights still fit, which files are its own."""

from __future__ import annotations

import os
from pathlib import Path

from netspec.artifacts.manifest import (
    HISTORY_FILE,
    KERAS_FILE,
    MANIFEST,
    REPORT_FILE,
    SPEC_COPY,
    SPEC_LINK,
    STORED_FILE,
    TFLITE_FILE,
    VERDICT_FILE,
    Manifest,
    read_manifest,
    sha256,
)
from netspec.artifacts.staging import TRAINING, Staging, holds_training
from netspec.diagnostics import ToolError
from netspec.spec.source import Document
from netspec.system.files import read_at_most
from netspec.system.writing import write_file

_OWN = (MANIFEST, SPEC_LINK, SPEC_COPY, KERAS_FILE, STORED_FILE, TFLITE_FILE, HISTORY_FILE, VERDICT_FILE, REPORT_FILE)
_CHECKPOINT = f"{TRAINING}/checkpoint.npz"  # where it was before builds were made aside


class WouldReplace(Exception):
    """The build folder belongs to another spec of the same name."""


def require_own(folder: Path, document: Document) -> None:
    """Raise `WouldReplace` where a folder holds the build of another spec, whose weights would be lost.

    A spec that is the same to the byte, or whose file is gone, as after a renaming, is not another one.
    """
    try:
        manifest = read_manifest(folder)
    except ToolError:
        return
    other = _linked(folder / SPEC_LINK, folder)
    if manifest.spec_sha256 == document.sha256 or other is None or _is_file(other, document.path):
        return
    raise WouldReplace(f"{folder.as_posix()} is the build of {other.as_posix()}: --out DIR builds into another folder, "
                       "--force replaces it")  # fmt: skip


def require_own_training(staging: Staging, document: Document) -> None:
    """Raise `WouldReplace` where the training that was stopped is of another spec; note the spec for the next time."""
    if holds_training(staging.root):
        other = _linked(staging.owner, staging.root)
        if other is not None and not _is_file(other, document.path):
            place = staging.folder.as_posix()
            raise WouldReplace(f"a training of {other.as_posix()} was stopped in {place}: --out DIR builds into "
                               "another folder, --force removes the training")  # fmt: skip
    note_owner(staging, document)


def note_owner(staging: Staging, document: Document) -> None:
    """Note whose training it is that may be stopped."""
    write_file(staging.owner, os.fsencode(link_to(document, staging.root) + "\n"))


def link_to(document: Document, folder: Path) -> str:
    """Return where a spec is, relative to a folder."""
    return os.path.relpath(os.path.realpath(document.path), os.path.realpath(folder))


def finished_build(folder: Path, document: Document, data_digest: str | None) -> Manifest | None:
    """Return the manifest of a finished training of this very spec and data, if the folder holds one."""
    if data_digest is None or not (folder / MANIFEST).is_file():
        return None
    try:
        manifest = read_manifest(folder)
    except ToolError:
        return None
    fits = (
        manifest.intact
        and manifest.spec_sha256 == document.sha256
        and manifest.data_sha256 == data_digest
        and HISTORY_FILE in manifest.files
        and all(manifest.files.get(name) == _digest_of(folder / name) for name in (KERAS_FILE, HISTORY_FILE))
    )
    return manifest if fits else None


def own_files(folder: Path) -> set[str]:
    """Return the files of a folder that builds have written, relative to it; all others are somebody's own."""
    try:
        recorded = {name for name in read_manifest(folder).files if ".." not in name.split("/")}
    except ToolError:
        recorded = set()
    return {*_OWN, _CHECKPOINT, *recorded, *(path.name for path in folder.glob(".*.tmp"))}


def _linked(link: Path, folder: Path) -> Path | None:
    """Return the spec that a link names, as one would type it; None where there is none any more."""
    try:
        name = os.fsdecode(read_at_most(link, 2**16) or b"").strip()
    except OSError:
        return None
    if "\0" in name:  # no path holds one
        return None
    path = folder.resolve() / name
    return Path(os.path.relpath(path)) if path.is_file() else None


def _is_file(path: Path, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def _digest_of(path: Path) -> str | None:
    return sha256(path.read_bytes()) if path.is_file() else None
