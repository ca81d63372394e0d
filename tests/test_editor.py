"""Specs in a real editor's language server: what is completed, shown and marked, with the schema and nothing else.

`make editor` installs yaml-language-server, which VS Code, Neovim, Helix, Emacs and others run for YAML. It is asked
over its protocol, as they do. The cursor of a text stands at `|`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netspec.docs.schema import write_schema
from netspec.layers import LAYERS
from tests.lsp import LanguageServer
from tests.test_cases import OK

ROOT = Path(__file__).parents[1]
SERVER = Path(sys.prefix) / "npm" / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
SETTINGS = {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False, "url": ""}}}
BASE = "netspec: 1\nname: net\ninputs: {x: {shape: [8, 8, 1]}}\n"


class Editor:
    """A folder of specs that a language server looks at; every spec names the schema in its first line."""

    def __init__(self, server: LanguageServer, folder: Path, schema: Path) -> None:
        self.server = server
        self.folder = folder
        self.modeline = f"# yaml-language-server: $schema={schema.as_uri()}\n"
        self.count = 0

    def open(self, text: str) -> tuple[Path, int, int]:
        """Open a spec and return its path, and line and column of the cursor."""
        self.count += 1
        path = self.folder / f"spec_{self.count}.yaml"
        before = self.modeline + text.partition("|")[0]
        path.write_text(self.modeline + text.replace("|", "", 1), encoding="utf-8")
        self.server.open(path)
        return path, before.count("\n"), len(before) - before.rindex("\n") - 1

    def completions(self, text: str) -> dict[str, dict[str, Any]]:
        return self.server.completion(*self.open(text))

    def hover(self, text: str) -> str:
        return self.server.hover(*self.open(text))

    def marked(self, text: str) -> dict[str, str]:
        """Return what is marked, with the message for each."""
        path, _, _ = self.open(text)
        lines = (self.modeline + text).split("\n")
        found: dict[str, str] = {}
        for each in self.server.diagnostics[path.as_uri()]:
            start, end = each["range"]["start"], each["range"]["end"]
            assert start["line"] == end["line"], each
            found[lines[start["line"]][start["character"] : end["character"]]] = each["message"]
        return found


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    node = shutil.which("node")
    if node is None or not SERVER.exists():
        pytest.skip("yaml-language-server is not installed: `make editor` does that, and needs npm")
    folder = tmp_path_factory.mktemp("specs")
    schema = folder / "netspec.schema.json"
    write_schema(schema)
    with LanguageServer([node, str(SERVER), "--stdio"], folder, SETTINGS) as server:
        yield Editor(server, folder, schema)


def test_types_are_offered_after_a_dash(editor: Editor) -> None:
    offered = editor.completions(BASE + "layers:\n  - flatten\n  - |\n")
    assert set(offered) == {*LAYERS, "repeat"}
    assert offered["conv2d"]["documentation"] == "2-D convolution over (height, width, channels)."
    assert {"kernel_size:", "filters:"} <= set(offered["conv2d"]["insertText"].split())


def test_types_are_offered_beside_blocks_too(editor: Editor) -> None:
    offered = editor.completions(BASE + "blocks: {part: {layers: [relu]}}\nlayers:\n  - part\n  - |\n")
    assert set(offered) == {*LAYERS, "repeat"}


def test_the_keys_of_a_layer_are_offered(editor: Editor) -> None:
    offered = editor.completions(BASE + "layers:\n  - conv2d:\n      filters: 4\n      |\n")
    keys = {field.alias or name for name, field in LAYERS["conv2d"].model_fields.items()}
    assert set(offered) - {"conv2d"} == keys - {"filters"}  # under the type's name all that is required, at once
    assert "Default: `1`." in offered["strides"]["documentation"]["value"]


def test_the_keys_of_the_spec_are_offered(editor: Editor) -> None:
    offered = editor.completions(BASE + "layers: [flatten]\n|\n")
    assert set(offered) == {"description", "vars", "blocks", "outputs", "train", "quantize", "target", "weights"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("layers:\n  - conv2d: {filters: 4, kernel_size: 3, padding: |}\n", {"valid", "same", "causal"}),
        (
            "layers: [flatten]\ntarget:\n  core: |\n",
            {f"cortex-{core}" for core in ("m0", "m0+", "m3", "m4", "m7", "m33", "m55", "m85")},
        ),
        ("layers: [flatten]\nquantize:\n  scheme: |\n", {"int8"}),
        ("layers:\n  - dense:\n      units: 4\n      use_bias: |\n", {"true", "false"}),
    ],
)
def test_values_are_offered(editor: Editor, text: str, values: set[str]) -> None:
    assert set(editor.completions(BASE + text)) == values


def test_a_key_is_explained_with_its_default(editor: Editor) -> None:
    shown = editor.hover(BASE + "layers:\n  - conv2d: {filters: 4, kernel_size: 3, pad|ding: same}\n")
    assert shown.startswith("#### conv2d\n\n`valid`: none. `same`: zeros,")
    assert "Default: `valid`." in shown
    assert "* `causal`" in shown


def test_a_key_is_explained_where_a_value_is_put_in(editor: Editor) -> None:
    shown = editor.hover("vars: {n: 4}\n" + BASE + "layers:\n  - dense: {un|its: $n}\n")
    assert "Number of outputs.\n\nRequired." in shown


def test_a_unit_is_shown(editor: Editor) -> None:
    shown = editor.hover(BASE + "layers: [flatten]\ntarget: {budget: {ra|m: 8KiB}}\n")
    assert "Most bytes of RAM: the arena of activations and scratch; as 32KiB." in shown


def test_a_type_is_explained_alone_and_with_keys(editor: Editor) -> None:
    assert "All axes in one, row by row." in editor.hover(BASE + "layers:\n  - flat|ten\n")
    shown = editor.hover(BASE + "layers:\n  - con|v2d: {filters: 4, kernel_size: 3}\n")
    assert shown.startswith("#### conv2d\n\n2-D convolution over (height, width, channels).")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        (
            "layers:\n  - conv2d: {filter: 4, kernel_size: 3}\n",
            {"filter": "Property filter is not allowed.", "conv2d": 'Missing property "filters".'},
        ),
        ("layers:\n  - dens: {units: 4}\n", {"dens": "Property dens is not allowed."}),
        (
            "layers:\n  - conv2d: {filters: x, kernel_size: [3, 0], padding: sames}\n",
            {
                "x": 'Incorrect type. Expected "integer".',
                "0": "Value is below the minimum of 1.",
                "sames": 'Value is not accepted. Valid values: "valid", "same", "causal".',
            },
        ),
        ("layers: [flatten]\nlayer: 3\n", {"layer": "Property layer is not allowed."}),
        (
            "layers: [flatten]\ntrain: {data: {npz: d.npz}, loss: mse, epoch: 5}\n",
            {"epoch": "Property epoch is not allowed."},
        ),
        (
            "layers: [flatten]\ntrain: {data: {npx: d.npz}, loss: mse, optimizer: {adam: {learning_rat: 1}}}\n",
            {
                "npx": "Property npx is not allowed.",
                "data": 'Missing property "npz".',
                "learning_rat": "Property learning_rat is not allowed.",
            },
        ),
    ],
)
def test_what_is_wrong_is_marked(editor: Editor, text: str, marked: dict[str, str]) -> None:
    assert editor.marked(BASE + text) == marked


def test_a_misspelt_type_alone_is_marked(editor: Editor) -> None:
    (message,) = editor.marked(BASE + "layers:\n  - flaten\n").values()
    assert message.startswith("Value is not accepted. Valid values: ")
    assert '"flatten"' in message


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_nothing_is_marked_in_a_spec_that_check_accepts(editor: Editor, path: Path) -> None:
    assert editor.marked(path.read_text(encoding="utf-8")) == {}
