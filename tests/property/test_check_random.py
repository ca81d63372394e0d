"""Specs gone wrong at random: check says so at a place in the file, soon, and never with a traceback."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.check import Checked, check
from netspec.commands.show import show_json, show_text
from netspec.diagnostics import SpecError, render_json, render_text
from netspec.layers import LAYERS
from netspec.spec.source import parse

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "specs").glob("*.yaml")), *sorted((ROOT / "tests" / "cases" / "ok").glob("*.yaml"))]
TEXTS = [path.read_text(encoding="utf-8") for path in FILES]
SPECS = [yaml.safe_load(text) for text in TEXTS]
SECONDS = 20.0  # of processor time; the largest example takes about 2

JUNK = st.one_of(
    st.sampled_from(
        [
            *(None, True, False, 0, 1, -1, 2, 3, 7, 0.5, -0.5, 1e-300, 1e300, 2**31 - 1, 2**31, 2**62, 10**12, 10**400),
            *(
                float("nan"),
                float("inf"),
                "",
                "x",
                "same",
                "valid",
                "relu",
                "softmax",
                "größe",
                "層",
                "a b",
                "$x",
                "${1}",
            ),
            *("1.5k", "99999999999GiB", "\u202e", "{layer}", "KEY", "x" * 300, "from", "name", [], {}, [[]], [{}], [0]),
            *([1, 1], [3, 3], [-1], [100000, 100000, 512], [[0, 1], [1, 1]], {"l2": 0.1}, {"relu": None}, {"a": "b"}),
            *([None], [True, 2], [10**12] * 6, [1] * 50, {"x": {"shape": [1]}}, ["x", "x"]),
        ]
    ).map(copy.deepcopy),  # a later change must not reach the list that is drawn from
    st.integers(-10, 100),
    st.floats(-10, 10),
    st.text(max_size=8),
    st.sampled_from(sorted(LAYERS)),
)
EDITS = [*" \n\t:,-[]{}'\"#&*!0a$é", "", "\n  "]
Path_ = tuple[Any, ...]


def paths_of(value: Any, here: Path_ = ()) -> list[Path_]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, item in inner for path in paths_of(item, (*here, key)))]


@st.composite
def mutants(draw: Any) -> str:
    """Draw a spec that is right but for one to four places."""
    spec = copy.deepcopy(draw(st.sampled_from(SPECS)))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(paths_of(spec)[1:] or [("netspec",)]))
        parent: Any = spec
        for part in path[:-1]:
            parent = parent[part]
        last, action = path[-1], draw(st.sampled_from(["delete", "replace", "repeat", "rename", "add", "wrap"]))
        if action == "delete":
            del parent[last]
        elif action == "repeat" and isinstance(parent, list):
            parent.insert(draw(st.integers(0, len(parent))), copy.deepcopy(parent[last]))
        elif action == "rename" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["name", "from", "units", "x", f"{last}s", *sorted(LAYERS)]))] = parent.pop(
                last
            )
        elif action == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["axis", "padding", "strides", "activation", "groups", "trainable"]))] = draw(
                JUNK
            )
        elif action == "wrap":
            parent[last] = [parent[last]]
        else:
            parent[last] = draw(JUNK)
        if not isinstance(spec, dict) or not spec:
            break
    return yaml.safe_dump(spec, sort_keys=False, allow_unicode=True, width=10**6)


def judge(text: str) -> Checked | SpecError:
    """Check a text; whatever comes must be printable and point into it."""
    started = time.process_time()
    result: Checked | SpecError
    try:
        result = check(parse(text, "s.yaml"))
        assert show_text(result)
        assert json.loads(show_json(result))["name"] == result.graph.name
        found = result.warnings
        assert all(each.severity == "warning" for each in found)
    except SpecError as error:
        result, found = error, error.diagnostics
        assert any(each.severity == "error" for each in found)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for each in found:
        assert 1 <= each.span.line <= len(lines)
        assert 1 <= each.span.column <= len(lines[each.span.line - 1]) + 1
        assert (each.span.end_line, each.span.end_column) >= (each.span.line, each.span.column)
        assert each.message
        assert not each.message.endswith(".")
        assert "Input should" not in each.message
        assert "{layer}" not in each.message.replace("'{layer}'", "")
    assert render_text(found, {"s.yaml": text}).count("\n") >= len(found)
    assert len(json.loads(render_json(found))["diagnostics"]) <= len(found)
    assert time.process_time() - started < SECONDS
    return result


LARGE = 2**62
EXTREMES = [
    "inputs: {x: {shape: [100000, 100000, 512]}}\nlayers: [{conv2d: {filters: 1000000000000, kernel_size: 3}}]",
    f"inputs: {{x: {{shape: [{LARGE}]}}}}\nlayers: [{{dense: {{units: {LARGE}}}}}]",
    f"inputs: {{x: {{shape: [8, 8, 1]}}}}\nlayers: [{{conv2d: {{filters: 1, kernel_size: 3, padding: {LARGE}}}}}]",
    f"inputs: {{x: {{shape: [{LARGE}, 8, 1]}}}}\nlayers: [{{max_pooling2d: {{pool_size: {LARGE}, padding: same}}}}]",
    "inputs: {x: {shape: [8]}}\nlayers: [{relu: {max_value: 1e-300}}, {rescaling: {scale: 1e+300, offset: -1e+300}}]",
    "inputs: {relu: {shape: [8]}}\nlayers: [relu, {relu: {from: relu}}]",
]


@pytest.mark.parametrize("text", EXTREMES)
@pytest.mark.parametrize("target", ["", "target: {core: cortex-m55, budget: {ram: 1}}\n"])
def test_extremes(text: str, target: str) -> None:
    judge(f"netspec: 1\nname: n\n{text}\n{target}")


@settings(max_examples=400)
@given(mutants())
def test_a_spec_with_a_few_faults(text: str) -> None:
    judge(text)


@settings(max_examples=200)
@given(
    text=st.sampled_from(TEXTS),
    edits=st.lists(
        st.tuples(st.integers(0, 10**4), st.integers(0, 3), st.sampled_from(EDITS)),
        min_size=1,
        max_size=4,
    ),
)
def test_a_file_with_a_few_characters_changed(text: str, edits: list[tuple[int, int, str]]) -> None:
    for where, length, put in edits:
        where %= len(text) + 1
        text = text[:where] + put + text[where + length :]
    judge(text)


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["netspec", "name", "inputs", "layers", "outputs", "train", "target", "vars"]), JUNK
    )
)
def test_sections_of_anything(sections: dict[str, Any]) -> None:
    base: dict[str, Any] = {"netspec": 1, "name": "net", "inputs": {"x": {"shape": [4]}}, "layers": ["relu"]}
    judge(yaml.safe_dump(base | sections, sort_keys=False, allow_unicode=True))


@settings(max_examples=150)
@given(st.sampled_from(sorted(LAYERS)), st.sampled_from([(8,), (8, 3), (8, 8, 3), (4, 4, 4, 2)]), st.data())
def test_any_key_of_any_layer_with_anything(layer_type: str, shape: tuple[int, ...], data: st.DataObject) -> None:
    keys = [field.alias or name for name, field in LAYERS[layer_type].model_fields.items()]
    picked = data.draw(st.dictionaries(st.sampled_from(keys), JUNK, max_size=4))
    spec = {
        "netspec": 1,
        "name": "net",
        "inputs": {"x": {"shape": list(shape)}},
        "layers": [{layer_type: picked}],
        "target": {"core": "cortex-m55"},
    }
    judge(yaml.safe_dump(spec, sort_keys=False, allow_unicode=True))


def test_three_hundred_layers_of_every_kind_of_mistake() -> None:
    layers: list[Any] = [
        {"dense": {"units": 8}},
        {"relu": {"from": "nowhere"}},
        {"dens": {}},
        7,
        {"dense": {"unit": 1}},
    ] * 60
    error = judge(yaml.safe_dump({"netspec": 1, "name": "n", "inputs": {"x": {"shape": [8]}}, "layers": layers}))
    assert isinstance(error, SpecError)


def test_ten_thousand_layers_are_checked_and_planned() -> None:
    rows = "".join(f"  - dense: {{units: {8 + i % 5}}}\n  - relu\n" for i in range(5000))
    result = judge(f"netspec: 1\nname: n\ninputs: {{x: {{shape: [16]}}}}\nlayers:\n{rows}")
    assert isinstance(result, Checked)
    assert result.plan is not None
    assert len(result.plan.graph.nodes) == 5000
    assert result.plan.arena_bytes == result.plan.memory.largest_live_bytes
