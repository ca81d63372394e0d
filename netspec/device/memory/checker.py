"""The checker of a memory plan. It shares no code with the planner: it replays the network over a map of the arena.

The map says of every byte which value it holds: which byte of which tensor. An op must find every byte of its inputs
where the plan says, whatever was written there in between. So neither live ranges nor the reasons why two tensors
share bytes are looked at: a plan that passes gives every op its inputs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Mapping
from math import prod

from netspec.device.graph import DeviceGraph, Node
from netspec.device.kernels import kernel_of
from netspec.device.memory.plan import MemoryPlan
from netspec.device.memory.sharing import Share
from netspec.ops import output_shape

_Value = list[tuple[str, int, int]]
"""Bytes as they follow each other: (tensor that they were computed as, its byte, how many)."""
_Interval = tuple[int, int, int]
"""(arena, offset, bytes)."""


class _Arena:
    """What the bytes hold: pieces that begin at `_starts`, each (end, tensor, its byte at the start)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._starts: list[int] = []
        self._pieces: list[tuple[int, str, int]] = []

    def require_inside(self, name: str, interval: _Interval) -> None:
        _, offset, size = interval
        assert offset >= 0, f"{name} stands at {offset}, before the arena"
        assert offset + size <= self.size, f"{name} ends at {offset + size}, past the arena's {self.size}"

    def write(self, offset: int, value: _Value) -> None:
        """Put `value` from `offset` on, over whatever is there."""
        end = offset + sum(count for _, _, count in value)
        first = max(bisect_right(self._starts, offset) - 1, 0)
        after = first
        kept: list[tuple[int, int, str, int]] = []
        while after < len(self._starts) and self._starts[after] < end:
            start, (stop, tensor, at) = self._starts[after], self._pieces[after]
            if start < offset:
                kept.append((start, min(stop, offset), tensor, at))
            if stop > end:
                kept.append((end, stop, tensor, at + end - start))
            after += 1
        place = offset
        for tensor, at, count in value:
            kept.append((place, place + count, tensor, at))
            place += count
        kept.sort()
        self._starts[first:after] = [start for start, *_ in kept]
        self._pieces[first:after] = [(stop, tensor, at) for _, stop, tensor, at in kept]

    def holder(self, offset: int, value: _Value) -> str | None:
        """Return None if the bytes from `offset` on hold `value`, else what stands at the first byte that differs."""
        for tensor, at, count in value:
            place, end = offset, offset + count
            while place < end:
                index = bisect_right(self._starts, place) - 1
                stop, found, byte = self._pieces[index] if index >= 0 else (0, "nothing", 0)
                if stop <= place:
                    return "nothing"
                if (found, byte + place - self._starts[index]) != (tensor, at + place - offset):
                    return found
                place = stop
            offset = end
        return None


def check_plan(graph: DeviceGraph, plan: MemoryPlan) -> None:
    """Assert that every op finds its inputs and every output of the network is there at the end.

    Raises `AssertionError` naming the tensors in conflict.
    """
    ends = {each.name for each in graph.inputs} | {each.tensor for each in graph.outputs}
    assert plan.outside <= ends, "only inputs and outputs of the network may stand outside the arena"
    assert plan.outside.isdisjoint(plan.tensor_offsets), "a tensor stands both in the arena and outside"
    _Replay(graph, plan).run()


class _Replay:
    def __init__(self, graph: DeviceGraph, plan: MemoryPlan) -> None:
        self._graph = graph
        self._plan = plan
        self._bytes = {name: tensor.bytes for name, tensor in graph.tensors.items()}
        self._values: dict[str, _Value] = {}
        self._arenas = [_Arena(size) for size in plan.arena_sizes]
        self._arenas.append(_Arena(plan.state_bytes))
        self._states = {state.name for state in graph.states}
        assert self._states == plan.state_offsets.keys(), "a state has no place, or a place no state"
        assert self._states.isdisjoint(plan.tensor_offsets), "a state stands in the arena"
        assert sum(plan.arena_sizes) == plan.arena_bytes, "the arenas are not what the plan says they are together"
        self._renewed: set[str] = set()
        self._placed: dict[str, dict[int, Share]] = {}
        for share in plan.shares:
            self._placed.setdefault(share.node, {})[share.position] = share
        bound = {name for share in plan.shares for name in (share.input, share.output)}
        for name, offset in plan.tensor_offsets.items():
            assert offset % 16 == 0 or name in bound, f"{name} stands at {offset}, not a multiple of 16"

    def run(self) -> None:
        # All inputs and states are there before the first op runs, so they are all written before one is read.
        ready = [*(given.name for given in self._graph.inputs), *(state.name for state in self._graph.states)]
        for name in ready:
            self._values[name] = [(name, 0, self._bytes[name])]
            place = self._place(name)
            if place:
                self._write(place, self._values[name])
        for name in ready:
            self._require(name, "the network starts")
        for node in self._graph.nodes:
            for name in node.inputs:
                assert name not in self._renewed, f"{node.name} reads {name} after it was written for the next run"
                self._require(name, f"{node.name} runs")
            self._step(node)
        for name in [*(output.tensor for output in self._graph.outputs), *(state.name for state in self._graph.states)]:
            self._require(name, "the network ends")

    def _place(self, name: str) -> _Interval | None:
        """Return where a tensor stands, None if that is outside."""
        if name in self._plan.outside:
            return None
        if name in self._states:
            state = (len(self._arenas) - 1, self._plan.state_offsets[name], self._bytes[name])
            self._arenas[-1].require_inside(name, state)
            return state
        interval = (self._plan.tensor_arenas.get(name, 0), self._plan.tensor_offsets[name], self._bytes[name])
        self._arenas[interval[0]].require_inside(name, interval)
        return interval

    def _write(self, place: _Interval, value: _Value) -> None:
        self._arenas[place[0]].write(place[1], value)

    def _require(self, name: str, when: str) -> None:
        place = self._place(name)
        if place:
            holder = self._arenas[place[0]].holder(place[1], self._values[name])
            assert holder is None, f"{holder} overwrites {name} at {place[1]}, which is needed when {when}"

    def _step(self, node: Node) -> None:
        """Check what a node writes against what it reads meanwhile, and write it."""
        writes = {each.name: place for each in node.outputs if (place := self._place(each.name))}
        reads = {name: place for name in node.inputs if (place := self._place(name))}
        placed = self._placed.get(node.name, {})
        for position, share in placed.items():
            assert node.inputs[position] == share.input, f"no such tensors: {share}"
            assert any(share.output == each.name for each in node.outputs), f"no such tensors: {share}"
        if node.name in self._plan.scratch_bytes:
            self._scratch(node, [*reads.items(), *writes.items()])
        axis = node.op.join_axis()
        if axis is not None and prod(output_shape(node.op)[:axis]) == 1:
            self._values[node.output] = self._join(node, writes.get(node.output), reads, placed.keys())
            return
        for index in range(len(node.outputs)):
            self._output(node, index, reads, writes, placed)
        for name, place in writes.items():
            self._write(place, self._values[name])

    def _output(
        self,
        node: Node,
        index: int,
        reads: dict[str, _Interval],
        writes: dict[str, _Interval],
        placed: Mapping[int, Share],
    ) -> None:
        """Check one output of a node against all else that it reads and writes, and keep what the output holds."""
        each = node.outputs[index]
        name, place = each.name, writes.get(each.name)
        self._values[name] = [(name, 0, self._bytes[name])]
        over = [position for position, share in placed.items() if share.output == name]
        if name in self._states:  # it is at one place, before and after
            over += [position for position, source in enumerate(node.inputs) if source == name]
            self._values[name] = [(f"the next {name}", 0, self._bytes[name])]
            self._renewed.add(name)
        can = kernel_of(node).in_place(node.op)
        for position in over:
            source = node.inputs[position]
            assert (position, index) in can, f"the kernel of {node.name} cannot write {name} over input {position}"
            assert self._graph.tensors[source].dtype == each.dtype, f"{name} and {source} are of two types"
            assert place == reads.get(source), f"{name} is not where {source} is"
        if place:
            replaced = {node.inputs[position] for position in over}
            others = {other: at for other, at in (reads | writes).items() if other not in replaced | {name}}
            self._require_apart(node, name, place, others)

    def _scratch(self, node: Node, others: list[tuple[str, _Interval]]) -> None:
        title = f"scratch of {node.name}"
        arena, offset = self._plan.scratch_arenas.get(node.name, 0), self._plan.scratch_offsets[node.name]
        place = (arena, offset, self._plan.scratch_bytes[node.name])
        assert offset % 16 == 0, f"{title} stands at {offset}, not a multiple of 16"
        self._arenas[arena].require_inside(title, place)
        for name, other in others:
            assert not _overlap(place, other), f"{title} at {offset} overwrites {name} at {other[1]}"
        self._write(place, [(title, 0, place[2])])

    def _join(
        self, node: Node, output: _Interval | None, reads: dict[str, _Interval], placed: Container[int]
    ) -> _Value:
        """Join inputs that lie in the output one behind the other; those `placed` must be there, others are copied."""
        value: _Value = []
        at = 0
        for position, name in enumerate(node.inputs):
            size = self._bytes[name]
            if position in placed:
                held = output and reads.get(name) == (output[0], output[1] + at, size)
                assert held, f"{name} is not where {node.output} holds it"
            elif output:
                target = (output[0], output[1] + at, size)
                self._require_apart(node, node.output, target, reads)
                self._write(target, self._values[name])
            value += self._values[name]
            at += size
        return value

    def _require_apart(self, node: Node, output: str, written: _Interval, others: dict[str, _Interval]) -> None:
        for name, place in others.items():
            assert not _overlap(written, place), (
                f"{output} at {written[1]} overwrites {name} at {place[1]}, which {node.name} reads"
            )


def _overlap(one: _Interval, two: _Interval) -> bool:
    """Return whether two intervals have a byte in common."""
    return one[0] == two[0] and one[1] < two[1] + two[2] and two[1] < one[1] + one[2]
