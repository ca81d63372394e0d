"""Several memories: what goes where, that nothing is more than its region, and what is said when it does not fit."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netspec.check import check
from netspec.commands.show import show_data, show_text
from netspec.device.memory import regions
from netspec.device.memory.checker import check_plan
from netspec.device.memory.plan import plan_memory
from netspec.device.memory.regions import Region
from netspec.device.plan import DevicePlan, plan_device
from netspec.device.size import flash_bytes
from netspec.diagnostics import SpecError
from netspec.spec.source import parse
from tests.nets import device_nets
from tests.property.test_memory import random_graph
from tests.specs import make_graph

LAYERS: list[Any] = [
    {"conv2d": {"name": "stem", "filters": 16, "kernel_size": 3, "padding": "same"}},
    {"conv2d": {"name": "deep", "filters": 8, "kernel_size": 3, "padding": "same"}},
    {"global_average_pooling2d": {"name": "mean"}},
    {"dense": {"name": "logits", "units": 10}},
]


def region(name: str, size: int, *holds: str) -> dict[str, Any]:
    return {"name": name, "size": size, "holds": list(holds or ("arena",))}


def plan_of(*regions: dict[str, Any], **target: Any) -> DevicePlan:
    return plan_device(make_graph(LAYERS, (16, 16, 3), target={"memory": list(regions), **target}))


def places(plan: DevicePlan) -> dict[str, str]:
    return {name: plan.regions[index].name for name, index in plan.memory.tensor_arenas.items()}


def test_without_regions_there_is_one_arena() -> None:
    plan = plan_device(make_graph(LAYERS, (16, 16, 3)))
    assert plan.memory.arena_sizes == (plan.arena_bytes,)
    assert plan.regions == ()
    assert plan.ram_bytes == plan.arena_bytes


def test_one_region_is_the_same_arena_with_a_name_and_an_end() -> None:
    plain = plan_device(make_graph(LAYERS, (16, 16, 3)))
    named = plan_of(region("sram", plain.arena_bytes))
    assert named.memory.arenas == (plain.arena_bytes,)
    with pytest.raises(SpecError) as caught:
        plan_of(region("sram", plain.arena_bytes - 1))
    (fault,) = caught.value.diagnostics
    assert fault.rule == "memory-too-small"
    assert fault.message == (
        f"the arena needs {plain.arena_bytes:,} bytes of sram, which has {plain.arena_bytes - 1:,}"
    )
    assert fault.path == "target.memory[0].size"
    assert fault.notes[0].message.startswith("the peak is stem 4,096 + deep 2,048 + ")
    assert fault.notes[0].message.endswith(", live in it at deep")


def test_scratch_and_what_windows_read_go_first() -> None:
    # 3x3 windows read each byte of x and stem nine times, and scratch for every filter; deep is read once.
    plan = plan_of(region("fast", 5500), region("slow", 10**6))
    assert places(plan) == {"x": "fast", "stem": "fast", "deep": "slow", "mean": "fast", "logits": "fast"}
    assert set(plan.memory.scratch_arenas.values()) == {0}
    assert plan.memory.arenas[0] <= 5500


def test_a_region_without_room_stays_empty() -> None:
    plan = plan_of(region("none", 0), region("slow", 10**6))
    assert set(places(plan).values()) == {"slow"}
    assert plan.memory.arenas[0] == 0


def test_what_cannot_be_hot_first_is_packed_otherwise() -> None:
    # Hot first, the fast region would take x and stem's scratch and leave 4,096 + 2,048 for the slow one.
    plan = plan_of(region("fast", 2100), region("slow", 4096 + 1024))
    assert plan.memory.arenas[0] <= 2100
    assert plan.memory.arenas[1] <= 4096 + 1024


def test_constants_leave_flash_for_the_region_that_has_room_for_them() -> None:
    plain = plan_device(make_graph(LAYERS, (16, 16, 3)))
    flash = {node.name: plain.node_flash_bytes(node) for node in plain.graph.nodes}
    plan = plan_of(region("sram", 10**5), region("itcm", flash["stem"] + flash["logits"] + 100, "weights"))
    # Weights of a convolution are read at each position, of a dense layer once; those of `deep` do not fit.
    assert flash["deep"] > flash["stem"] + flash["logits"] + 100
    assert plan.weight_regions == {"stem": "itcm", "logits": "itcm"}
    # 432 bytes of kernel, 80 of dense weights, 16 words of sums and the like; but 10 words are no multiple of 16.
    copied = flash["stem"] + flash["logits"] + 8
    assert plan.region_weight_bytes(plan.regions[1]) == copied
    assert plan.ram_bytes == plan.arena_bytes + copied
    assert flash_bytes(plan) == flash_bytes(plain) + 8  # they are kept there too, to be copied from
    everything = plan_of(region("sram", 10**5, "arena", "weights"))
    assert set(everything.weight_regions) == {name for name, size in flash.items() if size}


def test_constants_take_what_the_arena_leaves() -> None:
    arena = plan_device(make_graph(LAYERS, (16, 16, 3))).arena_bytes
    assert plan_of(region("sram", arena, "arena", "weights")).weight_regions == {}


def test_a_budget_counts_all_regions() -> None:
    plan = plan_of(region("fast", 5500), region("slow", 10**5, "arena", "weights"))
    assert plan.ram_bytes == sum(plan.memory.arenas) + plan.constant_bytes


def test_the_checker_knows_the_arenas_apart() -> None:
    plan = plan_of(region("fast", 5500), region("slow", 10**6))
    memory = plan.memory
    same = dict.fromkeys(memory.tensor_arenas, 0)
    with pytest.raises(AssertionError, match=r"past the arena's|overwrites"):
        check_plan(plan.graph, replace(memory, tensor_arenas=same))
    with pytest.raises(AssertionError, match="not what the plan says"):
        check_plan(plan.graph, replace(memory, arena_bytes=memory.arena_bytes + 16))
    with pytest.raises(AssertionError, match="past the arena's"):
        check_plan(plan.graph, replace(memory, arenas=(16, memory.arena_bytes - 16)))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@example(seed=266, share=1.0, io=False)  # fits as a whole only: parts begin where rounding leaves bytes
@given(seed=st.integers(0, 10**6), share=st.floats(0, 1.2), io=st.booleans())
def test_random_graphs_are_split_soundly(seed: int, share: float, io: bool) -> None:
    graph = random_graph(seed, most=16)
    outside = {"x", *(each.tensor for each in graph.outputs)} if io else set()
    whole = plan_memory(graph, "dsp", outside)
    sizes = (int(whole.arena_bytes * share), int(whole.arena_bytes * (1 - share) / 2) if share < 1 else 0, 2**30)
    regions = [Region(f"r{index}", size, arena=True, weights=False) for index, size in enumerate(sizes)]
    plan = plan_memory(graph, "dsp", outside, regions)
    check_plan(graph, plan)
    assert all(used <= size for used, size in zip(plan.arenas, sizes, strict=True))
    assert plan.largest_live_bytes <= plan.arena_bytes
    if share >= 1:
        assert plan.arenas[1:] == (0, 0)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(text=device_nets(), random=st.randoms(use_true_random=False))
def test_random_nets_say_where_things_lie(text: str, random: Random) -> None:
    plain = check(parse(text, "net.yaml")).plan
    assert plain is not None
    first = random.randint(0, plain.arena_bytes)
    memory = [region("a", first, "arena", "weights"), region("b", 10**6, "weights"), region("c", 10**6)]
    result = check(
        parse(f"{text}target: {{memory: {memory}, io: {random.choice(['arena', 'external'])}}}\n", "net.yaml")
    )
    plan = result.plan
    assert plan is not None
    said = show_data(result)["device"]["memory"]
    assert [each["name"] for each in said] == ["a", "b", "c"]
    assert sum(each["arena_bytes"] + each["weight_bytes"] for each in said) == plan.ram_bytes
    assert all(each["arena_bytes"] + each["weight_bytes"] <= each["size"] for each in said)
    assert sum(each["weight_bytes"] for each in said) == plan.constant_bytes
    lines = show_text(result).splitlines()
    assert [line.split()[0] for line in lines if " of 1,000,000: " in line] == ["b", "c"]


def test_what_a_split_arena_lacks_is_told_beside_what_one_region_would_need() -> None:
    def fault(*sizes: int) -> Any:
        with pytest.raises(SpecError) as caught:
            plan_of(*(region(name, size) for name, size in zip(("fast", "slow"), sizes, strict=True)))
        return caught.value.diagnostics[0]

    whole = plan_device(make_graph(LAYERS, (16, 16, 3))).arena_bytes
    told = fault(2100, 64)
    assert re.match(r"[\d,]+ bytes of the arena are left for slow, which has 64$", told.message)
    found = re.search(r"the arena is ([\d,]+) bytes in all, in one region it would be ([\d,]+): no", told.help)
    assert found
    in_all, alone = (int(each.replace(",", "")) for each in found.groups())
    assert in_all > alone == whole
    assert "in one region" not in fault(0, 64).help


def test_of_many_groups_those_offered_last_are_dropped_together_until_the_rest_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(regions, "MANY_GROUPS", 5)
    tried: list[bool] = []
    fits = regions._fits
    monkeypatch.setattr(regions, "_fits", lambda *given: tried.append(fits(*given)) or tried[-1])
    for seed in range(40):
        graph = random_graph(seed)
        size = plan_memory(graph, "dsp").arena_bytes // 2 // 16 * 16
        wanted = [Region("fast", size, True, False), Region("slow", 1 << 30, True, False)]
        memory = plan_memory(graph, "dsp", regions=wanted)
        check_plan(graph, memory)
        assert memory.arenas[0] <= size
    assert any(not one and not two for one, two in pairwise(tried)), "no groups were dropped"
