"""The files of a verdict in a build folder: verify.json for tools, report.html for people. Always both, or neither."""

from __future__ import annotations

from pathlib import Path

from netspec.artifacts.manifest import REPORT_FILE, VERDICT_FILE
from netspec.system.writing import write_atomically
from netspec.verify.html import Subject, report_html
from netspec.verify.report import Report


def write_verdict(folder: Path, report: Report, subject: Subject | None) -> None:
    """Write what verification found. No part of the build: the manifest does not record these files."""
    page = report_html(report, subject)
    write_atomically(folder / VERDICT_FILE, (report.to_json() + "\n").encode(), sync=True)
    write_atomically(folder / REPORT_FILE, page.encode(), sync=True)


def remove_verdict(folder: Path) -> None:
    """Remove a verdict of before, which would speak of files that are about to change or cannot be verified."""
    for name in (VERDICT_FILE, REPORT_FILE):
        (folder / name).unlink(missing_ok=True)
