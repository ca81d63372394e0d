"""Pieces with live ranges that are to lie in one arena: the rules, and a bound below which no placement is.

A piece may stand in another at the one step at which both are needed: an input in the output that takes its place, or
in the join that it is a part of. That is allowed and never forced, so which of them do is found with the offsets.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
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


@dataclass(frozen=True)
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
        changes: defaultdict[int, int] = defaultdict(int)  # by step
        for piece, free in zip(self.pieces, loose, strict=True):
            size = _counted(piece, free)
            changes[piece.first] += size
            changes[piece.last + 1] -= size
        movable: dict[int, int] = {}
        gaps: dict[int, list[tuple[int, bool]]] = {}
        for piece, free in zip(self.pieces, loose, strict=True) if any(loose) else ():
            gap = piece.size - aligned(piece.size)
            for step, sign in ((piece.first, 1), (piece.last + 1, -1)):
                if free:
                    movable[step] = movable.get(step, 0) + sign
                elif gap:
                    gaps.setdefault(step, []).append((gap, sign > 0))
        for step, size, _ in self.savings():
            changes[step] -= size
            changes[step + 1] += size
        runs, live, count = [], 0, 0
        open_gaps: list[int] = []  # sorted, the widest first, as negative numbers
        steps = sorted(changes)
        for step, after in pairwise(steps):
            live += changes[step]
            count += movable.get(step, 0)
            for gap, begins in gaps.get(step, ()):
                if begins:
                    insort(open_gaps, gap)
                else:
                    del open_gaps[bisect_left(open_gaps, gap)]
            runs.append((step, after - 1, live + sum(open_gaps[:count])))
        return runs

    @cached_property
    def largest_live(self) -> tuple[int, int]:
        """The least bytes that any placement takes, and the first step of those that need them."""
        step, _, most = max(self.live_runs(), key=itemgetter(2), default=(-1, -1, 0))
        return aligned(most), step

    def top(self, offsets: Sequence[int]) -> int:
        """Return where the highest piece ends, as the size of an arena."""
        return aligned(max((at + piece.size for at, piece in zip(offsets, self.pieces, strict=True)), default=0))

    def laid(self, offsets: Sequence[int]) -> tuple[Overlay, ...]:
        """Return the overlays that a placement makes use of."""
        return tuple(each for each in self.overlays if offsets[each.inner] == offsets[each.outer] + each.offset)

    def settled(self, offsets: Sequence[int]) -> Packing:
        """Return the packing with no overlays but those that a placement makes use of."""
        laid = self.laid(offsets)
        return self if len(laid) == len(self.overlays) else Packing(self.pieces, laid)

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
