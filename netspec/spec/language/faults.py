"""Collecting what is wrong while blocks and repeats are unrolled: each fault once, with the uses that led there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from netspec.diagnostics import MAX_FAULTS, Diagnostic, Note, Span, counts

MAX_USES = 6
"""Most notes that a finding gets about the uses that led to it."""


class Enough(Exception):
    """The spec comes to more than the limits, or has so many faults that nobody reads more; both were reported."""


class Faults:
    """The findings of one spec, in the order found. `uses` are the block uses being unrolled, outermost first.

    The last of `MAX_FAULTS` that count raises `Enough`, or with `stops` false is the last one that is kept.
    """

    def __init__(self, *, stops: bool = True) -> None:
        self.stops = stops
        self.found: list[Diagnostic] = []
        self.uses: list[Span] = []
        self._count = 0
        self._told: set[tuple[str, str, Span]] = set()

    def tell(
        self, rule: str, message: str, span: Span, *, help: str | None = None, notes: tuple[Note, ...] = (), path: str
    ) -> None:
        """Add a finding, unless it was told of another use of the same lines."""
        self.add(Diagnostic(rule, message, span, help=help, notes=notes, path=path))

    @property
    def full(self) -> bool:
        return self._count >= MAX_FAULTS

    def add(self, diagnostic: Diagnostic) -> None:
        key = (diagnostic.rule, diagnostic.message, diagnostic.span)
        if key in self._told or self.full:
            return
        self._told.add(key)
        self.found.append(with_notes(diagnostic, used_here(reversed(self.uses))))
        self._count += counts(diagnostic)
        if self.stops and self.full:
            raise Enough


def used_here(uses: Iterable[Span]) -> tuple[Note, ...]:
    """Return a note for each use of a block, given innermost first; of many, those at both ends."""
    notes = [Note("used here", span) for span in uses]
    if len(notes) > MAX_USES:
        notes[MAX_USES - 2 : -1] = [Note(f"used through {len(notes) - MAX_USES + 1} more blocks")]
    return tuple(notes)


def with_notes(diagnostic: Diagnostic, notes: tuple[Note, ...]) -> Diagnostic:
    """Return the finding with notes after its own."""
    return replace(diagnostic, notes=(*diagnostic.notes, *notes)) if notes else diagnostic
