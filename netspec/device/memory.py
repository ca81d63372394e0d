"""Live ranges -> arena offsets: one block of RAM that holds every tensor and scratch buffer while it is needed.

Inputs and outputs of the network stand in the arena too. All offsets and sizes are multiples of 16 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netspec.device.cmsis_nn import Extension
from netspec.device.graph import DeviceGraph, tensor_bytes
from netspec.device.ops import kernel_of

ALIGNMENT = 16
_ATTEMPTS = 400


def aligned(size: int) -> int:
    """Return `size` rounded up to the arena's alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes that are needed from step `first` to step `last`, both included. Step -1 is before the first op."""

    name: str
    size: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Offsets of tensors by name and of scratch by node name, and what the plan costs.

    `largest_live_bytes` is a lower bound of any plan: what is live at once at step `peak`, an index of the nodes.
    """

    arena_bytes: int
    tensor_offsets: Mapping[str, int]
    scratch_offsets: Mapping[str, int]
    scratch_bytes: Mapping[str, int]
    largest_live_bytes: int
    peak: int


def plan_memory(graph: DeviceGraph, extension: Extension) -> MemoryPlan:
    """Return a plan whose arena is as small as the search finds, most often the largest live set itself."""
    scratch = {node.name: kernel_of(node.op).scratch_bytes(node.op, extension) for node in graph.nodes}
    tensors = _tensor_buffers(graph)
    scratches = [
        Buffer(node.name, aligned(scratch[node.name]), step, step)
        for step, node in enumerate(graph.nodes)
        if scratch[node.name]
    ]
    buffers = [*tensors, *scratches]
    bound, peak = _largest_live(buffers, len(graph.nodes))
    offsets = _place(buffers, bound)
    return MemoryPlan(
        arena_bytes=max(
            (offset + buffer.size for offset, buffer in zip(offsets, buffers, strict=True)), default=0
        ),
        tensor_offsets={buffer.name: offset for buffer, offset in zip(tensors, offsets, strict=False)},
        scratch_offsets={
            buffer.name: offset for buffer, offset in zip(scratches, offsets[len(tensors) :], strict=True)
        },
        scratch_bytes={name: size for name, size in scratch.items() if size},
        largest_live_bytes=bound,
        peak=peak,
    )


def _tensor_buffers(graph: DeviceGraph) -> list[Buffer]:
    first = {given.name: -1 for given in graph.inputs} | {
        node.output: step for step, node in enumerate(graph.nodes)
    }
    last = dict(first)
    for step, node in enumerate(graph.nodes):
        for name in node.inputs:
            last[name] = step
    for output in graph.outputs:
        last[output.tensor] = len(graph.nodes)
    return [
        Buffer(name, aligned(tensor_bytes(shape)), first[name], last[name])
        for name, shape in graph.tensors.items()
    ]


def _largest_live(buffers: Sequence[Buffer], steps: int) -> tuple[int, int]:
    """Return the most bytes live at one step, and the first such step that runs an op."""
    changes = [0] * (steps + 3)
    for buffer in buffers:
        changes[buffer.first + 1] += buffer.size
        changes[buffer.last + 2] -= buffer.size
    live, best, peak = 0, 0, 0
    for step, change in enumerate(changes[: steps + 2], start=-1):
        live += change
        if live > best:
            best, peak = live, min(max(step, 0), max(steps - 1, 0))
    return best, peak


def _place(buffers: Sequence[Buffer], bound: int) -> list[int]:
    """Return an offset a buffer: the best of several greedy orders, then of orders mended where they ended too high."""
    count = len(buffers)
    neighbours = [
        [other for other in range(count) if other != one and buffers[one].meets(buffers[other])]
        for one in range(count)
    ]

    def size(index: int) -> int:
        return buffers[index].size

    def length(index: int) -> int:
        return buffers[index].last - buffers[index].first

    orders = [
        sorted(range(count), key=lambda i: (-size(i), buffers[i].first)),
        sorted(range(count), key=lambda i: (-length(i), -size(i))),
        sorted(range(count), key=lambda i: (-size(i) * (length(i) + 1), buffers[i].first)),
        sorted(range(count), key=lambda i: (buffers[i].first, -size(i))),
    ]
    best: list[int] = []
    best_top = -1
    for order in orders:
        for _ in range(_ATTEMPTS // len(orders)):
            offsets = _first_fit(buffers, neighbours, order)
            tops = [offset + buffer.size for offset, buffer in zip(offsets, buffers, strict=True)]
            top = max(tops, default=0)
            if best_top < 0 or top < best_top:
                best, best_top = offsets, top
            if best_top <= bound:
                return best
            # The buffer that ends highest found no room: give it, and later its neighbours, first choice.
            highest = max(range(count), key=lambda i: (tops[i], -order.index(i)))
            position = order.index(highest)
            if position == 0:
                break
            order.insert(position // 2, order.pop(position))
    return best


def _first_fit(
    buffers: Sequence[Buffer], neighbours: Sequence[Sequence[int]], order: Sequence[int]
) -> list[int]:
    """Return the lowest offset for each buffer that no buffer placed before it disputes."""
    offsets = [-1] * len(buffers)
    for index in order:
        taken = sorted(
            (offsets[other], buffers[other].size) for other in neighbours[index] if offsets[other] >= 0
        )
        offset = 0
        for start, size in taken:
            if offset + buffers[index].size <= start:
                break
            offset = max(offset, start + size)
        offsets[index] = offset
    return offsets
