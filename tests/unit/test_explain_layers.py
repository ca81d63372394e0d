"""What layers say about themselves: the arithmetic holds, and it is that of the shapes, weights and sums computed."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from netspec.graph import GraphLayer, build_graph
from netspec.layers import LAYERS
from netspec.layers._explanation import Equation, Explanation, listed
from netspec.spec.source import parse
from netspec.spec.spec import read
from tests.arithmetic import evaluate
from tests.nets import device_nets
from tests.specs import make_graph

FOLDER = Path(__file__).parents[1] / "cases" / "layers"
CASES: dict[str, list[dict[str, Any]]] = {
    file.stem: yaml.safe_load(file.read_text()) for file in sorted(FOLDER.glob("*.yaml"))
}
ROWS = [
    pytest.param(layer_type, row, id=f"{layer_type}-{number}")
    for layer_type, rows in CASES.items()
    for number, row in enumerate(rows, start=1)
]


def layer_of(layer_type: str, row: dict[str, Any]) -> GraphLayer:
    inputs = {f"x{index}": shape for index, shape in enumerate(row["inputs"])}
    reads = {"from": list(inputs)} if len(inputs) > 1 else {}
    graph = make_graph([{layer_type: {**row["keys"], **reads}}], inputs, dtype=row.get("dtype", "float32"))
    return graph.layers[0]


def equations(explained: Explanation) -> list[Equation]:
    single = [each for each in (explained.total, explained.macs) if each is not None]
    torch = explained.pytorch.shape if explained.pytorch else ()
    return [*explained.shape, *explained.padding, *explained.parameters, *single, *torch]


def assert_holds(layer: GraphLayer) -> None:
    """Assert that a layer's explanation is arithmetic that comes out, at the numbers that the graph computed."""
    explained = layer.layer.explain(layer.input_shapes)
    for each in equations(explained):
        assert evaluate(each.numbers) == each.result, each
    assert tuple(each.result for each in explained.shape) == layer.output_shape
    assert [(each.subject, each.result) for each in explained.parameters] == [
        (weight.name, prod(weight.shape)) for weight in layer.weights
    ]
    if explained.total:
        assert explained.total.result == layer.parameters
    assert (explained.macs.result if explained.macs else 0) == layer.macs
    if explained.pytorch and explained.pytorch.shape:
        assert tuple(each.result for each in explained.pytorch.shape) == layer.output_shape[:-1]


@pytest.mark.parametrize(("layer_type", "row"), ROWS)
def test_the_numbers_are_those_of_the_layer(layer_type: str, row: dict[str, Any]) -> None:
    assert_holds(layer_of(layer_type, row))


@given(device_nets())
def test_the_numbers_of_random_nets(text: str) -> None:
    for layer in build_graph(read(parse(text, "net.yaml"))).layers:
        assert_holds(layer)


def axis() -> st.SearchStrategy[tuple[int, int, int, int]]:
    """Draw length, window, stride and dilation; one of the last two is 1."""
    steps = st.one_of(st.tuples(st.integers(1, 5), st.just(1)), st.tuples(st.just(1), st.integers(1, 4)))
    return st.tuples(st.integers(1, 40), st.integers(1, 7), steps).map(lambda drawn: (*drawn[:2], *drawn[2]))


PADDING = st.one_of(
    st.sampled_from(["valid", "same", "causal"]), st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda p: [[*p]])
)


@given(axis(), PADDING, st.integers(1, 4), st.booleans())
def test_the_numbers_of_any_window(
    sizes: tuple[int, int, int, int], padding: Any, channels: int, use_bias: bool
) -> None:
    """Over the whole space of a window: what PyTorch's formula says, too, and how many inputs stay unread."""
    length, window, stride, dilation = sizes
    covered = length + (sum(padding[0]) if isinstance(padding, list) else 0)
    if padding in ("same", "causal") or (window - 1) * dilation + 1 <= covered:
        keys = {"kernel_size": window, "strides": stride, "dilation_rate": dilation, "padding": padding}
        rows: list[tuple[str, dict[str, Any]]] = [("conv1d", keys | {"filters": 3, "use_bias": use_bias})]
        if padding != "causal":
            rows.append(("depthwise_conv1d", keys | {"depth_multiplier": 2, "use_bias": use_bias}))
            rows.append(("separable_conv1d", keys | {"filters": 2, "use_bias": use_bias}))
        for layer_type, given_keys in rows:
            layer = layer_of(layer_type, {"keys": given_keys, "inputs": [[length, channels]]})
            assert_holds(layer)
            assert unread_said(layer) == unread(layer), layer
    if padding == "same" or (padding == "valid" and window <= length):
        for layer_type in ("max_pooling1d", "average_pooling1d"):
            keys = {"pool_size": window, "strides": stride, "padding": padding}
            layer = layer_of(layer_type, {"keys": keys, "inputs": [[length, channels]]})
            assert_holds(layer)


def unread(layer: GraphLayer) -> int:
    """Return how many steps at the end no window touches, by walking along them."""
    own: Any = layer.layer
    before = own.amounts(layer.input_shapes[0])[0][0]
    starts = [number * own.strides[0] - before for number in range(layer.output_shape[0])]
    touched = {start + tap * own.dilation_rate[0] for start in starts for tap in range(own.kernel_size[0])}
    return sum(step > max(touched) for step in range(layer.input_shapes[0][0]))


def unread_said(layer: GraphLayer) -> int:
    text = " ".join(layer.layer.explain(layer.input_shapes).why_shape)
    found = re.search(r"the last (\d+) steps? of \d+ (?:is|are) never read", text)
    return int(found[1]) if found else 0


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 5), st.sampled_from(["valid", "same"]), st.integers(0, 4))
def test_the_numbers_of_any_transposed_convolution(
    length: int, window: int, stride: int, padding: str, output_padding: int
) -> None:
    amounts = [{}] if output_padding >= stride else [{}, {"output_padding": output_padding}]
    for amount in amounts:
        keys = {"filters": 2, "kernel_size": window, "strides": stride, "padding": padding, **amount}
        row = {"keys": keys, "inputs": [[length, 3]]}
        own = LAYERS["conv1d_transpose"].model_validate(keys)
        sizes = own._sizes((length, 3))  # type: ignore[attr-defined]
        if amount and padding == "same" and not (length - 1) * stride < sizes[0] <= length * stride:
            continue  # TensorFlow refuses
        assert_holds(layer_of("conv1d_transpose", row))


@pytest.mark.parametrize("layer_type", sorted(LAYERS))
def test_every_type_explains_itself(layer_type: str) -> None:
    """Specifically: no two types say the same, but for forms of one layer that differ in the number of axes."""
    family = re.sub(r"\dd", "", layer_type)
    said = " ".join(sentences(layer_type))
    assert said
    for other in LAYERS:
        if re.sub(r"\dd", "", other) != family and CASES[other][0]["inputs"] == CASES[layer_type][0]["inputs"]:
            assert said != " ".join(sentences(other)), other


def sentences(layer_type: str) -> list[str]:
    layer = layer_of(layer_type, CASES[layer_type][0])
    explained = layer.layer.explain(layer.input_shapes)
    return [*explained.why_shape, *explained.why_parameters, *(explained.pytorch.notes if explained.pytorch else ())]


@pytest.mark.parametrize(("layer_type", "row"), ROWS)
def test_the_voice_of_an_explanation(layer_type: str, row: dict[str, Any]) -> None:
    layer = layer_of(layer_type, row)
    explained = layer.layer.explain(layer.input_shapes)
    torch = explained.pytorch.notes if explained.pytorch else ()
    for sentence in [*explained.why_shape, *explained.why_parameters, *torch]:
        assert not sentence.endswith((".", "!", " "))
        assert sentence[0] == sentence[0].lower()
        assert "  " not in sentence
        assert "{" not in sentence
        assert len(sentence) < 200, sentence


def test_formulas_and_numbers_come_from_one_template() -> None:
    equation = Equation("height", "ceil({input height} / {stride})", {"input height": 49, "stride": 3}, 17)
    assert (equation.formula, equation.numbers) == ("ceil(input height / stride)", "ceil(49 / 3)")
    assert listed(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize("axes", [1, 8, 9, 254])
def test_permute_explains_any_number_of_axes(axes: int) -> None:
    layer = LAYERS["permute"].model_validate({"dims": list(range(axes, 0, -1))})
    (why,) = layer.explain(((1,) * axes,)).why_shape
    assert "output[i" in why
