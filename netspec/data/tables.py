"""Tables in CSV, read a row at a time."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Iterator
from itertools import chain
from math import isfinite, prod
from pathlib import Path

from netspec.data.faults import Faults, located, reason
from netspec.data.headers import Header
from netspec.diagnostics import nearest
from netspec.graph import Graph
from netspec.ops import Shape
from netspec.system.files import open_regular


def is_number(cell: str) -> bool:
    """Return whether a cell is a decimal number in ASCII digits; `float` takes more, such as `1_0`."""
    return _NUMBER.fullmatch(cell) is not None


def is_finite_number(cell: str) -> bool:
    """Return whether a cell is a number that float64 can hold."""
    return is_number(cell) and isfinite(float(cell))


def reads_as_number(cell: str) -> bool:
    """Return whether `float` takes a cell: also `nan`, and digits that `is_number` does not take."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


class TableError(Exception):
    """A table cannot be read, or its rows are not alike. `rule`, `help` and `key` are for the diagnostic."""

    def __init__(self, rule: str, message: str, help: str, key: str = "path") -> None:
        self.rule, self.message, self.help, self.key = rule, message, help, key
        super().__init__(message)


_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


_CONVERT = (
    "python -c \"import csv, sys; csv.writer(sys.stdout).writerows(csv.reader(sys.stdin, delimiter='{mark}'))\""
    " < {name} > with_commas.csv"
)
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}


def _separator(columns: list[str], target: str | None) -> str | None:
    """Return what is between the columns of a first row that was read as with commas; None if commas are."""
    header = ",".join(columns)
    if target is None and len(columns) == 1 and all(map(is_number, header.split())) and len(header.split()) > 1:
        return "\t" if "\t" in header else " "
    for mark in _SEPARATORS:
        if header.count(mark) > len(columns) - 1 and target in [each.strip("\"' ") for each in header.split(mark)]:
            return mark
    return next((mark for mark in ";\t|" if len(columns) == 1 and mark in header), None)


class Table:
    """A table that is being read: `columns`, the index of the target, and its rows of cells without blanks around them.

    A table with a target has a header. One without labels may have none: `target` is then None, `header` False and
    `columns` the numbers of the columns, from 1.
    """

    def __init__(self, path: Path, name: str, target: str | None, header: bool | None = None) -> None:
        """Read the first row. `header` says whether it names the columns.

        By default it does where there is a target, or where none of its cells is a number. Raises `FileNotFoundError`
        and `TableError`.
        """
        self.name, self.target_name = name, target
        self._rows = self._read(path)
        self._first: list[list[str]] = []
        self.columns = next(self._rows, [])
        if target not in self.columns and (mark := _separator(self.columns, target)) is not None:
            message = f"{name} has {_SEPARATORS[mark]} between its columns, where commas are read"
            shown = "\\t" if mark == "\t" else mark
            help = f"convert it: `{_CONVERT.format(mark=shown, name=shlex.quote(name))}`"
            raise TableError("data-unreadable", message, help)
        if target is not None and target not in self.columns:
            near = nearest(target, self.columns)
            hint = f"did you mean `{near}`?" if near else f"the columns are {', '.join(self.columns[:12])}"
            raise TableError("data-missing-array", f"{name} has no column '{target}'", hint, "target")
        named = not any(map(reads_as_number, self.columns)) if header is None else header
        self.header = named or target is not None
        self.target = self.columns.index(target) if target is not None else None
        if self.header:
            self._refuse_repeated()
        else:
            self._first = [self.columns]
            self.columns = [str(number) for number, _ in enumerate(self.columns, start=1)]

    def _refuse_repeated(self) -> None:
        places: dict[str, int] = {}
        for number, column in enumerate(self.columns, start=1):
            if column and column in places:
                message = f"column '{column}' is in {self.name} twice, as column {places[column]} and {number}"
                raise TableError("data-duplicate-name", message, "rename one of the two, or remove it")
            places[column] = number

    @property
    def values(self) -> list[str]:
        """The columns but the target."""
        return [column for index, column in enumerate(self.columns) if index != self.target]

    def samples(self, *, labelled: bool = True) -> Iterator[tuple[list[float], str]]:
        """Yield each row's input values and label. Raises `TableError` for a cell that is empty or no number.

        Unless `labelled`, nothing is asked of the label.
        """
        for number, row in self.rows():
            label = "" if self.target is None else row.pop(self.target)
            if not label and labelled:
                message = f"the label in row {number}, column '{self.target_name}' of {self.name} is empty"
                raise TableError("data-values", message, "write the label, or remove the row", "target")
            yield self._numbers(number, row), label

    def _numbers(self, number: int, row: list[str]) -> list[float]:
        text = "".join(row)
        try:
            values = list(map(float, row))
        except ValueError:
            values = []
        # What else `float` takes: digits of other scripts, digits parted by underscores, nan and infinity.
        if (values and text.isascii() and "_" not in text and all(map(isfinite, values))) or not row:
            return values
        column, cell = next(
            (column, cell) for column, cell in zip(self.values, row, strict=True) if not is_finite_number(cell)
        )
        shown = f"'{column}'" if self.header else column
        where = f"in row {number}, column {shown} of {self.name}"
        message = f"'{cell}' {where} is no number"
        if not cell:
            message = f"the cell {where} is empty, not a number"
        elif is_number(cell) or cell.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            message = f"'{cell}' {where} is no finite number"
        help = f"write numbers such as 3, -0.5 or 1e-3 in every column{' but the target' if self.target_name else ''}"
        if self.header and self.target_name is None:
            help += f", or leave this one out: {self.leave_out(column)}"
        if re.fullmatch(r"[-+]?[0-9]+,[0-9]+", cell):
            help = f"write a decimal point: {cell.replace(',', '.')}"
        raise TableError("data-values", message, help)

    @staticmethod
    def leave_out(column: str) -> str:
        """Return what leaves a column out, as text to type."""
        return f"`target: {column if re.fullmatch(r'[A-Za-z_][A-Za-z0-9_]*', column) else json.dumps(column)}`"

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows after the header with their numbers, each with a cell a column. Raises `TableError`."""
        number = 0
        for number, row in enumerate(chain(self._first, self._rows), start=1 + self.header):
            if len(row) == 1 and row[0].startswith(("<<<<<<<", "=======", ">>>>>>>")):
                message = f"a merge conflict is not resolved in row {number} of {self.name}"
                raise TableError("data-values", message, "keep the rows that are meant, and remove the marks")
            if len(row) != len(self.columns):
                first = "header" if self.header else "first row"
                message = f"row {number} of {self.name} has {len(row)} cells, the {first} has {len(self.columns)}"
                raise TableError("data-values", message, "give every column a value in every row")
            yield number, row
        if not number and not self.columns:
            raise TableError("data-sample-count", f"{self.name} is empty", "write a row for each sample")
        if not number:
            raise TableError("data-sample-count", f"{self.name} has a header and no samples", "add rows below it")

    def _read(self, path: Path) -> Iterator[list[str]]:
        open_regular(path).close()
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                for row in csv.reader(file):
                    if row:
                        yield [cell.strip() for cell in row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            message = f"{self.name} cannot be read as csv: {reason(error)}"
            raise TableError("data-unreadable", message, "save it as UTF-8 text") from error


def row_shape(columns: int, given: Shape) -> Shape:
    """Return the shape of a sample: a table knows no axes, so a row is the input written in order."""
    return given if columns == prod(given) else (columns,)


def open_table(
    graph: Graph, name: str, target: str | None, faults: Faults, *, header: bool | None = None
) -> Table | None:
    """Return the table that the spec names, or None after noting why there is none."""
    path = located(graph.spec, name)
    try:
        return Table(path, name, target, header)
    except FileNotFoundError:
        faults.missing(path, name, key="path")
    except OSError as error:
        message = f"{name} cannot be read as csv: {reason(error)}"
        faults.add("data-unreadable", message, help="save it as UTF-8 text", key="path")
    except TableError as error:
        faults.add(error.rule, error.message, help=error.help, key=error.key)
    return None


def refuse_several(graph: Graph, kind: str, faults: Faults) -> bool:
    """Note, and return, whether a loader of one input and one output is asked for more."""
    if len(graph.inputs) == len(graph.outputs) == 1:
        return False
    message = f"{kind} feeds one input and one output, the spec has {len(graph.inputs)} and {len(graph.outputs)}"
    faults.add("data-missing-array", message, help="use `{npz: FILE}`")
    return True


def refuse_several_inputs(graph: Graph, kind: str, faults: Faults) -> bool:
    """Note, and return, whether a loader of one input is asked for more; outputs need no labels here."""
    if len(graph.inputs) == 1:
        return False
    message = f"{kind} feeds one input, the spec has {len(graph.inputs)}: {', '.join(graph.inputs)}"
    faults.add("data-missing-array", message, help="use `{npz: FILE}`")
    return True


def table_header(samples: int, columns: int, given: Shape) -> Header:
    return Header((samples, *row_shape(columns, given)), "f", 8)
