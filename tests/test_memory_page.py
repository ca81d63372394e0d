"""docs/memory.md: its specs are checked, and what its commands show is what they print.

    NETSPEC_UPDATE_DOCS=1 pytest tests/test_memory_page.py

writes what they print into the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.check import check
from netspec.emit.view import make_view
from netspec.graph import build_graph
from netspec.spec.source import parse
from netspec.spec.spec import read
from tests.models import make_model

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "memory.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == language]


def specs() -> dict[str, str]:
    """Return the specs by the file name in their first line."""
    return {text.partition("\n")[0].removeprefix("# "): text.partition("\n")[2] for text in blocks("yaml")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    for name, text in specs().items():
        (folder / name).write_text(text, encoding="utf-8")
    command = folder / "netspec"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netspec "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return folder


@pytest.mark.parametrize("name", specs())
def test_every_spec_is_right(name: str) -> None:
    assert check(parse(specs()[name], name)).warnings == ()


@pytest.mark.parametrize("index", range(len(blocks("console"))))
def test_commands_print_what_is_shown(index: int, folder: Path) -> None:
    shown = blocks("console")[index]
    command = shown.partition("\n")[0].removeprefix("$ ")
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    printed = f"$ {command}\n{done.stdout}"
    if os.environ.get("NETSPEC_UPDATE_DOCS") and printed != shown:
        text = PAGE.read_text(encoding="utf-8")
        assert text.count(shown) == 1
        PAGE.write_text(text.replace(shown, printed), encoding="utf-8", newline="\n")
        shown = printed
    assert shown == printed


@pytest.mark.parametrize("name", ["external.yaml", "regions.yaml"])
def test_the_functions_are_those_that_are_emitted(name: str) -> None:
    view = make_view(make_model(build_graph(read(parse(specs()[name], name)))))
    code = "\n".join(blocks("c"))
    assert (f"int net_run({view.parameters});" if view.external else f"int status = {view.run};") in code
    assert view.external or all(line in code for line in view.storage)
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"NET_{arena.stem}_SECTION" in page for arena in view.arenas if arena.region == "dtcm")
    assert all(f"NET_WEIGHTS_{region.upper()}_SECTION" in page for region, _ in view.weight_regions)
