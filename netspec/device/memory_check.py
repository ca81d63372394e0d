"""The checker of a memory plan. It shares no code with the planner: it replays the network over a map of the arena."""

from __future__ import annotations

from math import prod

from netspec.device.graph import DeviceGraph
from netspec.device.memory import MemoryPlan


def check_plan(graph: DeviceGraph, plan: MemoryPlan) -> None:
    """Assert that no op overwrites bytes that something still needs.

    The arena is replayed op by op: an output claims its interval, its readers must find it unbroken, and scratch
    may touch nothing that is still to be read. Raises `AssertionError` naming the tensors in conflict.
    """
    still_read = dict.fromkeys(graph.tensors, 0)
    for node in graph.nodes:
        for name in node.inputs:
            still_read[name] += 1
    for output in graph.outputs:
        still_read[output.tensor] += 1
    live: dict[str, tuple[int, int]] = {}

    def claim(name: str, offset: int, size: int) -> None:
        assert offset >= 0 and offset % 16 == 0, f"{name} stands at {offset}, not a multiple of 16"
        assert offset + size <= plan.arena_bytes, (
            f"{name} ends at {offset + size}, past the arena's {plan.arena_bytes}"
        )
        for other, (start, end) in live.items():
            assert offset + size <= start or end <= offset, (
                f"{name} at {offset} overwrites {other} at {start}"
            )
        live[name] = (offset, offset + size)

    for given in graph.inputs:
        claim(given.name, plan.tensor_offsets[given.name], prod(given.shape))
    for node in graph.nodes:
        for name in node.inputs:
            assert name in live, f"{node.name} reads {name}, which is gone"
        claim(node.output, plan.tensor_offsets[node.output], prod(graph.tensors[node.output]))
        if node.name in plan.scratch_bytes:
            claim(f"scratch of {node.name}", plan.scratch_offsets[node.name], plan.scratch_bytes[node.name])
            del live[f"scratch of {node.name}"]
        for name in node.inputs:
            still_read[name] -= 1
        for name in {*node.inputs, node.output}:
            if still_read[name] == 0:
                live.pop(name, None)
    for output in graph.outputs:
        assert output.tensor in live, f"the output {output.name} is gone at the end"
