"""The JSON Schema of the language (draft 2020-12), made from the classes that `check` validates with.

It never refuses what `check` accepts. It cannot refuse all that `check` does: it sees no names and shapes, nor what
`$name` stands for.

Pydantic gives the schema of each class. This module joins them, allows `$name` and `${...}` wherever values are put in,
and says defaults as a spec has them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from netspec.diagnostics import ToolError
from netspec.keys.keys import Keys
from netspec.keys.models import model_of
from netspec.layers import LAYERS
from netspec.layers._schema import is_bare, one_layer
from netspec.layers._types import IDENTIFIER
from netspec.layers.base import Layer
from netspec.spec.data_forms import FORMS, UNLABELLED_FORMS
from netspec.spec.language import REPEAT
from netspec.spec.language.forms import Repeat, Use
from netspec.spec.sections import C_KEYWORDS, LANGUAGE_VERSION, Top
from netspec.spec.source import parse, plain
from netspec.system.writing import write_file

DIALECT = "https://json-schema.org/draft/2020-12/schema"
IDENTITY = f"urn:netspec:language:{LANGUAGE_VERSION}"

Schema = dict[str, Any]

_NAME: Schema = {"pattern": f"^{IDENTIFIER}$"}
_EXPRESSION = r"\$\{[^{}]*\}"
_PUT_IN: dict[str, Schema] = {
    "put_in": {
        "title": "the value of a variable, parameter or sum",
        "type": "string",
        "pattern": rf"^(\${IDENTIFIER}|{_EXPRESSION})$",
    },
    "put_in_text": {
        "title": "the value of a variable or parameter, or a text made of some",
        "type": "string",
        "pattern": rf"^\${IDENTIFIER}$|{_EXPRESSION}",
    },
}
"""What stands for a value as a whole; and also texts that are made of other values."""
SHARED = ("initializer", "regularizer", "constraint", "activation", "name", "from")
"""Last words of keys whose schemas are long and alike in all layers."""
_ANNOTATIONS = ("title", "description", "markdownDescription", "default", "examples")


def schema_text() -> str:
    """Return the schema as JSON text, which is the same each time."""
    return json.dumps(language_schema(), indent=1, ensure_ascii=False) + "\n"


def write_schema(path: Path) -> None:
    """Write the schema to a file. Raises `ToolError` where that cannot be."""
    try:
        write_file(path, schema_text())
    except OSError as error:
        raise ToolError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None


def language_schema() -> Schema:
    """Return the JSON Schema of a spec."""
    root = model_schema(Top)
    definitions: dict[str, Schema] = root.pop("$defs")
    for name, forms in (("Data", FORMS), ("CalibrationData", UNLABELLED_FORMS)):
        data = definitions[name]
        data |= {"properties": {key: _not_null(value) for key, value in data["properties"].items()}}
        data |= {"oneOf": [{"required": [loader]} for loader in forms]}
    for name in set(definitions) - {"Block"}:
        definitions[name] = _open_keys(definitions[name])
    definitions |= {layer_type: _layer(layer_type, layer) for layer_type, layer in LAYERS.items()}
    _share(definitions)
    definitions |= _PUT_IN | _layer_lists(definitions.pop("Block"))
    return {
        "$schema": DIALECT,
        "$id": IDENTITY,
        **root,
        "title": "netspec",
        "description": "A neural network, from which netspec makes a Keras model and firmware.",
        "properties": _top_keys({key: _not_null(value) for key, value in root["properties"].items()}),
        # Without a `blocks` section every type is known, so that an editor can tell of a misspelt one too.
        "if": {"required": ["blocks"]},
        "then": {"properties": {"layers": {"items": {"$ref": "#/$defs/layer_or_block"}}}},
        "else": {"properties": {"layers": {"items": {"$ref": "#/$defs/layer"}}}},
        "$defs": dict(sorted(definitions.items())),
    }


def _top_keys(keys: dict[str, Schema]) -> dict[str, Schema]:
    keys["netspec"] = {**keys["netspec"], "const": LANGUAGE_VERSION}
    keys["name"]["not"] = {"enum": sorted(C_KEYWORDS)}
    keys["inputs"] |= {"minProperties": 1, "propertyNames": _NAME}
    keys["outputs"] |= {"items": {"type": "string", **_NAME}, "uniqueItems": True}
    opened = {key: schema if key in ("blocks", "layers") else _substitutable(schema) for key, schema in keys.items()}
    # A variable has a value, of any kind, and is itself never put in.
    values = {"type": ["string", "number", "boolean", "array", "object"]}
    opened["vars"] = keys["vars"] | {
        "additionalProperties": values,
        "propertyNames": _NAME | {"not": {"const": "input"}},
    }
    reserved = {"enum": [*LAYERS, REPEAT]}
    opened["blocks"] |= {
        "additionalProperties": {"$ref": "#/$defs/block"},
        "propertyNames": _NAME | {"not": reserved},
    }
    del opened["layers"]["items"]
    return opened


# ------------------------------------------------------------------------------------------------------- layers


def _layer(layer_type: str, layer: type[Layer]) -> Schema:
    schema = model_schema(layer)
    if layer.wraps:
        schema["properties"]["layer"] = _of_types(schema["properties"]["layer"])
    schema = _open_keys(schema)
    return schema | {"title": layer_type, "type": ["object", "null"] if is_bare(layer) else "object"}


def _of_types(one: Schema) -> Schema:
    """Return the schema of one layer with the keys that its type takes."""
    return one | {"properties": {layer_type: {"$ref": f"#/$defs/{layer_type}"} for layer_type in one["properties"]}}


def _share(definitions: dict[str, Schema]) -> None:
    """Replace the long schemas that many layers have in common by references to one definition."""
    for schema in list(definitions.values()):
        for key, value in schema.get("properties", {}).items():
            word = key.rpartition("_")[2]
            if word in SHARED:
                core = {each: what for each, what in value.items() if each not in _ANNOTATIONS}
                if definitions.setdefault(word, core) == core:
                    schema["properties"][key] = {**_annotations(value), "$ref": f"#/$defs/{word}"}


def _layer_lists(block: Schema) -> dict[str, Schema]:
    """Return the definitions of what a list of layers holds, without blocks and with them."""
    plain_layer = _of_types(one_layer(LAYERS.items()))
    bare, mapping = plain_layer["anyOf"]
    keyed = [layer_type for layer_type in LAYERS if layer_type not in bare["enum"]]
    use = _open_keys(model_schema(Use))
    use["properties"]["from"] = {**_annotations(use["properties"]["from"]), "$ref": "#/$defs/from"}
    repeat = model_schema(Repeat)
    repeat["title"] = REPEAT
    repeat["properties"]["times"] = _substitutable(repeat["properties"]["times"])

    def several(item: str) -> Schema:
        layers = repeat["properties"]["layers"] | {"items": {"$ref": f"#/$defs/{item}"}}
        return repeat | {"properties": repeat["properties"] | {"layers": layers}}

    return {
        "layer": plain_layer | {"properties": {**plain_layer["properties"], REPEAT: {"$ref": "#/$defs/repeat"}}},
        "repeat": several("layer"),
        "layer_or_block": {
            **plain_layer,
            "anyOf": [bare, {"type": "string", **_NAME, "not": {"enum": [*keyed, REPEAT]}}, mapping],
            "properties": {**plain_layer["properties"], REPEAT: {"$ref": "#/$defs/repeat_with_blocks"}},
            "additionalProperties": {"$ref": "#/$defs/use"},
            "propertyNames": _NAME,
        },
        "repeat_with_blocks": several("layer_or_block"),
        "use": use | {"title": "a block", "type": ["object", "null"], "additionalProperties": True},
        "block": _block(block),
    }


def _block(schema: Schema) -> Schema:
    keys = schema["properties"]
    params = keys["params"] | {"propertyNames": _NAME | {"not": {"enum": ["input", "name", "from"]}}}
    layers = keys["layers"] | {"items": {"$ref": "#/$defs/layer_or_block"}}
    return schema | {"title": "block", "properties": {"params": params, "layers": layers}}


# ------------------------------------------------------------------------------------------------------- values


def _open_keys(schema: Schema) -> Schema:
    """Return the schema of a mapping with `$name` and `${...}` allowed as the value of each key."""
    return schema | {"properties": {key: _substitutable(value) for key, value in schema["properties"].items()}}


def _substitutable(schema: Schema) -> Schema:
    """Return a value's schema that also takes what stands for the value, or for a part of it."""
    opened = _open_inside(schema)
    core = {key: value for key, value in opened.items() if key not in _ANNOTATIONS}
    if _takes_any_text(core):
        return opened
    put_in = {"$ref": "#/$defs/put_in_text" if _takes_text(core) else "#/$defs/put_in"}
    if "anyOf" in core:
        return opened | {"anyOf": [*core["anyOf"], put_in]}
    return {**_annotations(opened), "anyOf": [core, put_in]}


def _open_inside(schema: Schema) -> Schema:
    opened = dict(schema)
    if "properties" in schema:
        opened["properties"] = {key: _substitutable(value) for key, value in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict) and schema[key]:
            opened[key] = _substitutable(schema[key])
    if "anyOf" in schema:
        opened["anyOf"] = [_open_inside(branch) for branch in schema["anyOf"]]
    return opened


def _takes_text(schema: Schema) -> bool:
    if "anyOf" in schema:
        return any(map(_takes_text, schema["anyOf"]))
    return "string" in schema.get("type", ())


def _takes_any_text(schema: Schema) -> bool:
    if "anyOf" in schema:
        return any(map(_takes_any_text, schema["anyOf"]))
    return _takes_text(schema) and not {"enum", "const", "pattern"} & set(schema)


def _not_null(schema: Schema) -> Schema:
    """Return the schema of a key that is either left out or has a value."""
    branches = [branch for branch in schema.get("anyOf", ()) if branch != {"type": "null"}]
    without = {key: value for key, value in schema.items() if key != "anyOf"}
    return without | branches[0] if len(branches) == 1 else without | ({"anyOf": branches} if branches else {})


# ------------------------------------------------------------------------------------------------ from pydantic


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, with defaults as a spec has them, and without titles made of the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, dft: Any) -> Any:
        return written(dft)


def model_schema(model: type[Keys]) -> Schema:
    """Return the schema of a class's keys, without what is put in for values."""
    schema: Schema = _tidy(model_of(model).model_json_schema(schema_generator=_Generator))
    for each in (schema, *schema.get("$defs", {}).values()):
        each["title"] = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", each["title"]).lower()
        for key, value in each["properties"].items():
            _describe(value, required=key in each.get("required", ()))
    return schema


def written(value: Any) -> Any:
    """Return a validated value as a spec has it: `valid`, `2` for (2, 2), `glorot_uniform`, `{constant: 0.5}`."""
    match value:
        case (str(name), tuple() | dict() as arguments):
            return {name: dict(arguments)} if arguments else name
        case tuple():
            items = [written(item) for item in value]
            return items[0] if items and all(item == items[0] for item in items) else items
        case Keys():
            return {}
    return value


def _tidy(node: Any) -> Any:
    """Return pydantic's schema with fixed-length lists of one type said by `items`, and examples that are values."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _tidy(value) for key, value in node.items()}
    if isinstance(found.get("description"), str):
        found["description"] = re.sub(r"(?<!\n)\n(?!\n)", " ", found["description"])
    if isinstance(found.get("examples"), list):
        found["examples"] = [_example(each) for each in found["examples"]]
    items = found.get("prefixItems")
    if items and all(item == items[0] for item in items):
        del found["prefixItems"]
        found["items"] = items[0]
    return found


def _example(example: Any) -> Any:
    """Return an example as a value; those of mappings are written as a spec has them."""
    if isinstance(example, str) and example.startswith(("{", "[")):
        return plain(parse(f"example: {example}", "example").root)["example"]
    return example


def _describe(key: Schema, *, required: bool) -> None:
    """Add what an editor shows beside a key: its description, and its default or that it must be given."""
    default, text = key.get("default"), key["description"]
    if required:
        text += "\n\nRequired."
    elif default is None and "default" not in text:
        text += "\n\nDefault: none."
    elif default is not None and default not in ("", [], {}):
        text += f"\n\nDefault: `{shown(default)}`."
    if default is None or default == {}:
        key.pop("default", None)  # an editor would insert it
    if "default" in key:
        key.pop("examples", None)
    key["markdownDescription"] = text


def shown(value: Any) -> str:
    """Return a plain value on one line, as a spec has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return value if isinstance(value, str) and value else json.dumps(value)


def _annotations(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key in _ANNOTATIONS}
