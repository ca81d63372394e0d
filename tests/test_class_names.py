"""The names of classes, from folders, tables and `train.data.classes` to everything that a build leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from netspec.artifacts.manifest import MANIFEST, Manifest
from netspec.diagnostics import SpecError
from netspec.emit import emit, make_vectors, plain_inputs
from netspec.emit.literals import c_string, code_span
from netspec.toolchain import find_cc
from netspec.train.data import Dataset, load_data
from tests.models import DIGEST, make_model
from tests.specs import make_graph

SPARSE = "sparse_categorical_crossentropy"
SHARED = Path(__file__).parents[1] / "../shared/cases/07-class-names-lost"
AWKWARD = [
    'say "hi"',
    "back\\slash",
    "what??/",
    "caf\u00e9 \u4e2d",
    "two\nlines\t",
    "100%d */ //",
    "a, b",
    "`|`",
    " x ",
]


def loaded(folder: Path, data: Any, *, units: int = 3, shape: Any = (2,), loss: str = SPARSE) -> Dataset:
    layers = ["flatten", {"dense": {"name": "out", "units": units}}]
    graph = make_graph(layers, shape, path=folder / "spec.yaml", train={"data": data, "loss": loss})
    return load_data(graph.spec)


def gallery(folder: Path, names: list[str]) -> None:
    for index, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(np.full((2, 2), 90 * index + number, np.uint8)).save(folder / name / f"{number}.png")


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "netspec", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_folders_in_sorted_order_or_as_the_spec_has_it(tmp_path: Path) -> None:
    gallery(tmp_path / "p", ["b", "a", "c"])
    images = {"images": {"path": "p"}}
    assert loaded(tmp_path, images, shape=[2, 2, 1]).classes == {"out": ["a", "b", "c"]}
    data = loaded(tmp_path, images | {"classes": ["c", "a", "b"]}, shape=[2, 2, 1])
    assert data.classes == {"out": ["c", "a", "b"]}
    values = {int(y): int(x.max()) // 90 for x, y in zip(data.train.x["x"][:], data.train.y["out"][:], strict=True)}
    assert values == {0: 2, 1: 1, 2: 0}  # 0 is b, 1 is a, 2 is c in `gallery`
    with pytest.raises(SpecError, match=r"p has the folder c, which `classes` does not name"):
        loaded(tmp_path, images | {"classes": ["d", "a", "b"]}, shape=[2, 2, 1])
    with pytest.raises(SpecError, match=r"p has no folder for the class d"):
        loaded(tmp_path, images | {"classes": ["c", "a", "b", "d"]}, shape=[2, 2, 1], units=4)


def test_words_of_a_table_in_sorted_order_or_as_the_spec_has_it(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("u,v,kind\n1,2,walk\n1,2,idle\n1,2,run\n1,2,walk\n")
    table = {"csv": {"path": "d.csv", "target": "kind"}}
    data = loaded(tmp_path, table)
    assert data.classes == {"out": ["idle", "run", "walk"]}
    assert data.train.y["out"][:].tolist() == [2, 0, 1, 2]
    data = loaded(tmp_path, table | {"classes": ["walk", "run", "idle"]})
    assert data.classes == {"out": ["walk", "run", "idle"]}
    assert data.train.y["out"][:].tolist() == [0, 2, 1, 0]
    with pytest.raises(SpecError, match=r"'idle' in row 3, column 'kind' of d\.csv is none of `classes`"):
        loaded(tmp_path, table | {"classes": ["walk", "run", "idel"]})


def test_numbers_of_a_table_have_the_names_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("u,v,kind\n1,2,0\n1,2,2\n")
    table = {"csv": {"path": "d.csv", "target": "kind"}}
    assert loaded(tmp_path, table).classes == {}
    assert loaded(tmp_path, table | {"classes": ["x", "y", "z"]}).classes == {"out": ["x", "y", "z"]}


def test_arrays_have_the_names_of_the_spec(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=np.zeros((3, 2)), y_train=np.arange(3))
    np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    np.save(tmp_path / "y.npy", np.arange(3))
    (tmp_path / "classes_of_arrays.py").write_text("def f(): return {'x_train': [[1, 2]] * 3, 'y_train': [0, 1, 2]}\n")
    for data in ({"npz": "d.npz"}, {"npy": {"x": "x.npy", "y": "y.npy"}}, {"python": "classes_of_arrays:f"}):
        assert loaded(tmp_path, data).classes == {}
        assert loaded(tmp_path, data | {"classes": ["x", "y", "z"]}).classes == {"out": ["x", "y", "z"]}


@pytest.mark.parametrize("text", [*AWKWARD, "???(??)", "\x00\x07f1", "\u00e9" + "1", "\\n", '"', "\udce9"])
def test_a_c_string_holds_the_bytes_of_the_name(tmp_path: Path, text: str) -> None:
    literal = c_string(text)
    assert literal.isascii()
    assert literal.isprintable()
    assert "??" not in literal
    content = literal[1:-1].replace("\\?", "?").encode().decode("unicode_escape").encode("latin-1")
    assert content == text.encode("utf-8", "backslashreplace")


def test_code_in_a_table_of_markdown() -> None:
    assert [code_span(text) for text in ("a", "a|b", "`", "a\nb")] == ["`a`", "`a\\|b`", "`` ` ``", "`a\\nb`"]


def emitted(classes: Any, layers: Any) -> dict[str, str]:
    model = make_model(make_graph(layers, [4]))
    vectors = make_vectors(model, plain_inputs(model))
    return emit(model, spec_sha256=DIGEST, spec_path_name="net.yaml", vectors=vectors, classes=classes)


def printed(folder: Path, files: dict[str, str]) -> bytes:
    """Return the names that a C program prints, each after a zero byte, and the classes of the test vectors."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "main.c").write_text(
        '#include <stdio.h>\n#include "net_test_vectors.h"\n'
        "static const char *const names[] = NET_OUTPUT_CLASS_NAMES;\n"
        "int main(void) {\n"
        "    int same = sizeof names / sizeof names[0] == NET_OUTPUT_CLASS_COUNT;\n"
        "    for (int i = 0; i < NET_OUTPUT_CLASS_COUNT; i++) { fputs(names[i], stdout); putchar(0); }\n"
        '    for (int i = 0; i < NET_TEST_COUNT; i++) printf("%s ", names[net_test_class_out[i]]);\n'
        "    return same ? 0 : 1;\n}\n"
    )
    flags = ["-std=c99", "-trigraphs", "-Wall", "-Wextra", "-Wconversion", "-Wno-trigraphs", "-Werror"]
    command = [*find_cc().command, *flags, "main.c", "net_test_vectors.c", "-Ikernels/include", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    return subprocess.run([folder / "main"], capture_output=True, check=True).stdout


def test_the_header_names_the_classes_and_the_vectors_carry_them(tmp_path: Path) -> None:
    layers = [{"dense": {"units": len(AWKWARD) + 1}}, {"softmax": {"name": "out"}}]
    files = emitted({"out": AWKWARD}, layers)
    *names, labels = printed(tmp_path, files).split(b"\0")
    assert names == [*(name.encode() for name in AWKWARD), b""]
    assert len(labels) >= 4
    assert "## Classes of out" in files["README.md"]
    assert "| 2 | `what??/` |" in files["README.md"]


def test_a_single_value_has_two_classes(tmp_path: Path) -> None:
    files = emitted({"out": ["no", "yes"]}, [{"dense": {"units": 1}}, {"sigmoid": {"name": "out"}}])
    assert printed(tmp_path, files).startswith(b"no\0yes\0")
    assert "A value above 0.5 is class 1, any other class 0." in files["README.md"]


def test_several_outputs_have_macros_of_their_own() -> None:
    layers = [
        {"dense": {"name": "a", "units": 2}},
        {"dense": {"name": "b", "units": 2, "from": "x"}},
    ]
    model = make_model(make_graph(layers, [4], outputs=["a", "b"]))
    vectors = make_vectors(model, plain_inputs(model))
    header = emit(
        model, spec_sha256=DIGEST, spec_path_name="n", vectors=vectors, classes={"a": ["k", "l"], "b": ["m", "n"]}
    )["net.h"]
    assert "#define NET_OUTPUT_A_CLASS_NAMES" in header
    assert "#define NET_OUTPUT_B_CLASS_NAMES" in header
    assert "NET_OUTPUT_CLASS_NAMES" not in header


def test_without_names_nothing_is_emitted() -> None:
    files = emitted({}, [{"dense": {"units": 2}}])
    assert not any("CLASS_NAMES" in text for text in files.values())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared cases are not here")
def test_shared_case_07(tmp_path: Path) -> None:
    shutil.copytree(SHARED / "pictures", tmp_path / "pictures")
    (names,) = loaded(tmp_path, {"images": {"path": "pictures"}}, units=11, shape=[8, 8, 1]).classes.values()
    assert names[:4] == ["class_1", "class_10", "class_11", "class_2"]


def test_a_build_and_its_verification(tmp_path: Path) -> None:
    """The manifest, both pages, the firmware and the console name the classes, and `verify` proves them."""
    (tmp_path / "d.csv").write_text("u,v,kind\n" + "1,2,walk\n2,1,idle\n3,1,<run>\n" * 4)
    (tmp_path / "net.yaml").write_text(
        "netspec: 1\nname: net\ninputs: {x: {shape: [2]}}\nlayers: [{dense: {units: 3}}, softmax]\n"
        f"train: {{data: {{csv: {{path: d.csv, target: kind}}}}, loss: {SPARSE}, epochs: 1}}\n"
    )
    done = run("build", "net.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "classes of softmax: 0 <run>, 1 idle, 2 walk\n" in done.stderr
    folder = tmp_path / "build" / "net"
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["classes"] == {"softmax": ["<run>", "idle", "walk"]}
    assert '/* 0 */ "<run>"' in (folder / "firmware" / "net.h").read_text()
    assert '<td class="name">&lt;run&gt;</td>' in (folder / "report.html").read_text()
    assert "| 0 | `<run>` |" in (folder / "firmware" / "README.md").read_text()
    again = run("build", "net.yaml", "--weights", "build/net/model.keras", "--out", "again", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "again" / MANIFEST).read_text())["classes"] == manifest["classes"]
    verified = run("verify", "build/net", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout
    (tmp_path / "d.csv").write_text((tmp_path / "d.csv").read_text().replace("walk", "wander"))
    verified = run("verify", "build/net", cwd=tmp_path)
    assert verified.returncode == 1
    assert "the classes are named otherwise than when it was built" in verified.stdout
    values = json.loads((folder / MANIFEST).read_text()) | {"classes": {"softmax": ["idle", "<run>", "walk"]}}
    (folder / MANIFEST).write_text(Manifest(**values).sealed().to_json())
    verified = run("verify", "build/net", cwd=tmp_path)
    assert "firmware/net.h is not what netspec" in verified.stdout
