"""What a rule finds, and the warning that it becomes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from netspec.diagnostics import Diagnostic, Fix, Note, Span
from netspec.graph import GraphLayer
from netspec.lint.comments import Warned
from netspec.spec.held import locate


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact and its remedy: of a layer, and there of a `key` if that is written; or of a place outside the layers."""

    message: str
    help: str
    at: GraphLayer | tuple[Span, str]
    key: str | None = None
    notes: tuple[Note, ...] = ()
    fix: Fix | None = None

    def warned(self, rule: str) -> Warned:
        """Return the warning, as of a rule of that name."""
        if isinstance(self.at, tuple):
            span, path = self.at
            diagnostic = Diagnostic(rule, self.message, span, "warning", self.help, self.notes, path, self.fix)
            return Warned(diagnostic, _lines(span))
        item = self.at.item
        span, path = locate(item, self.key)
        notes = (*self.notes, *item.notes(span))
        diagnostic = Diagnostic(rule, self.message, span, "warning", self.help, notes, path, self.fix)
        return Warned(diagnostic, _lines(span, item.type_span, *item.uses), self.at.name)


def _lines(*spans: Span) -> frozenset[int]:
    return frozenset(span.line for span in spans)


_NAMED = 3


def grouped(warned: Iterable[Warned]) -> list[Diagnostic]:
    """Return a warning for each rule and place: what is written once and used often is told once, of the first."""
    groups: dict[tuple[str, Span], list[Warned]] = {}
    for each in warned:
        groups.setdefault((each.diagnostic.rule, each.diagnostic.span), []).append(each)
    found: list[Diagnostic] = []
    for first, *others in groups.values():
        names = [each.layer for each in others if each.layer != first.layer]
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        more = (Note(f"the same holds for {', '.join(names[:_NAMED])}{rest}"),) if names else ()
        found.append(replace(first.diagnostic, notes=(*first.diagnostic.notes, *more)))
    return found
