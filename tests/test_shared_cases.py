"""The shared cases that `check` and `import` can show in a second: each as its expected.md says.

Those that train have tests of their own, which name them; `test_every_case_has_a_test` finds one that has none.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.importers.shared_cases import shared_case

_TESTS = Path(__file__).resolve().parent
_ELSEWHERE = {
    "06-export-without-rescaling": "test_input_scaling.py",
    "26-training-speed": "unit/test_train_speed.py",
}
"""Cases whose content a test holds itself."""


def netspec(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "netspec", *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        (["12-conflict-markers/m.yaml"], 1, ["merge conflict", "m.yaml:5:1"]),
        (["15-utf16-passes-the-hook/u.yaml"], 1, ["UTF-16"]),
        (["16-one-name-twice/1.yaml", "16-one-name-twice/2.yaml"], 0, ["warning", "name"]),
        (["17-class-weight/a.yaml"], 1, ["class_weight", "focal"]),
        (["19-norm-after-relu/with.yaml"], 0, ["[norm-after-activation]"]),
        (["19-norm-after-relu/without.yaml"], 0, []),
        (["25-statically-known/identity_bias.yaml"], 1, ["identity"]),
        (["25-statically-known/norm_channels.yaml"], 0, []),
    ],
)
def test_check(files: list[str], code: int, words: list[str]) -> None:
    paths = [str(shared_case(file)) for file in files]
    found, said = netspec("check", *paths)
    assert found == code, said
    assert [word for word in words if word not in said] == [], said


def test_class_weight_is_one_finding() -> None:
    _, said = netspec("check", str(shared_case("17-class-weight/a.yaml")))
    assert said.count(": error:") == 1, said


def test_the_hook_refuses_what_check_refuses() -> None:
    code, _ = netspec("check", "--only-specs", str(shared_case("15-utf16-passes-the-hook/u.yaml")))
    assert code == 1


def test_a_dangling_link(tmp_path: Path) -> None:
    shared_case("13-dangling-link/expected.md")
    link = tmp_path / "link.yaml"
    link.symlink_to("nowhere.yaml")
    code, said = netspec("check", str(link))
    assert code == 1
    assert "symbolic link to" in said
    assert "did you mean" not in said


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("05-import-unequal-strides/m.tflite", 0),
        ("22-keras-files/leaky.tflite", 0),
        ("23-import-float-input/qi.tflite", 0),
        ("27-one-byte/bad1min.tflite", 1),
    ],
)
def test_import(tmp_path: Path, file: str, code: int) -> None:
    found, said = netspec("import", str(shared_case(file)), "--out", str(tmp_path / "net.yaml"))
    assert found == code, said
    if code:
        assert "[malformed-model]" in said
    else:
        assert netspec("check", str(tmp_path / "net.yaml"))[0] == 0


def test_every_case_has_a_test() -> None:
    folder = shared_case("12-conflict-markers/expected.md").parents[1]
    texts = [path.read_text() for path in _TESTS.rglob("*.py")]
    missing = [
        case.name
        for case in sorted(folder.iterdir())
        if (case / "expected.md").is_file()
        and not any(case.name in text for text in texts)
        and not (_TESTS / _ELSEWHERE.get(case.name, "none")).is_file()
    ]
    assert missing == []
