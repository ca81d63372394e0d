"""`netspec layers` and docs/layers.md: complete, current, and right about the device."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import pytest
from typer.testing import CliRunner

from netspec.cli import app
from netspec.device.plan import plan_device
from netspec.device.size import flash_bytes
from netspec.diagnostics import SpecError
from netspec.docs.layers import LayerType, layer_types, layers_page
from netspec.docs.schema import model_schema
from netspec.docs.sections import example, sections, spec_page
from netspec.layers import LAYERS
from netspec.spec.sections import Top
from netspec.spec.source import parse, plain
from tests.specs import make_graph

ROOT = Path(__file__).parents[2]
TYPES = {each.name: each for each in layer_types()}


def rows(layer_type: str) -> list[dict[str, Any]]:
    text = (ROOT / "tests" / "cases" / "layers" / f"{layer_type}.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = plain(parse(f"rows:\n{text}", layer_type).root)["rows"]
    return found


def runs(layer_type: str, row: dict[str, Any]) -> bool:
    """Say whether a whole network of a case's layer can be planned for the device."""
    names = [f"x{i}" for i in range(len(row["inputs"]))]
    sources = {"from": names} if LAYERS[layer_type].merges else {}
    graph = make_graph([{layer_type: {**row["keys"], **sources}}], dict(zip(names, row["inputs"], strict=True)))
    try:
        return flash_bytes(plan_device(graph)) >= 0
    except SpecError as error:
        if {each.rule for each in error.diagnostics} == {"unsupported-on-device"}:
            return False
        raise


def test_every_type_is_listed_once_and_families_stand_together() -> None:
    assert sorted(TYPES) == sorted(LAYERS)
    families = [each.family for each in TYPES.values()]
    assert len(set(families)) == sum(one != two for one, two in zip([None, *families], families, strict=False))


@pytest.mark.parametrize("layer_type", LAYERS)
def test_what_is_said_of_the_device_holds_for_every_case(layer_type: str) -> None:
    device = TYPES[layer_type].device
    outcomes = {runs(layer_type, row) for row in rows(layer_type)}
    if not device.runs:
        assert outcomes == {False} or any(case.trivial for case in device.others)
    elif not device.default.why:
        assert True in outcomes


@pytest.mark.parametrize(
    ("layer_type", "refused", "limits"),
    [
        ("conv2d", False, ["`activation`", "`groups: 2`"]),
        ("softmax", False, ["`axis: 2`", "1000 channels"]),
        ("add", False, ["inputs of unequal shapes"]),
        ("flatten", False, []),
        ("reduce", True, ["`axis: [1, 2]`"]),
        ("leaky_relu", True, ["`negative_slope: 0.0`"]),
        ("lstm", True, []),
    ],
)
def test_limits_on_the_device(layer_type: str, refused: bool, limits: list[str]) -> None:
    device = TYPES[layer_type].device
    assert bool(device.default.why) == refused
    assert [case.what.partition(" `")[0] for case in device.others] == limits
    assert all(bool(case.why) != refused for case in device.others)


@pytest.mark.parametrize("layer", TYPES.values(), ids=lambda layer: layer.name)
def test_every_key_stands_with_its_values_and_default(layer: LayerType) -> None:
    fields = LAYERS[layer.name].model_fields
    assert {key.name for key in layer.keys} == {field.alias or name for name, field in fields.items()}
    for key in layer.keys:
        assert (key.default is None) == fields["from_" if key.name == "from" else key.name].is_required()
        assert "any value" not in key.value or layer.name == "normalization"
        assert key.description


@pytest.mark.parametrize(
    ("layer_type", "key", "value", "default"),
    [
        ("dropout", "rate", "a number of at least 0 and below 1", None),
        ("max_pooling2d", "pool_size", "an integer of at least 1 or a list of 2, each an integer of at least 1", "2"),
        ("max_pooling2d", "padding", "`valid`, `same`", "valid"),
        ("dense", "kernel_initializer", "an initializer", "glorot_uniform"),
        ("dense", "activation", "an activation", "none"),
        ("relu", "max_value", "a number above 0", "none"),
        ("bidirectional", "layer", "a layer", None),
        ("lstm", "recurrent_initializer", "an initializer", "orthogonal"),
    ],
)
def test_keys_in_words(layer_type: str, key: str, value: str, default: str | None) -> None:
    (found,) = (each for each in TYPES[layer_type].keys if each.name == key)
    assert (found.value, found.default) == (value, default)


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "layers.md").read_text(encoding="utf-8") == layers_page(), "run `make docs`"


def test_the_page_of_the_spec_is_current() -> None:
    assert (ROOT / "docs" / "spec.md").read_text(encoding="utf-8") == spec_page(), "run `make docs`"


def test_every_section_of_a_spec_is_on_its_page() -> None:
    assert sections().keys() - {"Top"} == model_schema(Top)["$defs"].keys()


_KEYS = [(name, key) for name, schema in sections().items() for key in schema["properties"]]


@pytest.mark.parametrize(("section", "key"), _KEYS)
def test_every_key_of_a_section_has_an_example_that_is_taken(section: str, key: str) -> None:
    """Give a key without one an example in its class, or in `EXAMPLES` of netspec/docs/sections.py."""
    schema = sections()[section]["properties"][key]
    value = example(section, key, schema)
    assert schema["description"]
    jsonschema.validate(value, {"$defs": model_schema(Top)["$defs"], **schema})


def test_the_table() -> None:
    done = CliRunner().invoke(app, ["layers"])
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert {line.split()[0] for line in lines if line.startswith("  ")} == set(LAYERS)
    assert "  conv2d                    device  2-D convolution over (height, width, channels)." in lines
    assert "  conv3d                            3-D convolution over (depth, height, width, channels)." in lines


def test_one_type() -> None:
    done = CliRunner().invoke(app, ["layers", "conv2d"])
    assert done.exit_code == 0
    assert done.stdout.startswith("conv2d: 2-D convolution over (height, width, channels).\n")
    assert "\n  filters: an integer of at least 1; required\n      Number of output channels.\n" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_json() -> None:
    done = CliRunner().invoke(app, ["layers", "relu", "--format", "json"])
    (layer,) = json.loads(done.stdout)["layers"]
    assert (layer["type"], layer["family"], layer["bare"]) == ("relu", "activation", True)
    assert layer["device"]["supported"]
    assert [each["with"] for each in layer["device"]["others"]] == ["negative_slope: 0.5", "threshold: 0.5"]
    (slope,) = (key for key in layer["keys"] if key["name"] == "negative_slope")
    assert (slope["default"], slope["required"], slope["value"]) == (0.0, False, "a number of at least 0")


def test_a_type_that_is_not_there() -> None:
    done = CliRunner().invoke(app, ["layers", "conv2"])
    assert done.exit_code == 2
    assert "'conv2' is no layer type; did you mean conv2d?" in done.output


def test_the_readme_says_which_commands_print_json() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    listed = readme.partition("3 where netspec or a tool fails. ")[2].partition(" take `--format json`")[0]
    commands = {each.callback.__name__: each.callback for each in app.registered_commands if each.callback}
    hints = {name: get_type_hints(callback).get("format") for name, callback in commands.items()}
    formats = {name: tuple(choices) for name, choices in hints.items() if choices is not None}
    assert sorted(re.findall(r"`(\w+)`", listed)) == sorted(name for name, each in formats.items() if "json" in each)
    assert {name: each[2:] for name, each in formats.items() if each[2:]} == {
        "check": ("github", "sarif", "junit"),
        "diff": ("markdown",),
    }


@pytest.mark.parametrize("layer_type", ["leaky_relu", "permute", "repeat_vector"])
def test_what_only_runs_where_it_does_nothing_is_not_called_a_layer_of_the_device(layer_type: str) -> None:
    device = TYPES[layer_type].device
    assert not device.runs
    assert device.others
