"""pyyaml's event stream -> the tree of nodes, without recursion, collecting the faults on the way.

pyyaml only splits the text into events; what a scalar means, which keys are allowed and what an alias stands
for is decided here. Its marks count characters and lines as `Span` does (minus one), as `source.parse` hands
over text whose lines end in single newlines, free of what YAML 1.1 alone takes for line breaks.
"""

from __future__ import annotations

import gc
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import Any, NoReturn

import yaml

from netspec.diagnostics import MAX_FAULTS, Diagnostic, Note, Span, SpecError, letters, nearest
from netspec.spec.yaml.nodes import Entry, Mapping, Node, Scalar, Sequence
from netspec.spec.yaml.scalars import BadNumber, Value, resolve, short

MAX_DEPTH = 100
"""Most collections inside each other, aliases expanded; a spec needs about ten."""
MAX_NODES = 160_000
"""Most keys, values, lists and mappings of a file: ten thousand layers with six keys each."""
MAX_ALIAS_NODES = 200_000
"""Most nodes that all aliases of a file together may stand for; what is written out is not counted."""

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""Control characters, surrogates, a BOM inside, and NEL, LS and PS, the line breaks of YAML 1.1 alone."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml: the same events, ten times as fast
_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s+|$)(?:#[^\n]*\s*)*)+")
_NO_SPACE = re.compile(r"(?P<key>[A-Za-z_]\w*):(?:(?P<bracket>[\[{])|[^:])")  # `units:8`, `dense:{units: 8}`
_NO_CHARACTER = re.compile(r"\\U(?!000|0010)[0-9a-fA-F]{8}")
_PATH = re.compile(r"[^\s:*&!#|>{}\[\]'\"%@`,]+\.ya?ml\n?")
_ANCHOR = re.compile(r"(?:&[^\s,\[\]{}]*\s*)*")
_TAG = re.compile(r"[^\s,\[\]{}]*")


def build(text: str, path: str) -> Mapping:
    """Return the root of a YAML text, in linear time; raise SpecError with every fault found."""
    collecting = gc.isenabled()
    gc.disable()  # nothing here is garbage, and to look for it among 100,000 nodes doubles the time
    try:
        return _Builder(text, path).run()
    except _ParserTooDeep as error:
        # The parser looks ahead, so it may refuse the depth before the events of the outer levels have come. Up to
        # its mark the text is not too deep for it, and those events lead to our own limit, which is lower.
        return _Builder(text, path, error.index).run()
    finally:
        if collecting:
            gc.enable()


class _ParserTooDeep(Exception):
    """pyyaml's limit of depth (libyaml has one since PyYAML 6.0.4), reached at character `index`."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = (
        "anchor",
        "end",
        "entries",
        "flow",
        "height",
        "items",
        "key",
        "merges",
        "seen",
        "size",
        "start",
    )

    def __init__(self, is_mapping: bool, flow: bool, anchor: str | None, start: tuple[int, int]) -> None:
        self.items: list[Node] | None = None if is_mapping else []
        self.entries: list[Entry] = []
        self.seen: dict[str, Span] = {}
        self.key: Node | None = None
        self.merges = False
        self.flow = flow
        self.anchor = anchor
        self.start = start
        self.end = start
        self.size = 1  # nodes, aliases expanded
        self.height = 1  # collections inside each other, this one included


class _Builder:
    def __init__(self, text: str, path: str, end: int | None = None) -> None:
        self.text = text
        self.path = path
        self.end = end  # where the parser stops reading; None: at the end of the text
        self.starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        self.has_tabs = "\t" in text
        self.faults: list[Diagnostic] = []
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int, int] | _Open] = {}
        self.root: Node | None = None
        self.documents = 0
        self.nodes = 0
        self.alias_nodes = 0

    def run(self) -> Mapping:
        handlers = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.start,
            yaml.MappingEndEvent: self.finish,
            yaml.SequenceStartEvent: self.start,
            yaml.SequenceEndEvent: self.finish,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }
        for event in self.events():
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)
        root = self.root
        if root is None or (isinstance(root, Scalar) and root.text == ""):
            self.give_up("empty-file", "the file holds no spec", self.span((0, 0), (0, 0)), _ROOT_HELP)
        if not isinstance(root, Mapping):
            if isinstance(root, Scalar) and _PATH.fullmatch(self.text):
                message = f"the file holds nothing but the path {root.text}: a symbolic link that was saved as text"
                self.give_up("not-a-mapping", message, root.span, f"name {root.text} instead, or make the link again")
            what = "a list" if isinstance(root, Sequence) else "a single value"
            self.give_up("not-a-mapping", f"a spec is a mapping of keys, not {what}", root.span, _ROOT_HELP)
        if self.faults:
            raise self.error()
        return root

    def events(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self.text[: self.end], Loader=_LOADER)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            if self.end is None and mark is not None and "nesting depth" in str(getattr(error, "problem", "")):
                raise _ParserTooDeep(mark.index) from None
            bracket = next((frame.start for frame in reversed(self.open) if frame.flow), None)
            from netspec.spec.yaml.faults import syntax_fault  # a file without faults need not wait for it

            self.faults.append(syntax_fault(error, self.text, self.path, bracket))
            raise self.error() from None
        except ValueError:  # of chr(), for which pyyaml's own parser does not look out
            match = _NO_CHARACTER.search(self.text)
            begin, end = match.span() if match else (0, 0)
            span = self.span(self.place(begin), self.place(end))
            self.give_up("yaml-syntax", "this escape stands for no character", span, "write `\\\\` for a backslash")

    # ------------------------------------------------------------------------------------------------- events

    def document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            begin = (event.start_mark.line, event.start_mark.column)
            end = (event.end_mark.line, event.end_mark.column)
            message = "a second document starts here; a file holds one spec"
            self.give_up("several-documents", message, self.span(begin, end), "move it to a file of its own")

    def scalar(self, event: Any) -> None:
        begin_mark, end_mark = event.start_mark, event.end_mark
        begin, end = begin_mark.index, end_mark.index
        first = begin_mark.line, begin_mark.column
        last = end_mark.line, end_mark.column
        style = event.style
        content: str = event.value
        if event.anchor is not None or event.tag is not None:
            self.refuse_tag(event)
            begin, first = (end, last) if not (style or content) else self.after_properties(begin)
        if not (style or content):  # the mark may be at the next token, even beyond the end of the text
            while begin > 0 and self.text[begin - 1 : begin] in ("", " ", "\t", "\n"):
                begin -= 1
            end, first = begin, self.place(begin)
            last = first
        if style == "|" or style == ">":  # the mark is at the next token; the content ends before
            end = begin + len(self.text[begin:end].rstrip(" \t\n"))
            last = self.place(end)
        text = self.text[begin:end]
        span = self.span(first, last)
        value: Value = content
        if not style:
            is_key = bool(self.open) and self.open[-1].items is None and self.open[-1].key is None
            try:
                value = resolve(content)
            except BadNumber as bad:
                value = 0  # a number all the same; as a key, that is the fault to report
                if not is_key:
                    self.fault(bad.rule, bad.message, span, bad.help)
        elif "\\" in text and (hidden := UNPRINTABLE.search(content)):
            message = f"the string contains the unprintable character U+{ord(hidden[0]):04X}"
            self.fault("unprintable", message, span, "write `\\\\` if a backslash is meant")
        self.attach(Scalar(value, span, text), 1, 0, last, event.anchor)

    def start(self, event: Any) -> None:
        mark = event.start_mark
        first = mark.line, mark.column
        if event.anchor is not None or event.tag is not None:
            self.refuse_tag(event)
            _, first = self.after_properties(mark.index)
        frame = _Open(type(event) is yaml.MappingStartEvent, event.flow_style, event.anchor, first)
        if len(self.open) == MAX_DEPTH:
            self.too_deep(first)
        if self.has_tabs and not event.flow_style:
            self.refuse_tab(first)
        if event.anchor is not None:
            self.anchors[event.anchor] = frame
        self.open.append(frame)

    def finish(self, event: Any) -> None:
        frame = self.open.pop()
        end = frame.end
        if frame.flow and self.text[self.offset(frame.start)] in "[{":  # `[a: 1]` holds a mapping without braces
            end = event.end_mark.line, event.end_mark.column
        span = self.span(frame.start, end)
        node: Node
        if frame.items is not None:
            node = Sequence(tuple(frame.items), span)
        else:
            node = Mapping(tuple(self.merged(frame) if frame.merges else frame.entries), span)
        if frame.anchor is not None and self.anchors[frame.anchor] is frame:
            self.anchors[frame.anchor] = node, frame.size, frame.height
        self.attach(node, frame.size, frame.height, end, None)

    def alias(self, event: Any) -> None:
        name: str = event.anchor
        end = event.end_mark.line, event.end_mark.column
        span = self.span((event.start_mark.line, event.start_mark.column), end)
        target = self.anchors.get(name)
        if isinstance(target, tuple):
            node, size, height = target
            self.alias_nodes += size
            if self.alias_nodes > MAX_ALIAS_NODES:
                message = f"the aliases up to here stand for more than {MAX_ALIAS_NODES} values"
                self.give_up("alias-expansion", message, span, "write out less by aliases of aliases")
            if len(self.open) + height > MAX_DEPTH:
                self.too_deep((event.start_mark.line, event.start_mark.column))
            self.attach(node, size, height, end, None)
            return
        if target is None:
            close = nearest(name, islice(self.anchors, 1000))
            help = (
                f"did you mean `*{close}`?"
                if close
                else f"mark a value by `&{name}` first, or quote '*{name}' if it is text"
            )
            self.fault("unknown-alias", f"no anchor `&{short(name)}` stands before this alias", span, help)
        else:
            note = Note(f"`&{name}` starts here", self.span(target.start, target.start))
            self.fault(
                "recursive-alias",
                f"`*{name}` stands inside the value that it repeats",
                span,
                "write out what is meant",
                (note,),
            )
        self.attach(Scalar("", span, f"*{name}"), 1, 0, end, None)  # so that reading can go on

    # -------------------------------------------------------------------------------------- building the tree

    def attach(self, node: Node, size: int, height: int, end: tuple[int, int], anchor: str | None) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            message = f"the file holds more than {MAX_NODES:,} keys and values up to here"
            self.give_up("file-too-large", message, node.span, "check that it is a spec")
        if anchor is not None:
            self.anchors[anchor] = node, size, height
        if not self.open:
            self.root = node
            return
        frame = self.open[-1]
        frame.size += size
        frame.end = end
        if height >= frame.height:
            frame.height = height + 1
        if frame.items is not None:
            frame.items.append(node)
        elif frame.key is None:
            frame.key = node
        else:
            key, frame.key = frame.key, None
            self.add(frame, key, node)

    def add(self, frame: _Open, key: Node, value: Node) -> None:
        if not isinstance(key, Scalar) or not isinstance(key.value, str):
            self.refuse_key(key)
            return
        name = key.value
        if name in frame.seen:
            message = f"the key `{short(name)}` is given twice"
            help = "write `<<: [*a, *b]` to merge several mappings" if key.text == "<<" else "remove one of the two"
            note = Note("first given here", frame.seen[name])
            self.fault("repeated-key", message, key.span, help, notes=(note,))
            return
        frame.seen[name] = key.span
        if key.text == name and (slip := _NO_SPACE.match(name)) and (slip["bracket"] or _is_empty(value)):
            before, after = slip["key"], name[slip.end("key") + 1 :]
            help = f"write `{short(before)}: {short(after)}`, or the key in quotes if it contains a colon"
            self.fault("yaml-syntax", f"a space is missing after the colon of `{short(name)}`", key.span, help)
            return
        frame.merges = frame.merges or key.text == "<<"
        frame.entries.append(Entry(key, value))

    def merged(self, frame: _Open) -> Iterator[Entry]:
        """Yield a mapping's entries, its merge key replaced by those that it brings and the mapping lacks."""
        taken = set(frame.seen)
        for entry in frame.entries:
            if entry.key.text != "<<":
                yield entry
                continue
            value = entry.value
            sources = value.items if isinstance(value, Sequence) else (value,)
            for source in sources:
                if isinstance(source, Scalar) and source.text[:1] == "*":
                    continue  # an alias of nothing, which has been reported
                if not isinstance(source, Mapping):
                    message = "the merge key `<<` takes a mapping or a list of mappings"
                    help = "name a mapping by an alias: `<<: *defaults`"
                    self.fault("merge-key", message, source.span, help)
                    continue
                for inherited in source.entries:
                    if inherited.key.value not in taken:
                        taken.add(str(inherited.key.value))
                        yield inherited

    # ----------------------------------------------------------------------------------------------- refusals

    def refuse_mapping(self) -> bool:
        """Report `class_weight: {0: 1}` of `train` as the key that a spec does not have; return whether it is one."""
        section, key = (self.open[-3].key, self.open[-2].key) if len(self.open) == 3 else (None, None)
        if not isinstance(section, Scalar) or not isinstance(key, Scalar) or section.text != "train":
            return False
        from netspec.names.other_names import ADVICE

        help = ADVICE["train key"].get(letters(key.text))
        if help is not None and all(each.span != key.span for each in self.faults):
            path = f"train.{key.text}"
            message = f"unknown key '{key.text}' of train"
            self.faults.append(Diagnostic("unknown-key", message, key.span, help=help, path=path))
        return help is not None

    def refuse_key(self, key: Node) -> None:
        if self.refuse_mapping():
            return
        if isinstance(key, Scalar):
            what = f"`{short(key.text)}` is " if key.text else "nothing is "
            help = (
                f"write it in quotes if it is a name: '{short(key.text)}'"
                if key.text
                else "write a name before the colon"
            )
            self.fault("key-not-a-string", f"{what}not a string, as a key must be", key.span, help)
            return
        what = "a list" if isinstance(key, Sequence) else "a mapping"
        self.fault("key-not-a-string", f"{what} cannot be a key", key.span, "write it in quotes if it is text")

    def refuse_tag(self, event: Any) -> None:
        if event.tag is None:
            return
        begin = event.start_mark.index
        match = _ANCHOR.match(self.text, begin)
        begin = match.end() if match else begin
        match = _TAG.match(self.text, begin)
        end = match.end() if match else begin
        span = self.span(self.place(begin), self.place(end))
        message = f"the tag `{short(self.text[begin:end])}` is not allowed; a spec is plain data"
        self.fault("yaml-tag", message, span, "remove the tag, or write the value in quotes if it is text")

    def refuse_tab(self, first: tuple[int, int]) -> None:
        line, column = first
        tab = self.text.find("\t", self.starts[line], self.starts[line] + column)
        if tab >= 0:
            place = self.place(tab)
            span = self.span(place, (line, place[1] + 1))
            self.fault("yaml-tab", "a tab stands in the indentation", span, "indent by spaces")

    def too_deep(self, place: tuple[int, int]) -> NoReturn:
        message = f"lists and mappings are nested more than {MAX_DEPTH} deep"
        self.give_up("too-deep", message, self.span(place, (place[0], place[1] + 1)), "nest less")

    def fault(self, rule: str, message: str, span: Span, help: str | None = None, notes: tuple[Note, ...] = ()) -> None:
        self.faults.append(Diagnostic(rule, message, span, help=help, notes=notes))
        if len(self.faults) >= MAX_FAULTS:
            raise self.error()

    def give_up(self, rule: str, message: str, span: Span, help: str | None) -> NoReturn:
        self.faults.append(Diagnostic(rule, message, span, help=help))
        raise self.error()

    def error(self) -> SpecError:
        return SpecError(self.faults, {self.path: self.text})

    # ------------------------------------------------------------------------------------------------- places

    def span(self, begin: tuple[int, int], end: tuple[int, int]) -> Span:
        return Span(self.path, begin[0] + 1, begin[1] + 1, end[0] + 1, end[1] + 1)

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.starts, offset) - 1
        return line, offset - self.starts[line]

    def offset(self, place: tuple[int, int]) -> int:
        return self.starts[place[0]] + place[1]

    def after_properties(self, begin: int) -> tuple[int, tuple[int, int]]:
        """Return offset and place of the node whose anchor (or refused tag) starts at `begin`."""
        match = _PROPERTIES.match(self.text, begin)
        offset = match.end() if match else begin
        return offset, self.place(offset)


_ROOT_HELP = "start with `netspec: 1`, `name:`, `inputs:` and `layers:`"


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text == ""
