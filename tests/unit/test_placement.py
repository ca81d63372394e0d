"""The packing of pieces: quick orders, and the search that is exact where these leave something open."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from random import Random

import pytest

from netspec.device.memory import search as placement_search
from netspec.device.memory.packing import Overlay, Packing, Piece
from netspec.device.memory.placement import place
from netspec.device.memory.search import lay, search


def overlaps(packing: Packing, offsets: Sequence[int]) -> bool:
    """Return whether two pieces share a byte at a step at which both need it, and neither is laid in the other."""
    laid = {frozenset((each.inner, each.outer)) for each in packing.laid(offsets)}
    return any(
        packing.pieces[one].meets(packing.pieces[two])
        and offsets[one] < offsets[two] + packing.pieces[two].size
        and offsets[two] < offsets[one] + packing.pieces[one].size
        and frozenset((one, two)) not in laid
        for one, two in combinations(range(len(offsets)), 2)
    )


def pieces(*rows: tuple[int, int, int]) -> Packing:
    return Packing(tuple(Piece(*row) for row in rows))


def fits(packing: Packing, height: int) -> bool:
    """Return whether there is a placement that ends at `height` at most, by trying everything."""
    order = sorted(range(len(packing.pieces)), key=lambda i: -packing.pieces[i].first)  # outer ones before inner ones

    def rest(placed: dict[int, int]) -> bool:
        if len(placed) == len(order):
            return True
        index = order[len(placed)]
        size = packing.pieces[index].size
        offsets = set(range(0, height - size + 1, 16))
        offsets |= {placed[each.outer] + each.offset for each in packing.overlays if each.inner == index}
        some = sorted([*placed, index])
        return any(
            at + size <= height
            and not overlaps(packing.part(some), [{**placed, index: at}[each] for each in some])
            and rest({**placed, index: at})
            for at in offsets
        )

    return rest({})


def random_pieces(random: Random, most: int) -> Packing:
    rows = []
    for _ in range(random.randint(2, most)):
        first = random.randint(0, 7)
        rows.append((16 * random.randint(1, 6), first, min(7, first + random.randint(0, 4))))
    return pieces(*rows)


def random_joins(random: Random) -> Packing:
    """Return pieces of any sizes, some of which may lie in one that joins them or replace another."""
    found: list[Piece] = []
    overlays: list[Overlay] = []
    read: set[int] = set()
    for step in range(1, random.randint(4, 6)):
        waiting = [index for index, piece in enumerate(found) if piece.last < step and index not in read]
        ending = random.sample(waiting, min(len(waiting), random.randint(0, 2)))
        read.update(ending)
        size = random.randint(1, 40)
        for index in ending:
            found[index] = Piece(found[index].size, found[index].first, step)
        if len(ending) == 2:
            size = sum(found[index].size for index in ending)
            overlays += [
                Overlay(ending[0], len(found), 0, replaces=False),
                Overlay(ending[1], len(found), found[ending[0]].size, replaces=False),
            ]
        elif ending:
            size = found[ending[0]].size
            overlays.append(Overlay(ending[0], len(found), 0, replaces=True))
        found.append(Piece(size, step, step + random.randint(0, 1)))
    return Packing(tuple(found), tuple(overlays))


def test_a_chain_of_uneven_sizes_stands_at_both_ends_in_turn() -> None:
    # From the bottom up, the third would stand on the second's old place and leave the fourth none.
    rows = pieces((2048, 0, 1), (2592, 1, 2), (2048, 2, 3), (2048, 3, 4), (2592, 4, 5), (2048, 5, 6))
    assert rows.top(place(rows)) == 4640


def test_very_many_pieces_at_once_are_placed_without_the_search() -> None:
    rows = pieces(*[(16, 0, 1)] * 3000)
    assert sorted(place(rows)) == [16 * index for index in range(3000)]


@pytest.mark.parametrize("seed", range(60))
def test_no_placement_is_lower_by_trying_everything(seed: int) -> None:
    random = Random(seed)
    packing = random_pieces(random, 5) if seed % 2 else random_joins(random)
    offsets = place(packing)
    height = packing.top(offsets)
    assert not overlaps(packing, offsets)
    assert packing.largest_live[0] <= height
    assert fits(packing, height)
    assert not fits(packing, height - 16)
    inside = {each.inner for each in packing.laid(offsets)}
    assert all(at % 16 == 0 or index in inside for index, at in enumerate(offsets))
    # From the worst there is, the search comes to the same.
    worst = [sum(piece.size + 15 for piece in packing.pieces[:index]) // 16 * 16 for index in range(len(offsets))]
    assert packing.top(search(packing, packing.largest_live[0], worst)) == height


def test_a_gap_that_cannot_be_closed_is_proven() -> None:
    # Some of 200,000 random sets, made as small as it stays one.
    rows = pieces(
        *((48, 3, 3), (64, 2, 2), (16, 2, 4), (48, 2, 3), (32, 6, 6), (48, 8, 8), (16, 4, 8), (16, 3, 6), (64, 4, 8))
    )
    assert rows.largest_live[0] == 128
    assert not fits(rows, 128)
    offsets = place(rows)
    assert not overlaps(rows, offsets)
    assert rows.top(offsets) == 144


def test_the_search_ends_when_its_effort_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_pieces(Random(5), 40)
    worst = [16 * 6 * index for index in range(len(rows.pieces))]
    assert rows.top(search(rows, rows.largest_live[0], worst)) < rows.top(worst)
    monkeypatch.setattr(placement_search, "_PATIENCE", ((1, -(10**6)),))
    assert search(rows, rows.largest_live[0], worst) == worst
    monkeypatch.setattr(placement_search, "_MOST_PAIRS", 3)
    assert search(rows, rows.largest_live[0], worst) == worst


def test_where_it_costs_no_byte_a_piece_lies_in_its_join() -> None:
    # There is room for it elsewhere, under what is live before.
    packing = Packing((Piece(64, 0, 0), Piece(8, 0, 1), Piece(8, 0, 1), Piece(16, 1, 2)), ())
    both = (Overlay(1, 3, 0, replaces=False), Overlay(2, 3, 8, replaces=False))
    joined = Packing(packing.pieces, both)
    apart = place(packing)
    offsets = place(joined)
    assert joined.laid(offsets) == both
    assert joined.top(offsets) == joined.top(lay(joined, apart)) == 80


def test_a_join_that_costs_bytes_is_copied() -> None:
    # The part stands in the middle of where the join will be, and the large piece between them needs one piece of room.
    packing = Packing(
        (Piece(64, 0, 3), Piece(192, 1, 2), Piece(64, 2, 3), Piece(192, 3, 4)),
        (Overlay(0, 3, 64, replaces=False), Overlay(2, 3, 0, replaces=False)),
    )
    offsets = place(packing)
    assert not overlaps(packing, offsets)
    assert not fits(packing, packing.top(offsets) - 16)
    forced = Packing(packing.pieces, tuple(each for each in packing.overlays if each.inner == 0))
    assert packing.top(offsets) <= forced.top(place(forced))


def test_live_bytes_count_what_may_lie_in_another_piece_once() -> None:
    rows = (Piece(20, -1, 0), Piece(12, 0, 1), Piece(20, 1, 2))
    assert Packing(rows).live_bytes() == [32, 48, 48, 32]
    assert Packing(rows).largest_live == (48, 0)
    joined = Packing(rows, (Overlay(1, 2, 8, replaces=False),))
    # The middle one may begin anywhere then, so in what rounding leaves of another.
    assert joined.live_bytes() == [32, 32, 20, 32]
    alike = Packing((Piece(32, 0, 1), Piece(32, 0, 1), Piece(32, 1, 2)), ())
    replaced = (Overlay(0, 2, 0, replaces=True), Overlay(1, 2, 0, replaces=True))
    assert alike.live_bytes() == [64, 96, 32]
    assert Packing(alike.pieces, replaced).live_bytes() == [64, 64, 32]
