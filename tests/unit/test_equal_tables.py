"""Look-up tables that are equal whatever training brings are kept once, and counted once at check time."""

from __future__ import annotations

import re
from typing import Any

import pytest

from netspec.device.plan import plan_device
from tests.models import firmware, make_model
from tests.specs import make_graph


def way(kind: str, name: str, source: str, **keys: Any) -> dict[str, Any]:
    return {kind: {"name": name, "from": source, **keys}}


def joined(*names: str) -> dict[str, Any]:
    return {"add": {"name": "end", "from": list(names)}}


POOL = {"pool_size": 1, "strides": 1}
CASES: dict[str, tuple[list[Any], dict[str, str]]] = {
    "one input": ([way("tanh", "a", "x"), way("tanh", "b", "x"), joined("a", "b")], {"b": "a"}),
    "another function": ([way("tanh", "a", "x"), way("sigmoid", "b", "x"), joined("a", "b")], {}),
    "one scale through a pool": (
        [way("sigmoid", "a", "x"), way("max_pooling1d", "p", "x", **POOL), way("sigmoid", "b", "p"), joined("a", "b")],
        {"b": "a"},
    ),
    "a scale of its own": (
        [way("sigmoid", "a", "x"), way("dense", "p", "x", units=3), way("sigmoid", "b", "p"), joined("a", "b")],
        {},
    ),
    # Outputs of sigmoid all have one scale, whatever went in.
    "fixed scales": (
        [
            way("sigmoid", "a", "x"),
            way("dense", "p", "x", units=3),
            way("sigmoid", "b", "p"),
            way("tanh", "c", "a"),
            way("tanh", "d", "b"),
            joined("c", "d"),
        ],
        {"d": "c"},
    ),
    # A relu's output has a scale of its own, which calibration finds: here twice the same, but nothing proves it.
    "outputs that are free": ([way("relu", "a", "x"), way("relu", "b", "x"), joined("a", "b")], {}),
    "outputs that share": (
        [way("relu", "a", "x"), way("relu", "b", "x"), {"concatenate": {"name": "end", "from": ["a", "b"]}}],
        {"b": "a"},
    ),
    "other bounds": (
        [
            way("relu", "a", "x", max_value=2.0),
            way("relu", "b", "x", max_value=3.0),
            {"concatenate": {"name": "end", "from": ["a", "b"]}},
        ],
        {},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_tables_are_kept_once(case: str) -> None:
    layers, equal = CASES[case]
    graph = make_graph(layers, (4, 3))
    plan = plan_device(graph)
    assert {name: owner for name, owner in plan.equal_tables.items() if not name.startswith("end_")} == equal
    model = make_model(graph)
    files = firmware(model)
    emitted = re.findall(r"const int8_t (\w+)\[256\] = ", files["net_weights.c"])
    assert 256 * len(emitted) == plan.table_bytes == model.plan.table_bytes
    for name, owner in equal.items():
        assert f"net_{name}_table" not in emitted
        assert files["net.c"].count(f"net_{owner}_table") == 2
        assert plan.node_flash_bytes(next(node for node in plan.graph.nodes if node.name == name)) == 0


def test_tables_that_differ_are_found_before_they_are_merged() -> None:
    from dataclasses import replace

    layers, _ = CASES["another function"]
    model = make_model(make_graph(layers, (4, 3)))
    forged = replace(model, plan=replace(model.plan, equal_tables={"b": "a"}))
    with pytest.raises(AssertionError, match="b and a differ"):
        firmware(forged)
