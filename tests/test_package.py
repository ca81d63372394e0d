"""The wheel, built and installed into empty environments: what users get, away from the repository."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netspec.diagnostics import ToolError
from netspec.system import resources

SPEC = """\
netspec: 1
name: tiny
inputs:
  image: {shape: [6, 6, 1]}
layers:
  - conv2d: {name: first, filters: 4, kernel_size: 3, use_bias: false}
  - batch_normalization
  - relu
  - flatten
  - dense: {name: last, units: 3}
  - softmax
train:
  data: {npz: tiny.npz}
  loss: sparse_categorical_crossentropy
  metrics: [accuracy]
  epochs: 1
  batch_size: 8
  seed: 0
target:
  core: cortex-m4
"""

BASE = {"jinja2", "numpy", "pydantic", "pyyaml", "typer"}

# What `check`, `show` and their like do without, to answer in a fraction of a second.
HEAVY = ("numpy", "jinja2", "tensorflow", "keras", "tflite_micro", "h5py")

IMPORTED = """\
import sys
from netspec.cli import main
sys.argv = ["netspec", *sys.argv[1:]]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print("imported:", *sorted(name for name in sys.modules if name.split(".")[0] == name), file=sys.stderr)
"""


def run(*command: object, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command that sees nothing of the repository; show its output when it fails."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NETSPEC"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=outside, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        pytest.fail(f"{' '.join(map(str, command))}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Without isolation: hatchling comes with the test extra, so building asks nothing of a network.
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, repository, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of an environment with the wheel and what it requires, and nothing else."""
    environment = _environment(tmp_path_factory.mktemp("installed"))
    run(*_pip(environment), "install", "--quiet", wheel, cwd=environment)
    return environment / "bin"


@pytest.fixture(scope="module")
def trainable(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of an environment with the wheel, and TensorFlow borrowed from the one we run in.

    A path in a .pth file is searched last, and .pth files in that folder are not read, so the borrowed folder
    cannot bring in the checkout that is linked into it.
    """
    environment = _environment(tmp_path_factory.mktemp("trainable"))
    run(*_pip(environment), "install", "--quiet", "--no-deps", wheel, cwd=environment)
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin"


def _environment(folder: Path) -> Path:
    venv.create(folder, symlinks=True)
    return folder


def _pip(environment: Path) -> tuple[object, ...]:
    return (
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        environment / "bin" / "python",
    )


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(SPEC)
    return path


# The wheel itself.


@pytest.mark.parametrize("folder", ["templates", "firmware"])
def test_wheel_carries_every_file_of(folder: str, wheel: Path, repository: Path) -> None:
    files = {
        path.relative_to(repository).as_posix(): path.read_bytes()
        for path in (repository / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files
    with zipfile.ZipFile(wheel) as archive:
        prefix = f"netspec/_data/{folder}/"
        carried = {name for name in archive.namelist() if name.startswith(prefix) and not name.endswith("/")}
        assert carried == {f"netspec/_data/{name}" for name in files}
        assert all(archive.read(f"netspec/_data/{name}") == content for name, content in files.items())


def test_wheel_carries_the_package_its_types_and_its_licence_and_no_more(wheel: Path, repository: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"netspec", "netspec_mcu"}
    assert "netspec/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    modules = {path.relative_to(repository).as_posix() for path in (repository / "netspec").rglob("*.py")}
    assert modules <= set(names)


def test_wheel_requires_the_base_packages_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        fields = email.message_from_bytes(archive.read(metadata))
    assert fields["Name"] == "netspec-mcu"
    required = [line for line in fields.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {re.split(r"[^\w-]", line, maxsplit=1)[0].lower() for line in required} == BASE


# The wheel in an empty environment.


def test_environment_holds_the_base_packages_and_no_tensorflow(installed: Path, tmp_path: Path) -> None:
    listed = run(*_pip(installed.parent), "list", "--format", "json", cwd=tmp_path).stdout
    names = {package["name"].lower() for package in json.loads(listed)}
    assert BASE | {"netspec-mcu"} <= names
    assert not names & {"tensorflow", "tensorflow-cpu", "keras", "tflite-micro"}


def test_installed_resources_are_those_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "from netspec.system.resources import *; print(templates_dir(), firmware_dir(), sep='\\n')"
    folders = run(installed / "python", "-c", code, cwd=tmp_path).stdout.split()
    (data,) = installed.parent.resolve().glob("lib/python*/site-packages/netspec/_data")
    assert folders == [str(data / "templates"), str(data / "firmware")]


def test_installed_check_is_silent_on_a_good_spec(installed: Path, spec: Path) -> None:
    done = run(installed / "netspec", "check", spec, cwd=spec.parent)
    assert (done.stdout, done.stderr) == ("", "")


def test_installed_check_points_at_a_fault(installed: Path, spec: Path) -> None:
    spec.write_text(SPEC.replace("kernel_size: 3", "kernel_size: 7"))
    done = run(installed / "netspec", "check", spec.name, cwd=spec.parent, check=False)
    assert done.returncode == 1
    assert re.match(r"tiny\.yaml:6:\d+: error: .* \[window-too-large\]\n", done.stdout), done.stdout


def test_installed_show_prints_the_table(installed: Path, spec: Path) -> None:
    text = run(installed / "netspec", "show", spec, cwd=spec.parent).stdout
    assert all(name in text for name in ("first", "batch_normalization", "last", "softmax"))
    shown = json.loads(run(installed / "netspec", "show", "--format", "json", spec, cwd=spec.parent).stdout)
    # 3x3x1x4 kernel, 4 x 4 of the batch norm of which its moving half is not trained, 64 x 3 + 3 dense.
    assert shown["totals"]["parameters"] == 36 + 16 + 195
    assert shown["totals"]["non_trainable_parameters"] == 8
    assert shown["layers"][-1]["output_shape"] == [3]


def test_installed_init_makes_a_project_that_passes_check(installed: Path, tmp_path: Path) -> None:
    run(installed / "netspec", "init", "gate", cwd=tmp_path)
    assert run(installed / "netspec", "check", "--data", "--strict", ".", cwd=tmp_path / "gate").stdout == ""


def test_installed_build_without_tensorflow_names_the_extra(installed: Path, spec: Path) -> None:
    _write_samples(spec.parent)
    done = run(installed / "netspec", "build", spec, cwd=spec.parent, check=False)
    assert done.returncode == 3
    assert "netspec-mcu[train" in done.stderr
    assert "Traceback" not in done.stderr


def test_wheel_with_tensorflow_builds_and_verifies(trainable: Path, spec: Path, repository: Path) -> None:
    _write_samples(spec.parent)
    whence = run(trainable / "python", "-c", "import netspec; print(netspec.__file__)", cwd=spec.parent).stdout
    assert Path(whence.strip()).is_relative_to(trainable.parent.resolve())
    run(trainable / "netspec", "build", spec, "--out", "out", cwd=spec.parent)
    run(trainable / "netspec", "verify", "out", cwd=spec.parent)
    firmware = spec.parent / "out" / "firmware"
    emitted = {path.name for path in firmware.iterdir()}
    assert {"tiny.h", "tiny.c", "tiny_weights.c", "CMakeLists.txt", "README.md"} <= emitted
    for path in firmware.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(repository).encode() not in content, path
            assert str(spec.parent).encode() not in content, path


def _write_samples(folder: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {
        f"{kind}_{half}": values
        for half, count in (("train", 32), ("test", 16))
        for kind, values in (
            ("x", random.random((count, 6, 6, 1), dtype=np.float32)),
            ("y", random.integers(0, 3, count, dtype=np.uint8)),
        )
    }
    np.savez(folder / "tiny.npz", **arrays)


# The checkout.


@pytest.mark.parametrize("command", [("check",), ("show",), ("show", "--format", "json"), ("explain",)], ids=" ".join)
def test_static_commands_import_nothing_heavy(command: tuple[str, ...], spec: Path) -> None:
    """In our own environment, where all of it could be imported."""
    done = run(sys.executable, "-c", IMPORTED, *command, spec, cwd=spec.parent)
    imported = done.stderr.split("imported:")[-1].split()
    assert "netspec" in imported
    assert not set(HEAVY) & set(imported)


def test_resources_of_a_checkout(repository: Path) -> None:
    assert resources.templates_dir() == repository / "templates"
    assert resources.firmware_dir() == repository / "firmware"


def test_resources_prefer_the_wheel_and_never_take_a_strangers_folder(tmp_path: Path) -> None:
    package = tmp_path / "netspec"
    (tmp_path / "templates").mkdir()
    with pytest.raises(ToolError, match="no folder 'templates'"):
        resources._folder("templates", package)
    (tmp_path / "pyproject.toml").touch()
    assert resources._folder("templates", package) == tmp_path / "templates"
    (package / "_data" / "templates").mkdir(parents=True)
    assert resources._folder("templates", package) == package / "_data" / "templates"
