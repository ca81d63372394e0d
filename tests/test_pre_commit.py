"""The hooks of .pre-commit-hooks.yaml, run by the real pre-commit at real commits.

Quickly, as local hooks that use this interpreter; and as users have them, installed by pre-commit from a repository,
which takes a network and most of a minute.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scratch import REPOSITORY, Scratch, scratch

SPEC = """\
netspec: 1
name: net
inputs:
  image: {shape: [8, 8, 1]}
layers:
  - conv2d: {name: first, filters: 4, kernel_size: 3, use_bias: false}
  - batch_normalization
  - relu
  - flatten
  - dense: {name: last, units: 3}
target:
  core: cortex-m4
  budget: {flash: 8KiB, ram: 383}
"""
OTHER = "services:\n  netspec: {command: sleep}\nlayers: 7\n"  # YAML that is no spec, though it speaks of netspec

HOOKS: list[dict[str, Any]] = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def local_hooks(folder: Path) -> dict[str, Any]:
    return {"repo": "local", "hooks": [hook | {"language": "system"} for hook in HOOKS]}


def installed_hooks(folder: Path) -> dict[str, Any]:
    """Return the hooks of a repository with what the working tree holds now."""
    source = folder / "netspec"
    listed = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (REPOSITORY / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, source / name)
    inside = Scratch(source, scratch(folder / "source").environment)
    inside.must("git", "init", "--quiet")
    inside.must("git", "add", "--all")
    inside.must("git", "commit", "--quiet", "--message", "what the working tree holds")
    revision = inside.must("git", "rev-parse", "HEAD").strip()
    return {"repo": str(source), "rev": revision, "hooks": [{"id": hook["id"]} for hook in HOOKS]}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(local_hooks, id="local"),
        pytest.param(installed_hooks, id="installed", marks=pytest.mark.slow),
    ],
)
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """Return a repository with one commit, whose hooks are installed; pre-commit keeps what it made beside it."""
    folder = tmp_path_factory.mktemp("hooks")
    (folder / "source").mkdir()
    made = scratch(folder)
    source: Callable[[Path], dict[str, Any]] = request.param
    write(made, ".pre-commit-config.yaml", yaml.safe_dump({"repos": [source(folder)]}))
    write(made, "net.yaml", SPEC)
    made.must("git", "add", "--all")
    made.must("git", "commit", "--quiet", "--message", "a net")
    made.must("pre-commit", "install", "--install-hooks")
    if source is installed_hooks:
        # What the hooks run is what was installed, not the checkout that the scratch commands know.
        del made.environment["PYTHONPATH"]
        (folder / "bin" / "netspec").unlink()
    return made


@pytest.fixture
def work(template: Scratch) -> Scratch:
    template.must(
        "git", "reset", "--quiet", "--hard", template.must("git", "rev-list", "--max-parents=0", "HEAD").strip()
    )
    return template


def write(work: Scratch, name: str, text: str) -> None:
    (work.folder / name).write_text(text, encoding="utf-8")


def commit(work: Scratch) -> tuple[int, str]:
    work.must("git", "add", "--all")
    done = work.run("git", "commit", "--message", "a change")
    return done.returncode, done.stdout


def test_a_commit_with_an_error_is_stopped_and_told_why(work: Scratch) -> None:
    write(work, "net.yaml", SPEC.replace("units: 3", "unit: 3"))
    code, printed = commit(work)
    assert code == 1
    assert (
        "net.yaml:10:25: error: unknown key 'unit' of dense [unknown-key]\n"
        "   |\n"
        "10 |   - dense: {name: last, unit: 3}\n"
        "   |                         ^~~~\n"
        "   = help: did you mean `units`?\n"
    ) in printed
    assert "net.yaml: no net to compare: netspec check tells of 1 error\n" in printed
    assert work.commits() == 1


def test_a_commit_that_breaks_a_budget_is_stopped(work: Scratch) -> None:
    write(work, "net.yaml", SPEC.replace("filters: 4", "filters: 8"))
    code, printed = commit(work)
    assert code == 1
    # 8 x 8 of the image, 6 x 6 x 8 after the convolution, and 32 of its scratch.
    assert "net.yaml:13:25: error: the network needs 384 bytes of RAM, the budget is 383 [budget-ram]\n" in printed
    assert work.commits() == 1


def test_a_clean_commit_passes_and_prints_what_it_costs(work: Scratch) -> None:
    write(work, "net.yaml", SPEC.replace("units: 3", "units: 5"))
    code, printed = commit(work)
    assert code == 0, printed
    # 6 x 6 x 4 = 144 inputs of the dense layer: 144 x 3 + 3 parameters before, 144 x 5 + 5 after.
    assert "HEAD:net.yaml -> net.yaml\n" in printed
    assert "    parameters    435 -> 725  +290\n" in printed
    assert work.commits() == 2


def test_a_new_spec_is_told_with_its_costs(work: Scratch) -> None:
    write(work, "second.yaml", SPEC)
    code, printed = commit(work)
    assert code == 0, printed
    # 3 x 3 x 4 of the convolution, 4 x 4 of the batch norm, 435 of the dense layer.
    assert "second.yaml: new, 487 parameters, " in printed
    assert "net.yaml ->" not in printed


def test_yaml_that_is_no_spec_is_passed_over(work: Scratch) -> None:
    write(work, "compose.yaml", OTHER)
    write(work, "notes.yml", "- a\n-b: [\n")
    code, printed = commit(work)
    assert code == 0, printed
    assert "compose.yaml" not in printed.partition("[main")[0]
    assert work.commits() == 2


def test_what_is_not_staged_is_not_judged(work: Scratch) -> None:
    write(work, "net.yaml", SPEC.replace("units: 3", "units: 5"))
    work.must("git", "add", "net.yaml")
    write(work, "net.yaml", SPEC.replace("units: 3", "unit: 5"))
    done = work.run("git", "commit", "--message", "the good half")
    assert done.returncode == 0, done.stdout
    assert work.commits() == 2


def test_hooks_of_a_range_compare_with_its_beginning(work: Scratch) -> None:
    for units in (5, 7):
        write(work, "net.yaml", SPEC.replace("units: 3", f"units: {units}"))
        assert commit(work)[0] == 0
    printed = work.must("pre-commit", "run", "--from-ref", "HEAD~2", "--to-ref", "HEAD")
    assert "    parameters    435 -> 1,015  +580\n" in printed


def test_installed_hooks_bring_nothing_heavy(template: Scratch) -> None:
    home = Path(template.environment["PRE_COMMIT_HOME"])
    packages = {path.name.lower() for path in home.glob("repo*/py_env-*/lib/python*/site-packages/*")}
    if not (template.folder.parent / "netspec").exists():
        assert not packages  # local hooks install nothing at all
        return
    assert {"netspec", "pydantic", "typer"} <= packages
    assert not {"tensorflow", "keras", "tflite_micro"} & packages
