"""SARIF 2.1.0 (OASIS, with errata 01), as code scanning services read it.

A region's columns count UTF-16 code units, which every reader of SARIF knows; ours count characters. A rule carries its
whole entry of docs/checks.md as help. It has no `helpUri`: that must be an absolute address, and where this
repository's documents are served is for whoever serves them to know.
"""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_left
from pathlib import Path
from typing import Any
from urllib.parse import quote

from netspec import __version__
from netspec.diagnostics import Diagnostic, Fix, Note, Span, brief, encodable, split_lines
from netspec.formats import Report, from_here
from netspec.rules import REGISTRY

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(report: Report) -> str:
    """Return the log as JSON, ASCII only; ends in a newline."""
    names = list(dict.fromkeys(each.rule for each in report.found))
    places = _Places(report)
    run: dict[str, Any] = {
        "tool": {
            "driver": {"name": "netspec", "semanticVersion": __version__, "rules": [_rule(name) for name in names]}
        },
        "columnKind": "utf16CodeUnits",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "results": [_result(each, names.index(each.rule), places) for each in report.found],
    }
    if report.omitted:
        notes = [f"{path}: and {count} more" for path, count in report.omitted.items()]
        told = [{"level": "note", "message": {"text": note}} for note in notes]
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": told}]
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(name: str) -> dict[str, Any]:
    rule = REGISTRY[name]
    text = f"{rule.what}\n\nWhy: {rule.why}\n\nRemedy: {rule.remedy}"
    example = f"For example:\n\n```yaml\n{rule.example.shown.rstrip()}\n```"
    return {
        "id": name,
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": f"{rule.what} {rule.why}"},
        "help": {"text": text, "markdown": f"{text}\n\n{example}\n"},
        "defaultConfiguration": {"level": rule.severity},
    }


_TWO_UNITS = re.compile("[\U00010000-\U0010ffff]")


class _Places:
    """Spans as SARIF counts them; each file is split into lines once."""

    def __init__(self, report: Report) -> None:
        self._lines = {path: split_lines(text) for path, text in report.sources.items()}
        self._pairs: dict[tuple[str, int], list[int]] = {}

    def location(self, span: Span) -> dict[str, Any]:
        physical = {"artifactLocation": _artifact(span.path)}
        return {"physicalLocation": physical | ({"region": self.region(span)} if span.path in self._lines else {})}

    def region(self, span: Span) -> dict[str, int]:
        return {
            "startLine": span.line,
            "startColumn": self._column(span.path, span.line, span.column),
            "endLine": span.end_line,
            "endColumn": self._column(span.path, span.end_line, span.end_column),
        }

    def _column(self, path: str, line: int, column: int) -> int:
        if (path, line) not in self._pairs:  # once a line, which may be long and have many findings
            lines = self._lines.get(path, [])
            text = lines[line - 1] if line <= len(lines) else ""
            self._pairs[path, line] = [each.start() for each in _TWO_UNITS.finditer(text)]
        return column + bisect_left(self._pairs[path, line], column - 1)


def _artifact(path: str) -> dict[str, str]:
    plain = from_here(path)
    return {"uri": Path(plain).as_uri() if Path(plain).is_absolute() else quote(os.fsencode(plain))}


def _result(diagnostic: Diagnostic, index: int, places: _Places) -> dict[str, Any]:
    text = diagnostic.message + (f"; {diagnostic.help}" if diagnostic.help else "")
    result: dict[str, Any] = {
        "ruleId": diagnostic.rule,
        "ruleIndex": index,
        "level": diagnostic.severity,
        "message": {"text": encodable(text)},
        "locations": [places.location(diagnostic.span)],
    }
    if diagnostic.notes:
        result["relatedLocations"] = [_related(note, diagnostic.span, places) for note in diagnostic.notes]
    if diagnostic.fix:
        result["fixes"] = [_fix(diagnostic.fix, places)]
    return result


def _related(note: Note, span: Span, places: _Places) -> dict[str, Any]:
    return places.location(note.span or span) | {"message": {"text": encodable(note.message)}}


def _fix(fix: Fix, places: _Places) -> dict[str, Any]:
    replacement = {"deletedRegion": places.region(fix.span), "insertedContent": {"text": fix.replacement}}
    return {
        "description": {"text": brief(f"write {fix.replacement} in place of {fix.original}")},
        "artifactChanges": [{"artifactLocation": _artifact(fix.span.path), "replacements": [replacement]}],
    }
