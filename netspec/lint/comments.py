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

from netspec.diagnostics import MAX_FAULTS, Diagnostic, Span, nearest, suggestion
from netspec.spec.source import Document


class Warned(NamedTuple):
    """A warning, the lines whose comments silence it, and the layer it is about, if it is about one."""

    diagnostic: Diagnostic
    lines: frozenset[int]
    layer: str = ""


_ELSEWHERE = ("data-", "shared-")
"""How the rules about other files begin: only who reads them knows whether an ignore of one is of use."""


@dataclass(frozen=True, slots=True)
class _Ignore:
    """One rule in one comment, as written at `span`; `line` is the line it speaks of, None for the file."""

    rule: str
    span: Span
    line: int | None


def silence(
    document: Document, found: Iterable[Warned], names: Sequence[str]
) -> tuple[list[Warned], tuple[Diagnostic, ...]]:
    """Return the findings that no comment silences, and warnings about the comments. `names` are all rules to silence.

    An error stays, whatever a comment says.
    """
    warned = list(found)
    if not _WORD.search(document.text):
        return warned, ()
    read = list(_comments(document))
    ignores = [each for each in read if isinstance(each, _Ignore)]
    asked = {(each.rule, each.line) for each in ignores}
    used: set[tuple[str, int | None]] = set()
    kept: list[Warned] = []
    for each in warned:
        is_warning = each.diagnostic.severity == "warning"
        here = asked & {(each.diagnostic.rule, line) for line in (None, *each.lines) if is_warning}
        used |= here
        if not here:
            kept.append(each)
    about = [each for each in read if isinstance(each, Diagnostic)]
    idle = [each for each in ignores if (each.rule, each.line) not in used and not each.rule.startswith(_ELSEWHERE)]
    about += [_unused(each) if each.rule in names else _unknown(each, names) for each in idle[:MAX_FAULTS]]
    return kept, tuple(about)


def unsilenced(document: Document, found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return findings without the warnings that a comment silences, on their line or for the file."""
    kept, _ = silence(document, [Warned(each, frozenset({each.span.line})) for each in found], ())
    return [each.diagnostic for each in kept]


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
    targets = _targets(text)
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
        line = None if word == "ignore-file" else targets[number - 1]
        for rule, begin in rules:
            yield _Ignore(rule, span_of(begin, begin + len(rule)), line)


def _malformed(word: str, rules: list[str], span: Span) -> Diagnostic:
    kind = nearest(word, _KINDS) or _KINDS[0]
    message = f"'netspec: {word}' {'is not written as an ignore' if rules else 'names no warning'}"
    help = f"write `# netspec: {kind}[{', '.join(rules or ['even-kernel-same'])}]`"
    return _warning("bad-ignore", message, span, help)


def _targets(text: str) -> list[int]:
    """Return for each line the one that a comment on it speaks of: itself, or the next that is more than a comment."""
    targets: list[int] = []
    below: int | None = None
    lines = text.split("\n")
    for number in range(len(lines), 0, -1):
        first = lines[number - 1].lstrip()[:1]
        if first not in ("", "#"):
            below = number
        targets.append(below if first == "#" and below is not None else number)
    return targets[::-1]


# As in netspec.spec.yaml: libyaml's scanner gives the same tokens, ten times as fast.
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
