"""Types of layer keys: what Keras accepts for them, written once.

A value's parser raises `ValueError` with a whole sentence; the JSON Schema's form of the type stands beside it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from netspec.diagnostics import nearest

IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
Identifier = Annotated[str, Field(pattern=f"^{IDENTIFIER}$")]
Size = Annotated[int, Field(ge=1)]

ActivationName = Literal["linear", "relu", "relu6", "sigmoid", "tanh", "softmax"]
PaddingName = Literal["valid", "same", "causal"]
ExplicitPadding = tuple[tuple[int, int], ...]
Named = tuple[str, tuple[tuple[str, Any], ...]]


def _sizes(value: Any, rank: int) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * rank
    if isinstance(value, list):
        if len(value) != rank:
            raise ValueError(f"takes an integer or {rank} of them, not {len(value)}")
        return tuple(value)
    return value


def _sizes_1(value: Any) -> Any:
    return _sizes(value, 1)


def _sizes_2(value: Any) -> Any:
    return _sizes(value, 2)


Sizes1 = Annotated[tuple[Size], BeforeValidator(_sizes_1, json_schema_input_type=Size | tuple[Size])]
Sizes2 = Annotated[
    tuple[Size, Size], BeforeValidator(_sizes_2, json_schema_input_type=Size | tuple[Size, Size])
]


def _amount(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _explicit(value: Any) -> ExplicitPadding | None:
    """Parse `1`, `[1, 2]` or `[[0, 1], [1, 1]]`; one pair stands for every axis. None if it is none of these."""
    if _amount(value):
        return ((value, value),)
    if isinstance(value, list) and value and all(_amount(item) for item in value):
        return tuple((item, item) for item in value)
    if (
        isinstance(value, list)
        and value
        and all(isinstance(pair, list) and len(pair) == 2 and all(map(_amount, pair)) for pair in value)
    ):
        return tuple((pair[0], pair[1]) for pair in value)
    return None


def _parse_conv_padding(value: Any) -> str | ExplicitPadding:
    if isinstance(value, str):
        if value in ("valid", "same", "causal"):
            return value
        near = nearest(value.lower(), ("valid", "same", "causal"))
        raise ValueError(
            f"must be valid, same or amounts, not '{value}'" + (f"; did you mean `{near}`?" if near else "")
        )
    explicit = _explicit(value)
    if explicit is None:
        raise ValueError("must be valid, same, or amounts such as 1, [1, 2] or [[0, 1], [1, 1]]")
    return explicit


ConvPadding = Annotated[
    str | ExplicitPadding,
    PlainValidator(
        _parse_conv_padding, json_schema_input_type=PaddingName | int | list[int] | list[tuple[int, int]]
    ),
]


def _parse_amounts(value: Any) -> ExplicitPadding:
    explicit = _explicit(value)
    if explicit is None:
        raise ValueError("must be amounts of zero or more, such as 1, [1, 2] or [[0, 1], [1, 1]]")
    return explicit


ZeroPaddingAmounts = Annotated[
    ExplicitPadding,
    PlainValidator(_parse_amounts, json_schema_input_type=int | list[int] | list[tuple[int, int]]),
]


def per_axis(padding: ExplicitPadding, rank: int) -> ExplicitPadding | None:
    """Return explicit padding with one pair an axis, or None where the number of pairs fits neither 1 nor `rank`."""
    if len(padding) == 1:
        return padding * rank
    return padding if len(padding) == rank else None


INITIALIZERS = {
    "zeros": "Zeros", "ones": "Ones", "constant": "Constant", "identity": "Identity", "orthogonal": "Orthogonal",
    "random_normal": "RandomNormal", "random_uniform": "RandomUniform", "truncated_normal": "TruncatedNormal",
    "variance_scaling": "VarianceScaling", "glorot_uniform": "GlorotUniform", "glorot_normal": "GlorotNormal",
    "he_uniform": "HeUniform", "he_normal": "HeNormal", "lecun_uniform": "LecunUniform", "lecun_normal": "LecunNormal",
}  # fmt: skip
REGULARIZERS = {"l1": "L1", "l2": "L2", "l1_l2": "L1L2", "orthogonal_regularizer": "OrthogonalRegularizer"}
CONSTRAINTS = {
    "max_norm": "MaxNorm",
    "min_max_norm": "MinMaxNorm",
    "non_neg": "NonNeg",
    "unit_norm": "UnitNorm",
}
KERAS_CLASSES = INITIALIZERS | REGULARIZERS | CONSTRAINTS
# What `{l2: 0.0001}` and `{max_norm: 3}` mean: the class's one obvious argument.
_MAIN_ARGUMENT = {"l1": "l1", "l2": "l2", "max_norm": "max_value", "constant": "value", "orthogonal": "gain"}


def _parse_named(value: Any, names: dict[str, str], kind: str) -> Named:
    """Parse `he_normal`, `{l2: 0.0001}` or `{max_norm: {max_value: 3}}` to (name, arguments)."""
    arguments: dict[str, Any] = {}
    if isinstance(value, dict) and len(value) == 1:
        name, given = next(iter(value.items()))
        if isinstance(given, dict):
            arguments = given
        elif isinstance(given, int | float) and not isinstance(given, bool) and name in _MAIN_ARGUMENT:
            arguments = {_MAIN_ARGUMENT[name]: given}
        elif given is not None:
            raise ValueError(f"{kind} '{name}' takes its arguments as a mapping")
    else:
        name = value
    if not isinstance(name, str):
        raise ValueError(f"must be a {kind} by Keras' name, such as {next(iter(names))}")
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    if name not in names:
        near = nearest(snake, names)
        raise ValueError(f"unknown {kind} '{name}'" + (f"; did you mean `{near}`?" if near else ""))
    if any(isinstance(argument, dict | list) for argument in arguments.values()):
        raise ValueError(f"arguments of {kind} '{name}' must be plain values")
    return (name, tuple(sorted(arguments.items())))


def _initializer(value: Any) -> Named:
    return _parse_named(value, INITIALIZERS, "initializer")


def _regularizer(value: Any) -> Named | None:
    return None if value is None else _parse_named(value, REGULARIZERS, "regularizer")


def _constraint(value: Any) -> Named | None:
    return None if value is None else _parse_named(value, CONSTRAINTS, "constraint")


_NamedInput = str | dict[str, Any]
Initializer = Annotated[Named, PlainValidator(_initializer, json_schema_input_type=_NamedInput)]
Regularizer = Annotated[Named | None, PlainValidator(_regularizer, json_schema_input_type=_NamedInput | None)]
Constraint = Annotated[Named | None, PlainValidator(_constraint, json_schema_input_type=_NamedInput | None)]


def keras_config(named: Named | None) -> dict[str, Any] | None:
    """Return the form that Keras' `get` functions take: class name and config."""
    if named is None:
        return None
    return {"class_name": KERAS_CLASSES[named[0]], "config": dict(named[1])}
