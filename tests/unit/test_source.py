"""YAML as specs are written in it: what each scalar means, what is refused, and where each thing stands."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.spec.source import MAX_BYTES, Entry, Mapping, Node, Scalar, Sequence, load, parse, plain
from netspec.spec.yaml import build

PATH = "s.yaml"


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers of pyyaml: libyaml, and the one in Python that is used where libyaml is not there."""
    name: str = request.param
    monkeypatch.setattr(build, "_LOADER", getattr(yaml, name))
    return name


def data(text: str | bytes) -> Any:
    return plain(parse(text, PATH).root)


def faults(text: str | bytes) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        parse(text, PATH)
    return caught.value.diagnostics


def fault(text: str | bytes) -> Diagnostic:
    found = faults(text)
    assert len(found) == 1, found
    return found[0]


def slice_of(text: str, span: Span) -> str:
    lines = text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


def at(span: Span) -> tuple[int, int, int, int]:
    assert span.path == PATH
    return span.line, span.column, span.end_line, span.end_column


# ------------------------------------------------------------------------------------------------------ scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("-0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0o777777777777777777777", 2**63 - 1),
        ("1e-3", 1e-3),
        ("1e3", 1e3),
        ("1E+3", 1e3),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("01.5", 1.5),
        ("1.5e-7", 1.5e-7),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("", None),
        ("# nothing", None),
        ("1:30", "1:30"),  # 90 in YAML 1.1
        ("190:20:30", "190:20:30"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("0X1F", "0X1F"),
        ("-0x1F", "-0x1F"),
        ("0o8", "0o8"),
        ("1e", "1e"),
        (".", "."),
        ("-", None),
        ("+", "+"),
        ("1.2.3", "1.2.3"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01 10:00:00", "2024-01-01 10:00:00"),
        ("\u0661", "\u0661"),  # a digit to Python's int, not to YAML
        ("tRUE", "tRUE"),
        ("nUll", "nUll"),
        ("=", "="),
        ("inf", "inf"),
        ("nan", "nan"),
        ("128KiB", "128KiB"),
        ("$width", "$width"),
        ("${width * 2}", "${width * 2}"),
        ("m0+", "m0+"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("'it''s'", "it's"),
        (r'"a\tb\u00e9\x41\/"', "a\tbéA/"),
        ("one\n  two", "one two"),
        ("|\n  one\n  two\n", "one\ntwo\n"),
        (">-\n  one\n  two\n", "one two"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    if text == "-":
        text = "\n  -"
        value = [None]
    found = data(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("word", ["y", "Y", "n", "N", "yes", "Yes", "no", "NO", "on", "On", "off", "OFF"])
def test_words_that_are_booleans_in_yaml_1_1_are_strings(word: str) -> None:
    assert data(f"{word}: {word}") == {word: word}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("010", "leading-zero"),
        ("-007", "leading-zero"),
        ("08", "leading-zero"),
        ("00", "leading-zero"),
        (".inf", "not-finite"),
        ("-.Inf", "not-finite"),
        (".nan", "not-finite"),
        ("1e999", "not-finite"),
        ("9223372036854775808", "integer-too-large"),
        ("-9223372036854775809", "integer-too-large"),
        ("0xFFFFFFFFFFFFFFFFF", "integer-too-large"),
        ("1" * 5000, "integer-too-large"),  # more digits than Python's int() takes
        ("0x" + "f" * 5000, "integer-too-large"),
    ],
)
def test_numbers_that_mislead_are_refused(text: str, rule: str) -> None:
    found = fault(f"a: {text}\n")
    assert found.rule == rule
    assert at(found.span) == (1, 4, 1, 4 + len(text))
    assert len(found.message) < 120
    assert found.help is not None
    assert data(f"a: '{text}'\n") == {"a": text}


def test_all_bad_numbers_are_reported_at_once() -> None:
    assert [d.rule for d in faults("a: 010\nb: [.nan, 1]\nc: {d: 1e999}\n")] == [
        "leading-zero",
        "not-finite",
        "not-finite",
    ]


# --------------------------------------------------------------------------------------------------------- tree


def test_the_tree_and_its_spans(loader: str) -> None:
    text = (
        'é: "x"  # c\nlist:\n  - 1\n  - {a: [2, 3], 😀: y}\n\n# between\nempty:\nlast: >\n  folded\n  text\n\n# end\n'
    )
    root = parse(text, PATH).root
    assert root.keys() == ("é", "list", "empty", "last")
    assert at(root.span) == (1, 1, 10, 7)
    first = root.entries[0]
    assert first == Entry(Scalar("é", Span(PATH, 1, 1, 1, 2), "é"), Scalar("x", Span(PATH, 1, 4, 1, 7), '"x"'))
    items = root.get("list")
    assert isinstance(items, Sequence)
    assert at(items.span) == (3, 3, 4, 22)
    flow = items.items[1]
    assert isinstance(flow, Mapping)
    assert at(flow.span) == (4, 5, 4, 22)
    inner = flow.get("a")
    assert isinstance(inner, Sequence)
    assert at(inner.span) == (4, 9, 4, 15)
    smile = flow.entry("😀")
    assert smile is not None
    assert (at(smile.key.span), at(smile.value.span)) == ((4, 17, 4, 18), (4, 20, 4, 21))
    empty = root.get("empty")
    assert empty == Scalar(None, Span(PATH, 7, 7, 7, 7), "")
    last = root.get("last")
    assert last == Scalar("folded text\n", Span(PATH, 8, 7, 10, 7), ">\n  folded\n  text")
    assert root.get("missing") is None
    assert root.entry("missing") is None


def test_a_list_at_its_keys_indentation(loader: str) -> None:
    root = parse("layers:\n- flatten\n- dense: {units: 3}\nname: x\n", PATH).root
    layers = root.get("layers")
    assert layers is not None
    assert at(layers.span) == (2, 1, 3, 20)


def test_a_pair_inside_brackets_is_a_mapping_of_its_own(loader: str) -> None:
    items = parse("a: [b: 1, '[': 2]\n", PATH).root.get("a")
    assert isinstance(items, Sequence)
    assert [at(item.span) for item in items.items] == [(1, 5, 1, 9), (1, 11, 1, 17)]
    assert plain(items) == [{"b": 1}, {"[": 2}]


def test_spans_leave_out_anchors(loader: str) -> None:
    text = "a: &one 'x'\nb: &two  # why\n  c: 1\nd: [&three y, &four {e: 1}]\nf: &five\n"
    root = parse(text, PATH).root
    shown = [slice_of(text, entry.value.span) for entry in root.entries]
    assert shown == ["'x'", "c: 1", "[&three y, &four {e: 1}]", ""]
    items = root.get("d")
    assert isinstance(items, Sequence)
    assert [slice_of(text, item.span) for item in items.items] == ["y", "{e: 1}"]


def test_strings_of_several_lines_keep_their_raw_text(loader: str) -> None:
    text = "a: one\n  two\nb: 'three\n\n  four'\nc: |+\n  five\n\nd: 1\n"
    for entry in parse(text, PATH).root.entries:
        assert isinstance(entry.value, Scalar)
        assert slice_of(text, entry.value.span) == entry.value.text
    assert data(text) == {"a": "one two", "b": "three\nfour", "c": "five\n\n", "d": 1}


def test_json_is_yaml(loader: str) -> None:
    assert data('{"netspec":1,"layers":[{"dense":{"units":3}}],"x":null}') == {
        "netspec": 1,
        "layers": [{"dense": {"units": 3}}],
        "x": None,
    }


# ---------------------------------------------------------------------------------------- anchors and merge keys


def test_an_alias_is_the_value_where_it_was_written(loader: str) -> None:
    root = parse("a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]\n", PATH).root
    assert plain(root) == {"a": {"k": [1, 2]}, "b": {"k": [1, 2]}, "c": [{"k": [1, 2]}] * 2}
    repeated = root.get("b")
    assert repeated is not None
    assert at(repeated.span) == (1, 7, 1, 18)
    assert at(root.span) == (1, 1, 3, 12)


def test_plain_copies_what_aliases_share() -> None:
    value = data("a: &x [1]\nb: *x\n")
    value["a"].append(2)
    assert value["b"] == [1]


def test_a_later_anchor_of_the_same_name_replaces_the_earlier(loader: str) -> None:
    assert data("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}
    assert data("a: &x [&x 1, *x]\nb: *x\n") == {"a": [1, 1], "b": 1}


def test_an_alias_as_a_key(loader: str) -> None:
    assert data("a: &x name\n*x : 1\n") == {"a": "name", "name": 1}
    assert [d.rule for d in faults("a: &x name\nb: {*x : 1, *x : 2}\n")] == ["repeated-key"]


def test_merge_keys(loader: str) -> None:
    text = "base: &b {x: 1, y: 2, z: 3}\nother: &o {y: 20, w: 40}\n"
    assert data(text + "a: {<<: *b, y: 9}")["a"] == {"x": 1, "z": 3, "y": 9}
    assert data(text + "a: {y: 9, <<: *b}")["a"] == {"y": 9, "x": 1, "z": 3}
    assert data(text + "a: {<<: [*o, *b]}")["a"] == {"y": 20, "w": 40, "x": 1, "z": 3}
    assert data(text + "a: {<<: {q: 1}, r: 2}")["a"] == {"q": 1, "r": 2}
    assert data(text + "a: &a {<<: *b, x: 7}\nc: {<<: *a}")["c"] == {"y": 2, "z": 3, "x": 7}
    assert data("a: {'<<': 1}") == {"a": {"<<": 1}}


def test_merged_entries_keep_their_order_and_place() -> None:
    root = parse("base: &b\n  x: 1\n  y: 2\na:\n  first: 0\n  <<: *b\n  x: 9\n", PATH).root
    merged = root.get("a")
    assert isinstance(merged, Mapping)
    assert [(e.key.value, e.key.span.line, plain(e.value)) for e in merged.entries] == [
        ("first", 5, 0),
        ("y", 3, 2),
        ("x", 7, 9),
    ]


@pytest.mark.parametrize("value", ["1", "[1]", "[[{a: 1}]]", "", "text"])
def test_only_mappings_can_be_merged(value: str) -> None:
    assert fault(f"a: {{<<: {value}}}\n").rule == "merge-key"


def test_an_alias_without_anchor() -> None:
    found = fault("a: &width 3\nb: *wdith\n")
    assert (found.rule, at(found.span), found.help) == ("unknown-alias", (2, 4, 2, 10), "did you mean `*width`?")


@pytest.mark.parametrize(
    "text", ["a: &x [1, *x]\n", "a: &x {b: {c: *x}}\n", "a: &x\n  <<: *x\n", "&x a: {b: &x [*x]}\n"]
)
def test_a_value_cannot_contain_itself(text: str) -> None:
    found = fault(text)
    assert found.rule == "recursive-alias"
    assert slice_of(text, found.span) == "*x"
    assert found.notes[0].span is not None


def laughs(levels: int, width: int, item: str) -> str:
    lines = ["a0: &a0 [x, x, x]"]
    lines += [f"a{i}: &a{i} {item.format(', '.join([f'*a{i - 1}'] * width))}" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


def test_a_billion_laughs_are_not_heard_out() -> None:
    start = time.process_time()
    found = fault(laughs(30, 9, "[{}]"))
    assert found.rule == "alias-expansion"
    assert time.process_time() - start < 5
    assert found.span.line < 10


def test_a_quadratic_blow_up_by_merge_keys_is_stopped() -> None:
    base = "base: &b {" + ", ".join(f"k{i}: {i}" for i in range(2000)) + "}\n"
    assert fault(base + "".join(f"m{i}: {{<<: *b}}\n" for i in range(2000))).rule == "alias-expansion"


def test_aliases_that_a_large_spec_needs_are_allowed() -> None:
    text = "d: &d {padding: same, use_bias: false}\nlayers:\n"
    text += "".join(f"  - conv2d: {{<<: *d, filters: {i}}}\n" for i in range(10_000))
    assert len(data(text)["layers"]) == 10_000


# ----------------------------------------------------------------------------------------------------- refusals


def test_all_repeated_keys_are_reported_with_the_first_place(loader: str) -> None:
    text = "a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\na: 3\n'b': 4\n"
    found = sorted(faults(text), key=lambda d: d.span)
    assert {d.rule for d in found} == {"repeated-key"}
    assert [(d.span.line, d.span.column) for d in found] == [(2, 17), (3, 1), (4, 1), (5, 1)]
    firsts = [d.notes[0].span for d in found]
    assert [(s.line, s.column) for s in firsts if s is not None] == [(2, 5), (1, 1), (1, 1), (2, 1)]
    assert found[0].message == "the key `c` is given twice"


def test_two_merge_keys_are_a_repeated_key() -> None:
    found = fault("a: &a {x: 1}\nb: {<<: *a, <<: *a}\n")
    assert found.rule == "repeated-key"
    assert found.help is not None
    assert "[*a, *b]" in found.help


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("1", "`1` is not a string"),
        ("010", "`010` is not a string"),
        ("1.5", "`1.5` is not a string"),
        (".nan", "`.nan` is not a string"),
        ("true", "`true` is not a string"),
        ("~", "`~` is not a string"),
        ("[a, b]", "a list cannot be a key"),
        ("{a: 1}", "a mapping cannot be a key"),
        ("{{ name }}", "a mapping cannot be a key"),
    ],
)
def test_a_key_is_a_string(loader: str, key: str, shown: str) -> None:
    found = [d for d in faults(f"x:\n  {key}: v\n") if d.span.column == 3]
    assert [d.rule for d in found] == ["key-not-a-string"]
    assert found[0].message.startswith(shown)
    assert at(found[0].span) == (2, 3, 2, 3 + len(key))


@pytest.mark.parametrize("text", ["? - a\n: 1\n", "? |\n  x\n: [1]\n? [a]\n: 1\n", "? \n: 1\n"])
def test_explicit_and_empty_keys(text: str) -> None:
    assert fault(text).rule == "key-not-a-string"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("a: !!python/object/apply:os.system [echo]\n", "!!python/object/apply:os.system"),
        ("a: !foo x\n", "!foo"),
        ("a: !!str 1\n", "!!str"),
        ("a: !!binary aGk=\n", "!!binary"),
        ("a: !!set {x}\n", "!!set"),
        ("a: ! x\n", "!"),
        ("a: !<tag:yaml.org,2002:int> 1\n", "!<tag:yaml.org"),
        ("a: &x !foo 1\n", "!foo"),
        ("a: !foo &x 1\n", "!foo"),
        ("!foo a: 1\n", "!foo"),
        ("!foo\na: 1\n", "!foo"),
        ("a:\n  - !foo\n    b: 1\n", "!foo"),
    ],
)
def test_tags_are_refused(loader: str, text: str, tag: str) -> None:
    found = fault(text)
    assert found.rule == "yaml-tag"
    assert slice_of(text, found.span) == tag


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty-file"),
        ("\n\n", "empty-file"),
        ("# only a comment\n", "empty-file"),
        ("---\n", "empty-file"),
        ("\ufeff", "empty-file"),
        ("%YAML 1.2\n---\n...\n", "empty-file"),
        ("- a\n- b\n", "not-a-mapping"),
        ("just text\n", "not-a-mapping"),
        ("null\n", "not-a-mapping"),
        ("42\n", "not-a-mapping"),
        ("a: 1\n---\nb: 2\n", "several-documents"),
        ("a: 1\n---\n", "several-documents"),
        ("a: 1\n...\n---\nb: 1\n", "several-documents"),
    ],
)
def test_a_file_holds_one_mapping(loader: str, text: str, rule: str) -> None:
    assert fault(text).rule == rule
    assert fault(text.encode()).rule == rule


def test_markers_around_the_only_document(loader: str) -> None:
    assert data("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}
    assert data("{}") == {}


def test_depth_has_a_limit(loader: str) -> None:
    def nested(depth: int) -> str:
        return "a: " + "[" * (depth - 1) + "]" * (depth - 1) + "\n"

    assert data(nested(build.MAX_DEPTH))
    for depth in (build.MAX_DEPTH + 1, 2000, 200_000):
        found = fault(nested(depth))
        assert (found.rule, found.span.column) == ("too-deep", 3 + build.MAX_DEPTH)


def test_depth_of_blocks_and_of_unclosed_brackets(loader: str) -> None:
    assert fault("\n".join(" " * i + "a:" for i in range(1000))).rule == "too-deep"
    assert fault("- " * 2000).rule == "too-deep"
    assert fault("a: " + "{a: " * 2000).rule == "too-deep"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: " + "[" * 2000, (1, 103)),
        ("a: " + "[" * 900 + "]" * 900, (1, 103)),
        ("a: [" + "{? " * 1500, (1, 299)),
        ("[? " * 1500, (1, 151)),
        ("{a: b, c: [" + "[1, " * 3000, (1, 404)),
        ("a: 1\nb:\n  - 2\n  - " + "[" * 2000 + "]" * 2000, (4, 103)),
        ("? " * 1500, (1, 201)),
    ],
)
def test_depth_is_one_finding_at_one_place_whatever_parser_meets_it_first(
    loader: str, text: str, place: tuple[int, int]
) -> None:
    # libyaml refuses 1,000 levels since PyYAML 6.0.4, and it looks ahead: before the events of the outer levels come
    [found] = faults(text)
    assert (found.rule, (found.span.line, found.span.column)) == ("too-deep", place)


def test_depth_counts_through_aliases() -> None:
    lines = [f"a0: &a0 {'[' * 60}{']' * 60}"]
    lines += [f"a{i}: &a{i} {'[' * 60}*a{i - 1}{']' * 60}" for i in range(1, 50)]
    found = fault("\n".join(lines))
    assert (found.rule, found.span.line) == ("too-deep", 2)


def test_reading_stops_at_the_limit_of_faults() -> None:
    assert len(faults("".join(f"a: {i}\n" for i in range(5000)))) == build.MAX_FAULTS
    assert len(faults("a: '" + "\x01" * 5000 + "'")) == build.MAX_FAULTS


def test_what_was_found_before_a_syntax_error_is_reported_too() -> None:
    assert [d.rule for d in faults("a: 1\na: 2\nb: 010\nc: [1\nd: 2\n")] == [
        "repeated-key",
        "leading-zero",
        "yaml-syntax",
    ]


# ------------------------------------------------------------------------------------------------ bytes and files


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_and_byte_order_mark_change_nothing(loader: str, ending: str, mark: str) -> None:
    text = "a: 1\nb: |\n  x\n  y\nc: 'one\n  two'\nd: [1,\n  2]\ne: ü\n"
    raw = (mark + text.replace("\n", ending)).encode()
    document = parse(raw, PATH)
    assert document.text == text
    assert document.root == parse(text, PATH).root
    assert document.sha256 == hashlib.sha256(raw).hexdigest()
    again = parse(raw.decode(), PATH)
    assert again == document


@pytest.mark.parametrize(
    ("raw", "rule", "place"),
    [
        (b"a: \xff\n", "not-utf8", (1, 4)),
        (b"\xef\xbb\xbfa: 1\r\nb: \xc3\xa9\xe9\n", "not-utf8", (2, 5)),
        (b"a: \xed\xa0\x80", "not-utf8", (1, 4)),  # a surrogate, encoded
        (b"a: \xc0\xaf", "not-utf8", (1, 4)),  # an overlong slash
        ("a: 1\n".encode("utf-16"), "not-utf8", (1, 1)),
        ("a: 1\n".encode("utf-16-be"), "binary-file", (1, 1)),
        (b"\xfe\xff" + "a: 1\n".encode("utf-16-be"), "not-utf8", (1, 1)),
        ("a: 1\n".encode("utf-32"), "not-utf8", (1, 1)),
        (b"a: 1\n\x00\x01\x02", "binary-file", (2, 1)),
        (b"\x89PNG\r\n\x1a\n", "not-utf8", (1, 1)),
        (b"a: \x07\n", "unprintable", (1, 4)),
        ("a: b\u2028c: d\n".encode(), "unprintable", (1, 5)),  # a line break in YAML 1.1 only
        ("a: \x85\n".encode(), "unprintable", (1, 4)),
        ("a: b\n\ufeffc: d\n".encode(), "unprintable", (2, 1)),
        ("a: \uffff\n".encode(), "unprintable", (1, 4)),
    ],
)
def test_bytes_that_are_no_text(raw: bytes, rule: str, place: tuple[int, int]) -> None:
    found = fault(raw)
    assert (found.rule, (found.span.line, found.span.column)) == (rule, place)


def test_text_with_lone_surrogates() -> None:
    assert fault("a: \ud800\n").rule == "unprintable"


@pytest.mark.parametrize("escape", [r"\0", r"\e", r"\r", r"\N", r"\L", r"\x7f", r"\uFEFF", r"\ud800", r"\U0000d800"])
def test_an_escape_cannot_bring_in_what_the_file_may_not_hold(loader: str, escape: str) -> None:
    found = fault(f'a: "x{escape}"\n')
    assert found.rule in ("unprintable", "yaml-syntax")
    assert found.span.line == 1


def test_every_unprintable_character_is_reported() -> None:
    assert [(d.span.line, d.span.column) for d in faults("a: \x01\nb: x\x02\x03\n")] == [(1, 4), (2, 5), (2, 6)]


def test_load_reads_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ü spec.yaml"
    file.write_bytes(b"netspec: 1\r\n")
    document = load(file)
    assert (document.path, plain(document.root)) == (str(file), {"netspec": 1})
    assert document.root.span.path == str(file)
    assert document.sha256 == hashlib.sha256(b"netspec: 1\r\n").hexdigest()
    assert load(str(file)) == document


def unreadable(path: str | Path) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        load(path)
    (found,) = caught.value.diagnostics
    assert (found.rule, found.span) == ("unreadable-file", Span(str(path), 1, 1, 1, 1))
    return found


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "kws.yaml").write_text("a: 1")
    assert unreadable(tmp_path / "kvs.yaml").help == f"did you mean {tmp_path / 'kws.yaml'}?"
    assert unreadable(tmp_path / "other").help == "check the path"
    assert "nor its folder" in unreadable(tmp_path / "no" / "kws.yaml").message
    assert "is a folder" in unreadable(tmp_path).message
    assert "not a directory" in unreadable(tmp_path / "kws.yaml" / "x").message
    unreadable("a\0b")
    unreadable("x" * 5000)
    unreadable("")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    file.chmod(0)
    assert unreadable(file).message.endswith("permission denied")


def test_a_file_has_a_largest_size(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as out:
        out.truncate(MAX_BYTES + 1)
    with pytest.raises(SpecError) as caught:
        load(file)
    assert [d.rule for d in caught.value.diagnostics] == ["file-too-large"]
    assert len(parse(b"a: 1\n" + b"#" * (MAX_BYTES - 5), PATH).text) == MAX_BYTES


# ------------------------------------------------------------------------------------------------ syntax errors


@pytest.mark.parametrize(
    ("text", "place", "message", "help"),
    [
        ("a:\n\tb: 1\n", (2, 1), "a tab stands in the indentation", "spaces"),
        ("a:\n  b: 1\n\tc: 2\n", (3, 1), "a tab stands in the indentation", "spaces"),
        ("a:\n  - \tb: 1\n    c: 2\n", (2, 5), "a tab stands ", "space"),
        ("netspec: 1\nname:kws\ninputs: 1\n", (2, 1), "a space is missing after the colon of `name`", "`name: kws`"),
        ("name:kws\ninputs: 1\n", (1, 1), "a space is missing after the colon of `name`", "`name: kws`"),
        ("a: {units:8}\n", (1, 5), "a space is missing after the colon of `units:8`", "`units: 8`"),
        ("a:\n  - conv2d:{units: 8}\n", (2, 5), "a space is missing after the colon", "`conv2d: {units`"),
        ("a:\n- b\n-c\n", (3, 1), "a space is missing after the dash", "`- c`"),
        ("a: [1, 2\nb: 3\n", (1, 4), "this `[` is never closed", "`]`"),
        ("a: {x: 1, y: 2\nb: 3\n", (1, 4), "this `{` is never closed", "`}`"),
        ("a: {x: 1,\n", (1, 4), "this `{` is never closed", "`}`"),
        ("a:\n  - {x: [1, 2\n\n\n", (2, 9), "this `[` is never closed", "`]`"),
        ("a: [b, {c: 1]\n", (1, 13), "`]` cannot close `{`", "`}`"),
        ("a: {b: 1 c: 2}\n", (1, 11), "a comma or `}` is missing before this colon's key", "commas"),
        ("a: ]\n", (1, 4), "this `]` closes nothing", "remove"),
        ("{a: 1}}\n", (1, 7), "this `}` closes nothing", "remove"),
        ("a: 'foo\nb: 1\n", (1, 4), "this quote is never closed: '", "'"),
        ('a: "foo\n', (1, 4), 'this quote is never closed: "', '"'),
        ("a: 'it's'\n", (1, 8), "`s` stands after the end of the value", "'it''s'"),
        ("a: [1] y\n", (1, 8), "`y` stands after the end of the value", "quotes"),
        ('a: "C:\\data"\n', (1, 7), "`\\d` is no escape sequence of a string", "single quotes"),
        ("a: b: c\n", (1, 5), "a value without quotes cannot contain a colon and a space", "quotes"),
        ("a: 1\n  b: 2\n", (2, 3), "`b` is indented as a part of the value above it", "indent"),
        ("a:\n  b: 1\n c: 2\n", (3, 2), "this line is indented by 1, which fits none of the lines above", "indent"),
        ("a: {: 1}\n", (1, 5), "a key is missing before this colon", "name"),
        ("netspec 1\nname: x\n", (1, 1), "`netspec 1` is not a key with a value", "`netspec: 1`"),
        ("a: 1\nname x\nb: 2\n", (2, 1), "`name x` is not a key with a value", "`name: x`"),
        ("a:\n  - b\n    c: d\n", (3, 5), "`c` is indented as a part of the value above", "indent"),
        (": 1\n", (1, 1), "a key is missing before this colon", "name"),
        ("a: 1\n- b\n", (2, 1), "a list item stands among the keys of a mapping", "items"),
        ("- b\na: 1\n", (2, 1), "a key stands among the items of a list", "`- `"),
        ("a:\n  - x\n  batch\n", (3, 3), "`batch` is not a key with a value", "`- batch`"),
        ("k: 1\nbatch\n", (2, 1), "`batch` is not a key with a value", "`- batch`"),
        ("a: - b\n", (1, 4), "a list cannot start on the line of its key", "next line"),
        ("a: @b\n", (1, 4), "a value without quotes cannot start with `@`", "'@b'"),
        ("a: `b`\n", (1, 4), "a value without quotes cannot start with a backtick", "'`b`'"),
        ("a: %b\n", (1, 4), "a value without quotes cannot start with `%`", "'%b'"),
        ("a: *.csv\n", (1, 4), "`*` starts an alias, and no name follows", "'*.csv'"),
        ("a: [1,,2]\n", (1, 7), "a value is missing before `,`", "value"),
        ("a: {n: ${w * 2}}\n", (1, 8), "inside brackets or braces, an expression must be in quotes", '"${'),
        ("a: [${w}]\n", (1, 5), "inside brackets or braces, an expression must be in quotes", '"${'),
        ("a: |x\n  b\n", (1, 5), "`|` and `>` stand for the lines below and end their own line", "indented"),
        ("%YAML 2.0\n---\na: 1\n", (1, 1), "the file says that it is not YAML 1", "%YAML"),
        ("a: !x!foo 1\n", (1, 4), "the tag here is not allowed; a spec is plain data", "remove"),
        ("a: 1\n...\nb: 2\n", (3, 1), "`b` stands after the end of the document", "..."),
        ("a:\u00a01\nb: 2\n", (1, 3), "a no-break space (U+00A0) stands where a space is meant", "replace"),
    ],
)
def test_syntax_errors_tell_the_slip(loader: str, text: str, place: tuple[int, int], message: str, help: str) -> None:
    found = fault(text)
    assert (found.span.line, found.span.column) == place, found
    assert found.message.startswith(message)
    assert help in (found.help or "")
    assert found.rule in ("yaml-syntax", "yaml-tab", "yaml-tag")
    assert found.message[0] == found.message[0].lower()
    assert not found.message.endswith(".")


def test_an_error_carries_the_text_to_show() -> None:
    with pytest.raises(SpecError) as caught:
        parse(b"\xef\xbb\xbfa: [\r\n", PATH)
    assert caught.value.sources == {PATH: "a: [\n"}


def test_tabs_that_indent_nothing() -> None:
    assert data("a:\tb\t# why\nc: [1,\t2]\nd: 'x\ty'\n") == {"a": "b", "c": [1, 2], "d": "x\ty"}


# ---------------------------------------------------------------------------------------------------------- size


def layers(count: int) -> str:
    layer = "  - conv2d: {{name: c{}, filters: 64, kernel_size: [3, 3], padding: same, use_bias: false}}\n"
    return "netspec: 1\nlayers:\n" + "".join(layer.format(i) for i in range(count))


def test_a_spec_of_ten_thousand_layers() -> None:
    root = parse(layers(10_000), PATH).root
    items = root.get("layers")
    assert isinstance(items, Sequence)
    assert len(items.items) == 10_000
    assert items.items[-1].span.line == 10_002


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a: [\n" + "\n" * 200_000, "yaml-syntax"),
        ("? " * 100_000, "too-deep"),
        (
            "".join(f"a{i}: &a{i}\n" for i in range(20_000)) + "".join(f"b{i}: *c{i}\n" for i in range(100)),
            "unknown-alias",
        ),
        ("a: " + "&x " * 100_000, "yaml-syntax"),
    ],
    ids=["blank lines", "explicit keys", "anchors", "anchors of one value"],
)
def test_a_large_file_of_faults_takes_seconds_at_most(text: str, rule: str) -> None:
    start = time.process_time()
    assert faults(text)[0].rule == rule
    assert time.process_time() - start < 5  # hundredths of a second; minutes, if anything were quadratic


def test_collecting_garbage_is_resumed_after_an_error() -> None:
    import gc

    assert gc.isenabled()
    fault("a: [")
    assert gc.isenabled()


def every_scalar(node: Node) -> list[Scalar]:
    if isinstance(node, Scalar):
        return [node]
    if isinstance(node, Sequence):
        return [scalar for item in node.items for scalar in every_scalar(item)]
    return [s for entry in node.entries for part in (entry.key, entry.value) for s in every_scalar(part)]


def test_every_scalar_of_a_real_spec_is_where_it_says(loader: str) -> None:
    text = layers(20)
    scalars = every_scalar(parse(text, PATH).root)
    assert len(scalars) == 3 + 20 * 12
    assert all(
        slice_of(text, scalar.span) == scalar.text == str(scalar.value).replace("False", "false") for scalar in scalars
    )
