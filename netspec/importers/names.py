"""Names in a spec: what may be one, and which of a model's names somebody chose."""

from __future__ import annotations

import re

from netspec.layers import LAYERS
from netspec.sections import C_KEYWORDS

_LONGEST_NAME = 60
_NUMBERED = re.compile(r"(.+?)(?:_\d+)?")
# Names that Keras, TensorFlow or netspec gave; such a name says no more than the layer's type does.
_OF_NOBODY = {
    *("activation", "re_lu", "p_re_lu", "input", "functional", "model", "sequential", "identity", "padded", "view"),
    *("statefulpartitionedcall", "partitionedcall", "kernel", "input_layer", "tfl_quantize", "tf_lite"),
}


def is_automatic(name: str) -> bool:
    """Say whether a layer's name is its type with a number, and was therefore given by no person."""
    found = _NUMBERED.fullmatch(name.lower().removesuffix("_int8"))
    stem = found[1] if found else name
    return stem in LAYERS or stem in _OF_NOBODY or stem.removesuffix("_view") in LAYERS


def identifier(text: str) -> str:
    """Return `text` as a name that a layer or an input may bear."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:_LONGEST_NAME].strip("_")
    if not name:
        return "x"
    return name if re.match("[A-Za-z_]", name) else f"n{name}"


def spec_name(text: str) -> str:
    """Return `text` as the name of a spec: a C identifier in lower case that is no keyword."""
    name = identifier(text).lower().lstrip("_") or "net"
    return f"{name}_net" if name in C_KEYWORDS else name
