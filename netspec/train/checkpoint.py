"""What an interrupted training leaves: one file from which the next run goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netspec.artifacts.staging import TRAINING
from netspec.diagnostics import ToolError
from netspec.graph import Graph
from netspec.train.archive import write_zip
from netspec.train.monitor import Monitor

Array = npt.NDArray[np.generic]
FOLDER = TRAINING
_FILE, _ASIDE = "checkpoint.npz", "before.npz"
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile)
_VERSION = 1


class DoesNotFit(ToolError):
    """A checkpoint whose weights are not those of the network that is to go on with it."""


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


@dataclass(frozen=True, slots=True)
class Description:
    """What a checkpoint is of: `owner` as `identity` returns it, and `content` as `content` does, or empty."""

    epoch: int
    owner: dict[str, str]
    content: dict[str, Any]


def content(graph: Graph) -> dict[str, Any]:
    """Return all keys that a training run depends on, by their names in a spec."""
    assert graph.spec.train is not None
    train = graph.spec.train.model_dump(mode="json")
    if isinstance(train["optimizer"], list):
        train["optimizer"] = dict([train["optimizer"]])
    return {
        "inputs": {name: [list(given.shape), given.dtype] for name, given in graph.spec.inputs.items()},
        "layers": {
            layer.name: {
                "type": layer.type,
                "from": list(layer.inputs),
                **layer.layer.model_dump(mode="json", exclude={"name", "from_"}),
            }
            for layer in graph.layers
        },
        "outputs": list(graph.outputs),
        "train": train,
    }


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


def save(folder: Path, checkpoint: Checkpoint, owner: dict[str, str], content: dict[str, Any] | None = None) -> None:
    """Write the checkpoint into `folder`, replacing the one before in one step."""
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    state = {
        "version": _VERSION,
        "owner": owner,
        "content": content or {},
        "epoch": checkpoint.epoch,
        "history": checkpoint.history,
        "monitor": asdict(checkpoint.monitor) if checkpoint.monitor else None,
    }
    members = {"state.json": json.dumps(state).encode()}
    for kind in ("model", "optimizer", "best"):
        for index, array in enumerate(getattr(checkpoint, kind)):
            members[f"{kind}/{index:05}.npy"] = _npy(array)
    write_zip(target / _FILE, members)


def description(folder: Path) -> Description | None:
    """Return what the checkpoint in `folder` is of, None where there is none.

    Raises `ToolError` for one that is damaged.
    """
    return _description(folder / FOLDER / _FILE, folder)


def put_aside(folder: Path) -> None:
    """Keep the checkpoint in `folder` under another name, in the place of the one that was put aside before."""
    os.replace(folder / FOLDER / _FILE, folder / FOLDER / _ASIDE)


def recall(folder: Path, owner: dict[str, str]) -> None:
    """Take the checkpoint that was put aside where it is of this very training, and put the other one aside."""
    aside, path = folder / FOLDER / _ASIDE, folder / FOLDER / _FILE
    try:
        found = _description(aside, folder)
    except ToolError:
        return
    if found is None or found.owner != owner:
        return
    between = aside.with_suffix(".tmp")
    os.replace(aside, between)
    if path.exists():
        os.replace(path, aside)
    os.replace(between, path)


def _description(path: Path, folder: Path) -> Description | None:
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            state = _state(archive)
        return Description(state["epoch"], state["owner"], state.get("content", {}))
    except DAMAGED as error:
        raise _damaged(path, folder, error) from error


def _state(archive: zipfile.ZipFile) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(archive.read("state.json"))
    if state["version"] != _VERSION:
        raise ValueError(f"version {state['version']}, this netspec knows {_VERSION}")
    return state


def _damaged(path: Path, folder: Path, error: Exception) -> ToolError:
    return ToolError(f"the checkpoint {path} is damaged: {error}", help=_anew(folder))


def load(folder: Path, owner: dict[str, str], *, changed: bool = False) -> Checkpoint | None:
    """Return the checkpoint in `folder`, None where there is none.

    Raises `ToolError` for one that belongs to another spec or other data, naming which, unless it may have `changed`,
    and for one that is damaged.
    """
    path = folder / FOLDER / _FILE
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            state = _state(archive)
            arrays: dict[str, list[Array]] = {"model": [], "optimizer": [], "best": []}
            for name in sorted(archive.namelist()):
                if name != "state.json":
                    array = np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
                    arrays[name.partition("/")[0]].append(array)
        found = state["owner"]
        differing = [] if changed else [what for what in owner if owner[what] != found.get(what, "")]
        if not differing:
            monitor = Monitor(**state["monitor"]) if state["monitor"] else None
            return Checkpoint(state["epoch"], state["history"], monitor, **arrays)
    except DAMAGED as error:
        raise _damaged(path, folder, error) from error
    names = {
        "layers": "the layers",
        "train": "the train section",
        "data": "the data",
        "initial": "the weights it starts with",
    }
    what = " and ".join(names[part] for part in differing)
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
