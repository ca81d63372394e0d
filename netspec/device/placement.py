"""Buffers with live ranges -> offsets: the packing behind a memory plan, by greedy orders and, for the rest, search."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate, combinations

ALIGNMENT = 16
_EFFORT = 300_000  # comparisons of two buffers; a try of a 20-layer net takes some hundred
_BOUND_EFFORT = 60_000  # where parts are bound to each other: more finds next to nothing
_MOST_PAIRS = 1_000_000  # of buffers that are live together; with more, the search is left out


def aligned(size: int) -> int:
    """Return `size` rounded up to the arena's alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `start` to `end` of a buffer, needed from step `first` to step `last`, both included."""

    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """What is placed as one. Its bounds are multiples of the alignment; its parts need not live at the same time."""

    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return max(part.end for part in self.parts)

    @property
    def first(self) -> int:
        return min(part.first for part in self.parts)

    @property
    def last(self) -> int:
        return max(part.last for part in self.parts)

    def bytes_at(self, step: int) -> int:
        """Return how many of its bytes are needed at a step."""
        total = reach = 0
        for start, end in sorted((part.start, part.end) for part in self.parts if part.first <= step <= part.last):
            total += max(0, end - max(start, reach))
            reach = max(reach, end)
        return total


def buffer(size: int, first: int, last: int) -> Buffer:
    """Return a buffer of one part: `size` bytes from step `first` to step `last`."""
    return Buffer((Part(0, size, first, last),))


def largest_live(buffers: Sequence[Buffer], steps: int) -> tuple[int, int]:
    """Return the most bytes live at one step, and the first such step that runs an op. Step -1 is before the first.

    No placement ends below that.
    """
    changes = [0] * (steps + 3)
    for each in buffers:
        if len(each.parts) == 1:
            changes[each.first + 1] += each.size
            changes[each.last + 2] -= each.size
            continue
        before = 0
        bounds = {bound for part in each.parts for bound in (part.first, part.last + 1)}
        for step in sorted(bounds):
            now = each.bytes_at(step)
            changes[step + 1] += now - before
            before = now
    live = list(accumulate(changes))[: steps + 2]
    most = max(live)
    return most, min(max(live.index(most) - 1, 0), max(steps - 1, 0))


def top(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    """Return where the highest buffer ends."""
    return max((offset + each.size for offset, each in zip(offsets, buffers, strict=True)), default=0)


def place(buffers: Sequence[Buffer], bound: int) -> list[int]:
    """Return an offset a buffer: a placement that ends at `bound` if one is found, else the lowest that was found.

    Greedy orders are tried first as they are, then mended: the buffer that ended highest found no room, so it gets
    an earlier choice. What these leave open is decided by `search`. All effort is bounded, so that the time stays
    about linear in the number of buffers.
    """
    simple = all(len(each.parts) == 1 for each in buffers)
    best = _in_order_of_time(buffers, bound) if simple else None
    if best is not None and top(buffers, best) <= bound:
        return best
    forbidden = _forbidden(buffers)
    if forbidden is None:
        return best if best is not None else _side_by_side(buffers)
    for offsets in _greedy(buffers, forbidden, bound):
        if best is None or top(buffers, offsets) < top(buffers, best):
            best = offsets
        if top(buffers, best) <= bound:
            return best
    assert best is not None
    from netspec.device.placement_search import improve

    return improve(buffers, bound, best)


def _side_by_side(buffers: Sequence[Buffer]) -> list[int]:
    ends = list(accumulate(each.size for each in buffers))
    return [end - each.size for end, each in zip(ends, buffers, strict=True)]


def _in_order_of_time(buffers: Sequence[Buffer], bound: int) -> list[int]:
    """Return the offsets that an allocator gives which serves buffers of one part as they come."""
    offsets = [0] * len(buffers)
    live: list[tuple[int, int]] = []  # (start, end), sorted
    ending: list[tuple[int, int]] = []  # (last step, index), a heap
    for index in sorted(range(len(buffers)), key=lambda i: (buffers[i].first, -buffers[i].size)):
        (part,) = buffers[index].parts
        while ending and ending[0][0] < part.first:
            gone = heappop(ending)[1]
            del live[bisect_left(live, (offsets[gone], offsets[gone] + buffers[gone].size))]
        offsets[index] = _lowest([(start - part.end, end) for start, end in live], part.end, bound)
        insort(live, (offsets[index], offsets[index] + part.end))
        heappush(ending, (part.last, index))
    return offsets


def _lowest(forbidden: Sequence[tuple[int, int]], size: int, bound: int = 0) -> int:
    """Return the lowest offset that lies in none of the sorted open intervals (low, high).

    Above all of them it is the end of `bound`, if there is one with room for `size`. So the tensors of a chain stand
    at the two ends in turn, and the free bytes in one piece between them.
    """
    offset = 0
    for low, high in forbidden:
        if offset <= low:
            return offset
        offset = max(offset, high)
    return max(offset, bound - size) if forbidden else offset


Forbidden = list[list[tuple[int, int, int]]]
"""For each buffer (other, low, high): it may not stand between other's offset + low and other's offset + high."""


def _forbidden(buffers: Sequence[Buffer]) -> Forbidden | None:
    """Return what two buffers that are live together forbid each other; None if that would be too much."""
    forbidden: Forbidden = [[] for _ in buffers]
    live: list[int] = []
    pairs = 0
    for index in sorted(range(len(buffers)), key=lambda i: buffers[i].first):
        own = buffers[index]
        live = [other for other in live if buffers[other].last >= own.first]
        pairs += len(live)
        if pairs > _MOST_PAIRS:
            return None
        for other in live:
            for one in own.parts:
                for two in buffers[other].parts:
                    if one.first <= two.last and two.first <= one.last:
                        low, high = two.start - one.end, two.end - one.start
                        forbidden[index].append((other, low, high))
                        forbidden[other].append((index, -high, -low))
        live.append(index)
    return forbidden


def _greedy(buffers: Sequence[Buffer], forbidden: Forbidden, bound: int) -> Iterator[list[int]]:
    """Yield placements: of every order in turn, then of each with what ended highest moved to an earlier place.

    The place is drawn, which leaves dead ends that a fixed rule runs into; by a generator of our own, since the same
    net must get the same plan under every Python. Every order is tried with both rules of `_lowest`.
    """
    count = len(buffers)
    size = [each.size for each in buffers]
    length = [each.last - each.first + 1 for each in buffers]
    first = [each.first for each in buffers]
    orders = [
        sorted(range(count), key=lambda i: (-size[i], first[i])),
        sorted(range(count), key=lambda i: (-size[i] * length[i], first[i])),
        sorted(range(count), key=lambda i: (-length[i], -size[i])),
        sorted(range(count), key=lambda i: (first[i], -size[i])),
        sorted(range(count), key=lambda i: (-buffers[i].last, -size[i])),
    ]
    waiting = [(list(order), end) for order in orders for end in (0, bound)]
    effort = _EFFORT if all(len(each.parts) == 1 for each in buffers) else _BOUND_EFFORT
    tries = 1 + effort // (len(waiting) * (sum(map(len, forbidden)) + count))
    state = 1
    for _ in range(tries):
        for order, end in waiting:
            offsets = _first_fit(size, forbidden, order, end)
            yield offsets
            ends = [offset + each for offset, each in zip(offsets, size, strict=True)]
            position = order.index(max(range(count), key=ends.__getitem__))
            state = (state * 1103515245 + 12345) % 2**31  # the linear congruential generator of ISO C's example
            order.insert((state >> 8) % (position or count), order.pop(position))


def _first_fit(size: Sequence[int], forbidden: Forbidden, order: Sequence[int], bound: int) -> list[int]:
    """Return an offset for each buffer that none placed before it disputes."""
    offsets = [-1] * len(size)
    for index in order:
        taken = sorted(
            (offsets[other] + low, offsets[other] + high)
            for other, low, high in forbidden[index]
            if offsets[other] >= 0
        )
        offsets[index] = _lowest(taken, size[index], bound)
    return offsets


def overlaps(buffers: Sequence[Buffer], offsets: Sequence[int]) -> bool:
    """Return whether two buffers have a byte in common at a step at which both need it."""
    parts = [
        (offset + part.start, offset + part.end, part.first, part.last, index)
        for index, (each, offset) in enumerate(zip(buffers, offsets, strict=True))
        for part in each.parts
    ]
    return any(
        one[4] != two[4] and one[0] < two[1] and two[0] < one[1] and one[2] <= two[3] and two[2] <= one[3]
        for one, two in combinations(parts, 2)
    )
