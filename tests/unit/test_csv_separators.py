"""Tables that have something else than commas between their columns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netspec.data.tables import Table, TableError


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (" ", "blanks")])
@pytest.mark.parametrize("quote", ["", '"'])
def test_another_separator_is_named_and_converted(mark: str, word: str, quote: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    header = mark.join(f"{quote}{name}{quote}" for name in ("width", "height", "label"))
    path.write_text(f"{header}\n1{mark}2{mark}3\n")
    with pytest.raises(TableError) as caught:
        Table(path, "t.csv", "label")
    assert caught.value.message == f"t.csv has {word} between its columns, where commas are read"
    command = caught.value.help.removeprefix("convert it: `").removesuffix("`").replace("python", sys.executable, 1)
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    table = Table(tmp_path / "with_commas.csv", "with_commas.csv", "label")
    assert list(table.samples()) == [([1.0, 2.0], "3")]


def test_a_target_that_is_nowhere_is_no_separator(tmp_path: Path) -> None:
    for header in ("a b,c;d", "a,my label", "a,b,my label;c"):
        (tmp_path / "t.csv").write_text(f"{header}\n1,2\n")
        with pytest.raises(TableError, match="has no column 'label'"):
            Table(tmp_path / "t.csv", "t.csv", "label")


def test_a_decimal_comma_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,label\n"1,5",2\n')
    with pytest.raises(TableError) as caught:
        list(Table(tmp_path / "t.csv", "t.csv", "label").samples())
    assert caught.value.help == "write a decimal point: 1.5"
