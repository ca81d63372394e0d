"""Which names of a model's layers a spec keeps: those that say something, and those that hide nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netspec.importers.draft import Draft
from netspec.importers.keras.file import read_config
from netspec.importers.keras.graph import flatten
from netspec.importers.keras.importer import _draft
from netspec.importers.names import is_counter
from netspec.importers.result import graph_of
from netspec.importers.writer import KeptNames, write_spec
from tests.importers.keras_models import functional, layer
from tests.importers.test_command import run
from tests.importers.test_malformed import small_model


@pytest.mark.parametrize(
    "name",
    [
        "mtconv9_0_0_2",
        "conv1",
        "conv_dw_3_bn",
        "fc2",
        "Relu_3",
        "layer_5",
        "max_pool_3",
        "conv2d_1_0",
        "mtadd2_0",
        "BatchNorm_12",
        "LeakyRelu_2",
        "node_7",
    ],
)
def test_words_for_what_a_layer_does_with_numbers_are_counters(name: str) -> None:
    assert is_counter(name)


@pytest.mark.parametrize(
    "name",
    [
        *("stem", "block1_conv1", "hidden_1", "scores", "encoder2", "logits", "head_1"),
        *("conv", "relu", "dense_out_1"),
    ],
)
def test_other_names_are_none(name: str) -> None:
    assert not is_counter(name)


def inverted_residuals(numbered: bool, blocks: int = 12) -> Draft:
    """Return a net of blocks whose layers have names as a converter makes them up, or none."""
    layers = [layer("InputLayer", "x", batch_input_shape=[None, 32, 32, 3])]
    counts: dict[str, int] = {}

    def add(class_name: str, made_up: str, reads: Any, **config: Any) -> str:
        kind = {"Conv2D": "conv2d", "DepthwiseConv2D": "depthwise_conv2d", "ReLU": "re_lu", "Add": "add"}[class_name]
        count = counts[kind] = counts.get(kind, -1) + 1
        name = made_up if numbered else f"{kind}_{count}" if count else kind
        layers.append(layer(class_name, name, reads, **config))
        return name

    here = add("Conv2D", "mtconv0_0_0_0", "x", filters=8, kernel_size=3, strides=2, padding="same")
    for number in range(1, blocks + 1):
        filters, given = (8 if number <= blocks // 2 else 16), here
        here = add("Conv2D", f"mtconv{number}_0_0_0", here, filters=48, kernel_size=1)
        here = add("ReLU", f"mtrelu{number}_0_0_0", here, max_value=6.0)
        here = add("DepthwiseConv2D", f"mtconv{number}_0_0_1", here, kernel_size=3, padding="same")
        here = add("Conv2D", f"mtconv{number}_0_0_2", here, filters=filters, kernel_size=1)
        if number not in (blocks // 2 + 1, 1):
            here = add("Add", f"mtadd{number}_0", [here, given])
    config = functional(layers, ["x"], [here])
    return _draft(flatten(read_config(json.dumps(config).encode())), "net.h5")[0]


def lines(draft: Draft, names: KeptNames) -> int:
    text = write_spec(draft, None, names).text
    graph_of(text)
    return len(text.splitlines())


def test_names_that_are_counters_hide_no_blocks() -> None:
    draft = inverted_residuals(numbered=True)
    assert lines(draft, "auto") == lines(draft, "drop") == lines(inverted_residuals(numbered=False), "auto") < 35
    assert lines(draft, "keep") > 60
    assert write_spec(draft, None, "keep").text.count("name: mt") > 50
    assert "mtconv" not in write_spec(draft, None).text


def _chain(names: list[str]) -> Draft:
    layers = [layer("InputLayer", "x", batch_input_shape=[None, 8])]
    for index, name in enumerate(names):
        layers.append(layer("Dense", name, names[index - 1] if index else "x", units=8 + index % 3))
    config = functional(layers, ["x"], [names[-1]])
    return _draft(flatten(read_config(json.dumps(config).encode())), "net.h5")[0]


def test_counters_of_one_number_go_where_they_hide_most_of_a_spec() -> None:
    """As converters of ONNX write them: one number for all layers, which no repeat gives."""
    layers = [layer("InputLayer", "x", batch_input_shape=[None, 16, 16, 4])]
    here = "x"
    for number in range(0, 40, 4):
        for offset, (class_name, word, config) in enumerate(
            [
                ("Conv2D", "Conv", {"filters": 4, "kernel_size": 3, "padding": "same"}),
                ("BatchNormalization", "BatchNorm", {"axis": 3}),
                ("LeakyReLU", "LeakyRelu", {"negative_slope": 0.1}),
                ("Dropout", "Dropout", {"rate": 0.1}),
            ]
        ):
            name = f"{word}_{number + offset}"
            layers.append(layer(class_name, name, here, **config))
            here = name
    draft = _draft(flatten(read_config(json.dumps(functional(layers, ["x"], [here])).encode())), "net.h5")[0]
    assert "name: Conv_" not in write_spec(draft, None).text
    assert lines(draft, "auto") < lines(draft, "keep") / 2


def test_counters_that_hide_nothing_stay() -> None:
    """They cost a few characters; whoever looks for `fc2` finds it."""
    names = [f"fc{number}" for number in range(1, 6)]
    text = write_spec(_chain(names), None).text
    assert all(f"name: {name}," in text for name in names)
    assert "name: fc" not in write_spec(_chain(names), None, "drop").text


def test_names_that_somebody_gave_stay_whatever_they_hide() -> None:
    names = [f"{word}_{turn}" for word in ("squash", "stretch", "fold") for turn in ("north", "south", "east", "west")]
    text = write_spec(_chain(names), None).text
    assert all(f"name: {name}," in text for name in names)


@pytest.mark.parametrize(("names", "kept"), [("auto", True), ("keep", True), ("drop", False)])
def test_the_option_of_the_command(tmp_path: Path, names: str, kept: bool) -> None:
    (tmp_path / "net.tflite").write_bytes(small_model())
    run("import", "net.tflite", "--names", names, folder=tmp_path)
    text = (tmp_path / "net.yaml").read_text(encoding="utf-8")
    assert ("name: stem" in text) == kept
    assert run("check", "net.yaml", folder=tmp_path) == ""
