"""`# netspec: ignore[...]`: which finding of which line it silences, and what it says of itself where it does not."""

from __future__ import annotations

import pytest

from netspec.check import check
from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.lint import unsilenced
from netspec.spec.source import parse

HEAD = "netspec: 1\nname: net\ninputs: {x: {shape: [12]}}\n"
RATE = "# netspec: ignore[dropout-rate]"


def rules(text: str) -> list[tuple[str, int]]:
    return [(each.rule, each.span.line) for each in check(parse(text, "net.yaml")).warnings]


@pytest.mark.parametrize(
    "layers",
    [
        f"layers:\n  - dropout: {{rate: 0}}  {RATE}\n  - dense: {{units: 2}}\n",
        f"layers:\n  - dropout: {{rate: 0}}  {RATE} until the ablation is done\n  - dense: {{units: 2}}\n",
        f"layers:\n  - dropout: {{rate: 0}}  # off; {RATE}\n  - dense: {{units: 2}}\n",
        "layers:\n  - dropout: {rate: 0}  #netspec:ignore [ loss-width , dropout-rate ]\n  - dense: {units: 2}\n",
        f"layers:\n  {RATE}\n  - dropout: {{rate: 0}}\n  - dense: {{units: 2}}\n",
        f"layers:\n{RATE}\n  # and a word\n\n  - dropout: {{rate: 0}}\n  - dense: {{units: 2}}\n",
        f"layers:\n  - dropout:  {RATE}\n      rate: 0\n  - dense: {{units: 2}}\n",
        f"layers:\n  - dropout:\n      rate: 0  {RATE}\n  - dense: {{units: 2}}\n",
        f"layers:\n  - dropout:\n      {RATE}\n      rate: 0\n  - dense: {{units: 2}}\n",
        f"layers: [{{dropout: {{rate: 0}}}}, {{dense: {{units: 2}}}}]  {RATE}",
        "layers:\n  - dropout: {rate: 0}\n  - dense: {units: 2}\n# netspec: ignore-file[dropout-rate]",
        f"layers:\n  - dropout: {{rate: 0}}  {RATE}\r\n  - dense: {{units: 2}}\r\n",
        f"blocks: {{off: {{layers: [{{dropout: {{rate: 0}}}}]}}}}\nlayers:\n  - off  {RATE}\n  - dense: {{units: 2}}\n",
        f"blocks:\n  off:\n    layers:\n    - dropout: {{rate: 0}}  {RATE}\nlayers: [off, {{dense: {{units: 2}}}}]",
        f"vars: {{rate: 0}}\nlayers:\n  - dropout: {{rate: $rate}}  {RATE}\n  - dense: {{units: 2}}\n",
        f"layers:\n  - dropout: {{rate: 0}}  # größer als é: {RATE}\n  - dense: {{units: 2}}\n",
    ],
)  # fmt: skip
def test_a_comment_silences_what_it_names_where_it_stands(layers: str) -> None:
    assert "dropout-rate" not in [rule for rule, _ in rules(HEAD + layers)]
    assert [rule for rule, _ in rules(HEAD + layers.replace("netspec", "nets"))] == ["dropout-rate"]


@pytest.mark.parametrize(
    "layers",
    [
        f"layers:\n  - dropout: {{rate: 0}}\n  - dense: {{units: 2}}  {RATE}\n",
        f"layers:\n  - dropout: {{rate: 0}}\n  {RATE}\n  - dense: {{units: 2}}\n",
        f"layers:  {RATE}\n  - dropout: {{rate: 0}}\n  - dense: {{units: 2}}\n",
        f"layers:\n  - dropout: {{rate: 0}}\n  - dense: {{units: 2}}\n{RATE}",
    ],
)
def test_a_comment_elsewhere_silences_nothing_and_says_so(layers: str) -> None:
    assert {rule for rule, _ in rules(HEAD + layers)} == {"dropout-rate", "unused-ignore"}


@pytest.mark.parametrize(
    "description",
    [
        f'"x {RATE}"',
        f"'{RATE}-file'".replace("]-file", "]"),
        f"|\n  {RATE}\n  # netspec: ignore-file[dropout-rate]",
        ">-\n  text\n  # netspec: ignore-file[dropout-rate]\n",
        '"a\n  # netspec: ignore-file[dropout-rate]"',
        "a#netspec:ignore-file[dropout-rate]",
    ],
)
def test_text_in_a_string_is_no_comment(description: str) -> None:
    text = f"{HEAD}description: {description}\nlayers:\n  - dropout: {{rate: 0}}\n  - dense: {{units: 2}}\n"
    assert [rule for rule, _ in rules(text)] == ["dropout-rate"]


def test_a_comment_may_follow_a_block_scalars_indicator() -> None:
    text = f"{HEAD}description: |  # netspec: ignore-file[dropout-rate]\n  text\n"
    assert rules(f"{text}layers:\n  - dropout: {{rate: 0}}\n  - dense: {{units: 2}}\n") == []


def test_of_a_blocks_uses_each_may_be_silenced() -> None:
    block = "blocks: {off: {layers: [{dropout: {name: d, rate: 0}}]}}\n"
    text = f"{HEAD}{block}layers:\n  - off\n  - off  {RATE}\n  - off\n  - dense: {{units: 2}}\n"
    (left,) = check(parse(text, "net.yaml")).warnings
    assert left.message.startswith("off_d ")
    assert [note.message for note in left.notes if "same" in note.message] == ["the same holds for off_2_d"]


def test_two_comments_for_one_finding_are_both_of_use() -> None:
    assert rules(f"{HEAD}layers:\n  {RATE}\n  - dropout: {{rate: 0}}  {RATE}\n  - dense: {{units: 2}}\n") == []


@pytest.mark.parametrize(
    ("comment", "rule", "help"),
    [
        ("# netspec: ignore[dropout-rat]", "unknown-rule", "did you mean `dropout-rate`?"),
        ("# netspec: ignore[Dropout_Rate]", "unknown-rule", "did you mean `dropout-rate`?"),
        ("# netspec: ignore-file[loss-activaton]", "unknown-rule", "did you mean `loss-activation`?"),
        ("# netspec: ignore[bias-before-norm]", "unused-ignore", "remove it"),
        ("# netspec: ignore", "bad-ignore", "write `# netspec: ignore[even-kernel-same]`"),
        ("# netspec: ignore dropout-rate", "bad-ignore", "write `# netspec: ignore[even-kernel-same]`"),
        ("# netspec: ignore[dropout-rate", "bad-ignore", "write `# netspec: ignore[dropout-rate]`"),
        ("# netspec: ignore_file[loss-width]", "bad-ignore", "write `# netspec: ignore-file[loss-width]`"),
        ("# netspec: ingore[loss-width]", "bad-ignore", "write `# netspec: ignore[loss-width]`"),
    ],
)
def test_a_comment_that_does_nothing_is_a_warning(comment: str, rule: str, help: str) -> None:
    text = f"{HEAD}layers:\n  - dense: {{units: 2}}  {comment}\n"
    (warning,) = check(parse(text, "net.yaml")).warnings
    assert (warning.rule, warning.severity, warning.help) == (rule, "warning", help)
    shown = text.split("\n")[warning.span.line - 1][warning.span.column - 1 : warning.span.end_column - 1]
    assert shown in comment
    assert shown


@pytest.mark.parametrize(
    "comment", ["# netspec: 1", "# netspec: 0.3 wrote it", "# netspec ignores it", "# netspec: show"]
)
def test_other_comments_about_netspec_are_left_alone(comment: str) -> None:
    assert rules(f"{HEAD}layers:\n  - dense: {{units: 2}}  {comment}\n") == []


def test_an_error_stays() -> None:
    comment = "# netspec: ignore-file[window-too-large, budget-macs]"
    text = f"{HEAD}target: {{budget: {{macs: 1}}}}  {comment}\nlayers: [{{dense: {{units: 2}}}}]\n"
    with pytest.raises(SpecError) as caught:
        check(parse(text, "net.yaml"))
    assert {each.rule for each in caught.value.diagnostics} == {"budget-macs", "unknown-rule"}


def test_findings_about_files_are_silenced_on_their_line_and_errors_are_not() -> None:
    text = f"{HEAD}layers:\n  - dense: {{units: 2}}  # netspec: ignore[data-clip-length]\n"
    document = parse(text, "net.yaml")
    here, there = Span("net.yaml", 5, 1, 5, 2), Span("net.yaml", 4, 1, 4, 2)
    warning = Diagnostic("data-clip-length", "long", here, "warning")
    elsewhere = Diagnostic("data-clip-length", "long", there, "warning")
    error = Diagnostic("data-clip-length", "long", here)
    assert unsilenced(document, [warning, elsewhere, error]) == [elsewhere, error]
    assert check(document).warnings == ()
