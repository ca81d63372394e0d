"""What an interrupted training leaves: one file from which the next run goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netspec.diagnostics import ToolError
from netspec.graph import Graph
from netspec.train.archive import write_zip
from netspec.train.monitor import Monitor

Array = npt.NDArray[np.generic]
FOLDER = ".training"
_FILE = "checkpoint.npz"
_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The state after `epoch` whole epochs.

    `model` and `optimizer` hold every variable in Keras' order, those of random generators included. `best` holds
    the model's variables after the best epoch so far, or nothing where that is this one.
    """

    epoch: int
    history: list[dict[str, float]]
    monitor: Monitor | None
    model: list[Array]
    optimizer: list[Array]
    best: list[Array]


def identity(graph: Graph, data_digest: str, initial_digest: str = "") -> dict[str, str]:
    """Return the digests of what a training run depends on; runs that agree in all of them are the same run.

    `initial_digest` is of the weights that training starts with, empty where it makes its own.
    """
    train = graph.spec.train
    assert train is not None
    layers = [
        [layer.name, layer.type, list(layer.inputs), layer.layer.model_dump(mode="json", exclude={"name", "from_"})]
        for layer in graph.layers
    ]
    inputs = {name: [list(given.shape), given.dtype] for name, given in graph.spec.inputs.items()}
    return {
        "layers": _digest([inputs, layers, list(graph.outputs)]),
        "train": _digest(train.model_dump(mode="json", exclude={"data"})),
        "data": data_digest,
        "initial": initial_digest,
    }


def save(folder: Path, checkpoint: Checkpoint, owner: dict[str, str]) -> None:
    """Write the checkpoint into `folder`, replacing the one before in one step."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    state = {
        "version": _VERSION,
        "owner": owner,
        "epoch": checkpoint.epoch,
        "history": checkpoint.history,
        "monitor": asdict(checkpoint.monitor) if checkpoint.monitor else None,
    }
    members = {"state.json": json.dumps(state).encode()}
    for kind in ("model", "optimizer", "best"):
        for index, array in enumerate(getattr(checkpoint, kind)):
            members[f"{kind}/{index:05}.npy"] = _npy(array)
    write_zip(target / _FILE, members)


def load(folder: Path, owner: dict[str, str]) -> Checkpoint | None:
    """Return the checkpoint in `folder`, None where there is none.

    Raises `ToolError` for one that belongs to another spec or other data, naming which, and for one that is damaged.
    """
    path = folder / FOLDER / _FILE
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            state: dict[str, Any] = json.loads(archive.read("state.json"))
            if state["version"] != _VERSION:
                raise ValueError(f"version {state['version']}, this netspec knows {_VERSION}")
            arrays: dict[str, list[Array]] = {"model": [], "optimizer": [], "best": []}
            for name in sorted(archive.namelist()):
                if name != "state.json":
                    array = np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
                    arrays[name.partition("/")[0]].append(array)
        found = state["owner"]
        changed = [what for what in owner if owner[what] != found.get(what, "")]
        if not changed:
            monitor = Monitor(**state["monitor"]) if state["monitor"] else None
            return Checkpoint(state["epoch"], state["history"], monitor, **arrays)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ToolError(f"the checkpoint {path} is damaged: {error}", help=_anew(folder)) from error
    names = {
        "layers": "the layers",
        "train": "the train section",
        "data": "the data",
        "initial": "the weights it starts with",
    }
    what = " and ".join(names[part] for part in changed)
    raise ToolError(
        f"{path} was left by another training: {what} changed since", help=f"undo the change, or {_anew(folder)}"
    )


def remove(folder: Path) -> None:
    """Remove the checkpoint, if there is one."""
    if (folder / FOLDER).is_dir():
        shutil.rmtree(folder / FOLDER)


def _anew(folder: Path) -> str:
    return f"train from the beginning: remove {folder / FOLDER}, or build with --force"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()
