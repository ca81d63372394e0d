"""Pieces with live ranges -> offsets in one arena: quick ways that most often reach the bound, then a search."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from itertools import accumulate

from netspec.device.memory.packing import Packing, Piece, aligned


def place(packing: Packing) -> list[int]:
    """Return an offset for each piece: of a placement that no other is lower than, or the lowest that was found.

    First pieces are served as they come, and the largest first; what these leave open is left to `search`, whose
    effort is bounded. Where it costs no byte, pieces lie in joins.
    """
    bound, _ = packing.largest_live
    chains = _chains(packing)
    best = _in_order_of_time(packing, chains, bound)
    if packing.top(best) > bound:
        best = min(best, _largest_first(packing, chains), key=packing.top)
    if packing.top(best) > bound:
        from netspec.device.memory.search import search  # few nets need it

        best = search(packing, bound, best)
    if any(not each.replaces for each in packing.overlays):
        from netspec.device.memory.search import lay

        best = lay(packing, best)
    return best


def _chains(packing: Packing) -> list[list[int]]:
    """Return the pieces, those together that replace each other, the first that may wherever there is a choice."""
    chain = {index: [index] for index in range(len(packing.pieces))}
    replaced: set[int] = set()
    for each in packing.overlays:
        if each.replaces and each.outer not in replaced:
            replaced.add(each.outer)
            chain[each.inner].append(each.outer)
            chain[each.outer] = chain[each.inner]
    return list({id(pieces): pieces for pieces in chain.values()}.values())


def _in_order_of_time(packing: Packing, chains: Sequence[Sequence[int]], bound: int) -> list[int]:
    """Return the offsets that an allocator gives which serves chains as they come."""
    pieces = packing.pieces
    offsets = [0] * len(pieces)
    room = _Room()
    ending: list[tuple[int, tuple[int, int]]] = []  # (last step, (start, end)), a heap
    for chain in sorted(chains, key=lambda chain: (pieces[chain[0]].first, -pieces[chain[0]].size)):
        size = aligned(pieces[chain[0]].size)
        while ending and ending[0][0] < pieces[chain[0]].first:
            room.free(*heappop(ending)[1])
        start = room.take(size, bound)
        for index in chain:
            offsets[index] = start
        heappush(ending, (pieces[chain[-1]].last, (start, start + size)))
    return offsets


class _Room:
    """What is free between intervals that are taken: so thousands of them that leave no gap cost no time."""

    def __init__(self) -> None:
        self._gaps: list[tuple[int, int]] = []  # (start, end), sorted
        self._top = 0  # above it all is free

    def take(self, size: int, bound: int) -> int:
        """Take `size` bytes where `_lowest` finds them, and return the offset."""
        for index, (start, end) in enumerate(self._gaps):
            if end - start >= size:
                self._gaps[index : index + 1] = [(start + size, end)] if start + size < end else []
                return start
        start = max(self._top, bound - size) if self._top else 0
        if start > self._top:
            self._gaps.append((self._top, start))
        self._top = start + size
        return start

    def free(self, start: int, end: int) -> None:
        index = bisect_left(self._gaps, (start, end))
        if index and self._gaps[index - 1][1] == start:
            index -= 1
            start = self._gaps.pop(index)[0]
        if end == self._top:
            self._top = start
            return
        if index < len(self._gaps) and self._gaps[index][0] == end:
            end = self._gaps.pop(index)[1]
        self._gaps.insert(index, (start, end))


def _lowest(taken: Iterable[tuple[int, int]], size: int, bound: int) -> int:
    """Return the lowest offset with `size` free bytes beside the sorted intervals that are taken.

    Above all of them it is the end of `bound`, if there is one with room for `size`. So the tensors of a chain stand
    at the two ends in turn, and the free bytes in one piece between them.
    """
    offset, nothing = 0, True
    for start, end in taken:
        if offset + size <= start:
            return offset
        offset, nothing = max(offset, end), False
    return offset if nothing else max(offset, bound - size)


_MOST_PAIRS = 1_000_000  # of chains that are compared; with more, they are served as they come


def _largest_first(packing: Packing, chains: Sequence[Sequence[int]]) -> list[int]:
    """Return the offsets that the largest chains choose first, as TensorFlow Lite Micro plans."""
    pieces = packing.pieces
    offsets = list(accumulate((aligned(piece.size) for piece in pieces), initial=0))[:-1]
    if len(chains) ** 2 > _MOST_PAIRS:
        return offsets
    spans = [Piece(aligned(pieces[chain[0]].size), pieces[chain[0]].first, pieces[chain[-1]].last) for chain in chains]
    placed: list[tuple[int, int, Piece]] = []  # (start, end, who), sorted
    for number in sorted(range(len(chains)), key=lambda i: (-spans[i].size, spans[i].first)):
        own = spans[number]
        start = _lowest(((low, high) for low, high, other in placed if own.meets(other)), own.size, 0)
        insort(placed, (start, start + own.size, own), key=lambda each: each[:2])
        for index in chains[number]:
            offsets[index] = start
    return offsets
