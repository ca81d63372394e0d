"""A run of the program: exit codes, streams, and every failure turned into a message. Knows no command line.

Exit codes: 0 clean, 1 findings, 2 usage, 3 internal or tool failure. Standard output is the result, standard error
is progress.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from netspec.diagnostics import Diagnostic
    from netspec.source import Document

OK, FINDINGS, USAGE, FAILURE = 0, 1, 2, 3
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def run(action: Callable[[], object]) -> None:
    """Run a command; what goes wrong becomes a message and an exit code, never a traceback."""
    # What imports and specs make stays until the end. Looking for garbage in it took a tenth of a short check's time
    # and most of a long one's.
    gc.set_threshold(100_000, 50, 100)
    # Pydantic would look through every installed distribution for plugins that change how it validates.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character still gets a line
    try:
        _guarded(action)
    finally:
        gc.freeze()  # the interpreter would look through all of it once more before it ends


def _guarded(action: Callable[[], object]) -> None:
    from netspec.diagnostics import SpecError, ToolError

    try:
        action()
    except SpecError as error:
        sources = {path: text for path in {d.span.path for d in error.diagnostics} if (text := _text_of(path))}
        print_findings(error.diagnostics, sources | error.sources, sys.stdout)
        sys.exit(FINDINGS)
    except ToolError as error:
        print_progress(f"error: {error.message}")
        if error.help:
            print_progress(f"  = help: {error.help}")
        sys.exit(FAILURE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILURE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get("NETSPEC_TRACEBACK"):
            raise
        print_progress(f"internal error: {type(error).__name__}: {error}")
        print_progress("  = help: please report it with the spec; NETSPEC_TRACEBACK=1 prints where it happened")
        sys.exit(FAILURE)


def _text_of(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def check_files(paths: Iterable[str], *, json: bool = False, strict: bool = False, data: bool = False) -> int:
    """Check specs, with `data` also the files that they train on; print what was found, and return the exit code."""
    from netspec.check import check
    from netspec.diagnostics import SpecError, render_json

    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    for path in paths:
        try:
            document = load(path)
            sources[document.path] = document.text
            checked = check(document)
            found += checked.warnings
            if data:
                from netspec.data.check import data_findings
                from netspec.lint import unsilenced

                found += unsilenced(document, data_findings(checked.graph))
        except SpecError as error:
            sources |= error.sources
            found += error.diagnostics
    if json:
        sys.stdout.write(render_json(found))
    elif found:
        print_findings(found, sources, sys.stdout)
    return FINDINGS if any(strict or diagnostic.severity == "error" for diagnostic in found) else OK


def load(path: str) -> Document:
    """Read a spec, from standard input where its path is `-`."""
    from netspec import source

    return source.parse(sys.stdin.buffer.read(), "<stdin>") if path == "-" else source.load(path)


def wants_color(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


def print_findings(found: Iterable[Diagnostic], sources: dict[str, str], stream: TextIO) -> None:
    from netspec.diagnostics import render_text

    stream.write(render_text(found, sources, color=wants_color(stream)))


def print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
