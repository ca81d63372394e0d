"""A project as `netspec init` makes it: it passes check, commit and build as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from netspec.commands.init import CannotMakeProject, make_project
from tests.scratch import Scratch, scratch

FILES = {
    "gate.yaml", "data/make.py", "data/waves.npz", "README.md", "netspec.schema.json",
    ".gitignore", ".pre-commit-config.yaml", ".github/workflows/netspec.yaml",
}  # fmt: skip


@pytest.fixture
def work(tmp_path: Path) -> Scratch:
    made = scratch(tmp_path, NETSPEC_TRACEBACK="1")
    printed = made.must("netspec", "init", "gate", "--here").splitlines()
    assert set(printed[:-1]) == FILES
    assert printed[-1] == "now: netspec check --data . && netspec build gate.yaml"
    return made


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def test_a_project_passes_check_at_once_without_a_warning(work: Scratch) -> None:
    assert set(files(work.folder)) == FILES
    assert work.must("netspec", "check", "--data", "--strict", ".") == ""


def test_a_project_passes_its_own_hooks(work: Scratch) -> None:
    work.must("pre-commit", "install")
    work.must("git", "add", "--all")
    printed = work.must("git", "commit", "--message", "a new project")
    assert re.search(r"^netspec check\.+Passed$", printed, re.MULTILINE)
    assert re.search(r"gate.yaml: new, 827 parameters, 11,568 MACs, flash [\d,]+ bytes, arena [\d,]+ bytes\n", printed)
    assert work.must("git", "status", "--porcelain") == ""

    spec = work.folder / "gate.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("name: forms, filters: 16", "name: forms, filters: 64"))
    done = work.run("git", "commit", "--all", "--message", "too much")
    assert done.returncode == 1
    assert "[budget-flash]" in done.stdout
    assert "[budget-ram]" in done.stdout


def test_a_project_builds(work: Scratch) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds need the `train` extra")
    printed = work.must("netspec", "build", "gate.yaml")
    (accuracy,) = re.findall(r"^accuracy on 120 test samples: float .*, int8 (\d+\.\d+)%$", printed, re.MULTILINE)
    assert float(accuracy) > 90
    work.must("git", "add", "--all")
    assert "build/" not in work.must("git", "ls-files")


def test_the_spec_names_a_schema_that_accepts_it(work: Scratch) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = (work.folder / "gate.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./netspec.schema.json\n")
    schema = json.loads((work.folder / "netspec.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(text))


def test_the_data_are_what_their_script_writes(work: Scratch) -> None:
    file = work.folder / "data" / "waves.npz"
    with np.load(file) as arrays:
        before = {name: arrays[name] for name in arrays.files}
    assert {name: (array.shape, array.dtype.name) for name, array in before.items()} == {
        "x_train": ((480, 64, 1), "uint8"), "y_train": ((480,), "uint8"),
        "x_test": ((120, 64, 1), "uint8"), "y_test": ((120,), "uint8"),
    }  # fmt: skip
    assert set(before["y_train"].tolist()) == {0, 1, 2}
    content = file.read_bytes()
    file.unlink()
    make_project("again", work.folder / "again")
    assert (work.folder / "again" / "data" / "waves.npz").read_bytes() == content


def test_the_settings_are_well_formed_and_name_commands_that_exist(work: Scratch) -> None:
    work.must("pre-commit", "validate-config", ".pre-commit-config.yaml")
    workflow = yaml.safe_load((work.folder / ".github/workflows/netspec.yaml").read_text(encoding="utf-8"))
    steps = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    assert "netspec check --data --format github ." in steps
    assert work.must("sh", "-c", "netspec check --data --format github .") == ""
    for text in (content.decode() for name, content in files(work.folder).items() if not name.endswith("npz")):
        assert "PROJECT" not in text
        for command in re.findall(r"\bnetspec ([a-z-]+)(?= (?:gate|build/|--|>|\.))", text):
            work.must("netspec", command, "--help")


def test_the_workflow_sums_up_what_a_pull_request_costs(work: Scratch) -> None:
    """The very line of the workflow, as its shell runs it."""
    work.must("git", "add", "--all")
    work.must("git", "commit", "--quiet", "--message", "a new project")
    base = work.must("git", "rev-parse", "HEAD").strip()
    spec = work.folder / "gate.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("name: forms, filters: 16", "name: forms, filters: 20"))
    work.must("git", "commit", "--quiet", "--all", "--message", "wider")
    workflow = yaml.safe_load((work.folder / ".github/workflows/netspec.yaml").read_text(encoding="utf-8"))
    (step,) = (step for step in workflow["jobs"]["check"]["steps"] if "env" in step)
    summary = work.folder.parent / "summary.md"
    inside = Scratch(work.folder, work.environment | {"BASE": base, "GITHUB_STEP_SUMMARY": str(summary)})
    inside.must("bash", "-eo", "pipefail", "-c", step["run"])
    assert "| parameters | 827 | 1,015 | +188 (+22.7%) |" in summary.read_text(encoding="utf-8")


def test_the_same_project_is_made_of_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        make_project("gate", tmp_path / folder)
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize("there", sorted(FILES))
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).symlink_to("nowhere")  # a link that leads nowhere would be written through
    with pytest.raises(CannotMakeProject, match=re.escape(f"there is already {there} in ")):
        make_project("gate", tmp_path)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == [tmp_path / there]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("My-Net", "did you mean my_net?"),
        ("int", "'int' is a keyword of C"),
        ("assert", "is the name of a header"),
        ("../up", "did you mean up?"),
        ("", "must be a C identifier"),
        ("3", "must be a C identifier"),
    ],
)
def test_a_name_that_no_net_can_have_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(CannotMakeProject, match=re.escape(reason)):
        make_project(name, tmp_path / "project")
    assert not (tmp_path / "project").exists()


def test_the_command_refuses_with_exit_code_2(work: Scratch) -> None:
    before = files(work.folder)
    done = work.run("netspec", "init", "gate", "--here")
    assert done.returncode == 2
    assert "nothing was written" in done.stdout
    assert files(work.folder) == before


def test_a_folder_that_cannot_be_written_is_told(work: Scratch) -> None:
    (work.folder / "other").write_text("a file where the folder would be")
    done = work.run("netspec", "init", "other")
    assert done.returncode == 3, done.stdout
    assert done.stdout.startswith("error: other")
