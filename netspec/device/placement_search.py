"""The exact placement of buffers: branch and bound over stacks, for what greedy orders leave open.

In a placement that is pushed down, every buffer stands on the ground or on a buffer that is live with it. So all are
reached by placing buffers in the order of their offsets, each on the highest of what is below it. A branch ends where
at some step what is stacked and what is still to come is more than the height aimed at, or where another buffer would
fit whole below the one that was chosen: then that one comes first, and the branch is looked at there.

A buffer whose upper parts are needed before its lower ones is taken as needing these too, which may cost bytes; so the
same is tried upside down. Without such buffers what is found is the lowest placement there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netspec.device.placement import ALIGNMENT, Buffer, Part, top

_EFFORT = 200_000  # buffers that are looked at, over all heights
_TURNED_EFFORT = 10_000  # in each direction: where parts are bound to each other, more finds next to nothing
_MOST_BUFFERS = 300  # each is a level of recursion


def improve(buffers: Sequence[Buffer], bound: int, best: list[int]) -> list[int]:
    """Return the lowest placement, or the lowest that was found before the effort was spent."""
    if len(buffers) > _MOST_BUFFERS:
        return best
    turned = [_turned(each) for each in buffers]
    forms = [buffers] if turned == list(buffers) else [buffers, turned]
    efforts = [[_EFFORT if len(forms) == 1 else _TURNED_EFFORT] for _ in forms]
    for height in range(bound, top(buffers, best), ALIGNMENT):
        for form, effort in zip(forms, efforts, strict=True):
            found = stacked(form, height, effort) if effort[0] > 0 else None
            if found is not None and form is buffers:
                return found
            if found is not None:
                return [height - offset - each.size for offset, each in zip(found, buffers, strict=True)]
    return best


def stacked(buffers: Sequence[Buffer], height: int, effort: list[int]) -> list[int] | None:
    """Return a placement that ends at most at `height`; None if there is none, or the effort does not reach.

    `effort` holds how many buffers may be looked at, and is counted down: above 0 at the end, None is a proof.
    """
    begins = _begins(buffers)
    columns = [_column(each, begins) for each in buffers]
    slack = [height] * len(begins)  # by step: what may still be wasted
    for column in columns:
        for step, size in enumerate(column.tops, column.first):
            slack[step] -= size
    if min(slack) < 0:
        return None
    search = _Search(columns, slack, effort)
    return search.offsets if search.run(0, -1) else None


def _turned(given: Buffer) -> Buffer:
    """Return a buffer upside down."""
    size = given.size
    return Buffer(tuple(Part(size - part.end, size - part.start, part.first, part.last) for part in given.parts))


@dataclass(frozen=True, slots=True)
class _Column:
    """A buffer over the steps at which some buffer begins: from `first` on, where its highest live byte ends."""

    first: int
    tops: tuple[int, ...]

    @property
    def size(self) -> int:
        return max(self.tops)


def _begins(buffers: Sequence[Buffer]) -> list[int]:
    """Return the steps at which parts begin: two parts that are ever live together are so at one of them."""
    return sorted({part.first for each in buffers for part in each.parts})


def _column(given: Buffer, begins: Sequence[int]) -> _Column:
    tops = [
        max((part.end for part in given.parts if part.first <= step <= part.last), default=0)
        for step in begins
        if given.first <= step <= given.last
    ]
    return _Column(begins.index(given.first), tuple(tops))


class _Search:
    def __init__(self, columns: Sequence[_Column], slack: list[int], effort: list[int]) -> None:
        self._columns = columns
        self._slack = slack
        self._effort = effort
        self._stack = [0] * len(slack)
        self._to_come = [0] * len(slack)  # by step: buffers that wait
        for column in columns:
            for step in range(column.first, column.first + len(column.tops)):
                self._to_come[step] += 1
        self._waiting = set(range(len(columns)))
        self._twin: dict[int, int] = {}  # of buffers that are alike, the one before: it is placed first
        seen: dict[_Column, int] = {}
        for i, column in enumerate(columns):
            if column in seen:
                self._twin[i] = seen[column]
            seen[column] = i
        self.offsets = [0] * len(columns)

    def run(self, lowest: int, before: int) -> bool:
        """Place all that wait at `lowest` or above it, at `lowest` itself only those behind `before`."""
        if not self._waiting:
            return True
        grounds = {i: self._ground(self._columns[i]) for i in self._waiting}
        self._effort[0] -= len(grounds)
        if self._effort[0] <= 0:
            return False
        ceiling = min(ground + self._columns[i].size for i, ground in grounds.items())
        choices = [
            (ground, -self._columns[i].size, i)
            for i, ground in grounds.items()
            if ground < ceiling and (ground > lowest or (ground == lowest and i > before))
            if self._twin.get(i) not in grounds
        ]
        for ground, _, i in sorted(choices):
            if self._fits(i, ground):
                undo = self._put(i, ground)
                if self.run(ground, i):
                    return True
                self._take(i, undo)
                if self._effort[0] <= 0:
                    return False
        return False

    def _ground(self, column: _Column) -> int:
        return max(self._stack[column.first : column.first + len(column.tops)])

    def _fits(self, i: int, ground: int) -> bool:
        """Return whether no step loses more than it may: what comes after `i` stands no lower than `ground`."""
        return all(
            ground - stack <= slack or not to_come
            for stack, slack, to_come in zip(self._stack, self._slack, self._to_come, strict=True)
        )

    def _put(self, i: int, ground: int) -> list[int]:
        """Stack buffer `i`; return what `_take` needs."""
        column = self._columns[i]
        undo = self._stack[column.first : column.first + len(column.tops)]
        for step, size in enumerate(column.tops, column.first):
            self._slack[step] -= ground - self._stack[step]
            self._stack[step] = ground + size
            self._to_come[step] -= 1
        self._waiting.remove(i)
        self.offsets[i] = ground
        return undo

    def _take(self, i: int, undo: list[int]) -> None:
        column = self._columns[i]
        for step, stack in enumerate(undo, column.first):
            self._slack[step] += self.offsets[i] - stack
            self._to_come[step] += 1
        self._stack[column.first : column.first + len(undo)] = undo
        self._waiting.add(i)
