"""What `netspec diff` does: find both specs, compare, render."""

from __future__ import annotations

from netspec.diagnostics import Diagnostic, SpecError
from netspec.diff.compare import compare
from netspec.diff.net import Net, net_of
from netspec.diff.render import render
from netspec.diff.sides import documents, names_a_revision
from netspec.diff.since import changes_of_tree


def run_diff(arguments: list[str], format: str, *, color: bool = False) -> tuple[str, bool]:
    """Return the comparison as text, and whether anything differs.

    Raises `NoSuchRevision` for arguments that name nothing, and `SpecError` with the faults of both specs.
    """
    if len(arguments) == 1 and names_a_revision(arguments[0]):
        return changes_of_tree(arguments[0], format, color=color)
    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    nets: list[Net] = []
    for document in documents(arguments):
        try:
            nets.append(net_of(document))
        except SpecError as error:
            found += error.diagnostics
            sources |= error.sources
    if found:
        raise SpecError(found, sources)
    result = compare(*nets)
    return render(result, format, color=color), result.different
