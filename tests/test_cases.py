"""Specs and what `netspec check` says of them: a case is a spec and the exact output beside it, no Python.

`cases/err/*.yaml` are refused and `cases/ok/*.yaml` are not, though some draw a warning. The `.out` file is what
check prints, without the folder's name. To add a case, write the spec and run

    NETSPEC_UPDATE_CASES=1 pytest tests/test_cases.py

then read the `.out` files that changed: they are what users will read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from netspec.check import check
from netspec.diagnostics import SpecError, render_text
from netspec.spec.source import Document, parse

FOLDER = Path(__file__).parent / "cases"
OK = sorted((FOLDER / "ok").glob("*.yaml"))
ERR = sorted((FOLDER / "err").glob("*.yaml"))


def check_output(path: Path) -> tuple[str, bool]:
    """Return what check prints of a spec, and whether it found an error."""
    document: Document | None = None
    try:
        document = parse(path.read_bytes(), path.name)
        found = check(document).warnings
        sources = {}
    except SpecError as error:
        found, sources = error.diagnostics, error.sources
    if document is not None:
        sources = {document.path: document.text}
    return render_text(found, sources), any(each.severity == "error" for each in found)


def compare(path: Path, output: str) -> None:
    expected = path.with_suffix(".out")
    if os.environ.get("NETSPEC_UPDATE_CASES"):
        expected.write_text(output, encoding="utf-8", newline="\n")
    assert output == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ERR, ids=lambda path: path.stem)
def test_a_spec_that_is_refused(path: Path) -> None:
    output, refused = check_output(path)
    assert refused
    compare(path, output)


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_a_spec_that_is_accepted(path: Path) -> None:
    output, refused = check_output(path)
    assert not refused, output
    compare(path, output)


def test_the_folder_holds_cases_and_their_outputs_only() -> None:
    assert len(ERR) > 70
    files = {path for kind in ("ok", "err") for path in (FOLDER / kind).iterdir()}
    assert files == {each for path in [*OK, *ERR] for each in (path, path.with_suffix(".out"))}


RULE = re.compile(r"\[([a-z0-9-]+)\]$", re.MULTILINE)
HEADLINE = re.compile(r"^\S+:\d+:\d+: (error|warning): (.+) \[[a-z0-9-]+\]$")


@pytest.mark.parametrize("path", [*ERR, *OK], ids=lambda path: path.stem)
def test_the_voice_of_a_message(path: Path) -> None:
    """One sentence in lower case without a period; the remedy stands in `help`."""
    for block in filter(None, path.with_suffix(".out").read_text(encoding="utf-8").split("\n\n")):
        lines = block.splitlines()
        headline = HEADLINE.match(lines[0])
        assert headline, lines[0]
        message = headline[2]
        assert not message.endswith((".", "!"))
        assert message[0] == message[0].lower() or message.split()[0].isupper()
        assert "pydantic" not in block.lower()
        assert "= help: " in block


def test_every_rule_has_a_case() -> None:
    """Rules of the language, the graph and the device; the reader's own have tests beside it."""
    source = Path(__file__).parents[1] / "netspec"
    readers = {source / "spec" / "source.py", *(source / "spec" / "yaml").glob("*.py")}
    files = {path for room in ("spec", "layers", "device") for path in (source / room).rglob("*.py")} - readers
    files |= {source / "graph.py", source / "check.py"}
    literal = re.compile(r"""(?:Diagnostic\(\s*|\.tell\(\s*|rule(?:: str)? ?= ?)"([a-z0-9-]+)\"""")
    rules = {rule for file in files for rule in literal.findall(file.read_text(encoding="utf-8"))}
    assert len(rules) > 10
    shown = {
        rule for path in [*ERR, *OK] for rule in RULE.findall(path.with_suffix(".out").read_text(encoding="utf-8"))
    }
    assert rules - shown == set()
