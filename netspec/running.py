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
from typing import TYPE_CHECKING, NamedTuple, TextIO

from netspec.system.interruption import INTERRUPTED, end_at_interrupt, raise_at_interrupt

if TYPE_CHECKING:
    from netspec.check import Checked
    from netspec.diagnostics import Diagnostic
    from netspec.spec.source import Document

_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"\xff\xfe", b"\xfe\xff")
"""Of UTF-8, UTF-32 and UTF-16; those of UTF-32 first, since one begins as one of UTF-16 does."""

OK, FINDINGS, USAGE, FAILURE = 0, 1, 2, 3


def run(action: Callable[[], object]) -> None:
    """Run a command; what goes wrong becomes a message and an exit code, never a traceback."""
    # What imports and specs make stays until the end. Looking for garbage in it took a tenth of a short check's time
    # and most of a long one's.
    gc.set_threshold(100_000, 50, 100)
    # Pydantic would look through every installed distribution for plugins that change how it validates.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character still gets a line
    try:
        _guarded(action)
    finally:
        end_at_interrupt()
        gc.freeze()  # the interpreter would look through all of it once more before it ends


def _open_standard_streams() -> None:
    """Open the null device in place of closed standard output and error.

    `print` would write to the other stream, and a file opened later would get the number of the closed one.
    """
    if sys.stdout is None:
        sys.stdout = _null_stream(1)
    if sys.stderr is None:
        sys.stderr = _null_stream(2)


def _null_stream(number: int) -> TextIO:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    return open(number, "w", encoding="utf-8", closefd=False)


def _guarded(action: Callable[[], object]) -> None:
    from netspec.diagnostics import SpecError, ToolError

    try:
        raise_at_interrupt()
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
    except OSError as error:  # a full disk, a folder that is read-only: nothing that netspec got wrong
        if os.environ.get("NETSPEC_TRACEBACK"):
            raise
        place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        print_progress(f"error: {place}{error.strerror or error}")
        sys.exit(FAILURE)
    except Exception as error:
        if os.environ.get("NETSPEC_TRACEBACK"):
            raise
        print_progress(f"internal error: {type(error).__name__}: {error}")
        print_progress("  = help: please report it with the spec; NETSPEC_TRACEBACK=1 prints where it happened")
        sys.exit(FAILURE)


def _text_of(path: str) -> str | None:
    """Return the text of a spec; None for what is none, such as a model: nobody can read a line of it."""
    from netspec.spec.source import MAX_BYTES, is_text
    from netspec.system.files import read_at_most

    try:
        text = (read_at_most(path, MAX_BYTES) or b"").decode("utf-8-sig")
    except (OSError, ValueError):
        return None
    return text if is_text(text) else None


def check_files(
    paths: Iterable[str], *, format: str = "text", strict: bool = False, data: bool = False, fix: bool = False
) -> int:
    """Check specs, with `data` also the files that they train on; print what was found, and return the exit code.

    With `fix` what is certain is put right first, and told on standard error. What stands on standard input goes, put
    right, to standard output, and the findings to standard error.
    """
    from netspec.diagnostics import SpecError

    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    names: list[str] = []
    nets: list[Checked] = []
    stream = sys.stdout
    for path in paths:
        try:
            if fix:
                stream = sys.stderr if path == "-" else stream
                mended = _mended_input(data) if path == "-" else _mended_file(path, data)
                document = mended.document
            else:
                mended, document = None, load(path)
            names.append(document.path)
            sources[document.path] = document.text
            if mended and mended.found is not None:
                found += mended.found
                nets += [mended.net] if mended.net else []
            else:
                nets.append(_checked(document))
                found += _warnings(document, nets[-1], data)
        except SpecError as error:
            names += [each for each in dict.fromkeys(d.span.path for d in error.diagnostics) if each not in names]
            sources |= error.sources
            found += error.diagnostics
    if len(nets) > 1:
        from netspec.lint.clashes import clashes

        found += clashes(nets)
    if any(each.fix for each in found):
        from netspec.fixes import settle  # a clean run need not wait for it

        found = settle(found, sources)
    _print(found, sources, names, format, strict, stream)
    return FINDINGS if any(strict or diagnostic.severity == "error" for diagnostic in found) else OK


def _checked(document: Document) -> Checked:
    from netspec.check import check

    return check(document)


def _warnings(document: Document, checked: Checked, data: bool) -> list[Diagnostic]:
    """Return the warnings about a spec. Raises `SpecError` with all that is wrong with its data."""
    if not data:
        return list(checked.warnings)
    from netspec.data.check import data_findings
    from netspec.lint import unsilenced

    return [*checked.warnings, *unsilenced(document, data_findings(checked.graph))]


class _Mended(NamedTuple):
    """A spec after what is certain in it was put right; the findings in it and its net, if they are known."""

    document: Document
    found: tuple[Diagnostic, ...] | None = None
    net: Checked | None = None


def _mended_file(path: str, data: bool) -> _Mended:
    from netspec import fixes
    from netspec.spec import source

    before = source.read(path)
    after, last = _mended(before, path, data)
    if after != before:
        fixes.write(path, after)
    return last or _Mended(source.parse(after, path))


def _mended_input(data: bool) -> _Mended:
    from netspec.spec import source

    before = _standard_input()
    source.refuse_large(before, "<stdin>")  # what was read is not all of it: nothing to write
    after, last = _mended(before, "<stdin>", data)
    sys.stdout.buffer.write(after)
    sys.stdout.buffer.flush()
    return last or _Mended(source.parse(after, "<stdin>"))


def _mended(before: bytes, path: str, data: bool) -> tuple[bytes, _Mended | None]:
    """Return the bytes of a spec put right, and what the last look at them found, if it found nothing to put right."""
    from netspec import fixes
    from netspec.diagnostics import SpecError

    last: Document | None = None
    net: Checked | None = None

    def check(content: bytes) -> Iterable[Diagnostic]:
        nonlocal last, net
        last = net = None
        try:
            last = fixes.parsed(content, path)
            net = _checked(last)
            return _warnings(last, net, data)
        except SpecError as error:
            return error.diagnostics

    mended = fixes.mend(before, path, check)
    for fix in mended.fixes:
        print_progress(fixes.described(fix))
    if count := len(mended.fixes):
        print_progress(f"{path}: fixed {count} problem{'s' if count > 1 else ''}")
    return mended.data, _Mended(last, mended.found, net) if last and mended.found is not None else None


def _print(
    found: list[Diagnostic], sources: dict[str, str], paths: list[str], format: str, strict: bool, stream: TextIO
) -> None:
    if format == "text":
        if found:
            print_findings(found, sources, stream)
    elif format == "json":
        from netspec.diagnostics import render_json

        stream.write(render_json(found))
    else:
        from netspec.diagnostics import worth_showing
        from netspec.formats import Report, render

        shown, omitted = worth_showing(found)
        stream.write(render(format, Report(tuple(shown), sources, tuple(paths), strict, omitted)))


def specs_among(paths: Iterable[str]) -> list[str]:
    """Return the paths without the files that hold no spec; what cannot be read stays, for its reader to say so."""

    def belongs(path: str) -> bool:
        try:
            return path == "-" or _holds_spec(path)
        except OSError:
            return True

    return [path for path in paths if belongs(path)]


def _holds_spec(path: str) -> bool:
    """Return whether a file has a `netspec:` key of its own, not one inside another. Raises OSError.

    A key in UTF-16 or UTF-32 counts too, so that the reader can refuse the file: PowerShell's `>` writes UTF-16.
    """
    from netspec.spec.source import MAX_BYTES
    from netspec.system.files import open_regular

    with open_regular(path) as file:
        data = file.read(MAX_BYTES + 1)  # a larger one is no spec: its reader says so if it begins as one
    return is_spec(data)


def is_spec(data: bytes) -> bool:
    """Return whether the bytes of a file have a `netspec:` key of their own."""
    for mark in _BYTE_ORDER_MARKS:
        data = data.removeprefix(mark)
    if b"\0" in data:  # ASCII in UTF-16 and UTF-32, of either byte order, with or without a mark
        data = data.replace(b"\0", b"")
    if b"netspec" not in data:
        return False
    import re

    return re.search(rb"""(?:^|[\r\n]|\A\s*\{\s*)(["']?)netspec\1[ \t]*:""", data) is not None


def load(path: str) -> Document:
    """Read a spec, from standard input where its path is `-`."""
    from netspec.spec import source

    return source.parse(_standard_input(), "<stdin>") if path == "-" else source.load(path)


def _standard_input() -> bytes:
    """Return what standard input holds, as much as `source.parse` takes; raise SpecError if it cannot be read."""
    from netspec.diagnostics import Diagnostic, Span, SpecError
    from netspec.spec import source

    if sys.stdin is None:
        reason = "it is closed"
    else:
        try:
            return sys.stdin.buffer.read(source.MAX_BYTES + 1)
        except (OSError, ValueError) as error:  # a folder; a stream that is open for writing only
            reason = (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower()
    message = f"standard input cannot be read: {reason}"
    raise SpecError(
        Diagnostic("unreadable-file", message, Span("<stdin>", 1, 1, 1, 1), help="write `netspec check - < net.yaml`")
    )


def wants_color(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


def print_findings(found: Iterable[Diagnostic], sources: dict[str, str], stream: TextIO) -> None:
    from netspec.diagnostics import render_text

    stream.write(render_text(found, sources, color=wants_color(stream)))


def print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
