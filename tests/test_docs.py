"""The documents: what they show is what the commands print, and what they name exists.

The commands of the `console` blocks run in order, in a folder with a copy of `specs/`, and a line `[...]` of an output
stands for any number of lines. Where figures depend on the machine or the training, as `build` and `verify` print
them, lines are compared with their figures struck out. After a change that was meant

    NETSPEC_UPDATE_DOCS=1 pytest tests/test_docs.py

writes what is compared exactly into the README; the rest is for the author to run and paste.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from netspec.cli import app

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
DOCUMENTS = [README, REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md", *(REPOSITORY / "docs").glob("*.md")]

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"\d+(?:[.,:]\d+)*%?")
GAP = "[...]"
VARIABLE = ("netspec build", "netspec verify")


@dataclass(frozen=True)
class Step:
    """A command of a document and the output that follows it there."""

    command: str
    output: list[str]


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(README.read_text(encoding="utf-8")) if kind == language]


def steps() -> list[Step]:
    found: list[Step] = []
    for block in blocks("console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:], []))
            else:
                found[-1].output.append(line)
    return found


STEPS = steps()


@dataclass(frozen=True)
class Session:
    """What the steps left in `folder`, and what each of them printed, both streams as a terminal shows them."""

    folder: Path
    outputs: list[list[str]]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Run the steps, with a spec of digits that trains for three epochs: the form of what is printed is the same."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(REPOSITORY / "specs", folder / "specs")
    digits = folder / "specs" / "digits.yaml"
    text = digits.read_text(encoding="utf-8")
    assert "epochs: 60\n" in text
    digits.write_text(text.replace("epochs: 60\n", "epochs: 3\n"), encoding="utf-8")
    command = folder / "bin" / "netspec"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netspec "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "CMSIS_NN_PATH"} | {
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "CMSIS_PACK_ROOT": str(folder),  # no installed pack: a reader may have none
    }
    outputs = [
        subprocess.run(
            ["/bin/sh", "-c", step.command],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        ).stdout.splitlines()
        for step in STEPS
    ]  # fmt: skip
    return Session(folder, outputs)


def struck(line: str) -> str:
    """Return a line with one mark for each figure, however wide it was; the time to go is said of some epochs only."""
    return re.sub(r" +", " ", FIGURE.sub("0", line.partition("  eta ")[0]))


def matches(expected: list[str], got: list[str]) -> bool:
    """Return whether `got` is `expected`, where a gap stands for any number of lines."""
    if not expected:
        return not got
    if expected[0] == GAP:
        return any(matches(expected[1:], got[skipped:]) for skipped in range(len(got) + 1))
    return bool(got) and expected[0] == got[0] and matches(expected[1:], got[1:])


def update(step: Step, got: list[str]) -> None:
    """Write what a step printed into the README."""
    old, new = ("\n".join([f"$ {step.command}", *output]) + "\n" for output in (step.output, got))
    text = README.read_text(encoding="utf-8")
    assert text.count(old) == 1
    README.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


@pytest.mark.parametrize("index", range(len(STEPS)), ids=lambda index: STEPS[index].command[:40])
def test_readme_shows_what_a_command_prints(index: int, session: Session) -> None:
    step, got = STEPS[index], session.outputs[index]
    if step.command.startswith("netspec doctor"):
        pytest.skip("depends on the machine: compared below")
    if step.command.startswith(VARIABLE):
        pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds need the `train` extra")
        pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this machine")
        shown = "\n".join(got)
        assert matches([struck(line) for line in step.output], [struck(line) for line in got]), shown
        return
    if os.environ.get("NETSPEC_UPDATE_DOCS"):
        update(step, got)
    assert got == step.output


def test_readme_shows_every_kind_of_output() -> None:
    shown = {step.command.split()[1] for step in STEPS if step.command.startswith("netspec ")}
    assert shown == {"check", "show", "build", "verify", "doctor"}


def test_readme_shows_the_tools_that_doctor_looks_for() -> None:
    (step,) = (step for step in STEPS if step.command == "netspec doctor")
    done = subprocess.run(
        [sys.executable, "-m", "netspec", "doctor", "--format", "json"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    tools = json.loads(done.stdout)["tools"]
    lines = [line for line in step.output if line.startswith(("ok", "--"))]
    assert len(lines) == len(tools)
    for tool, line in zip(tools, lines, strict=True):
        assert line[4:].startswith(f"{tool['name']} ")
        assert line.endswith(f"({tool['purpose']})")
        if line.startswith("--"):
            install = step.output[step.output.index(line) + 1]
            assert install.strip() == f"install: {tool['install']}"


def test_readme_quotes_the_emitted_c(session: Session) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds need the `train` extra")
    source = session.folder / "build" / "digits" / "firmware" / "digits.c"
    (quoted,) = (block for block in blocks("c") if block.startswith("/*\n"))
    assert textwrap.indent(quoted, "    ") in source.read_text(encoding="utf-8")


def test_readme_calls_functions_that_are_emitted(session: Session, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds need the `train` extra")
    firmware = session.folder / "build" / "digits" / "firmware"
    (example,) = (block for block in blocks("c") if block.startswith("#include"))
    source = tmp_path / "example.c"
    source.write_text(example + "int read_digit(const float *, float *);\n", encoding="utf-8")
    done = subprocess.run(
        ["cc", "-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only", "-I", firmware, source],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", blocks("yaml"), ids=lambda text: re.findall(r"name: (\w+)", text)[0])
def test_specs_of_the_readme_are_clean_and_for_the_device(text: str) -> None:
    from netspec.check import check
    from netspec.spec.source import parse

    checked = check(parse(text, "README.md"))
    assert checked.plan is not None
    assert not checked.warnings


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
class TestEveryDocument:
    def test_links_lead_somewhere(self, document: Path) -> None:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (document.parent / target).exists(), target

    def test_nobody_is_told_to_install_somebody_elses_package(self, document: Path) -> None:
        text = document.read_text(encoding="utf-8")
        assert not re.search(r"pip3? install[^\n]*[\s'\"]netspec(?!-mcu|_mcu)\b", text)

    def test_make_targets_exist(self, document: Path) -> None:
        makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
        for target in re.findall(r"(?:`|^ {4})make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target

    def test_commands_exist(self, document: Path) -> None:
        commands = {
            command.name or command.callback.__name__ for command in app.registered_commands if command.callback
        }
        named = re.findall(r"`netspec ([a-z]+)", document.read_text(encoding="utf-8"))
        assert set(named) <= commands

    def test_paths_exist(self, document: Path) -> None:
        """Paths of the checkout in backticks, with braces and wildcards as a shell has them."""
        top = {path.name for path in REPOSITORY.iterdir() if path.is_dir() and not path.name.startswith(".")} - {
            "build"
        }
        for path in re.findall(r"`([\w.*-]+/[\w./*-]*)`", document.read_text(encoding="utf-8")):
            if path.split("/")[0] in top:
                assert list(REPOSITORY.glob(path.rstrip("/"))), path
