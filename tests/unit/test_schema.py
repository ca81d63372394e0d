"""The JSON Schema of the language: valid by its dialect, never stricter than check, and worth having all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from netspec.cli import app
from netspec.docs.schema import Schema, language_schema, schema_text, written
from netspec.keys.keys import Keys
from netspec.layers import LAYERS
from netspec.spec import data_forms, sections
from netspec.spec.language import forms
from netspec.spec.source import parse, plain
from tests.test_cases import ERR, OK

ROOT = Path(__file__).parents[2]
SCHEMA = language_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
MODELS = [
    *LAYERS.values(),
    *(
        each
        for module in (sections, data_forms, forms)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Keys) and each.keys
    ),
]


def faults(text: str) -> list[str]:
    """Return what the schema says of a spec."""
    return [error.message for error in VALIDATOR.iter_errors(plain(parse(text, "spec.yaml").root))]


def spec(**sections: Any) -> str:
    base = {"netspec": 1, "name": "net", "inputs": {"x": {"shape": [8, 8, 3]}}, "layers": ["flatten"]}
    return json.dumps(base | sections)  # which is YAML too


def subschemas(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from subschemas(inner)


def test_it_is_valid_by_its_dialect() -> None:
    assert SCHEMA["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_reference_leads_to_a_definition_and_every_definition_is_used() -> None:
    used = {each["$ref"] for each in subschemas(SCHEMA) if isinstance(each.get("$ref"), str)}
    assert used == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_it_is_the_same_each_time_and_needs_nothing_heavy() -> None:
    code = (
        "import sys; from netspec.docs.schema import schema_text; sys.stdout.write(schema_text());"
        "heavy = {'numpy', 'tensorflow', 'jinja2'} & set(sys.modules); sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {schema_text()}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_described(model: type[Keys]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no `description`, which editors and `layers` show"
        assert field.description[0] in "`ABCDEFGHIJKLMNOPQRSTUVWXYZ" or field.description.startswith("lstm")
        assert field.description.endswith("."), field.description


def test_editors_show_a_default_for_every_key_that_may_be_left_out() -> None:
    for name, definition in SCHEMA["$defs"].items():
        for key, schema in definition.get("properties", {}).items():
            text = schema.get("markdownDescription")
            if text is not None and name not in ("Data", "use"):
                stated = "default" in text.lower() or key in ("metrics", "budget", "calibration", "params")
                assert ("Required." in text) == (key in definition.get("required", ())), (name, key)
                assert stated or "Required." in text, (name, key)


def test_defaults_are_values_that_the_schema_takes() -> None:
    for definition in SCHEMA["$defs"].values():
        for key, schema in definition.get("properties", {}).items():
            if "default" in schema:
                resolved = {"$defs": SCHEMA["$defs"], **schema}
                assert jsonschema.Draft202012Validator(resolved).is_valid(schema["default"]), (key, schema["default"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((2, 2), 2),
        ((1, 2), [1, 2]),
        (((0, 0), (0, 0)), 0),
        (((0, 1), (0, 1)), [0, 1]),
        (("zeros", ()), "zeros"),
        (("constant", (("value", 0.5),)), {"constant": {"value": 0.5}}),
        (("adam", {}), "adam"),
        ("valid", "valid"),
        (None, None),
    ],
)
def test_defaults_as_a_spec_has_them(value: Any, expected: Any) -> None:
    assert written(value) == expected


SPECS = [*OK, *sorted((ROOT / "specs").rglob("*.yaml"))]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_specs_that_check_accepts(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


def layer_rows() -> list[Any]:
    found = []
    for path in sorted((ROOT / "tests" / "cases" / "layers").glob("*.yaml")):
        rows = plain(parse(f"rows:\n{path.read_text(encoding='utf-8')}", path.name).root)["rows"]
        found += [pytest.param(path.stem, row["keys"], id=f"{path.stem}_{i}") for i, row in enumerate(rows)]
    return found


@pytest.mark.parametrize(("layer_type", "keys"), layer_rows())
def test_layers_that_check_accepts(layer_type: str, keys: dict[str, Any]) -> None:
    assert faults(spec(layers=[{layer_type: keys}])) == []


# What is wrong with keys and values is seen; not so names and what they lead to, shapes, the device, values put in.
KEYS_AND_VALUES = (
    "empty_", "held_form", "held_not_recurrent", "held_unknown", "held_value", "invalid_name_of_", "invalid_value_",
    "language_version", "layer_form_", "missing_key_", "unknown_key_", "unknown_layer_", "wrong_type_",
)  # fmt: skip
# Values that it could see, in part at the price of an unreadable schema.
UNSEEN_VALUES = {
    "invalid_value_axis", "invalid_value_axis_none", "invalid_value_axis_twice",
    "invalid_value_budget_part_of_a_byte", "invalid_value_calibration_header", "invalid_value_concatenate_axis",
    "invalid_value_dot_axes",
    "invalid_value_padding_axes", "invalid_value_reshape_two_unknown", "invalid_value_softmax_axis",
    "invalid_value_variance",
}  # fmt: skip


SEEN = [path for path in ERR if path.stem.startswith(KEYS_AND_VALUES) and path.stem not in UNSEEN_VALUES]


@pytest.mark.parametrize("path", SEEN, ids=lambda path: path.stem)
def test_errors_that_an_editor_tells_of_too(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")), "the schema allows it: if it has to, add it to UNSEEN_VALUES"


def test_most_errors_in_keys_and_values_are_seen() -> None:
    assert len(SEEN) > 100


@pytest.mark.parametrize(
    "sections",
    [
        {"layers": [{"dense": {"units": "$n"}}], "vars": {"n": 3}},
        {"layers": [{"dense": {"units": "${n * 2}", "name": "d_${n}", "activation": "$a"}}], "vars": {"n": 3}},
        {"layers": [{"conv2d": {"filters": 2, "kernel_size": ["$n", 3], "padding": [["$n", 0], [1, 1]]}}]},
        {"layers": [{"dense": {"units": 2, "kernel_regularizer": {"l2": "$rate"}, "bias_initializer": "$start"}}]},
        {"layers": [{"bidirectional": {"layer": {"gru": "$keys"}}}]},
        {"layers": [{"time_distributed": {"layer": "$held"}}]},
        {"layers": [{"add": {"from": ["$one", "x"]}}, {"relu": {"from": "$one"}}, {"relu": {"from": None}}]},
        {"layers": [{"repeat": {"times": "${n + 1}", "layers": ["relu"]}}]},
        {"layers": [{"my_block": {"any": [{"n": None}], "from": "x"}}], "blocks": {"my_block": {"layers": ["relu"]}}},
        {"layers": ["my_block", "flatten"], "blocks": {"my_block": {"layers": ["relu"], "params": {"n": None}}}},
        {"train": "$train", "quantize": "$quantize", "target": {"core": "$core", "budget": {"ram": "${n}KiB"}}},
        {"train": {"data": {"npz": "$file"}, "loss": "$loss", "optimizer": {"adam": {"learning_rate": "$rate"}}}},
        {"outputs": ["d_${n}", "$last"], "name": "net_${n}", "inputs": {"x": {"shape": "$shape"}}},
        {"layers": [{"flatten": None}, {"relu": {"max_value": None}}]},
    ],
)  # fmt: skip
def test_what_may_be_put_in_for_values(sections: dict[str, Any]) -> None:
    assert faults(spec(**sections)) == []


@pytest.mark.parametrize(
    "sections",
    [
        {"layers": ["dens"]},
        {"layers": [{"dens": {"units": 3}}]},
        {"layers": ["dense"], "blocks": {"my_block": {"layers": ["relu"]}}},
        {"layers": [{"dense": "$keys"}]},
        {"layers": [{"dense": {"units": "n"}}]},
        {"layers": [{"dense": {"units": "$n and more"}}]},
        {"layers": [{"dense": {"units": 3, "activation": "a $b"}}]},
        {"layers": [{"bidirectional": {"layer": {"dense": {"units": 3}}}}]},
        {"layers": [{"time_distributed": {"layer": "add"}}]},
        {"layers": [{"dense": {"units": True}}]},
        {"layers": [{"flatten": None, "relu": None}]},
        {"layers": "$layers"},
        {"vars": {"n": None}},
        {"vars": "$vars"},
        {"blocks": {"dense": {"layers": ["relu"]}}},
        {"train": None},
        {"netspec": 2},
    ],
)
def test_what_no_value_can_make_right(sections: dict[str, Any]) -> None:
    assert faults(spec(**sections))


def test_the_command_prints_and_writes_it(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    printed = CliRunner().invoke(app, ["schema"])
    assert (printed.exit_code, printed.stdout) == (0, schema_text())
    file = tmp_path / "netspec.schema.json"
    done = CliRunner().invoke(app, ["schema", "--out", str(file)])
    assert (done.exit_code, done.stdout) == (0, "")
    assert file.read_text(encoding="utf-8") == schema_text()


def test_a_folder_that_is_not_there_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netspec", "schema", "--out", "nowhere/netspec.schema.json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert (
        done.stderr.splitlines()[0] == "error: nowhere/netspec.schema.json cannot be written: no such file or directory"
    )
