"""`netspec layers`: what every layer type takes and whether the device runs it, made from the classes."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.diagnostics import suggestion
from netspec.docs.schema import SHARED, Schema, model_schema, shown
from netspec.layers import LAYERS
from netspec.layers._on_device import Case, Support, device_support
from netspec.layers._schema import is_bare, summary

_COMMON = ("name", "from")
_FORMS = {
    1: "(features)",
    2: "(steps, channels)",
    3: "(height, width, channels)",
    4: "(depth, height, width, channels)",
}
_WIDTH = 100


class UnknownType(Exception):
    """There is no such layer type; the message says which was probably meant."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a layer. `value` says in words what it may be, `default` is as a spec has it, None: it must be given."""

    name: str
    value: str
    default: str | None
    description: str


@dataclass(frozen=True, slots=True)
class LayerType:
    """A layer type. `inputs` says in words what it reads."""

    name: str
    family: str
    summary: str
    inputs: str
    bare: bool
    keys: tuple[Key, ...]
    device: Support


def layer_types(only: str | None = None) -> tuple[LayerType, ...]:
    """Return all layer types, family by family, or the one of a name. Raises `UnknownType`."""
    if only is not None and only not in LAYERS:
        raise UnknownType(f"'{only}' is no layer type; {suggestion(only, LAYERS, 'the types are')}".replace("`", ""))
    found = [_layer_type(name) for name in ([only] if only else LAYERS)]
    families = list(dict.fromkeys(each.family for each in found))
    return tuple(sorted(found, key=lambda each: families.index(each.family)))


def _layer_type(name: str) -> LayerType:
    layer = LAYERS[name]
    schema = model_schema(layer)
    required = schema.get("required", ())
    keys = (_key(key, value, required=key in required) for key, value in schema["properties"].items())
    several = "two or more layers" if layer.merges else "any shape"
    return LayerType(
        name=name,
        family=layer.family,
        summary=summary(layer),
        inputs=" or ".join(_FORMS[rank] for rank in layer.input_ranks) if layer.input_ranks else several,
        bare=is_bare(layer),
        keys=tuple(sorted(keys, key=lambda key: (key.name in _COMMON, key.default is not None))),
        device=device_support(layer, schema["properties"]),
    )


def _key(name: str, schema: Schema, *, required: bool) -> Key:
    default = None if required else shown(schema["default"]) if "default" in schema else "none"
    word = name.rpartition("_")[2]
    value = f"{'an' if word[0] in 'aei' else 'a'} {word}" if word in SHARED[:4] else _value(schema)
    return Key(name, value, default, schema["description"])


def _value(schema: Schema) -> str:
    """Return in words what a value may be; null, which stands for the default, is left out."""
    if "properties" in schema:
        return "a layer"
    if "anyOf" in schema:
        branches = [branch for branch in schema["anyOf"] if branch != {"type": "null"}]
        return " or ".join(dict.fromkeys(map(_value, branches)))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{shown(value)}`" for value in schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "integer" | "number" as kind:
            return " ".join(["an" if kind == "integer" else "a", kind, *_bounds(schema)])
        case "boolean":
            return "`true` or `false`"
        case "array":
            count = f" of {schema['minItems']}" if schema.get("minItems") and schema.get("maxItems") else ""
            inner = _value(schema["items"]) if schema.get("items") else ""
            return f"a list{count}" + (f", each {inner}" if inner else "")
        case "string":
            return "an identifier" if "pattern" in schema else "text"
    return "any value"


def _bounds(schema: Schema) -> list[str]:
    words = {"minimum": "of at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    found = [f"{word} {schema[key]:g}" for key, word in words.items() if key in schema]
    return [" and ".join(found)] if found else []


# ------------------------------------------------------------------------------------------------------ printed


def layers_text(only: str | None = None) -> str:
    """Return the table of all types, or the reference of one. Raises `UnknownType`."""
    found = layer_types(only)
    return _type_text(found[0]) if only else _table(found)


def _table(types: tuple[LayerType, ...]) -> str:
    wide = max(len(each.name) for each in types)
    lines: list[str] = []
    family = ""
    for each in types:
        if each.family != family:
            family = each.family
            lines += [*([""] if lines else []), family]
        lines.append(f"  {each.name:{wide}}  {'device' if each.device.runs else '      '}  {each.summary}")
    return "\n".join(
        [
            *lines,
            "",
            "device: has an int8 form, the others none yet; `netspec layers TYPE` says with which keys",
        ]
    )


def _type_text(layer: LayerType) -> str:
    lines = [f"{layer.name}: {layer.summary}", "", f"  reads  {layer.inputs}", *_device_lines(layer.device)]
    for key in layer.keys:
        if not _is_of_training(key):
            first = f"{key.name}: {key.value}{_said_default(key)}"
            lines += ["", *textwrap.wrap(first, _WIDTH, initial_indent="  ", subsequent_indent=" " * 4)]
            lines += _wrapped(key.description)
    training = [f"{key.name} ({key.default})" for key in layer.keys if _is_of_training(key)]
    if training:
        lines += ["", "  for training, by Keras' names:", *_wrapped(", ".join(training))]
    return "\n".join(lines).replace("`", "")


def _is_of_training(key: Key) -> bool:
    return key.name.endswith(("_initializer", "_regularizer", "_constraint"))


def _said_default(key: Key) -> str:
    if key.default is None:
        return "; required"
    return "" if "default:" in key.description else f"; default {key.default}"


def _device_lines(support: Support) -> list[str]:
    lines = textwrap.wrap(f"device {_verdict(support)}", _WIDTH, initial_indent="  ", subsequent_indent=" " * 9)
    for case in support.others if support.runs else ():
        lines += textwrap.wrap(_case(case), _WIDTH, initial_indent=" " * 9, subsequent_indent=" " * 11)
    return lines


def _verdict(support: Support) -> str:
    if not support.runs:
        trivial = " or ".join(case.what for case in support.others)
        only = f". It runs with {trivial} only, where it computes nothing of its own" if trivial else ""
        return f"no: {support.default.why}; {support.default.help}{only}"
    if support.default.why:
        return "only with"
    return "yes, but not with" if support.others else "yes"


def _case(case: Case) -> str:
    return f"{case.what}: {case.why}; {case.help}" if case.why else case.what


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def layers_json(only: str | None = None) -> str:
    """Return the types as JSON. Raises `UnknownType`."""
    rows = [
        {
            "type": each.name,
            "family": each.family,
            "summary": each.summary,
            "inputs": each.inputs,
            "bare": each.bare,
            "keys": [
                {
                    "name": key.name,
                    "required": key.default is None,
                    "default": _default(each.name, key.name),
                    "value": key.value.replace("`", ""),
                    "description": key.description,
                }
                for key in each.keys
            ],
            "device": {
                "supported": each.device.runs,
                "by_default": not each.device.default.why,
                "reason": each.device.default.why,
                "help": each.device.default.help,
                "others": [
                    {"with": case.what.replace("`", ""), "supported": not case.why, "reason": case.why}
                    for case in each.device.others
                ],
            },
        }
        for each in layer_types(only)
    ]
    return json.dumps({"schema_version": 1, "layers": rows}, indent=2, ensure_ascii=False)


def _default(layer_type: str, key: str) -> Any:
    return model_schema(LAYERS[layer_type])["properties"][key].get("default")


# ----------------------------------------------------------------------------------------------------- the page

_HEAD = """\
# Layers

<!-- Made by `make docs` from the classes in netspec/layers. -->

A list item of `layers` is a bare type, where no key is required, or a mapping with one key, the type, whose value holds
the layer's keys. Keys are Keras' arguments with Keras' defaults; axes count as in Keras, the batch being axis 0.
Wherever a value stands, `$name` and `${...}` may stand for it. For some, netspec has no int8 kernel yet; Keras trains
them.
"""


def layers_page() -> str:
    """Return docs/layers.md."""
    types = layer_types()
    lines = [_HEAD, *_common(types[0]), *_shared_forms(), ""]
    lines += ["| family | types; in bold those with an int8 form for the device |", "|---|---|"]
    families = list(dict.fromkeys(each.family for each in types))
    for family in families:
        own = (each for each in types if each.family == family)
        linked = (
            f"**[{each.name}](#{each.name})**" if each.device.runs else f"[{each.name}](#{each.name})" for each in own
        )
        lines.append(f"| {family} | {', '.join(linked)} |")
    for family in families:
        lines += ["", f"## {family.capitalize()}"]
        for each in types:
            if each.family == family:
                lines += ["", *_section(each)]
    return "\n".join(lines) + "\n"


def _common(layer: LayerType) -> list[str]:
    rows = [f"| `{key.name}` | {key.description} |" for key in layer.keys if key.name in _COMMON]
    return ["Every layer takes", "", "| key | what it says |", "|---|---|", *rows, ""]


def _shared_forms() -> list[str]:
    keys = model_schema(LAYERS["dense"])["properties"]
    examples = {
        "initializer": "`he_normal`, `{constant: 0.5}`, `{random_normal: {stddev: 0.1}}`",
        "regularizer": "`l2`, `{l2: 0.0001}`, `{l1_l2: {l1: 0.001, l2: 0.01}}`",
        "constraint": "`non_neg`, `{max_norm: 3}`, `{min_max_norm: {min_value: 0.5}}`",
        "activation": "`relu`",
    }
    lines = ["| value | names | written as |", "|---|---|---|"]
    for word, example in examples.items():
        schema = keys["activation" if word == "activation" else f"kernel_{word}"]
        names = next(branch["enum"] for branch in schema["anyOf"] if "enum" in branch)
        lines.append(f"| {word} | {', '.join(f'`{name}`' for name in names)} | {example} |")
    return lines


def _section(layer: LayerType) -> list[str]:
    lines = [f"### {layer.name}", "", layer.summary, "", f"Reads {layer.inputs}.", ""]
    lines += [f"On the device: {_verdict(layer.device)}{':' if layer.device.runs and layer.device.others else '.'}"]
    if layer.device.runs and layer.device.others:
        lines += ["", *(f"- {_case(case)}" for case in layer.device.others)]
    rows = [
        f"| `{key.name}` | {key.value} | {'required' if key.default is None else _marked(key.default)} "
        f"| {key.description} |"
        for key in layer.keys
        if key.name not in _COMMON
    ]
    return [*lines, "", "| key | value | default | |", "|---|---|---|---|", *rows] if rows else lines


def _marked(default: str) -> str:
    return default if default == "none" else f"`{default}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(layers_page(), encoding="utf-8", newline="\n")
