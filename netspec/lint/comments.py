"""Comments that silence warnings: `# netspec: ignore[rule, rule]` and `# netspec: ignore-file[rule]`.

The first speaks of its own line, or, alone on a line, of the next line that is more than a comment. It silences what
is found in the layer whose type or faulty key stands there, and in the layers of a block that is used there. The
second, anywhere, speaks of the whole file. A reason may follow the bracket.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from netspec.diagnostics import Diagnostic, Span, nearest, suggestion
from netspec.source import Document


class Warned(NamedTuple):
    """A warning and the lines whose comments silence it."""

    diagnostic: Diagnostic
    lines: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Ignore:
    """One rule in one comment, as written at `span`; `line` is the line it speaks of, None for the file."""

    rule: str
    span: Span
    line: int | None


def silence(document: Document, found: Iterable[Warned], names: Sequence[str]) -> tuple[Diagnostic, ...]:
    """Return the warnings that no comment silences, then those about the comments. `names` are all that exist."""
    warned = list(found)
    if not _WORD.search(document.text):
        return tuple(each.diagnostic for each in warned)
    ignores: list[_Ignore] = []
    about: list[Diagnostic] = []
    for read in _comments(document):
        (ignores if isinstance(read, _Ignore) else about).append(read)  # type: ignore[arg-type]
    of_file = {each.rule: each for each in ignores if each.line is None}
    of_line = {(each.rule, each.line): each for each in ignores if each.line is not None}
    used: set[_Ignore] = set()
    kept: list[Diagnostic] = []
    for diagnostic, lines in warned:
        here = [of_line[key] for key in ((diagnostic.rule, line) for line in lines) if key in of_line]
        here += [of_file[diagnostic.rule]] if diagnostic.rule in of_file else []
        used.update(here)
        if not here:
            kept.append(diagnostic)
    about += [
        _unknown(each, names) if each.rule not in names else _unused(each) for each in ignores if each not in used
    ]
    return (*kept, *about)


def _unknown(ignore: _Ignore, names: Sequence[str]) -> Diagnostic:
    message = f"'{ignore.rule}' is no warning; errors cannot be silenced"
    return _warning("unknown-rule", message, ignore.span, suggestion(ignore.rule, names, "the warnings are"))


def _unused(ignore: _Ignore) -> Diagnostic:
    where = "in this file" if ignore.line is None else f"on line {ignore.line}"
    return _warning("unused-ignore", f"there is no {ignore.rule} {where} to ignore", ignore.span, "remove it")


def _warning(rule: str, message: str, span: Span, help: str) -> Diagnostic:
    return Diagnostic(rule, message, span, "warning", help)


# Wide enough to catch misspellings; whether it is one of ours is decided below.
_WORD = re.compile(r"#[ \t]*netspec:[ \t]*([A-Za-z_-]+)[ \t]*(\[[^\]\n]*\]?)?")
_KINDS = ("ignore", "ignore-file")


def _comments(document: Document) -> Iterator[_Ignore | Diagnostic]:
    text = document.text
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    scalars = _scalars(text)
    for match in _WORD.finditer(text):
        if _is_inside(scalars, match.start()):
            continue
        number = bisect_right(starts, match.start())

        def span_of(begin: int, end: int, number: int = number) -> Span:
            first = starts[number - 1] - 1
            return Span(document.path, number, begin - first, number, end - first)

        word, bracket = match[1], match[2] or ""
        rules = [(found[0], match.start(2) + found.start()) for found in re.finditer(r"[^\s,\[\]]+", bracket)]
        if word not in _KINDS or not bracket.endswith("]") or not rules:
            if nearest(word, _KINDS):
                yield _malformed(word, [rule for rule, _ in rules], span_of(*match.span()))
            continue
        line = None if word == "ignore-file" else _target(text, starts, number)
        for rule, begin in rules:
            yield _Ignore(rule, span_of(begin, begin + len(rule)), line)


def _malformed(word: str, rules: list[str], span: Span) -> Diagnostic:
    kind = nearest(word, _KINDS) or _KINDS[0]
    rule = "bad-ignore"
    if not rules:
        return _warning(
            rule, f"'netspec: {word}' names no warning", span, f"name it: `# netspec: {kind}[even-kernel-same]`"
        )
    form = f"# netspec: {kind}[{', '.join(rules)}]"
    return _warning(rule, f"'netspec: {word}' silences nothing as it is written", span, f"write `{form}`")


def _target(text: str, starts: list[int], number: int) -> int:
    """Return the line that a comment on line `number` speaks of."""
    lines = len(starts)

    def line(each: int) -> str:
        return text[starts[each - 1] : starts[each] if each < lines else len(text)].strip()

    if not line(number).startswith("#"):
        return number
    return next((each for each in range(number + 1, lines + 1) if line(each)[:1] not in ("", "#")), number)


# As in netspec._yaml: libyaml's scanner gives the same tokens, ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _scalars(text: str) -> list[tuple[int, int]]:
    """Return where scalars stand in a text that was parsed before: a `#` within one is no comment."""
    spans: list[tuple[int, int]] = []
    for token in yaml.scan(text, Loader=_LOADER):
        if isinstance(token, yaml.ScalarToken):
            begin, end = token.start_mark.index, token.end_mark.index
            if token.style in ("|", ">"):  # a comment may follow the indicator
                begin = text.find("\n", begin, end) if "\n" in text[begin:end] else end
            spans.append((begin, end))
    return spans


def _is_inside(scalars: list[tuple[int, int]], offset: int) -> bool:
    index = bisect_right(scalars, (offset, len(scalars) and scalars[-1][1]))
    return index > 0 and offset < scalars[index - 1][1]
