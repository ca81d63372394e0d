"""Packed weights: which filters are packed, which networks have the kernels, and what scratch may not cost."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from netspec.device.kernels import kernel_of
from netspec.device.kernels.netspec.packed_conv2d import PackedConvolution
from netspec.device.plan import DevicePlan, plan_device
from netspec.graph import Graph
from tests.firmware import kernel_cases
from tests.specs import make_graph

LIMIT = 1 << 23


def convolution(weights: Any, sums: Any = 0, multiplier: int = 1 << 30, shift: int = -1) -> PackedConvolution:
    kernel = np.array(weights, np.int8)
    numbers = {"kernel_sum": sums, "multiplier": multiplier, "shift": shift}
    arrays = {name: np.full(len(kernel), value, np.int32) for name, value in numbers.items()}
    return PackedConvolution({"kernel": kernel, **arrays})


@pytest.mark.parametrize(
    ("packed", "changed"),
    [
        (4, {}),
        (0, {"weights": [[1], [2], [3]]}),
        (4, {"weights": [[1], [2], [3], [4], [5], [6], [7]]}),
        (8, {"weights": [[1]] * 8}),
        (4, {"weights": [*[[1]] * 4, [-128], *[[1]] * 7]}),
        # The largest sum, the least one, and one more.
        (4, {"weights": [[1]] * 4, "sums": LIMIT - 1 - 127}),
        (0, {"weights": [[1]] * 4, "sums": LIMIT - 127}),
        (4, {"weights": [[1]] * 4, "sums": 128 - LIMIT}),
        (0, {"weights": [[1]] * 4, "sums": 127 - LIMIT}),
        (4, {"weights": [[-1]] * 4, "sums": LIMIT - 1 - 128}),
        (0, {"weights": [[-1]] * 4, "sums": LIMIT - 128}),
        (4, {"weights": [[127] * 516] * 4}),
        (0, {"weights": [[127] * 517] * 4}),
        (0, {"shift": 0}),
        (4, {"shift": 0, "multiplier": 0}),
    ],
)
def test_filters_are_packed_where_their_sums_stay_within_24_bits(packed: int, changed: dict[str, Any]) -> None:
    assert convolution(**{"weights": [[1], [2], [3], [4]], **changed}).count == packed


def test_cases_hold_packed_filters_others_and_both() -> None:
    random = Random("packed")
    met = [(case.parameters[25], case.parameters[4]) for case in map(kernel_cases.packed_convolution, [random] * 300)]
    assert sum(0 < packed == filters for packed, filters in met) > 50
    assert sum(0 < packed < filters // 4 * 4 for packed, filters in met) > 5
    assert sum(packed == 0 and filters >= 4 for packed, filters in met) > 20


def functions(plan: DevicePlan) -> list[str]:
    return [kernel_of(node).kernel_choice(node.op, plan.extension).function for node in plan.graph.nodes]


def net(filters: int, **target: Any) -> Graph:
    layers = [
        {"conv2d": {"name": "wide", "filters": filters, "kernel_size": 1}},
        {"conv2d": {"name": "narrow", "filters": 4, "kernel_size": 3}},
        {"flatten": {}},
        {"dense": {"name": "scores", "units": 8}},
    ]
    return make_graph(layers, (24, 24, 16), **({"target": target} if target else {}))


def test_a_network_has_packed_kernels_where_there_is_enough_to_multiply() -> None:
    assert functions(plan_device(net(4), "cortex-m4"))[:2] == ["netspec_convolve_s8"] * 2
    assert functions(plan_device(net(64), "cortex-m4"))[:2] == ["netspec_convolve_packed_s8"] * 2
    assert functions(plan_device(net(64), "cortex-m55"))[:2] == ["netspec_convolve_s8"] * 2
    assert functions(plan_device(make_graph([{"dense": {"units": 96}}], (255,)), "cortex-m4")) == ["netspec_dense_s8"]
    packed = functions(plan_device(make_graph([{"dense": {"units": 97}}], (256,)), "cortex-m4"))
    assert packed == ["netspec_dense_packed_s8"]


def depthwise(shape: tuple[int, int, int], **keys: Any) -> DevicePlan:
    layers = [{"depthwise_conv2d": {"name": "apart", "kernel_size": 3, "padding": "same", **keys}}]
    return plan_device(make_graph(layers, shape), "cortex-m4")


@pytest.mark.parametrize(
    ("shape", "keys", "scratch", "in_place"),
    [
        ((25, 30, 24), {}, 4 * 64 * 8, True),  # strips of 6 rows, and 2 more
        ((25, 5, 134), {}, 4 * 16 * 27, True),  # all rows
        ((3, 300, 20), {}, 4 * 604 * 4, True),  # two rows, which are more than usual
        ((49, 11, 128), {"strides": 2}, 4 * 28 * 17, False),
        ((49, 1, 350), {}, 4 * 8 * 51, True),
    ],
)
def test_planes_of_depthwise_windows(
    shape: tuple[int, int, int], keys: dict[str, Any], scratch: int, in_place: bool
) -> None:
    plan = depthwise(shape, **keys)
    assert functions(plan) == ["netspec_depthwise_conv_3x3_s8"]
    assert plan.memory.scratch_bytes == {"apart": scratch}
    assert bool(plan.memory.shares) == in_place


def test_other_depthwise_windows_have_the_general_kernel() -> None:
    for keys in ({"kernel_size": [3, 4]}, {"dilation_rate": 2}, {"depth_multiplier": 2}, {"strides": 3}):
        assert functions(depthwise((40, 40, 32), **keys)) == ["netspec_depthwise_conv_s8"]
    assert functions(depthwise((20, 20, 40))) == ["netspec_depthwise_conv_s8"]  # too little work
    assert functions(depthwise((3, 5, 1200))) == ["netspec_depthwise_conv_s8"]  # too many channels for few outputs


def test_scratch_does_not_break_a_budget() -> None:
    """The first layer's scratch lies on top of the largest tensors; without it the network is within the budget."""
    plan = plan_device(net(64), "cortex-m4")
    assert plan.arena_bytes == 24 * 24 * (16 + 64) + 64
    within = plan_device(net(64, budget={"ram": plan.arena_bytes - 1}), "cortex-m4")
    assert within.arena_bytes == 24 * 24 * (16 + 64)
    assert functions(within)[:2] == ["netspec_convolve_s8", "netspec_convolve_packed_s8"]
    small = plan_device(net(64, memory=[{"name": "fast", "size": plan.arena_bytes - 1}]), "cortex-m4")
    assert functions(small) == functions(within)
    hopeless = plan_device(net(64, budget={"ram": 1000}), "cortex-m4")
    assert functions(hopeless) == functions(within)


@pytest.mark.parametrize(("filters", "function"), [(18, "netspec_convolve_s8"), (19, "netspec_convolve_packed_s8")])
def test_one_channel_is_a_plain_convolution_that_may_be_packed(filters: int, function: str) -> None:
    layers = [
        {"depthwise_conv2d": {"kernel_size": [10, 8], "strides": 2, "depth_multiplier": filters}},
        {"depthwise_conv2d": {"kernel_size": 3, "padding": "same"}},
    ]
    plan = plan_device(make_graph(layers, (49, 40, 1)), "cortex-m4")
    assert functions(plan) == [function, "netspec_depthwise_conv_s8"]
