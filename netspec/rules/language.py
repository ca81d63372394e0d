"""Rules of `vars`, `blocks`, `repeat`, `$name` and `${...}`."""

from __future__ import annotations

from netspec.rules.entry import Example, Rule, net
from netspec.spec.language.grow import MAX_LAYERS, MAX_VALUES

_BLOCK = "blocks:\n  part:\n    params: {width: null}\n    layers: [{dense: {units: $width}}]\n"

RULES = (
    Rule(
        "unknown-name",
        "A `$name` that is no variable or parameter, or one that gets its value further down.",
        "There is nothing to put in its place.",
        "Define it in `vars` or `params`, above what uses it; write `$$` for a dollar in a text.",
        Example(net("- dense: {units: $widht}", first="vars: {width: 8}\n")),
    ),
    Rule(
        "missing-value",
        "A variable without a value.",
        "Only a block's parameter may be null: its uses give it a value.",
        "Give it one, or remove it.",
        Example(net("- dense: {units: $width}", first="vars:\n  width:\n")),
    ),
    Rule(
        "bad-expression",
        "A `${...}` that is no integer arithmetic.",
        "Nothing but + - * // % and parentheses over integers and names is evaluated, ever.",
        "Write it as in `${width * 2}`; use `//` to divide.",
        Example(net("- dense: {units: '${width / 2}'}", first="vars: {width: 8}\n")),
    ),
    Rule(
        "bad-arithmetic",
        "Arithmetic without a result: on text, by zero, or beyond 64 bits.",
        "The value would have no meaning as a size.",
        "Use integers; the note says where a value comes from.",
        Example(net("- dense: {units: '${64 // parts}'}", first="vars: {parts: 0}\n")),
    ),
    Rule(
        "reserved-name",
        "A block that is called like a layer type, or a parameter like a key that every use takes.",
        "A use could not be told from the layer, nor the parameter from the key.",
        "Rename it.",
        Example(net("- dense: {units: 4}", first="blocks:\n  dense:\n    layers: [flatten]\n")),
    ),
    Rule(
        "recursive-block",
        "A block that uses itself, alone or through others.",
        "Unrolled it would never end.",
        "Use `repeat` for layers that come again.",
        Example(net("- part", first="blocks:\n  part:\n    layers: [relu, part]\n")),
    ),
    Rule(
        "expansion-too-large",
        f"More than {MAX_LAYERS:,} layers, or {MAX_VALUES:,} values, blocks and repeats unrolled.",
        "A few lines would fill the memory of whoever reads them, and no device runs such a net.",
        "Lower `times`, or use fewer blocks inside blocks.",
        Example(net("- repeat: {times: 1000, layers: [{repeat: {times: 1000, layers: [relu]}}]}")),
    ),
)
