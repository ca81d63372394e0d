"""Groups of layers that follow each other unchanged: what a spec says once, with `repeat`."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

_LONGEST_PERIOD = 32
_LEAST_SAVING = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """What may be repeated: a layer, or the use of a block.

    `identity` is what makes it the same as another, None where it must stand by itself. `name` is the model's, `kind`
    what the spec's numbering would call it, and `given` says that the name must stay. At a `head` people begin a group:
    with the layer that has the weights. A use of a block (`is_use`) is short enough to be repeated sooner.
    """

    identity: str | None
    name: str | None
    kind: str
    given: bool
    head: bool
    is_use: bool = False

    def is_counted(self) -> bool:
        """Say whether a repeat gives the name without being told."""
        return self.name is not None and re.fullmatch(rf"{re.escape(self.kind)}(_\d+){{1,2}}", self.name) is not None


@dataclass(frozen=True, slots=True)
class Run:
    """`times` times the `period` entries from `start` on.

    `told`: the model's names are those that a repeat gives; `sure`: and nothing else gives them.
    """

    start: int
    period: int
    times: int
    told: bool = False
    sure: bool = False

    @property
    def end(self) -> int:
        return self.start + self.period * self.times

    @property
    def saving(self) -> int:
        """Return how many entries need not be written, less what the repeat itself adds."""
        return self.period * (self.times - 1) - 1


def stem_of(name: str) -> str:
    """Return a name without its number: what a repeat calls a layer whose turns are numbered."""
    return re.sub(r"_\d+$", "", name)


def find_runs(entries: Sequence[Entry]) -> list[Run]:
    """Return runs that do not overlap, in order; those that save most are chosen first.

    Where a run could as well begin an entry later, it begins at a head, if there is one. Names that somebody chose
    are kept, so a run of these must be told. A sure one may save nothing: it is what the model was made of.
    """
    names = {entry.name for entry in entries}
    candidates = [
        run
        for period in range(1, min(_LONGEST_PERIOD, len(entries) // 2) + 1)
        for run in _runs_of(entries, names, period)
        if run.sure or run.saving >= (1 if run.told or entries[run.start].is_use else _LEAST_SAVING)
        if run.told or not any(entries[index].given for index in range(run.start, run.end))
    ]
    chosen: list[Run] = []
    for run in sorted(candidates, key=lambda each: _rank(entries, each)):
        if all(run.end <= other.start or other.end <= run.start for other in chosen):
            chosen.append(run)
    return sorted(chosen, key=lambda each: each.start)


def _rank(entries: Sequence[Entry], run: Run) -> tuple[bool, int, int, bool, int]:
    return not run.told, -run.saving, run.period, not entries[run.start].head, run.start


def _runs_of(entries: Sequence[Entry], names: Set[str | None], period: int) -> list[Run]:
    """Return the longest runs of a period: where entries equal those `period` later, stretch for stretch."""
    found: list[Run] = []
    start = 0
    while start + period < len(entries):
        end = start
        while end + period < len(entries) and _same(entries[end], entries[end + period]):
            end += 1
        times, spare = divmod(end - start, period)
        if times:
            starts = range(start, start + spare + 1)
            found.append(Run(next((at for at in starts if entries[at].head), start), period, times + 1))
            found += _told(entries, names, start, end + period, period)
        start = end + 1
    return found


def _same(one: Entry, other: Entry) -> bool:
    return one.identity is not None and one.identity == other.identity


def _told(entries: Sequence[Entry], names: Set[str | None], start: int, end: int, period: int) -> list[Run]:
    """Return the runs of a stretch whose names are numbered as the turns of a repeat are, from 1 on.

    Keras' own numbering looks alike from the second group on; there the first bears the same names without a number.
    """
    found: list[Run] = []
    at = start
    while at + 2 * period <= end:
        times = 0
        if _numbered(entries[at], 1):
            stems = [stem_of(entries[index].name or "") for index in range(at, at + period)]
            before = [entries[index].name for index in range(max(start, at - period), at)]
            while before != stems and at + (times + 1) * period <= end:
                turn = range(at + times * period, at + (times + 1) * period)
                if any(entries[i].name != f"{stem}_{times + 1}" for i, stem in zip(turn, stems, strict=True)):
                    break
                times += 1
        if times > 1:
            sure = names.isdisjoint(stems) and all(each.is_counted() for each in entries[at : at + period])
            found.append(Run(at, period, times, told=True, sure=sure))
        at += max(1, times * period)
    return found


def _numbered(entry: Entry, turn: int) -> bool:
    return entry.name is not None and entry.name.endswith(f"_{turn}")
