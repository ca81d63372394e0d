"""The registry of rules: complete, shown by examples that run, and printed by a page that cannot lie."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netspec.lint import NAMES
from netspec.rules import REGISTRY, SECTIONS
from netspec.rules.page import explained, output, page

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "netspec"
HEADLINE = re.compile(r"^\S+:\d+:\d+: (error|warning): .+ \[([a-z0-9-]+)\]$", re.MULTILINE)
PLAIN = [rule for rule in REGISTRY.values() if rule.example.command != "build"]
TRAINS = importlib.util.find_spec("tensorflow") is not None

TELLS = {"Diagnostic", "tell", "fault", "give_up", "_refuse", "_warning", "add", "BadNumber", "TableError", "_say"}
"""Functions and classes whose first argument is a rule, or may be."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+|cycle|unprintable")


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCE.rglob("*.py"):
        if SOURCE / "rules" not in path.parents:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def text_of(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def told() -> set[str]:
    """Return the rules that the code hands to whatever makes findings of them."""
    found: set[str | None] = set()
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                found |= {text_of(each.value) for each in node.keywords if each.arg == "rule"}
                if name in TELLS and node.args and NAME.fullmatch(text_of(node.args[0]) or ""):
                    found.add(text_of(node.args[0]))
            elif isinstance(node, ast.arguments):
                named = [*node.posonlyargs, *node.args][-len(node.defaults) :] if node.defaults else []
                pairs = [*zip(named, node.defaults, strict=True), *zip(node.kwonlyargs, node.kw_defaults, strict=True)]
                found |= {text_of(default) for argument, default in pairs if argument.arg == "rule"}
    return {each for each in found if each}


def strings() -> set[str]:
    found = set()
    for _, tree in trees():
        found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is str}
    return found


def test_every_rule_that_the_code_tells_is_registered() -> None:
    used = told()
    assert len(used) > 60
    assert used - set(REGISTRY) == set()


def test_every_rule_that_a_case_shows_is_registered() -> None:
    shown = {
        rule
        for path in (ROOT / "tests" / "cases").glob("*/*.out")
        for _, rule in HEADLINE.findall(path.read_text(encoding="utf-8"))
    }
    assert shown - set(REGISTRY) == set()


def test_every_registered_rule_is_in_the_code() -> None:
    written = strings() | {f"budget-{key}" for key in ("flash", "ram", "macs")}
    assert set(REGISTRY) - written == set()


def test_every_warning_that_a_comment_may_silence_is_registered_as_one() -> None:
    assert {REGISTRY[name].severity for name in NAMES} == {"warning"}


def test_a_rule_is_listed_once() -> None:
    assert sum(map(len, SECTIONS.values())) == len(REGISTRY)


@pytest.mark.parametrize("rule", PLAIN, ids=lambda rule: rule.name)
def test_an_example_shows_its_rule_and_no_other(rule) -> None:  # type: ignore[no-untyped-def]
    headlines = HEADLINE.findall(output(rule.example))
    assert {name for _, name in headlines} == {rule.name}
    assert {severity for severity, _ in headlines} == {rule.severity}


@pytest.mark.parametrize("rule", REGISTRY.values(), ids=lambda rule: rule.name)
def test_the_texts_are_sentences(rule) -> None:  # type: ignore[no-untyped-def]
    for text in (rule.what, rule.why, rule.remedy):
        assert text.endswith(".")
        assert text[0].isupper() or text[0] in "`$"
        assert "\n" not in text


@pytest.mark.skipif(not TRAINS, reason="TensorFlow is not installed: some examples build")
def test_the_page_is_what_the_registry_and_the_examples_say() -> None:
    """Change the entries, never the page: `make docs` writes it."""
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == page()


@pytest.mark.skipif(not TRAINS, reason="TensorFlow is not installed")
@pytest.mark.parametrize("rule", [rule for rule in REGISTRY.values() if rule not in PLAIN], ids=lambda rule: rule.name)
def test_an_example_that_builds_shows_its_rule(rule) -> None:  # type: ignore[no-untyped-def]
    section = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8").split(f"\n### {rule.name}\n")[1]
    shown = section.split("\n### ")[0]
    assert {name for _, name in HEADLINE.findall(shown)} == {rule.name}


def test_explain_rule_prints_the_entry() -> None:
    done = run("window-too-large")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == explained(REGISTRY["window-too-large"])
    assert "kernel_size: 9" in done.stdout
    assert "[window-too-large]" in done.stdout
    assert REGISTRY["window-too-large"].remedy in done.stdout


def test_explain_rule_does_not_wait_for_a_build() -> None:
    text = explained(REGISTRY["training-diverged"])
    assert text.endswith("netspec build net.yaml\n")


def test_a_misspelt_rule_gets_a_suggestion() -> None:
    done = run("window-to-large")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean window-too-large?" in " ".join(done.stderr.split())


def run(name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "netspec", "explain-rule", name]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_check_that_finds_nothing_reads_no_registry(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("netspec: 1\nname: net\ninputs: {x: {shape: [4]}}\nlayers: [{dense: {units: 2}}]\n")
    code = (
        "import sys; from netspec.running import check_files;"
        f"assert check_files([{str(spec)!r}]) == 0;"
        "print(*[name for name in sys.modules if name.startswith('netspec')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    late = (
        "netspec.rules",
        "netspec.formats",
        "netspec.fixes",
        "netspec.spec.value_faults",
        "netspec.names.other_names",
    )
    assert not [name for name in done.stdout.split() if name.startswith(late)]
