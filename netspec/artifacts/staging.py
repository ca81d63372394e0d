"""Where a build is made before it replaces the one before: a folder beside the build folder, swapped in at the end.

The build folder `build/net` has `build/.net.building` beside it while a build is made, or after one was interrupted:

- `lock`: held by the process that builds, and free when that has ended, however it ended;
- `.training`, `history.csv`: an interrupted training, with which the next build goes on;
- `next`: the build that is made. It takes the place of the old one in one step where the system can exchange two
  folders, and otherwise in steps that the next command finishes where a build was killed between them.

Files in the build folder that no build wrote stay in it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from netspec.diagnostics import ToolError
from netspec.system.writing import sync_to_disk, write_atomically

_NEXT, _OLD, _JOURNAL, _LOCK, _OWNER = "next", "old", "swap.json", "lock", "spec"
TRAINING = ".training"
"""The folder of an interrupted training's checkpoint: while it is there, so is the staging folder."""
_INSIDE = ".building"
_LONGEST_NAME = 240
_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Staging:
    """The folder `root` in which a build of `folder` is made."""

    folder: Path
    root: Path

    @property
    def next(self) -> Path:
        return self.root / _NEXT

    @property
    def owner(self) -> Path:
        """Return the file that says which spec an interrupted training is of."""
        return self.root / _OWNER

    def begin(self) -> None:
        """Make an empty folder for the build."""
        _remove(self.next)
        self.next.mkdir(parents=True)

    def publish(self, owned: Collection[str]) -> None:
        """Put the finished build in the place of the one before.

        `owned` are the files, relative to the folder, that builds write: of the old folder they alone are removed.
        All is on the disk before: a power cut would otherwise leave the new names without their bytes. The new names
        are there before the old build is removed.
        """
        _sync(self.next)
        with _signals_held():
            if not os.path.lexists(self._target):
                self._target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(self.next, self._target)
                self._sync_names()
            elif self._in_place():
                self._journal(sorted({*owned} - set(_files(self.next))))
                _finish(self._target, self.root)
            else:
                self._exchange(owned)
            _remove(self.root / TRAINING)

    @property
    def _target(self) -> Path:
        return Path(os.path.realpath(self.folder))

    def _in_place(self) -> bool:
        """Return whether the folder itself has to stay: somebody is in it, or it cannot be renamed."""
        here = os.path.realpath(".")
        return Path(here).is_relative_to(self._target) or self.root.name == _INSIDE

    def _journal(self, remove: list[str]) -> None:
        write_atomically(self.root / _JOURNAL, json.dumps({"remove": remove}).encode(), sync=True)

    def _exchange(self, owned: Collection[str]) -> None:
        written = {*owned, *_files(self.next)}
        _carry(self._target, self.next, written)
        if exchange(self._target, self.next):
            self._sync_names()
            # What somebody wrote while files were carried over.
            _carry(self.next, self._target, written)
            return
        os.rename(self._target, self.root / _OLD)
        os.rename(self.next, self._target)
        self._sync_names()
        _carry(self.root / _OLD, self._target, written)
        _remove(self.root / _OLD)

    def _sync_names(self) -> None:
        for folder in (self._target.parent, self.root):
            sync_to_disk(folder)


@contextmanager
def staged(folder: Path) -> Iterator[Staging]:
    """Give the staging folder of a build folder, locked. At the end an interrupted training alone is left of it.

    Raises `ToolError` where another process builds in the same folder.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    root = staging_folder(folder)
    with _locked(root, folder):
        _finish(Path(os.path.realpath(folder)), root)
        try:
            yield Staging(folder, root)
        finally:
            with _signals_held(), suppress(OSError):
                _remove(root / _NEXT)


def staging_folder(folder: Path) -> Path:
    """Return the folder in which a build is made: beside the build folder, or in it where that must not be renamed."""
    target = Path(os.path.realpath(folder))
    parent = target.parent
    beside = f".{target.name}.building"
    closed = parent.is_dir() and not os.access(parent, os.W_OK)
    if target == parent or closed or len(os.fsencode(beside)) > _LONGEST_NAME or os.path.ismount(target):
        return folder / _INSIDE
    plain = folder.name not in ("", "..") and not folder.is_symlink()
    return folder.with_name(beside) if plain else parent / beside


def holds_training(root: Path) -> bool:
    """Return whether there is an interrupted training in a staging folder."""
    return any((root / TRAINING).glob("*.npz"))


def repair(folder: Path) -> None:
    """Finish a swap in which a build was killed, so that `folder` holds a whole build."""
    root = staging_folder(folder)
    until = time.monotonic() + _WAIT_SECONDS
    while _pending(root):
        try:
            with _locked(root, folder):
                _finish(Path(os.path.realpath(folder)), root)
        except ToolError:  # the process that builds is in the middle of it
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a build folder from the one that takes its place."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return False where system or filesystem cannot. Raises OSError."""
    if sys.platform not in ("linux", "darwin"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux":
        call = getattr(libc, "renameat2", None)
        words = (-100, first, -100, second, 2)  # AT_FDCWD, RENAME_EXCHANGE
    else:
        call = getattr(libc, "renamex_np", None)
        words = (first, second, 2)  # RENAME_SWAP
    if call is None:
        return False
    if call(*words) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM):
        return False
    raise OSError(number, os.strerror(number), str(one))


def _pending(root: Path) -> bool:
    return (root / _JOURNAL).exists() or (root / _OLD).exists()


def _finish(target: Path, root: Path) -> None:
    """Take the steps of a swap that are left; nothing where none was begun."""
    journal, old, made = root / _JOURNAL, root / _OLD, root / _NEXT
    if old.exists():
        if not os.path.lexists(target):
            os.rename(made, target)
        _remove(old)
    if not journal.exists():
        return
    for name in _files(made) if made.is_dir() else ():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(made / name, target / name)
    for name in json.loads(journal.read_text(encoding="utf-8"))["remove"]:
        (target / name).unlink(missing_ok=True)
    journal.unlink()
    _remove(made)


def _sync(folder: Path) -> None:
    """Write all files of a folder, and their names, to the disk."""
    for where, _, names in os.walk(folder):
        for name in names:
            sync_to_disk(Path(where, name))
        sync_to_disk(Path(where))


def _files(folder: Path) -> list[str]:
    """Return all files below a folder, relative to it."""
    return sorted(
        Path(where, name).relative_to(folder).as_posix() for where, _, names in os.walk(folder) for name in names
    )


def _carry(source: Path, target: Path, written: Collection[str], place: str = "") -> None:
    """Give `target` the files of `source` but for those in `written`, as further names of the same files."""
    with os.scandir(source) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name, other = f"{place}{entry.name}", target / entry.name
        if entry.is_dir(follow_symlinks=False):
            if name == _INSIDE:
                continue
            if not any(os.scandir(entry.path)):
                other.mkdir(parents=True, exist_ok=True)
            _carry(Path(entry.path), other, written, f"{name}/")
        elif name not in written and not _same(Path(entry.path), other):
            target.mkdir(parents=True, exist_ok=True)
            _link(Path(entry.path), other)


def _same(one: Path, other: Path) -> bool:
    try:
        first, second = one.lstat(), other.lstat()
    except OSError:
        return False
    return os.path.samestat(first, second) or (first.st_mtime_ns, first.st_size) == (second.st_mtime_ns, second.st_size)


def _link(source: Path, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    target.unlink(missing_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):  # FAT, some shares, files of somebody else
        shutil.copy2(source, target, follow_symlinks=False)
        if not target.is_symlink():
            sync_to_disk(target)


def _remove(path: Path) -> None:
    """Remove a file or folder, if it is there. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(root: Path, folder: Path) -> Iterator[None]:
    """Hold the lock of a staging folder; at the end remove the folder if it holds no interrupted training."""
    number = _lock(root, folder)
    try:
        yield
    finally:
        with suppress(OSError):
            if not holds_training(root) and not _pending(root):
                for each in root.iterdir():
                    if each.name != _LOCK:
                        _remove(each)
                (root / _LOCK).unlink()
                root.rmdir()
        os.close(number)


def _lock(root: Path, folder: Path) -> int:
    path = root / _LOCK
    while True:
        root.mkdir(parents=True, exist_ok=True)
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # another build has just ended and removed its folder
            continue
        if not _try_lock(number):
            who = os.pread(number, 20, 1).decode(errors="replace") if sys.platform != "win32" else ""
            os.close(number)
            raise ToolError(
                f"{folder} is being built by another netspec{f', process {who}' if who.isdigit() else ''}",
                help="wait for it, or build into another folder with --out DIR",
            )
        try:
            current = os.path.samestat(os.fstat(number), os.stat(path))
        except FileNotFoundError:
            current = False
        if current:
            os.ftruncate(number, 0)
            os.write(number, f" {os.getpid()}".encode())
            return number
        os.close(number)


def _try_lock(number: int) -> bool:
    """Lock a file for as long as this process lives; return False where another holds it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise  # some network shares know no locks; there nobody is kept out
    return True


@contextmanager
def _signals_held() -> Iterator[None]:
    """Put off SIGINT and SIGTERM: what is done here takes milliseconds and is better done whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda signum, frame: received.append(signum))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for signum in received[:1]:
            signal.raise_signal(signum)
