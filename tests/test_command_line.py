"""The command line as documentation: pages of help, what was probably meant, completion, exit codes.

The pages are golden files. After a change that was meant

    NETSPEC_UPDATE_CASES=1 pytest tests/test_command_line.py

writes them; read what it wrote.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from netspec.cli import app
from netspec.commands.manual import GROUPS, MANUAL

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "tests" / "cases" / "help"
COMMANDS: Any = typer.main.get_command(app)
NAMES = list(COMMANDS.commands)


def netspec(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "netspec", *arguments],
        cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"} | environment,
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


# Help.


@pytest.mark.parametrize("name", ["netspec", *NAMES])
def test_page_of(name: str) -> None:
    done = netspec(*([] if name == "netspec" else [name]), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    page = PAGES / f"{name}.txt"
    if os.environ.get("NETSPEC_UPDATE_CASES"):
        page.write_text(done.stdout, encoding="utf-8", newline="\n")
    assert done.stdout == page.read_text(encoding="utf-8")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_every_page_is_of_a_command() -> None:
    assert {page.stem for page in PAGES.iterdir()} == {"netspec", *NAMES}


def test_the_manual_knows_every_command_and_no_other() -> None:
    assert set(MANUAL) == {"", *NAMES}
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_is_documented(name: str) -> None:
    command = COMMANDS.commands[name]
    assert command.help
    for param in command.params:
        assert param.help, param.name
        assert param.help.endswith((".", "?")), f"{param.name}: {param.help}"
    assert MANUAL[name].examples
    assert {0, 2} <= set(MANUAL[name].exits)


EXAMPLES = [(name, example.command) for name, page in MANUAL.items() for example in page.examples]


@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_an_example_is_a_command_line(name: str, line: str) -> None:
    """The last command of a pipe is parsed, and not run."""
    words = shlex.split(line.split("|")[-1].split(">")[0])
    assert words[0] == "netspec"
    assert name in ("", words[1])
    parent = COMMANDS.make_context("netspec", words[1:], resilient_parsing=True)
    COMMANDS.commands[words[1]].make_context(words[1], words[2:], parent=parent)


def test_without_a_command_the_page_is_printed_as_an_error() -> None:
    done = netspec()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.rstrip() == netspec("--help").stdout.rstrip()


# What was probably meant, and exit code 2.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("chekc specs", "there is no command 'chekc'; did you mean check?"),
        ("Check specs", "there is no command 'Check'; did you mean check?"),
        ("explainrule x", "there is no command 'explainrule'; did you mean explain-rule?"),
        ("check --formt json x.yaml", "there is no option '--formt'; did you mean --format?"),
        ("check --only_specs x.yaml", "there is no option '--only_specs'; did you mean --only-specs?"),
        ("build --cor cortex-m4 x.yaml", "there is no option '--cor'; did you mean --core?"),
        ("--versoin", "there is no option '--versoin'; did you mean --version?"),
        ("export x --zzzz", "there is no option '--zzzz'; the options are --tflite, --keras, --help"),
        ("check --format jsn x.yaml", "Invalid value for '--format': 'jsn' is none of them; did you mean json?"),
        ("show --format html x.yaml", "Invalid value for '--format': 'html' is none of them; they are text, json"),
        ("show --core cortex-m5 x.yaml", "'cortex-m5' is no core that netspec knows; did you mean "),
        ("explain-rule budget-rma", "'budget-rma' is no rule; did you mean budget-ram?"),
        ("check", "Missing argument 'SPEC...'."),
        ("verify", "Missing argument 'DIR'."),
        ("show a.yaml b.yaml", "unexpected extra argument"),
    ],
)
def test_a_wrong_command_line_is_answered(arguments: str, message: str) -> None:
    done = netspec(*arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.startswith("Usage: netspec ")


# Only specs, with and without options that need the parser.


@pytest.mark.parametrize("options", [(), ("--format", "text"), ("--strict",)], ids=" ".join)
def test_only_specs_are_checked_among_any_files(options: tuple[str, ...], tmp_path: Path) -> None:
    files = {
        "flow.yaml": '{"netspec": 1}',
        "old_mac.yaml": "a: 1\rnetspec : 1",
        "marked.yaml": "\ufeffnetspec: 1",
        "inside.yaml": "services:\n  netspec: 1\n",
        "no_net.yaml": "netspecs: 1\n",
        "text.yaml": "- netspec: 1\n",
        "empty.yaml": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "folder.yaml").mkdir()
    given = [*sorted(files), "binary.yaml", "gone.yaml"]
    done = netspec("check", "--only-specs", *options, *given, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    named = re.findall(r"^(\w+\.yaml):\d+:\d+: ", done.stdout, re.MULTILINE)
    # What is not there is told: whoever named it expects something of it.
    assert set(named) == {"flow.yaml", "gone.yaml", "marked.yaml", "old_mac.yaml"}
    folder = netspec("check", *options, ".", cwd=tmp_path)
    assert set(re.findall(r"^(\w+\.yaml):\d+:\d+: ", folder.stdout, re.MULTILINE)) == set(named) - {"gone.yaml"}


def test_only_specs_is_silent_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("a: 1\n")
    done = netspec("check", "--only-specs", "other.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Completion.


def completed(words: str) -> list[str]:
    """Return what the shell is offered for the last word, as typer's script for bash asks for it."""
    line = words.split(" ")
    done = netspec(_NETSPEC_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(line) - 1))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("netspec ver", ["verify"]),
        ("netspec check --f", ["--format", "--fix"]),
        ("netspec check --format s", ["sarif"]),
        ("netspec build --core cortex-m3", ["cortex-m3", "cortex-m33"]),
        ("netspec explain-rule budget-", ["budget-flash", "budget-ram", "budget-macs"]),
        ("netspec explain specs/digits.yaml relu_", ["relu_1", "relu_2"]),
        ("netspec layers conv1", ["conv1d", "conv1d_transpose"]),
        ("netspec explain no_such.yaml relu_", []),
        ("netspec check specs/d", []),  # files are left to the shell
    ],
)
def test_completion_of(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


def test_completion_of_commands_offers_them_all() -> None:
    assert completed("netspec ") == NAMES


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_of(shell: str) -> None:
    done = netspec(_NETSPEC_COMPLETE=f"source_{shell}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "_NETSPEC_COMPLETE" in done.stdout


def test_bash_completes_with_the_script_that_is_shown(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    command = tmp_path / "netspec"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netspec "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    program = (
        'eval "$(_NETSPEC_COMPLETE=source_bash netspec)"\n'
        "COMP_WORDS=(netspec check --st) COMP_CWORD=2\n"
        "_netspec_completion netspec\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
        "complete -p netspec\n"
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [bash, "--norc", "-c", program],
        cwd=ROOT, env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "--strict"
    assert "-o default" in done.stdout.splitlines()[1]  # where nothing is offered, files are
