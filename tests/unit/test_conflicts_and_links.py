"""Merge conflicts that nobody resolved, and symbolic links that lead nowhere: each is one finding that says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.diagnostics import Diagnostic, SpecError
from netspec.spec.source import parse
from netspec.spec.yaml.conflicts import conflicts
from netspec.system.missing import broken_link

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "cases"
HEAD = "netspec: 1\nname: a\ninputs: {x: {shape: [4]}}\nlayers:\n"
OURS, THEIRS = "  - dense: {units: 2}\n", "  - dense: {units: 3}\n"
CONFLICT = f"<<<<<<< HEAD\n{OURS}=======\n{THEIRS}>>>>>>> branch\n"


def findings(text: str) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        parse(text, "m.yaml")
    return list(caught.value.diagnostics)


def netspec(*words: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "netspec", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        (HEAD + CONFLICT, [(5, 9)]),
        (HEAD + CONFLICT.replace("\n", "\r\n"), [(5, 9)]),
        (HEAD + CONFLICT.replace("=======", f"||||||| base\n{OURS}======="), [(5, 11)]),
        (HEAD + CONFLICT + "  - flatten\n" + CONFLICT, [(5, 9), (11, 15)]),
        (HEAD + CONFLICT.replace(">>>>>>> branch\n", ""), [(5, 7)]),
        (HEAD + CONFLICT.replace("<<<<<<< HEAD\n", ""), [(6, 8)]),
        (HEAD + OURS + "=======\n" + THEIRS, [(6, 6)]),
        (HEAD + THEIRS + ">>>>>>> 3f2a91c (wider)\n", [(6, 6)]),
        ("<<<<<<< HEAD\nnetspec: 1\n=======\nnetspec: 2\n>>>>>>> b\n" + HEAD[11:] + OURS, [(1, 5)]),
        ("{netspec: 1,\n<<<<<<< HEAD\n name: a,\n=======\n name: b,\n>>>>>>> b\n}\n", [(2, 6)]),
    ],
)
def test_a_conflict_is_one_finding_with_its_lines(text: str, ranges: list[tuple[int, int]]) -> None:
    found = findings(text)
    assert [(each.rule, each.span.line, each.span.end_line) for each in found] == [
        ("merge-conflict", *lines) for lines in ranges
    ]
    for each, (first, last) in zip(found, ranges, strict=True):
        where = f"line {first}" if first == last else f"lines {first} to {last}"
        assert each.message == f"a merge conflict is not resolved here, {where}"


def test_marks_in_a_comment_or_a_text_are_no_conflict() -> None:
    text = f"{HEAD}  # <<<<<<< HEAD\n{OURS}description: |\n  =======\n  >>>>>>> x\n"
    assert parse(text, "m.yaml").root.get("description") is not None
    assert list(conflicts("a <<<<<<< b\n<<<<<<<<\n========\n")) == []


@pytest.mark.parametrize(
    ("links", "path", "message"),
    [
        ({"l.yaml": "nowhere.yaml"}, "l.yaml", "l.yaml is a symbolic link to nowhere.yaml, which is not there"),
        ({"l.yaml": "../up/n.yaml"}, "l.yaml", "l.yaml is a symbolic link to ../up/n.yaml, which is not there"),
        ({"a": "gone"}, "a/l.yaml", "a is a symbolic link to gone, which is not there"),
        ({"a": "b", "b": "gone"}, "a", "a is a symbolic link to gone by way of b, which is not there"),
        ({"a": "a"}, "a", "a is a symbolic link that leads back to itself"),
        ({"a": "b", "b": "a"}, "a", "a is a symbolic link that leads back to itself"),
        ({}, "l.yaml", None),
    ],
)
def test_a_link_to_nothing_says_where_it_leads(
    links: dict[str, str], path: str, message: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    monkeypatch.chdir(tmp_path)
    assert broken_link(path) == message
    assert broken_link(str(tmp_path / path), path) == message


def test_every_command_says_it_of_its_file(tmp_path: Path) -> None:
    for name in ("l.yaml", "m.keras", "m.tflite", "d.npz", "w.npz", "pictures"):
        (tmp_path / name).symlink_to("nowhere")
    link = "{} is a symbolic link to nowhere, which is not there"
    assert link.format("l.yaml") in netspec("check", "l.yaml", cwd=tmp_path)
    assert link.format("l.yaml") in netspec("diff", "l.yaml", cwd=tmp_path)
    assert link.format("m.keras") in netspec("import", "m.keras", cwd=tmp_path)
    assert link.format("m.tflite") in netspec("import", "m.tflite", cwd=tmp_path)
    for data in ("{npz: d.npz}", "{npy: {x: d.npz, y: d.npz}}", "{csv: {path: d.npz, target: y}}",
                 "{images: {path: d.npz}}"):  # fmt: skip
        text = f"{HEAD}{OURS}train: {{data: {data}, loss: mse}}\n"
        if "images" in data:
            text = text.replace("[4]", "[4, 4, 1]").replace(OURS, f"  - flatten\n{OURS}")
        (tmp_path / "net.yaml").write_text(text)
        assert link.format("d.npz") in netspec("check", "--data", "net.yaml", cwd=tmp_path), data


def test_a_conflict_in_a_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,c,d,y\n<<<<<<< HEAD\n1,2,3,4,5\n=======\n1,2,3,4,6\n>>>>>>> x\n")
    text = f"{HEAD}{OURS}train: {{data: {{csv: {{path: t.csv, target: y}}}}, loss: mse}}\n".replace(
        "units: 2", "units: 1"
    )
    (tmp_path / "net.yaml").write_text(text)
    assert "a merge conflict is not resolved in row 2 of t.csv" in netspec("check", "--data", "net.yaml", cwd=tmp_path)


def test_a_link_that_git_stored_as_text_is_named(tmp_path: Path) -> None:
    found = findings("../specs/net.yaml")
    assert [each.message for each in found] == [
        "the file holds nothing but the path ../specs/net.yaml: a symbolic link that was saved as text"
    ]


def test_no_name_is_suggested_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "link.yaml").symlink_to("nowhere.yaml")
    assert "did you mean" not in netspec("check", "link.yaml", cwd=tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared cases are not here")
def test_the_shared_cases(tmp_path: Path) -> None:
    found = findings((SHARED / "12-conflict-markers" / "m.yaml").read_text(encoding="utf-8"))
    assert [(each.span.line, each.span.end_line) for each in found] == [(5, 9)]
    (tmp_path / "link.yaml").symlink_to("nowhere.yaml")  # as its run.sh does
    assert "link.yaml is a symbolic link to nowhere.yaml, which is not there" in netspec(
        "check", "link.yaml", cwd=tmp_path
    )
