"""Random nets and random edits: a net is the same as itself, and one edit is told as that edit and no other."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.diagnostics import SpecError
from netspec.diff.compare import Diff, compare
from netspec.diff.net import Net, net_of
from netspec.diff.render import render
from netspec.spec.source import parse

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted((ROOT / "specs").rglob("*.yaml")),
    *sorted((ROOT / "tests" / "cases" / "ok").glob("*.yaml")),
]
KEYS: dict[str, tuple[str, list[Any]]] = {
    "dense": ("units", [3, 4, 5]),
    "relu": ("max_value", [None, 4.0, 6.0]),
    "dropout": ("rate", [0.1, 0.2, 0.3]),
    "layer_normalization": ("epsilon", [0.001, 0.01]),
    "leaky_relu": ("negative_slope", [0.1, 0.2, 0.3]),
}
Layer = tuple[str, dict[str, Any]]


@st.composite
def layers(draw: Any) -> Layer:
    kind = draw(st.sampled_from(sorted(KEYS)))
    key, values = KEYS[kind]
    return kind, {key: draw(st.sampled_from(values))}


@st.composite
def nets(draw: Any) -> list[Layer]:
    """Draw a chain; about half of the layers have a name, and some join in what stood before them."""
    found = draw(st.lists(layers(), min_size=1, max_size=12))
    for index, (_, keys) in enumerate(found):
        if draw(st.booleans()):
            keys["name"] = f"own{index}"
    return list(found)


def net(chain: list[Layer]) -> Net:
    spec = {"netspec": 1, "name": "net", "inputs": {"x": {"shape": [6]}}}
    rows = [{kind: keys} for kind, keys in chain]
    return net_of(parse(yaml.safe_dump({**spec, "layers": rows}, sort_keys=False), "net.yaml"))


def told(found: Diff) -> list[tuple[str, str, bool, list[tuple[str, Any, Any]]]]:
    """Return every edit that a diff tells of."""
    assert not found.spec
    assert not found.reordered
    rows = [(each.status, each.type, each.renamed, [(c.key, c.before, c.after) for c in each.changes])
            for each in found.edits]  # fmt: skip
    for format in ("text", "json", "markdown"):
        assert render(found, format)
    return rows


@given(nets())
def test_a_net_is_the_same_as_itself(chain: list[Layer]) -> None:
    found = compare(net(chain), net(chain))
    assert not found.different
    assert all(fate.kept and fate.before == fate.layer for fate in found.fates)


@given(nets(), layers(), st.data())
def test_an_insertion_is_one_layer_more(chain: list[Layer], layer: Layer, data: st.DataObject) -> None:
    longer = copy.deepcopy(chain)
    longer.insert(data.draw(st.integers(0, len(chain))), layer)
    assert told(compare(net(chain), net(longer))) == [("added", layer[0], False, [])]
    assert told(compare(net(longer), net(chain))) == [("removed", layer[0], False, [])]


@given(nets(), st.data())
def test_a_changed_key_is_that_key_of_that_layer(chain: list[Layer], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(chain) - 1))
    kind, keys = chain[index]
    key, values = KEYS[kind]
    other = copy.deepcopy(chain)
    other[index][1][key] = data.draw(st.sampled_from([value for value in values if value != keys[key]]))
    found = compare(net(chain), net(other))
    assert told(found) == [("changed", kind, False, [(key, keys[key], other[index][1][key])])]
    names = [each.name for each in found.after.graph.layers]
    assert found.edits[0].after == names[index]


@given(nets(), st.data())
def test_a_rename_is_a_rename(chain: list[Layer], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(chain) - 1))
    other = copy.deepcopy(chain)
    other[index][1]["name"] = "another"
    found = compare(net(chain), net(other))
    assert told(found) == [("changed", chain[index][0], True, [])]
    assert found.edits[0].after == "another"
    assert found.affected == ()
    assert all(fate.kept for fate in found.fates)


@settings(max_examples=30)
@given(nets(), nets())
def test_any_two_nets_can_be_compared(one: list[Layer], other: list[Layer]) -> None:
    """Whatever is matched, layers are neither lost nor counted twice."""
    before, after = net(one), net(other)
    found = compare(before, after)
    pairs = found.matching.layers
    assert len(set(pairs.values())) == len(pairs)
    assert all(before.layers[old].type == after.layers[new].type for old, new in pairs.items())
    statuses = [each.status for each in found.layers]
    assert statuses.count("added") == len(other) - len(pairs)
    assert statuses.count("removed") == len(one) - len(pairs)
    for format in ("text", "json", "markdown"):
        assert render(found, format)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_insertion_at_the_top_renames_nothing(path: Path) -> None:
    """Of real specs: all numbered names of the type shift, and none of that is told."""
    text = path.read_text(encoding="utf-8")
    before = net_of(parse(text, "a.yaml"))
    spec = yaml.safe_load(text)
    kind = next((layer.type for layer in before.graph.layers if layer.type in ("relu", "dropout")), "relu")
    spec["layers"].insert(0, {kind: {"rate": 0.5} if kind == "dropout" else {}})
    try:
        after = net_of(parse(yaml.safe_dump(spec, sort_keys=False), "b.yaml"))
    except SpecError:
        pytest.skip("the layer cannot stand there")
    if len(after.layers) != len(before.layers) + 1:
        pytest.skip("nothing reads the layer there")
    if any(name in text for name in (f"from: {kind}", f"[{kind}", f", {kind}")):
        pytest.skip("a numbered name is used, and now means another layer")
    found = compare(before, after)
    assert [(each.status, each.type) for each in found.edits] == [("added", kind)]
    assert all(fate.kept for fate in found.fates)
