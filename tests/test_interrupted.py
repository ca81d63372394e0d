"""Ctrl-C at any moment of a command: one line and exit code 130, never a traceback."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SPEC = """\
netspec: 1
name: net
inputs: {x: {shape: [32, 32, 3]}}
layers:
  - conv2d: {filters: 8, kernel_size: 3}
  - flatten
  - dense: {units: 4}
"""


_BEFORE_IMPORTS = """\
import os, signal, sys
from netspec.__main__ import main
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = ["netspec", *{arguments!r}]
main()
"""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("netspec.running", "check"),
        ("netspec.diagnostics", "check"),
        ("netspec.spec.source", "check"),
        ("netspec.cli", "show"),
        ("typer", "show"),
        ("netspec.commands.show", "show"),
        ("netspec.importers.command", "import"),
    ],
)
def test_an_interrupt_while_a_module_is_imported_prints_one_line(tmp_path: Path, module: str, command: str) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(_SPEC)
    code = _BEFORE_IMPORTS.format(module=module, arguments=[command, str(spec)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_interrupts_at_random_moments_print_one_line_at_most(tmp_path: Path) -> None:
    """Before the first line of netspec an interrupt is Python's; from then on the command answers for it."""
    spec = tmp_path / "net.yaml"
    spec.write_text(_SPEC)
    code = "import sys; from netspec.__main__ import main; sys.argv[0] = 'netspec'; print('on', flush=True); main()"
    generator = random.Random(7)
    outcomes = []
    for turn in range(12):
        command = ["check", "show", "explain"][turn % 3]
        process = subprocess.Popen(
            [sys.executable, "-c", code, command, str(spec)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        time.sleep(generator.uniform(0.002, 0.15))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        outcomes.append((process.returncode, errors))
    assert set(outcomes) <= {(130, "interrupted\n"), (0, "")}
    assert (130, "interrupted\n") in outcomes


def test_a_process_that_ignores_interrupts_goes_on(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(_SPEC)
    code = _BEFORE_IMPORTS.format(module="netspec.diagnostics", arguments=["check", str(spec)])
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + code
    done = subprocess.run([sys.executable, "-c", ignoring], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
