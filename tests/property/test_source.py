"""Any data survives writing and reading; any text is read or refused; every span points at its text."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from netspec.diagnostics import Span, SpecError, render_json, render_text
from netspec.spec.source import Document, Node, Scalar, Sequence, parse, plain
from netspec.spec.yaml import build

LOADERS = [getattr(yaml, name) for name in ("CSafeLoader", "SafeLoader") if hasattr(yaml, name)]

characters = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff")
# pyyaml writes by the rules of YAML 1.1, where these are strings that need no quotes
reads_as_number = re.compile(r"[-+]?(\.?[0-9][0-9.]*)([eE][-+]?[0-9]+)?|0o[0-7]+")
refused = re.compile(r"[\ufffe\uffff]|\w:[\[{]")  # no text, and what looks like a space forgotten
strings = st.text(characters | st.sampled_from("\t\n -:#'\"[]{},&*!|>%@`?<=~$0")).filter(
    lambda text: not reads_as_number.fullmatch(text) and not refused.search(text)
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | strings,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4),
    max_leaves=20,
)
documents = st.dictionaries(strings, values, min_size=1, max_size=4)
PIECES = """a b:_ :_ -_ [ ] { } ,_ &x_ *x <<:_ !t_ ' " % ? ?_ \\ é 層 1e3 010 ~ ${w} {c:_2} [3] "\\U00110000" """
fragments = st.lists(
    st.sampled_from(
        [
            *(piece.replace("_", " ") for piece in PIECES.split()),
            *("\n", "\n  ", "\n    ", "\t", "|\n", ">-\n", "# c\n", "---\n", "...\n", "a: 1\n", "- b\n"),
            *("\r\n", "\ufeff", "\x00", "\u2028", "\xa0"),
        ]
    ),
    max_size=25,
).map("".join)


def read(text: str | bytes, loader: Any) -> Document | SpecError:
    """Parse with one of pyyaml's parsers; let nothing but SpecError be raised, and look at what it carries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_LOADER", loader)
        try:
            return parse(text, "s.yaml")
        except SpecError as caught:
            error = caught
    check_findings(error)
    return error


def check_findings(error: SpecError) -> None:
    assert error.diagnostics
    for diagnostic in error.diagnostics:
        for span in [diagnostic.span, *(note.span for note in diagnostic.notes if note.span is not None)]:
            assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column)
            if error.sources:
                lines = error.sources["s.yaml"].split("\n")
                assert span.end_line <= len(lines)
                assert span.end_column <= len(lines[span.end_line - 1]) + 1
    render_text(error.diagnostics, error.sources).encode()
    render_json(error.diagnostics)


def slice_of(text: str, span: Span) -> str:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return text[starts[span.line - 1] + span.column - 1 : starts[span.end_line - 1] + span.end_column - 1]


def nodes(node: Node) -> list[Node]:
    if isinstance(node, Scalar):
        return [node]
    if isinstance(node, Sequence):
        return [node, *(inner for item in node.items for inner in nodes(item))]
    return [node, *(inner for e in node.entries for part in (e.key, e.value) for inner in nodes(part))]


def check_spans(document: Document) -> None:
    for node in nodes(document.root):
        text = slice_of(document.text, node.span)
        assert text == text.rstrip(" \t\n") or isinstance(node, Scalar)
        if isinstance(node, Scalar):
            assert text == node.text
            if isinstance(node.value, str) and "\n" not in text and text[:1] not in ("'", '"', "|", ">"):
                assert text == node.value
            if text[:1] in ("'", '"'):
                assert text[-1] == text[0]
                assert len(text) > 1
        elif text[:1] in ("[", "{"):
            assert text[-1] == {"[": "]", "{": "}"}[text[0]]


@given(documents, st.booleans() | st.none(), st.booleans(), st.sampled_from(LOADERS))
def test_data_survives_writing_and_reading(data: dict[str, Any], flow: bool | None, wide: bool, loader: Any) -> None:
    text = yaml.safe_dump(
        data, default_flow_style=flow, allow_unicode=wide, sort_keys=False, width=10_000 if wide else 40
    )
    document = read(text, loader)
    assert isinstance(document, Document), document
    found = plain(document.root)
    assert found == data
    assert repr(found) == repr(data)  # tells 1 from 1.0 and True, 0.0 from -0.0, and one order of keys from another
    check_spans(document)


@given(st.binary(max_size=60), st.sampled_from(LOADERS))
def test_any_bytes_are_read_or_refused(data: bytes, loader: Any) -> None:
    read(data, loader)


@given(st.text(max_size=60), st.sampled_from(LOADERS))
def test_any_text_is_read_or_refused(text: str, loader: Any) -> None:
    read(text, loader)


@given(fragments, st.sampled_from(LOADERS))
@example("a: &x\n", LOADERS[0])
@example('a: "\\U00110000"', LOADERS[-1])
@example("a: 1\n  ", LOADERS[0])
def test_anything_like_yaml_is_read_or_refused(text: str, loader: Any) -> None:
    document = read(text, loader)
    if isinstance(document, Document):
        check_spans(document)


@given(documents, st.data())
def test_a_mutated_file_is_read_or_refused(data: dict[str, Any], draw: st.DataObject) -> None:
    text = yaml.safe_dump(data, allow_unicode=True).encode()
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(text)))
        length = draw.draw(st.integers(0, 3))
        text = text[:at] + draw.draw(st.binary(max_size=3)) + text[at + length :]
    document = read(text, draw.draw(st.sampled_from(LOADERS)))
    if isinstance(document, Document):
        check_spans(document)


@given(fragments)
def test_both_parsers_of_pyyaml_give_the_same_tree(text: str) -> None:
    trees = [read(text, loader) for loader in LOADERS]
    if all(isinstance(tree, Document) for tree in trees):
        assert len(set(map(repr, trees))) == 1
