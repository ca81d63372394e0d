"""requirements.lock and npm's: whole, pinned with hashes, for every platform, and without addresses."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.scratch import REPOSITORY

LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
NPM = (REPOSITORY / "tests" / "editor" / "package-lock.json").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENTRIES = [
    entry.replace("\\\n", " ") for entry in re.split(r"\n(?=[a-z])", re.sub(r"(?m)^ *#.*\n", "", LOCK)) if entry.strip()
]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
PINS = [Requirement(HASH.sub("", entry).strip()) for entry in ENTRIES]


def wanted() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for lines in extras.values() for line in lines)]
    return [Requirement(line) for line in lines if not line.startswith("netspec-mcu[")]


def test_every_entry_is_one_version_with_hashes() -> None:
    assert len(PINS) > 50
    for entry, pin in zip(ENTRIES, PINS, strict=True):
        assert re.fullmatch(r"==[^,*]+", str(pin.specifier)), pin
        assert HASH.search(entry), pin


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_what_the_project_asks_for_is_locked_at_a_version_it_allows(requirement: Requirement) -> None:
    pinned = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
    assert pinned, f"{requirement.name} is not in requirements.lock: make lock"
    for pin in pinned:
        version = str(pin.specifier).removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), f"{pin}: make lock"


def test_other_platforms_have_their_tensorflow() -> None:
    markers = {pin.name: pin.marker for pin in PINS}
    linux = {"sys_platform": "linux", "platform_machine": "x86_64", "python_full_version": "3.11.9"}
    mac = {"sys_platform": "darwin", "platform_machine": "arm64", "python_full_version": "3.11.9"}
    cpu, plain, oracle = (markers[name] for name in ("tensorflow-cpu", "tensorflow", "tflite-micro"))
    assert cpu is not None
    assert plain is not None
    assert oracle is not None
    assert (cpu.evaluate(linux), plain.evaluate(linux), oracle.evaluate(linux)) == (True, False, True)
    assert (cpu.evaluate(mac), plain.evaluate(mac), oracle.evaluate(mac)) == (False, True, False)


@pytest.mark.parametrize("lock", [LOCK, NPM], ids=["requirements.lock", "package-lock.json"])
def test_a_lock_holds_no_address(lock: str) -> None:
    assert not re.search(r"://|\bgit\+|file:|@ |--(?:extra-)?index-url|--find-links|--trusted-host", lock)


def test_the_editor_is_locked_with_hashes() -> None:
    packages = json.loads(NPM)["packages"]
    assert packages[""]["dependencies"] == {
        "yaml-language-server": packages["node_modules/yaml-language-server"]["version"]
    }
    for name, package in packages.items():
        assert not name or package["integrity"].startswith("sha512-"), name
