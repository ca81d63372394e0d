"""Specs of one run that meet elsewhere: one name, or names in C that are the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netspec.device.symbols import FILES, visible_names
from netspec.running import check_files
from tests.emitted_nets import NETS
from tests.models import firmware, make_model

SPEC = (
    "netspec: 1\nname: {name}\ninputs: {{{input}: {{shape: [4]}}}}\nlayers:\n  - dense: {{name: {layer}, units: 2}}\n"
)


def checked(folder: Path, capsys: pytest.CaptureFixture[str], *specs: tuple[str, str, str], extra: str = "") -> str:
    paths = []
    for number, (name, given, layer) in enumerate(specs):
        path = folder / f"{number}.yaml"
        path.write_text(SPEC.format(name=name, input=given, layer=layer) + extra)
        paths.append(str(path))
    check_files(paths)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (("gate", "x", "d"), ("gate", "y", "e"), "'gate' is the name of"),
        (("gate", "run", "d"), ("gate_input", "x", "d"), "both have gate_input_run"),
        (("gate_input", "x", "d"), ("gate", "run", "d"), "both have gate_input_run"),
        (("gate", "x", "d"), ("gate_test", "x", "d"), "both have gate_test.c"),
        (("gate", "x", "d"), ("gate_weights", "x", "d"), "gate_weights.c, gate_weights.h"),
        (("gate", "x", "a_b"), ("gate_a", "x", "b"), "both have gate_a_b_kernel"),
        (("gate", "x", "arena_ok"), ("gate_failed_arena", "x", "d"), "both have GATE_FAILED_ARENA_OK"),
        (("gate", "x", "d"), ("gates", "x", "d"), ""),
        (("gate", "x", "d"), ("gate_keeper", "x", "d"), ""),
        (("gate_a", "x", "d"), ("gate_b", "x", "d"), ""),
    ],
)
def test_specs_that_meet(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    one: tuple[str, str, str],
    other: tuple[str, str, str],
    said: str,
) -> None:
    output = checked(tmp_path, capsys, one, other)
    assert said in output
    assert output.count("warning:") == bool(said)


def test_a_file_that_is_named_twice_is_one_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(SPEC.format(name="gate", input="x", layer="d"))
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    check_files([str(tmp_path / "a.yaml"), f"{tmp_path}/./a.yaml", str(tmp_path / "b.yaml")])
    assert capsys.readouterr().out == ""


def test_a_comment_silences_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("gate", "x", "d")
    assert checked(tmp_path, capsys, given, given, extra="# netspec: ignore-file[shared-name]\n") == ""


def test_three_of_one_name_are_told_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("gate", "x", "d")
    assert checked(tmp_path, capsys, given, given, given).count("[shared-name]") == 2


@pytest.mark.parametrize("name", NETS)
def test_the_names_are_those_that_are_emitted(name: str) -> None:
    """Every macro of the headers, every function and constant, every file of the network; and hardly anything else."""
    model = make_model(NETS[name]())
    files = {path: text for path, text in firmware(model).items() if path.endswith((".c", ".h")) and "/" not in path}
    upper = model.name.upper()
    emitted = set(files)
    for path, text in files.items():
        plain = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        if path.endswith(".h"):
            emitted |= set(re.findall(rf"^#define ({upper}_\w+)", plain, re.MULTILINE))
            emitted |= set(re.findall(rf"^ +({upper}_\w+) = ", plain, re.MULTILINE))
            emitted |= set(re.findall(rf"^(?:extern )?(?:const )?\w+ \*?({model.name}_\w+)[\[(]", plain, re.MULTILINE))
    visible = visible_names(model.plan)
    assert emitted <= visible
    assert {f"{model.name}{ending}" for ending in FILES} == set(files)


def test_the_shared_case(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = repository.parent / "shared" / "cases" / "16-one-name-twice"
    if not case.is_dir():
        pytest.skip("the shared cases are not here")
    assert check_files([str(case / "1.yaml"), str(case / "2.yaml")]) == 0
    assert "[shared-name]" in capsys.readouterr().out
