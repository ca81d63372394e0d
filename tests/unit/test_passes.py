"""Each pass: what it folds, what it must leave alone, and that no number changes."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netspec.device.graph import DeviceGraph
from netspec.device.lowering import lower
from netspec.device.passes import PASSES, run_passes, verify
from netspec.device.scales import scale_groups
from netspec.diagnostics import SpecError
from netspec.ops import BatchNorm, Binary, DepthwiseConv2D, Param, Relu, Rescale, RescaleEach, Unary, View
from netspec.quantize.ranges import evaluate, rescaled_inputs
from tests.specs import make_graph

Array = NDArray[Any]
IMAGE = (6, 5, 3)
CONV = {"filters": 4, "kernel_size": 3, "padding": "same"}


def weights(param: Param) -> Array:
    """Return an array that depends on the weight's name and shape alone; variances and scales are positive."""
    seed = zlib.crc32(f"{param.layer}/{param.weight}".encode())
    values = np.random.default_rng(seed).normal(size=param.shape)
    return np.abs(values) + 0.5 if param.weight in ("moving_variance", "gamma") else values


def evaluate_raw(graph: DeviceGraph, inputs: dict[str, Array]) -> dict[str, Array]:
    """Return every tensor of a graph that may still hold what the passes remove, by the definitions in `ops`."""
    values = rescaled_inputs(graph, inputs)
    for node in graph.nodes:
        reads, op = [values[name] for name in node.inputs], node.op
        match op:
            case BatchNorm():
                gamma = weights(op.gamma) if op.gamma else 1.0
                beta = weights(op.beta) if op.beta else 0.0
                centred = (reads[0] - weights(op.mean)) / np.sqrt(weights(op.variance) + op.epsilon)
                result = gamma * centred + beta
            case Rescale():
                result = reads[0] * op.scale + op.offset
            case RescaleEach(scales=scales, offsets=offsets):
                result = (reads[0].reshape(-1, len(scales)) * scales + offsets).reshape(reads[0].shape)
            case Relu():
                result = np.clip(reads[0], 0.0, op.max_value)
            case View():
                result = reads[0].reshape((-1, *op.output_shape))
            case Binary() if op.arity != 2:
                result = np.sum(reads, axis=0)
            case _:
                result = op.evaluate(weights, reads)[0]
        values[node.output] = result
    return values


def run(layers: list[Any], shape: Any = IMAGE, **sections: Any) -> DeviceGraph:
    """Return the graph after all passes, each of which is proved on random inputs."""
    graph = lower(make_graph(layers, shape, **sections))
    rng = np.random.default_rng(1)
    inputs = {given.name: rng.normal(size=(2, *given.shape)) for given in graph.inputs}

    def outputs(each: DeviceGraph) -> list[Array]:
        values = evaluate_raw(each, inputs)
        return [values[output.tensor].reshape((2, *output.shape)) for output in each.outputs]

    expected = outputs(graph)
    for one_pass in PASSES:
        graph = one_pass(graph)
        verify(graph, one_pass.__name__)
        for got, want in zip(outputs(graph), expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5, err_msg=one_pass.__name__)
    final = evaluate(graph, weights, inputs)
    for output, want in zip(graph.outputs, expected, strict=True):
        np.testing.assert_allclose(final[output.tensor].reshape(want.shape), want, rtol=1e-5, atol=1e-5)
    return graph


def ops(graph: DeviceGraph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes]


def conv(name: str = "conv", **keys: Any) -> dict[str, Any]:
    return {"conv2d": {"name": name, **CONV, **keys}}


# ------------------------------------------------------------------------------------------- rescaling of the input


def test_a_rescaling_of_the_input_becomes_part_of_its_quantization() -> None:
    graph = run([{"rescaling": {"scale": 0.5, "offset": -1.0}}, conv()])
    assert ops(graph) == ["Conv2D"]
    rescale = graph.inputs[0].rescale
    assert rescale is not None
    assert (rescale.scale, rescale.offset) == (0.5, -1.0)


def test_two_rescalings_are_one() -> None:
    graph = run([{"rescaling": {"scale": 0.5, "offset": 3.0}}, {"rescaling": {"scale": 4.0, "offset": 1.0}}, conv()])
    assert ops(graph) == ["Conv2D"]
    assert graph.inputs[0].rescale == Rescale(IMAGE, 2.0, 13.0)


def test_of_two_rescalings_the_second_stays_where_the_first_is_read_twice() -> None:
    layers = [
        {"rescaling": {"name": "one", "scale": 0.5}},
        {"rescaling": {"name": "two", "scale": 4.0}},
        {"add": {"from": ["one", "two"]}},
    ]
    graph = run(layers)
    assert ops(graph) == ["DepthwiseConv2D", "Binary"]
    assert graph.inputs[0].rescale == Rescale(IMAGE, 0.5, 0.0)


def test_a_rescaling_by_one_behind_another_stays_as_a_requantization() -> None:
    graph = run([{"rescaling": {"scale": 0.5}}, {"rescaling": {"scale": 1.0}}, conv()])
    assert ops(graph) == ["Unary", "Conv2D"]


CHANNELS = {"normalization": {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 16.0]}}


@pytest.mark.parametrize(
    ("layers", "scales"),
    [
        ([CHANNELS, conv()], (1.0, 0.5, 0.25)),
        ([{"rescaling": {"scale": 4.0}}, CHANNELS, conv()], (4.0, 2.0, 1.0)),
        ([CHANNELS, {"rescaling": {"scale": 4.0, "offset": -1.0}}, conv()], (4.0, 2.0, 1.0)),
        ([CHANNELS, CHANNELS, conv()], (1.0, 0.25, 0.0625)),
        ([{"reshape": {"target_shape": [30, 3]}}, CHANNELS], (1.0, 0.5, 0.25)),
        ([{"normalization": {"mean": [[1], [2]], "variance": [[1], [4]], "axis": [1, 2]}}], (*[1.0] * 6, *[0.5] * 6)),
        ([{"normalization": {"mean": [1, 2, 3], "variance": [1, 4, 16], "axis": 3, "invert": True}}], (1.0, 2.0, 4.0)),
    ],
)
def test_numbers_for_each_value_are_part_of_the_inputs_quantization(layers: list[Any], scales: Any) -> None:
    shape = (2, 3, 2) if "axis" in str(layers) and "[[1]" in str(layers) else IMAGE
    graph = run(layers, shape)
    assert set(ops(graph)) <= {"Conv2D", "View"}
    rescale = graph.inputs[0].rescale
    assert isinstance(rescale, RescaleEach)
    assert rescale.scales == pytest.approx(scales)


@pytest.mark.parametrize(
    "layers",
    [
        [conv(filters=3), CHANNELS],
        [CHANNELS, {"add": {"from": ["normalization", "x"]}}],
        [{"permute": {"dims": [2, 1, 3]}}, CHANNELS],
    ],
)
def test_numbers_for_each_value_elsewhere_are_refused(layers: list[Any]) -> None:
    with pytest.raises(SpecError) as refused:
        lower(make_graph(layers, IMAGE))
    assert "unsupported-on-device" in {each.rule for each in refused.value.diagnostics}


def test_equal_numbers_for_each_value_are_one_number() -> None:
    graph = run([conv(filters=3), {"normalization": {"mean": [1.0, 1.0, 1.0], "variance": [4.0, 4.0, 4.0]}}])
    assert ops(graph) == ["Conv2D"]


def test_an_input_that_something_else_reads_keeps_its_scale() -> None:
    graph = run([{"rescaling": {"scale": 0.5}}, {"add": {"from": ["rescaling", "x"]}}])
    assert graph.inputs[0].rescale is None
    assert ops(graph) == ["DepthwiseConv2D", "Binary"]


def test_a_rescaling_that_is_an_output_too() -> None:
    graph = run([{"rescaling": {"scale": 0.5}}, conv()], outputs=["rescaling", "conv"])
    assert ops(graph) == ["Conv2D"]
    assert [output.tensor for output in graph.outputs] == ["x", "conv"]


def test_a_rescaling_of_a_view_of_the_input_is_one_of_the_input() -> None:
    assert ops(run(["flatten", {"rescaling": {"scale": 0.5}}, {"dense": {"units": 3}}])) == ["Dense"]


# --------------------------------------------------------------------------------------------------------- padding


def test_a_chain_of_padding_folds_into_the_convolution() -> None:
    layers = [{"zero_padding2d": {"padding": 1}}, {"zero_padding2d": {"padding": [[0, 1], [2, 0]]}}]
    graph = run([*layers, conv(padding="valid")])
    assert ops(graph) == ["Conv2D"]
    (node,) = graph.nodes
    assert tuple(node.op.padding) == (1, 2, 3, 1)
    assert node.op.input_shape == IMAGE
    assert node.layers == ("zero_padding2d", "zero_padding2d_1", "conv")


def test_padding_adds_to_same() -> None:
    (node,) = run([{"zero_padding2d": {"padding": 1}}, conv()]).nodes
    assert tuple(node.op.padding) == (2, 2, 2, 2)


@pytest.mark.parametrize(
    "layer",
    [
        {"depthwise_conv2d": {"kernel_size": 3}},
        {"conv2d": {"filters": 2, "kernel_size": [1, 3]}},
        {"conv2d": {"filters": 2, "kernel_size": 1}},
    ],
)
def test_only_kernels_of_arm_have_padding_apart(layer: dict[str, Any]) -> None:
    """The 3x3 depthwise kernel knows one row of zeros below, the one for a row and those for 1x1 windows none."""
    layers = [{"zero_padding2d": {"padding": [[0, 2], [0, 0]]}}, layer]
    [(kind, keys)] = layer.items()
    if kind == "conv2d" and keys["kernel_size"] == 1:
        layers[0] = {"zero_padding2d": {"padding": [[0, 1], [0, 1]]}}
    assert len(run(layers).nodes) == 1
    pad, node = run_passes(replace(lower(make_graph(layers, IMAGE)), kernels="cmsis-nn")).nodes
    assert type(pad.op).__name__ == "Pad"
    assert tuple(node.op.padding) == (0, 0, 0, 0)


def test_padding_folds_into_a_depthwise_convolution() -> None:
    graph = run([{"zero_padding2d": {"padding": 1}}, {"depthwise_conv2d": {"kernel_size": 3}}])
    assert ops(graph) == ["DepthwiseConv2D"]


@pytest.mark.parametrize("pool", ["max_pooling2d", "average_pooling2d"])
def test_a_pool_sees_the_zeros_that_its_own_padding_would_leave_out(pool: str) -> None:
    assert ops(run([{"zero_padding2d": {"padding": 1}}, {pool: {"pool_size": 2}}])) == ["Pad", "Pool2D"]


def test_padding_with_two_readers_stays() -> None:
    layers = [{"zero_padding2d": {"name": "pad"}}, conv("a"), conv("b", **{"from": "pad"})]
    assert ops(run([*layers, {"add": {"from": ["a", "b"]}}])) == ["Pad", "Conv2D", "Conv2D", "Binary"]


def test_padding_that_is_an_output_stays() -> None:
    layers = [{"zero_padding2d": {"name": "pad"}}, conv()]
    assert ops(run(layers, outputs=["pad", "conv"])) == ["Pad", "Conv2D"]


def test_a_batch_norm_between_padding_and_convolution_sees_the_zeros() -> None:
    graph = run([{"zero_padding2d": {"padding": 1}}, "batch_normalization", conv(padding="valid")])
    assert ops(graph) == ["Pad", "DepthwiseConv2D", "Conv2D"]


# ----------------------------------------------------------------------------------------------------- affine maps


@pytest.mark.parametrize(
    "layer",
    [
        conv("l"),
        {"depthwise_conv2d": {"name": "l", "kernel_size": 3, "depth_multiplier": 2}},
        {"separable_conv2d": {"name": "l", "filters": 2, "kernel_size": 3, "use_bias": False}},
        {"dense": {"name": "l", "units": 4}},
    ],
    ids=lambda layer: next(iter(layer)),
)
def test_batch_norms_and_rescalings_fold_into_weights(layer: dict[str, Any]) -> None:
    graph = run([layer, "batch_normalization", {"rescaling": {"scale": -0.5, "offset": 2.0}}])
    last = graph.nodes[-1]
    assert len(last.op.affine) == 2
    assert last.layers == ("l", "batch_normalization", "rescaling")
    assert last.output == "rescaling"
    assert len(graph.nodes) == (2 if "separable_conv2d" in layer else 1)


@pytest.mark.parametrize("shape", [(7,), (6, 3), IMAGE])
def test_a_batch_norm_that_stands_alone_is_a_depthwise_convolution(shape: tuple[int, ...]) -> None:
    graph = run([{"batch_normalization": {"scale": False}}], shape)
    assert ops(graph) == ["DepthwiseConv2D"]
    assert isinstance(graph.nodes[0].op, DepthwiseConv2D)
    assert graph.nodes[0].op.kernel is None


def test_a_batch_norm_after_an_activation_does_not_fold_through_it() -> None:
    graph = run([conv(activation="relu"), "batch_normalization"])
    assert ops(graph) == ["Conv2D", "DepthwiseConv2D"]
    assert graph.nodes[0].op.activation == "relu"


def test_a_batch_norm_after_a_view_stands_alone() -> None:
    graph = run([{"dense": {"units": 4}}, {"reshape": {"target_shape": [2, 2]}}, "batch_normalization"], (5,))
    assert ops(graph) == ["Dense", "DepthwiseConv2D"]


def test_a_convolution_that_something_else_reads_keeps_its_weights() -> None:
    graph = run([conv(), "batch_normalization", {"add": {"from": ["conv", "batch_normalization"]}}])
    assert ops(graph) == ["Conv2D", "DepthwiseConv2D", "Binary"]


def test_a_convolution_that_is_an_output_keeps_its_weights() -> None:
    assert ops(run([conv(), "batch_normalization"], outputs=["conv", "batch_normalization"])) == [
        "Conv2D",
        "DepthwiseConv2D",
    ]


def test_a_batch_norm_before_padding_folds_backwards_and_the_padding_forwards() -> None:
    layers = [conv("a"), "batch_normalization", {"zero_padding2d": {"padding": 1}}, conv("b", padding="valid")]
    graph = run(layers)
    assert ops(graph) == ["Conv2D", "Conv2D"]
    assert [len(node.op.affine) for node in graph.nodes] == [1, 0]


# ------------------------------------------------------------------------------------------------ sums, activations


def test_a_sum_of_four_is_three_sums() -> None:
    layers = [conv(name, **{"from": "x"}) for name in "abcd"]
    graph = run([*layers, {"add": {"name": "sum", "from": ["a", "b", "c", "d"]}}, "relu"])
    sums = [node for node in graph.nodes if isinstance(node.op, Binary)]
    assert [node.inputs for node in sums] == [("a", "b"), (sums[0].output, "c"), (sums[1].output, "d")]
    assert [node.op.activation for node in sums] == ["none", "none", "relu"]
    assert len({node.name for node in sums}) == 3


def test_the_names_of_partial_sums_make_way() -> None:
    layers = [conv(name, **{"from": "x"}) for name in ("sum_sum1", "b", "c")]
    graph = run([*layers, {"add": {"name": "sum", "from": ["sum_sum1", "b", "c"]}}])
    assert [node.name for node in graph.nodes] == ["sum_sum1", "b", "c", "sum_sum1_2", "sum"]


@pytest.mark.parametrize("before", [conv(), {"dense": {"units": 4}}, {"depthwise_conv2d": {"kernel_size": 3}}])
def test_a_kernel_clamps_its_own_output(before: dict[str, Any]) -> None:
    for relu, (activation, bound) in [
        ("relu", ("relu", None)),
        ({"relu": {"max_value": 6}}, ("relu6", None)),
        ({"relu": {"max_value": 3}}, ("relu", 3.0)),
    ]:
        (node,) = run([before, relu]).nodes
        assert (node.op.activation, node.op.max_value) == (activation, bound)


def test_a_pool_keeps_its_inputs_scale_and_so_cannot_be_bounded_by_saturation() -> None:
    pool = {"average_pooling2d": {"pool_size": 2}}
    assert ops(run([pool, "relu"])) == ["Pool2D"]
    assert ops(run([pool, {"relu": {"max_value": 6}}])) == ["Pool2D"]
    assert ops(run([pool, {"relu": {"max_value": 3}}])) == ["Pool2D", "Unary"]


def test_of_two_activations_the_second_is_a_table() -> None:
    graph = run([conv(), "relu", {"relu": {"max_value": 2}}])
    assert ops(graph) == ["Conv2D", "Unary"]
    assert graph.nodes[1].op == Unary("relu", (6, 5, 4), 2.0)


def test_a_relu_of_what_something_else_reads_is_a_table() -> None:
    assert ops(run([conv(), "relu", {"add": {"from": ["conv", "relu"]}}])) == ["Conv2D", "Unary", "Binary"]


def test_a_relu_of_an_output_is_a_table() -> None:
    assert ops(run([conv(), "relu"], outputs=["conv", "relu"])) == ["Conv2D", "Unary"]


def test_a_relu_of_the_input_is_a_table() -> None:
    assert ops(run(["relu"])) == ["Unary"]


# ------------------------------------------------------------------------------------------------- views, scales


def test_views_are_other_names_of_the_same_bytes() -> None:
    layers = [
        conv(),
        "flatten",
        {"reshape": {"target_shape": [6, 20]}},
        {"dropout": {"rate": 0.5}},
        {"dense": {"units": 2}},
    ]
    graph = run(layers)
    assert ops(graph) == ["Conv2D", "Dense"]
    assert graph.nodes[1].inputs == ("conv",)


def test_an_output_that_is_a_view_keeps_its_shape() -> None:
    graph = run([conv(), "flatten"])
    (output,) = graph.outputs
    assert (output.name, output.shape, output.tensor) == ("flatten", (120,), "conv")


def test_a_view_of_the_input_alone() -> None:
    graph = run(["flatten", {"dropout": {"rate": 0.5}}])
    assert graph.nodes == ()
    assert (graph.outputs[0].tensor, graph.outputs[0].shape) == ("x", (90,))


def branches(*activations: str | None) -> list[Any]:
    layers: list[Any] = [{"dense": {"name": f"d{i}", "from": "x", "units": 4}} for i, _ in enumerate(activations)]
    names = []
    for i, activation in enumerate(activations):
        if activation == "pooled_softmax":
            layers += [{"softmax": {"name": f"s{i}", "from": f"d{i}"}}, {"max_pooling1d": {"name": f"a{i}"}}]
        elif activation:
            layers.append({activation: {"name": f"a{i}", "from": f"d{i}"}})
        names.append(f"a{i}" if activation else f"d{i}")
    return [*layers, {"concatenate": {"name": "join", "from": names, "axis": -1}}]


@pytest.mark.parametrize(
    ("activations", "requantized"),
    [
        ((None, None), []),
        ((None, "relu"), []),
        ((None, "softmax"), ["a1"]),
        (("tanh", None, "sigmoid"), ["a0", "a2"]),
        (("softmax", "sigmoid"), []),
        (("softmax", "tanh"), ["a0", "a1"]),
        (("softmax", "softmax", "softmax"), []),
    ],
)
def test_a_concatenation_whose_inputs_cannot_share_a_scale(
    activations: tuple[str | None, ...], requantized: list[str]
) -> None:
    graph = run(branches(*activations), (4, 3))
    inserted = [node for node in graph.nodes if isinstance(node.op, Unary) and node.op.kind == "requantize"]
    assert [node.inputs[0] for node in inserted] == requantized
    join = graph.nodes[-1]
    groups = scale_groups(graph)
    assert len({groups.find(name) for name in (*join.inputs, join.output)}) == 1


def test_a_pool_hands_a_fixed_scale_on() -> None:
    graph = run(branches("pooled_softmax", "pooled_softmax"), (4, 3))
    assert "requantize" not in [node.op.kind for node in graph.nodes if isinstance(node.op, Unary)]
    mixed = [
        *branches("pooled_softmax")[:-1],
        {"max_pooling1d": {"name": "p", "from": "x"}},
        {"concatenate": {"from": ["a0", "p"]}},
    ]
    graph = run(mixed, (4, 3))
    inserted = [node for node in graph.nodes if isinstance(node.op, Unary) and node.op.kind == "requantize"]
    assert [node.inputs[0] for node in inserted] == ["a0"]


def test_a_bounded_input_is_requantized_and_its_bound_goes_no_further() -> None:
    layers = [
        conv("a"),
        {"relu": {"name": "bounded", "max_value": 3}},
        conv("b"),
        {"concatenate": {"name": "one", "from": ["bounded", "b"]}},
        conv("c"),
        {"concatenate": {"name": "two", "from": ["one", "c"]}},
    ]
    graph = run(layers)
    inserted = [node for node in graph.nodes if isinstance(node.op, Unary) and node.op.kind == "requantize"]
    assert [node.inputs[0] for node in inserted] == ["bounded"]


# --------------------------------------------------------------------------------------------------- invariants


def test_verify_names_the_pass_that_broke_the_graph() -> None:
    graph = run_passes(lower(make_graph([conv("a"), conv("b")], IMAGE)))
    first, second = graph.nodes
    for nodes, complaint in [
        ((second, first), r"after shuffle: b reads \['a'\] before it is written"),
        ((first, first, second), "after shuffle: two nodes are named a"),
        ((first,), "after shuffle: nothing writes the output b"),
    ]:
        with pytest.raises(AssertionError, match=complaint):
            verify(graph.with_nodes(nodes), "shuffle")
