"""The packing of buffers: greedy orders, and the search that is exact where these leave something open."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from netspec.device.placement import Buffer, Part, buffer, largest_live, overlaps, place, top
from netspec.device.placement_search import improve, stacked

ENOUGH = 10**9


def buffers(*rows: tuple[int, int, int]) -> list[Buffer]:
    return [buffer(size, first, last) for size, first, last in rows]


def fits(given: Sequence[Buffer], height: int, offsets: tuple[int, ...] = ()) -> bool:
    """Return whether there is a placement below `height`, by trying every multiple of 16 for every buffer."""
    if len(offsets) == len(given):
        return True
    placed = given[: len(offsets) + 1]
    return any(
        not overlaps(placed, [*offsets, at]) and fits(given, height, (*offsets, at))
        for at in range(0, height - placed[-1].size + 1, 16)
    )


def random_buffers(random: Random, most: int) -> list[Buffer]:
    rows = []
    for _ in range(random.randint(2, most)):
        first = random.randint(0, 7)
        rows.append((16 * random.randint(1, 6), first, min(7, first + random.randint(0, 4))))
    return buffers(*rows)


def test_a_chain_of_uneven_sizes_stands_at_both_ends_in_turn() -> None:
    # From the bottom up, the third would stand on the second's old place and leave the fourth none.
    rows = buffers((2048, 0, 1), (2592, 1, 2), (2048, 2, 3), (2048, 3, 4), (2592, 4, 5), (2048, 5, 6))
    assert top(rows, place(rows, 4640)) == 4640


def test_where_no_placement_reaches_the_bound_the_lowest_is_kept() -> None:
    rows = buffers((32, 0, 1), (16, 1, 2))
    assert sorted(place(rows, 0)) == [0, 32]


def test_very_many_buffers_at_once_are_placed_without_the_search() -> None:
    rows = buffers(*[(16, 0, 1)] * 3000)
    assert sorted(place(rows, 0)) == [16 * index for index in range(3000)]


def test_the_search_finds_what_trying_everything_finds() -> None:
    random = Random(0)
    for _ in range(30):
        given = random_buffers(random, 5)
        bound, _ = largest_live(given, 8)
        for height in (bound - 16, bound):
            found = stacked(given, height, [ENOUGH])
            assert (found is not None) == fits(given, height)
        assert found is not None
        assert top(given, found) == bound
        assert not overlaps(given, found)


def test_a_gap_that_cannot_be_closed_is_proven() -> None:
    # Some of 200,000 random sets, made as small as it stays one.
    rows = buffers(
        *((48, 3, 3), (64, 2, 2), (16, 2, 4), (48, 2, 3), (32, 6, 6), (48, 8, 8), (16, 4, 8), (16, 3, 6), (64, 4, 8))
    )
    bound, _ = largest_live(rows, 9)
    assert bound == 128
    effort = [ENOUGH]
    assert stacked(rows, bound, effort) is None
    assert effort[0] > 0  # it looked at all there is
    assert not fits(rows, bound)
    offsets = place(rows, bound)
    assert not overlaps(rows, offsets)
    assert top(rows, offsets) == bound + 16


def test_the_search_ends_when_its_effort_is_spent() -> None:
    rows = random_buffers(Random(5), 40)
    effort = [3]
    assert stacked(rows, largest_live(rows, 8)[0], effort) is None
    assert effort[0] <= 0


@pytest.mark.parametrize("seed", range(40))
def test_parts_that_are_bound_together_stay_apart_from_others(seed: int) -> None:
    random = Random(seed)
    given = random_buffers(random, 7)
    for _ in range(random.randint(1, 3)):
        low, high = 16 * random.randint(1, 3), 16 * random.randint(1, 3)
        first, second, last = sorted(random.randint(0, 7) for _ in range(3))
        lower, upper = Part(0, low, first, last), Part(low, low + high, second, last)
        given.append(
            Buffer(random.choice([(lower, upper), (Part(0, low, second, last), Part(low, low + high, first, last))]))
        )
    bound, _ = largest_live(given, 8)
    offsets = place(given, bound)
    assert not overlaps(given, offsets)
    assert bound <= top(given, offsets) <= sum(each.size for each in given)
    assert all(offset % 16 == 0 and offset >= 0 for offset in offsets)
    side_by_side = [sum(each.size for each in given[:index]) for index in range(len(given))]
    improved = improve(given, bound, side_by_side)
    assert not overlaps(given, improved)
    assert top(given, improved) <= top(given, side_by_side)


def test_live_bytes_count_what_parts_share_once() -> None:
    both = Buffer((Part(0, 32, 0, 2), Part(16, 64, 2, 4), Part(80, 96, 2, 2)))
    assert [both.bytes_at(step) for step in range(-1, 6)] == [0, 32, 32, 80, 48, 48, 0]
    assert largest_live([both, buffer(16, 3, 4)], 5) == (80, 2)
