"""The questions that people ask about shapes and counts, each as a spec, with the numbers of the page it comes from.

Every test names its page. Keras is asked for the same numbers where it is installed.
"""

from __future__ import annotations

import random
from math import floor
from pathlib import Path

import pytest

from netspec.check import check
from netspec.graph import Graph, GraphLayer
from netspec.spec.source import load, parse

Shape = tuple[int, ...]


@pytest.fixture(scope="session")
def seeds(repository: Path) -> dict[str, Graph]:
    found = sorted((repository / "specs" / "seeds").glob("*.yaml"))
    assert found
    return {path.stem: check(load(path)).graph for path in found}


def layer(graph: Graph, name: str) -> GraphLayer:
    return next(each for each in graph.layers if each.name == name)


def kernel(graph: Graph, name: str, weight: str = "kernel") -> Shape:
    return next(each.shape for each in layer(graph, name).weights if each.name == weight)


def test_000_conv1d_takes_the_columns_of_an_image_for_channels(seeds: dict[str, Graph]) -> None:
    """Keras conv1d layer weight count is not produced as expected (Stack Overflow)."""
    one = seeds["sign_language_conv1d"]
    assert layer(one, "conv1d_1").output_shape == (45, 32)
    assert kernel(one, "conv1d_1") == (5, 45, 32)
    assert one.parameters == 7_200
    two = seeds["sign_language_conv2d"]
    assert layer(two, "conv").output_shape == (45, 45, 32)
    assert kernel(two, "conv") == (5, 5, 1, 32)
    assert two.parameters == 800


def test_001_a_filter_is_as_deep_as_the_input_has_channels(seeds: dict[str, Graph]) -> None:
    """How many filters and weights a convolution trains (Stack Overflow)."""
    graph = seeds["filters_and_channels"]
    assert layer(graph, "conv2d").output_shape == (29, 29, 10)
    assert graph.parameters == 490
    summed = seeds["channels_summed"]
    assert layer(summed, "reduce").output_shape == (32, 32, 1)
    assert layer(summed, "conv2d").output_shape == (29, 29, 10)
    assert summed.parameters == 170
    separable = seeds["depthwise_separable"]
    assert kernel(separable, "separable_conv2d", "depthwise_kernel") == (4, 4, 3, 1)
    assert kernel(separable, "separable_conv2d", "pointwise_kernel") == (1, 1, 3, 10)
    assert separable.parameters == 4 * 4 * 3 + 3 * 10 + 10


def test_002_strides_and_padding(seeds: dict[str, Graph]) -> None:
    """Reconciling shapes and parameters of convolutional and pooling layers (article)."""
    graph = seeds["strides_and_padding"]
    first, second = layer(graph, "conv_layer_1"), layer(graph, "conv_layer_2")
    assert (first.output_shape, first.parameters) == ((49, 94, 55), 1_045)
    assert (second.output_shape, second.parameters) == ((17, 47, 35), 19_285)
    pools = seeds["strides_and_padding_pools"]
    assert [each.output_shape for each in pools.layers] == [(49, 94, 3), (17, 47, 3)]
    assert pools.parameters == 0


def test_002_visual_question_answering(seeds: dict[str, Graph]) -> None:
    """The same article's net: an image branch, a question branch, one answer of 1,000."""
    graph = seeds["visual_question_answering"]
    shapes = {
        "conv2d_1": (224, 224, 64),
        "conv2d_2": (222, 222, 64),
        "max_pooling2d_1": (111, 111, 64),
        "conv2d_3": (111, 111, 128),
        "conv2d_4": (109, 109, 128),
        "max_pooling2d_2": (54, 54, 128),
        "conv2d_5": (54, 54, 256),
        "conv2d_6": (52, 52, 256),
        "conv2d_7": (50, 50, 256),
        "max_pooling2d_3": (25, 25, 256),
        "encoded_image": (160_000,),
        "embedding_1": (100, 256),
        "encoded_question": (256,),
        "merged": (160_256,),
        "answer": (1_000,),
    }
    assert {each.name: each.output_shape for each in graph.layers} == shapes
    names = list(shapes)
    assert sum(layer(graph, name).parameters for name in names[: names.index("embedding_1")]) == 1_735_488
    assert layer(graph, "embedding_1").parameters == 2_560_000
    assert layer(graph, "encoded_question").parameters == 525_312
    assert layer(graph, "answer").parameters == 160_257_000
    assert graph.parameters == 165_077_800


def test_003_kernel_and_bias_do_not_depend_on_the_photo(seeds: dict[str, Graph]) -> None:
    """Keras convolution layer: shapes of input, weights and output (article)."""
    graph = seeds["photo_kernel"]
    assert layer(graph, "conv2d_1").output_shape == (722, 1277, 32)
    assert {each.name: each.shape for each in layer(graph, "conv2d_1").weights} == {
        "kernel": (4, 4, 3, 32),
        "bias": (32,),
    }


def test_004_a_kernel_of_one(seeds: dict[str, Graph]) -> None:
    """What does the conv1d with kernel size equal to 1 do? (Stack Overflow)."""
    graph = seeds["conv1d_kernel_of_one"]
    assert kernel(graph, "conv1d") == (1, 10, 64)
    assert layer(graph, "conv1d").output_shape == (100, 64)


def test_004_filters_over_words(seeds: dict[str, Graph]) -> None:
    """Keras conv1d layer parameters: filters and kernel_size (Stack Overflow)."""
    graph = seeds["conv1d_on_words"]
    assert layer(graph, "conv1d").output_shape == (50, 100)
    assert kernel(graph, "conv1d") == (4, 300, 100)
    small = seeds["conv1d_then_pool"]
    assert [each.output_shape for each in small.layers] == [(6, 5), (2, 5)]
    assert kernel(small, "conv1d") == (3, 3, 5)


def test_004_seven_images_one_value(seeds: dict[str, Graph]) -> None:
    """Keras 3Dconvnet time-series issue (Stack Overflow): every layer."""
    graph = seeds["seven_images"]
    assert [(each.type, each.output_shape) for each in graph.layers] == [
        ("conv3d", (31, 31, 7, 16)),
        ("leaky_relu", (31, 31, 7, 16)),
        ("max_pooling3d", (15, 15, 7, 16)),
        ("conv3d", (13, 13, 7, 32)),
        ("leaky_relu", (13, 13, 7, 32)),
        ("max_pooling3d", (6, 6, 7, 32)),
        ("flatten", (8_064,)),
        ("dense", (512,)),
        ("leaky_relu", (512,)),
        ("dropout", (512,)),
        ("dense", (32,)),
        ("leaky_relu", (32,)),
        ("dropout", (32,)),
        ("dense", (1,)),
    ]
    assert [each.parameters for each in graph.layers if each.parameters] == [160, 4_640, 4_129_280, 16_416, 33]


def test_004_separable_against_plain(seeds: dict[str, Graph]) -> None:
    """Why separable convolution is slower than the normal one (Stack Overflow): the sums of both."""
    graph = seeds["separable_or_plain"]
    plain, separable = layer(graph, "plain"), layer(graph, "separable")
    assert (plain.parameters, plain.macs) == (36_864, 37_748_736)
    assert (separable.parameters, separable.macs) == (4_672, 4_784_128)


def test_004_pytorch_length_formula() -> None:
    """Calculating shape of conv1d layer in Pytorch (Stack Overflow): 200 random settings with padding and dilation."""
    generator = random.Random(4)
    for _ in range(200):
        length, size, dilation = generator.randint(1, 60), generator.randint(1, 7), generator.randint(1, 4)
        padding = generator.randint(0, 9)
        stride = generator.randint(1, 5) if dilation == 1 else 1
        expected = floor((length + 2 * padding - dilation * (size - 1) - 1) / stride) + 1
        if expected < 1:
            continue
        text = (
            f"netspec: 1\nname: length\ninputs: {{x: {{shape: [{length}, 2]}}}}\nlayers:\n"
            f"  - conv1d: {{filters: 3, kernel_size: {size}, strides: {stride}, padding: {padding}, "
            f"dilation_rate: {dilation}}}\n"
        )
        assert check(parse(text, "length.yaml")).graph.layers[0].output_shape == (expected, 3), text


def test_keras_says_the_same(seeds: dict[str, Graph]) -> None:
    """Every seed as a Keras model: shapes, weights and counts (asserted while it is built)."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from netspec.train.model import assert_matches, build_model

    for graph in seeds.values():
        assert_matches(graph, build_model(graph))
