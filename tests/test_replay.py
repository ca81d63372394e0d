"""What is emitted changes only where somebody meant it: a digest for each net and kernel set.

After a change that was meant, write them anew and look at the difference:

    NETSPEC_UPDATE_REPLAY=1 .venv/bin/python -m pytest tests/test_replay.py
    make replay REF=main
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.replay.compare import differences
from tests.replay.nets import FOLDER, nets
from tests.replay.run import CORES, KERNELS, Files, digest, net_files

RECORD = FOLDER / "digests.txt"
UPDATE = "NETSPEC_UPDATE_REPLAY" in os.environ
EVERY = 5
"""The nets that `make test` looks at: each fifth, and all that are no random ones."""


def recorded() -> dict[str, str]:
    lines = RECORD.read_text(encoding="ascii").splitlines() if RECORD.exists() else []
    return dict(line.rsplit(" ", 1) for line in lines)


def emitted(names: list[str]) -> dict[str, str]:
    """Return the digest of each net and set, over all cores, and that of each set's kernels."""
    specs, found = nets(), {}
    for kernels in KERNELS:
        shared: Files = {}
        for name in names:
            own: Files = {}
            for core in CORES:
                files, shared = net_files(specs[name], kernels, core, prove=False)
                own |= {f"{core}/{path}": content for path, content in files.items()}
            found[f"{name} {kernels}"] = digest(own)
        found[f"kernels {kernels}"] = digest(shared)
    return found


def compare(names: list[str]) -> None:
    found, expected = emitted(names), recorded()
    if UPDATE:
        RECORD.write_text("".join(f"{key} {value}\n" for key, value in sorted((expected | found).items())), "ascii")
        return
    assert {key: expected.get(key) for key in found} == found, "if that was meant: see the top of this file"


def test_what_is_emitted_has_not_changed() -> None:
    names = list(nets())
    compare([name for name in names if not name.startswith("random_") or int(name[-3:]) % EVERY == 0])


@pytest.mark.slow
def test_what_is_emitted_for_every_net_has_not_changed() -> None:
    compare(list(nets()))


def test_every_net_and_set_is_recorded() -> None:
    assert set(recorded()) == {f"{name} {kernels}" for name in [*nets(), "kernels"] for kernels in KERNELS}


def test_a_file_that_differs_is_new_or_gone_is_shown(tmp_path: Path) -> None:
    for side, files in {"before": {"a": "1", "b": "1", "c": "1"}, "after": {"a": "1", "b": "2", "d": "1"}}.items():
        (tmp_path / side / "net").mkdir(parents=True)
        for name, content in files.items():
            (tmp_path / side / "net" / name).write_text(content, encoding="ascii")
    assert list(differences(tmp_path / "before", tmp_path / "after")) == [
        ("net/b", "differs"),
        ("net/c", "is gone"),
        ("net/d", "is new"),
    ]


def test_one_character_changes_a_digest() -> None:
    files = {"a": b"12", "b": b"3"}
    others = [{"a": b"12", "b": b"4"}, {"a": b"1", "b": b"23"}, {"a": b"12", "c": b"3"}, {"a": b"12"}]
    assert len({digest(each) for each in [files, *others]}) == 5
