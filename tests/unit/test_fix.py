"""`check --fix`: what is certain is mended and every other byte stays.

A case is `cases/fix/NAME.yaml` and, beside it, `NAME.fixed.yaml`: the bytes that --fix leaves.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from netspec.check import check
from netspec.diagnostics import MAX_FAULTS, Diagnostic, Fix, Span, SpecError
from netspec.fixes import mend, replaced, settle
from netspec.spec.source import parse

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "cases" / "fix"
CASES = sorted(path for path in FOLDER.glob("*.yaml") if not path.name.endswith(".fixed.yaml"))
BAD = "netspec: 1\nname: net\ninputs: {x: {shape: [16]}}\nlayers: [{dense: {unit: 4}}]\n"
GOOD = BAD.replace("unit", "units")


def findings(data: bytes) -> Iterable[Diagnostic]:
    try:
        return check(parse(data, "net.yaml")).warnings
    except SpecError as error:
        return error.diagnostics


def mended(data: bytes) -> bytes:
    return mend(data, "net.yaml", findings).data


def netspec(*arguments: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "netspec", "check", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, env=environment, check=False)


def test_there_are_cases_and_each_has_its_result() -> None:
    assert len(CASES) >= 25
    results = {path.with_suffix(".fixed.yaml") for path in CASES}
    assert results | set(CASES) == set(FOLDER.iterdir())


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
class TestCase:
    def test_what_is_certain_is_mended(self, path: Path) -> None:
        assert mended(path.read_bytes()) == path.with_suffix(".fixed.yaml").read_bytes()

    def test_a_second_time_changes_nothing(self, path: Path) -> None:
        result = path.with_suffix(".fixed.yaml").read_bytes()
        assert mend(result, "net.yaml", findings).fixes == ()

    @pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
    def test_line_endings_and_a_byte_order_mark_stay(self, path: Path, ending: bytes) -> None:
        before, after = (
            b"\xef\xbb\xbf" + each.read_bytes().replace(b"\n", ending)
            for each in (path, path.with_suffix(".fixed.yaml"))
        )
        assert mended(before) == after


def test_line_endings_may_be_mixed() -> None:
    before = (
        b"netspec: 1\r\nname: net\rinputs: {x: {shape: [16]}}\nlayers:\r\n  - dens:\r    - 1\n  - Dense: {unit: 4}\r\n"
    )
    assert b"Dense: {unit: 4}\r\n" in before
    after = mended(before.replace(b"  - dens:\r    - 1\n", b"  - relu\r"))
    assert after == (
        b"netspec: 1\r\nname: net\rinputs: {x: {shape: [16]}}\nlayers:\r\n  - relu\r  - dense: {units: 4}\r\n"
    )


def at(begin: int, end: int, line: int = 1) -> Span:
    return Span("net.yaml", line, begin, line, end)


def test_fixes_are_put_in_backwards() -> None:
    fixes = [Fix(at(1, 2), "a", "alpha"), Fix(at(3, 4), "b", ""), Fix(at(5, 6, 2), "c", "gamma")]
    assert replaced("\ufeffa b\r\n....c".encode(), fixes) == "\ufeffalpha \r\n....gamma".encode()


MANY = 1_000  # ten times as many as a check reports


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("Dense: {units: 8}", "dense: {units: 8}"),
        ("dense: {unit: 8}", "dense: {units: 8}"),
        ("dense: {units: '8'}", "dense: {units: 8}"),
        ("dense: {units: 8, activation: ReLU}", "dense: {units: 8, activation: relu}"),
        ("b: {Units: 8}", "b: {units: 8}"),
    ],
)
def test_all_of_many_faults_are_put_right_in_one_look(wrong: str, right: str) -> None:
    head = "netspec: 1\nname: net\ninputs: {x: {shape: [16]}}\n"
    head += "blocks: {b: {params: {units: null}, layers: [{dense: {units: $units}}]}}\nlayers:\n"
    looks = []

    def counted(data: bytes) -> Iterable[Diagnostic]:
        looks.append(data)
        return findings(data)

    result = mend(f"{head}{MANY * f'  - {wrong}{chr(10)}'}".encode(), "net.yaml", counted)
    assert result.data.decode() == f"{head}{MANY * f'  - {right}{chr(10)}'}"
    assert len(result.fixes) == MANY
    assert len(looks) == 2


def test_faults_that_cannot_be_fixed_end_a_look_as_ever() -> None:
    data = f"{BAD[:-2]}{MANY * ', {dense: {units: 0}}, {Dense: {units: 4}}'}]\n".encode()
    assert len(list(findings(data))) == MAX_FAULTS
    result = mend(data, "net.yaml", findings)
    assert result.found is not None
    assert len(result.found) == MAX_FAULTS
    assert not any(each.fix for each in result.found)


def told(*fixes: Fix) -> list[Diagnostic]:
    return [Diagnostic("r", f"fault {index}", fix.span, fix=fix) for index, fix in enumerate(fixes)]


def once(*fixes: Fix):  # type: ignore[no-untyped-def]
    """Return a check that finds these fixes the first time, and nothing after that."""
    pending = [told(*fixes)]
    return lambda data: pending.pop() if pending else []


def test_of_two_that_overlap_the_first_is_put_in() -> None:
    check_once = once(Fix(at(4, 8), "abcd", "X"), Fix(at(6, 10), "cdef", "Y"))
    assert mend(b"k: abcdef\n", "net.yaml", check_once).data == b"k: Xef\n"


def test_a_fix_that_spoils_the_file_is_left_out_and_the_others_are_not() -> None:
    check_once = once(Fix(at(1, 2), "a", "alpha"), Fix(at(4, 5), "b", "["), Fix(at(1, 2, 2), "c", "gamma"))
    result = mend(b"a: b\nc: d\n", "net.yaml", check_once)
    assert result.data == b"alpha: b\ngamma: d\n"
    assert [fix.replacement for fix in result.fixes] == ["alpha", "gamma"]


def test_fixes_that_only_together_spoil_the_file_are_not_both_put_in() -> None:
    check_once = once(Fix(at(1, 2), "a", "k"), Fix(at(1, 2, 2), "b", "k"))
    result = mend(b"a: 1\nb: 2\n", "net.yaml", check_once)
    assert result.data == b"a: 1\nk: 2\n"


def test_an_endless_check_is_bounded() -> None:
    calls = []

    def restless(data: bytes) -> list[Diagnostic]:
        calls.append(data)
        old = data.decode()[3]
        return told(Fix(at(4, 5), old, "b" if old == "a" else "a"))

    result = mend(b"k: a\n", "net.yaml", restless)
    assert result.data in (b"k: a\n", b"k: b\n")
    assert len(calls) <= 200


def test_a_fix_for_another_text_is_dropped() -> None:
    fix = Fix(at(4, 5), "a", "b")
    (settled,) = settle(told(fix), {"net.yaml": "k: $a\n"})
    assert settled.fix is None
    (settled,) = settle(told(Fix(at(4, 7), "a", "b")), {"net.yaml": "k: 'a'\n"})
    assert settled.fix == Fix(at(4, 7), "'a'", "'b'")
    (settled,) = settle(told(Fix(Span("net.yaml", 1, 4, 2, 1), "a", "b")), {"net.yaml": "k: a\n"})
    assert settled.fix is None


class TestCommand:
    def test_says_what_it_did_on_standard_error(self, tmp_path: Path) -> None:
        (tmp_path / "net.yaml").write_text(BAD)
        done = netspec("--fix", "net.yaml", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, b"")
        assert done.stderr.decode().splitlines() == [
            "net.yaml:4:19: unit -> units",
            "net.yaml: fixed 1 problem",
        ]
        assert (tmp_path / "net.yaml").read_text() == GOOD

    def test_tells_what_is_left(self, tmp_path: Path) -> None:
        (tmp_path / "net.yaml").write_text(BAD.replace("4}", "0}"))
        done = netspec("--fix", "net.yaml", cwd=tmp_path)
        assert done.returncode == 1
        assert b"net.yaml:4:19: error: units must be at least 1, not '0'" in done.stdout
        assert b"units: 0" in (tmp_path / "net.yaml").read_bytes()

    def test_a_clean_file_is_not_touched(self, tmp_path: Path) -> None:
        path = tmp_path / "net.yaml"
        path.write_text(GOOD)
        path.chmod(0o444)
        before = path.stat()
        done = netspec("--fix", "net.yaml", cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)

    def test_the_mode_and_a_link_stay(self, tmp_path: Path) -> None:
        path, link = tmp_path / "net.yaml", tmp_path / "link.yaml"
        path.write_text(BAD)
        path.chmod(0o640)
        link.symlink_to("net.yaml")
        assert netspec("--fix", "link.yaml", cwd=tmp_path).returncode == 0
        assert link.is_symlink()
        assert path.read_text() == GOOD
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert sorted(each.name for each in tmp_path.iterdir()) == ["link.yaml", "net.yaml"]

    def test_standard_input_goes_to_standard_output(self, tmp_path: Path) -> None:
        done = netspec("--fix", "-", cwd=tmp_path, stdin=BAD.replace("4}", "0}").encode())
        assert done.returncode == 1
        assert done.stdout.decode() == GOOD.replace("4}", "0}")
        assert b"<stdin>:4:19: error: units must be at least 1" in done.stderr

    def test_standard_input_that_is_no_yaml_comes_back_as_it_is(self, tmp_path: Path) -> None:
        done = netspec("--fix", "-", cwd=tmp_path, stdin=b"a: [\r\n")
        assert (done.returncode, done.stdout) == (1, b"a: [\r\n")
        assert b"never closed" in done.stderr

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        done = netspec("--fix", "nothing.yaml", cwd=tmp_path)
        assert done.returncode == 1
        assert b"there is no file nothing.yaml" in done.stdout

    def test_json_has_the_fix_where_there_is_one(self, tmp_path: Path) -> None:
        import json

        (tmp_path / "net.yaml").write_text(BAD)
        done = netspec("--format", "json", "net.yaml", cwd=tmp_path)
        (row,) = json.loads(done.stdout)["diagnostics"]
        assert row["fix"] == {"line": 4, "column": 19, "end_line": 4, "end_column": 23, "replacement": "units"}
        (tmp_path / "net.yaml").write_text(
            "vars: {p: SAME}\n" + BAD.replace("dense: {unit: 4}", "max_pooling1d: {padding: $p}")
        )
        done = netspec("--format", "json", "net.yaml", cwd=tmp_path)
        assert all("fix" not in row for row in json.loads(done.stdout)["diagnostics"])
