"""Programs that hang or crash: ended with all that they started, and named; what is for information decides nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netspec.diagnostics import ToolError
from netspec.system.processes import TimedOut, ending, limit, run_bounded
from netspec.toolchain import find_cc
from netspec.toolchain.compiler import compile_program
from netspec.toolchain.doctor import describe

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs are shell scripts")


def program(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("text", ["sleep 600", "sleep 600 & echo begun; wait", "trap '' TERM INT; sleep 600; sleep 9"])
def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path, text: str) -> None:
    command = [program(tmp_path, "tool", text)]
    with pytest.raises(TimedOut, match=r"cannot do it: tool did not end within 0.2 s") as caught:
        run_bounded(command, "do it", 0.2)
    assert "NETSPEC_TIMEOUT" in (caught.value.help or "")
    assert caught.value.said in (b"", b"begun\n")


def test_the_limit_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limit(7) == 7
    monkeypatch.setenv("NETSPEC_TIMEOUT", "2.5")
    assert limit(7) == 2.5
    for wrong in ("soon", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("NETSPEC_TIMEOUT", wrong)
        with pytest.raises(ToolError, match=f"'{wrong}', which is no number of seconds"):
            limit(7)


def test_how_a_program_ended() -> None:
    assert [ending(status) for status in (2, -11, -99)] == [
        "ended with status 2",
        "was ended by SIGSEGV",
        "was ended by signal 99",
    ]


def test_a_compiler_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETSPEC_TIMEOUT", "0.3")
    monkeypatch.setenv("CC", program(tmp_path, "slow-cc", "sleep 600"))
    with pytest.raises(ToolError, match=r"slow-cc did not end within 0.3 s"):
        find_cc()
    cc = program(tmp_path, "half-cc", 'case "$1" in --version|-dumpmachine) echo 1;; *) sleep 600;; esac')
    monkeypatch.setenv("CC", cc)
    (tmp_path / "a.c").write_text("int main(void) { return 0; }\n")
    monkeypatch.setenv("NETSPEC_TIMEOUT", "5")
    found = find_cc()
    monkeypatch.setenv("NETSPEC_TIMEOUT", "0.3")
    with pytest.raises(ToolError, match=r"cannot build a.out: half-cc did not end within 0.3 s"):
        compile_program([tmp_path / "a.c"], [], [], [], tmp_path / "a.out", cc=found)


def test_a_compiler_that_crashes_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int main(void) { return 0; }\n")
    cc = program(tmp_path, "cc", 'case "$1" in --version|-dumpmachine) echo 1;; *) kill -SEGV $$;; esac')
    monkeypatch.setenv("CC", cc)
    with pytest.raises(ToolError, match=r"cc was ended by SIGSEGV"):
        compile_program([tmp_path / "a.c"], [], [], [], tmp_path / "a.out")


@pytest.mark.parametrize("name", ["cmake", "qemu-system-arm", "make"])
def test_doctor_names_a_program_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    program(tmp_path, name, "sleep 600")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NETSPEC_TIMEOUT", "1")
    (found,) = (tool for tool in describe() if tool.name == name)
    assert not found.found
    assert "did not end within 1 s" in (found.problem or "")


DESKTOP = """\
import json, sys
import numpy as np
from netspec.verify import desktop
from tests.builds import quantized
from netspec.tflite.model import TFLiteModel
from netspec.verify.inputs import case_inputs

desktop._SECONDS = float(sys.argv[2])
_, _, model = quantized(open(sys.argv[1]).read())
with desktop.desktop_at_work(TFLiteModel(model).to_bytes(), model, case_inputs(model, None)) as result:
    print(json.dumps(result()))
"""
NET = "netspec: 1\nname: net\ninputs: {x: {shape: [4]}}\nlayers:\n  - dense: {units: 2}\n"
FAKE = """\
import os, time
class OpResolverType:
    BUILTIN_REF, AUTO = "reference", "default"
class Interpreter:
    def __init__(self, model_content, experimental_op_resolver_type):
        if experimental_op_resolver_type == "{broken}":
            {what}
    def allocate_tensors(self): pass
    def get_input_details(self): return []
    def get_output_details(self): return []
    def invoke(self): pass
class experimental:
    OpResolverType = OpResolverType
class lite:
    Interpreter, experimental = Interpreter, experimental
"""
SAME = "0 of 0 outputs differ, by at most 0"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("os.abort()", "the interpreter was ended by SIGABRT"),
        ("os.kill(os.getpid(), 11)", "the interpreter was ended by SIGSEGV"),
        ("os.write(2, b'x > 0 failed\\n'); os._exit(7)", "the interpreter ended with status 7: x > 0 failed"),
        ("raise RuntimeError('failed to create runtime')", "refused the file: failed to create runtime"),
        ("raise ValueError", "refused the file: ValueError"),
        pytest.param("time.sleep(600)", "gave no answer within 60 s", marks=pytest.mark.slow),
    ],
)  # fmt: skip
@pytest.mark.parametrize("broken", ["reference", "default"])
def test_whatever_desktop_litert_does_is_a_line_of_the_report(
    tmp_path: Path, repository: Path, what: str, said: str, broken: str
) -> None:
    """A stand-in for TensorFlow breaks with one of the two sets of kernels; the other's answer is still there."""
    if "sleep" in what and broken == "reference":
        pytest.skip("once is enough")
    (tmp_path / "tensorflow.py").write_text(FAKE.format(broken=broken, what=what))
    (tmp_path / "net.yaml").write_text(NET)
    done = subprocess.run(
        [sys.executable, "-c", DESKTOP, str(tmp_path / "net.yaml"), "60" if "sleep" in what else "300"],
        cwd=repository,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{repository}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found[f"desktop LiteRT, {broken} kernels"] == said
    assert found[f"desktop LiteRT, {'default' if broken == 'reference' else 'reference'} kernels"] == SAME


@pytest.mark.slow
def test_a_file_that_desktop_litert_refuses_is_built(tmp_path: Path, repository: Path) -> None:
    """Raw samples of 24 bits and a relu6: XNNPACK makes no runtime for them."""
    from tests.test_build import assert_proven, run, verdict

    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    case = repository.parent / "shared" / "cases" / "24-desktop-crash"
    if not case.is_dir():
        pytest.skip("the shared cases are not here")
    for name in ("xnn24.yaml", "xnn24.npz"):
        shutil.copy(case / name, tmp_path)
    output = run("build", "xnn24.yaml", folder=tmp_path)
    assert "default kernels: refused the file: failed to create XNNPACK runtime" in output
    report = verdict(tmp_path / "build" / "loadcell")
    assert_proven(report, stages=2)
    assert "refused the file" in report["information"]["desktop LiteRT, default kernels"]
    assert "refused the file" in (tmp_path / "build" / "loadcell" / "report.html").read_text(encoding="utf-8")
