"""Small specs that once took long, and large ones of every construct: each is answered within bounds.

Processor time is held to a wide margin; `make bench` measures the same at the largest size that is read.
"""

from __future__ import annotations

import contextlib
import io
import random
import time
from bisect import insort
from itertools import product
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netspec import diagnostics
from netspec.cli import app
from netspec.device.memory import placement
from netspec.diagnostics import LONGEST_MESSAGE, LONGEST_WORD, MAX_NOTES, MAX_SHOWN, Diagnostic, Note, Span
from netspec.running import check_files
from tests import fuzz_specs
from tests.hostile_specs import COMMANDS, FLAT, HEAD, SPECS

SIZE = 12_000
SECONDS = 10.0  # a tenth of it is usual
LARGEST_OUTPUT = 200_000


def checked(path: Path, format: str = "text") -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        check_files([str(path)], format=format)
    return out.getvalue()


@pytest.mark.parametrize("name", SPECS)
def test_a_large_spec_is_answered_within_bounds(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(SPECS[name](SIZE).encode())
    began = time.process_time()
    printed = checked(path)
    assert time.process_time() - began < SECONDS
    assert len(printed) < LARGEST_OUTPUT


@pytest.mark.parametrize("name", COMMANDS)
def test_other_commands_take_large_specs_within_bounds(name: str, tmp_path: Path) -> None:
    words = COMMANDS[name].written(SIZE, tmp_path)
    began = time.process_time()
    done = CliRunner().invoke(app, words)
    assert time.process_time() - began < SECONDS
    assert done.exit_code in (0, 1), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)


@pytest.mark.parametrize("format", ["json", "sarif", "github", "junit"])
@pytest.mark.parametrize("name", ["unknown keys of one layer", "one long type", "control characters", "one circle"])
def test_every_format_is_bounded(name: str, format: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(SPECS[name](SIZE).encode())
    assert 0 < len(checked(path, format)) < LARGEST_OUTPUT


def test_the_rest_of_many_findings_is_counted_errors_shown_first(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    found = [
        Diagnostic("a", f"message {line}", Span("net.yaml", line, 1, line, 2), "error" if line > 70 else "warning")
        for line in range(1, 91)
    ]
    shown, omitted = diagnostics.worth_showing(found)
    assert omitted == {"net.yaml": 40}
    assert [each.span.line for each in shown] == [*range(1, 31), *range(71, 91)]
    assert diagnostics.render_text(found, {}).endswith("\nnet.yaml: and 40 more\n")
    path.write_bytes(SPECS["misspelt keys"](SIZE).encode())
    for format in ("text", "sarif", "github", "junit"):
        assert "and 50 more" in checked(path, format), format
    assert f'"omitted": {{\n    "{path}": 50\n  }}' in checked(path, "json")
    assert checked(path, "github").count("::error") == MAX_SHOWN


def test_words_messages_and_notes_are_cut() -> None:
    span = Span("net.yaml", 1, 1, 1, 2)
    long = f"unknown key '{'x' * 1_000_000}' of dense"
    found = Diagnostic("a", long, span, help=long, notes=tuple(Note(long, span) for _ in range(1000)))
    for text in (found.message, found.help or "", found.notes[0].message):
        assert text.startswith("unknown key 'xxx")
        assert text.endswith("xxx' of dense")
        assert len(text) < LONGEST_WORD
    assert len(found.notes) == MAX_NOTES
    assert found.notes[-1].message == "and 989 more places"
    assert len(Diagnostic("a", "x " * 1_000_000, span).message) == LONGEST_MESSAGE


def test_edits_are_those_of_the_table_of_distances() -> None:
    chance = random.Random(0)
    for alphabet, longest in (("ab", 7), ("abc", 12), ("abcdefg1é長", 70)):
        for _ in range(500):
            one, other = ("".join(chance.choices(alphabet, k=chance.randrange(longest))) for _ in range(2))
            assert diagnostics.edits(one, other) == _edits(one, other), (one, other)


def _edits(one: str, other: str) -> int:
    table = [[i + j for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i, j in product(range(1, len(one) + 1), range(1, len(other) + 1)):
        replaced = table[i - 1][j - 1] + (one[i - 1] != other[j - 1])
        table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, replaced)
        if i > 1 and j > 1 and one[i - 2 : i] == other[j - 2 : j][::-1]:
            table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def test_the_nearest_word_is_sought_once_for_all_copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []
    edits = diagnostics.edits
    monkeypatch.setattr(diagnostics, "edits", lambda *given: calls.append(given) or edits(*given))
    path = tmp_path / "net.yaml"
    counts = []
    for times in (2, 2000):
        path.write_text(f"{HEAD}{FLAT}layers: [{{repeat: {{times: {times}, layers: [dxnsx]}}}}]\n")
        calls.clear()
        diagnostics._all_nearest.cache_clear()
        assert "unknown layer type 'dxnsx'" in checked(path)
        counts.append(len(calls))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("number", range(100))
def test_fuzzed_specs_are_answered(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fuzz_specs, "SECONDS", SECONDS)
    chance = random.Random(number)
    path = tmp_path / "net.yaml"
    path.write_bytes(fuzz_specs.mutated(chance, CORPUS))
    assert fuzz_specs.fault_of(chance, path) is None


def test_the_fuzzer_would_tell_of_each_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(CORPUS[0])
    ran = list(fuzz_specs.commands(AllCommands(), str(path)))
    assert len(ran) == 7
    monkeypatch.setattr(fuzz_specs, "SECONDS", -1.0)
    assert "of processor time" in str(fuzz_specs.fault_of(AllCommands(), path))


class AllCommands(random.Random):
    """Chance that leaves no command out."""

    def random(self) -> float:
        return 0.0


CORPUS = fuzz_specs.corpus()


def test_room_is_taken_where_the_lowest_gap_is() -> None:
    for seed in range(200):
        chance, room = random.Random(seed), placement._Room()
        taken: list[tuple[int, int]] = []
        bound = chance.choice([0, 64, 256, 1024])
        for _ in range(60):
            if taken and chance.random() < 0.48:
                room.free(*taken.pop(chance.randrange(len(taken))))
                continue
            size = 16 * chance.randint(1, 6)
            start = placement._lowest(taken, size, bound)
            assert room.take(size, bound) == start
            insort(taken, (start, start + size))
