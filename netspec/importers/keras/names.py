"""Keras' classes and functions by name, and what they are called in a spec."""

from __future__ import annotations

import re

from netspec.layers import LAYERS
from netspec.layers._types import KERAS_CLASSES

_TYPES = {
    "ReLU": "relu", "LeakyReLU": "leaky_relu", "PReLU": "prelu", "SimpleRNN": "simple_rnn",
    "BatchNormalizationV1": "batch_normalization", "BatchNormalizationV2": "batch_normalization",
}  # fmt: skip
_ACTIVATIONS = {"swish": "silu", "hard_silu": "hard_swish"}
NAMED = {name: short for short, name in KERAS_CLASSES.items()}
"""Initializers, regularizers and constraints: the class of Keras and its name in a spec."""


def snake_case(name: str) -> str:
    """Return a class name as Keras spells it in files: `Conv2D` is conv2d, `ZeroPadding2D` zero_padding2d."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def layer_type(class_name: str) -> str | None:
    """Return the type of a Keras class; None where a spec has none."""
    found = _TYPES.get(class_name, snake_case(class_name))
    return found if found in LAYERS else None


def activation(name: str) -> str:
    """Return an activation's name in a spec; where Keras has two, a spec has one."""
    return _ACTIVATIONS.get(name, name)
