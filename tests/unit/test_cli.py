"""The command line of check, show and doctor as a process: streams, exit codes, and what it does not import."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netspec import running

ROOT = Path(__file__).parents[2]
GOOD = "netspec: 1\nname: net\ninputs: {x: {shape: [16]}}\nlayers: [{dense: {units: 4}}]\n"
BAD = GOOD.replace("units", "unit")
WARNS = GOOD.replace(
    "layers: [", "layers: [{dense: {name: spare, units: 1}}, {dense: {name: out, units: 1, from: x}}, "
).replace("{dense: {units: 4}}", "{relu: {from: out}}")


def netspec(
    *arguments: str | Path, stdin: str = "", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "netspec", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd or ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "warns.yaml").write_text(WARNS)
    return tmp_path


def test_a_clean_spec_is_passed_over_in_silence(folder: Path) -> None:
    done = netspec("check", "good.yaml", "good.yaml", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_findings_go_to_standard_output(folder: Path) -> None:
    done = netspec("check", "bad.yaml", cwd=folder)
    assert done.returncode == 1
    assert done.stdout == (
        "bad.yaml:4:19: error: unknown key 'unit' of dense [unknown-key]\n"
        "  |\n"
        "4 | layers: [{dense: {unit: 4}}]\n"
        "  |                   ^~~~\n"
        "  = help: did you mean `units`?\n"
    )
    assert done.stderr == ""


def test_several_files_are_checked_in_one_run(folder: Path) -> None:
    done = netspec("check", "bad.yaml", "good.yaml", "missing.yaml", cwd=folder)
    assert done.returncode == 1
    assert "bad.yaml:4:19: error" in done.stdout
    assert "missing.yaml:1:1: error: there is no file missing.yaml [unreadable-file]" in done.stdout


def test_standard_input(folder: Path) -> None:
    assert netspec("check", "-", stdin=GOOD).returncode == 0
    done = netspec("check", "-", stdin=BAD)
    assert done.returncode == 1
    assert done.stdout.startswith("<stdin>:4:19: error: ")
    assert "4 | layers:" in done.stdout


def test_a_folder_stands_for_the_specs_in_it(folder: Path) -> None:
    (folder / "other.yaml").write_text("jobs: [netspec]\n")
    inner = folder / "inner"
    inner.mkdir()
    (inner / "deep.yaml").write_text(BAD)
    done = netspec("check", ".", cwd=folder)
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines() if " error: " in line] == [
        "bad.yaml",
        "inner/deep.yaml",
    ]


def test_a_folder_without_specs_is_a_mistake_of_usage(tmp_path: Path) -> None:
    done = netspec("check", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds no *.yaml with a `netspec:` key" in done.stderr


def test_warnings_are_findings_only_where_asked_for(folder: Path) -> None:
    done = netspec("check", "warns.yaml", cwd=folder)
    assert done.returncode == 0
    assert "warning: no output depends on 'spare'" in done.stdout
    assert netspec("check", "--strict", "warns.yaml", cwd=folder).returncode == 1
    assert netspec("check", "--strict", "good.yaml", cwd=folder).returncode == 0


def test_json_of_findings(folder: Path) -> None:
    done = netspec("check", "--format", "json", "bad.yaml", "good.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == {
        "schema_version": 1,
        "diagnostics": [
            {
                "rule": "unknown-key",
                "severity": "error",
                "message": "unknown key 'unit' of dense",
                "help": "did you mean `units`?",
                "path": "bad.yaml",
                "line": 4,
                "column": 19,
                "end_line": 4,
                "end_column": 23,
                "fix": {"line": 4, "column": 19, "end_line": 4, "end_column": 23, "replacement": "units"},
            }
        ],
    }


def test_json_of_nothing_found_is_a_document_too(folder: Path) -> None:
    done = netspec("check", "--format", "json", "good.yaml", cwd=folder)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"schema_version": 1, "diagnostics": []})


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", "--formt", "json", "good.yaml"),
        ("check", "--format", "yaml", "good.yaml"),
        ("show",),
        ("show", "good.yaml", "good.yaml"),
        ("show", "good.yaml", "--core", "cortex-m5"),
        ("chek", "good.yaml"),
    ],
)
def test_usage(folder: Path, arguments: tuple[str, ...]) -> None:
    done = netspec(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr


def test_a_misspelt_core_gets_a_suggestion(folder: Path) -> None:
    done = netspec("show", "good.yaml", "--core", "cortexm33", cwd=folder)
    assert done.returncode == 2
    assert "'cortexm33' is no core that netspec knows; write cortex-m33" in done.stderr


def test_show_for_another_core(folder: Path) -> None:
    done = netspec("show", "good.yaml", "--core", "cortex-m55", "--format", "json", cwd=folder)
    assert json.loads(done.stdout)["device"]["core"] == "cortex-m55"
    assert netspec("show", "-", "--core", "cortex-m55", stdin=GOOD).stdout.splitlines()[-5] == "cortex-m55, int8:"


def test_findings_of_show_leave_standard_output_to_the_table(folder: Path) -> None:
    for arguments, stdin in ((("show", "bad.yaml"), ""), (("show", "-"), BAD)):
        done = netspec(*arguments, stdin=stdin, cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "4 | layers: [{dense: {unit: 4}}]" in done.stderr


UNFIT = f"{GOOD}target: {{memory: [{{name: sram, size: 1}}], budget: {{flash: 1, ram: 1, macs: 1}}}}\n"
UNSUPPORTED = f"{GOOD.replace('dense: {units: 4}', 'softmax: {axis: 1}').replace('[16]', '[16, 2]')}target: {{}}\n"


def test_show_prints_a_whole_net_beside_what_the_device_says_of_it() -> None:
    for text, rules in (
        (UNFIT, {"memory-too-small", "budget-flash", "budget-ram", "budget-macs"}),
        (UNSUPPORTED, {"unsupported-on-device"}),
    ):
        told = netspec("show", "-", stdin=text)
        data = netspec("show", "-", "--format", "json", stdin=text)
        assert (told.returncode, data.returncode) == (1, 1)
        assert "Total params: " in told.stdout
        assert set(re.findall(r"\[([a-z-]+)\]$", told.stderr, re.MULTILINE)) == rules
        assert told.stderr == data.stderr
        device = json.loads(data.stdout)["device"]
        supported = text == UNFIT
        assert (device["supported"], device["unsupported"]) == (supported, [] if supported else ["softmax"])
        assert (device["flash_bytes"] is not None) == supported
    again = netspec("show", "-", "--core", "cortex-m0", stdin=UNSUPPORTED.replace("target: {}\n", ""))
    assert again.returncode == 1
    assert again.stdout.splitlines()[-2] == "cortex-m0: not supported"


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert running.wants_color(Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not running.wants_color(Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "")
    assert running.wants_color(Terminal())  # type: ignore[arg-type]


def test_no_colour_in_a_pipe(folder: Path) -> None:
    assert "\x1b" not in netspec("check", "bad.yaml", cwd=folder, FORCE_COLOR="1").stdout


def test_a_terminal_that_cannot_show_a_character_still_gets_the_line(folder: Path) -> None:
    (folder / "bad.yaml").write_text(GOOD.replace("units", "größe"), encoding="utf-8")
    done = netspec("check", "bad.yaml", cwd=folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "unknown key 'gr\\xf6\\xdfe' of dense" in done.stdout


def broken(text: str) -> str:
    return f"import netspec.check\ndef examine(*_): raise {text}\nnetspec.check.examine = examine\n"


@pytest.mark.parametrize("command", ["check", "show"])
def test_an_internal_error_is_one_line_and_a_request(folder: Path, command: str) -> None:
    program = broken("AssertionError('a pass broke')") + "from netspec.__main__ import main\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", program, command, "good.yaml"], capture_output=True, text=True, cwd=folder, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "internal error: AssertionError: a pass broke\n"
        "  = help: please report it with the spec; NETSPEC_TRACEBACK=1 prints where it happened\n"
    )


def test_a_traceback_for_those_who_ask(folder: Path) -> None:
    program = broken("AssertionError('a pass broke')") + "from netspec.__main__ import main\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", program, "check", "good.yaml"], capture_output=True, text=True, cwd=folder, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "NETSPEC_TRACEBACK": "1"},
    )  # fmt: skip
    assert "Traceback (most recent call last)" in done.stderr


def test_a_tool_failure_says_what_to_do(folder: Path) -> None:
    program = (
        "from netspec.diagnostics import ToolError\n"
        + broken("ToolError('there is no cc', help='install one')")
        + "from netspec.__main__ import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "check", "good.yaml"], capture_output=True, text=True, cwd=folder, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "error: there is no cc\n  = help: install one\n"


def test_doctor_answers_in_both_formats() -> None:
    text, data = netspec("doctor"), netspec("doctor", "--format", "json")
    assert (text.returncode, data.returncode) == (0, 0)
    tools = json.loads(data.stdout)["tools"]
    assert {"cc", "tensorflow", "qemu-system-arm", "CMSIS-NN"} <= {tool["name"] for tool in tools}
    for tool in tools:
        assert tool["name"] in text.stdout
        assert tool["found"] or f"install: {tool['install']}" in text.stdout


HEAVY = ("tensorflow", "keras", "numpy", "jinja2", "h5py", "flatbuffers", "tflite_micro")


@pytest.mark.parametrize("command", ["check", "show"])
def test_what_a_commit_hook_runs_imports_nothing_heavy(command: str) -> None:
    program = (
        "import os, sys, contextlib\nfrom netspec.__main__ import main\nos._exit = sys.exit\n"
        "with contextlib.suppress(SystemExit): main()\n"
        f"print(sorted(set(sys.modules) & {set(HEAVY)}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, command, ROOT / "specs" / "digits.yaml"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stderr == "[]\n"


def test_an_interruption_before_anything_runs_is_no_traceback(tmp_path: Path) -> None:
    """Ctrl-C while modules are imported ends as quietly as one later."""
    (tmp_path / "yaml.py").write_text("raise KeyboardInterrupt\n", encoding="utf-8")
    (tmp_path / "a.yaml").write_text("netspec: 1\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "netspec", "check", "a.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
