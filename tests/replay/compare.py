"""Show what netspec emits otherwise than at a commit before: `make replay REF=...`.

Each side runs its own `tests.replay.run`, so the code between may have moved; what they write is what is compared.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.replay.nets import REPOSITORY

_LINES = 40


def record(checkout: Path, folder: Path) -> None:
    """Write what the netspec of a checkout emits."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-m", "tests.replay.run", str(folder)], cwd=checkout, env=environment, check=True)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def differences(before: Path, after: Path) -> Iterator[tuple[str, str]]:
    """Yield (file, what happened to it), in the order of names."""
    old, new = files_in(before), files_in(after)
    for name in sorted(old | new):
        if name not in new:
            yield name, "is gone"
        elif name not in old:
            yield name, "is new"
        elif not filecmp.cmp(before / name, after / name, shallow=False):
            yield name, "differs"


def _report(before: Path, after: Path) -> int:
    found = list(differences(before, after))
    kinds: dict[tuple[str, str], list[str]] = {}
    for name, what in found:
        kinds.setdefault((Path(name).name if "/kernels/" not in name else name, what), []).append(name)
    for (kind, what), names in kinds.items():
        print(f"{kind} {what} in {len(names)} places, first {names[0]}")
        shown = subprocess.run(
            ["diff", "--unified=1", before / names[0], after / names[0]], capture_output=True, check=False
        ).stdout.decode("utf-8", "replace")
        print("\n".join(f"    {line}" for line in shown.splitlines()[2:_LINES]))
    total = len(files_in(before) | files_in(after))
    counts = Counter(what for _, what in found)
    print(
        f"{total:,} files compared: {', '.join(f'{count:,} {what}' for what, count in counts.items()) or 'all equal'}"
    )
    return 1 if found else 0


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make replay")
    arguments.add_argument("ref", help="the commit to compare with")
    arguments.add_argument("--keep", type=Path, help="a folder to keep both sides in, as before/ and after/")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        # Two levels down, so that what lies beside the checkout can be linked beside the worktree.
        worktree = Path(temporary) / "side" / "checkout"
        worktree.parent.mkdir()
        subprocess.run(
            ["git", "worktree", "add", "--quiet", "--detach", str(worktree), given.ref], cwd=REPOSITORY, check=True
        )
        try:
            shared = REPOSITORY.parent / "shared"
            if shared.is_dir():
                (worktree.parent / "shared").symlink_to(shared)
            keep = given.keep or Path(temporary)
            record(worktree, keep / "before")
            record(REPOSITORY, keep / "after")
            return _report(keep / "before", keep / "after")
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(worktree)], cwd=REPOSITORY, check=True)


if __name__ == "__main__":
    sys.exit(main())
