"""Groups of layers that follow each other unchanged: what a spec says once, with `repeat`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST_PERIOD = 32
_LEAST_SAVING = 2


@dataclass(frozen=True, slots=True)
class Run:
    """`times` times the `period` items from `start` on."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        return self.start + self.period * self.times

    @property
    def saving(self) -> int:
        """Return how many layers need not be written, less what the repeat itself adds."""
        return self.period * (self.times - 1) - 1


def find_runs(items: Sequence[str | None], heads: Sequence[bool]) -> list[Run]:
    """Return runs that do not overlap, in order; those that save most are chosen first. None never repeats.

    Where a run could as well begin an item later, it begins at one of `heads`, if there is one: people begin a group
    with the layer that has the weights.
    """
    candidates = [
        run
        for period in range(1, min(_LONGEST_PERIOD, len(items) // 2) + 1)
        for run in _runs_of(items, heads, period)
        if run.saving >= _LEAST_SAVING
    ]
    chosen: list[Run] = []
    for run in sorted(candidates, key=lambda each: (-each.saving, each.period, not heads[each.start], each.start)):
        if all(run.end <= other.start or other.end <= run.start for other in chosen):
            chosen.append(run)
    return sorted(chosen, key=lambda each: each.start)


def _runs_of(items: Sequence[str | None], heads: Sequence[bool], period: int) -> list[Run]:
    """Return the longest runs of a period: where items equal those `period` later, stretch for stretch."""
    found: list[Run] = []
    start = 0
    while start + period < len(items):
        end = start
        while end + period < len(items) and items[end] is not None and items[end] == items[end + period]:
            end += 1
        times, spare = divmod(end - start, period)
        if times:
            starts = range(start, start + spare + 1)
            found.append(Run(next((at for at in starts if heads[at]), start), period, times + 1))
        start = end + 1
    return found
