"""Zip and HDF5 files whose bytes depend on their contents alone: no dates, no platform, a fixed order."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netspec.system.writing import write_atomically

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that zip can say
_UNIX = 3


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a zip of stored members in the given order, replacing the file in one step."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    write_atomically(path, buffer.getvalue())


def canonical_h5(content: bytes, kept: tuple[str, ...]) -> bytes:
    """Return an HDF5 file with the same groups, attributes and arrays, written anew in order of their names.

    `kept` names what to take of the top level.
    """
    import h5py

    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as source, h5py.File(buffer, "w", libver="earliest") as target:
        for name in sorted(set(source) & set(kept)):
            _copy(h5py, source[name], target, name)
    return buffer.getvalue()


def _copy(h5py: Any, source: Any, parent: Any, name: str) -> None:
    if isinstance(source, h5py.Dataset):
        made = parent.create_dataset(name, data=source[()], track_times=False)
    else:
        made = parent.create_group(name, track_order=False)
        for child in sorted(source):
            _copy(h5py, source[child], made, child)
    for key in sorted(source.attrs):
        made.attrs[key] = source.attrs[key]
