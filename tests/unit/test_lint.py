"""Each rule where it must speak and where it must not; every remedy is typed in, and the warning is gone."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from netspec.diagnostics import Diagnostic
from netspec.layers import LAYERS
from netspec.layers._types import ActivationName
from netspec.lint import NAMES, RULES, heads, lint, net
from netspec.names import keras as keras_names
from tests.specs import make_graph

CASES = Path(__file__).parents[1] / "cases" / "ok"

Layers = list[Any]


def found(layers: Layers, inputs: Any, rule: str, **sections: Any) -> list[Diagnostic]:
    return [each for each in lint(make_graph(layers, inputs, **sections)) if each.rule == rule]


def training(loss: Any, metrics: Any = ()) -> dict[str, Any]:
    return {"train": {"data": {"npz": "data.npz"}, "loss": loss, "metrics": metrics or []}}


def conv(kind: str = "conv2d", **keys: Any) -> dict[str, Any]:
    return {kind: {"filters": 8, "kernel_size": 3} | keys}


def dense(units: int = 4, **keys: Any) -> dict[str, Any]:
    return {"dense": {"units": units, **keys}}


def drop(rate: float = 0.5, **keys: Any) -> dict[str, Any]:
    return {"dropout": {"rate": rate, **keys}}


BN = "batch_normalization"
SPARSE = "sparse_categorical_crossentropy"
AS_IMAGE = {"reshape": {"target_shape": [45, 45, 1]}}
DEVICE = {"target": {"core": "cortex-m4"}}
PLAIN_RELU: Layers = [dense(), "relu"]

# rule, layers at fault, input, what the remedy must say, layers as it says, other sections before and after
REMEDIES: list[tuple[str, Layers, list[int], str, Layers, dict[str, Any], dict[str, Any]]] = [
    (
        "image-as-sequence",
        [conv("conv1d", kernel_size=5, filters=32)],
        [45, 45],
        "`- reshape: {target_shape: [45, 45, 1]}` before it and use `conv2d`: 5 x 5 x 1 x 32 = 800 weights",
        [AS_IMAGE, conv(kernel_size=5, filters=32)],
        {},
        {},
    ),
    (
        "window-drops-input",
        [conv(strides=2)],
        [28, 29, 1],
        "`padding: [[0, 1], [0, 0]]`",
        [conv(strides=2, padding=[[0, 1], [0, 0]])],
        {},
        {},
    ),
    (
        "window-drops-input",
        [conv("conv1d", strides=3)],
        [11, 2],
        "`padding: [[0, 1]]`",
        [conv("conv1d", strides=3, padding=[[0, 1]])],
        {},
        {},
    ),
    (
        "window-drops-input",
        ["max_pooling2d"],
        [11, 11, 3],
        "`padding: same`",
        [{"max_pooling2d": {"padding": "same"}}],
        {},
        {},
    ),
    (
        "even-kernel-same",
        [conv(kernel_size=[3, 4], padding="same")],
        [9, 9, 1],
        "`kernel_size: [3, 5]`",
        [conv(kernel_size=[3, 5], padding="same")],
        {},
        {},
    ),
    (
        "double-activation",
        [dense(activation="relu"), "softmax"],
        [8],
        "remove `activation: relu` of dense, or softmax",
        [dense(), "softmax"],
        {},
        {},
    ),
    ("double-normalization", [BN, BN, dense()], [8], "remove batch_normalization_1", [BN, dense()], {}, {}),
    ("bias-before-norm", [conv(), BN], [9, 9, 1], "`use_bias: false` in conv2d", [conv(use_bias=False), BN], {}, {}),
    ("dropout-at-end", [dense(), drop()], [8], "put it before dense", [drop(), dense()], {}, {}),
    ("dropout-rate", [drop(0.9), dense()], [8], "`rate: 0.1`", [drop(0.1), dense()], {}, {}),
    ("dropout-rate", [drop(0), dense()], [8], "remove dropout", [dense()], {}, {}),
    (
        "softmax-of-one",
        [dense(1, activation="softmax")],
        [8],
        "`sigmoid` and `loss: binary_crossentropy`",
        [dense(1, activation="sigmoid")],
        training(SPARSE),
        training("binary_crossentropy"),
    ),
    (
        "loss-activation",
        [dense()],
        [8],
        "`activation: softmax` in dense",
        [dense(activation="softmax")],
        training(SPARSE),
        training(SPARSE),
    ),
    (
        "loss-activation",
        [dense(), "relu"],
        [8],
        "`softmax` in place of relu",
        [dense(), "softmax"],
        training("categorical_crossentropy"),
        training("categorical_crossentropy"),
    ),
    (
        "loss-activation",
        [conv(), "global_average_pooling2d"],
        [9, 9, 1],
        "`- softmax: {from: global_average_pooling2d}`",
        [conv(), "global_average_pooling2d", {"softmax": {"from": "global_average_pooling2d"}}],
        training(SPARSE),
        training(SPARSE),
    ),
    (
        "loss-activation",
        [dense(1)],
        [8],
        "`activation: sigmoid` in dense",
        [dense(1, activation="sigmoid")],
        training("bce"),
        training("bce"),
    ),
    (
        "loss-activation",
        [dense(5, activation="softmax")],
        [8],
        "`loss: categorical_crossentropy`",
        [dense(5, activation="softmax")],
        training("binary_crossentropy"),
        training("categorical_crossentropy"),
    ),
    (
        "loss-activation",
        [dense(5, activation="softmax")],
        [8],
        "`dense: categorical_crossentropy`",
        [dense(5, activation="softmax")],
        training({"dense": "mse"}),
        training({"dense": "categorical_crossentropy"}),
    ),
    (
        "loss-width",
        [dense(1, activation="sigmoid")],
        [8],
        "`loss: binary_crossentropy` and `activation: sigmoid`, or `units: 2` and `activation: softmax`",
        [dense(2, activation="softmax")],
        training(SPARSE),
        training(SPARSE),
    ),
    (
        "loss-width",
        [dense(2, activation="softmax")],
        [8],
        f"`loss: {SPARSE}`",
        [dense(2, activation="softmax")],
        training("bce"),
        training(SPARSE),
    ),
    (
        "accuracy-of-values",
        [dense(1)],
        [8],
        "`metrics: [mae]`",
        [dense(1)],
        training("mse", ["accuracy"]),
        training("mse", ["mae"]),
    ),
    (
        "separable-costs-more",
        [conv("separable_conv2d", kernel_size=1)],
        [9, 9, 4],
        "`conv2d: {filters: 8, kernel_size: 1}`",
        [conv(kernel_size=1)],
        {},
        {},
    ),
    (
        "norm-after-activation",
        [dense(activation="relu"), BN, dense()],
        [8],
        "`use_bias: false` there, then `- batch_normalization` and `- relu`",
        [dense(use_bias=False), BN, "relu", dense()],
        DEVICE,
        DEVICE,
    ),
    (
        "dense-holds-most",
        [conv(), "flatten", dense(10)],
        [48, 48, 1],
        "`- global_average_pooling2d` in place of flatten: dense then holds 90",
        [conv(), "global_average_pooling2d", dense(10)],
        {},
        {},
    ),
    (
        "renamed-value",
        [dense()],
        [8],
        "write `kernels: netspec`",
        [dense()],
        {"target": {"kernels": "best"}},
        {"target": {"kernels": "netspec"}},
    ),
]


@pytest.mark.parametrize(
    ("rule", "layers", "shape", "remedy", "mended", "before", "after"),
    REMEDIES,
    ids=[f"{row[0]}-{index}" for index, row in enumerate(REMEDIES)],
)
def test_a_remedy_is_right_when_typed(
    rule: str,
    layers: Layers,
    shape: list[int],
    remedy: str,
    mended: Layers,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    (warning,) = found(layers, shape, rule, **before)
    assert warning.severity == "warning"
    assert warning.help is not None
    assert remedy in warning.help
    assert not lint(make_graph(mended, shape, **after))


def test_channels_first_is_mended_at_the_input() -> None:
    (warning,) = found([conv(padding="same")], [3, 32, 24], "channels-first")
    assert warning.path == "inputs.x.shape"
    assert warning.help is not None
    assert "`shape: [32, 24, 3]`" in warning.help
    assert not lint(make_graph([conv(padding="same")], [32, 24, 3]))


# rule, layers that it must leave alone, inputs, other sections
SILENT: list[tuple[str, Layers, Any, dict[str, Any]]] = [
    # sequences as they are recorded: samples x sensors, words x numbers, frames x bands
    *(
        ("image-as-sequence", [conv("conv1d")], shape, {})
        for shape in ([100, 6], [50, 300], [128, 9], [49, 40], [98, 40])
    ),
    ("image-as-sequence", [conv("conv1d")], [6, 6], {}),  # smaller than any image
    ("image-as-sequence", [conv("conv1d")], [96, 64], {}),  # 96 frames of 64 bands, as audio nets take them
    ("image-as-sequence", [dense(100), conv("conv1d")], [100, 6], {}),  # (100, 100), but of a layer's making
    ("channels-first", [conv(padding="same")], [3, 100, 8], {}),  # eight channels, three rows
    ("channels-first", [conv(padding="same")], [32, 32, 3], {}),
    ("channels-first", [conv(kernel_size=[1, 3])], [1, 40, 40], {}),  # a row is what it slides along
    ("window-drops-input", [conv(kernel_size=1, strides=2)], [8, 8, 1], {}),  # leaves out every second, as meant
    ("window-drops-input", [conv(strides=2, padding="same")], [28, 28, 1], {}),
    ("window-drops-input", [conv("conv1d", strides=2, padding="causal")], [29, 1], {}),
    ("window-drops-input", [conv(strides=2, padding=1)], [28, 28, 1], {}),  # the zeros after are what is left out
    ("even-kernel-same", [conv(kernel_size=4)], [9, 9, 1], {}),
    ("even-kernel-same", [conv(kernel_size=[10, 4], strides=2, padding="same")], [49, 10, 1], {}),
    ("even-kernel-same", [conv(kernel_size=2, dilation_rate=2, padding="same")], [9, 9, 1], {}),  # spans three
    ("double-activation", [dense(activation="relu"), dense(), "softmax"], [8], {}),
    ("double-activation", [dense(activation="relu"), BN, "relu"], [8], {}),
    ("double-activation", [dense(activation="linear"), "relu"], [8], {}),
    ("double-activation", [{"lstm": {"units": 4}}, "relu"], [8, 2], {}),  # its activation is not the last it does
    ("double-activation", [*PLAIN_RELU, "sigmoid", {"multiply": {"from": ["sigmoid", "relu"]}}], [8], {}),  # a gate
    ("double-activation", [*PLAIN_RELU, "softmax"], [8], {"outputs": ["relu", "softmax"]}),
    ("double-normalization", [BN, dense(), BN], [8], {}),
    ("double-normalization", [BN, {BN: {"axis": 1}}], [8, 2], {}),
    ("bias-before-norm", [conv(activation="relu"), BN], [9, 9, 1], {}),
    ("bias-before-norm", [conv(), {BN: {"trainable": False}}], [9, 9, 1], {}),
    ("bias-before-norm", [conv(), {BN: {"axis": 1}}], [9, 9, 1], {}),
    ("bias-before-norm", [conv(), BN, {"add": {"from": ["conv2d", BN]}}], [9, 9, 1], {}),
    ("bias-before-norm", [conv(), {"layer_normalization": {}}], [9, 9, 1], {}),  # no mean of a channel
    ("norm-after-activation", [dense(activation="relu"), BN, dense()], [8], {}),  # no device
    ("norm-after-activation", [dense(use_bias=False), BN, "relu", dense()], [8], DEVICE),
    ("norm-after-activation", [*PLAIN_RELU, BN, {"add": {"from": ["relu", BN]}}], [8], DEVICE),  # two read the relu
    ("norm-after-activation", [dense(), "softmax", BN], [8], DEVICE),
    ("norm-after-activation", ["relu", BN, dense()], [8], DEVICE),  # no weights in front to fold into
    ("dropout-at-end", [drop(), "flatten", dense()], [4, 2], {}),
    ("dropout-at-end", [drop(), dense(), "softmax"], [8], {}),
    ("dropout-rate", [drop(0.89), dense()], [8], {}),
    ("dropout-rate", [{"gaussian_noise": {"stddev": 0.95}}, dense()], [8], {}),
    ("softmax-of-one", [dense(2, activation="softmax")], [8], {}),
    ("softmax-of-one", [{"softmax": {"axis": 1}}], [8, 1], {}),
    ("loss-activation", [dense()], [8], {}),  # nobody trains it
    ("loss-activation", [dense(), "softmax"], [8], training(SPARSE)),
    ("loss-activation", [dense(), "softmax", drop(), "flatten"], [8], training(SPARSE)),
    ("loss-activation", [dense(), "softmax", {"rescaling": {"scale": 1.0}}], [8], training(SPARSE)),  # who knows
    ("loss-activation", [dense(3, activation="sigmoid")], [8], training("mse")),
    ("loss-activation", [dense(3, activation="relu")], [8], training("mae")),
    ("loss-activation", [dense(3, activation="tanh")], [8], training("hinge")),
    ("loss-activation", [dense(3, activation="sigmoid")], [8], training("binary_crossentropy")),
    ("loss-width", [dense(1, activation="sigmoid")], [8], training("binary_crossentropy")),
    ("loss-width", [dense(2, activation="sigmoid")], [8], training("binary_crossentropy")),  # two labels
    ("accuracy-of-values", [dense(2, activation="sigmoid")], [8], training("mse", ["accuracy"])),
    ("accuracy-of-values", [dense(2, activation="softmax")], [8], training(SPARSE, ["accuracy"])),
    ("separable-costs-more", [conv("separable_conv2d")], [9, 9, 4], {}),
    ("dense-holds-most", ["flatten", dense(100)], [28, 28, 1], {}),  # no convolution: a net of dense layers
    ("dense-holds-most", [conv(), "flatten", dense(4)], [9, 9, 1], {}),  # small
    ("dense-holds-most", [conv(), "flatten", dense(10), dense(20000)], [48, 48, 1], {}),  # another holds as much
    ("renamed-value", [dense()], [8], {"target": {"kernels": "cmsis-nn"}}),
]


@pytest.mark.parametrize(
    ("rule", "layers", "inputs", "sections"), SILENT, ids=[f"{row[0]}-{index}" for index, row in enumerate(SILENT)]
)
def test_what_is_meant_draws_no_warning(rule: str, layers: Layers, inputs: Any, sections: dict[str, Any]) -> None:
    assert found(layers, inputs, rule, **sections) == []


def test_the_seeds_numbers_stand_in_the_message() -> None:
    """Seed 000: 45 x 45 images to conv1d make 5 x 45 x 32 = 7,200 weights, to conv2d 800."""
    graph = make_graph([conv("conv1d", filters=32, kernel_size=5, use_bias=False)], [45, 45])
    (warning,) = lint(graph)
    assert "5 x 45 x 32 = 7,200 weights" in warning.message
    assert graph.parameters == 7200
    assert make_graph([AS_IMAGE, conv(filters=32, kernel_size=5, use_bias=False)], [45, 45]).parameters == 800


@pytest.mark.parametrize("keys", [{"filters": 1}, {"depth_multiplier": 9, "strides": 2}, {"kernel_size": 1}])
def test_the_costs_of_separable_and_plain_are_the_graphs(keys: dict[str, Any]) -> None:
    separable = make_graph([conv("separable_conv2d", use_bias=False, **keys)], [9, 9, 4])
    plain = make_graph([conv(use_bias=False, **{k: v for k, v in keys.items() if k != "depth_multiplier"})], [9, 9, 4])
    (warning,) = (each for each in lint(separable) if each.rule == "separable-costs-more")
    numbers = [int(each.replace(",", "")) for each in re.findall(r"(?<![a-z])\d[\d,]*(?!d)", warning.message)]
    assert numbers == [separable.macs, separable.parameters, plain.macs, plain.parameters]


def test_the_numbers_of_dense_holds_most_are_the_graphs() -> None:
    layers = [conv(), "flatten", dense(10)]
    (warning,) = found(layers, [48, 48, 1], "dense-holds-most")
    graph = make_graph(layers, [48, 48, 1])
    assert f"holds {graph.layers[-1].parameters:,} of {graph.parameters:,} parameters" in warning.message
    assert make_graph([conv(), "global_average_pooling2d", dense(10)], [48, 48, 1]).layers[-1].parameters == 90


def test_each_output_is_held_against_its_own_loss() -> None:
    layers = [dense(3, name="a", **{"from": "x"}), dense(3, name="b", **{"from": "x"})]
    warnings = lint(make_graph(layers, [8], outputs=["a", "b"], **training({"a": SPARSE, "b": "mse"})))
    assert [(each.rule, each.path) for each in warnings] == [("loss-activation", "layers[0].dense")]


# ------------------------------------------------------------------------------------------------------ the list


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_documented_and_has_a_case(rule: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule)
    assert (RULES[rule].__doc__ or "").strip().count("\n") >= 2  # what, and then why
    assert RULES[rule].__name__ == rule.replace("-", "_")
    output = (CASES / f"warn_{rule.replace('-', '_')}.out").read_text(encoding="utf-8")
    assert f"[{rule}]" in output


def test_every_rule_has_a_remedy_that_was_typed_and_a_net_it_leaves_alone() -> None:
    assert {row[0] for row in REMEDIES} | {"channels-first"} == set(RULES)
    assert {row[0] for row in SILENT} == set(RULES)


def test_every_warning_of_the_graph_may_be_ignored() -> None:
    tree = ast.parse((Path(net.__file__).parents[1] / "graph.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Diagnostic"]
    rules = {
        ast.literal_eval(call.args[0])
        for call in calls
        if any(key.arg == "severity" and ast.literal_eval(key.value) == "warning" for key in call.keywords)
    }
    assert rules
    assert rules == set(NAMES) - set(RULES)


def test_activations_are_all_that_there_are() -> None:
    names = set(get_args(ActivationName)) - {"linear", "relu6"}
    assert names | {"prelu"} == net.ACTIVATIONS
    assert not (net.ACTIVATIONS | net.DROPOUTS | net.SAME_VALUES) - set(LAYERS)


def test_losses_are_those_that_a_spec_may_name() -> None:
    groups = [getattr(heads, name) for name in ("_CLASSES", "_EACH", "_VALUES")]
    assert set().union(*groups) <= set(keras_names.LOSSES)
    assert sum(map(len, groups)) == len(set().union(*groups))
