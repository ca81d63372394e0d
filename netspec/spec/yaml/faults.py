"""pyyaml's syntax errors -> findings that say what stands in the file and what to write instead.

A YAML parser notices a slip late and names it by its grammar ("did not find expected key"). Each function
below knows one such name, looks at the text around the mark, and tells the likely slip. libyaml and pyyaml's
own parser word their problems differently; the patterns fit both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from netspec.diagnostics import Diagnostic, Note, Span
from netspec.spec.yaml.scalars import short

_MISSING_SPACE = re.compile(r"(?P<lead>[\s-]*)(?P<key>[A-Za-z_$][\w$.-]*):(?P<value>[^\s:/\\][^:]*)$")
_MISSING_SPACE_AFTER_DASH = re.compile(r"(?P<lead>\s*)-(?P<value>[^\s-].*)$")


@dataclass(frozen=True, slots=True)
class _Site:
    """Where the parser stopped (`line`, `column`) and what it was reading since where; all 0-based."""

    path: str
    lines: list[str]
    context: str
    line: int
    column: int
    since: tuple[int, int] | None
    bracket: tuple[int, int] | None  # the innermost open `[` or `{`, as far as the tree is built

    @property
    def text(self) -> str:
        return self.lines[self.line]

    @property
    def rest(self) -> str:
        return self.text[self.column :]

    @property
    def at_end(self) -> bool:
        return not self.rest and not any(self.lines[self.line + 1 :])

    @property
    def indentation(self) -> int:
        return _indentation(self.text)

    def fault(
        self,
        message: str,
        help: str | None = None,
        *,
        at: tuple[int, int] | None = None,
        length: int = 1,
        rule: str = "yaml-syntax",
        notes: tuple[Note, ...] = (),
    ) -> Diagnostic:
        line, column = at or (self.line, self.column)
        length = min(length, max(len(self.lines[line]) - column, 0))
        span = Span(self.path, line + 1, column + 1, line + 1, column + length + 1)
        return Diagnostic(rule, message, span, help=help, notes=notes)

    def note(self, message: str, at: tuple[int, int]) -> Note:
        return Note(message, Span(self.path, at[0] + 1, at[1] + 1, at[0] + 1, at[1] + 2))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def syntax_fault(error: yaml.YAMLError, text: str, path: str, bracket: tuple[int, int] | None) -> Diagnostic:
    """Return the finding for an error of pyyaml's; `bracket` is where the innermost open bracket stands."""
    lines = text.split("\n")
    problem = str(getattr(error, "problem", None) or "it cannot be read")
    context = str(getattr(error, "context", None) or "")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    since = getattr(error, "context_mark", None)
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    last = next((number for number in reversed(range(len(lines))) if lines[number].strip(" \t")), 0)
    if line > last:  # at the end of the file: show the last line that has content
        line, column = last, len(lines[last])
    site = _Site(path, lines, context, line, column, (since.line, since.column) if since else None, bracket)
    found = _tab(site) or next(
        (teller(site) for pattern, teller in _TELLERS if pattern.search(f"{context}: {problem}")), None
    )
    if found is None:
        found = site.fault(f"this is not valid YAML: {short(problem, 80)}", "put the value in quotes if it is text")
    return _no_break_space(found, lines)


def _tab(site: _Site) -> Diagnostic | None:
    lead = site.text[: site.indentation]
    if "\t" in lead and site.column <= len(lead):
        column = lead.index("\t")
        return site.fault(
            "a tab stands in the indentation",
            "indent by spaces",
            at=(site.line, column),
            length=len(lead) - column,
            rule="yaml-tab",
        )
    if site.rest.startswith("\t"):
        return site.fault("a tab stands where only a space may", "write a space", rule="yaml-tab")
    return None


def _no_break_space(found: Diagnostic, lines: list[str]) -> Diagnostic:
    """Point at no-break spaces near a syntax error: they look like the space that the parser missed."""
    for number in (found.span.line - 1, found.span.line - 2):
        if 0 <= number < len(lines) and "\xa0" in lines[number]:
            column = lines[number].index("\xa0")
            span = Span(found.span.path, number + 1, column + 1, number + 1, column + 2)
            message = "a no-break space (U+00A0) stands where a space is meant"
            return Diagnostic("yaml-syntax", message, span, help="replace it by a space")
    return found


def _quote(site: _Site) -> Diagnostic:
    assert site.since is not None
    line, column = site.since
    quote = site.lines[line][column]
    return site.fault(f"this quote is never closed: {quote}", f"end the text with {quote}", at=site.since)


def _escape(site: _Site) -> Diagnostic:
    column = max(site.text.rfind("\\", 0, site.column + 1), 0)
    match = re.match(r"\\(x\w{0,2}|u\w{0,4}|U\w{0,8}|.?)", site.text[column:])
    escape = match[0] if match else "\\"
    help = "write `\\\\` for a backslash, or put the text in single quotes"
    return site.fault(f"`{escape}` is no escape sequence of a string", help, at=(site.line, column), length=len(escape))


def _flow(site: _Site) -> Diagnostic:
    """A list in brackets or a mapping in braces goes on with what cannot belong to it."""
    assert site.since is not None
    line, column = site.since
    opening = site.lines[line][column]
    closing = "]" if opening == "[" else "}"
    if site.text[site.column - 1 : site.column + 1] == "${":
        return site.fault(
            "inside brackets or braces, an expression must be in quotes",
            'write it as in "${width * 2}"',
            at=(site.line, site.column - 1),
            length=2,
        )
    outdented = site.line > line and site.indentation <= _indentation(site.lines[line])
    if site.at_end or (outdented and site.rest[:1] not in ("]", "}")):
        return _never_closed(site, site.since)
    if site.rest[:1] in ("]", "}"):
        note = site.note(f"`{opening}` is opened here", site.since)
        return site.fault(f"`{site.rest[0]}` cannot close `{opening}`", f"write `{closing}` first", notes=(note,))
    note = site.note(f"`{opening}` is opened here", site.since)
    message = f"a comma or `{closing}` is missing before `{_token(site.rest)}`"
    if site.rest.startswith(":"):  # the second key of `{b: 1 c: 2}` was read into the first one's value
        message = f"a comma or `{closing}` is missing before this colon's key"
    return site.fault(message, "put commas between items, and text with punctuation in quotes", notes=(note,))


def _never_closed(site: _Site, bracket: tuple[int, int]) -> Diagnostic:
    opening = site.lines[bracket[0]][bracket[1]]
    closing = "]" if opening == "[" else "}"
    return site.fault(f"this `{opening}` is never closed", f"add the `{closing}`", at=bracket)


def _no_content(site: _Site) -> Diagnostic:
    if site.at_end and site.bracket is not None:
        return _never_closed(site, site.bracket)
    if site.rest[:1] in ("]", "}") and site.bracket is None:
        return site.fault(f"this `{site.rest[0]}` closes nothing", "remove it, or put the text in quotes")
    if site.rest.startswith(":"):
        return site.fault("a key is missing before this colon", "write a name before it")
    return site.fault(f"a value is missing before `{_token(site.rest)}`", "write a value, or put the text in quotes")


def _no_colon(site: _Site) -> Diagnostic:
    """A line stands where a key must, but has no `: `; the parser noticed at the line after."""
    line, column = site.since or (site.line, site.column)
    return _missing_space(site, line) or _missing_space_after_dash(site, line) or _no_key(site, line, column)


def _no_key(site: _Site, line: int, column: int) -> Diagnostic:
    text = site.lines[line][column:].rstrip()
    key = text.split(" ", 1)
    help = f"write `{short(text)}: VALUE`, or `- {short(text)}` if it is an item of a list"
    if len(key) == 2:
        help = f"write `{short(key[0])}: {short(key[1])}` if that is meant"
    return site.fault(f"`{short(text)}` is not a key with a value", help, at=(line, column), length=len(text))


def _missing_space(site: _Site, line: int) -> Diagnostic | None:
    match = _MISSING_SPACE.match(site.lines[line]) if 0 <= line < len(site.lines) else None
    if match is None:
        return None
    key, value = match["key"], match["value"]
    return site.fault(
        f"a space is missing after the colon of `{short(key)}`",
        f"write `{short(key)}: {short(value)}`",
        at=(line, match.start("key")),
        length=len(key) + 1,
    )


def _missing_space_after_dash(site: _Site, line: int) -> Diagnostic | None:
    match = _MISSING_SPACE_AFTER_DASH.match(site.lines[line])
    if match is None:
        return None
    help = f"write `- {short(match['value'])}`"
    return site.fault("a space is missing after the dash", help, at=(line, len(match["lead"])))


def _second_colon(site: _Site) -> Diagnostic:
    """A colon follows what is already a whole value."""
    before = site.text[: site.column]
    if re.search(r":\s", before):
        return site.fault(
            "a value without quotes cannot contain a colon and a space",
            "put the value in quotes, or start the inner mapping on a line of its own",
        )
    above = site.line - 1
    while above > 0 and not site.lines[above].strip(" \t"):
        above -= 1
    lead = site.indentation
    key = site.text[lead : site.column].strip()
    if found := _missing_space(site, above):
        return found
    if _indentation(site.lines[above]) == lead and not re.match(r"[-?]\s", site.lines[above][lead:]):
        return _no_key(site, above, lead)
    return site.fault(
        f"`{short(key)}` is indented as a part of the value above it, which is not a mapping",
        "indent it like the keys that it belongs to",
        at=(site.line, lead),
        length=max(len(key), 1),
        notes=(site.note("the value above", (above, _indentation(site.lines[above]))),),
    )


def _out_of_place(site: _Site) -> Diagnostic:
    """The block goes on with what is neither its next key or item nor its end."""
    if site.column > site.indentation:
        torn = site.text[site.column - 1] == "'"  # as in 'it's'
        help = "put all of the value in quotes"
        if torn:
            help = "write a quote inside single quotes twice, as in 'it''s'"
        message = f"`{_token(site.rest)}` stands after the end of the value"
        return site.fault(message, help, length=len(_token(site.rest)))
    begun = site.since or (0, 0)
    item = re.match(r"-(\s|$)", site.rest) is not None
    if re.match(r":(\s|$)", site.rest):
        return site.fault("a key is missing before this colon", "write a name before it")
    if begun[1] == site.column and item != ("block collection" in site.context):
        if item:
            message, help = (
                "a list item stands among the keys of a mapping",
                "indent it like its list's other items",
            )
        else:
            message, help = (
                "a key stands among the items of a list",
                "start it with `- `, or indent it like its keys",
            )
        note = site.note(f"the {'mapping' if item else 'list'} starts here", begun)
        return site.fault(message, help, notes=(note,))
    return site.fault(
        f"this line is indented by {site.column}, which fits none of the lines above",
        "indent it like the keys or items that it belongs to",
        notes=(site.note(f"these are indented by {begun[1]}", begun),),
    )


def _bad_start(site: _Site) -> Diagnostic:
    help = f"put it in quotes: '{short(site.rest.rstrip())}'"
    what = "a backtick" if site.rest[:1] == "`" else f"`{site.rest[:1]}`"
    return site.fault(f"a value without quotes cannot start with {what}", help)


def _bare_name(site: _Site) -> Diagnostic:
    line, column = site.since or (site.line, site.column)
    text = site.lines[line][column:]
    what = "an alias" if text[:1] == "*" else "an anchor"
    help = f"put it in quotes if it is text: '{short((text.split() or [text])[0])}'"
    return site.fault(f"`{text[:1]}` starts {what}, and no name follows", help, at=(line, column))


def _item_on_key_line(site: _Site) -> Diagnostic:
    help = f"put `{short(site.rest.rstrip())}` on the next line, or in quotes if it is text"
    return site.fault("a list cannot start on the line of its key", help)


def _block_text(site: _Site) -> Diagnostic:
    help = "put the text on the lines below, indented, or in quotes"
    return site.fault("`|` and `>` stand for the lines below and end their own line", help)


def _directive(site: _Site) -> Diagnostic:
    return site.fault(
        "a line that starts with `%` is a YAML directive, which this one is not",
        "remove the line",
        at=(site.line, 0),
    )


def _version(site: _Site) -> Diagnostic:
    return site.fault("the file says that it is not YAML 1", "remove the %YAML line", at=(site.line, 0))


def _tag(site: _Site) -> Diagnostic:
    at = site.since if site.since is not None and site.lines[site.since[0]][site.since[1] :][:1] in "!&" else None
    message = "the tag here is not allowed; a spec is plain data"
    help = "remove the tag, or write the value in quotes if it is text"
    return site.fault(message, help, at=at, rule="yaml-tag")


def _after_document(site: _Site) -> Diagnostic:
    if site.rest[:1] in ("]", "}"):
        return site.fault(f"this `{site.rest[0]}` closes nothing", "remove it")
    help = "remove the line `...` above it" if "..." in site.lines else "indent everything alike"
    return site.fault(f"`{_token(site.rest)}` stands after the end of the document", help)


def _token(text: str) -> str:
    match = re.match(r"[\w$.-]+|\S", text)
    return short(match[0]) if match else "the end of the line"


_TELLERS: tuple[tuple[re.Pattern[str], Callable[[_Site], Diagnostic]], ...] = tuple(
    (re.compile(pattern), teller)
    for pattern, teller in (
        (r"quoted scalar: found unexpected (end of stream|document)", _quote),
        (r"quoted scalar: .*(escape|hexdecimal)", _escape),
        (r"flow (sequence|mapping): ", _flow),
        (r"expected (the )?node content", _no_content),
        (r"could not find expected ':'", _no_colon),
        (r"mapping values are not allowed", _second_colon),
        (r"parsing a block (mapping|collection): ", _out_of_place),
        (r"sequence entries are not allowed", _item_on_key_line),
        (r"mapping keys are not allowed|cannot start any token", _bad_start),
        (r"scanning an (alias|anchor)", _bare_name),
        (r"block scalar", _block_text),
        (r"incompatible YAML document|version number", _version),
        (r"directive", _directive),
        (r"tag", _tag),
        (r"document start", _after_document),
    )
)
