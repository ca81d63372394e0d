"""`vars`, `blocks` and `repeat`: the flat list of layers that a spec comes to, its names, its wiring, its places."""

from __future__ import annotations

import time
from itertools import pairwise
from textwrap import dedent
from typing import Any

import pytest

from netspec.check import check
from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.graph import build_graph
from netspec.spec.language import layer_items
from netspec.spec.language.grow import MAX_LAYERS
from netspec.spec.language.items import Item
from netspec.spec.source import parse, plain
from netspec.spec.spec import read

INPUT = "inputs: {x: {shape: [16]}}"


def items_of(text: str) -> tuple[Item, ...]:
    items, faults = layer_items(parse(dedent(text), "s.yaml"))
    assert faults == ()
    return items


def names_of(text: str) -> list[str]:
    return [item.name for item in items_of(text)]


def reads_of(text: str) -> dict[str, Any]:
    """Return what each layer that has a `from` reads."""
    keys = {item.name: plain(item.keys) for item in items_of(text)}
    assert all(name == each["name"] for name, each in keys.items())
    return {name: each["from"] for name, each in keys.items() if "from" in each}


def values_of(text: str, key: str = "units") -> list[Any]:
    return [plain(item.keys).get(key) for item in items_of(text)]


def faults_of(text: str) -> tuple[Diagnostic, ...]:
    _, faults = layer_items(parse(dedent(text), "s.yaml"))
    assert faults
    return faults


# ------------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("$width", 64),
        ("${width}", 64),
        ("${ width }", 64),
        ("${width * 2}", 128),
        ("$rate", 0.5),
        ("${rate}", 0.5),
        ("$flag", True),
        ("$word", "same"),
        ("$sizes", [64, 3]),
        ("[$width, ${width // 3}]", None),
        ('["$width", "${width // 3}"]', [64, 21]),
        ("$options", {"l2": 64}),
        ("{l2: $width}", {"l2": 64}),
        ('"a_${width}"', "a_64"),
        ('"${word}_${width - 1}_${rate}"', "same_63_0.5"),
        ('"$$width"', "$width"),
        ('"$${width}"', "${width}"),
        ('"a$$b"', "a$b"),
        ("a_$width", "a_$width"),
        ("$5", "$5"),
        ("$", "$"),
        ('"64"', "64"),
        ("$dollar", "$width"),
    ],
)
def test_what_is_put_in(written: str, value: Any) -> None:
    text = f"""
        vars:
          width: 64
          rate: 0.5
          flag: true
          word: same
          sizes: [$width, 3]
          options: {{l2: $width}}
          dollar: $$width
        layers:
          - dense:
              units: {written}
        """
    if value is None:  # `${` in brackets is no YAML, which the reader explains
        with pytest.raises(SpecError, match="expression must be in quotes"):
            parse(dedent(text), "s.yaml")
    else:
        assert values_of(text) == [value]
        assert type(values_of(text)[0]) is type(value)


def test_keys_are_never_substituted() -> None:
    (item,) = items_of("vars: {a: units}\nlayers: [{dense: {$a: 4}}]")
    assert plain(item.keys) == {"$a": 4, "name": "dense"}


def test_values_are_put_in_outside_of_the_layers_too() -> None:
    text = """
        netspec: 1
        name: net
        description: "${width} units"
        vars: {width: 8, loss: mse, ram: 2KiB}
        inputs: {x: {shape: [$width, "${width + 1}"]}}
        layers: [flatten, {dense: {units: $width}}]
        train: {data: {npz: "d_${width}.npz"}, loss: $loss, batch_size: $width}
        target: {core: cortex-m4, budget: {ram: $ram}}
        """
    spec = read(parse(dedent(text), "s.yaml"))
    assert spec.description == "8 units"
    assert spec.inputs["x"].shape == [8, 9]
    assert spec.train is not None
    assert (spec.train.data.npz, spec.train.loss, spec.train.batch_size) == ("d_8.npz", "mse", 8)
    assert spec.target is not None
    assert spec.target.budget.ram == 2048


def test_a_parameter_hides_a_variable_and_blocks_see_variables() -> None:
    text = """
        vars: {units: 3, rate: 5}
        blocks:
          part: {params: {units: null}, layers: [{dense: {units: $units}}, {dense: {units: $rate}}]}
        layers:
          - part: {units: "${units * 2}"}
          - dense: {units: $units}
        """
    assert values_of(text) == [6, 5, 3]


def test_defaults_use_the_parameters_above_them() -> None:
    text = """
        blocks:
          part:
            params: {units: null, twice: "${units * 2}", more: "${twice + 1}"}
            layers: [{dense: {units: $units}}, {dense: {units: $twice}}, {dense: {units: $more}}]
        layers:
          - part: {units: 1}
          - part: {units: 1, twice: 7}
          - part: {more: 0, units: 4}
        """
    assert values_of(text) == [1, 2, 3, 1, 7, 8, 4, 8, 0]


# -------------------------------------------------------------------------------------------------------- names


def test_layers_are_numbered_as_keras_numbers_them() -> None:
    text = "layers: [relu, {dense: {units: 1}}, relu, {relu: {name: relu_1}}, relu]"
    assert names_of(text) == ["relu", "dense", "relu_2", "relu_1", "relu_3"]


def test_numbers_skip_inputs() -> None:
    assert names_of("inputs: {relu: {shape: [2]}, relu_1: {shape: [2]}}\nlayers: [relu, relu]") == ["relu_2", "relu_3"]


def test_uses_are_numbered_and_prefix_what_is_inside() -> None:
    text = """
        blocks: {part: {layers: [relu, relu, {relu: {name: last}}]}}
        layers: [part, {part: {name: mine}}, part]
        """
    assert names_of(text) == [
        *("part_relu", "part_relu_1", "part_last"),
        *("mine_relu", "mine_relu_1", "mine_last"),
        *("part_1_relu", "part_1_relu_1", "part_1_last"),
    ]


def test_a_repeat_adds_suffixes_from_1() -> None:
    assert names_of("layers: [{repeat: {times: 3, layers: [relu]}}]") == ["relu_1", "relu_2", "relu_3"]
    assert names_of("layers: [{repeat: {times: 1, layers: [relu]}}]") == ["relu_1"]
    text = "layers: [{repeat: {times: 2, layers: [relu, {relu: {name: r}}, relu]}}]"
    assert names_of(text) == ["relu_1", "r_1", "relu_1_1", "relu_2", "r_2", "relu_1_2"]


def test_the_suffix_goes_to_the_use_in_a_repeat() -> None:
    text = """
        blocks: {ds_conv: {layers: [conv2d, relu]}}
        layers: [{repeat: {times: 2, layers: [ds_conv]}}]
        """
    assert names_of(text) == ["ds_conv_1_conv2d", "ds_conv_1_relu", "ds_conv_2_conv2d", "ds_conv_2_relu"]


def test_the_inner_repeat_adds_its_suffix_first() -> None:
    text = "layers: [{repeat: {times: 2, layers: [{repeat: {times: 2, layers: [relu]}}]}}]"
    assert names_of(text) == ["relu_1_1", "relu_2_1", "relu_1_2", "relu_2_2"]


def test_names_outside_make_way_for_repeats_and_repeats_for_each_other() -> None:
    text = """
        layers:
          - relu
          - relu
          - repeat: {times: 2, layers: [relu]}
          - repeat: {times: 2, layers: [relu]}
          - repeat: {times: 2, layers: [{relu: {name: relu_4}}]}
          - relu
          - relu
        """
    assert names_of(text) == [
        *("relu", "relu_3", "relu_1", "relu_2", "relu_1_1", "relu_1_2", "relu_4_1", "relu_4_2", "relu_4", "relu_5")
    ]


def test_default_names_of_nested_repeats_do_not_collide() -> None:
    text = """
        layers:
          - repeat: {times: 2, layers: [relu, relu, {repeat: {times: 2, layers: [relu, relu]}}]}
          - repeat: {times: 12, layers: [relu, {repeat: {times: 3, layers: [relu]}}]}
        """
    names = names_of(text)
    assert len(set(names)) == len(names) == 2 * (2 + 4) + 12 * 4


# --------------------------------------------------------------------------------------------------------- from


def test_names_inside_a_block() -> None:
    text = f"""
        {INPUT}
        blocks:
          part:
            layers:
              - dense: {{name: a, units: 4}}
              - relu: {{from: $input}}
              - add: {{from: [a, relu, $input]}}
        layers:
          - dense: {{name: a, units: 4}}
          - part
          - part: {{from: x, name: p}}
          - add: {{from: [part, p, p_a, part_relu, a]}}
        """
    assert reads_of(text) == {
        "part_relu": "a",
        "part_add": ["part_a", "part_relu", "a"],
        "p_a": "x",
        "p_relu": "x",
        "p_add": ["p_a", "p_relu", "x"],
        "add": ["part_add", "p_add", "p_a", "part_relu", "a"],
    }


def test_a_block_that_opens_a_block_hands_its_input_on() -> None:
    text = """
        inputs: {x: {shape: [4]}, y: {shape: [4]}}
        blocks:
          inner: {layers: [relu, {add: {from: [$input, relu]}}]}
          outer: {layers: [inner, {add: {from: [$input, inner]}}]}
        layers:
          - relu: {from: y}
          - outer: {from: x}
          - outer
        """
    assert reads_of(text) == {
        "relu": "y",
        "outer_inner_relu": "x",
        "outer_inner_add": ["x", "outer_inner_relu"],
        "outer_add": ["x", "outer_inner_add"],
        "outer_1_inner_add": ["outer_add", "outer_1_inner_relu"],
        "outer_1_add": ["outer_add", "outer_1_inner_add"],
    }


def test_several_inputs_of_a_block_are_a_list() -> None:
    text = """
        inputs: {x: {shape: [4]}, y: {shape: [4]}}
        blocks: {join: {layers: [add, {concatenate: {from: [add, $input]}}, {add: {from: $input}}]}}
        layers: [{join: {from: [x, y]}}]
        """
    assert reads_of(text) == {
        "join_add": ["x", "y"],
        "join_concatenate": ["join_add", "x", "y"],
        "join_add_1": ["x", "y"],
    }


def test_a_parameter_hands_in_a_name_from_outside() -> None:
    text = f"""
        {INPUT}
        blocks:
          gate:
            params: {{skip: null, own: relu, both: [relu, relu]}}
            layers:
              - relu
              - add: {{from: [relu, $skip]}}
              - add: {{from: [$own, $skip]}}
              - add: {{from: $both}}
          outer:
            params: {{skip: null}}
            layers: [{{dense: {{name: relu, units: 4}}}}, {{gate: {{skip: $skip}}}}, {{gate: {{skip: relu}}}}]
        layers:
          - relu
          - repeat: {{times: 2, layers: [{{relu: {{name: r}}}}, {{outer: {{skip: r}}}}]}}
        """
    reads = reads_of(text)
    assert reads["outer_2_gate_add"] == ["outer_2_gate_relu", "r_2"]
    assert reads["outer_2_gate_add_1"] == ["outer_2_gate_relu", "r_2"]
    assert reads["outer_2_gate_1_add_1"] == ["outer_2_gate_1_relu", "outer_2_relu"]
    assert reads["outer_1_gate_add_2"] == ["outer_1_gate_relu"] * 2


def test_names_in_a_repeat_are_those_of_the_same_turn_first() -> None:
    text = f"""
        {INPUT}
        layers:
          - relu: {{name: a}}
          - relu: {{name: b}}
          - repeat:
              times: 2
              layers:
                - relu: {{name: a, from: b}}
                - add: {{from: [a, b, a_1]}}
                - repeat: {{times: 2, layers: [{{add: {{name: c, from: [a, add]}}}}]}}
                - add: {{name: d, from: [c_1, c_2]}}
          - add: {{name: end, from: [a, a_2, c_1_2, d_1]}}
        """
    assert reads_of(text) == {
        "a_1": "b",
        "add_1": ["a_1", "b", "a_1"],
        "c_1_1": ["a_1", "add_1"],
        "c_2_1": ["a_1", "add_1"],
        "d_1": ["c_1_1", "c_2_1"],
        "a_2": "b",
        "add_2": ["a_2", "b", "a_1"],
        "c_1_2": ["a_2", "add_2"],
        "c_2_2": ["a_2", "add_2"],
        "d_2": ["c_1_2", "c_2_2"],
        "end": ["a", "a_2", "c_1_2", "d_1"],
    }


def test_outputs_go_by_the_names_of_uses() -> None:
    text = f"""
        netspec: 1
        name: net
        {INPUT}
        blocks: {{part: {{layers: [{{dense: {{units: 4}}}}, relu]}}}}
        layers: [part, {{repeat: {{times: 2, layers: [part]}}}}]
        outputs: [part_2, part_1_dense]
        """
    graph = build_graph(read(parse(dedent(text), "s.yaml")))
    assert graph.outputs == ("part_2_relu", "part_1_dense")
    assert [layer.name for layer in graph.layers][:2] == ["part_dense", "part_relu"]


# ------------------------------------------------------------------------------------------------------- places


def test_items_know_the_lines_that_were_written() -> None:
    text = """\
        vars: {n: 4}
        blocks:
          inner:
            params: {units: null}
            layers:
              - dense: {units: $units}
          outer:
            layers:
              - inner: {units: $n}
        layers:
          - repeat: {times: 2, layers: [outer]}
        """
    first, second = items_of(text)
    assert (first.name, second.name) == ("outer_1_inner_dense", "outer_2_inner_dense")
    for item in (first, second):
        assert item.place == "blocks.inner.layers[0].dense"
        assert item.type_span == Span("s.yaml", 6, 9, 6, 14)
        assert [span.line for span in item.uses] == [9, 11]
        units = item.keys.get("units")
        assert units is not None
        assert plain(units) == 4
        assert units.span == Span("s.yaml", 6, 24, 6, 30)
        notes = [(note.message, note.span.line) for note in item.notes(units.span) if note.span]
        assert notes == [("units is 4 here", 9), ("used here", 9), ("used here", 11)]
        assert [note.message for note in item.notes(item.type_span)] == ["used here", "used here"]


def test_a_fault_in_an_expression_has_its_column() -> None:
    text = "vars: {w: 0}\nlayers:\n  - dense: {units: \"a${w}b${1 // w}\"}\n  - dense: {units: 'it''s ${1 // w}'}\n"
    first, second = faults_of(text)
    assert (first.span.line, first.span.column, first.span.end_column) == (3, 34, 35)
    assert (second.span.column, second.span.end_column) == (20, 37)  # the doubled quote blurs the columns


def test_a_fault_in_a_block_is_told_once_however_often_it_is_used() -> None:
    text = """
        blocks: {part: {layers: [{dense: {units: $no}}, 8, {relu: {from: no}}]}}
        layers: [part, part, {repeat: {times: 50, layers: [part]}}]
        """
    assert sorted(fault.rule for fault in faults_of(text)) == ["layer-form", "unknown-name"]


def test_nothing_follows_from_a_fault_that_was_told() -> None:
    text = """
        netspec: 1
        name: net
        inputs: {x: {shape: [4]}}
        vars: {a: "${1 // 0}", b: $a, c: "${b + 1}"}
        blocks:
          part: {params: {p: null}, layers: [{dense: {units: $p}}]}
          other: {params: {q: null}, layers: [{dense: {name: inside, units: $q}}]}
        layers:
          - dense: {units: $c, name: "n_${b}"}
          - part: {p: $a}
          - repeat: {times: $b, layers: [{dense: {units: $c}}]}
          - other: {r: 1}
          - dense: {units: 4, from: other_inside}
          - add: {from: [part, n_1, $a]}
        train: {data: {npz: d.npz}, loss: mse, epochs: $a}
        outputs: [$b]
        """
    with pytest.raises(SpecError) as caught:
        read(parse(dedent(text), "s.yaml"))
    found = [(each.rule, each.span.line) for each in caught.value.diagnostics]
    assert found == [("bad-arithmetic", 5), ("unknown-key", 13), ("missing-key", 13)]


def test_wrong_names_do_not_hide_what_else_is_wrong() -> None:
    text = """
        netspec: 1
        name: net
        inputs: {x: {shape: [8, 8, 1]}, y: {shape: [4]}}
        blocks:
          lost: {layers: [relu, {conv2d: {filters: 1, kernel_size: 99}}]}
          part: {layers: [{conv2d: {name: c, filters: 1, kernel_size: 9}}]}
        layers:
          - lost: {from: z}
          - relu: {name: x}
          - dense: {name: p_c, units: 4, from: y}
          - part: {name: p, from: x}
          - part: {name: q, from: x}
        outputs: [q, no]
        """
    with pytest.raises(SpecError) as caught:
        build_graph(read(parse(dedent(text), "s.yaml")))
    found = sorted((each.span.line, each.rule) for each in caught.value.diagnostics)
    assert found == [
        (7, "window-too-large"),
        (9, "bad-from"),
        (10, "duplicate-name"),
        (12, "duplicate-name"),
        (14, "bad-output"),
    ]


# ------------------------------------------------------------------------------------------------------- limits


def test_ten_thousand_layers_take_less_than_a_second() -> None:
    text = """
        netspec: 1
        name: net
        inputs: {x: {shape: [4]}}
        blocks: {part: {params: {n: null}, layers: [{dense: {units: $n}}, relu]}}
        layers: [{repeat: {times: 5000, layers: [{part: {n: 4}}]}}]
        """
    document = parse(dedent(text), "s.yaml")
    began = time.process_time()
    items, faults = layer_items(document)
    assert time.process_time() - began < 1
    assert (len(items), faults) == (10_000, ())
    assert items[-1].name == "part_5000_relu"


@pytest.mark.parametrize("times", ["1000000000000", "100001", "99999"])
def test_a_repeat_may_not_explode(times: str) -> None:
    text = f"layers: [{{repeat: {{times: {times}, layers: [relu, relu]}}}}]"
    began = time.process_time()
    (fault,) = faults_of(text)
    assert fault.rule == "expansion-too-large"
    assert str(f"{MAX_LAYERS:,}") in fault.message
    assert time.process_time() - began < 1


def test_blocks_may_not_explode() -> None:
    blocks = ", ".join(f"b{i}: {{layers: [b{i + 1}, b{i + 1}]}}" for i in range(30))
    (fault,) = faults_of(f"blocks: {{{blocks}, b30: {{layers: [relu]}}}}\nlayers: [b0]")
    assert fault.rule == "expansion-too-large"


def test_values_may_not_explode() -> None:
    names = ["a", *(f"b{i}" for i in range(9))]
    entries = [f"{name}: [{', '.join([f'${before}'] * 10)}]" for before, name in pairwise(names)]
    (fault,) = faults_of(f"vars: {{a: [1, 2], {', '.join(entries)}}}\nlayers: [relu]")
    assert fault.rule == "expansion-too-large"


def test_values_may_not_nest_without_end() -> None:
    names = ["a", *(f"b{i}" for i in range(200))]
    entries = [f"{name}: [${before}]" for before, name in pairwise(names)]
    (fault,) = faults_of(f"vars: {{a: [1], {', '.join(entries)}}}\nlayers: [relu]")
    assert fault.rule == "expansion-too-large"


def test_texts_may_not_explode() -> None:
    entries = ["a0: xxxxxxxxxx"] + [f'a{i + 1}: "{f"${{a{i}}}" * 10}"' for i in range(9)]
    (fault,) = faults_of("vars: {" + ", ".join(entries) + "}\nlayers: [relu]")
    assert fault.rule == "expansion-too-large"


def test_values_in_repeats_may_not_explode() -> None:
    constants = ", ".join("1" * 5000)
    (fault,) = faults_of(f"layers: [{{repeat: {{times: 1000, layers: [{{relu: {{a: [{constants}]}}}}]}}}}]")
    assert fault.rule == "expansion-too-large"


def test_a_spec_written_out_may_have_as_many_layers_as_one_that_is_unrolled() -> None:
    for written in ("relu\n" * MAX_LAYERS, f"repeat: {{times: {MAX_LAYERS}, layers: [relu]}}\n"):
        layers = "".join(f"  - {line}\n" for line in written.splitlines())
        items, faults = layer_items(parse(f"layers:\n{layers}", "s.yaml"))
        assert (len(items), faults) == (MAX_LAYERS, ())
        (fault,) = faults_of(f"layers:\n{layers}  - tanh\n")
        assert (fault.rule, fault.path) == ("expansion-too-large", f"layers[{layers.count('- ')}].tanh")


@pytest.mark.parametrize("layers", ["[]", "[5]", "[{relu: 3}]", "[dense: {}, dense: {}]"])
def test_a_repeat_of_nothing_that_is_right_may_not_explode(layers: str) -> None:
    faults = faults_of(f"layers: [{{repeat: {{times: 1000000000000, layers: {layers}}}}}]")
    assert faults


def test_a_long_chain_of_blocks_is_refused_without_recursion() -> None:
    blocks = ", ".join(f"b{i}: {{layers: [b{i + 1}]}}" for i in range(5000))
    faults = faults_of(f"blocks: {{{blocks}, b5000: {{layers: [relu]}}}}\nlayers: [b0]")
    assert {fault.rule for fault in faults} == {"too-deep"}
    ring = ", ".join(f"b{i}: {{layers: [b{(i + 1) % 5000}]}}" for i in range(5000))
    (fault,) = faults_of(f"blocks: {{{ring}}}\nlayers: [b0]")
    assert fault.rule == "recursive-block"


# -------------------------------------------------------------------------------------------------- whole specs


def test_the_keyword_spotting_net_costs_what_mlperf_tiny_says() -> None:
    text = """
        netspec: 1
        name: kws
        vars: {width: 64}
        inputs: {mfcc: {shape: [49, 10, 1]}}
        blocks:
          ds_conv:
            params: {filters: null, strides: 1}
            layers:
              - depthwise_conv2d: {kernel_size: 3, strides: $strides, padding: same, use_bias: false}
              - batch_normalization
              - relu
              - conv2d: {filters: $filters, kernel_size: 1, use_bias: false}
              - batch_normalization
              - relu
        layers:
          - conv2d: {name: stem, filters: $width, kernel_size: [10, 4], strides: 2, padding: same, use_bias: false}
          - batch_normalization
          - relu
          - repeat: {times: 4, layers: [{ds_conv: {filters: $width}}]}
          - global_average_pooling2d
          - dropout: {rate: 0.2}
          - dense: {name: logits, units: 12}
          - softmax
        """
    graph = check(parse(dedent(text), "kws.yaml")).graph
    assert graph.macs == 2_656_768
    assert (graph.parameters, graph.trainable_parameters) == (24_332, 23_180)
    assert [layer.name for layer in graph.layers][9:12] == [
        *("ds_conv_2_depthwise_conv2d", "ds_conv_2_batch_normalization", "ds_conv_2_relu")
    ]
    assert graph.layers[14].name == "ds_conv_2_relu_1"
