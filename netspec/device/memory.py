"""Live ranges -> arena offsets: one block of RAM that holds every tensor and scratch buffer while it is needed.

Inputs and outputs of the network stand in the arena too. All offsets and sizes are multiples of 16 bytes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate

from netspec.device.cmsis_nn import Extension
from netspec.device.graph import DeviceGraph, tensor_bytes
from netspec.device.ops import kernel_of

ALIGNMENT = 16
_EFFORT = 1_000_000  # comparisons of two buffers that the search may make; a try of a 20-layer net takes some hundred
_MOST_PAIRS = 1_000_000  # of buffers that are live together; with more, the search is left out


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
    shapes = graph.tensors
    tensors = [
        Buffer(name, aligned(tensor_bytes(shapes[name])), first, last)
        for name, (first, last) in graph.lifetimes().items()
    ]
    scratches = [
        Buffer(node.name, aligned(scratch[node.name]), step, step)
        for step, node in enumerate(graph.nodes)
        if scratch[node.name]
    ]
    buffers = [*tensors, *scratches]
    bound, peak = _largest_live(buffers, len(graph.nodes))
    offsets = place(buffers, bound)
    return MemoryPlan(
        arena_bytes=_top(buffers, offsets),
        tensor_offsets={buffer.name: offset for buffer, offset in zip(tensors, offsets, strict=False)},
        scratch_offsets={
            buffer.name: offset for buffer, offset in zip(scratches, offsets[len(tensors) :], strict=True)
        },
        scratch_bytes={name: size for name, size in scratch.items() if size},
        largest_live_bytes=bound,
        peak=peak,
    )


def _largest_live(buffers: Sequence[Buffer], steps: int) -> tuple[int, int]:
    """Return the most bytes live at one step, and the first such step that runs an op."""
    changes = [0] * (steps + 3)
    for buffer in buffers:
        changes[buffer.first + 1] += buffer.size
        changes[buffer.last + 2] -= buffer.size
    live = list(accumulate(changes))[: steps + 2]
    most = max(live)
    return most, min(max(live.index(most) - 1, 0), max(steps - 1, 0))


def _top(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    return max((offset + buffer.size for offset, buffer in zip(offsets, buffers, strict=True)), default=0)


def place(buffers: Sequence[Buffer], bound: int) -> list[int]:
    """Return an offset a buffer: the first of several greedy placements that ends at `bound`, else the lowest.

    Greedy orders are tried first as they are, then mended: the buffer that ended highest found no room, so it gets
    an earlier choice. The effort is bounded, so that the time stays about linear in the number of buffers.
    """
    best = _in_order_of_time(buffers, bound)
    if _top(buffers, best) <= bound:
        return best
    neighbours = _neighbours(buffers)
    if neighbours is None:
        return best
    count = len(buffers)
    size = [buffer.size for buffer in buffers]
    length = [buffer.last - buffer.first + 1 for buffer in buffers]
    first = [buffer.first for buffer in buffers]
    orders = [
        sorted(range(count), key=lambda i: (-size[i], first[i])),
        sorted(range(count), key=lambda i: (-size[i] * length[i], first[i])),
        sorted(range(count), key=lambda i: (-length[i], -size[i])),
        sorted(range(count), key=lambda i: (first[i], -size[i])),
        sorted(range(count), key=lambda i: (-buffers[i].last, -size[i])),
    ]
    for offsets in _mended(buffers, neighbours, orders, bound):
        if _top(buffers, offsets) < _top(buffers, best):
            best = offsets
        if _top(buffers, best) <= bound:
            break
    return best


def _in_order_of_time(buffers: Sequence[Buffer], bound: int) -> list[int]:
    """Return the offsets that an allocator gives which serves the buffers as they come."""
    offsets = [0] * len(buffers)
    live: list[tuple[int, int]] = []  # (start, end), sorted
    ending: list[tuple[int, int]] = []  # (last step, index), a heap
    for index in sorted(range(len(buffers)), key=lambda i: (buffers[i].first, -buffers[i].size)):
        buffer = buffers[index]
        while ending and ending[0][0] < buffer.first:
            gone = heappop(ending)[1]
            del live[bisect_left(live, (offsets[gone], offsets[gone] + buffers[gone].size))]
        offsets[index] = _lowest_gap(live, buffer.size, bound)
        insort(live, (offsets[index], offsets[index] + buffer.size))
        heappush(ending, (buffer.last, index))
    return offsets


def _lowest_gap(taken: Sequence[tuple[int, int]], size: int, bound: int = 0) -> int:
    """Return an offset in the lowest gap between the sorted (start, end) that holds `size` bytes.

    It is the gap's start; but above all that is taken, the end of `bound` if there is one with room. So the tensors
    of a chain stand at the two ends in turn, and the free bytes in one piece between them.
    """
    offset = 0
    for start, end in taken:
        if offset + size <= start:
            return offset
        offset = max(offset, end)
    return max(offset, bound - size) if taken else offset


def _neighbours(buffers: Sequence[Buffer]) -> list[list[int]] | None:
    """Return, for each buffer, those that are live at some step with it; None if that would be too many."""
    neighbours: list[list[int]] = [[] for _ in buffers]
    live: list[int] = []
    pairs = 0
    for index in sorted(range(len(buffers)), key=lambda i: buffers[i].first):
        live = [other for other in live if buffers[other].last >= buffers[index].first]
        pairs += len(live)
        if pairs > _MOST_PAIRS:
            return None
        for other in live:
            neighbours[index].append(other)
            neighbours[other].append(index)
        live.append(index)
    return neighbours


def _mended(
    buffers: Sequence[Buffer], neighbours: Sequence[Sequence[int]], orders: Sequence[list[int]], bound: int
) -> Iterator[list[int]]:
    """Yield placements: of every order in turn, then of each with what ended highest moved to an earlier place.

    The place is drawn, which leaves dead ends that a fixed rule runs into; by a generator of our own, since the same
    net must get the same plan under every Python. Every order is tried with both rules of `_lowest_gap`.
    """
    waiting = [(list(order), end) for order in orders for end in (0, bound)]
    tries = 1 + _EFFORT // (len(waiting) * (sum(map(len, neighbours)) + len(buffers)))
    state = 1
    for _ in range(tries):
        for order, end in waiting:
            offsets = _first_fit(buffers, neighbours, order, end)
            yield offsets
            ends = [offset + buffer.size for offset, buffer in zip(offsets, buffers, strict=True)]
            position = order.index(max(range(len(buffers)), key=ends.__getitem__))
            state = (state * 1103515245 + 12345) % 2**31  # the linear congruential generator of ISO C's example
            order.insert((state >> 8) % (position or len(order)), order.pop(position))


def _first_fit(
    buffers: Sequence[Buffer], neighbours: Sequence[Sequence[int]], order: Sequence[int], bound: int
) -> list[int]:
    """Return an offset for each buffer that no neighbour placed before it disputes."""
    offsets = [-1] * len(buffers)
    for index in order:
        taken = sorted(
            (offsets[other], offsets[other] + buffers[other].size) for other in neighbours[index] if offsets[other] >= 0
        )
        offsets[index] = _lowest_gap(taken, buffers[index].size, bound)
    return offsets
