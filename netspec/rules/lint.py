"""The warnings: what a rule of `netspec.lint` finds and why is said by its own docstring, once."""

from __future__ import annotations

import inspect

from netspec.lint import RULES as LINT
from netspec.rules.entry import Example, Rule, net

_IMAGE = "{image: {shape: [32, 32, 3]}}"


def _training(loss: str, metrics: str = "") -> str:
    listed = f"  metrics: [{metrics}]\n" if metrics else ""
    return f"train:\n  data: {{npz: data.npz}}\n  loss: {loss}\n{listed}"


_EXAMPLES: dict[str, tuple[str, str]] = {
    "image-as-sequence": (
        "Use `conv2d` with a channel axis; if the columns are features of time steps, silence the warning.",
        net("- conv1d: {filters: 32, kernel_size: 5}", inputs="{photo: {shape: [45, 45]}}"),
    ),
    "channels-first": (
        "Write the shape with the channels last, and move the axis in the data.",
        net("- conv2d: {filters: 8, kernel_size: 3, padding: same}", inputs="{image: {shape: [3, 32, 32]}}"),
    ),
    "window-drops-input": (
        "Use the padding that the help computes, or an input that the strides divide.",
        net("- max_pooling1d: {pool_size: 2}", inputs="{x: {shape: [11, 3]}}"),
    ),
    "even-kernel-same": (
        "Use an odd kernel.",
        net("- conv2d: {filters: 4, kernel_size: 4, padding: same}", inputs=_IMAGE),
    ),
    "double-activation": (
        "Remove one of the two.",
        net("- dense: {units: 4, activation: relu}\n- softmax"),
    ),
    "double-normalization": (
        "Remove the second.",
        net("- batch_normalization\n- batch_normalization\n- dense: {units: 4}"),
    ),
    "bias-before-norm": (
        "Write `use_bias: false`.",
        net("- dense: {units: 8}\n- batch_normalization\n- relu\n- dense: {units: 4}"),
    ),
    "dropout-at-end": (
        "Put it before the last layer with weights, or remove it.",
        net("- dense: {units: 4}\n- dropout: {rate: 0.5}\n- softmax"),
    ),
    "dropout-rate": (
        "Write the share that is dropped, or remove a dropout that drops nothing.",
        net("- dropout: {rate: 0.95}\n- dense: {units: 4}"),
    ),
    "softmax-of-one": (
        "Use `sigmoid` with `binary_crossentropy`, or an output for each class.",
        net("- dense: {units: 1, activation: softmax}"),
    ),
    "loss-activation": (
        "End the net in the activation that the help names, or use another loss.",
        net("- dense: {units: 10}", _training("sparse_categorical_crossentropy")),
    ),
    "loss-width": (
        "Give the output as many values as the loss judges, or use the loss for as many as there are.",
        net("- dense: {units: 1, activation: sigmoid}", _training("sparse_categorical_crossentropy")),
    ),
    "accuracy-of-values": (
        "Write `metrics: [mae]`.",
        net("- dense: {units: 1}", _training("mse", "accuracy")),
    ),
    "separable-costs-more": (
        "Use the plain convolution.",
        net("- separable_conv2d: {filters: 1, kernel_size: 3}", inputs="{image: {shape: [32, 32, 16]}}"),
    ),
    "norm-after-activation": (
        "Put the batch norm before the activation.",
        net(
            "- dense: {units: 8, activation: relu}\n- batch_normalization\n- dense: {units: 4}",
            "\ntarget: {core: cortex-m4}\n",
        ),
    ),
    "dense-holds-most": (
        "Pool each feature over all places, with `global_average_pooling2d`, in place of `flatten`.",
        net(
            "- conv2d: {filters: 32, kernel_size: 3, padding: same, activation: relu}\n- flatten\n- dense: {units: 10}",
            inputs=_IMAGE,
        ),
    ),
    "renamed-value": (
        "Write the new name; `netspec check --fix` does.",
        net("- dense: {units: 10}", "\ntarget: {kernels: best}\n"),
    ),
}


def _entry(name: str) -> Rule:
    doc = inspect.getdoc(LINT[name]) or ""
    what, _, why = doc.partition("\n\n")
    remedy, spec = _EXAMPLES[name]
    return Rule(name, " ".join(what.split()), " ".join(why.split()), remedy, Example(spec), "warning")


_COMMENTS = (
    Rule(
        "bad-ignore",
        "A comment that begins like an ignore and is not written as one.",
        "It would silence nothing, or more than was meant.",
        "Write `# netspec: ignore[rule]`, or `# netspec: ignore-file[rule]`.",
        Example(net("- dense: {units: 8}    # netspec: ingore[bias-before-norm]")),
        "warning",
    ),
    Rule(
        "unknown-rule",
        "An ignore of a rule that is no warning.",
        "Errors cannot be silenced, and a misspelt name silences nothing.",
        "Write the name that stands in brackets at the end of the warning.",
        Example(net("- dense: {units: 8}    # netspec: ignore[bias-before-nrom]")),
        "warning",
    ),
    Rule(
        "unused-ignore",
        "An ignore of a warning that is not there.",
        "What it excused is gone, and it would hide the next one.",
        "Remove it.",
        Example(net("- dense: {units: 8}    # netspec: ignore[bias-before-norm]")),
        "warning",
    ),
)

_TWO = "net.yaml other.yaml"
_BETWEEN_SPECS = (
    Rule(
        "shared-name",
        "Two specs that are checked together have one name.",
        "Both build into `build/NAME`, where a build refuses to replace the other's, and the functions of their C have "
        "the same names, so that no firmware can hold both.",
        "Give each spec a name of its own; where only one of them is ever used, silence the warning.",
        Example(
            net("- dense: {units: 8}"),
            files={"other.yaml": net("- dense: {units: 4}").encode()},
            beside="`other.yaml` is another spec with `name: net`.",
            given=_TWO,
        ),
        "warning",
    ),
    Rule(
        "shared-symbols",
        "Two specs that are checked together have functions, macros or files of one name in their C.",
        "All names in C begin with the spec's, and one spec's continues the other's. No firmware can hold both.",
        "Rename a spec, an input, an output or a layer; where they are never in one firmware, silence the warning.",
        Example(
            net("- dense: {units: 8}", inputs="{run: {shape: [16]}}"),
            files={"other.yaml": net("- dense: {units: 4}").replace("name: net", "name: net_input").encode()},
            beside="`other.yaml` is a spec with `name: net_input`.",
            given=_TWO,
        ),
        "warning",
    ),
)

RULES = (*map(_entry, LINT), *_BETWEEN_SPECS, *_COMMENTS)
