"""Builds replace each other in one step: a kill at any moment, in every way of swapping, leaves a whole one."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netspec.artifacts import staging
from netspec.artifacts.staging import exchange, repair, staged, staging_folder
from netspec.diagnostics import ToolError
from netspec.system.writing import write_atomically

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks of itself")

OLD = {"manifest.json": "old", "model": "old", "firmware/net.c": "old", "firmware/stale.c": "old"}
NEW = {"manifest.json": "new", "model": "new", "firmware/net.c": "new", "firmware/more/deep.c": "new"}
USER = {"notes.txt": "mine", "firmware/board/mine.c": "mine"}
OWNED = frozenset(OLD)


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def swap(folder: Path) -> None:
    with staged(folder) as made:
        made.begin()
        fill(made.next, NEW)
        made.publish(OWNED)


def in_child(action: Callable[[], None]) -> int:
    """Run something in a fork and return its status."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killed_at(number: int) -> None:
    """Kill this process before its `number`-th change of a folder."""
    left = number

    def counted(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        setattr(os, name, call)

    for name in ("rename", "replace", "link", "unlink", "mkdir", "rmdir", "symlink"):
        counted(name)


def kills(root: Path, way: str) -> list[str]:
    """Kill a swap before each of its steps; return what was not as it should be."""
    faults: list[str] = []
    if way == "renames":
        staging.exchange = lambda one, other: False  # type: ignore[assignment]
    for number in range(1, 200):
        folder = root / str(number) / "net"
        fill(folder, OLD | USER)
        os.chdir(folder if way == "in place" else root)

        def act(folder: Path = folder, number: int = number) -> None:
            killed_at(number)
            swap(folder)

        status = in_child(act)
        if way == "exchange" and not folder.exists():
            faults.append(f"{number}: gone")
        if way == "exchange" and content(folder) not in (OLD | USER, NEW | USER):
            faults.append(f"{number}: {content(folder)}")
        repair(folder)
        if content(folder) not in (OLD | USER, NEW | USER):
            faults.append(f"{number}, repaired: {content(folder)}")
        if in_child(lambda folder=folder: swap(folder)) or content(folder) != NEW | USER:  # type: ignore[misc]
            faults.append(f"{number}, built again: {content(folder)}")
        if staging_folder(folder).exists():
            faults.append(f"{number}: {staging_folder(folder)} is left")
        if status == 0:
            return faults if number > 10 else [f"only {number} steps"]
    return ["no end"]


@pytest.mark.parametrize("way", ["exchange", "renames", "in place"])
def test_a_kill_at_any_step_leaves_a_whole_build(tmp_path: Path, way: str, repository: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    if way == "exchange" and not exchange(tmp_path / "one", tmp_path / "two"):
        pytest.skip("this filesystem cannot exchange folders")
    script = (
        "import json, sys, pathlib; from tests.unit.test_staging import kills; "
        "print(json.dumps(kills(pathlib.Path(sys.argv[1]), sys.argv[2])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), way], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("way", ["first", "exchange", "renames", "in place"])
def test_a_build_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """After a power cut a name that reached the disk before its bytes would be that of an empty file."""
    folder, steps = tmp_path / "net", list[int | str]()
    if way != "first":
        fill(folder, OLD | USER)
    monkeypatch.chdir(folder if way == "in place" else tmp_path)

    def noted(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*arguments: Any) -> object:
            steps.append(os.fstat(arguments[0]).st_ino if name == "fsync" else name)
            return real(*arguments)

        return call

    def exchanged(one: Path, other: Path) -> bool:
        steps.append("exchange")
        return way == "exchange" and exchange(one, other)

    with staged(folder) as made:
        made.begin()
        fill(made.next, NEW)
        inodes = {path.stat().st_ino for path in (made.next, *made.next.rglob("*"))}
        for name in ("fsync", "rename", "replace"):
            monkeypatch.setattr(os, name, noted(name))
        monkeypatch.setattr(staging, "exchange", exchanged)
        made.publish(OWNED)
    assert content(folder) == NEW | ({} if way == "first" else USER)
    before = steps[: next(index for index, step in enumerate(steps) if isinstance(step, str))]
    assert inodes <= set(before)
    assert len(before) <= len(inodes) + 1, "one call a file and folder, and one for the journal"
    if way != "in place":
        assert tmp_path.stat().st_ino in steps[len(before) :], "the names too, before the old build is removed"


def test_a_disk_that_is_found_full_at_last_leaves_the_old_build_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some shares write late, and say only then that they have no room."""
    fill(tmp_path / "net", OLD)

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*next"):
        swap(tmp_path / "net")
    assert content(tmp_path) == {f"net/{name}": text for name, text in OLD.items()}


def test_filesystems_that_cannot_sync_still_get_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some shares have no fsync, and a folder in which files may be made may not be readable."""

    def refused(number: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refused)
    swap(tmp_path / "net")
    assert content(tmp_path / "net") == NEW
    monkeypatch.undo()
    real = os.open

    def closed(path: Any, *arguments: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", closed)
    write_atomically(tmp_path / "verify.json", b"{}", sync=True)
    assert (tmp_path / "verify.json").read_bytes() == b"{}"


def test_the_first_build_appears_whole(tmp_path: Path) -> None:
    with staged(tmp_path / "build" / "net") as made:
        made.begin()
        fill(made.next, NEW)
        assert not (tmp_path / "build" / "net").exists()
        made.publish(())
    assert content(tmp_path / "build") == {f"net/{name}": text for name, text in NEW.items()}
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["net"]


def test_an_error_leaves_the_old_build_alone(tmp_path: Path) -> None:
    fill(tmp_path / "net", OLD | USER)

    def fail() -> None:
        with staged(tmp_path / "net") as made:
            made.begin()
            fill(made.next, NEW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert content(tmp_path) == {f"net/{name}": text for name, text in (OLD | USER).items()}


def test_an_interrupted_training_stays_until_the_build_is_in_place(tmp_path: Path) -> None:
    fill(tmp_path / "net", OLD)
    root = staging_folder(tmp_path / "net")

    def stop() -> None:
        with staged(tmp_path / "net"):
            fill(root, {".training/checkpoint.npz": "epoch 3"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert (root / ".training" / "checkpoint.npz").read_text() == "epoch 3"
    swap(tmp_path / "net")
    assert not root.exists()


def test_what_somebody_wrote_stays(tmp_path: Path) -> None:
    """Files, links and empty folders; a file of a build that was edited is the build's all the same."""
    folder = tmp_path / "net"
    fill(folder, OLD | USER)
    (folder / "model").write_text("tuned by hand")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("nowhere")
    (folder / "folder").symlink_to(tmp_path)
    inode = (folder / "notes.txt").stat().st_ino
    swap(folder)
    assert (folder / "notes.txt").stat().st_ino == inode
    assert (folder / "model").read_text() == "new"
    assert (folder / "empty").is_dir()
    assert os.readlink(folder / "link") == "nowhere"
    assert os.readlink(folder / "folder") == str(tmp_path)
    assert not (folder / "firmware" / "stale.c").exists()


def test_a_link_to_a_build_folder_stays_a_link(tmp_path: Path) -> None:
    fill(tmp_path / "far" / "net", OLD | USER)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "net").symlink_to(tmp_path / "far" / "net")
    swap(tmp_path / "build" / "net")
    assert (tmp_path / "build" / "net").is_symlink()
    assert content(tmp_path / "far" / "net") == NEW | USER


def test_a_second_build_of_a_folder_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    with (
        staged(folder),
        pytest.raises(ToolError, match=rf"is being built by another netspec, process {os.getpid()}$") as caught,
        staged(folder),
    ):
        pass
    assert "--out" in (caught.value.help or "")
    with staged(tmp_path / "other"), staged(folder):
        pass


def test_a_lock_dies_with_its_process(tmp_path: Path, repository: Path) -> None:
    script = (
        "import os, sys, pathlib\nfrom netspec.artifacts.staging import staged\n"
        "with staged(pathlib.Path(sys.argv[1])) as made:\n    made.begin()\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "net")], cwd=repository, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / ".net.building" / "next").is_dir()
    swap(tmp_path / "net")
    assert content(tmp_path / "net") == NEW


def test_a_signal_waits_for_the_swap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "net", OLD)
    real = staging.exchange
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with it ignored

    def interrupted(one: Path, other: Path) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return real(one, other)

    monkeypatch.setattr(staging, "exchange", interrupted)
    with pytest.raises(KeyboardInterrupt):
        swap(tmp_path / "net")
    assert content(tmp_path) == {f"net/{name}": text for name, text in NEW.items()}
