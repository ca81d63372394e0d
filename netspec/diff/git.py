"""Files of other revisions, read by git. Nothing is checked out and nothing is written."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from netspec.diagnostics import ToolError, suggestion


class NoSuchRevision(Exception):
    """What was asked of git is not there: a mistake of whoever typed it. `message` says what, `help` what to type."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class TooLarge(Exception):
    """A file of a revision has more bytes than were asked for."""


class Repository:
    """The git repository around a folder. Raises `NoSuchRevision` where there is none, `ToolError` without git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        done = self._git("rev-parse", "--show-toplevel")
        if done.returncode:
            if b"not a git repository" in done.stderr or b"must be run in a work tree" in done.stderr:
                where = "this folder" if folder == Path() else f"the folder {folder}"
                raise NoSuchRevision(f"{where} is in no git repository, so there are no revisions", "name two files")
            raise ToolError(f"git cannot read the repository: {_first_line(done.stderr)}", "see what `git status` says")
        self.top = Path(os.fsdecode(done.stdout.rstrip(b"\n")))

    def has(self, revision: str) -> bool:
        """Say whether a revision leads to a commit."""
        if revision.startswith("-") or not revision.isprintable():
            return False
        return not self._git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").returncode

    def require(self, revision: str) -> None:
        """Raise `NoSuchRevision`, with what was probably meant, unless the revision leads to a commit."""
        if not self.has(revision):
            raise NoSuchRevision(f"'{revision}' is no revision of this repository", self._meant(revision))

    def file(self, revision: str, path: str, most: int) -> bytes | None:
        """Return a file as a revision has it, by its path from `folder`, or from the top if that is none.

        Raises `TooLarge` for one of more than `most` bytes, which is known before it is read.
        """
        for name in (f"./{path}", path):
            held = f"{revision}:{name}"
            size = self._git("cat-file", "-s", held)
            if size.returncode:
                continue
            if int(size.stdout) > most and self._git("cat-file", "-t", held).stdout.strip() == b"blob":
                raise TooLarge
            done = self._git("cat-file", "blob", held)
            if not done.returncode:
                return done.stdout
        return None

    def files(self, revision: str) -> list[str]:
        """Return the paths of all YAML files of a revision, from the folder one is in."""
        done = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision)
        names = map(os.fsdecode, done.stdout.split(b"\0"))
        return [os.path.relpath(self.top / name) for name in names if name.endswith((".yaml", ".yml"))]

    def working_files(self) -> list[str]:
        """Return the paths of all YAML files of the working tree that git does not ignore."""
        done = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name", ":/")
        names = map(os.fsdecode, done.stdout.split(b"\0"))
        return [os.path.relpath(self.top / name) for name in names if name.endswith((".yaml", ".yml"))]

    def _meant(self, revision: str) -> str:
        if ".." in revision:
            return "name the two revisions apart: `netspec diff FROM TO SPEC`"
        if not self.has("HEAD"):
            return "the repository has no commits yet"
        base, steps = re.fullmatch(r"(.*?)((?:[~^@].*)?)", revision, re.DOTALL).groups()  # type: ignore[union-attr]
        base = base or "HEAD"
        if steps and self.has(base):
            count = int(self._git("rev-list", "--count", "--first-parent", base).stdout) - 1
            held = f"{base} has {count} commit{'' if count == 1 else 's'} before it"
            if self._git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
                return f"{held} in this shallow clone; fetch more, in GitHub's checkout by `fetch-depth: 0`"
            return held
        listed = self._git("for-each-ref", "--sort=-committerdate", "--format=%(refname:short)").stdout
        names = ["HEAD", *os.fsdecode(listed).split()]
        hint = suggestion(base, names, "the revisions are") if len(names) <= 12 else suggestion(base, names, "")
        if hint.startswith("did you mean"):
            return hint if not steps else hint.replace("`?", f"{steps}`?")
        return hint if len(names) <= 12 else "`git log --oneline` lists the revisions"

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        environment = os.environ | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        try:
            return subprocess.run(
                ["git", "-C", str(self.folder), *arguments], capture_output=True, env=environment, check=False
            )
        except FileNotFoundError:
            raise ToolError("git is not installed, and revisions are read by it", "install git") from None
        except ValueError:  # a zero byte
            return subprocess.CompletedProcess(arguments, 128, b"", b"")


def nearest_file(path: str, names: Iterable[str]) -> str | None:
    """Return the question for a file that a revision does not have."""
    found = [name for name in names if os.path.basename(name) == os.path.basename(path)]
    hint = f"did you mean `{found[0]}`?" if len(found) == 1 else suggestion(path, names, "")
    return hint if hint.startswith("did you mean") else None


def _first_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else "it says nothing"
