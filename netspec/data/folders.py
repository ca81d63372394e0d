"""A folder a class: which files are samples of which class and split."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from netspec.data.classes import given_classes
from netspec.data.faults import Faults, located, reason
from netspec.data.sources import SPLITS
from netspec.graph import Graph


@dataclass(frozen=True, slots=True)
class Classes:
    """Files by split, each with the number of its class; `names` are the classes in the order of their numbers."""

    names: list[str]
    files: dict[str, list[tuple[Path, int]]]

    def paths(self) -> Iterator[Path]:
        """Yield every file."""
        for files in self.files.values():
            for path, _ in files:
                yield path


def find_classes(graph: Graph, name: str, suffixes: tuple[str, ...], faults: Faults) -> Classes | None:
    """Return the samples in a folder of classes, or in its folders train, val and test; None after noting why not.

    Classes are numbered in the sorted order of their folders' names. Names that begin with a dot are passed over.
    Nothing deeper is looked at, so that a link back to a folder above is no loop. Samples are ordered so that any
    stretch holds every class in its share, and files of a class in the order of their names: what
    `validation_split` holds back is then alike, and clips of one speaker that sort together stay together.
    """
    root = located(graph.spec, name)
    try:
        top = _folders(root)
    except FileNotFoundError:
        faults.missing(root, name, "folder", key="path")
        return None
    except OSError as error:
        message = f"{name} cannot be read as a folder: {reason(error)}"
        faults.add("data-unreadable", message, help="name a folder with a folder for each class", key="path")
        return None
    split_up = "train" in top and set(top) <= set(SPLITS)
    try:
        classes = {split: _folders(root / split) for split in SPLITS if split in top} if split_up else {"train": top}
        names = classes["train"]
        if not names:
            where = f"{name}/train" if split_up else name
            faults.add(
                "data-class-count", f"{where} holds no folders", help="put the files of each class in one", key="path"
            )
            return None
        names = _ordered(names, graph, name, faults)
        files: dict[str, list[tuple[Path, int]]] = {}
        others: dict[str, int] = {}
        for split, found in classes.items():
            strange = [each for each in found if each not in names]
            if strange:
                message = f"{name}/{split} has the class {', '.join(strange)}, which {name}/train has not"
                faults.add("data-class-count", message, help="training must see every class", key="path")
            base = root / split if split_up else root
            listed = {each: _files(base / each, suffixes, others) for each in names if each in found}
            for each, paths in listed.items():
                if not paths:
                    where = (Path(name) / (base / each).relative_to(root)).as_posix()
                    message = f"{where} holds no {' nor '.join(suffixes)} file"
                    faults.add("data-sample-count", message, help="fill it, or remove it", key="path")
            files[split] = _interleaved(listed, names)
    except OSError as error:
        faults.add("data-unreadable", f"{name} cannot be read: {reason(error)}", key="path")
        return None
    if others:
        count = sum(others.values())
        faults.add(
            "data-ignored-files",
            f"{count} file{'s' if count > 1 else ''} in {name} ({', '.join(sorted(others))}) "
            f"{'are' if count > 1 else 'is'} left out",
            help=f"netspec reads {', '.join(suffixes)}; convert or remove the others",
            key="path",
            severity="warning",
        )
    return None if faults.failed() else Classes(names, files)


def _ordered(names: list[str], graph: Graph, name: str, faults: Faults) -> list[str]:
    """Return the names of the folders in the order that `train.data.classes` gives; note names that differ."""
    given = given_classes(graph.spec, graph.outputs).get(graph.outputs[0])
    if given is None:
        return names
    if strange := [each for each in names if each not in given]:
        message = f"{name} has the folder {', '.join(strange)}, which `classes` does not name"
        faults.add("data-class-count", message, help="name it in `classes`, or move it away", key="path")
    if missing := [each for each in given if each not in names]:
        message = f"{name} has no folder for the class {', '.join(missing)}"
        faults.add("data-class-count", message, help="add it, or take the name out of `classes`", key="path")
    return names if strange or missing else given


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and _is(entry.is_dir))


def _is(ask: Callable[[], bool]) -> bool:
    """Return what an entry says it is; a link that leads nowhere is nothing."""
    try:
        return ask()
    except OSError:
        return False


def _files(folder: Path, suffixes: tuple[str, ...], others: dict[str, int]) -> list[Path]:
    """Return the files of a class by name; count the rest by suffix."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            suffix = os.path.splitext(entry.name)[1].lower()
            if suffix in suffixes and _is(entry.is_file):
                found.append(entry.name)
            else:
                kind = suffix or "no suffix"
                others[kind] = others.get(kind, 0) + 1
    return [folder / each for each in sorted(found)]


def _interleaved(listed: Mapping[str, list[Path]], names: list[str]) -> list[tuple[Path, int]]:
    order = sorted(
        ((2 * index + 1) / (2 * len(paths)), names.index(name), path)
        for name, paths in listed.items()
        for index, path in enumerate(paths)
    )
    return [(path, number) for _, number, path in order]
