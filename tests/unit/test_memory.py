"""The memory planner, and the checker that must catch whatever a planner could do wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netspec.check import check
from netspec.device.cmsis_nn import Extension
from netspec.device.kernels import kernel_of
from netspec.device.memory.checker import check_plan
from netspec.device.memory.packing import aligned
from netspec.device.memory.plan import MemoryPlan, plan_memory
from netspec.device.memory.sharing import linked
from netspec.device.plan import DevicePlan, plan_device
from netspec.importers.command import run_import
from netspec.spec.source import load
from tests.importers.shared_models import shared_model
from tests.specs import make_graph

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))


def plan_of(
    *layers: object, shape: tuple[int, ...] = (8, 8, 3), core: str = "cortex-m4", **sections: object
) -> DevicePlan:
    return plan_device(make_graph(layers, shape, **sections), core)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_the_arena_of_a_shipped_spec_is_its_largest_live_set(path: Path, core: str) -> None:
    plan = check(load(path), core).plan
    assert plan is not None
    assert plan.arena_bytes == plan.memory.largest_live_bytes


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("kws_ref_model.tflite", 16_256),
        ("pretrainedResnet_quant.tflite", 49_728),
        ("pretrainedResnet.h5", 49_728),
        ("ad01_int8.tflite", 768),
        ("ad01.h5", 768),
    ],
)
def test_the_arena_of_an_imported_model_is_its_largest_live_set(model: str, most: int, tmp_path: Path) -> None:
    path, _ = run_import(shared_model(model), tmp_path / "net.yaml")
    for core in ("cortex-m0", "cortex-m4", "cortex-m55"):
        plan = check(load(path), core).plan
        assert plan is not None
        assert plan.arena_bytes == plan.memory.largest_live_bytes <= most, core


def test_sizes_and_offsets_are_aligned() -> None:
    assert [aligned(size) for size in (0, 1, 16, 17)] == [0, 16, 16, 32]
    plan = plan_of({"dense": {"units": 5}}, {"dense": {"units": 3}}, shape=(7,))
    assert all(offset % 16 == 0 for offset in plan.memory.tensor_offsets.values())
    assert plan.arena_bytes == 32  # 7 and 5 bytes, each in 16


def test_input_output_and_scratch_lie_in_the_arena() -> None:
    plan = plan_of({"conv2d": {"name": "c", "filters": 4, "kernel_size": 3, "padding": "same"}})
    (node,) = plan.graph.nodes
    scratch = kernel_of(node).scratch_bytes(node.op, "dsp")
    assert scratch > 0
    assert plan.memory.scratch_bytes == {"c": scratch}
    assert plan.arena_bytes == 192 + 256 + aligned(scratch)
    assert plan.live_tensors(plan.graph.nodes[0]) == {"x": 192, "c": 256, "scratch of c": scratch}
    assert plan.live_bytes() == [192 + 256 + scratch]
    assert plan.peak == plan.graph.nodes[0]


def test_live_bytes_are_the_sum_of_live_tensors() -> None:
    plan = check(load(SPECS[0])).plan
    assert plan is not None
    assert plan.live_bytes() == [sum(plan.live_tensors(node).values()) for node in plan.graph.nodes]
    assert plan.peak is not None
    assert plan.live_bytes()[plan.graph.nodes.index(plan.peak)] == max(plan.live_bytes())


def test_a_tensor_lives_until_its_last_reader() -> None:
    plan = plan_of(
        {"dense": {"name": "a", "units": 160}},
        {"dense": {"name": "b", "units": 16}},
        {"dense": {"name": "c", "units": 160}},
        {"add": {"name": "d", "from": ["a", "c"]}},
        shape=(16,),
    )
    assert plan.graph.lifetimes == {"x": (-1, 0), "a": (0, 3), "b": (1, 2), "c": (2, 3), "d": (3, 4)}
    assert plan.arena_bytes == 336  # a, b and c; d is written over a


def test_outputs_live_to_the_end() -> None:
    layers = [{"dense": {"name": "a", "units": 16}}, {"dense": {"name": "b", "units": 16}}, {"dense": {"units": 16}}]
    assert plan_of(*layers, shape=(16,)).arena_bytes == 32
    assert plan_of(*layers, shape=(16,), outputs=["a", "dense"]).arena_bytes == 48


def test_a_net_without_ops_holds_its_input() -> None:
    plan = plan_of("flatten", shape=(10,))
    assert (plan.arena_bytes, plan.peak, plan.live_bytes(), plan.constant_bytes) == (16, None, [], 0)


def test_the_same_net_gets_the_same_plan() -> None:
    document = load(SPECS[0])
    assert check(document).plan == check(document).plan


# ----------------------------------------------------------------------------------------------------- the checker


def skip_net() -> DevicePlan:
    return plan_of(
        {"conv2d": {"name": "a", "filters": 3, "kernel_size": 3, "padding": "same"}},
        {"conv2d": {"name": "b", "filters": 3, "kernel_size": 3, "padding": "same"}},
        {"add": {"name": "c", "from": ["a", "b"]}},
        {"dense": {"name": "d", "units": 2}},
        outputs=["c", "d"],
    )


def spoil(plan: DevicePlan, **changes: object) -> MemoryPlan:
    return replace(plan.memory, **changes)  # type: ignore[arg-type]


def test_the_checker_accepts_the_planners_plan() -> None:
    plan = skip_net()
    check_plan(plan.graph, plan.memory)


@pytest.mark.parametrize("name", ["x", "a", "b", "c", "d"])
def test_a_tensor_moved_onto_a_live_one_is_found(name: str) -> None:
    plan = skip_net()
    lifetimes, offsets = plan.graph.lifetimes, plan.memory.tensor_offsets
    first, last = lifetimes[name]
    others = [other for other, (start, end) in lifetimes.items() if other != name and start <= last and first <= end]
    others = [other for other in others if frozenset((name, other)) not in linked(plan.memory.shares)]
    assert others
    for other in others:
        moved = spoil(plan, tensor_offsets={**offsets, name: offsets[other]}, arena_bytes=10**6)
        with pytest.raises(AssertionError, match=r"overwrites|is not where"):
            check_plan(plan.graph, moved)


@pytest.mark.parametrize("node", ["a", "b"])
def test_scratch_moved_onto_a_live_tensor_is_found(node: str) -> None:
    plan = skip_net()
    for tensor in plan.live_tensors(next(each for each in plan.graph.nodes if each.name == node)):
        if tensor.startswith("scratch"):
            continue
        offset = plan.memory.tensor_offsets[tensor]
        moved = spoil(plan, scratch_offsets={**plan.memory.scratch_offsets, node: offset}, arena_bytes=10**6)
        with pytest.raises(AssertionError, match=f"scratch of {node} at {offset} overwrites"):
            check_plan(plan.graph, moved)


def test_an_overlap_of_one_step_is_found() -> None:
    plan = skip_net()
    offsets = dict(plan.memory.tensor_offsets)
    top = max(offsets, key=lambda name: offsets[name])
    below = [name for name in offsets if name != top]
    assert below
    for other in below:
        first, last = plan.graph.lifetimes[other]
        top_first, top_last = plan.graph.lifetimes[top]
        if not (first <= top_last and top_first <= last):
            continue
        size = aligned(192 if other != "d" else 128)
        touching = spoil(plan, tensor_offsets={**offsets, top: offsets[other] + size - 16}, arena_bytes=10**6)
        with pytest.raises(AssertionError, match=r"overwrites|is not where"):
            check_plan(plan.graph, touching)


def test_an_offset_off_the_grid_below_or_beyond_the_arena_is_found() -> None:
    plan = skip_net()
    offsets = plan.memory.tensor_offsets
    for offset, complaint in [(8, "not a multiple of 16"), (-16, "before the arena"), (10**6, "past the arena's")]:
        with pytest.raises(AssertionError, match=complaint):
            check_plan(plan.graph, spoil(plan, tensor_offsets={**offsets, "x": offset}))
    with pytest.raises(AssertionError, match="past the arena's"):
        check_plan(plan.graph, spoil(plan, arena_bytes=plan.arena_bytes - 16))


def test_scratch_that_is_larger_than_planned_is_found() -> None:
    plan = skip_net()
    with pytest.raises(AssertionError, match="scratch of a"):
        check_plan(plan.graph, spoil(plan, scratch_bytes={**plan.memory.scratch_bytes, "a": plan.arena_bytes}))


def test_every_extension_gets_a_plan_of_its_own() -> None:
    graph = plan_of({"conv2d": {"filters": 4, "kernel_size": 3, "padding": "same"}}).graph
    (node,) = graph.nodes
    extensions: tuple[Extension, ...] = ("none", "dsp", "mve")
    scratch = [kernel_of(node).scratch_bytes(node.op, extension) for extension in extensions]
    assert len(set(scratch)) > 1
    for extension, size in zip(extensions, scratch, strict=True):
        assert plan_memory(graph, extension).arena_bytes == 192 + 256 + aligned(size)
