"""Findings as values: a place in a file, what is wrong there, and how to put it right.

Whoever finds a fault makes a `Diagnostic` and raises a `SpecError` with all it found. Nothing here prints:
the renderers turn findings into one string, sorted by position and without repetitions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal

Severity = Literal["error", "warning"]

TAB_STOP = 4
SNIPPET_WIDTH = 120
"""Widest source line, in terminal cells, that is shown whole; a longer one is trimmed around the caret."""
_SNIPPET_CHARACTERS = 4 * SNIPPET_WIDTH
"""Characters on each side of the caret that are looked at: some take no cell."""
MAX_FAULTS = 100
"""A stage stops looking after so many findings in one file; more only delay the first."""
_FIXING: ContextVar[bool] = ContextVar("fixing", default=False)
MAX_SHOWN = 50
"""Findings of one file that are printed, errors first; the others are counted."""
MAX_NOTES = 12
LONGEST_WORD = 250
"""Characters of one word in a message, which is more than the longest name that a layer may have."""
LONGEST_MESSAGE = 4_000
"""Characters; the list of all layer types is half of it."""


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A stretch of one file: 1-based lines, 1-based columns in characters, the end exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Note:
    """A fact that explains a finding, with the place it speaks of, if it has one."""

    message: str
    span: Span | None = None

    def __post_init__(self) -> None:
        if len(self.message) > LONGEST_WORD:
            object.__setattr__(self, "message", brief(self.message))


@dataclass(frozen=True, slots=True)
class Fix:
    """What puts a finding right for certain: `replacement` in place of `original`, which must stand at `span`."""

    span: Span
    original: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `path` is the dotted place in the spec, such as `layers[3].conv2d.filters`, or empty.

    It has a `fix` only where nobody could mean anything else; the text of `help` is for people and guesses more.
    Texts are cut to what a person reads, whatever a file holds, and so are notes.
    """

    rule: str
    message: str
    span: Span
    severity: Severity = "error"
    help: str | None = None
    notes: tuple[Note, ...] = ()
    path: str = ""
    fix: Fix | None = None
    order: int = 0
    """Place among the findings of one span, such as those of a model file, which has no lines."""

    def __post_init__(self) -> None:
        if len(self.message) > LONGEST_WORD:
            object.__setattr__(self, "message", brief(self.message))
        if self.help is not None and len(self.help) > LONGEST_WORD:
            object.__setattr__(self, "help", brief(self.help))
        if len(self.notes) > MAX_NOTES:
            rest = Note(f"and {len(self.notes) - MAX_NOTES + 1:,} more places")
            object.__setattr__(self, "notes", (*self.notes[: MAX_NOTES - 1], rest))


_LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


def brief(text: str) -> str:
    """Return a text for a message: without the middle of a word that is too long, and cut where all of it is."""
    if len(text) > LONGEST_WORD:
        text = _LONG_WORD.sub(lambda word: f"{word[0][:80]}…{word[0][-20:]}", text)
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"


@contextmanager
def every_fix() -> Iterator[None]:
    """Let stages go on past `MAX_FAULTS` findings that have a fix, so that one look finds all that can be fixed."""
    token = _FIXING.set(True)
    try:
        yield
    finally:
        _FIXING.reset(token)


def counts(fault: Diagnostic) -> bool:
    """Return whether a finding counts towards `MAX_FAULTS`."""
    return fault.fix is None or not _FIXING.get()


def first_faults(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the first findings, `MAX_FAULTS` of those that count."""
    kept: list[Diagnostic] = []
    room = MAX_FAULTS
    for each in found:
        room -= counts(each)
        if room < 0:
            break
        kept.append(each)
    return kept


class SpecError(Exception):
    """The user's spec is wrong (exit 1).

    `sources` holds the text of files that the raiser had already read, by path, so that the findings of a
    file that never became a document can still be shown with their lines.
    """

    def __init__(
        self, diagnostics: Diagnostic | Iterable[Diagnostic], sources: Mapping[str, str] | None = None
    ) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = (
            (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        )
        self.sources: dict[str, str] = dict(sources or {})
        super().__init__(self.diagnostics, self.sources)

    def __str__(self) -> str:
        return "\n".join(_headline(diagnostic, _leave) for diagnostic in self.diagnostics)


class ToolError(Exception):
    """The environment or a tool failed, not the spec (exit 3)."""

    def __init__(self, message: str, help: str | None = None) -> None:
        self.message = message
        self.help = help
        super().__init__(message, help)

    def __str__(self) -> str:
        return self.message


# ----------------------------------------------------------------------------------------------- did you mean


_LONGEST_NAME = 60  # characters
_MOST_EDITS = 6
_MOST_COMPARED = 150  # names
_MOST_LOOKED_AT = 1000
_MOST_NEAR = 8  # names; of more that are equally near none is a hint


class InvalidValue(ValueError):
    """A value that its key does not take.

    `predicate` follows the key's name in the message ("must be ..."). `help` says what to write instead; where that
    names the key, it is a function of the key's name. `place` are the keys and indices that lead to a fault inside the
    value.
    """

    def __init__(
        self, predicate: str, help: str | Callable[[str], str] | None = None, *, place: tuple[str | int, ...] = ()
    ) -> None:
        super().__init__(predicate)
        self.predicate = predicate
        self.help = help
        self.place = place

    def help_for(self, key: str) -> str | None:
        """Return what to write instead."""
        return self.help(key) if callable(self.help) else self.help


class WrongName(InvalidValue):
    """A name inside a value that is none of the candidates. `kind` is one of `netspec.names.meant`.

    `help` is for a name that is near to none of them.
    """

    def __init__(
        self,
        predicate: str,
        word: str,
        candidates: Iterable[str],
        kind: str,
        *,
        known: str | None = None,
        help: str | None = None,
    ) -> None:
        self.word = word
        self.candidates = tuple(candidates)
        self.kind = kind
        super().__init__(predicate, help or f"{known or f'the {kind}s are'} {', '.join(self.candidates)}")


def write(*values: str) -> Callable[[str], str]:
    """Return the help that gives a key one of these values."""
    return lambda key: f"write {' or '.join(f'`{key}: {value}`' for value in values)}"


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that `word` was probably meant to be, or None if none is clearly the closest."""
    found = all_nearest(word, candidates)
    return found[0] if len(found) == 1 else None


def all_nearest(word: str, candidates: Iterable[str]) -> list[str]:
    """Return the candidates that `word` was probably meant to be: those that are equally near, if they are few.

    Spelling that differs only in case, `_`, `-` or blanks always counts. Otherwise one edit (insertion,
    deletion, substitution, swap of neighbours) for each three letters is forgiven; then a word of four
    letters or more that begins exactly one candidate. Of many candidates the first ones are compared.
    """
    if len(word) > _LONGEST_NAME:
        return []
    return list(_all_nearest(word, tuple(dict.fromkeys(islice(candidates, _MOST_LOOKED_AT)))))


@lru_cache(maxsize=1024)
def _all_nearest(word: str, names: tuple[str, ...]) -> list[str]:
    """Return what `all_nearest` does; kept, for the same slip comes again with every use of a block."""
    plain_word, used = letters(word), _letters_used(letters(word))
    best: list[str] = []
    best_distance = min(len(plain_word) // 3, _MOST_EDITS)
    candidates = _spelled(names)
    for name, plain_name, _ in candidates:
        if plain_name == plain_word:
            return [name]
    for name, plain_name, others in candidates[:_MOST_COMPARED]:
        # An edit takes away one letter at most, and brings one at most.
        if (used & ~others).bit_count() > best_distance or (others & ~used).bit_count() > best_distance:
            continue
        if abs(len(plain_name) - len(plain_word)) <= best_distance:
            distance = edits(plain_word, plain_name)
            if distance < best_distance:
                best, best_distance = [], distance
            if distance == best_distance > 0:
                best.append(name)
    if not best and len(plain_word) >= 4:
        longer = [name for name, plain_name, _ in candidates if plain_name.startswith(plain_word)]
        return longer if len(longer) == 1 else []
    return best if len(best) <= _MOST_NEAR else []


@lru_cache(maxsize=64)
def _spelled(names: tuple[str, ...]) -> tuple[tuple[str, str, int], ...]:
    """Return each name with its letters, and the set of them."""
    return tuple((name, letters(name), _letters_used(letters(name))) for name in names)


def _letters_used(word: str) -> int:
    """Return the set of a word's letters, a bit for each; letters that share a bit count as one."""
    bits = 0
    for letter in word:
        bits |= 1 << ord(letter) % 64
    return bits


def same_letters(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that is spelt like `word` but for case, `_`, `-` and blanks."""
    plain_word = letters(word)
    return next((name for name in islice(candidates, _MOST_LOOKED_AT) if letters(name) == plain_word), None)


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """Return the question for a wrong name; None where nothing is near."""
    found = [f"`{name}`" for name in all_nearest(word, candidates)]
    return f"did you mean {listed(found)}?" if found else None


def suggestion(word: str, candidates: Iterable[str], known: str) -> str:
    """Return the help for a wrong name: what was probably meant, else the candidates, after the words of `known`.

    A word that stands in some candidates lists those, so that `crossentropy` finds `binary_crossentropy`.
    """
    names = list(dict.fromkeys(candidates))
    found = all_nearest(word, names) or containing(word, names)
    if found:
        return f"did you mean {listed([f'`{name}`' for name in found])}?"
    return f"{known} {some_of(names, _MOST_COMPARED)}" if names else f"{known} none"


def some_of(names: Sequence[str], most: int = 10) -> str:
    """Return names with commas between; of more than `most` the first ones, and how many there are beside them."""
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{rest}"


def containing(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that have a word of four letters or more in them."""
    plain_word = letters(word)
    return [name for name in islice(names, _MOST_LOOKED_AT) if len(plain_word) >= 4 and plain_word in letters(name)]


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them: `a, b or c`."""
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]


@lru_cache(maxsize=4096)
def letters(word: str) -> str:
    """Return a name without what spellings differ in: lower case, without `_`, `-` and blanks."""
    return re.sub(r"[\s_-]+", "", word).lower()


def edits(a: str, b: str) -> int:
    """Return the optimal string alignment distance (restricted Damerau-Levenshtein) of two words.

    The bits of an integer are one row of the table of distances, as differences of neighbours (Hyyrö, "A bit-vector
    algorithm for computing Levenshtein and Damerau edit distances", 2003).
    """
    if not a or not b:
        return len(a) + len(b)
    places: dict[str, int] = {}  # by letter: where it is in `a`
    for place, letter in enumerate(a):
        places[letter] = places.get(letter, 0) | 1 << place
    every, last = (1 << len(a)) - 1, 1 << len(a) - 1
    higher, lower = every, 0  # where a distance is one more, or one less, than that above it
    same = before = 0
    distance = len(a)
    for letter in b:
        here = places.get(letter, 0)
        swapped = ((~same & here) << 1) & before
        same = (((here & higher) + higher) ^ higher) | here | lower | swapped
        more = lower | ~(same | higher)
        less = same & higher
        distance += bool(more & last) - bool(less & last)
        more = more << 1 | 1
        higher = (less << 1 | ~(same | more)) & every
        lower = more & same & every
        same &= every
        before = here
    return distance


# -------------------------------------------------------------------------------------------------- rendering


def render_text(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], *, color: bool = False) -> str:
    """Return the findings for people: headline, source line, caret, notes, help; with blank lines between.

    `sources` maps a file's path to its text; a finding in a file that is not there is shown without its line.
    The result is empty, or ends in a newline.
    """
    paint = _paint if color else _leave
    lines_of: dict[str, list[str]] = {}
    blocks = []
    found, omitted = worth_showing(diagnostics)
    for diagnostic in found:
        span = diagnostic.span
        if span.path not in lines_of:
            lines_of[span.path] = split_lines(sources[span.path]) if span.path in sources else []
        blocks.append(_block(diagnostic, lines_of[span.path], paint))
    blocks += [f"{_visible(path)}: and {count} more\n" for path, count in omitted.items()]
    return "\n".join(blocks)


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return the findings for programs, as `netspec check --format json` prints them; ends in a newline.

    `path` is the file's; lines and columns are 1-based, the end exclusive. Only ASCII is written, so that any
    terminal or pipe can carry it. Where a file has more findings than are listed, `omitted` counts the others.
    """
    import json  # here, for most runs find nothing and print text

    found, omitted = worth_showing(diagnostics)
    rows = [
        {
            "rule": diagnostic.rule,
            "severity": diagnostic.severity,
            "message": encodable(diagnostic.message),
            "help": None if diagnostic.help is None else encodable(diagnostic.help),
            "path": encodable(diagnostic.span.path),
            "line": diagnostic.span.line,
            "column": diagnostic.span.column,
            "end_line": diagnostic.span.end_line,
            "end_column": diagnostic.span.end_column,
            **({"fix": _fix_row(diagnostic.fix)} if diagnostic.fix else {}),
        }
        for diagnostic in found
    ]
    rest = {"omitted": omitted} if omitted else {}
    return json.dumps({"schema_version": 1, "diagnostics": rows, **rest}, indent=2) + "\n"


def _fix_row(fix: Fix) -> dict[str, str | int]:
    return {
        "line": fix.span.line,
        "column": fix.span.column,
        "end_line": fix.span.end_line,
        "end_column": fix.span.end_column,
        "replacement": fix.replacement,
    }


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sort by position and keep one of those that say the same of the same place."""
    unique = {(d.span, d.severity, d.order, d.rule, d.message): d for d in reversed(list(diagnostics))}
    return [unique[key] for key in sorted(unique)]


def worth_showing(diagnostics: Iterable[Diagnostic]) -> tuple[list[Diagnostic], dict[str, int]]:
    """Return findings in order, of each file at most `MAX_SHOWN`, errors first; and the numbers of the others."""
    found = in_order(diagnostics)
    counts = Counter(each.span.path for each in found)
    if max(counts.values(), default=0) <= MAX_SHOWN:
        return found, {}
    room = dict.fromkeys(counts, MAX_SHOWN)
    kept = []
    for each in sorted(found, key=lambda each: each.severity):  # "error" comes before "warning"
        room[each.span.path] -= 1
        if room[each.span.path] >= 0:
            kept.append(each)
    return in_order(kept), {path: count - MAX_SHOWN for path, count in counts.items() if count > MAX_SHOWN}


_Paint = Callable[[str, str], str]
_STYLES = {"error": "1;31", "warning": "1;35", "gutter": "1;34", "label": "1;36", "strong": "1"}


def _paint(text: str, style: str) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def _leave(text: str, style: str) -> str:
    return text


def _headline(diagnostic: Diagnostic, paint: _Paint) -> str:
    span = diagnostic.span
    return (
        f"{paint(f'{_visible(span.path)}:{span.line}:{span.column}:', 'strong')} "
        f"{paint(f'{diagnostic.severity}:', diagnostic.severity)} "
        f"{paint(_visible(diagnostic.message), 'strong')} [{diagnostic.rule}]"
    )


def _block(diagnostic: Diagnostic, lines: list[str], paint: _Paint) -> str:
    span = diagnostic.span
    margin = " " * (len(str(span.line)) + 1)
    rows = [_headline(diagnostic, paint)]
    if 1 <= span.line <= len(lines):
        line = lines[span.line - 1]
        last = span.end_column if span.end_line == span.line else len(line) + 1
        shown, caret = _snippet(line, span.column - 1, last - 1)
        bar = paint("|", "gutter")
        rows.append(f"{margin}{bar}")
        rows.append(f"{paint(str(span.line), 'gutter')} {bar} {shown}".rstrip())
        rows.append(f"{margin}{bar} {caret[0]}{paint(caret[1], diagnostic.severity)}")
    for note in diagnostic.notes:
        rows.append(f"{margin}= {paint('note:', 'label')} {_visible(note.message)}{_where(note.span, span.path)}")
    if diagnostic.help is not None:
        rows.append(f"{margin}= {paint('help:', 'label')} {_visible(diagnostic.help)}")
    return "\n".join(rows) + "\n"


def _where(span: Span | None, path: str) -> str:
    if span is None:
        return ""
    return f", line {span.line}" if span.path == path else f", {_visible(span.path)}:{span.line}"


def _snippet(line: str, start: int, end: int) -> tuple[str, tuple[str, str]]:
    """Return the line as shown, and (blanks, marker) to stand below characters `start` up to `end`."""
    start = min(max(start, 0), len(line))
    first = max(0, start - _SNIPPET_CHARACTERS)
    rest = len(line) > start + _SNIPPET_CHARACTERS
    cells = _cells(line[first : start + _SNIPPET_CHARACTERS])
    start -= first
    end = min(max(end - first, start), len(cells))
    low, high = _window(cells, start)
    before = "…" if first + low > 0 else ""
    after = "…" if rest or high < len(cells) else ""
    shown = before + "".join(text for text, _ in cells[low:high]) + after
    indent = len(before) + sum(width for _, width in cells[low:start])
    width = sum(width for _, width in cells[start : min(end, high)])
    return shown, (" " * indent, "^" + "~" * (width - 1))


def _window(cells: list[tuple[str, int]], start: int) -> tuple[int, int]:
    """Return the range of cells to show: all, or as many as fit with `start` about a third from the left."""
    if sum(width for _, width in cells) <= SNIPPET_WIDTH:
        return 0, len(cells)
    low, room = start, SNIPPET_WIDTH // 3
    while low > 0 and room >= cells[low - 1][1]:
        low -= 1
        room -= cells[low][1]
    high, room = low, SNIPPET_WIDTH
    while high < len(cells) and room >= cells[high][1]:
        room -= cells[high][1]
        high += 1
    return low, high


def _cells(line: str) -> list[tuple[str, int]]:
    """Return what a terminal shows for each character of a line, and how many columns that takes."""
    if line.isascii() and line.isprintable():
        return [(character, 1) for character in line]
    from unicodedata import category, east_asian_width

    cells = []
    column = 0
    for character in line:
        if character == "\t":
            width = TAB_STOP - column % TAB_STOP
            shown = " " * width
        elif _UNSHOWABLE.match(character):
            shown, width = "\ufffd", 1
        elif category(character) in ("Mn", "Me", "Cf"):
            shown, width = character, 0
        else:
            shown, width = character, 2 if east_asian_width(character) in "WF" else 1
        cells.append((shown, width))
        column += width
    return cells


def split_lines(text: str) -> list[str]:
    """Split as editors do; `str.splitlines` would also split at form feeds and Unicode separators."""
    return re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))


def encodable(text: str) -> str:
    """Return text that UTF-8 can encode: bytes of a file name that are not UTF-8 become escapes such as `\\udce9`.

    Python keeps such bytes as lone surrogates, which JSON, SARIF and files of text may not hold.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _visible(text: str) -> str:
    """Escape what could move the cursor, reorder the line or fail to encode."""
    return _UNSHOWABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
