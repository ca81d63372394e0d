"""The exact placement of pieces: branch and bound over how pairs of them lie, for what greedy orders leave open.

Two pieces that are live together allow some distances: one above the other, one below, or one laid in the other.
Bounds of the offsets follow from these, and what bounds exclude is dropped, as in scheduling with disjunctive
constraints. When all pieces fit at their lower bounds that is a placement; else a pair that does not fit is decided,
each way in turn.

Which pair is decided first makes all the difference and no rule is always good. So a try is given up early and another
is made with the order disturbed (see Gomes, Selman and Kautz 1998 on randomized restarts).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import add, mul

from netspec.device.memory.packing import ALIGNMENT, Overlay, Packing, aligned

_PATIENCE = ((4, 2_000), (12, 5_000), (30, 5_000))  # tries at one height, and pairs that are looked at in each; in turn
_USUAL_PAIRS = 128  # with more, each try takes as much longer
_EFFORT = 1_200_000  # pairs that are looked at in all
_MOST_PAIRS = 5_000
_MANY_PAIRS = 1_000  # from here on looking for a conflict counts four times, so that no spec takes many seconds
_DISORDER = 0.02  # how often overlays are tried last
_DEAD = -1
_RULES: tuple[Callable[[int, int], int], ...] = (min, add, mul)  # of two sizes: what a conflict weighs

Range = tuple[int, int]
"""Allowed distances between two offsets, both ends included."""
_FAR = 1 << 60  # as a distance: any


def search(packing: Packing, bound: int, best: list[int]) -> list[int]:
    """Return the lowest placement, or the lowest that was found before the effort was spent.

    `best` is one, and no placement ends below `bound`.
    """
    puzzle = _Puzzle.of(packing)
    if puzzle is None:
        return best
    for tries, effort in _PATIENCE:
        height = low = bound
        while low < packing.top(best) and puzzle.spent < _EFFORT:
            found, proven = puzzle.solve(height, tries, effort)
            if found is not None:
                best = found
            else:
                low = height + ALIGNMENT
                bound = low if proven else bound
            height = (low + packing.top(best)) // 2 // ALIGNMENT * ALIGNMENT
    return best


def lay(packing: Packing, best: list[int]) -> list[int]:
    """Return a placement no higher than `best` in which more pieces lie in joins, if one is found: that saves copies.

    All are tried together, then one after the other.
    """
    wanted = {(each.inner, each.outer) for each in packing.overlays if not each.replaces}
    laid = {(each.inner, each.outer) for each in packing.laid(best)} & wanted
    puzzle = _Puzzle.of(packing) if laid < wanted else None
    if puzzle is None:
        return best
    height = packing.top(best)
    for more in (wanted, *({each} for each in sorted(wanted, key=lambda pair: packing.pieces[pair[1]].first))):
        if not more <= laid and puzzle.spent < _EFFORT // 8:
            found, _ = puzzle.solve(height, *_PATIENCE[0], laid | more)
            if found is not None:
                best = found
                laid = {(each.inner, each.outer) for each in packing.laid(best)} & wanted
    return best


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two pieces that are live together, the distances offset[one] - offset[two] that they allow, in order.

    `saving` is the index of what is saved while one can lie in the other.
    """

    one: int
    two: int
    allowed: tuple[Range, ...]
    saving: int | None


@dataclass(slots=True)
class _State:
    """What is known of the offsets after some pairs were decided: their bounds, and what each pair still allows."""

    low: list[int]
    high: list[int]
    allowed: list[tuple[Range, ...]]
    live: list[int]
    """Bytes by step, from the first on, that cannot be less."""
    ways: list[int]
    """By saving: overlays that are still possible."""

    def copy(self) -> _State:
        return _State(self.low[:], self.high[:], self.allowed[:], self.live[:], self.ways[:])


class _Spent(Exception):
    """The effort of a try."""


@dataclass(slots=True)
class _Puzzle:
    packing: Packing
    pairs: list[_Pair]
    loose: list[bool]
    savings: list[tuple[int, int, tuple[Overlay, ...]]]
    of_piece: list[list[int]]
    """The pairs of each piece."""
    ways_in: list[list[int]]
    """The pairs in which a piece may lie in the other one."""
    first: int
    height: int = 0
    effort: int = 0
    """What is left for a try."""
    spent: int = 0
    tries: int = 0
    random: Iterator[float] = field(default_factory=lambda: _random())
    rule: Callable[[int, int], int] = min
    reaches: list[tuple[int, int, int, int]] = field(init=False)
    """Of each pair: its pieces, and the distances from which on the first lies above the second, or below it."""

    def __post_init__(self) -> None:
        sizes = [piece.size for piece in self.packing.pieces]
        self.reaches = [(pair.one, pair.two, sizes[pair.two], -sizes[pair.one]) for pair in self.pairs]

    @staticmethod
    def of(packing: Packing) -> _Puzzle | None:
        """Return the pairs that are live together; None if they are too many."""
        pieces, savings = packing.pieces, packing.savings()
        saving = {overlay: index for index, (_, _, overlays) in enumerate(savings) for overlay in overlays}
        overlays: dict[tuple[int, int], list[Overlay]] = {}
        for each in packing.overlays:
            overlays.setdefault((each.inner, each.outer), []).append(each)
        pairs: list[_Pair] = []
        of_piece: list[list[int]] = [[] for _ in pieces]
        ways_in: list[list[int]] = [[] for _ in pieces]
        live: list[int] = []
        for one in sorted(range(len(pieces)), key=lambda i: pieces[i].first):
            live = [two for two in live if pieces[two].last >= pieces[one].first]
            if len(pairs) + len(live) > _MOST_PAIRS:
                return None
            for two in live:  # which began earlier, or together: so an overlay's outer piece is `one`
                laid = overlays.get((two, one), [])
                points = sorted({-each.offset for each in laid})
                allowed = ((-_FAR, -pieces[one].size), *((at, at) for at in points), (pieces[two].size, _FAR))
                for index in (one, two):
                    of_piece[index].append(len(pairs))
                if laid:
                    ways_in[two].append(len(pairs))
                pairs.append(_Pair(one, two, allowed, saving[laid[0]] if laid else None))
            live.append(one)
        return _Puzzle(packing, pairs, packing.loose(), savings, of_piece, ways_in, packing.first)

    def solve(
        self, height: int, tries: int, effort: int, laid: Container[tuple[int, int]] = ()
    ) -> tuple[list[int] | None, bool]:
        """Return a placement that ends at `height` at most, if one is found, and whether that answer is sure.

        The pairs `laid` must lie in each other.
        """
        self.height = height
        start = self._start(laid)
        for _ in range(tries):
            weights = [0.5 + 2 * next(self.random) ** 2 if self.tries else 1.0 for _ in self.pairs]
            self.rule = _RULES[self.tries % len(_RULES)]
            self.tries += 1
            given = self.effort = effort * max(len(self.pairs), _USUAL_PAIRS) // _USUAL_PAIRS
            try:
                return self._try(start, weights), True
            except _Spent:
                if self.spent > _EFFORT:
                    break
            finally:
                self.spent += given - self.effort
        return None, False

    def _start(self, laid: Container[tuple[int, int]]) -> _State:
        """Return what is known before anything is decided."""
        allowed = [
            tuple(way for way in pair.allowed if _has_point([way])) if (pair.two, pair.one) in laid else pair.allowed
            for pair in self.pairs
        ]
        pieces = zip(self.packing.pieces, self.loose, strict=True)
        high = [self.height - (piece.size if free else aligned(piece.size)) for piece, free in pieces]
        ways = [0] * len(self.savings)
        for pair in self.pairs:
            if pair.saving is not None:
                ways[pair.saving] += 1
        return _State([0] * len(high), high, allowed, self.packing.live_bytes(), ways)

    def _try(self, start: _State, weights: Sequence[float]) -> list[int] | None:
        """Return a placement, None if there is none. Raises `_Spent`."""
        state = start.copy()
        if min(state.high, default=0) < 0 or max(state.live, default=0) > self.height:
            return None
        waiting: list[tuple[_State, int, Range]] = []
        alive = self._follow(state, range(len(self.pairs)))
        while True:
            number = self._next(state, weights) if alive else _DEAD
            if number is None:
                return state.low
            if number != _DEAD:
                waiting += [(state, number, way) for way in self._ways(state, number)]
            if not waiting:
                return None
            state, number, way = waiting.pop()
            state = state.copy()
            alive = self._restrict(state, number, (way,)) and self._follow(state, [number])

    def _next(self, state: _State, weights: Sequence[float]) -> int | None:
        """Return the pair to decide; None if the lower bounds are a placement, `_DEAD` if there is none."""
        while True:
            conflict = self._conflict(state, weights)
            if conflict is not None:
                return conflict
            crooked = self._crooked(state)
            if crooked is None:
                return None
            piece, undecided = crooked
            if undecided is not None:
                return undecided
            state.low[piece] = aligned(state.low[piece])
            if state.low[piece] > state.high[piece] or not self._follow(state, self.of_piece[piece]):
                return _DEAD

    def _conflict(self, state: _State, weights: Sequence[float]) -> int | None:
        """Return, of the pairs that would overlap at their lower bounds, the one whose sizes weigh most."""
        low, allowed, rule = state.low, state.allowed, self.rule
        found, most = None, 0.0
        for number, (one, two, above, below) in enumerate(self.reaches):  # the search spends its time here
            distance = low[one] - low[two]
            if distance >= above or distance <= below:
                continue
            for first, last in allowed[number]:
                if first <= distance <= last:
                    break
            else:
                weight = weights[number] * rule(-below, above)
                if weight > most:
                    found, most = number, weight
        self._spend(len(self.pairs) // (8 if len(self.pairs) <= _MANY_PAIRS else 2))
        return found

    def _crooked(self, state: _State) -> tuple[int, int | None] | None:
        """Return a piece that begins at no multiple of 16 and lies in no other, and a pair that may bring it there."""
        if all(offset % ALIGNMENT == 0 for offset in state.low):
            return None
        inside = {each.inner for each in self.packing.laid(state.low)}
        for piece, offset in enumerate(state.low):
            if offset % ALIGNMENT and piece not in inside:
                ways = [number for number in self.ways_in[piece] if len(state.allowed[number]) > 1]
                return piece, next((number for number in ways if _has_point(state.allowed[number])), None)
        return None

    def _ways(self, state: _State, number: int) -> list[Range]:
        """Return how a pair may lie, what is to be tried first last: in each other, then where there is most room."""
        pair = self.pairs[number]
        lies_first = next(self.random) >= _DISORDER

        def rank(way: Range) -> tuple[bool, int]:
            first, last = way
            if first == last:
                return lies_first, 0
            above, below = (pair.one, pair.two) if first > -_FAR else (pair.two, pair.one)
            return not lies_first, state.high[above] - state.low[below] - self.packing.pieces[below].size

        return sorted(state.allowed[number], key=rank)

    def _restrict(self, state: _State, number: int, allowed: tuple[Range, ...]) -> bool:
        """Leave a pair these ways only; return whether what is live still fits, now that less may be saved."""
        pair = self.pairs[number]
        before, state.allowed[number] = state.allowed[number], allowed
        if pair.saving is None or _has_point(allowed) or not _has_point(before):
            return True
        state.ways[pair.saving] -= 1
        if state.ways[pair.saving]:
            return True
        step, size, _ = self.savings[pair.saving]
        at = step - self.first
        state.live[at] += size
        return state.live[at] <= self.height

    def _follow(self, state: _State, changed: Iterable[int]) -> bool:
        """Tighten bounds and drop ways until nothing follows any more; return whether all pieces still have a place."""
        low, high = state.low, state.high
        waiting = list(changed)
        queued = set(waiting)
        while waiting:
            number = waiting.pop()
            queued.discard(number)
            self._spend(1)
            one, two = self.pairs[number].one, self.pairs[number].two
            allowed = state.allowed[number]
            if len(allowed) > 1:
                nearest, farthest = low[one] - high[two], high[one] - low[two]
                left = tuple([way for way in allowed if way[1] >= nearest and way[0] <= farthest])
                if not left or (len(left) < len(allowed) and not self._restrict(state, number, left)):
                    return False
                allowed = left
            least, most = allowed[0][0], allowed[-1][1]
            moved = []
            if low[two] + least > low[one]:
                low[one] = self._up(one, low[two] + least)
                moved.append(one)
            if low[one] - most > low[two]:
                low[two] = self._up(two, low[one] - most)
                moved.append(two)
            if high[two] + most < high[one]:
                high[one] = self._down(one, high[two] + most)
                moved.append(one)
            if high[one] - least < high[two]:
                high[two] = self._down(two, high[one] - least)
                moved.append(two)
            for piece in moved:
                if low[piece] > high[piece]:
                    return False
                for other in self.of_piece[piece]:
                    if other not in queued:
                        queued.add(other)
                        waiting.append(other)
        return True

    def _up(self, piece: int, offset: int) -> int:
        return offset if self.loose[piece] else aligned(offset)

    def _down(self, piece: int, offset: int) -> int:
        return offset if self.loose[piece] else offset // ALIGNMENT * ALIGNMENT

    def _spend(self, effort: int) -> None:
        self.effort -= effort
        if self.effort < 0:
            raise _Spent


def _has_point(allowed: Iterable[Range]) -> bool:
    return any(first == last for first, last in allowed)


def _random() -> Iterator[float]:
    """Yield numbers from 0 to 1, the same under every Python: by the generator of ISO C's example."""
    state = 1
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield (state >> 8) / 2**23
