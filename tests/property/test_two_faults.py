"""Faults of one spec do not hide each other, and nothing follows from one that was told.

A sound spec is changed in two of its places. What `check` tells of the result is what it tells of each change alone:
all of it, and nothing else. A change is a line of `FAULTS`; what it draws is found by running it alone.
"""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from netspec.check import check
from netspec.diagnostics import SpecError
from netspec.spec.source import parse

SPEC = """\
netspec: 1
name: net
description: two of everything
vars: {width: 8}
inputs:
  image: {shape: [16, 16, 3]}
  angle: {shape: [4]}
blocks:
  unit:
    params: {filters: null}
    layers:
      - conv2d: {filters: $filters, kernel_size: 3, padding: same, use_bias: false}
      - batch_normalization
      - relu
layers:
  - conv2d: {name: stem, from: image, filters: $width, kernel_size: 3}
  - max_pooling2d: {name: pool, pool_size: 2}
  - unit: {name: first, filters: 8}
  - add: {name: sum, from: [first, pool]}
  - repeat:
      times: 2
      layers:
        - unit: {filters: 8}
  - global_average_pooling2d: {name: features}
  - dense: {name: side, from: angle, units: 8, activation: relu}
  - dropout: {rate: 0.25}
  - dense: {name: deeper, units: 6}
  - concatenate: {name: both, from: [features, deeper]}
  - dense: {name: classes, units: 4, activation: softmax}
  - dense: {name: value, from: both, units: 1}
outputs: [classes, value]
train:
  data: {npz: data.npz}
  loss: {classes: sparse_categorical_crossentropy, value: mse}
  optimizer: {adam: {learning_rate: 0.001}}
  epochs: 3
  batch_size: 16
  early_stopping: {monitor: val_loss, patience: 3}
quantize:
  calibration: {samples: 64}
target:
  core: cortex-m4
  budget: {flash: 64KiB, ram: 64KiB}
"""

# name: (what stands in the spec, what is written instead)
FAULTS = {
    "name": ("name: net", "name: Net-1"),
    "description": ("two of everything", "[1, 2]"),
    "top_key": ("description:", "descripton:"),
    "stem_key": ("kernel_size: 3}\n  - max", "kernel: 3}\n  - max"),
    "stem_value": ("filters: $width", "filters: 0"),
    "stem_from": ("from: image", "from: imgae"),
    "stem_type": ("- conv2d: {name: stem", "- Conv2d: {name: stem"),
    "pool_value": ("pool_size: 2}", "pool_size: -2}"),
    "pool_window": ("pool_size: 2}", "pool_size: 20}"),
    "pool_type": ("- max_pooling2d: {name: pool", "- maxpool2d: {name: pool"),
    "sum_from": ("from: [first, pool]", "from: [first, pol]"),
    "sum_one": ("from: [first, pool]", "from: [first]"),
    "side_value": ("units: 8, activation: relu", "units: 8, activation: rellu"),
    "side_cycle": ("from: angle, units: 8", "from: side, units: 8"),
    "side_name": ("name: side, ", "name: angle, "),
    "dropout_value": ("rate: 0.25", "rate: 2.5"),
    "dropout_key": ("rate: 0.25", "rat: 0.25"),
    "deeper_type": ("- dense: {name: deeper", "- dens: {name: deeper"),
    "deeper_missing": ("deeper, units: 6", "deeper"),
    "both_from": ("[features, deeper]", "[feature, deeper]"),
    "classes_value": ("units: 4, activation: softmax", "units: four, activation: softmax"),
    "value_key": ("both, units: 1", "both, units: 1, bias_initialiser: zeros"),
    "outputs": ("outputs: [classes, value]", "outputs: [classs, value]"),
    "loss": ("value: mse", "value: msee"),
    "loss_output": ("value: mse", "valve: mse"),
    "optimizer": ("adam:", "Adam:"),
    "epochs": ("epochs: 3", "epochs: many"),
    "train_key": ("batch_size", "batchsize"),
    "monitor": ("monitor: val_loss", "monitor: val_acuracy"),
    "patience": ("patience: 3", "patience: -1"),
    "quantize": ("samples: 64", "samples: 0"),
    "core": ("cortex-m4", "cortex-m9"),
    "budget_unit": ("ram: 64KiB", "ram: 64KB"),
    "budget_key": ("flash: 64KiB", "flsh: 64KiB"),
    "budget": ("flash: 64KiB", "flash: 1KiB"),
    "unsupported": ("- dropout: {rate: 0.25}", "- relu: {negative_slope: 0.25}"),
}

# What can be judged only where something else is sound. Whether the device can run the net and what it costs hangs on
# the layers, the outputs, and the sections that ask; the monitor on all of `train`; a window on its input.
_NET = re.compile(r"stem|pool|sum|side|dropout|deeper|both|classes|value_key|outputs|top_key")
_TRAIN = {"loss", "optimizer", "epochs", "train_key", "patience"}
_DEVICE = {"quantize", "core", "budget_unit", "budget_key"}
_WAITS = {
    "budget": lambda other: _NET.match(other) or other in {*_DEVICE, "unsupported"},
    "unsupported": lambda other: _NET.match(other) or other in _DEVICE,
    "loss_output": lambda other: other in {*_TRAIN, "outputs", "top_key"},
    "monitor": lambda other: other in {*_TRAIN, "outputs", "top_key", "loss_output"},
    "pool_window": lambda other: other.startswith("stem"),
    "outputs": lambda other: other == "top_key",
}  # fmt: skip


def told(text: str) -> set[tuple[str, int, int, str]]:
    """Return rule, place and message of every error."""
    try:
        check(parse(text, "net.yaml"))
    except SpecError as error:
        return {(d.rule, d.span.line, d.span.column, d.message) for d in error.diagnostics if d.severity == "error"}
    return set()


def changed(*names: str) -> str:
    text = SPEC
    for name in names:
        before, after = FAULTS[name]
        assert text.count(before) == 1, name
        text = text.replace(before, after)
    return text


def apart(one: str, other: str) -> bool:
    """Return whether two changes stand on lines of their own, so that neither moves the other's column."""
    lines = [SPEC[: SPEC.index(FAULTS[name][0])].count("\n") for name in (one, other)]
    return lines[0] != lines[1]


ALONE = {name: told(changed(name)) for name in FAULTS}
PAIRS = [pair for pair in combinations(FAULTS, 2) if apart(*pair)]


def test_the_spec_is_sound() -> None:
    checked = check(parse(SPEC, "net.yaml"))
    assert checked.plan is not None
    assert not checked.warnings


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_draws_one_finding(name: str) -> None:
    assert len(ALONE[name]) == 1, ALONE[name]


@pytest.mark.parametrize("one", FAULTS)
def test_two_faults_draw_the_findings_of_both(one: str) -> None:
    for pair in PAIRS:
        if pair[0] != one:
            continue
        first, second = pair
        expected = set()
        if not _waits(first, second):
            expected |= ALONE[first]
        if not _waits(second, first):
            expected |= ALONE[second]
        assert told(changed(*pair)) == expected, pair


def _waits(name: str, other: str) -> bool:
    return bool(_WAITS[name](other)) if name in _WAITS else False


def test_there_are_many_pairs() -> None:
    assert len(PAIRS) > 500


@pytest.mark.slow
def test_three_faults_draw_no_finding_that_none_of_them_draws_alone() -> None:
    for names in combinations(FAULTS, 3):
        if all(apart(*pair) for pair in combinations(names, 2)):
            assert told(changed(*names)) <= set().union(*(ALONE[name] for name in names)), names
