"""Workflow commands of GitHub Actions: each becomes an annotation beside the line in a pull request.

Written as GitHub's documentation of workflow commands has it; `%`, line ends and, in properties, `:` and `,` are
escaped as its toolkit does.
"""

from __future__ import annotations

from netspec.diagnostics import Diagnostic, encodable
from netspec.formats import Report, from_here


def render(report: Report) -> str:
    """Return a line for each finding, ending in a newline; columns are 1-based, the end exclusive."""
    lines = [*map(_command, report.found)]
    lines += [
        f"::notice file={_property(from_here(path))},title=netspec::{_data(f'{path}: and {count} more')}"
        for path, count in report.omitted.items()
    ]
    return encodable("".join(f"{line}\n" for line in lines))


def _command(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    properties: dict[str, str | int] = {"file": from_here(span.path), "line": span.line}
    if span.line == span.end_line:
        properties |= {"col": span.column, "endLine": span.end_line, "endColumn": span.end_column}
    else:
        properties |= {"endLine": span.end_line}  # columns may stand with a single line only
    properties |= {"title": f"netspec {diagnostic.rule}"}
    lines = [diagnostic.message]
    for note in diagnostic.notes:
        where = f", line {note.span.line}" if note.span and note.span.path == span.path else ""
        lines.append(f"note: {note.message}{where}")
    if diagnostic.help:
        lines.append(f"help: {diagnostic.help}")
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{diagnostic.severity} {listed}::{_data(chr(10).join(lines))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
