"""Lint of nets that nobody designed: no rule raises, each is silenced by its comment, and counts are what they say."""

from __future__ import annotations

import re
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.diagnostics import Diagnostic, render_text
from netspec.graph import build_graph
from netspec.lint import lint
from netspec.names.keras import LOSSES
from netspec.spec.source import parse
from netspec.spec.spec import read
from tests.nets import device_nets
from tests.specs import make_graph


def warnings_of(text: str) -> tuple[Diagnostic, ...]:
    return lint(build_graph(read(parse(text, "net.yaml"))))


@settings(max_examples=150)
@given(net=device_nets(max_layers=12), loss=st.sampled_from([None, *LOSSES]), alone=st.booleans())
def test_every_finding_of_a_random_net_has_a_place_and_is_silenced_there(
    net: str, loss: str | None, alone: bool
) -> None:
    text = net if loss is None else f"{net}train:\n  data: {{npz: d.npz}}\n  loss: {loss}\n  metrics: [accuracy]\n"
    found = warnings_of(text)
    assert all(each.severity == "warning" and each.help for each in found)
    assert render_text(found, {"net.yaml": text}).count(": warning: ") == len(found)

    at: dict[int, set[str]] = defaultdict(set)
    for each in found:
        at[each.span.line].add(each.rule)
    lines = text.split("\n")
    for number, rules in sorted(at.items(), reverse=True):
        comment = f"# netspec: ignore[{', '.join(sorted(rules))}]"
        if alone:
            lines.insert(number - 1, comment)
        else:
            lines[number - 1] += f"  {comment}"
    assert warnings_of("\n".join(lines)) == ()

    whole_file = "".join(f"# netspec: ignore-file[{rule}]\n" for rule in {each.rule for each in found})
    assert warnings_of(text + whole_file) == ()


AMOUNTS = st.tuples(st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=300)
@given(
    length=st.integers(1, 30),
    size=st.integers(1, 6),
    stride=st.integers(1, 6),
    dilation=st.integers(1, 3),
    padding=st.one_of(st.sampled_from(["valid", "same", "causal"]), AMOUNTS),
)
def test_the_steps_that_no_window_reads_are_counted_right(
    length: int, size: int, stride: int, dilation: int, padding: str | tuple[int, int]
) -> None:
    """Held against the set of positions that the windows touch, one by one."""
    dilation = 1 if stride > 1 else dilation  # Keras takes one of the two
    span = (size - 1) * dilation + 1
    total = max((-(-length // stride) - 1) * stride + span - length, 0)
    named = {"valid": (0, 0), "same": (total // 2, total - total // 2), "causal": (span - 1, 0)}
    before, after = named[padding] if isinstance(padding, str) else padding
    starts = range(0, length + before + after - span + 1, stride)
    if not starts:
        return
    written = padding if isinstance(padding, str) else [list(padding)]
    keys = {"filters": 1, "kernel_size": size, "strides": stride, "dilation_rate": dilation, "padding": written}
    found = [each for each in lint(make_graph([{"conv1d": keys}], [length, 1])) if each.rule == "window-drops-input"]

    read_at = {start + tap * dilation - before for start in starts for tap in range(size)}
    last = max(read_at)
    lost = max(length - 1 - last, 0) if stride <= span else 0
    if not lost:
        assert found == []
        return
    (warning,) = found
    assert f"the last {lost} of {length} step" in warning.message
    assert warning.help is not None
    mended = re.search(r"`padding: \[\[(\d+), (\d+)\]\]`", warning.help)
    assert mended is not None
    pads = [int(mended[1]), int(mended[2])]
    again = make_graph([{"conv1d": keys | {"padding": [pads]}}], [length, 1])
    assert again.layers[0].output_shape[0] == len(starts) + 1
    assert "window-drops-input" not in {each.rule for each in lint(again)}


@given(length=st.integers(8, 20), size=st.integers(1, 6), dilation=st.integers(1, 2), pool=st.booleans())
def test_an_even_window_is_one_whose_zeros_are_uneven(length: int, size: int, dilation: int, pool: bool) -> None:
    keys = {"padding": "same", "strides": 1}
    if pool:
        dilation = 1
        layer = {"max_pooling1d": keys | {"pool_size": size}}
    else:
        layer = {"conv1d": keys | {"filters": 1, "kernel_size": size, "dilation_rate": dilation}}
    found = [each for each in lint(make_graph([layer], [length, 1])) if each.rule == "even-kernel-same"]
    zeros = (size - 1) * dilation
    assert len(found) == zeros % 2
    for warning in found:
        assert f"pads {zeros // 2} before and {zeros - zeros // 2} after" in warning.message
