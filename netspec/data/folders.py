"""Folders of samples: which files are samples, and of which class and split."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
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
    top = _top(root, name, faults, "name a folder with a folder for each class")
    if top is None:
        return None
    split_up = _split_up(top)
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
    _note_others(others, name, suffixes, faults)
    return None if faults.failed() else Classes(names, files)


def find_files(graph: Graph, name: str, suffixes: tuple[str, ...], faults: Faults) -> list[Path] | None:
    """Return the samples in a folder and in its folders, whatever these are named; None after noting why not.

    Where there are only folders train, val and test, the samples are those in train. Their order is that of
    `find_classes`: the samples of a folder of classes are those that training sees, one after another.
    """
    root = located(graph.spec, name)
    kinds = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}" if len(suffixes) > 1 else suffixes[0]
    top = _top(root, name, faults, f"name a folder of {kinds} files")
    if top is None:
        return None
    others: dict[str, int] = {}
    try:
        base = root / "train" if _split_up(top) and not _files(root, suffixes, {}) else root
        inner = _folders(base)
        listed = {each: _files(base / each, suffixes, others) for each in inner}
        listed[""] = _files(base, suffixes, others, passed=inner)
    except OSError as error:
        faults.add("data-unreadable", f"{name} cannot be read: {reason(error)}", key="path")
        return None
    files = [path for path, _ in _interleaved(listed, ["", *inner])]
    if not files:
        where = (Path(name) / base.relative_to(root)).as_posix()
        message = f"{where} holds no {' nor '.join(suffixes)} file"
        faults.add("data-sample-count", message, help="put the files in it, or in folders in it", key="path")
        return None
    _note_others(others, name, suffixes, faults)
    return files


def _top(root: Path, name: str, faults: Faults, remedy: str) -> list[str] | None:
    """Return the folders in a folder; None after noting why it cannot be read."""
    try:
        return _folders(root)
    except FileNotFoundError:
        faults.missing(root, name, "folder", key="path")
    except OSError as error:
        faults.add("data-unreadable", f"{name} cannot be read as a folder: {reason(error)}", help=remedy, key="path")
    return None


def _split_up(top: list[str]) -> bool:
    return "train" in top and set(top) <= set(SPLITS)


def _note_others(others: Mapping[str, int], name: str, suffixes: tuple[str, ...], faults: Faults) -> None:
    """Note files that are left out, if there are any."""
    if not others:
        return
    count = sum(others.values())
    faults.add(
        "data-ignored-files",
        f"{count} file{'s' if count > 1 else ''} in {name} ({', '.join(sorted(others))}) "
        f"{'are' if count > 1 else 'is'} left out",
        help=f"netspec reads {', '.join(suffixes)}; convert or remove the others",
        key="path",
        severity="warning",
    )


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


def _files(folder: Path, suffixes: tuple[str, ...], others: dict[str, int], passed: Collection[str] = ()) -> list[Path]:
    """Return the samples in a folder by name; count the rest by suffix, but for the names in `passed`."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in passed:
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
