"""`show`: the document of the language page, key by key, and the table with Keras' totals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from netspec.check import Checked, check
from netspec.commands.show import show_data, show_json, show_text
from netspec.device.size import CMSIS_NN, PORTABLE, flash_bytes, footprint
from netspec.spec.sections import Core
from netspec.spec.source import load, parse

DIGITS = Path(__file__).parents[2] / "specs" / "digits.yaml"

# The key's name and type, a list's items by its only item; as `show --format json` of the language page has them.
SHAPE = {
    "schema_version": int,
    "name": str,
    "spec_sha256": str,
    "inputs": [{"name": str, "shape": [int], "dtype": str}],
    "layers": [
        {
            "name": str,
            "type": str,
            "from": [str],
            "line": int,
            "output_shape": [int],
            "parameters": int,
            "trainable_parameters": int,
            "macs": int,
            "weights": [{"name": str, "shape": [int], "trainable": bool}],
        }
    ],
    "outputs": [str],
    "totals": {"parameters": int, "trainable_parameters": int, "non_trainable_parameters": int, "macs": int},
    "device": {
        "core": str,
        "supported": bool,
        "unsupported": [str],
        "weight_bytes": int,
        "table_bytes": int,
        "arena_bytes": int,
        "scratch_bytes": int,
        "ram_bytes": int,
        "flash_bytes": int,
        "peak_layer": str,
        "padding_bytes": int,
        "kernels": str,
        "code_bytes": int,
        "stack_bytes": int,
        "portable": {"flash_bytes": int, "code_bytes": int, "stack_bytes": int},
        "io": str,
        "memory": [{"name": str, "size": int, "arena_bytes": int, "weight_bytes": int}],
    },
}


def checked(layers: list[Any], shape: tuple[int, ...] = (10, 4, 3), **sections: Any) -> Checked:
    document = {"netspec": 1, "name": "net", "inputs": {"x": {"shape": list(shape)}}, "layers": layers}
    return check(parse(yaml.safe_dump(document | sections, sort_keys=False), "net.yaml"))


def assert_shape(value: Any, shape: Any, place: str = "") -> None:
    if isinstance(shape, dict):
        assert isinstance(value, dict), place
        assert list(value) == list(shape), place
        for key, inner in shape.items():
            assert_shape(value[key], inner, f"{place}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), place
        for item in value:
            assert_shape(item, shape[0], f"{place}[]")
    else:
        assert type(value) is shape, f"{place} is {value!r}"


def test_the_document_has_the_keys_of_the_language_page_in_order() -> None:
    text = show_json(check(load(DIGITS)))
    assert_shape(json.loads(text), SHAPE)
    assert json.loads(text) == show_data(check(load(DIGITS)))


def test_the_example_of_the_language_page() -> None:
    """The stem of keyword spotting: 2560 parameters, 320000 multiply-accumulates, output (25, 5, 64)."""
    conv = {"name": "stem", "filters": 64, "kernel_size": [10, 4], "strides": 2, "padding": "same", "use_bias": False}
    data = show_data(checked([{"conv2d": conv}], (49, 10, 1)))
    assert data["layers"] == [
        {
            "name": "stem",
            "type": "conv2d",
            "from": ["x"],
            "line": 10,
            "output_shape": [25, 5, 64],
            "parameters": 2560,
            "trainable_parameters": 2560,
            "macs": 320000,
            "weights": [{"name": "kernel", "shape": [10, 4, 1, 64], "trainable": True}],
        }
    ]


def test_totals_and_device_numbers_are_those_of_the_plan() -> None:
    result = check(load(DIGITS))
    assert result.plan is not None
    data = show_data(result)
    assert data["totals"] == {
        "parameters": 9082,
        "trainable_parameters": 8890,
        "non_trainable_parameters": 192,
        "macs": 369408,
    }
    device = data["device"]
    assert device["arena_bytes"] == device["ram_bytes"] == result.plan.memory.arena_bytes
    assert device["flash_bytes"] == device["weight_bytes"] + device["table_bytes"] + device["code_bytes"]
    arm, portable = footprint(result.plan), footprint(result.plan, PORTABLE)
    assert (device["kernels"], device["code_bytes"]) == (arm.provider, arm.code_bytes)
    assert device["stack_bytes"] == arm.stack_bytes
    constants = device["weight_bytes"] + device["table_bytes"]
    assert device["portable"] == {
        "flash_bytes": constants + portable.code_bytes,
        "code_bytes": portable.code_bytes,
        "stack_bytes": portable.stack_bytes,
    }
    assert device["peak_layer"] == "strokes"


def test_what_the_device_cannot_run_is_named_and_has_no_numbers() -> None:
    layers = [{"relu": {"name": "fine"}}, {"relu": {"name": "leaky", "threshold": 0.1}}, {"softmax": {"axis": 1}}]
    result = checked(layers)
    device = show_data(result)["device"]
    assert (device["supported"], device["unsupported"]) == (False, ["leaky", "softmax"])
    assert {device[key] for key in ("weight_bytes", "flash_bytes", "peak_layer", "code_bytes", "portable")} == {None}
    lines = show_text(result).splitlines()
    assert lines[-3] == "cortex-m4: not supported"
    assert "threshold 0.1 of leaky" in lines[-2]


def test_an_unsupported_place_is_not_mistaken_for_one_that_it_begins() -> None:
    """`layers[1].relu` begins `layers[10].relu` no less than `layers[1].relu.threshold`."""
    layers = [{"relu": {"name": f"r{i}"}} for i in range(12)]
    layers[11]["relu"]["threshold"] = 0.1
    assert show_data(checked(layers))["device"]["unsupported"] == ["r11"]


# Copied from `model.summary()` of Keras 3.
SUMMARY = """
 Total params: 8,780 (34.30 KB)
 Trainable params: 8,780 (34.30 KB)
 Non-trainable params: 0 (0.00 B)
"""


def test_totals_read_as_in_the_summary_of_keras() -> None:
    # 125 x 60 + 60 = 7560, and 60 x 20 + 20 = 1220
    layers = [{"dense": {"units": 60}}, {"dense": {"units": 20}}]
    text = show_text(checked(layers, (125,)))
    for line in SUMMARY.strip().splitlines():
        assert line.strip() in text


@pytest.mark.parametrize(
    ("units", "size"),
    [
        (1, "8.00 B"),
        (127, "1016.00 B"),
        (128, "1.00 KB"),
        (131071, "1023.99 KB"),
        (131072, "1.00 MB"),
        (2**27, "1.00 GB"),
    ],
)
def test_sizes_are_written_as_keras_does(units: int, size: str) -> None:
    assert f"({size})" in show_text(checked([{"dense": {"units": units}}], (1,)))


TABLE = """
layer                type                 from                 output shape  parameters   MACs  weight bytes  arena
-------------------  -------------------  -------------------  ------------  ----------  -----  ------------  -----
x                    input                                     (4, 4, 3)              0      0
conv                 conv2d               x                    (4, 4, 4)            112  1,728           156    166
batch_normalization  batch_normalization  conv                 (4, 4, 4)             16      0       in conv
flatten              flatten              batch_normalization  (64,)                  0      0       no code
dense                dense                flatten              (2,)                 130    128           136     66

Total params: 258 (1.01 KB)
Trainable params: 250 (1000.00 B)
Non-trainable params: 8 (32.00 B)
MACs: 1,856

cortex-m4, int8:
  flash  {flash:>10,} bytes  weights 292 + tables 0 + code {arm.code_bytes:,} with CMSIS-NN 7.x \
({portable.code_bytes:,} with portable kernels)
  RAM           176 bytes  arena with input, output and scratch (largest scratch 54)
  stack  {arm.stack_bytes:>10,} bytes  at most, without exceptions ({portable.stack_bytes:,} with portable kernels)
  peak   at conv (line 10): x 48, batch_normalization 64, scratch of conv 54
"""


def test_the_table() -> None:
    layers = [
        {"conv2d": {"name": "conv", "filters": 4, "kernel_size": 3, "padding": "same"}},
        "batch_normalization",
        "flatten",
        {"dense": {"units": 2}},
    ]
    result = checked(layers, (4, 4, 3))
    assert result.plan is not None
    arm, portable = footprint(result.plan), footprint(result.plan, PORTABLE)
    told = TABLE.strip("\n").format(flash=292 + arm.code_bytes, arm=arm, portable=portable)
    assert show_text(result) == told


def test_a_merge_of_many_does_not_widen_the_table() -> None:
    layers: list[Any] = [{"dense": {"name": f"d{i}", "units": 2, "from": "x"}} for i in range(50)]
    layers.append({"concatenate": {"from": [f"d{i}" for i in range(50)]}})
    assert "d0, d1, d2 and 47 more" in show_text(checked(layers, (4,)))


CONV: list[Any] = [{"conv2d": {"name": "conv", "filters": 3, "kernel_size": 3}}, "flatten", {"dense": {"units": 2}}]


@pytest.mark.parametrize("kernels", ["netspec", "cmsis-nn"])
@pytest.mark.parametrize("core", get_args(Core))
def test_the_kernels_counted_are_those_that_a_build_for_the_core_takes(core: str, kernels: str) -> None:
    """CMSIS-NN is plain C where there are neither DSP instructions nor Helium, as the portable kernels are."""
    result = checked(CONV, (6, 6, 2), target={"core": core, "kernels": kernels})
    assert result.plan is not None
    portable = kernels == "netspec" and core in ("cortex-m0", "cortex-m0+", "cortex-m3")
    counted, other = footprint(result.plan, PORTABLE), footprint(result.plan, CMSIS_NN)
    names = "portable kernels", "CMSIS-NN 7.x"
    if not portable:
        counted, other, names = other, counted, names[::-1]
    assert flash_bytes(result.plan) == result.plan.constant_bytes + counted.code_bytes
    device = show_data(result)["device"]
    assert (device["kernels"], device["code_bytes"]) == (counted.provider, counted.code_bytes)
    assert device["stack_bytes"] == counted.stack_bytes
    assert device["portable"]["flash_bytes"] == flash_bytes(result.plan, PORTABLE)
    flash = next(line for line in show_text(result).splitlines() if line.startswith("  flash"))
    assert flash.endswith(f"code {counted.code_bytes:,} with {names[0]} ({other.code_bytes:,} with {names[1]})")
    exact = {"core": core, "kernels": kernels, "budget": {"flash": flash_bytes(result.plan)}}
    assert not checked(CONV, (6, 6, 2), target=exact).errors


def test_regions_stand_in_columns_and_padding_is_told() -> None:
    memory = [
        {"name": "a", "size": 64},
        {"name": "tightly_coupled_memory_of_data_1", "size": 4096, "holds": ["weights"]},
        {"name": "sram", "size": 4096},
    ]
    result = checked(CONV, (6, 6, 2), target={"memory": memory})
    assert result.plan is not None
    lines = show_text(result).splitlines()
    told = lines[lines.index("cortex-m4, int8:") + 1 :]
    assert len({line.index(" bytes  ") for line in told[:-1]}) == 1
    assert {len(line.partition(" at ")[0]) for line in told[-1:]} == {2 + len(memory[1]["name"])}
    device = show_data(result)["device"]
    padding = device["padding_bytes"]
    # 54 bytes of kernel and 96 of dense weights; 3 and 2 sums, multipliers and shifts.
    assert padding == (64 - 54) + 3 * (16 - 12) + 0 + (16 - 8)
    assert f" + padding {padding} + code " in told[0]
    sizes = (device["weight_bytes"], device["table_bytes"], padding, device["code_bytes"])
    assert device["flash_bytes"] == sum(sizes)
    assert device["ram_bytes"] == device["arena_bytes"] + sum(sizes[:3])
