"""docs/spec.md: every key of every section of a spec, made from the classes that check validates with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from netspec.docs.schema import Schema, model_schema, shown
from netspec.spec.sections import Top

_ORDER = (
    "Input", "Block", "Train", "Data", "Npy", "Csv", "Images", "Audio", "EarlyStopping", "Quantize", "Calibration",
    "CalibrationData", "UnlabelledCsv", "Target", "Budget", "Memory",
)  # fmt: skip
_PATHS = {
    "Input": "inputs.NAME",
    "Block": "blocks.NAME",
    "Train": "train",
    "Data": "train.data",
    "Npy": "train.data.npy",
    "Csv": "train.data.csv",
    "Images": "train.data.images",
    "Audio": "train.data.audio",
    "EarlyStopping": "train.early_stopping",
    "Quantize": "quantize",
    "Calibration": "quantize.calibration",
    "CalibrationData": "quantize.calibration.data",
    "UnlabelledCsv": "quantize.calibration.data.csv",
    "Target": "target",
    "Budget": "target.budget",
    "Memory": "target.memory[...]",
}
"""Where a section is in a spec."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "Top": {
        "description": "keyword spotting", "outputs": ["softmax"], "weights": "weights.npz",
        "blocks": {"unit": {"params": {"width": 8}, "layers": [{"dense": {"units": "$width"}}, "relu"]}},
        "train": {"data": {"npz": "data.npz"}, "loss": "mse"}, "target": {"core": "cortex-m4"},
        "quantize": {"calibration": {"samples": 100}},
    },
    "Input": {"dtype": "int32"},
    "Block": {"params": {"width": 8}, "layers": [{"dense": {"units": "$width"}}, "relu"]},
    "Train": {
        "data": {"npz": "data.npz"},
        "optimizer": {"adam": {"learning_rate": 0.001}}, "metrics": ["accuracy"], "epochs": 20, "batch_size": 100,
        "validation_split": 0.1, "early_stopping": {"monitor": "val_loss", "patience": 5}, "seed": 7,
    },
    "Data": {
        "npz": "data.npz", "npy": {"x": "x.npy", "y": "y.npy"}, "csv": {"path": "table.csv", "target": "label"},
        "images": {"path": "pictures"}, "audio": {"path": "clips", "features": "mfcc"}, "python": "package.data:load",
        "classes": ["idle", "run", "walk"],
    },
    "Npy": {"x_val": "x_val.npy", "y_val": "y_val.npy", "x_test": "x_test.npy", "y_test": "y_test.npy"},
    "Images": {"resize": "bilinear"},
    "Audio": {"fft_length": 512, "coefficients": 10, "upper_edge_hertz": 7600.0, "spectrum": "power"},
    "EarlyStopping": {"patience": 5, "min_delta": 0.001, "mode": "max", "monitor": "val_accuracy"},
    "Quantize": {"calibration": {"samples": 100, "method": {"percentile": 99.99}}},
    "Calibration": {"data": {"npz": "samples.npz"}, "samples": 100, "method": {"percentile": 99.99}},
    "CalibrationData": {
        "npz": "samples.npz", "npy": "samples.npy", "csv": {"path": "table.csv"}, "images": {"path": "pictures"},
        "audio": {"path": "clips", "features": "mfcc"}, "python": "package.data:load",
    },
    "UnlabelledCsv": {"target": "label", "header": False},
    "Target": {
        "io": "external", "kernels": "cmsis-nn", "budget": {"flash": "128KiB", "ram": "32KiB"},
        "memory": [{"name": "dtcm", "size": "16KiB", "holds": ["arena"]}],
    },
    "Budget": {"flash": "128KiB", "ram": "32KiB", "macs": "3M"},
    "Memory": {"holds": ["arena", "weights"]},
}  # fmt: skip
"""What somebody might write, for keys whose class has no example; a test reads each as the class does."""

_HEAD = """\
# The spec, key by key

<!-- Made by `make docs` from the classes in netspec/spec/sections.py and netspec/spec/data_forms.py. -->

A spec is a mapping with the keys of the first table; `netspec`, `name`, `inputs` and `layers` are required.
Layers and their keys are in [layers.md](layers.md), more of training data in [data.md](data.md). `$name` and `${...}`
may take the place of any value.
"""


def sections() -> dict[str, Schema]:
    """Return the JSON Schema of each section by the name of its class, the whole spec first."""
    root = model_schema(Top)
    definitions: dict[str, Schema] = root["$defs"]
    return {"Top": root} | {name: definitions[name] for name in _ORDER}


def example(section: str, key: str, schema: Schema) -> Any:
    """Return a value that somebody might give a key. Raises `KeyError` where there is none."""
    own = EXAMPLES.get(section, {})
    if key in own:
        return own[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("default") is not None:
        return schema["default"]
    raise KeyError(f"{section}.{key}")


def spec_page() -> str:
    """Return docs/spec.md."""
    lines = [_HEAD]
    for name, schema in sections().items():
        if name != "Top":
            description = " ".join(str(schema["description"]).split("\n\n"))
            lines += ["", f"## {_PATHS[name]}", "", " ".join(description.split()), ""]
        required = schema.get("required", ())
        lines += ["| key | value | default | example | |", "|---|---|---|---|---|"]
        for key, each in schema["properties"].items():
            default = "required" if key in required else _default(each)
            written = f"`{key}: {shown(example(name, key, each))}`"
            cells = (f"`{key}`", value_in_words(each), default, written, each["description"])
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default is None or default in ("", [], {}):
        return "none"
    if isinstance(default, dict):
        return "its own defaults"
    return f"`{shown(default)}`"


def value_in_words(schema: Schema) -> str:
    """Return in words what a key takes."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"a mapping: [{_PATHS[name]}](#{_anchor(_PATHS[name])})"
    if "anyOf" in schema:
        branches = [branch for branch in schema["anyOf"] if branch != {"type": "null"}]
        return ", or ".join(dict.fromkeys(map(value_in_words, branches)))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{shown(value)}`" for value in schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "object":
            return _mapping(schema)
        case "array":
            inner = value_in_words(schema["items"]) if schema.get("items") else ""
            return f"a list of {inner}" if inner else "a list"
        case "integer" | "number" as kind:
            return " ".join(["an integer" if kind == "integer" else "a number", *_bounds(schema)])
        case "boolean":
            return "`true` or `false`"
        case "string":
            return _text(schema)
    return "any value"


def _mapping(schema: Schema) -> str:
    properties = schema.get("properties", {})
    if len(properties) > 1:
        return "a mapping of one of these names to its arguments"
    if properties:
        return "; ".join(f"`{{{key}: ...}}`, {value_in_words(each)}" for key, each in properties.items())
    inner = schema.get("additionalProperties")
    return f"a mapping of names to {value_in_words(inner)}" if isinstance(inner, dict) and inner else "a mapping"


def _text(schema: Schema) -> str:
    return "a size such as `4096`, `128KiB` or `3M`" if "KiB" in schema.get("pattern", "") else "text"


def _bounds(schema: Schema) -> list[str]:
    words = {"minimum": "of at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    found = [f"{word} {schema[key]:g}" for key, word in words.items() if key in schema]
    return [" and ".join(found)] if found else []


def _anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return "".join(char for char in heading.lower().replace(" ", "-") if char.isalnum() or char in "-_")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(spec_page(), encoding="utf-8", newline="\n")
