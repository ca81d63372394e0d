"""What `netspec diff` says: a case is two specs and the exact text beside them, no Python.

`cases/diff/NAME.a.yaml` and `NAME.b.yaml` are compared, and `NAME.out` is what is printed. To add a case, write the
specs and run

    NETSPEC_UPDATE_CASES=1 pytest tests/test_diff_cases.py

then read the `.out` files that changed. The same pairs are also compared the other way round, and each with itself.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from netspec.diff.compare import Diff, compare
from netspec.diff.net import Net, net_of
from netspec.diff.render import diff_data, render
from netspec.spec.source import parse

FOLDER = Path(__file__).parent / "cases" / "diff"
CASES = sorted(path.name.removesuffix(".a.yaml") for path in FOLDER.glob("*.a.yaml"))
STATUSES = {"added": "removed", "removed": "added", "changed": "changed", "affected": "affected"}


def net(name: str) -> Net:
    return net_of(parse((FOLDER / name).read_bytes(), name))


def case(name: str) -> Diff:
    return compare(net(f"{name}.a.yaml"), net(f"{name}.b.yaml"))


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_a_pair(name: str) -> None:
    output = render(case(name), "text")
    expected = FOLDER / f"{name}.out"
    if os.environ.get("NETSPEC_UPDATE_CASES"):
        expected.write_text(output, encoding="utf-8", newline="\n")
    assert output == expected.read_text(encoding="utf-8")


def test_the_folder_holds_pairs_and_their_outputs_only() -> None:
    assert len(CASES) >= 25
    expected = {f"{name}.{end}" for name in CASES for end in ("a.yaml", "b.yaml", "out")}
    assert {path.name for path in FOLDER.iterdir()} == expected


@pytest.mark.parametrize("name", CASES)
def test_the_way_back_undoes_it(name: str) -> None:
    """As many layers come as went, and every layer that keeps its weights keeps them on the way back."""
    there = case(name)
    back = compare(there.after, there.before)
    assert there.different == back.different
    assert sorted(STATUSES[each.status] for each in there.layers) == sorted(each.status for each in back.layers)
    assert {(each.before, each.layer) for each in there.fates if each.kept} == {
        (each.layer, each.before) for each in back.fates if each.kept
    }


@pytest.mark.parametrize("name", [f"{name}.{side}.yaml" for name in CASES for side in "ab"])
def test_a_net_is_the_same_as_itself(name: str) -> None:
    same = compare(net(name), net(name))
    assert not same.different
    assert all(fate.kept and fate.before == fate.layer for fate in same.fates)
    assert render(same, "text") == f"{name} and {name} describe the same net\n"


@pytest.mark.parametrize("name", CASES)
def test_json_says_the_same(name: str) -> None:
    found = case(name)
    data: dict[str, Any] = json.loads(render(found, "json"))
    assert data == json.loads(json.dumps(diff_data(found)))
    assert data["different"] == found.different
    for key, attribute in (("parameters", "parameters"), ("macs", "macs")):
        for side, graph in (("before", found.before.graph), ("after", found.after.graph)):
            assert data["totals"][key][side] == getattr(graph, attribute)
    # What the layers gain and lose adds up to what the net does.
    for key, total in (("parameters", "parameters"), ("macs", "macs"), ("weight_bytes", "weight_bytes")):
        sums = [sum(layer[side][key] or 0 for layer in data["layers"] if layer[side]) for side in ("before", "after")]
        if data["totals"][total]["change"] is not None:
            assert sums[1] - sums[0] == data["totals"][total]["change"]
    text = render(found, "text")
    for layer in data["layers"]:
        assert (layer["name_after"] or layer["name_before"]) in text


@pytest.mark.parametrize("name", CASES)
def test_markdown_is_whole_tables(name: str) -> None:
    """Every row of a table has as many cells as its head, and code spans are closed."""
    lines = render(case(name), "markdown").splitlines()
    columns = 0
    for index, line in enumerate(lines):
        if not line.startswith("|"):
            columns = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        if not columns:
            columns = cells
            assert re.fullmatch(r"\|(:?-+:?\|)+", lines[index + 1])
        assert cells == columns, line
        assert line.count("`") % 2 == 0


def test_the_page_shows_the_document_as_it_is() -> None:
    """Every key of the JSON stands in docs/diff.md's example or its table, and no other."""
    page = (Path(__file__).parents[1] / "docs" / "diff.md").read_text(encoding="utf-8")
    example = json.loads(page.split("```json\n")[1].split("```")[0])
    table = page.split("| key | holds |")[1]
    data = diff_data(case("one_key"))
    assert list(example) == list(data)
    assert list(example["before"]) == list(data["before"])
    [shown], real = example["layers"], data["layers"][0]
    assert list(shown) == list(real)
    assert list(shown["before"]) == list(real["before"])
    assert list(example["peak_layer"]) == list(data["peak_layer"])
    for kind in ("kept", "retrain"):
        assert list(example["weights"][kind][0]) == list(data["weights"][kind][0])
    for key, total in data["totals"].items():
        assert f"`{key}`" in table
        assert list(total) == list(example["totals"]["parameters"])
    added = diff_data(case("insert_a_like_layer"))["layers"][0]
    assert set(added) - set(shown) == {"from", "read_by"}
    assert "`layers[].from`, `read_by`" in table
