"""File names that are not UTF-8, standard streams that are closed, and specs in UTF-16 that a hook must not skip."""

from __future__ import annotations

import codecs
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from netspec.diagnostics import SpecError
from netspec.running import load, specs_among

ROOT = Path(__file__).parents[2]
GOOD = "netspec: 1\nname: net\ninputs: {x: {shape: [16]}}\nlayers: [{dense: {units: 4}}]\n"
BAD = GOOD.replace("units", "unit")
ODD = b"caf\xe9.yaml"
SHARED = ROOT / "../shared/cases"


def run(*arguments: str | bytes, cwd: Path, shell: str = "") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "netspec", *arguments]
    if shell:
        command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, cwd=cwd, env=environment, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    try:
        (tmp_path / os.fsdecode(ODD)).write_text(BAD)
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


@pytest.mark.parametrize("format", ["text", "json", "github", "sarif", "junit"])
def test_a_name_that_is_not_utf8_is_printed_with_escapes(folder: Path, format: str) -> None:
    done = run("check", "--format", format, ODD, b"missing\xff.yaml", ".", cwd=folder)
    assert (done.returncode, done.stderr) == (1, b"")
    assert rb"\udc" in done.stdout
    done.stdout.decode("utf-8")


def test_json_holds_no_lone_surrogate(folder: Path) -> None:
    (finding,) = json.loads(run("check", "--format", "json", ODD, cwd=folder).stdout)["diagnostics"]
    assert finding["path"].encode("utf-8") == rb"caf\udce9.yaml"


def test_the_uri_of_sarif_holds_the_bytes_of_the_name(folder: Path) -> None:
    for name in (ODD, os.path.join(os.fsencode(folder), ODD)):
        log = json.loads(run("check", "--format", "sarif", name, cwd=folder).stdout)
        uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert unquote_to_bytes(uri) == ODD


def test_junit_is_xml(folder: Path) -> None:
    document = ElementTree.fromstring(run("check", "--format", "junit", ODD, cwd=folder).stdout)
    assert [case.attrib["name"] for case in document.iter("testcase")] == [r"caf\udce9.yaml"]


@pytest.mark.parametrize("command", [["check"], ["check", "--fix"], ["explain"], ["diff", "good.yaml"]])
def test_closed_standard_input_is_a_finding(folder: Path, command: list[str]) -> None:
    done = run(*command, "-", cwd=folder, shell="<&-")
    assert done.returncode == 1
    assert b"standard input cannot be read: it is closed [unreadable-file]" in done.stdout + done.stderr


def test_standard_input_that_is_open_for_writing_only_is_a_finding(folder: Path) -> None:
    done = run("check", "-", cwd=folder, shell="0>written")
    assert done.returncode == 1
    assert b"standard input cannot be read: " in done.stdout


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("name", "code"), [("good.yaml", 0), ("bad.yaml", 1)])
def test_closed_output_leaves_the_exit_code(folder: Path, closed: str, name: str, code: int) -> None:
    for command in ("check", "show"):
        done = run(command, name, cwd=folder, shell=closed)
        assert done.returncode == code
        assert b"internal error" not in done.stderr


def test_errors_do_not_go_to_standard_output(folder: Path) -> None:
    assert run("verify", "nowhere", cwd=folder, shell="2>&-").stdout == b""


MARKS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("text", [GOOD, f"# a comment\r\n\r\n{GOOD}", '{"netspec": 1}'])
def test_the_hook_refuses_specs_in_utf16_and_utf32(tmp_path: Path, encoding: str, marked: bool, text: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes((MARKS[encoding] if marked else b"") + text.encode(encoding))
    assert specs_among([str(path)]) == [str(path)]
    with pytest.raises(SpecError):
        load(str(path))


def test_the_hook_passes_over_other_files_in_utf16(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_bytes("on: push\nuses: netspec: 1\n".encode("utf-16"))
    assert specs_among([str(tmp_path / "other.yaml")]) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared cases are not here")
def test_shared_case_15() -> None:
    done = run("check", "--only-specs", "u.yaml", cwd=SHARED / "15-utf16-passes-the-hook")
    assert done.returncode == 1
    assert b"UTF-16" in done.stdout
