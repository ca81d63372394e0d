"""The case files: a row is keys and input shapes, and what Keras makes of them. The graph and Keras must both agree."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import pytest
import yaml

from netspec.diagnostics import SpecError
from netspec.graph import Graph
from netspec.layers import LAYERS
from netspec.train.model import build_model, named_weights
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


def graph_of(layer_type: str, row: dict[str, Any], keys: dict[str, Any] | None = None) -> Graph:
    inputs = {f"x{index}": shape for index, shape in enumerate(row["inputs"])}
    reads = {"from": list(inputs)} if len(inputs) > 1 else {}
    written = row["keys"] if keys is None else keys
    layers = [{layer_type: {**written, **reads, "name": "case"}}]
    return make_graph(layers, inputs, dtype=row.get("dtype", "float32"))


@pytest.mark.parametrize(("layer_type", "row"), ROWS)
def test_graph(layer_type: str, row: dict[str, Any]) -> None:
    (layer,) = graph_of(layer_type, row).layers
    assert list(layer.output_shape) == row["output"]
    assert {weight.name: list(weight.shape) for weight in layer.weights} == row.get("weights", {})
    assert layer.trainable_parameters == row.get("trainable", 0)
    assert layer.parameters - layer.trainable_parameters == row.get("non_trainable", 0)


@pytest.mark.parametrize(("layer_type", "row"), ROWS)
def test_keras(layer_type: str, row: dict[str, Any]) -> None:
    model = build_model(graph_of(layer_type, row))
    layer = model.get_layer("case")
    assert list(model.output.shape)[1:] == row["output"]
    assert {name: list(variable.shape) for name, variable in named_weights(layer)} == row.get("weights", {})
    assert sum(prod(variable.shape) for variable in model.trainable_weights) == row.get("trainable", 0)
    assert sum(prod(variable.shape) for variable in model.non_trainable_weights) == row.get("non_trainable", 0)


def test_every_type_has_its_file() -> None:
    assert set(CASES) == set(LAYERS)


# Keys that Keras has and a spec does not: they are known so that a message says why, and have one value.
REFUSED = {"stateful", "return_state"}


def optional_keys(layer_type: str) -> set[str]:
    fields = LAYERS[layer_type].model_fields
    return {key for key, field in fields.items() if not field.is_required()} - {"name", "from_"} - REFUSED


@pytest.mark.parametrize("layer_type", sorted(LAYERS))
def test_every_key_has_a_row_in_which_it_reaches_keras(layer_type: str) -> None:
    """No key is accepted and then ignored: leaving it out of some row changes what Keras is asked for."""
    reaching = set()
    for row in CASES[layer_type]:
        for key in optional_keys(layer_type) & set(row["keys"]):
            others = {name: value for name, value in row["keys"].items() if name != key}
            try:
                (with_key,), (without,) = graph_of(layer_type, row).layers, graph_of(layer_type, row, others).layers
            except SpecError:  # the row does not fit without the key
                continue
            if with_key.layer.keras(with_key.input_shapes) != without.layer.keras(without.input_shapes):
                reaching.add(key)
    assert reaching == optional_keys(layer_type)
