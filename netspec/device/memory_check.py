"""The checker of a memory plan. It shares no code with the planner: it replays the network over a map of the arena."""

from __future__ import annotations

from bisect import bisect_left, insort
from math import prod

from netspec.device.graph import DeviceGraph
from netspec.device.memory import MemoryPlan


class _Arena:
    """The intervals that are in use now, sorted by offset; no two overlap."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken: list[tuple[int, int, str]] = []  # (start, end, name)
        self.where: dict[str, tuple[int, int, str]] = {}

    def claim(self, name: str, offset: int, size: int) -> None:
        assert offset >= 0, f"{name} stands at {offset}, before the arena"
        assert offset % 16 == 0, f"{name} stands at {offset}, not a multiple of 16"
        end = offset + size
        assert end <= self.size, f"{name} ends at {end}, past the arena's {self.size}"
        interval = (offset, end, name)
        index = bisect_left(self.taken, interval)
        for start, other_end, other in self.taken[max(index - 1, 0) : index + 1]:
            assert end <= start or other_end <= offset, f"{name} at {offset} overwrites {other} at {start}"
        insort(self.taken, interval)
        self.where[name] = interval

    def release(self, name: str) -> None:
        del self.taken[bisect_left(self.taken, self.where.pop(name))]


def check_plan(graph: DeviceGraph, plan: MemoryPlan) -> None:
    """Assert that no op overwrites bytes that something still needs.

    The arena is replayed op by op: an output claims its interval, its readers must find it unbroken, and scratch
    may touch nothing that is still to be read. Raises `AssertionError` naming the tensors in conflict.
    """
    shapes = graph.tensors
    still_read = dict.fromkeys(shapes, 0)
    for node in graph.nodes:
        for name in node.inputs:
            still_read[name] += 1
    for output in graph.outputs:
        still_read[output.tensor] += 1
    arena = _Arena(plan.arena_bytes)
    for given in graph.inputs:
        arena.claim(given.name, plan.tensor_offsets[given.name], prod(given.shape))
    for node in graph.nodes:
        for name in node.inputs:
            assert name in arena.where, f"{node.name} reads {name}, which is gone"
        arena.claim(node.output, plan.tensor_offsets[node.output], prod(shapes[node.output]))
        if node.name in plan.scratch_bytes:
            scratch = f"scratch of {node.name}"
            arena.claim(scratch, plan.scratch_offsets[node.name], plan.scratch_bytes[node.name])
            arena.release(scratch)
        for name in node.inputs:
            still_read[name] -= 1
        for name in {*node.inputs, node.output}:
            if still_read[name] == 0 and name in arena.where:
                arena.release(name)
    for output in graph.outputs:
        assert output.tensor in arena.where, f"the output {output.name} is gone at the end"
