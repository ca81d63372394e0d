"""The JSON Schema of one layer as it is written: a bare type, or a mapping with the type as its only key.

`netspec.docs.schema` says what the keys of each type are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netspec.layers.base import Layer


def is_bare(layer: type[Layer]) -> bool:
    """Say whether a type can stand alone, without keys."""
    return not any(field.is_required() for field in layer.model_fields.values())


def summary(layer: type[Layer]) -> str:
    """Return the first paragraph of a layer's docstring."""
    return " ".join((layer.__doc__ or "").split("\n\n")[0].split())


def one_layer(types: Iterable[tuple[str, type[Layer]]]) -> dict[str, Any]:
    """Return the schema of a layer of one of these types.

    What a string and what a mapping must be stand side by side and not in branches: so an editor tells of a wrong key
    that it is wrong, and not that a string was expected.
    """
    known = list(types)
    bare = {name: summary(layer) for name, layer in known if is_bare(layer)}
    alone = {"type": "string", "enum": list(bare), "markdownEnumDescriptions": list(bare.values())}
    return {
        "anyOf": [*([alone] if bare else []), {"type": "object"}],
        "properties": {name: {} for name, _ in known},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
