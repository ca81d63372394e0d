"""What each of several files changed since a revision, for a hook that prints it and never fails for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from netspec.device.size import flash_bytes
from netspec.diagnostics import SpecError, encodable
from netspec.diff.compare import compare
from netspec.diff.git import NoSuchRevision, Repository, TooLarge
from netspec.diff.net import Net, net_of
from netspec.diff.render import render
from netspec.diff.sides import of_revision
from netspec.running import is_spec, load, specs_among
from netspec.spec.source import MAX_BYTES


def changes_since(revision: str, paths: Iterable[str], format: str, *, color: bool = False) -> str:
    """Return the comparisons of those specs among the files that describe another net than then, or are new.

    As JSON, a list of them. A spec with errors is told in a line and left to `check`. `pre-commit run --from-ref REV`
    compares with that revision instead: what it was told stands in its environment variable. Before the first commit
    there is no HEAD, and all are new.

    Raises `NoSuchRevision` for another revision that is not there, `ToolError` where git is missing or fails.
    """
    base = os.environ.get("PRE_COMMIT_FROM_REF") or revision
    repository = Repository(Path())
    if base != "HEAD":
        repository.require(base)
    changes = [text for path in specs_among(paths) if (text := _change(base, path, format, color))]
    if format == "json":
        return json.dumps([json.loads(text) for text in changes], indent=2) + "\n"
    return "\n".join(changes)


def changes_of_tree(revision: str, format: str, *, color: bool = False) -> tuple[str, bool]:
    """Return the comparisons of every spec of the working tree with a revision, and whether anything differs.

    Specs that are only in the revision are removed, those that are only in the working tree are new. As JSON, a list.
    Raises `NoSuchRevision` for what is neither a file nor a revision.
    """
    try:
        repository = Repository(Path())
    except NoSuchRevision as error:
        raise NoSuchRevision(f"there is no file {revision}", error.help) from None
    if not repository.has(revision):
        try:
            repository.require(revision)
        except NoSuchRevision as error:
            message = f"'{revision}' is neither a file nor a revision of this repository"
            raise NoSuchRevision(message, error.help) from None
    changes = []
    for path in sorted({*repository.files(revision), *repository.working_files()}):
        if os.path.isfile(path):
            changes += [text for each in specs_among([path]) if (text := _change(revision, each, format, color))]
        elif _held_spec(repository, revision, path):
            changes.append(_note(path, f"removed since {revision}", format))
    if format == "json":
        return json.dumps([json.loads(text) for text in changes], indent=2) + "\n", bool(changes)
    return "\n".join(changes) or f"no spec differs from {revision}\n", bool(changes)


def _held_spec(repository: Repository, revision: str, path: str) -> bool:
    try:
        content = repository.file(revision, path, MAX_BYTES)
    except TooLarge:  # nor was it one that could be read
        return False
    return content is not None and is_spec(content)


def _change(base: str, path: str, format: str, color: bool) -> str:
    try:
        after = net_of(load(path))
    except SpecError as error:
        return _note(path, f"no net to compare: `netspec check` tells of {_counted(error)}", format)
    try:
        before = net_of(of_revision(base, path))
    except NoSuchRevision:
        return _note(path, f"new, {_costs(after)}", format)
    except SpecError as error:
        return _note(path, f"{_costs(after)}; no net to compare with: {base} has {_counted(error)}", format)
    diff = compare(before, after)
    return render(diff, format, color=color) if diff.different else ""


def _note(path: str, text: str, format: str) -> str:
    if format == "json":
        return json.dumps({"path": encodable(path), "note": text.replace("`", "")})
    return f"`{path}`: {text}\n" if format == "markdown" else f"{path}: {text.replace('`', '')}\n"


def _counted(error: SpecError) -> str:
    count = sum(each.severity == "error" for each in error.diagnostics)
    return f"{count} error{'' if count == 1 else 's'}"


def _costs(net: Net) -> str:
    costs = [f"{net.graph.parameters:,} parameters", f"{net.graph.macs:,} MACs"]
    if net.plan:
        costs += [f"flash {flash_bytes(net.plan):,} bytes", f"arena {net.plan.arena_bytes:,} bytes"]
    return ", ".join(costs)
