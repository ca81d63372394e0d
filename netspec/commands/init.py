"""A new project: what `netspec init` writes, from the files in templates/project.

`PROJECT` in a template stands for the name. The data are made by running the project's own script, so that what the
script says and what lies beside it are one thing.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from netspec.diagnostics import ToolError
from netspec.system.writing import write_file

_DATA = "data/waves.npz"
_DATA_SCRIPT = "data/make.py"
_SCHEMA = "netspec.schema.json"
_FILES = {
    "{name}.yaml": "spec.yaml",
    _DATA_SCRIPT: "make_data.py",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".pre-commit-config.yaml": "pre-commit-config.yaml",
    ".github/workflows/netspec.yaml": "workflow.yaml",
}
"""Where the project has a file, and which template it is. The names of templates hide nothing and mean nothing here."""


class CannotMakeProject(Exception):
    """The name is none that a net can have, or something is in the way: a mistake of whoever typed it."""


def make_project(name: str, folder: Path) -> list[str]:
    """Write a project into a folder, which need not exist, and return the paths of its files from there.

    Raises `CannotMakeProject`, before anything is written, where the name will not do or a file is there already.
    """
    from netspec.docs.schema import schema_text
    from netspec.system.resources import templates_dir

    _require_name(name)
    templates = templates_dir() / "project"
    texts = {
        path.format(name=name): (templates / template).read_text(encoding="utf-8").replace("PROJECT", name)
        for path, template in _FILES.items()
    }
    texts[_SCHEMA] = schema_text()
    paths = [*texts, _DATA]
    there = [path for path in paths if (folder / path).exists() or (folder / path).is_symlink()]
    if there:
        raise CannotMakeProject(f"there is already {', '.join(there)} in {folder}; nothing was written")
    try:
        for path, text in texts.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            write_file(file, text)
        runpy.run_path(str(folder / _DATA_SCRIPT), run_name="__main__")
    except OSError as error:
        raise ToolError(f"{error.filename or folder} cannot be written: {error.strerror or error}") from None
    return paths


def _require_name(name: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from netspec.spec.sections import Name

    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        refused = error.errors()[0]["ctx"]["error"]
        help = refused.help_for("name").replace("`", "")
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        question = f"; did you mean {plain}?" if plain not in ("", name) else ""
        raise CannotMakeProject(f"the name '{name}' will not do: it {refused}; {help}{question}") from None
