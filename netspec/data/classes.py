"""The names of classes, in the order of their numbers: words of a table, or folders."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.data.faults import Faults
from netspec.data.labels import Column
from netspec.data.rules import check_words
from netspec.graph import Graph

_NUMERIC_LOSSES = frozenset([
    "huber", "log_cosh", "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "poisson",
])  # fmt: skip
"""Losses of amounts, of which a word is none."""


def column_classes(faults: Faults, column: Column, graph: Graph, losses: Mapping[str, str]) -> list[str] | None:
    """Return the words of a column of labels in the order of their class numbers; None after noting a fault."""
    given = faults.data.csv
    assert given is not None
    (output,) = graph.outputs
    where = f"column '{given.target}' of {given.path}"
    odd = column.odd_one()
    if odd is not None and (losses[output] in _NUMERIC_LOSSES or _only_python_reads(odd[0])):
        message = f"'{odd[0]}' in row {odd[1]}, {where} is no number, others are"
        faults.add("data-values", message, help="write numbers such as 3, -0.5 or 1e-3 in every row", key="target")
        return None
    counts = column.counts()
    check_words(faults, where, counts, graph, losses)
    return None if faults.failed() else list(counts)


def _only_python_reads(cell: str) -> bool:
    """Return whether Python's `float` takes a cell that is no number to other readers: `1_0`, Arabic digits, nan."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
