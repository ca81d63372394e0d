"""Repeated groups come out as `blocks` and `repeat`, as a person would write them, and nothing else changes.

Here a model is the config that Keras would save of a spec, so that no TensorFlow is needed. Whatever the layers are
called and however they are grouped, the spec that comes back must have the same layers in the same order.
"""

from __future__ import annotations

import json
import random
import textwrap
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from netspec.graph import Graph
from netspec.importers.keras.importer import spec_of_config
from netspec.importers.names import is_automatic
from netspec.importers.result import graph_of
from tests.importers.keras_models import config_of, functional, keras_numbering, layer

_HEAD = "netspec: 1\nname: net\ninputs: {image: {shape: [48, 48, 3]}}\n"


def imported(graph: Graph, names: dict[str, str] | None = None) -> str:
    """Return the spec of a model from `blocks` or `layers` on, comments left out."""
    text = spec_of_config(config_of(graph, names), "net.keras")
    assert_same(graph, graph_of(text), names or {})
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    start = next(index for index, line in enumerate(lines) if line in ("blocks:", "layers:"))
    return "\n".join(lines[start:]) + "\n"


def assert_same(model: Graph, spec: Graph, names: dict[str, str]) -> None:
    """Assert that a spec has a model's layers in its order, wired alike, under the names that somebody gave."""
    assert len(spec.layers) == len(model.layers)
    ours = {each.name: index for index, each in enumerate(spec.layers)}
    theirs = {each.name: index for index, each in enumerate(model.layers)}
    for one, two in zip(model.layers, spec.layers, strict=True):
        assert one.layer.keras(one.input_shapes) == two.layer.keras(two.input_shapes)
        assert [theirs.get(name, name) for name in one.inputs] == [ours.get(name, name) for name in two.inputs]
        assert (one.output_shape, one.parameters, one.macs) == (two.output_shape, two.parameters, two.macs)
        name = names.get(one.name, one.name)
        assert is_automatic(name) or two.name == name
    assert [theirs[name] for name in model.outputs] == [ours[name] for name in spec.outputs]


def of(layers: str) -> Graph:
    return graph_of(_HEAD + textwrap.dedent(layers))


# ---------------------------------------------------------------------------------------------------------- as written

_DEPTHWISE = """\
    blocks:
      ds_conv:
        params: {filters: null, strides: 1}
        layers:
          - depthwise_conv2d: {kernel_size: 3, strides: $strides, padding: same, use_bias: false}
          - batch_normalization
          - relu
          - conv2d: {kernel_size: 1, filters: $filters, use_bias: false}
          - batch_normalization
          - relu

    layers:
      - conv2d: {kernel_size: [10, 4], strides: 2, padding: same, filters: 16, use_bias: false}
      - batch_normalization
      - relu
      - ds_conv: {filters: 32}
      - ds_conv: {filters: 48, strides: 2}
      - repeat: {times: 4, layers: [{ds_conv: {filters: 64}}]}
      - ds_conv: {filters: 80}
      - global_average_pooling2d
      - dense: {units: 12, activation: softmax}
"""

_RESIDUAL = """\
    blocks:
      residual:
        params: {filters: null, strides: 1}
        layers:
          - conv2d: {kernel_size: 3, strides: $strides, padding: same, filters: $filters, use_bias: false}
          - batch_normalization
          - relu
          - conv2d: {kernel_size: 3, padding: same, filters: $filters, use_bias: false}
          - batch_normalization
          - conv2d: {from: $input, kernel_size: 1, strides: $strides, filters: $filters, use_bias: false}
          - add: {from: [batch_normalization_1, conv2d_2]}
          - relu
      residual_b:
        layers:
          - conv2d: {kernel_size: 3, padding: same, filters: 32, use_bias: false}
          - batch_normalization
          - add: {from: [batch_normalization, $input]}

    layers:
      - conv2d: {kernel_size: 3, padding: same, filters: 8, use_bias: false}
      - residual: {filters: 16}
      - residual: {filters: 16}
      - residual: {filters: 24, strides: 2}
      - residual: {filters: 32, strides: 2}
      - repeat: {times: 5, layers: [residual_b]}
      - global_average_pooling2d
      - dense: {units: 10}
"""

_EXPANDED = """\
    blocks:
      conv2d_block:
        params: {filters: null, strides: 1}
        layers:
          - conv2d: {kernel_size: 1, filters: "${filters * 6}", use_bias: false}
          - batch_normalization
          - relu: {max_value: 6.0}
          - depthwise_conv2d: {kernel_size: 3, strides: $strides, padding: same, use_bias: false}
          - batch_normalization
          - relu: {max_value: 6.0}
          - conv2d: {kernel_size: 1, filters: $filters, use_bias: false}
          - batch_normalization

    layers:
      - conv2d: {kernel_size: 3, strides: 2, padding: same, filters: 16, use_bias: false}
      - batch_normalization
      - conv2d_block: {filters: 8}
      - conv2d_block: {filters: 16, strides: 2}
      - conv2d_block: {filters: 24}
      - conv2d_block: {filters: 32, strides: 2}
      - global_average_pooling2d
      - dense: {units: 10}
"""

_NAMED = """\
    blocks:
      block:
        params: {filters: null}
        layers:
          - conv2d: {name: conv1, kernel_size: 3, padding: same, filters: $filters, activation: relu}
          - conv2d: {name: conv2, kernel_size: 3, padding: same, filters: $filters, activation: relu}
          - max_pooling2d: {name: pool}

    layers:
      - block: {name: block1, filters: 16}
      - block: {name: block2, filters: 32}
      - block: {name: block3, filters: 64}
      - block: {name: block4, filters: 64}
      - flatten
      - repeat: {times: 3, layers: [{dense: {name: hidden, units: 10, activation: relu}}]}
      - dense: {name: scores, units: 10}
"""


@pytest.mark.parametrize("numbered", [False, True], ids=["the spec's names", "Keras' numbering"])
@pytest.mark.parametrize("written", [_DEPTHWISE, _RESIDUAL, _EXPANDED], ids=["depthwise", "residual", "expanded"])
def test_a_spec_with_blocks_comes_back_as_it_was_written(written: str, numbered: bool) -> None:
    graph = of(written)
    assert imported(graph, keras_numbering(graph) if numbered else None) == textwrap.dedent(written)


def test_names_that_tell_of_groups_are_the_names_of_their_uses() -> None:
    assert imported(of(_NAMED)) == textwrap.dedent(_NAMED)


def test_a_name_that_fits_no_group_stays_and_the_others_are_grouped() -> None:
    graph = of(_DEPTHWISE)
    names = keras_numbering(graph)
    text = imported(graph, names | {graph.layers[3].name: "favourite"})
    assert "- depthwise_conv2d: {name: favourite, " in text
    assert "- repeat: {times: 4, layers: [{ds_conv: {filters: 64}}]}\n" in text


# ------------------------------------------------------------------------------------------------- what is not grouped


def _stages(widths: list[int], body: str) -> str:
    return "layers:\n" + "".join(body.replace("WIDTH", str(width)) for width in widths)


_PLAIN = """\
  - conv2d: {filters: WIDTH, kernel_size: 3, padding: same, use_bias: false}
  - batch_normalization
  - relu
"""


def test_few_short_groups_are_left_as_they_are() -> None:
    assert "blocks:" not in imported(of(_stages([8, 16, 24], _PLAIN)))
    assert "blocks:" in imported(of(_stages([8, 16, 24, 32, 40, 48], _PLAIN)))


def test_a_group_read_from_outside_in_its_middle_is_none() -> None:
    inner = _stages([4, 8, 12, 16, 20], _PLAIN)
    grouped = imported(of(inner + "  - flatten\n"))
    read = imported(
        of(
            inner
            + "  - flatten\n  - flatten: {from: batch_normalization_2}\n  - concatenate: {from: [flatten, flatten_1]}\n"
        )
    )
    assert grouped.count("- conv2d_block: {filters: ") == 5
    assert read.count("- conv2d_block: {filters: ") < 5
    assert "- flatten: {from: batch_normalization" in read


def test_a_use_that_another_layer_reads_is_called_by_its_own_name() -> None:
    text = imported(of(_stages([4, 8, 8, 8, 8], _PLAIN) + "  - add: {from: [relu_1, relu_4]}\n"))
    assert "- add: {from: [conv2d_block_1, conv2d_block_4]}" in text


def test_an_output_in_a_group_s_middle_keeps_it_apart() -> None:
    graph = of(_stages([4, 8, 12, 16, 20, 24], _PLAIN) + "\noutputs: [batch_normalization_1, relu_5]\n")
    text = imported(graph)
    assert "outputs: [batch_normalization" in text


# -------------------------------------------------------------------------------------------------- Keras' own numbers


def test_numbers_of_an_unnamed_model_are_dropped_wherever_keras_began_to_count() -> None:
    graph = of("layers:\n  - dense: {units: 4}\n  - tanh\n  - dense: {units: 3}\n  - softmax\n")
    later = config_of(graph, keras_numbering(graph, 7)).replace(b'"name": "net"', b'"name": "functional_3"')
    text = spec_of_config(later, "net.keras")
    assert text.partition("layers:")[2].split("\n")[1:5] == [
        "  - dense: {units: 4}",
        "  - tanh",
        "  - dense: {units: 3}",
        "  - softmax",
    ]


def test_numbers_in_another_order_than_the_layers_are_kept() -> None:
    graph = of("layers:\n  - dense: {units: 4}\n  - dense: {units: 3}\n  - dense: {units: 3}\n")
    names = {"dense": "dense_2", "dense_1": "dense", "dense_2": "dense_1"}
    text = imported(graph, names)
    assert "- dense: {name: dense_2, units: 4}" in text
    assert [each.name for each in graph_of(_HEAD + text).layers] == ["dense_2", "dense", "dense_1"]


def test_the_numbers_of_a_repeat_that_saves_nothing_are_those_of_the_repeat() -> None:
    written = "layers:\n  - repeat: {times: 2, layers: [{dense: {units: 4}}]}\n  - dense: {units: 3}\n"
    names = [each.name for each in of(written).layers]
    assert names == ["dense_1", "dense_2", "dense"]
    assert [each.name for each in graph_of(_HEAD + imported(of(written))).layers] == names


def test_names_that_yaml_would_take_for_something_else() -> None:
    graph = of(_stages([4, 8, 12, 16, 20], _PLAIN))
    words = ("null", "true", "nan")
    names = {each.name: f"part{index // 3}_{words[index % 3]}" for index, each in enumerate(graph.layers)}
    text = imported(graph, names)
    assert '- conv2d: {name: "null", ' in text
    assert "- part: {name: part4, filters: 20}" in text


def test_a_dollar_in_a_file_s_name_is_a_dollar(tmp_path: Any) -> None:
    from netspec.importers.draft import Draft
    from netspec.importers.writer import write_spec
    from netspec.spec.source import parse
    from netspec.spec.spec import read

    draft = Draft("net", [], inputs={"x": (4,)})
    draft.add("dense", ("x",), {"units": 2}, what="a layer")
    draft.outputs = (0,)
    assert read(parse(write_spec(draft, "my$net.weights.npz").text, "net.yaml")).weights == "my$net.weights.npz"


# ---------------------------------------------------------------------------------------------------------- huge models


@pytest.mark.parametrize("count", [1000, 3900])
def test_models_of_many_layers_are_written_in_seconds(count: int) -> None:
    """Blocks are looked for in the smaller one; of the larger, which no device runs, only runs are found."""
    generator = random.Random(3)
    layers, previous = [layer("InputLayer", "x", batch_input_shape=[None, 8])], "x"
    for index in range(count):
        name = f"dense_{index}"
        layers.append(layer("Dense", name, previous, units=8, use_bias=generator.random() < 0.5))
        previous = name
    config = json.dumps(functional(layers, ["x"], [previous])).encode()
    started = time.process_time()
    spec_of_config(config, "net.keras")
    assert time.process_time() - started < 10


# ------------------------------------------------------------------------------------------------------- random models


@st.composite
def _groups(draw: Any) -> str:
    """Draw a spec of a few kinds of groups, each several times, some with a shortcut, in blocks and repeats."""
    kinds = [
        draw(
            st.lists(
                st.sampled_from(["conv", "depthwise", "norm", "relu", "tanh", "drop", "shortcut"]),
                min_size=1,
                max_size=6,
            )
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    blocks = {}
    for index, kind in enumerate(kinds):
        blocks[f"group{index}"] = {"params": {"filters": None, "size": 3}, "layers": [_drawn(each) for each in kind]}
    layers: list[Any] = [{"conv2d": {"filters": 4, "kernel_size": 3, "padding": "same"}}]
    for _ in range(draw(st.integers(2, 8))):
        use: dict[str, Any] = {"filters": 4, "size": draw(st.sampled_from([1, 3]))}
        item: Any = {f"group{draw(st.integers(0, len(kinds) - 1))}": use}
        times = draw(st.integers(1, 4))
        layers.append(item if times == 1 else {"repeat": {"times": times, "layers": [item]}})
        if draw(st.integers(0, 3)) == 0:
            layers.append({"max_pooling2d": {"pool_size": 1}})
    return yaml.safe_dump({"blocks": blocks, "layers": layers}, sort_keys=False)


def _drawn(kind: str) -> Any:
    return {
        "conv": {"conv2d": {"filters": "$filters", "kernel_size": "$size", "padding": "same"}},
        "depthwise": {"depthwise_conv2d": {"kernel_size": "$size", "padding": "same"}},
        "norm": "batch_normalization",
        "relu": "relu",
        "tanh": "tanh",
        "drop": {"dropout": {"rate": 0.25}},
        "shortcut": {"conv2d": {"from": "$input", "filters": "$filters", "kernel_size": 1}},
    }[kind]


@given(_groups(), st.sampled_from(["spec", "keras", "prefixed"]))
def test_groups_of_any_kind_come_back_as_the_same_layers(layers: str, naming: str) -> None:
    graph = graph_of(_HEAD + layers)
    names = keras_numbering(graph) if naming == "keras" else None
    if naming == "prefixed":
        names = {each.name: f"part{index // 4}_{index % 4}_{each.type}" for index, each in enumerate(graph.layers)}
    imported(graph, names)
