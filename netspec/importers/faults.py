"""What is wrong with a model file, as a finding: the file is the user's input, so this is exit 1 and not a failure."""

from __future__ import annotations

from pathlib import Path

from netspec.diagnostics import Diagnostic, Span, SpecError

MALFORMED = "malformed-model"
UNSUPPORTED = "unsupported-model"


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
        return SpecError([Diagnostic(each.rule, each.message, span, help=each.help) for each in (self, *self.others)])


class MalformedModel(ModelFault):
    """A file that is not what it says it is, or contradicts itself."""

    rule = MALFORMED
