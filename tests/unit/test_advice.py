"""What check advises against a broken budget: the numbers are those of the changed spec."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from netspec.check import Checked, check, examine
from netspec.device.size import flash_bytes
from netspec.diagnostics import SpecError
from netspec.spec.source import parse

RESIDUAL = """
netspec: 1
name: net
vars: {width: 12}
inputs: {image: {shape: [16, 16, 3]}}
layers:
  - conv2d: {name: stem, filters: $width, kernel_size: 3, padding: same, activation: relu}
  - conv2d: {name: one, filters: 40, kernel_size: 3, padding: same, activation: relu}
  - conv2d: {name: two, filters: 12, kernel_size: 1}
  - add: {name: sum, from: [stem, two]}
  - global_average_pooling2d
  - dense: {name: logits, units: 10}
"""


def spec(**changes: Any) -> str:
    """Return the net with other values at `layer.key`, `vars.name`, `target.key` or `inputs.name`."""
    document = yaml.safe_load(RESIDUAL)
    for path, value in changes.items():
        section, key = path.split("__")
        if section in ("vars", "target", "inputs"):
            document.setdefault(section, {})[key] = value
        else:
            (keys,) = (
                next(iter(item.values()))
                for item in document["layers"]
                if isinstance(item, dict) and next(iter(item.values())).get("name") == section
            )
            keys[key] = value
    return str(yaml.safe_dump(document, sort_keys=False))


def checked(text: str) -> Checked:
    return check(parse(text, "net.yaml"))


def cost(text: str, key: str) -> int:
    result = examine(parse(text, "net.yaml"))
    assert result.plan is not None
    costs = {"flash": flash_bytes(result.plan), "ram": result.plan.ram_bytes, "macs": result.graph.macs}
    return costs[key]


def advice(text: str) -> dict[str, str]:
    """Return the help of each broken budget."""
    with pytest.raises(SpecError) as caught:
        checked(text)
    return {each.rule: each.help or "" for each in caught.value.diagnostics if each.rule.startswith("budget")}


CHANGES = [
    ("halving filters of one to 20", {"one__filters": 20}),
    ("halving filters of stem and two to 6", {"stem__filters": 6, "two__filters": 6}),
    ("strides of [2, 2] at stem", {"stem__strides": 2}),
    ("`io: external`, which leaves inputs and outputs to the caller,", {"target__io": "external"}),
    ("an input image of half the height and width, [8, 8, 3],", {"inputs__image": {"shape": [8, 8, 3]}}),
]


@pytest.mark.parametrize("key", ["flash", "ram", "macs"])
def test_the_saving_is_what_the_changed_spec_saves(key: str) -> None:
    broken: dict[str, Any] = {"target__budget": {key: 1}}  # which layers at the peak give up scratch for
    before = cost(spec(**broken), key)
    text = advice(spec(**broken))[f"budget-{key}"]
    found = re.fullmatch(rf"(.*) saves ([\d,]+), which leaves ([\d,]+); or raise the budget to `{key}: {before}`", text)
    assert found, text
    saved, left = (int(found[group].replace(",", "")) for group in (2, 3))
    assert before - saved == left
    (change,) = (change for words, change in CHANGES if words == found[1])
    assert cost(spec(**broken, **change), key) == left
    # No other change of those is better.
    assert left == min(cost(spec(**broken, **change), key) for _, change in CHANGES)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m7"])
def test_arms_kernels_are_given_up_where_the_best_ones_are_smaller(core: str) -> None:
    target = {"target__core": core, "target__kernels": "cmsis-nn"}
    before, best = cost(spec(**target), "flash"), cost(spec(**target | {"target__kernels": "netspec"}), "flash")
    text = advice(spec(**target, target__budget={"flash": best}))["budget-flash"]
    assert text.startswith(f"`kernels: netspec`, with the same results, saves {before - best:,}, which is enough; or ")
    assert "kernels: netspec" not in advice(spec(**target, target__budget={"macs": 1}))["budget-macs"]


def test_a_variable_is_halved_where_it_is_written() -> None:
    with pytest.raises(SpecError) as caught:
        checked(spec(target__budget={"flash": 1}, one__filters="$width"))
    help = caught.value.diagnostics[0].help or ""
    assert "strides" not in help  # of two filters alike the variable decides, but a sum binds one of them to `two`


def test_layers_that_a_sum_binds_change_together() -> None:
    text = spec(target__budget={"macs": 1}, stem__filters=60, two__filters=60, one__filters=3, stem__strides=16)
    help = advice(text)["budget-macs"]
    assert help.startswith("halving filters of stem and two to 30 saves "), help


@pytest.mark.parametrize(("spare", "rest"), [(0, "is enough"), (1, "leaves")])
def test_it_says_whether_the_change_is_enough(spare: int, rest: str) -> None:
    left = cost(spec(stem__filters=6, two__filters=6), "flash")
    help = advice(spec(target__budget={"flash": left - spare}))["budget-flash"]
    assert f"which {rest}" in help


def test_what_changes_an_output_is_no_remedy() -> None:
    text = "netspec: 1\nname: net\ninputs: {x: {shape: [8]}}\nlayers: [{dense: {units: 10}}]\n"
    help = advice(text + "target: {budget: {flash: 1, macs: 1}}\n")
    assert help["budget-flash"].startswith("give dense fewer units or a smaller input; or raise")
    assert help["budget-macs"].startswith("give dense fewer units")


def test_a_deep_net_is_answered_soon() -> None:
    from time import process_time

    layers = [{"dense": {"units": 8}}] * 1500
    document = {"netspec": 1, "name": "net", "inputs": {"x": {"shape": [8]}}, "layers": layers}
    text = yaml.safe_dump(document | {"target": {"budget": {"flash": 1}}})
    started = process_time()
    plain = advice(yaml.safe_dump(document | {"target": {"budget": {"flash": 10**9, "macs": 1}}}))
    once = process_time() - started
    assert "halving units of" in plain["budget-macs"]
    started = process_time()
    advice(text)
    assert process_time() - started < 3 * once + 1
