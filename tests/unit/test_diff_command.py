"""`netspec diff` as a process: what its arguments stand for, exit codes, streams, and what it does not import."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.diagnostics import SpecError
from netspec.diff.git import NoSuchRevision, Repository
from netspec.diff.sides import documents
from netspec.diff.since import changes_of_tree
from netspec.spec.source import MAX_BYTES

ROOT = Path(__file__).parents[2]
OLD = "netspec: 1\nname: net\ninputs: {x: {shape: [16]}}\nlayers: [{dense: {name: out, units: 4}}]\n"
MIDDLE = OLD.replace("units: 4", "units: 5")
NEW = OLD.replace("units: 4", "units: 6")
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def netspec(*words: str, cwd: Path, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "netspec", "diff", *words],
        cwd=cwd, input=stdin, capture_output=True, text=True, encoding="utf-8", check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip


def git(folder: Path, *words: str) -> None:
    name = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository with two commits of specs/net.yaml and a third version in the working tree."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q", "-b", "trunk")
    spec = folder / "specs" / "net.yaml"
    spec.parent.mkdir()
    (folder / "specs" / "gone.yaml").write_text(OLD)
    for text, name in ((OLD, "first"), (MIDDLE, "second")):
        spec.write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", name)
    git(folder, "branch", "feature/wide")
    spec.write_text(NEW)
    (folder / "specs" / "gone.yaml").unlink()
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return a folder in no repository."""
    (tmp_path / "old.yaml").write_text(OLD)
    (tmp_path / "new.yaml").write_text(NEW)
    return tmp_path


def units(folder: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    monkeypatch.chdir(folder)
    found = []
    for document in documents(list(arguments)):
        found.append(next(int(text) for text in "456" if f"units: {text}" in document.text))
    return found[0], found[1]


@needs_git
@pytest.mark.parametrize(
    ("where", "arguments", "expected"),
    [
        (".", ("HEAD", "specs/net.yaml"), (5, 6)),
        (".", ("HEAD~1", "specs/net.yaml"), (4, 6)),
        (".", ("specs/net.yaml", "HEAD~1"), (6, 4)),
        (".", ("specs/net.yaml",), (5, 6)),
        (".", ("HEAD~1", "HEAD", "specs/net.yaml"), (4, 5)),
        (".", ("trunk", "feature/wide", "specs/net.yaml"), (5, 5)),
        (".", ("HEAD~1:specs/net.yaml", "HEAD:specs/net.yaml"), (4, 5)),
        (".", ("HEAD:specs/net.yaml", "specs/net.yaml"), (5, 6)),
        (".", ("HEAD~1", "HEAD", "specs/gone.yaml"), (4, 4)),
        ("specs", ("HEAD", "net.yaml"), (5, 6)),
        ("specs", ("HEAD~1", "HEAD", "./net.yaml"), (4, 5)),
        ("specs", ("HEAD~1:net.yaml", "HEAD:specs/net.yaml"), (4, 5)),
        ("..", ("HEAD~1", "{name}/specs/net.yaml"), (4, 6)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) and isinstance(value[0], str) else None,
)
def test_what_arguments_stand_for(
    repository: Path, where: str, arguments: tuple[str, ...], expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = tuple(each.format(name=repository.name) for each in arguments)
    assert units(repository / where, *arguments, monkeypatch=monkeypatch) == expected


@needs_git
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("HAED", "specs/net.yaml"), "'HAED' is no revision of this repository; did you mean HEAD?"),
        (("HAED~1", "specs/net.yaml"), "'HAED~1' is no revision of this repository; did you mean HEAD~1?"),
        (("featur/wide", "specs/net.yaml"), "did you mean feature/wide?"),
        (("nothing-like-it", "specs/net.yaml"), "the revisions are HEAD, "),
        (("HEAD~7", "specs/net.yaml"), "HEAD has 1 commit before it"),
        (("HEAD~1..HEAD", "specs/net.yaml"), "name the two revisions apart: netspec diff FROM TO SPEC"),
        (("HEAD", "specs/nett.yaml"), "there is no file specs/nett.yaml; did you mean specs/net.yaml?"),
        (("HEAD", "HEAD~1", "specs/nett.yaml"), "HEAD has no file specs/nett.yaml; did you mean"),
        (("HEAD:nets/net.yaml", "specs/net.yaml"), "HEAD has no file nets/net.yaml; did you mean specs/net.yaml?"),
        (("HEAD", "HEAD~1"), "for two revisions write netspec diff HEAD HEAD~1 SPEC"),
        (("HEAD", "HEAD", "HEAD", "specs/net.yaml"), "4 arguments are given"),
        (("-", "-"), "both specs are standard input"),
        (("HEAD", "-"), "write HEAD:PATH"),
        (("HAED",), "'HAED' is neither a file nor a revision of this repository; did you mean HEAD?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_arguments_that_name_nothing(repository: Path, arguments: tuple[str, ...], message: str) -> None:
    done = netspec(*arguments, cwd=repository, stdin=OLD)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@needs_git
def test_a_revision_never_becomes_an_option_of_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    with pytest.raises(NoSuchRevision):
        documents(["--output=stolen", "specs/net.yaml"])
    assert not (repository / "stolen").exists()


@needs_git
def test_a_repository_without_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "net.yaml").write_text(NEW)
    done = netspec("HEAD", "net.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "the repository has no commits yet" in done.stderr


@needs_git
def test_a_shallow_clone_says_so(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), "clone")
    done = netspec("HEAD~1", "specs/net.yaml", cwd=tmp_path / "clone")
    assert done.returncode == 2
    assert "shallow clone; fetch more, in GitHub's checkout by fetch-depth: 0" in done.stderr


@needs_git
def test_reading_a_revision_changes_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    documents(["HEAD~1", "specs/net.yaml"])
    assert {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()} == before
    assert Repository(Path()).files("HEAD") == ["specs/gone.yaml", "specs/net.yaml"]
    monkeypatch.chdir(repository / "specs")
    assert Repository(Path()).files("HEAD") == ["gone.yaml", "net.yaml"]


@needs_git
def test_outside_of_a_repository(plain: Path) -> None:
    done = netspec("HEAD", "new.yaml", cwd=plain, GIT_CEILING_DIRECTORIES=str(plain.parent))
    assert (done.returncode, done.stdout) == (2, "")
    assert "this folder is in no git repository, so there are no revisions; name two files" in done.stderr


def test_without_git_revisions_fail_and_files_do_not(plain: Path) -> None:
    done = netspec("HEAD", "new.yaml", cwd=plain, PATH=str(plain))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "error: git is not installed, and revisions are read by it\n  = help: install git\n"
    assert netspec("old.yaml", "new.yaml", cwd=plain, PATH=str(plain)).returncode == 1


def test_exit_codes_and_streams(plain: Path) -> None:
    different = netspec("old.yaml", "new.yaml", cwd=plain)
    assert (different.returncode, different.stderr) == (1, "")
    assert different.stdout.startswith("old.yaml -> new.yaml\n\n~ out dense, line 4\n    units         4 -> 6\n")
    assert "\x1b" not in different.stdout
    same = netspec("old.yaml", "old.yaml", cwd=plain)
    assert (same.returncode, same.stdout) == (0, "old.yaml and old.yaml describe the same net\n")
    assert netspec("-", "new.yaml", cwd=plain, stdin=NEW).returncode == 0


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a repository of two commits, of which the last changed, removed and added a spec."""
    text = "netspec: 1\nname: a\ninputs: {x: {shape: [4]}}\nlayers: [{dense: {units: 2}}]\n"
    (tmp_path / "sub").mkdir()
    for name in ("same.yaml", "sub/changed.yaml", "gone.yaml"):
        (tmp_path / name).write_text(text)
    (tmp_path / "other.yaml").write_text("x: 1\n")
    git(tmp_path, "init", "-q")
    for step in ("one", "two"):
        git(tmp_path, "add", "-A")
        git(tmp_path, "-c", "user.name=n", "-c", "user.email=e@e", "commit", "-q", "-m", step)
        (tmp_path / "sub" / "changed.yaml").write_text(text.replace("units: 2", "units: 3"))
        (tmp_path / "gone.yaml").unlink(missing_ok=True)
        (tmp_path / "new.yaml").write_text(text)
        (tmp_path / "other.yaml").write_text("x: 2\n")
    return tmp_path


def test_a_revision_alone_means_every_spec_of_the_tree(tree: Path) -> None:
    done = netspec("HEAD~1", cwd=tree)
    assert done.returncode == 1, done.stderr
    for part in ("gone.yaml: removed since HEAD~1", "new.yaml: new, ", "HEAD~1:sub/changed.yaml -> sub/changed.yaml"):
        assert part in done.stdout
    assert "same.yaml" not in done.stdout
    assert "other.yaml" not in done.stdout
    assert "../gone.yaml: removed since HEAD~1" in netspec("HEAD~1", cwd=tree / "sub").stdout
    rows = json.loads(netspec("--format", "json", "HEAD~1", cwd=tree).stdout)
    assert len(rows) == 3


def test_a_revision_that_nothing_differs_from(tree: Path) -> None:
    done = netspec("HEAD", cwd=tree)
    assert (done.returncode, done.stdout) == (0, "no spec differs from HEAD\n")


def test_a_file_of_a_revision_alone_is_compared_with_the_working_tree(tree: Path) -> None:
    assert "units" in netspec("HEAD~1:sub/changed.yaml", cwd=tree).stdout


def test_a_word_that_is_nothing_is_neither_file_nor_revision(tree: Path) -> None:
    done = netspec("HEAD~7", cwd=tree)
    assert done.returncode == 2
    assert "'HEAD~7' is neither a file nor a revision of this repository; HEAD has 1 commit before it" in " ".join(
        done.stderr.split()
    )


def test_json_and_markdown(plain: Path) -> None:
    data = json.loads(netspec("old.yaml", "new.yaml", "--format", "json", cwd=plain).stdout)
    assert (data["schema_version"], data["different"]) == (1, True)
    [layer] = data["layers"]
    assert layer["changes"] == [{"key": "units", "before": 4, "after": 6}]
    assert data["totals"]["parameters"] == {
        "before": 68, "after": 102, "change": 34, "budget": None, "over_budget": False
    }  # fmt: skip
    assert data["weights"]["retrain"][0]["reason"] == "kernel was (16, 4) and is (16, 6), bias was (4,) and is (6,)"
    text = netspec("old.yaml", "new.yaml", "--format", "markdown", cwd=plain).stdout
    assert text.startswith("### `net`: `old.yaml` → `new.yaml`\n")
    assert "| `out` dense | `units`: `4` → `6` | (4,) → (6,) | 68 → 102 (+34) |" in text
    assert netspec("old.yaml", "old.yaml", "--format", "markdown", cwd=plain).stdout.startswith(
        "### `net`: no change\n"
    )


def test_faults_of_both_specs_are_told_and_nothing_is_compared(plain: Path) -> None:
    (plain / "bad.yaml").write_text(OLD.replace("units", "unit"))
    (plain / "worse.yaml").write_text(OLD.replace("dense", "dens"))
    done = netspec("bad.yaml", "worse.yaml", cwd=plain)
    assert (done.returncode, done.stdout) == (1, "")
    assert "bad.yaml:4:30: error: unknown key 'unit' of dense" in done.stderr
    assert "worse.yaml:4:11: error: unknown layer type 'dens'" in done.stderr


@needs_git
def test_a_fault_in_a_revision_is_shown_with_its_line(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "net.yaml").write_text(OLD.replace("units", "unit"))
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "broken")
    (tmp_path / "net.yaml").write_text(OLD)
    done = netspec("net.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "HEAD:net.yaml:4:30: error: unknown key 'unit' of dense [unknown-key]\n  |\n4 | layers: [{dense:" in done.stderr
    )


@needs_git
def test_a_large_file_of_a_revision_is_refused_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one on disk is: a model that somebody committed may have gigabytes."""
    git(tmp_path, "init", "-q", "-b", "trunk")
    monkeypatch.chdir(tmp_path)
    spec, gone = tmp_path / "net.yaml", tmp_path / "gone.yaml"
    for path in (spec, gone):
        path.write_text(OLD + "#" * (MAX_BYTES + 1 - len(OLD)))
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "large")
    spec.write_text(OLD)
    gone.unlink()
    read: list[tuple[str, ...]] = []
    real = Repository._git
    monkeypatch.setattr(Repository, "_git", lambda self, *words: read.append(words) or real(self, *words))
    for arguments in (["net.yaml"], ["HEAD:net.yaml", "net.yaml"], ["HEAD", "HEAD", "net.yaml"]):
        with pytest.raises(SpecError) as caught:
            documents(arguments)
        (fault,) = caught.value.diagnostics
        assert (fault.rule, fault.span.path) == ("file-too-large", "HEAD:net.yaml")
        assert fault.message == "the file is larger than 1 MiB"
    text, different = changes_of_tree("HEAD", "text")
    assert different
    assert text.startswith("net.yaml: ")
    assert text.rstrip().endswith("no net to compare with: HEAD has 1 error")
    assert "gone.yaml" not in text
    assert not [words for words in read if words[:2] == ("cat-file", "blob")]
    spec.write_text(OLD + "#" * (MAX_BYTES - len(OLD)))
    git(tmp_path, "commit", "-aqm", "as large as may be")
    before, after = documents(["net.yaml"])
    assert before.text == after.text


def test_a_broken_budget_is_compared(plain: Path) -> None:
    (plain / "tight.yaml").write_text(NEW + "target: {budget: {flash: 90}}\n")
    done = netspec("old.yaml", "tight.yaml", cwd=plain)
    assert (done.returncode, done.stderr) == (1, "")
    assert "over the budget of 90" in done.stdout


def test_colours_for_those_who_want_them() -> None:
    from netspec.diff.compare import compare
    from netspec.diff.net import net_of
    from netspec.diff.render import render
    from netspec.spec.source import parse

    found = compare(net_of(parse(OLD, "a")), net_of(parse(NEW, "b")))
    painted = render(found, "text", color=True)
    assert "\x1b[33m~ out dense, line 4\x1b[0m" in painted
    for code in ("1", "31", "32", "33", "1;31", "0"):
        painted = painted.replace(f"\x1b[{code}m", "")
    assert painted == render(found, "text")


def test_nothing_heavy_is_imported(plain: Path) -> None:
    heavy = ("tensorflow", "keras", "numpy", "jinja2", "h5py", "flatbuffers")
    program = (
        "import sys, contextlib\nfrom netspec.__main__ import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        f"print(sorted(set(sys.modules) & {set(heavy)}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "diff", "old.yaml", "new.yaml"],
        cwd=plain, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stderr == "[]\n"


def test_markdown_lets_no_value_break_a_table() -> None:
    from netspec.diff.compare import compare
    from netspec.diff.net import net_of
    from netspec.diff.render import render
    from netspec.spec.source import parse

    after = NEW + "description: 'a | b ``c` <script>'\n"
    row = render(compare(net_of(parse(OLD, "a")), net_of(parse(after, "b"))), "markdown")
    assert "| `description` | unset | ```a \\| b ``c` <script>``` |" in row
