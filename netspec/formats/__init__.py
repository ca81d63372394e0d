"""How findings are printed for other programs: a function each, from one struct to one string.

Text and JSON, which nearly every run prints, are in `netspec.diagnostics`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from netspec.diagnostics import Diagnostic

FORMATS: tuple[str, ...] = ("github", "sarif", "junit")


@dataclass(frozen=True, slots=True)
class Report:
    """What one run found: in order, with the texts of the files by path, and all files that were looked at.

    With `strict` a warning is as good as an error. `omitted` counts by file the findings that are not among `found`.
    """

    found: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    paths: tuple[str, ...]
    strict: bool = False
    omitted: Mapping[str, int] = field(default_factory=dict)


def render(name: str, report: Report) -> str:
    """Return a report in the format of that name; empty, or ending in a newline."""
    renderer: Callable[[Report], str] = import_module(f"{__name__}.{name}").render
    return renderer(report)


def from_here(path: str) -> str:
    """Return a file's path with slashes, relative to the working directory if it is inside it, as services expect."""
    plain = Path(os.path.normpath(path))
    if plain.is_absolute() and plain.is_relative_to(Path.cwd()):
        plain = plain.relative_to(Path.cwd())
    return plain.as_posix()
