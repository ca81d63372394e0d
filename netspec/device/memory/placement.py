"""Pieces with live ranges -> offsets in one arena: the rules, a lower bound, and quick ways that most often reach it.

A piece may stand in another at the one step at which both are needed: an input in the output that takes its place, or
in the join that it is a part of. That is allowed and never forced, so which of them do is found with the offsets.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from operator import itemgetter

ALIGNMENT = 16


def aligned(size: int) -> int:
    """Return `size` rounded up to the arena's alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True)
class Piece:
    """`size` bytes that are needed from step `first` to step `last`, both included. Step -1 is before the first op."""

    size: int
    first: int
    last: int

    def meets(self, other: Piece) -> bool:
        """Return whether both are needed at some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Overlay:
    """The piece of index `inner` may begin at byte `offset` of piece `outer`, which begins to live when it ends.

    With `replaces` the two are alike, and at most one piece is replaced by an outer one.
    """

    inner: int
    outer: int
    offset: int
    replaces: bool


@dataclass(frozen=True, slots=True)
class Packing:
    """What is to be placed: pieces that are live together stand apart, unless one is laid over the other.

    A piece begins at a multiple of 16, unless it lies in another one that makes it begin elsewhere.
    """

    pieces: tuple[Piece, ...]
    overlays: tuple[Overlay, ...] = ()

    @property
    def first(self) -> int:
        """Return the first step at which anything is needed."""
        return min((piece.first for piece in self.pieces), default=0)

    @property
    def last(self) -> int:
        """Return the last step at which anything is needed."""
        return max((piece.last for piece in self.pieces), default=-1)

    def loose(self) -> list[bool]:
        """Return for each piece whether it can come to begin at something else than a multiple of 16."""
        found = [False] * len(self.pieces)
        # A piece ends where the outer one begins, so what that lies in is known if the latest come first.
        for each in sorted(self.overlays, key=lambda each: -self.pieces[each.outer].first):
            found[each.inner] = found[each.inner] or each.offset % ALIGNMENT > 0 or found[each.outer]
        return found

    def savings(self) -> list[tuple[int, int, tuple[Overlay, ...]]]:
        """Return what is counted once if at least one of some overlays is laid: (step, bytes, overlays)."""
        loose = self.loose()
        groups: dict[tuple[int, int], list[Overlay]] = {}
        for each in self.overlays:  # of pieces that a third one may replace, one is; in a join there may be all
            groups.setdefault((each.outer, -1 if each.replaces else each.inner), []).append(each)
        return [
            (self.pieces[outer].first, _counted(self.pieces[same[0].inner], loose[same[0].inner]), tuple(same))
            for (outer, _), same in groups.items()
        ]

    def live_bytes(self) -> list[int]:
        """Return for each step, from `first` on, what `live_runs` says of it."""
        return [live for first, last, live in self.live_runs() for _ in range(first, last + 1)]

    def live_runs(self) -> list[tuple[int, int, int]]:
        """Return bytes below which no placement can hold what is needed: (first step, last step, bytes), in order.

        Pieces that begin at multiples of 16 take whole sixteens, but for as many as there are pieces that can begin
        where another one ends. What may lie in another piece is counted with that.
        """
        if len(self.pieces) == 1:
            (only,) = self.pieces
            return [(only.first, only.last, aligned(only.size))]
        loose = self.loose()
        changes: dict[int, int] = {}  # by step
        movable: dict[int, int] = {}
        gaps: dict[int, list[tuple[int, bool]]] = {}
        for piece, free in zip(self.pieces, loose, strict=True):
            size = _counted(piece, free)
            for step, sign in ((piece.first, 1), (piece.last + 1, -1)):
                changes[step] = changes.get(step, 0) + sign * size
                if free:
                    movable[step] = movable.get(step, 0) + sign
                elif size > piece.size:
                    gaps.setdefault(step, []).append((piece.size - size, sign > 0))
        for step, size, _ in self.savings():
            changes[step] = changes.get(step, 0) - size
            changes[step + 1] = changes.get(step + 1, 0) + size
        runs, live, count = [], 0, 0
        open_gaps: list[int] = []  # sorted, the widest first, as negative numbers
        steps = sorted(changes)
        for step, after in pairwise(steps):
            live += changes[step]
            count += movable.get(step, 0)
            for gap, begins in gaps.get(step, ()) if movable else ():
                if begins:
                    insort(open_gaps, gap)
                else:
                    del open_gaps[bisect_left(open_gaps, gap)]
            runs.append((step, after - 1, live + sum(open_gaps[:count])))
        return runs

    def largest_live(self) -> tuple[int, int]:
        """Return the least bytes that any placement takes, and the first step of those that need them."""
        step, _, most = max(self.live_runs(), key=itemgetter(2), default=(-1, -1, 0))
        return aligned(most), step

    def top(self, offsets: Sequence[int]) -> int:
        """Return where the highest piece ends, as the size of an arena."""
        return aligned(max((at + piece.size for at, piece in zip(offsets, self.pieces, strict=True)), default=0))

    def laid(self, offsets: Sequence[int]) -> tuple[Overlay, ...]:
        """Return the overlays that a placement makes use of."""
        return tuple(each for each in self.overlays if offsets[each.inner] == offsets[each.outer] + each.offset)

    def part(self, chosen: Sequence[int]) -> Packing:
        """Return the packing of some of the pieces."""
        return self.parts([chosen])[0]

    def parts(self, chosen: Sequence[Sequence[int]]) -> list[Packing]:
        """Return a packing for each selection of pieces; no piece may be in two of them."""
        where = {piece: (part, index) for part, pieces in enumerate(chosen) for index, piece in enumerate(pieces)}
        overlays: list[list[Overlay]] = [[] for _ in chosen]
        for each in self.overlays:
            inner, outer = where.get(each.inner), where.get(each.outer)
            if inner and outer and inner[0] == outer[0]:
                overlays[inner[0]].append(Overlay(inner[1], outer[1], each.offset, each.replaces))
        return [
            Packing(tuple(self.pieces[piece] for piece in pieces), tuple(laid))
            for pieces, laid in zip(chosen, overlays, strict=True)
        ]


def _counted(piece: Piece, loose: bool) -> int:
    return piece.size if loose else aligned(piece.size)


def place(packing: Packing) -> list[int]:
    """Return an offset for each piece: of a placement that no other is lower than, or the lowest that was found.

    First pieces are served as they come, and the largest first; what these leave open is left to `search`, whose
    effort is bounded. Where it costs no byte, pieces lie in joins.
    """
    bound, _ = packing.largest_live()
    chains = _chains(packing)
    best = _in_order_of_time(packing, chains, bound)
    if packing.top(best) > bound:
        best = min(best, _largest_first(packing, chains), key=packing.top)
    if packing.top(best) > bound:
        from netspec.device.memory.search import search

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
