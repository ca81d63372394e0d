"""What is named as a spec or model is read if it is a regular file of a bounded size, else refused in a sentence."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from netspec import fixes, running
from netspec.artifacts.manifest import REPORT_FILE, VERDICT_FILE
from netspec.diagnostics import SpecError
from netspec.quantize.stored import is_stored
from netspec.spec.source import MAX_BYTES, load
from netspec.system.files import NoRegularFile, file_sha256, open_regular, read_at_most
from netspec.system.writing import write_atomically
from netspec.train.weight_files import read_arrays_isolated
from netspec.verify.report import Report
from netspec.verify.verdict import write_verdict

NETSPEC = (sys.executable, "-m", "netspec")


def rule_and_message(path: Path | str) -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        load(path)
    (found,) = caught.value.diagnostics
    return found.rule, found.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names here")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "net.yaml"
    os.mkfifo(pipe)
    assert rule_and_message(pipe) == ("unreadable-file", f"{pipe} is a device or a pipe, not a file")
    with pytest.raises(NoRegularFile):
        open_regular(pipe)
    for arguments in (["check", pipe], ["check", "--only-specs", pipe], ["show", pipe], ["import", pipe]):
        done = subprocess.run([*NETSPEC, *arguments], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode in (1, 3)
        assert "Traceback" not in done.stderr
    weights = tmp_path / "net.npz"
    os.mkfifo(weights)
    for read in (file_sha256, is_stored, lambda path: read_arrays_isolated(path, {})):
        with suppress(OSError):
            assert read(weights) is False


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device here")
def test_a_device_is_refused() -> None:
    assert rule_and_message("/dev/zero") == ("unreadable-file", "/dev/zero is a device or a pipe, not a file")


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    with file.open("wb") as out:
        out.truncate(2**40)  # sparse: it takes no place, but to read it would take the memory of ten machines
    assert read_at_most(file, 10) is None
    assert rule_and_message(file) == ("file-too-large", "the file is larger than 1 MiB")
    assert running.specs_among([str(file)]) == []


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


def test_large_standard_input_is_not_put_out_again(monkeypatch: pytest.MonkeyPatch, capfdbinary: object) -> None:
    class Given:
        buffer = io.BytesIO(b"# spec\n" * (MAX_BYTES // 4))

    monkeypatch.setattr(sys, "stdin", Given)
    assert running.check_files(["-"], fix=True) == 1
    assert Given.buffer.tell() == MAX_BYTES + 1


@pytest.mark.parametrize("name", ["z.bin", "z.tflite", "z.h5", "z.keras", "z.yaml"])
def test_a_large_file_of_nothing_is_no_model(tmp_path: Path, name: str) -> None:
    """Neither its bytes nor its text are put into memory, though it may say that it is a model."""
    model = tmp_path / name
    with model.open("wb") as file:
        file.truncate(600 * 2**20)
    code = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (300 * 2**20,) * 2)
sys.argv = ["netspec", "import", {str(model)!r}]
from netspec.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert len(done.stdout) < 1000


def test_only_text_is_quoted(tmp_path: Path) -> None:
    file = tmp_path / "model.tflite"
    for content in (b"", b"\0" * 100, b"a\x01b", b"\xff", b"a" * (MAX_BYTES + 1)):
        file.write_bytes(content)
        assert running._text_of(str(file)) is None
    file.write_bytes(b"a: 1\r\n")
    assert running._text_of(str(file)) == "a: 1\r\n"


def _write_report(folder: Path) -> list[Path]:
    write_verdict(folder, Report("net"), None)
    return [folder / VERDICT_FILE, folder / REPORT_FILE]


def _write_fix(folder: Path) -> list[Path]:
    (folder / "net.yaml").write_text("before")
    fixes.write(str(folder / "net.yaml"), b"after")
    return [folder / "net.yaml"]


@pytest.mark.parametrize("write", [_write_report, _write_fix])
def test_bytes_are_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], list[Path]]
) -> None:
    """A power cut leaves the file of before or the new one, never an empty one."""
    synced, missed, sync, replace = set[int](), list[str](), os.fsync, os.replace

    def noted(number: int) -> None:
        synced.add(os.fstat(number).st_ino)
        sync(number)

    def checked(source: str | Path, target: str | Path) -> None:
        if os.stat(source).st_ino not in synced:
            missed.append(str(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", checked)
    written = write(tmp_path)
    assert not missed
    assert {path.stat().st_ino for path in written} <= synced


def test_a_filesystem_that_cannot_sync_is_written_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> None:
        raise OSError(errors.popleft(), "no")

    monkeypatch.setattr(os, "fsync", refuse)
    errors = deque([errno.EINVAL, errno.ENOTSUP, errno.EIO])
    write_atomically(tmp_path / "one", b"1", sync=True)
    assert (tmp_path / "one").read_bytes() == b"1"
    with pytest.raises(OSError, match="two") as caught:
        write_atomically(tmp_path / "two", b"2", sync=True)
    assert caught.value.errno == errno.EIO
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
