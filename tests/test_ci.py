"""docs/ci.md: its settings are well-formed, and what its workflows run does what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scratch import REPOSITORY, Scratch, scratch

PAGE = (REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS: list[dict[str, Any]] = [
    yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]
WORKFLOWS = {block["name"]: block for block in BLOCKS if "jobs" in block}
CONFIGS = [block for block in BLOCKS if "repos" in block]
HOOKS = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def work(tmp_path: Path) -> Scratch:
    made = scratch(tmp_path)
    made.must("netspec", "init", "gate", "--here")
    made.must("git", "add", "--all")
    made.must("git", "commit", "--quiet", "--message", "a new project")
    return made


def change(work: Scratch, old: str, new: str) -> None:
    spec = work.folder / "gate.yaml"
    text = spec.read_text(encoding="utf-8")
    assert old in text
    spec.write_text(text.replace(old, new), encoding="utf-8")


def steps(workflow: str) -> list[str]:
    """Return what a workflow runs, without installing netspec."""
    (job,) = WORKFLOWS[workflow]["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step and not step["run"].startswith("pip ")]


def run(work: Scratch, step: str, **environment: str) -> tuple[int, str]:
    done = Scratch(work.folder, work.environment | environment).run("bash", "-eo", "pipefail", "-c", step)
    return done.returncode, done.stdout


def test_a_new_project_has_the_workflow_of_this_page(work: Scratch) -> None:
    made = (work.folder / ".github" / "workflows" / "netspec.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(made) == WORKFLOWS["netspec"]


def test_findings_become_annotations_and_fail_the_run(work: Scratch) -> None:
    check, _ = steps("netspec")
    assert run(work, check) == (0, "")
    change(work, "filters: 8", "filter: 8")
    code, printed = run(work, check)
    assert code == 1
    assert printed.startswith(
        "::error file=gate.yaml,line=17,col=27,endLine=17,endColumn=33,title=netspec unknown-key::"
    )


def test_the_summary_says_what_a_pull_request_costs(work: Scratch, tmp_path: Path) -> None:
    _, summarize = steps("netspec")
    base = work.must("git", "rev-parse", "HEAD").strip()
    change(work, "filters: 16", "filters: 20")
    work.must("git", "commit", "--quiet", "--all", "--message", "wider")
    summary = tmp_path / "summary.md"
    assert run(work, summarize, BASE=base, GITHUB_STEP_SUMMARY=str(summary)) == (0, "")
    assert "| parameters | 827 | 1,015 | +188 (+22.7%) |" in summary.read_text(encoding="utf-8")


def test_a_base_that_the_clone_lacks_is_told(work: Scratch, tmp_path: Path) -> None:
    _, summarize = steps("netspec")
    code, printed = run(work, summarize, BASE="0" * 40, GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"))
    assert code != 0
    assert f"'{'0' * 40}' is no revision of this repository" in printed


@pytest.mark.parametrize(("old", "new", "rules"), [("", "", []), ("filters: 8", "filter: 8", ["unknown-key"])])
def test_code_scanning_gets_a_log_with_and_without_findings(
    work: Scratch, old: str, new: str, rules: list[str]
) -> None:
    if old:
        change(work, old, new)
    (scan,) = steps("netspec code scanning")
    assert run(work, scan) == (0, "")
    log = json.loads((work.folder / "netspec.sarif").read_text(encoding="utf-8"))
    assert log["version"] == "2.1.0"
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == rules


def test_a_failure_of_netspec_fails_the_scan(work: Scratch) -> None:
    (scan,) = steps("netspec code scanning")
    code, _ = run(work, scan.replace("sarif .", "srif ."))
    assert code != 0


@pytest.mark.parametrize("index", range(len(CONFIGS)))
def test_pre_commit_takes_the_settings(index: int, work: Scratch) -> None:
    (work.folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(CONFIGS[index]), encoding="utf-8")
    work.must("pre-commit", "validate-config")
    used = [hook["id"] for repo in CONFIGS[index]["repos"] for hook in repo["hooks"]]
    assert set(used) <= {hook["id"] for hook in HOOKS}


def test_pre_commit_takes_the_hooks(work: Scratch) -> None:
    work.must("pre-commit", "validate-manifest", REPOSITORY / ".pre-commit-hooks.yaml")
    assert all(f"| `{hook['id']}` |" in PAGE for hook in HOOKS)


def test_the_strict_hook_stops_what_it_says(work: Scratch) -> None:
    """The second configuration, as a local hook: warnings, data, and files without their key."""
    (hook,) = CONFIGS[1]["repos"][0]["hooks"]
    local = {"id": hook["id"], "name": "check", "language": "system", "types": ["yaml"]} | hook
    config = yaml.safe_dump({"repos": [{"repo": "local", "hooks": [local]}]})
    (work.folder / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")
    work.must("pre-commit", "install")
    specs = work.folder / "specs"
    specs.mkdir()
    text = (work.folder / "gate.yaml").read_text(encoding="utf-8").replace("npz: data/", "npz: ../data/")
    for name, faulty, rule in (
        ("key", text.replace("\nnetspec: 1\n", "\nnetspce: 1\n"), "unknown-key"),
        ("data", text.replace("[64, 1]", "[32, 1]"), "data-"),
    ):
        (specs / f"{name}.yaml").write_text(faulty, encoding="utf-8")
        work.must("git", "add", "--all")
        done = work.run("git", "commit", "--message", name)
        assert done.returncode == 1, done.stdout
        assert f"[{rule}" in done.stdout
        (specs / f"{name}.yaml").unlink()
    (specs / "good.yaml").write_text(text, encoding="utf-8")
    work.must("git", "add", "--all")
    work.must("git", "commit", "--message", "good")
