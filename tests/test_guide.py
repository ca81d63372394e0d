"""docs/guide.md from its first line to its last, by a reader who types what it says and looks at what it shows.

Commands run in order in one shell session. A block `text problems FILE` is what a language server marks in the file as
it is then, `text hover FILE KEY` what it shows over the first such key. After a change that was meant

    NETSPEC_UPDATE_DOCS=1 pytest tests/test_guide.py

writes the page anew; read what it wrote.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lsp import LanguageServer
from tests.scratch import REPOSITORY, Scratch, scratch
from tests.test_editor import SERVER, SETTINGS

GUIDE = REPOSITORY / "docs" / "guide.md"
BLOCK = re.compile(r"^```(console|text [^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DURATION = re.compile(r"^- duration: [\d.]+s$", re.MULTILINE)


@dataclass
class Reader:
    """A reader's shell, which remembers its folder, and editor."""

    home: Scratch
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.home.folder

    def types(self, command: str) -> str:
        """Run a command line and return what a terminal shows of it; blank lines at its end do not count."""
        place = self.home.folder.parent / "folder"
        line = f"{command}\npwd > {shlex.quote(str(place))}"
        shown = Scratch(self.folder, self.home.environment).run("sh", "-c", line).stdout
        self.folder = Path(place.read_text(encoding="utf-8").strip())
        shown = DURATION.sub("- duration: 0.3s", shown)
        return f"$ {command}\n{shown.rstrip()}".rstrip() + "\n"

    def sees(self, what: str, name: str, key: str = "") -> str | None:
        """Return what the editor shows of a file; None where there is no language server."""
        node = shutil.which("node")
        if node is None or not SERVER.exists():
            return None
        file = self.folder / name
        with LanguageServer([node, str(SERVER), "--stdio"], self.folder, SETTINGS) as server:
            problems = server.open(file)
            if what == "problems":
                found = sorted((*each["range"]["start"].values(), each["message"]) for each in problems)
                return "".join(f"{name}:{line + 1}:{column + 1}: {message}\n" for line, column, message in found)
            lines = file.read_text(encoding="utf-8").splitlines()
            line = next(index for index, text in enumerate(lines) if f"{key}:" in text and not text.startswith("#"))
            shown = server.hover(file, line, lines[line].index(f"{key}:"))
        return re.sub(r"\n+Source: .*", "", shown).replace("```", "").rstrip() + "\n"


def followed(reader: Reader) -> str:
    """Return the guide with what its commands print and its editor shows."""

    def shown(block: re.Match[str]) -> str:
        kind, old = block.groups()
        if kind != "console":
            new = reader.sees(*kind.split()[1:])
            return block.group(0) if new is None else f"```{kind}\n{new}```"
        commands = [line[2:] for line in old.splitlines() if line.startswith("$ ")]
        return f"```console\n{''.join(map(reader.types, commands))}```"

    return BLOCK.sub(shown, GUIDE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(scratch(tmp_path_factory.mktemp("guide")))


def test_a_reader_sees_what_the_guide_shows(reader: Reader) -> None:
    text = followed(reader)
    if os.environ.get("NETSPEC_UPDATE_DOCS"):
        GUIDE.write_text(text, encoding="utf-8", newline="\n")
    assert text == GUIDE.read_text(encoding="utf-8")

    # What the page is there to say, whatever its outputs are: of four commits two were stopped.
    commits = Scratch(reader.folder, reader.home.environment).must("git", "log", "--format=%s", "wider")
    assert commits.splitlines() == ["Wider: 20 forms", "Tell wave forms apart"]
    stopped = [block for block in re.split(r"^### ", text, flags=re.MULTILINE) if " stops it\n" in block]
    assert ["[window-too-large]" in stopped[0], "[budget-flash]" in stopped[1]] == [True, True]
    assert text.count("netspec check............................................................Failed\n") == 2
