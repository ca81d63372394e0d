"""What is live at each op, against the rule said for one op at a time."""

from __future__ import annotations

import pytest

from netspec.device.graph import DeviceGraph
from netspec.device.memory.live_sets import live_sets
from netspec.device.memory.plan import MemoryPlan, plan_memory
from tests.property.test_memory import random_graph


def live_at(graph: DeviceGraph, memory: MemoryPlan, step: int) -> dict[str, int]:
    """Return the live tensors whose bytes no other live tensor includes."""
    alive = {name for name, (first, last) in graph.lifetimes.items() if first <= step <= last}
    inner = {
        share.output if share.replaces else share.input
        for share in memory.shares
        if {share.input, share.output} <= alive
    }
    return {name: graph.tensors[name].bytes for name in alive - inner}


@pytest.mark.parametrize("seed", range(60))
def test_each_op_has_its_live_tensors_and_their_sum(seed: int) -> None:
    graph = random_graph(seed)
    memory = plan_memory(graph, "dsp")
    sizes = {name: tensor.bytes for name, tensor in graph.tensors.items()}
    for step, live in enumerate(live_sets(graph, sizes, memory.scratch_bytes, memory.shares)):
        expected = live_at(graph, memory, step)
        scratch = memory.scratch_bytes.get(graph.nodes[step].name, 0)
        assert live.bytes == sum(expected.values()) + scratch
        assert live.listed() == expected | ({f"scratch of {live.node.name}": scratch} if scratch else {})
