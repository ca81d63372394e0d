"""Rules of keys and values: each section and layer has its own, and nothing is accepted and then ignored."""

from __future__ import annotations

from netspec.rules.entry import Example, Rule, net

RULES = (
    Rule(
        "language-version",
        "A `netspec:` of another version of the language.",
        "Later versions may give the same keys another meaning.",
        "Write `netspec: 1`, or install the netspec that knows the version.",
        Example(net("- flatten").replace("netspec: 1", "netspec: 2")),
    ),
    Rule(
        "missing-key",
        "A required key, parameter or input that is not there.",
        "It has no default that could be right for every net.",
        "Add it; the help shows how it is written.",
        Example(net("- conv1d: {filters: 8}", inputs="{x: {shape: [16, 3]}}")),
    ),
    Rule(
        "unknown-key",
        "A key that the section or layer does not have.",
        "It would have no effect, while the default of the key that was meant would.",
        "Write the key that is meant; `netspec check --fix` does where it can be only one.",
        Example(net("- conv1d: {filters: 8, kernel: 3}", inputs="{x: {shape: [16, 3]}}")),
    ),
    Rule(
        "unknown-layer",
        "A layer type that is none.",
        "Types are the snake_case of Keras' classes, and the spec's own blocks.",
        "Write the type that is meant; `netspec check --fix` does where it can be only one.",
        Example(net("- Conv2D: {filters: 8, kernel_size: 3}", inputs="{image: {shape: [8, 8, 3]}}")),
    ),
    Rule(
        "layer-form",
        "An item of `layers` that is neither a type nor a mapping with one key, the type.",
        "Most often the layer's keys are not indented below the type, so that they became types of their own.",
        "Write `- flatten`, or `- dense: {units: 10}`, or indent the keys below the type.",
        Example(net("- dense:\n  units: 4")),
    ),
    Rule(
        "wrong-type",
        "A value of the wrong type: text for a number, a value for a list.",
        "Guessing what was meant would hide slips such as a number in quotes.",
        "Write it as the help shows; `netspec check --fix` does where that is certain.",
        Example(net('- dense: {units: "4", use_bias: no}')),
    ),
    Rule(
        "invalid-value",
        "A value of the right type that the key cannot have.",
        "Keras, or the device, would refuse it hours later, or take it and compute something else.",
        "Write one of the values that the message or the help lists.",
        Example(net("- dropout: {rate: 1.5}\n- dense: {units: 4, activation: ReLu}")),
    ),
    Rule(
        "invalid-name",
        "A name that is no identifier, is a keyword of C, or becomes too long.",
        "Names become identifiers in the emitted C, and names of arrays in weights files.",
        "Use letters, digits and `_`, and no digit first; the net's own name is in lower case.",
        Example(net("- dense: {name: 1st, units: 4}")),
    ),
    Rule(
        "duplicate-name",
        "A name that two layers or inputs have, or an output that is named twice.",
        "`from`, `outputs` and weights files find layers by their names.",
        "Choose another name, or leave `name` out: layers without one are numbered.",
        Example(net("- dense: {name: head, units: 8}\n- dense: {name: head, units: 4}")),
    ),
)
