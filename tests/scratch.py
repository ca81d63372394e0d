"""A git repository for a test, in a shell that has `netspec` of this checkout and no settings of the user."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Scratch:
    """A folder and the environment of commands that run in it."""

    folder: Path
    environment: dict[str, str] = field(repr=False)

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """Run a command; standard error is part of what it prints, as in a terminal."""
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8", check=False,
        )  # fmt: skip

    def must(self, *command: object) -> str:
        """Run a command that has to succeed, and return what it prints."""
        done = self.run(*command)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
        return done.stdout

    def commits(self) -> int:
        done = self.run("git", "rev-list", "--count", "HEAD")
        return int(done.stdout) if done.returncode == 0 else 0


def scratch(folder: Path, **environment: str) -> Scratch:
    """Return an empty repository in `folder/work`; commands and caches lie beside it."""
    work, commands = folder / "work", folder / "bin"
    work.mkdir()
    commands.mkdir()
    for name in ("netspec", "pre_commit"):
        command = commands / name.replace("_", "-")
        # -P: what the folder holds is no module of ours. The checkout is linked into the interpreter's packages.
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m {name} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
    # A git above us, as when a hook runs the tests, must not be taken for this one.
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT", "XDG_"))}
    made = Scratch(work, outside | {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "PRE_COMMIT_HOME": str(folder / "pre-commit"),
        "PYTHONPATH": str(REPOSITORY),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A. Author", "GIT_AUTHOR_EMAIL": "author@example.org",
        "GIT_COMMITTER_NAME": "A. Author", "GIT_COMMITTER_EMAIL": "author@example.org",
        "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
        "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100",
    } | environment)  # fmt: skip
    made.must("git", "init", "--quiet", "--initial-branch", "main")
    return made
