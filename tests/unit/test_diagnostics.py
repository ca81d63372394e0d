"""Findings: how they compare, what they look like to people and to programs, and what is suggested."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import pytest

from netspec.diagnostics import (
    SNIPPET_WIDTH,
    Diagnostic,
    Note,
    Span,
    SpecError,
    ToolError,
    nearest,
    render_json,
    render_text,
)

PATH = "specs/kws.yaml"


def on(line: str, part: str, number: int = 1, path: str = PATH) -> Span:
    column = line.index(part) + 1
    return Span(path, number, column, number, column + len(part))


def caret_of(line: str, part: str) -> str:
    """Return the caret line below a one-line file, without its gutter."""
    text = render_text([Diagnostic("r", "m", on(line, part))], {PATH: line})
    return text.splitlines()[3].removeprefix("  | ")


def test_the_whole_form() -> None:
    line = "    - conv2d: {name: conv3, filters: 64, kernel_size: 5}"
    finding = Diagnostic(
        "window-too-large",
        "kernel_size [5, 5] does not fit the input (3, 20, 64) of conv3",
        on(line, "kernel_size: 5", 31),
        help="use `padding: same`, or a kernel of at most [3, 20]",
        notes=(Note("the input comes from pool2", Span(PATH, 28, 5, 28, 20)),),
    )
    assert render_text([finding], {PATH: "\n" * 30 + line + "\n"}) == (
        "specs/kws.yaml:31:42: error: kernel_size [5, 5] does not fit the input (3, 20, 64) of conv3"
        " [window-too-large]\n"
        "   |\n"
        "31 |     - conv2d: {name: conv3, filters: 64, kernel_size: 5}\n"
        "   |                                          ^~~~~~~~~~~~~~\n"
        "   = note: the input comes from pool2, line 28\n"
        "   = help: use `padding: same`, or a kernel of at most [3, 20]\n"
    )


def test_without_its_source_a_finding_has_no_snippet() -> None:
    finding = Diagnostic("unreadable-file", "there is no file a", Span("a", 1, 1, 1, 1), help="make one")
    assert render_text([finding], {"b": "text"}) == (
        "a:1:1: error: there is no file a [unreadable-file]\n  = help: make one\n"
    )


def test_a_line_beyond_the_source_has_no_snippet() -> None:
    assert render_text([Diagnostic("r", "m", Span("a", 9, 1, 9, 2))], {"a": "x"}) == "a:9:1: error: m [r]\n"


def test_nothing_found_is_nothing_said() -> None:
    assert render_text([], {}) == ""


def test_findings_are_sorted_by_position_and_said_once() -> None:
    late = Diagnostic("r", "late", Span("a", 10, 1, 10, 2))
    early = Diagnostic("r", "early", Span("a", 9, 1, 9, 2))
    warning = Diagnostic("r", "early", Span("a", 9, 1, 9, 2), severity="warning")
    text = render_text([late, early, warning, late], {})
    assert text == "a:9:1: error: early [r]\n\na:9:1: warning: early [r]\n\na:10:1: error: late [r]\n"


def test_of_two_that_say_the_same_the_first_is_kept() -> None:
    span = Span("a", 1, 1, 1, 2)
    text = render_text([Diagnostic("r", "m", span, help="first"), Diagnostic("r", "m", span, help="second")], {})
    assert "first" in text
    assert "second" not in text


def test_a_note_in_another_file_names_it() -> None:
    finding = Diagnostic("r", "m", Span("a", 1, 1, 1, 2), notes=(Note("see", Span("b", 7, 1, 7, 2)), Note("so")))
    assert render_text([finding], {}).splitlines()[1:] == ["  = note: see, b:7", "  = note: so"]


def test_a_span_of_several_lines_shows_the_first() -> None:
    text = render_text([Diagnostic("r", "m", Span("a", 1, 4, 3, 2))], {"a": "x: [1,\n 2,\n 3]\n"})
    assert text.splitlines()[2:] == ["1 | x: [1,", "  |    ^~~"]


@pytest.mark.parametrize(
    ("line", "part", "caret"),
    [
        ("key: bad", "bad", "     ^~~"),
        ("層: bad", "bad", "    ^~~"),  # a wide character takes two columns
        ("層: 畳み込み", "畳み込み", "    ^~~~~~~~"),
        ("e\u0301: bad", "bad", "   ^~~"),  # a combining mark takes none
        ("👩\u200d🔬: bad", "bad", "      ^~~"),  # nor does a joiner
        ("a:\tbad", "bad", "    ^~~"),  # a tab goes to the next multiple of four
        ("\t\tbad", "bad", "        ^~~"),
        ("abcd\tbad", "bad", "        ^~~"),
        ("a\x07: bad", "bad", "    ^~~"),  # a control character is shown as one replacement character
    ],
)
def test_the_caret_stands_below_what_it_means(line: str, part: str, caret: str) -> None:
    assert caret_of(line, part) == caret


def test_an_empty_span_gets_one_caret() -> None:
    text = render_text([Diagnostic("r", "m", Span("a", 1, 3, 1, 3))], {"a": "x:"})
    assert text.splitlines()[3] == "  |   ^"


@pytest.mark.parametrize("at", [0, 60, 500, 990])
def test_a_long_line_is_trimmed_around_the_caret(at: int) -> None:
    line = "x" * at + "BAD" + "y" * (1000 - at)
    rows = render_text([Diagnostic("r", "m", on(line, "BAD"))], {PATH: line}).splitlines()
    shown, caret = rows[2].removeprefix("1 | "), rows[3].removeprefix("  | ")
    assert len(shown) <= SNIPPET_WIDTH + 2
    assert shown[caret.index("^") : caret.rindex("~") + 1] == "BAD"
    assert shown.startswith("…") == (at > SNIPPET_WIDTH // 3)
    assert shown.endswith("…") == (at < 900)


def test_a_caret_does_not_run_beyond_what_is_shown() -> None:
    line = "z" * 5000
    rows = render_text([Diagnostic("r", "m", Span("a", 1, 1, 1, 5001))], {"a": line}).splitlines()
    assert rows[2] == "1 | " + "z" * SNIPPET_WIDTH + "…"
    assert rows[3] == "  | ^" + "~" * (SNIPPET_WIDTH - 1)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_line_ending_counts_as_one_line(ending: str) -> None:
    text = render_text([Diagnostic("r", "m", Span("a", 2, 1, 2, 2))], {"a": f"\ufeffone{ending}two\x0cx{ending}"})
    assert text.splitlines()[2] == "2 | two\ufffdx"


def test_nothing_from_the_file_reaches_the_terminal_raw() -> None:
    line = "a: \x1b[31m\u202e\udcff"
    finding = Diagnostic("r", "a value of \x1b[31m\n\udcff", Span("p\n\udcff", 1, 4, 1, 5), help="\x07")
    text = render_text([finding], {"p\n\udcff": line})
    assert text.splitlines()[0] == r"p\n\udcff:1:4: error: a value of \x1b[31m\n\udcff [r]"
    assert not {"\x1b", "\u202e", "\udcff", "\x07"} & set(text)
    text.encode()


def test_colours_only_when_asked_and_without_changing_the_text() -> None:
    line = "key: bad"
    finding = Diagnostic("r", "m", on(line, "bad"), help="h", notes=(Note("n"),))
    plain = render_text([finding], {PATH: line})
    colored = render_text([finding], {PATH: line}, color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31m^~~\x1b[0m" in colored
    bare = colored
    for code in ("0", "1", "1;31", "1;34", "1;36"):
        bare = bare.replace(f"\x1b[{code}m", "")
    assert bare == plain


def test_json_is_the_documented_object() -> None:
    findings = [
        Diagnostic("b", "später", Span("a.yaml", 6, 5, 6, 12), severity="warning", path="layers[3].conv2d"),
        Diagnostic("unknown-key", "m", Span("a.yaml", 2, 1, 3, 4), help="did you mean `x`?", notes=(Note("n"),)),
    ]
    text = render_json([*findings, findings[0]])
    assert text.endswith("}\n")
    assert text.isascii()
    assert json.loads(text) == {
        "schema_version": 1,
        "diagnostics": [
            {
                "rule": "unknown-key",
                "severity": "error",
                "message": "m",
                "help": "did you mean `x`?",
                "path": "a.yaml",
                "line": 2,
                "column": 1,
                "end_line": 3,
                "end_column": 4,
            },
            {
                "rule": "b",
                "severity": "warning",
                "message": "später",
                "help": None,
                "path": "a.yaml",
                "line": 6,
                "column": 5,
                "end_line": 6,
                "end_column": 12,
            },
        ],
    }


def test_json_of_nothing() -> None:
    assert json.loads(render_json([])) == {"schema_version": 1, "diagnostics": []}


@pytest.mark.parametrize(
    ("word", "candidates", "expected"),
    [
        ("fliters", ["kernel_size", "filters", "units"], "filters"),  # a swap of neighbours is one slip
        ("kernal_size", ["kernel_size", "filters"], "kernel_size"),
        ("Conv2D", ["conv1d", "conv2d"], "conv2d"),
        ("conv_2d", ["conv1d", "conv2d"], "conv2d"),
        ("con2d", ["conv1d", "conv2d"], "conv2d"),
        ("maxpool2d", ["max_pooling1d", "max_pooling2d"], "max_pooling2d"),
        ("batchnorm", ["batch_normalization", "dense"], "batch_normalization"),
        ("globalaverage", ["global_average_pooling1d", "global_average_pooling2d"], None),  # two would do
        ("unit", ["units"], "units"),
        ("x", ["y"], None),
        ("m8", ["m4", "m7"], None),
        ("lstm", ["gru", "dense"], None),
        ("", ["a"], None),
        ("a" * 50_000, ["a" * 50_001], None),  # not a slip of the pen, and dear to compare
        ("name", [], None),
    ],
)
def test_nearest(word: str, candidates: list[str], expected: str | None) -> None:
    assert nearest(word, iter(candidates)) == expected


def test_spec_error_takes_one_or_many_and_reads_well() -> None:
    one = Diagnostic("r", "m", Span("a", 1, 2, 1, 3))
    two = Diagnostic("s", "n", Span("a", 2, 1, 2, 2), severity="warning")
    assert SpecError(one).diagnostics == (one,)
    error = SpecError(iter([one, two]), {"a": "text"})
    assert error.diagnostics == (one, two)
    assert str(error) == "a:1:2: error: m [r]\na:2:1: warning: n [s]"
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.diagnostics, copy.sources) == ((one, two), {"a": "text"})


def test_tool_error() -> None:
    error = ToolError("no C compiler was found", "apt install gcc")
    assert (str(error), error.message, error.help) == ("no C compiler was found", error.message, "apt install gcc")
    assert ToolError("m").help is None


def test_spans_sort_by_place() -> None:
    spans = [Span("a", 10, 1, 10, 2), Span("a", 2, 5, 2, 6), Span("a", 2, 1, 2, 9)]
    assert sorted(spans) == spans[::-1]


def test_reading_a_spec_imports_nothing_heavy() -> None:
    code = "import sys, netspec.spec.source; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "pydantic", "typer", "jinja2", "tensorflow", "difflib"} & set(loaded.split())
