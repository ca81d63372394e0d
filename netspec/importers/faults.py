"""What is wrong with a model file, as a finding: the file is the user's input, so this is exit 1 and not a failure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from netspec.diagnostics import Diagnostic, Note, Span, SpecError

MALFORMED = "malformed-model"
UNSUPPORTED = "unsupported-model"
MOST_FAULTS = 20
"""Of one file that are reported; the others are counted."""


class ModelFault(Exception):
    """What a reader or a translator cannot take. Whoever knows the file's path makes it a `SpecError`."""

    rule = UNSUPPORTED

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.others: tuple[ModelFault, ...] = ()
        """Further faults of the same file."""

    def at(self, path: Path | str) -> SpecError:
        """Return the findings about the file. It has no lines, so the place is its beginning."""
        span = Span(str(path), 1, 1, 1, 1)
        faults = (self, *self.others)
        found = [
            Diagnostic(each.rule, each.message, span, help=each.help, order=order)
            for order, each in enumerate(faults[:MOST_FAULTS])
        ]
        if len(faults) > MOST_FAULTS:
            rest = Note(f"and {len(faults) - MOST_FAULTS:,} more faults of this file")
            found[-1] = replace(found[-1], notes=(rest,))
        return SpecError(found)


class MalformedModel(ModelFault):
    """A file that is not what it says it is, or contradicts itself."""

    rule = MALFORMED


def refused(error: SpecError, message: str) -> ModelFault:
    """Return the faults of a spec that was made of a model, each after `message`."""
    first, *others = (ModelFault(f"{message}: {each.message}", each.help) for each in error.diagnostics)
    first.others = tuple(others)
    return first


class Faults:
    """Collect the faults of one file, so that one run reports them all."""

    def __init__(self, found: Iterable[ModelFault] = ()) -> None:
        self._found: dict[str, ModelFault] = {}
        for fault in found:
            self.add(fault)

    def add(self, fault: ModelFault) -> None:
        """Keep a fault and the further ones that it holds; each message once."""
        for each in (fault, *fault.others):
            self._found.setdefault(each.message, each)

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep a `ModelFault` that the block raises, and go on after the block."""
        try:
            yield
        except ModelFault as fault:
            self.add(fault)

    def raise_found(self) -> None:
        """Raise the first fault with all the others, if there is any."""
        if self._found:
            first, *others = self._found.values()
            first.others = tuple(others)
            raise first
