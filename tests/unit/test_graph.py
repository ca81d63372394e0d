"""Names, wiring and shapes: what a graph is made of, and which faults follow from no other."""

from __future__ import annotations

import pytest

from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import build_graph
from netspec.spec.source import parse
from netspec.spec.spec import read
from tests.specs import make_graph


def faults(layers: list[object], shape: tuple[int, ...] = (8, 8, 3), **sections: object) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        make_graph(layers, shape, **sections)  # type: ignore[arg-type]
    return caught.value.diagnostics


def test_unnamed_layers_are_numbered_as_keras_does() -> None:
    graph = make_graph(["relu", "relu", {"relu": {"name": "relu_2"}}, "relu", "flatten"], (4,))
    assert [layer.name for layer in graph.layers] == ["relu", "relu_1", "relu_2", "relu_3", "flatten"]


def test_an_unnamed_layer_makes_way_for_an_input_and_a_given_name() -> None:
    graph = make_graph(["relu", "relu", {"relu": {"name": "relu_1"}}], {"relu": [4]})
    assert [layer.name for layer in graph.layers] == ["relu_2", "relu_3", "relu_1"]


def test_layers_stand_after_what_they_read_and_else_in_the_order_of_the_file() -> None:
    graph = make_graph(
        [
            {"dense": {"name": "c", "units": 2, "from": "b"}},
            {"dense": {"name": "a", "units": 8, "from": "x"}},
            {"dense": {"name": "b", "units": 4, "from": "a"}},
            {"dense": {"name": "d", "units": 3, "from": "c"}},
        ],
        (16,),
    )
    assert [layer.name for layer in graph.layers] == ["a", "b", "c", "d"]
    assert graph.outputs == ("d",)


def test_a_layer_reads_the_one_before_it_in_the_file() -> None:
    graph = make_graph(["relu", {"dense": {"units": 2}}], (16,))
    assert [layer.inputs for layer in graph.layers] == [("x",), ("relu",)]


def test_shapes_weights_and_totals() -> None:
    graph = make_graph(
        [
            {"conv2d": {"filters": 4, "kernel_size": 3, "padding": "same", "use_bias": False}},
            "batch_normalization",
            {"dense": {"units": 2, "trainable": False}},
        ],
        (8, 8, 3),
    )
    assert graph.shapes == {
        "x": (8, 8, 3),
        "conv2d": (8, 8, 4),
        "batch_normalization": (8, 8, 4),
        "dense": (8, 8, 2),
    }
    assert graph.shape("dense") == (8, 8, 2)
    assert [layer.parameters for layer in graph.layers] == [108, 16, 10]
    assert [layer.trainable_parameters for layer in graph.layers] == [108, 8, 0]
    assert (graph.parameters, graph.trainable_parameters) == (134, 116)
    assert graph.macs == 64 * 108 + 64 * 8


def test_what_no_output_depends_on_is_left_out_with_a_warning() -> None:
    graph = make_graph(
        [
            {"dense": {"name": "a", "units": 4}},
            {"dense": {"name": "forgotten", "units": 9}},
            {"dense": {"name": "b", "units": 2, "from": "a"}},
        ],
        (16,),
    )
    assert [layer.name for layer in graph.layers] == ["a", "b"]
    (warning,) = graph.warnings
    assert (warning.rule, warning.severity) == ("unused-layer", "warning")
    assert graph.parameters == 16 * 4 + 4 + 4 * 2 + 2


def test_only_the_first_fault_of_a_chain_is_told() -> None:
    (fault,) = faults([{"conv2d": {"filters": 1, "kernel_size": 9}}, "max_pooling2d", {"dense": {"units": 1}}])
    assert fault.rule == "window-too-large"


def test_faults_of_separate_branches_are_all_told() -> None:
    layers: list[object] = [
        {"conv2d": {"name": "a", "filters": 1, "kernel_size": 9, "from": "x"}},
        {"conv2d": {"name": "b", "filters": 1, "kernel_size": 10, "from": "x"}},
        {"add": {"from": ["a", "b"]}},
    ]
    assert [fault.path for fault in faults(layers)] == ["layers[0].conv2d.kernel_size", "layers[1].conv2d.kernel_size"]


def test_each_circle_is_told_once() -> None:
    found = faults(
        [
            {"relu": {"name": "a", "from": "c"}},
            {"relu": {"name": "b", "from": "a"}},
            {"relu": {"name": "c", "from": "b"}},
            {"relu": {"name": "d", "from": "e"}},
            {"relu": {"name": "e", "from": "d"}},
            {"relu": {"name": "tail", "from": "c"}},
        ]
    )
    assert [fault.message.partition(": ")[2] for fault in found] == ["a <- c <- b <- a", "d <- e <- d"]


def test_a_long_circle_is_shown_in_short() -> None:
    layers: list[object] = [{"relu": {"name": f"r{i}", "from": f"r{(i + 1) % 5000}"}} for i in range(5000)]
    (fault,) = faults(layers)
    assert fault.message.endswith("r0 <- r1 <- r2 <- r3 <- ... <- r4998 <- r4999 <- r0")
    assert len(fault.notes) < 10


def test_a_chain_of_ten_thousand_layers_that_reads_backwards() -> None:
    layers: list[object] = [{"relu": {"name": f"r{i}", "from": f"r{i + 1}"}} for i in range(9999)]
    layers.append({"relu": {"name": "r9999", "from": "x"}})
    graph = make_graph(layers, (2,), outputs=["r0"])  # type: ignore[arg-type]
    assert [layer.name for layer in graph.layers] == [f"r{i}" for i in reversed(range(10_000))]


@pytest.mark.parametrize(
    ("layers", "remedy"),
    [
        (["relu", "add"], "write `from: [x, relu]`"),
        ([{"dense": {"units": 8}}, {"add": {"from": "dense"}}], "write `from: [dense, x]`"),
        ([{"relu": {"from": []}}], "write `from: x`"),
        (["relu", {"dense": {"units": 8, "from": "dense"}}], "write `from: relu`"),
    ],
)
def test_the_remedy_for_a_bad_from_works(layers: list[object], remedy: str) -> None:
    (fault,) = faults(layers, (8,))
    assert fault.help == remedy
    written = remedy.removeprefix("write `from: ").removesuffix("`")
    source = [name.strip() for name in written.strip("[]").split(",")]
    layer = layers[-1]
    kind, keys = (layer, {}) if isinstance(layer, str) else next(iter(layer.items()))  # type: ignore[attr-defined]
    mended = [*layers[:-1], {kind: {**keys, "from": source if len(source) > 1 else source[0]}}]
    assert make_graph(mended, (8,)).outputs == (kind,)  # type: ignore[arg-type]


def test_a_block_mapping_is_underlined_from_its_key() -> None:
    text = (
        "netspec: 1\nname: n\ninputs: {x: {shape: [4, 4, 1]}}\nlayers:\n"
        "  - conv2d:\n      filters: 2\n      kernel_size: [5, 5]\n"
    )
    with pytest.raises(SpecError) as caught:
        build_graph(read(parse(text, "n.yaml")))
    (fault,) = caught.value.diagnostics
    assert (fault.span.line, fault.span.column, fault.span.end_column) == (7, 7, 26)
