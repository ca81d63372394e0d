"""What check adds to the graph: training, device support, budgets."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from netspec.check import Checked, check
from netspec.device.size import flash_bytes
from netspec.diagnostics import Diagnostic, SpecError
from netspec.spec.source import parse

DENSE = {"dense": {"name": "out", "units": 4}}
TRAIN = {"data": {"npz": "d.npz"}, "loss": "mse"}


def checked(core: str | None = None, layers: list[Any] | None = None, **sections: Any) -> Checked:
    document = {"netspec": 1, "name": "net", "inputs": {"x": {"shape": [16]}}, "layers": layers or [DENSE]}
    return check(parse(yaml.safe_dump(document | sections, sort_keys=False), "net.yaml"), core)


def faults(*arguments: Any, **sections: Any) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        checked(*arguments, **sections)
    return caught.value.diagnostics


UNSUPPORTED = [{"relu": {"threshold": 0.5}}]


def test_without_a_target_nothing_has_to_run_on_a_device() -> None:
    result = checked(layers=UNSUPPORTED)
    assert result.plan is None
    assert [each.rule for each in result.unsupported] == ["unsupported-on-device"]
    assert result.warnings == ()


def test_with_a_target_or_a_core_asked_for_it_has_to() -> None:
    for found in (faults(layers=UNSUPPORTED, target={}), faults("cortex-m7", layers=UNSUPPORTED)):
        assert [each.rule for each in found] == ["unsupported-on-device"]


def test_the_core_asked_for_takes_the_place_of_the_specs() -> None:
    layers = [{"reshape": {"target_shape": [4, 4, 1]}}, {"conv2d": {"filters": 2, "kernel_size": 3}}]
    plans = [checked(core, layers, target={"core": "cortex-m4"}).plan for core in (None, "cortex-m55")]
    assert [plan.core for plan in plans if plan] == ["cortex-m4", "cortex-m55"]
    # 9 taps: two columns with DSP instructions, four on Helium.
    assert [plan.scratch_bytes for plan in plans if plan] == [18, 36]


def test_a_budget_is_met_to_the_byte() -> None:
    plan = checked().plan
    assert plan is not None
    exact = {"flash": flash_bytes(plan), "ram": plan.ram_bytes, "macs": checked().graph.macs}
    assert checked(target={"budget": exact}).plan == plan
    for key in exact:
        (fault,) = faults(target={"budget": exact | {key: exact[key] - 1}})
        assert (fault.rule, fault.path) == (f"budget-{key}", f"target.budget.{key}")
        assert fault.help is not None
        assert fault.help.endswith(f"raise the budget to `{key}: {exact[key]}`")


def test_a_net_of_views_alone_can_break_a_ram_budget() -> None:
    (fault,) = faults(layers=["flatten"], target={"budget": {"ram": 1}})
    assert fault.rule == "budget-ram"


def test_warnings_come_with_errors() -> None:
    layers = [DENSE, {"dense": {"name": "spare", "units": 1}}, {"relu": {"name": "end", "from": "out"}}]
    found = faults(layers=layers, target={"budget": {"ram": 1}})
    assert {each.rule for each in found} == {"budget-ram", "unused-layer"}


TWO = [DENSE, {"dense": {"name": "other", "units": 1, "from": "x"}}]


@pytest.mark.parametrize(
    "monitor",
    [
        "loss", "val_loss", "mae", "val_mae", "mean_absolute_error", "val_mean_absolute_error", "accuracy",
        "val_accuracy", "acc",
    ],
)  # fmt: skip
def test_a_monitor_that_is_logged(monitor: str) -> None:
    train = TRAIN | {"metrics": ["mae", "acc"], "early_stopping": {"monitor": monitor}}
    assert checked(train=train).graph.spec.train is not None


@pytest.mark.parametrize("monitor", ["val_mse", "out_loss", "val_val_loss", "Loss", "vall_loss", ""])
def test_a_monitor_that_is_not_logged(monitor: str) -> None:
    (fault,) = faults(train=TRAIN | {"metrics": ["mae"], "early_stopping": {"monitor": monitor}})
    assert (fault.rule, fault.path) == ("bad-monitor", "train.early_stopping.monitor")


def test_with_several_outputs_metrics_bear_their_names() -> None:
    train = TRAIN | {"metrics": {"out": ["mae"]}}
    for monitor in ("loss", "val_out_loss", "other_loss", "out_mae"):
        checked(layers=TWO, outputs=["out", "other"], train=train | {"early_stopping": {"monitor": monitor}})
    for monitor in ("mae", "other_mae"):
        (fault,) = faults(layers=TWO, outputs=["out", "other"], train=train | {"early_stopping": {"monitor": monitor}})
        assert fault.rule == "bad-monitor"


def test_losses_by_output_must_name_every_one_and_no_other() -> None:
    outputs = ["out", "other"]
    both = {"out": "mse", "other": "mae"}
    checked(layers=TWO, outputs=outputs, train=TRAIN | {"loss": both})
    (missing,) = faults(layers=TWO, outputs=outputs, train=TRAIN | {"loss": {"out": "mse"}})
    assert missing.message == "loss names none for the output other"
    (unknown,) = faults(layers=TWO, outputs=outputs, train=TRAIN | {"loss": both | {"x": "mse"}})
    assert (unknown.rule, unknown.path) == ("bad-output", "train.loss.x")


@pytest.mark.parametrize("units", [2**31, 10**12, 2**62])
def test_an_array_that_no_32_bit_core_can_index(units: int) -> None:
    layers = [{"dense": {"name": "out", "units": units}}]
    assert checked(layers=layers).plan is None
    (fault,) = faults(layers=layers, target={})
    assert fault.rule == "unsupported-on-device"
    assert f"{16 * units:,}" in fault.message


def test_the_largest_array_that_a_32_bit_core_can_index() -> None:
    assert checked(layers=[{"dense": {"units": (2**31 - 1) // 16}}]).plan is not None
