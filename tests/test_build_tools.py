"""What a build needs beside the spec is looked for before anything is trained."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def project(repository: Path, tmp_path: Path) -> Path:
    """Return a folder with a spec that is to be trained, and its data."""
    (tmp_path / "data").mkdir()
    shutil.copy(repository / "specs" / "digits.yaml", tmp_path)
    shutil.copy(repository / "specs" / "data" / "digits.npz", tmp_path / "data")
    return tmp_path


def refusal(project: Path, *options: str, **environment: str) -> str:
    """Build, which has to fail before it begins, and return what it says."""
    command = [sys.executable, "-m", "netspec", "build", "digits.yaml", *options]
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "training" not in done.stderr
    assert "loading data" not in done.stderr
    assert not (project / "build").exists()
    return done.stderr


@pytest.mark.parametrize("given", ["--cmsis-nn", "CMSIS_NN_PATH"])
def test_a_folder_that_holds_no_cmsis_nn(given: str, project: Path) -> None:
    named = str(project / "nowhere")
    said = refusal(project, given, named) if given.startswith("-") else refusal(project, **{given: named})
    assert f"error: {given}: {named} is not a folder" in said
    assert "help: git clone" in said


def test_no_c_compiler(project: Path) -> None:
    said = refusal(project, PATH=str(project), CC="")
    assert "error: no C compiler found: looked for cc, gcc and clang\n" in said
    assert "the C compiler that CC names does not run: mycc" in refusal(project, CC="mycc")


def test_a_network_too_large_for_the_board(project: Path) -> None:
    spec = project / "digits.yaml"
    spec.write_text(
        "netspec: 1\nname: big\ninputs: {x: {shape: [64]}}\nlayers: [{dense: {units: 70000}}, {dense: {units: 1}}]\n"
        "train: {data: {npz: data/digits.npz}, loss: mse, optimizer: sgd, epochs: 1}\n"
    )
    said = refusal(project, "--run", "cortex-m4")
    assert "bytes of constants, and the MPS2 AN386, on which a cortex-m4 is emulated, 4,194,304 of flash" in said
