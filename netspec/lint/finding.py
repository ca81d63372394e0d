"""What a rule finds, and the warning that it becomes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netspec.diagnostics import Diagnostic, Note, Span
from netspec.graph import GraphLayer
from netspec.held import locate
from netspec.lint.comments import Warned


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact and its remedy: of a layer, and there of a `key` if that is written; or of a place outside the layers."""

    message: str
    help: str
    at: GraphLayer | tuple[Span, str]
    key: str | None = None
    notes: tuple[Note, ...] = ()

    def warned(self, rule: str, more: int) -> Warned:
        """Return the warning; `more` other layers have the same fault in the same words of the spec."""
        notes = self.notes
        if more:
            notes += (Note(f"the same holds for {more} more layer{'s' if more > 1 else ''} that the line makes"),)
        if isinstance(self.at, tuple):
            span, path = self.at
            lines = frozenset({span.line})
        else:
            item = self.at.item
            span, path = locate(item, self.key)
            lines = frozenset(each.line for each in (span, item.type_span, *item.uses))
            notes += item.notes(span)
        return Warned(Diagnostic(rule, self.message, span, "warning", self.help, notes, path), lines)


def grouped(rule: str, found: Iterable[Finding]) -> list[Warned]:
    """Return a warning for each place: what is written once and used often is told once, of the first layer."""
    firsts: dict[Span, list[Finding]] = {}
    for finding in found:
        firsts.setdefault(finding.warned(rule, 0).diagnostic.span, []).append(finding)
    return [same[0].warned(rule, len(same) - 1) for same in firsts.values()]
