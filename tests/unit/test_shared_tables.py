"""The shared case 08: a label that is missing, and words that are more than the output has classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.check import check
from netspec.data.check import data_findings
from netspec.spec.source import parse

CASE = Path(__file__).parents[2] / "../shared/cases/08-csv-empty-label"
pytestmark = pytest.mark.skipif(not CASE.is_dir(), reason="the shared cases are not here")


@pytest.mark.parametrize("name", ["three", "four"])
def test_an_empty_label_is_an_error_with_its_row(name: str) -> None:
    path = CASE / f"{name}.yaml"
    (found,) = data_findings(check(parse(path.read_bytes(), str(path))).graph)
    assert (found.rule, found.severity) == ("data-values", "error")
    assert found.message == "the label in row 9, column 'label' of d.csv is empty"


def test_too_many_words_are_listed_with_their_counts(tmp_path: Path) -> None:
    table = (CASE / "d.csv").read_text().splitlines()
    table[8] += "Walk"
    (tmp_path / "d.csv").write_text("\n".join(table))
    content = (CASE / "three.yaml").read_bytes()
    (found,) = data_findings(check(parse(content, str(tmp_path / "three.yaml"))).graph)
    assert "holds 4 words (Walk 1, idle 67, run 75, walk 57), the output 'softmax' has 3 classes" in found.message
