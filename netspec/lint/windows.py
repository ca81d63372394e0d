"""Windows that miss a part of their input, or that stand askew on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from netspec.graph import GraphLayer
from netspec.layers._types import ExplicitPadding
from netspec.layers._window import effective_size, window_padding
from netspec.layers.base import describe
from netspec.lint.finding import Finding
from netspec.lint.net import Net, key_of, plural
from netspec.ops import Shape

_WINDOWED = re.compile(r"(?:conv|depthwise_conv|separable_conv|max_pooling|average_pooling)[123]d")
_AXES = {1: ("step",), 2: ("row", "column"), 3: ("plane", "row", "column")}


class _Window(NamedTuple):
    """A layer's window by axis: `spans` counts the inputs from its first to its last, dilation included."""

    layer: GraphLayer
    key: str
    sizes: Shape
    strides: Shape
    spans: Shape
    amounts: ExplicitPadding
    padding: str | ExplicitPadding

    @property
    def axes(self) -> tuple[str, ...]:
        return _AXES[len(self.sizes)]


def _windows(net: Net) -> Iterator[_Window]:
    for layer in net.layers:
        if not _WINDOWED.fullmatch(layer.type):
            continue
        key = "kernel_size" if hasattr(layer.layer, "kernel_size") else "pool_size"
        sizes: Shape = key_of(layer, key)
        strides: Shape = key_of(layer, "strides") or sizes
        dilation: Shape = key_of(layer, "dilation_rate") or (1,) * len(sizes)
        padding: str | ExplicitPadding = key_of(layer, "padding")
        spans = tuple(effective_size(*axis) for axis in zip(sizes, dilation, strict=True))
        amounts = window_padding(layer.input_shapes[0][:-1], sizes, strides, dilation, padding)
        yield _Window(layer, key, sizes, strides, spans, amounts, padding)


def window_drops_input(net: Net) -> Iterator[Finding]:
    """Strides that leave the end of the input unread.

    A valid window stops where it no longer fits as a whole: of 11 rows, windows of 2 every 2 read 10. Windows with
    gaps between them (strides larger than the kernel) leave inputs out on purpose and are not judged.
    """
    for window in _windows(net):
        layer, axes = window.layer, range(len(window.sizes))
        lengths, reached = layer.input_shapes[0][:-1], layer.output_shape[:-1]
        ends = [(reached[i] - 1) * window.strides[i] + window.spans[i] - window.amounts[i][0] for i in axes]
        lost = [max(lengths[i] - ends[i], 0) if window.strides[i] <= window.spans[i] else 0 for i in axes]
        if not any(lost):
            continue
        parts = [f"{lost[i]} of {plural(lengths[i], window.axes[i])}" for i in axes if lost[i]]
        yield Finding(
            f"{layer.name} never reads the last {' and the last '.join(parts)} of its input "
            f"{describe(layer.input_shapes[0])}: one more window does not fit",
            _room_for_one_more(window, lengths, ends, lost),
            layer,
            key="strides" if layer.item.keys.entry("strides") else window.key,
            notes=(net.place_note(f"the input comes from {layer.inputs[0]}", layer.inputs[0]),),
        )


def _room_for_one_more(window: _Window, lengths: Shape, ends: list[int], lost: list[int]) -> str:
    """Return the padding that lets a last window fit. Pools know only `same`, which always reads the end."""
    if window.key == "pool_size":
        return "write `padding: same`, or give it an input that its strides divide"
    pairs = [list(pair) for pair in window.amounts]
    for i, pair in enumerate(pairs):
        if lost[i]:
            pair[1] = ends[i] + window.strides[i] - lengths[i]
    return f"write `padding: {pairs}` for one more window, or `padding: same`"


def even_kernel_same(net: Net) -> Iterator[Finding]:
    """An even window with `padding: same` and stride 1.

    The zeros that keep the size are odd in number, so one side gets one more, and the output lies half a pixel beside
    the input; layer after layer this adds up. With larger strides the zeros depend on the size too, and an even window
    can be the centred one, so those are not judged.
    """
    for window in _windows(net):
        if window.padding != "same":
            continue
        askew = [i for i, span in enumerate(window.spans) if span % 2 == 0 and window.strides[i] == 1]
        if not askew:
            continue
        first = askew[0]
        before, after = window.amounts[first]
        axis = window.axes[first]
        odd = [size + 1 if i in askew else size for i, size in enumerate(window.sizes)]
        shown = odd[0] if len(set(odd)) == 1 else odd
        yield Finding(
            f"{window.layer.name} pads {before} before and {after} after the {axis}s, because {window.key} "
            f"{window.sizes[first]} is even: its output is shifted by half a {axis}",
            f"write `{window.key}: {shown}`",
            window.layer,
            key=window.key,
        )
