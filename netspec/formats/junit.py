"""JUnit's XML, as CI services read it: a test case for each file, which fails if the file does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from netspec.diagnostics import Diagnostic, encodable, render_text
from netspec.formats import Report, from_here

_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """Return the document; ends in a newline. The findings of a file are the text that a person would be shown."""
    by_path: dict[str, list[Diagnostic]] = {path: [] for path in report.paths}
    for each in report.found:
        by_path.setdefault(each.span.path, []).append(each)
    failing = {path for path, found in by_path.items() if _faults(found, report.strict)}
    counts = f'tests="{len(by_path)}" failures="{len(failing)}" errors="0" skipped="0"'
    rows = ['<?xml version="1.0" encoding="utf-8"?>', f'<testsuites name="netspec" {counts}>']
    rows.append(f'  <testsuite name="netspec check" {counts}>')
    for path, found in by_path.items():
        name = _attribute(encodable(from_here(path)))
        case = f'    <testcase classname="netspec.check" name={name} file={name}'
        if not found:
            rows.append(f"{case}/>")
            continue
        rest = f"\nand {report.omitted[path]} more\n" if path in report.omitted else ""
        text = escape(_allowed(render_text(found, report.sources) + rest))
        rows.append(f"{case}>")
        if path in failing:
            faults = _faults(found, report.strict)
            message = encodable(faults[0].message) if len(faults) == 1 else f"{len(faults)} findings"
            rules = ", ".join(dict.fromkeys(each.rule for each in faults))
            rows.append(f"      <failure message={_attribute(message)} type={_attribute(rules)}>{text}</failure>")
        else:
            rows.append(f"      <system-out>{text}</system-out>")
        rows.append("    </testcase>")
    rows += ["  </testsuite>", "</testsuites>"]
    return "\n".join(rows) + "\n"


def _faults(found: Iterable[Diagnostic], strict: bool) -> list[Diagnostic]:
    return [each for each in found if strict or each.severity == "error"]


def _allowed(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
