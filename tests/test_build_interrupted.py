"""Builds that are killed or interrupted: the build before stays whole and verifiable, and training goes on."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.artifacts.manifest import read_manifest
from netspec.verify.folder import verify_folder

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds need the `train` extra")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks of itself")

SPEC = """\
netspec: 1
name: net
inputs: {x: {shape: [4]}}
layers:
  - dense: {units: 2}
  - softmax
train: {data: {npz: d.npz}, loss: sparse_categorical_crossentropy, epochs: 3, seed: 1}
"""
CHANGED = SPEC.replace("  - softmax", "  - relu\n  - dense: {units: 2}\n  - softmax")
KILLS = 60


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def agrees(project: Path, text: str) -> bool:
    """Return whether `verify` accepts the build, once its spec is what it was built of."""
    (project / "net.yaml").write_text(text)
    return verify_folder(project / "build" / "net", None, None, lambda line: None).agrees


def whole(project: Path, before: dict[str, bytes]) -> bool:
    """Return whether the old build is there to the byte, or the new one, and `verify` accepts it."""
    now = tree(project / "build" / "net")
    if now == before:
        return agrees(project, SPEC)
    names = {"history.csv", "verify.json", "report.html", "notes.txt", *read_manifest(project / "build" / "net").files}
    return names <= now.keys() and agrees(project, CHANGED)


def run(*words: str, folder: Path, expect: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "netspec", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    generator = np.random.default_rng(0)
    np.savez(folder / "d.npz", x_train=generator.normal(0, 1, (32, 4)), y_train=generator.integers(0, 2, 32))
    (folder / "net.yaml").write_text(SPEC)
    run("build", "net.yaml", folder=folder)
    (folder / "build" / "net" / "notes.txt").write_text("mine")
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "project", symlinks=True))


def in_child(action: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def kill_at_each_stage(project: Path) -> list[str]:
    """Kill a build of a changed spec before and within each stage; return what was not as it should be."""
    import keras  # noqa: F401  # once, for all forks
    import tensorflow  # noqa: F401

    from netspec import build
    from netspec.artifacts import staging
    from netspec.spec.source import load

    os.chdir(project)
    before, kept = tree(project / "build" / "net"), project / "kept"
    shutil.copytree(project / "build" / "net", kept)
    faults = []

    def killed(*arguments: object) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    def stopped_at(place: int | str) -> None:
        if isinstance(place, int):
            build.STAGES = (*build.STAGES[:place], killed)
        else:
            setattr(staging, place, killed)
        build.build(load("net.yaml"), build.Options(), lambda line: None)

    stages = [stage.__name__ for stage in build.STAGES]
    published = stages.index("put_in_place") + 1
    for place in (*range(len(stages)), "_carry", "exchange"):
        (project / "net.yaml").write_text(CHANGED)
        where = stages[place] if isinstance(place, int) else place
        status = in_child(lambda place=place: stopped_at(place))  # type: ignore[misc]
        if status != signal.SIGKILL:
            faults.append(f"{where}: status {status}")
        now = tree(project / "build" / "net")
        if place == published:
            if in_child(lambda: os._exit(not agrees(project, CHANGED))):
                faults.append(f"{where}: verify refuses the new build")
            shutil.rmtree(project / "build" / "net")
            shutil.copytree(kept, project / "build" / "net")
        elif now != before:
            faults.append(f"{where}: {sorted(name for name in now if now[name] != before.get(name))}")
    if in_child(lambda: os._exit(not agrees(project, SPEC))):
        faults.append("verify refuses what is left")
    return faults


def test_a_kill_at_any_stage_leaves_the_old_build(project: Path, repository: Path) -> None:
    script = (
        "import json, sys, pathlib; from tests.test_build_interrupted import kill_at_each_stage; "
        "print(json.dumps(kill_at_each_stage(pathlib.Path(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(project)], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [], done.stderr
    assert (project / "build" / ".net.building" / ".training" / "checkpoint.npz").is_file()
    (project / "net.yaml").write_text(CHANGED)
    _, said = run("build", "net.yaml", folder=project)
    assert "going on with the training that was stopped here after epoch 3" in said
    assert "epoch 1/3" not in said
    assert [path.name for path in (project / "build").iterdir()] == ["net"]
    assert (project / "build" / "net" / "notes.txt").read_text() == "mine"


def start(project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "netspec", "build", "net.yaml"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_sixty_at_random_moments(project: Path, number: signal.Signals) -> None:
    """Moments are spread over the whole run; in every second one the training that was stopped goes on."""
    generator = random.Random(number)
    before = tree(project / "build" / "net")
    shutil.copytree(project / "build" / "net", project / "kept")
    (project / "net.yaml").write_text(CHANGED)
    began = time.monotonic()
    process = start(project)
    process.communicate()
    seconds = time.monotonic() - began
    ends, faults = [], []
    for count in range(KILLS):
        shutil.rmtree(project / "build" / "net")
        shutil.copytree(project / "kept", project / "build" / "net")
        if count % 2 == 0:
            shutil.rmtree(project / "build" / ".net.building", ignore_errors=True)
        (project / "net.yaml").write_text(CHANGED)
        process = start(project)
        time.sleep(seconds * (count + generator.random()) / KILLS)
        process.send_signal(number)
        _, said = process.communicate()
        ends.append(process.returncode)
        if not whole(project, before):
            faults.append(f"{count}: {said}")
        if process.returncode not in (0, -number, 130, -signal.SIGINT):
            faults.append(f"{count}: exit {process.returncode}: {said}")
    assert faults == []
    assert sum(code != 0 for code in ends) >= KILLS // 2, "most are to be stopped before their end"


def test_two_builds_of_a_folder_at_once(project: Path, repository: Path) -> None:
    """The second says so and ends; the first is not disturbed."""
    script = "import pathlib, sys, time\nfrom netspec.artifacts.staging import staged\n"
    script += "with staged(pathlib.Path('build/net')):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(repository)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        _, said = run("build", "net.yaml", folder=project, expect=3)
        assert f"error: build/net is being built by another netspec, process {holder.pid}\n" in said
        run("verify", "build/net", folder=project)
    finally:
        holder.kill()
        holder.communicate()
    run("build", "net.yaml", folder=project)


def test_an_interrupted_first_build_is_no_build(built: Path, tmp_path: Path) -> None:
    shutil.copy(built / "d.npz", tmp_path)
    (tmp_path / "net.yaml").write_text(SPEC.replace("epochs: 3", "epochs: 100000"))
    process = start(tmp_path)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch"):
        pass
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "goes on from there" in said
    assert not (tmp_path / "build" / "net").exists()
    _, said = run("verify", "build/net", folder=tmp_path, expect=3)
    assert "is no finished build" in said
    assert "a training was stopped there" in said
    # Edited before it is built again: the build lists what changed and what is still possible.
    (tmp_path / "net.yaml").write_text(SPEC.replace("seed: 1", "seed: 2"))
    _, said = run("build", "net.yaml", folder=tmp_path)
    assert "  train.epochs was 100000 and is 3\n  train.seed was 1 and is 2\n" in said
    assert "epoch 1/3" in said


def test_a_full_disk_is_told_with_its_file_and_what_is_kept(project: Path) -> None:
    """No file may be longer than 4,000 bytes, which model.keras is."""
    import resource

    before = tree(project / "build" / "net")
    (project / "net.yaml").write_text(CHANGED)
    done = subprocess.run(
        [sys.executable, "-m", "netspec", "build", "net.yaml"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)),
    )
    assert done.returncode == 3, done.stderr
    assert "the build in build/net is as it was\n" in done.stderr
    assert "the training is kept: `netspec build net.yaml` goes on with it\n" in done.stderr
    assert done.stderr.endswith("model.keras: File too large\n")
    assert tree(project / "build" / "net") == before
    _, said = run("build", "net.yaml", folder=project)
    assert "going on with the training that was stopped here after epoch 3" in said


def test_another_spec_of_the_same_name_is_refused(project: Path) -> None:
    """A copy is the same spec, and a spec that was renamed takes its build along; --force says that it is meant."""
    before = tree(project / "build" / "net")
    (project / "other.yaml").write_text(CHANGED)
    _, said = run("build", "other.yaml", folder=project, expect=2)
    assert "build/net is the build of net.yaml: --out DIR builds into another folder, --force replaces it" in said
    assert tree(project / "build" / "net") == before
    (project / "copy.yaml").write_text(SPEC)
    run("build", "copy.yaml", folder=project)
    (project / "copy.yaml").rename(project / "moved.yaml")
    (project / "moved.yaml").write_text(CHANGED)
    run("build", "moved.yaml", folder=project)
    (project / "net.yaml").write_text(SPEC)
    run("build", "net.yaml", "--force", folder=project)
    run("verify", "build/net", folder=project)
