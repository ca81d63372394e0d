"""The names of classes, in the order of their numbers: given in the spec, words of a table, or folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netspec.data.faults import Faults
from netspec.data.labels import Column
from netspec.data.rules import check_words, class_count
from netspec.data.tables import reads_as_number
from netspec.diagnostics import Diagnostic, suggestion
from netspec.graph import Graph
from netspec.spec.spec import Spec

NUMERIC_LOSSES = frozenset([
    "huber", "log_cosh", "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "poisson",
])  # fmt: skip
"""Losses of amounts, of which a word is none."""


def given_classes(spec: Spec, outputs: Sequence[str]) -> dict[str, list[str]]:
    """Return the names that `train.data.classes` gives, by output."""
    given = spec.train.data.classes if spec.train is not None else None
    if given is None:
        return {}
    if isinstance(given, dict):
        return {output: given[output] for output in outputs if output in given}
    return {outputs[0]: given} if len(outputs) == 1 else {}


def numbered(names: Sequence[str]) -> str:
    """Return names with their numbers, on one line: `0 idle, 1 run`; the first of many."""
    shown = ", ".join(f"{index} {name}" for index, name in enumerate(names[:_MOST_SHOWN]))
    rest = f", ... {len(names)} in all" if len(names) > _MOST_SHOWN else ""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown) + rest


_MOST_SHOWN = 100


def class_faults(graph: Graph) -> list[Diagnostic]:
    """Return where `train.data.classes` does not fit the outputs; nothing where `train.loss` does not."""
    spec, outputs = graph.spec, graph.outputs
    train = spec.train
    if train is None or train.data.classes is None:
        return []
    losses = train.loss if isinstance(train.loss, dict) else dict.fromkeys(outputs, train.loss)
    if losses.keys() != set(outputs):
        return []
    given = train.data.classes

    def fault(message: str, help: str, *place: str) -> Diagnostic:
        path = ("train", "data", "classes", *place)
        return Diagnostic("bad-classes", message, spec.span(*path), help=help, path=".".join(path))

    if isinstance(given, list) and len(outputs) > 1:
        message = f"classes names those of one output, the spec has {len(outputs)}"
        return [fault(message, f"write `classes: {{{outputs[0]}: [...]}}`, for each output that has classes")]
    found = []
    for output, names in given.items() if isinstance(given, dict) else [(outputs[0], given)]:
        place = (output,) if isinstance(given, dict) else ()
        if output not in outputs:
            message = f"classes names '{output}', which is no output"
            found.append(fault(message, suggestion(output, outputs, "the outputs are"), *place))
            continue
        count = class_count(graph, losses, output)
        if len(names) != count:
            message = f"classes names {len(names)}, the output '{output}' has {count} classes"
            found.append(fault(message, f"name {count}, or give '{output}' {len(names)} units", *place))
    return found


def column_classes(faults: Faults, column: Column, graph: Graph, losses: Mapping[str, str]) -> list[str] | None:
    """Return the words of a column of labels in the order of their class numbers; None after noting a fault."""
    given = faults.data.csv
    assert given is not None
    (output,) = graph.outputs
    where = f"column '{given.target}' of {given.path}"
    odd = column.odd_one()
    if odd is not None and (losses[output] in NUMERIC_LOSSES or reads_as_number(odd[0])):
        message = f"'{odd[0]}' in row {odd[1]}, {where} is no number, others are"
        faults.add("data-values", message, help="write numbers such as 3, -0.5 or 1e-3 in every row", key="target")
        return None
    counts = column.counts()
    named = given_classes(graph.spec, graph.outputs).get(output)
    if named is None:
        check_words(faults, where, counts, graph, losses)
        return None if faults.failed() else list(counts)
    for word in counts:
        if word not in named:
            message = f"'{word}' in row {column.row_of(word)}, {where} is none of `classes`"
            faults.add("data-class-count", message, help=suggestion(word, named, "they are"), key="target")
    return None if faults.failed() else named
