"""What the arguments of `netspec diff` stand for: files, files of revisions, revisions.

    netspec diff OLD.yaml NEW.yaml          two files
    netspec diff REV SPEC                   a revision of a file against the working tree; `SPEC REV` the other way
    netspec diff REV REV SPEC               two revisions of a file
    netspec diff REV:PATH REV:PATH          files of revisions, each also with a plain file
    netspec diff SPEC                       the last commit against the working tree
    netspec diff REV                        every spec of the working tree against a revision
    netspec diff REV:PATH                   a file of a revision against the working tree

What exists as a file is a file, `-` is standard input. A path after a colon is taken from the folder one is in, or else
from the top of the repository, as git has it.
"""

from __future__ import annotations

import os
from pathlib import Path

from netspec.diff.git import NoSuchRevision, Repository, TooLarge, nearest_file
from netspec.running import load
from netspec.spec.source import MAX_BYTES, Document, parse, refuse_size
from netspec.system.missing import MEND_LINK, broken_link


def documents(arguments: list[str]) -> tuple[Document, Document]:
    """Return the two specs that the arguments name, before and after.

    Raises `NoSuchRevision` for what is neither a file nor a revision, `SpecError` for a file that cannot be read or
    parsed, `ToolError` where git is missing or fails.
    """
    if len(arguments) == 1 and ":" in arguments[0] and not _is_file(arguments[0]):
        revision, _, path = arguments[0].partition(":")
        return of_revision(revision, path), load(path)
    if len(arguments) == 1:
        if not _is_file(arguments[0]):
            raise _no_file(arguments[0])
        return of_revision("HEAD", arguments[0]), load(arguments[0])
    if len(arguments) == 3:
        old, new, path = arguments
        return of_revision(old, path), of_revision(new, path)
    if len(arguments) != 2:
        raise NoSuchRevision(f"{len(arguments)} arguments are given", "name two specs, or two revisions and a spec")
    old, new = arguments
    if old == new == "-":
        raise NoSuchRevision("both specs are standard input", "name a file or a revision for one of them")
    found = _document(old), _document(new)
    if found[0] and found[1]:
        return found[0], found[1]
    if found[0]:
        return found[0], of_revision(new, old)
    if found[1]:
        return of_revision(old, new), found[1]
    raise _neither(old, new)


def names_a_revision(argument: str) -> bool:
    """Return whether an argument that stands alone is meant as a revision: no file, and not written as one."""
    return not (_is_file(argument) or _looks_like_file(argument) or ":" in argument or os.path.lexists(argument))


def _is_file(argument: str) -> bool:
    return argument == "-" or os.path.isfile(argument)


def _document(argument: str) -> Document | None:
    """Return the spec that an argument names by itself: a file, or `REV:PATH`; None for what may be a revision."""
    if _is_file(argument):
        return load(argument)
    if _looks_like_file(argument) and ":" not in argument:
        raise _no_file(argument)
    revision, colon, path = argument.partition(":")
    if colon and revision and path:
        return _read(Repository(Path()), revision, path)
    return None


def of_revision(revision: str, path: str) -> Document:
    """Return a file as a revision has it; the path is from the folder one is in, in whatever repository it lies."""
    if _is_file(revision) and _is_file(path):
        raise NoSuchRevision(f"'{revision}' is a file, not a revision", "name two specs, or two revisions and a spec")
    if path == "-" or ":" in path:
        raise NoSuchRevision(f"'{path}' is not a file that revisions can have", f"write `{revision}:PATH`")
    folder, rest = Path(path).parent, Path(path).name
    while not folder.is_dir() and folder != folder.parent:  # a folder that only the revision has
        rest, folder = f"{folder.name}/{rest}", folder.parent
    try:
        repository = Repository(folder)
    except NoSuchRevision as error:
        if os.path.exists(path):
            raise
        raise NoSuchRevision(f"there is no file {path}", error.help) from None
    if not os.path.exists(path) and not repository.has(revision):
        raise _neither(revision, path)
    return _read(repository, revision, rest, path)


def _read(repository: Repository, revision: str, path: str, shown: str | None = None) -> Document:
    repository.require(revision)
    name = f"{revision}:{shown or path}"
    try:
        content = repository.file(revision, path, MAX_BYTES)
    except TooLarge:
        refuse_size(name)
    if content is None:
        hint = nearest_file(shown or path, repository.files(revision))
        raise NoSuchRevision(
            f"{revision} has no file {shown or path}", hint or f"`git ls-tree -r {revision}` lists all"
        )
    return parse(content, name)


def _neither(first: str, second: str) -> NoSuchRevision:
    """Return the error where neither argument is a file: whichever looks like one was misspelt."""
    for path in (second, first):
        if _looks_like_file(path) or os.path.dirname(path):
            return _no_file(path)
    return NoSuchRevision(
        f"'{first}' and '{second}' are no files", f"for two revisions write `netspec diff {first} {second} SPEC`"
    )


def _looks_like_file(argument: str) -> bool:
    return argument.endswith((".yaml", ".yml"))


def _no_file(path: str) -> NoSuchRevision:
    if (link := broken_link(path)) is not None:
        return NoSuchRevision(link, MEND_LINK)
    folder = os.path.dirname(path)
    names = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
    hint = nearest_file(path, [os.path.join(folder, name) for name in names])
    return NoSuchRevision(f"there is no file {path}", hint or "check the path")
