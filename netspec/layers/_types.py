"""Types of layer keys: what Keras accepts for them, written once.

A value's parser raises `InvalidValue` with a predicate ("must be ...") and what to write instead; the JSON Schema's
form of the type is beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from netspec.diagnostics import InvalidValue, WrongName, write
from netspec.keys.keys import Field, Parsed

IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
Identifier = Annotated[str, Field(pattern=f"^{IDENTIFIER}$")]
Size = Annotated[int, Field(ge=1)]

ActivationName = Literal[
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "hard_sigmoid", "hard_swish",
    "tanh", "softplus", "softmax",
]  # fmt: skip
PaddingName = Literal["valid", "same", "causal"]
ExplicitPadding = tuple[tuple[int, int], ...]
Named = tuple[str, tuple[tuple[str, Any], ...]]


def _is_integer(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _sizes(rank: int, least: int = 1) -> Callable[[Any], tuple[int, ...]]:
    """Return the parser of `3` and `[3, 3]`: a size of at least `least` for each of `rank` axes."""

    def parse(value: Any) -> tuple[int, ...]:
        sizes = value if isinstance(value, list) else [value] * rank
        if len(sizes) == rank and all(_is_integer(size, least) for size in sizes):
            return tuple(sizes)
        shown = 3 if least else 0
        if rank == 1:
            raise InvalidValue(f"must be an integer of at least {least}", write(str(shown)))
        forms = write(str(shown), str([shown] * rank))
        raise InvalidValue(f"must be an integer of at least {least}, or {rank} of them", forms)

    return parse


Sizes1 = Annotated[tuple[int], Parsed(_sizes(1), Size | tuple[Size]), Field(examples=[3])]
Sizes2 = Annotated[tuple[int, int], Parsed(_sizes(2), Size | tuple[Size, Size]), Field(examples=[3])]
Sizes3 = Annotated[tuple[int, int, int], Parsed(_sizes(3), Size | tuple[Size, Size, Size]), Field(examples=[3])]

Amount = Annotated[int, Field(ge=0)]
Amounts1 = Annotated[tuple[int], Parsed(_sizes(1, least=0), Amount | tuple[Amount])]
Amounts2 = Annotated[tuple[int, int], Parsed(_sizes(2, least=0), Amount | tuple[Amount, Amount])]


def _explicit(value: Any) -> ExplicitPadding | None:
    """Parse `1`, `[1, 2]` or `[[0, 1], [1, 1]]`; one pair stands for every axis. None if it is none of these."""
    if _is_integer(value, 0):
        return ((value, value),)
    if not isinstance(value, list) or not value:
        return None
    if all(_is_integer(item, 0) for item in value):
        return tuple((item, item) for item in value)
    if all(isinstance(pair, list) and len(pair) == 2 and all(_is_integer(n, 0) for n in pair) for pair in value):
        return tuple((pair[0], pair[1]) for pair in value)
    return None


def _parse_conv_padding(value: Any) -> str | ExplicitPadding:
    if isinstance(value, str) and value in ("valid", "same", "causal"):
        return value
    explicit = _explicit(value)
    if explicit is not None:
        return explicit
    wanted = "must be valid, same or amounts of at least 0"
    help = "write amounts as 1, [1, 2] or [[0, 1], [1, 1]]"
    if isinstance(value, str):
        raise WrongName(wanted, value, ("valid", "same", "causal"), "padding", help=help)
    raise InvalidValue(wanted, help)


ConvPadding = Annotated[
    str | ExplicitPadding,
    Parsed(
        _parse_conv_padding,
        PaddingName
        | Amount
        | Annotated[list[Amount], Field(min_length=1)]
        | Annotated[list[tuple[Amount, Amount]], Field(min_length=1)],
    ),
]


def _border(rank: int) -> Callable[[Any], ExplicitPadding]:
    """Return the parser of amounts before and after each of `rank` axes, in the forms that Keras takes.

    One number is for every side. A list has an item an axis, a number or a pair; of one axis it is the pair itself.
    """

    def parse(value: Any) -> ExplicitPadding:
        items = [value] * rank if _is_integer(value, 0) else [value] if rank == 1 else value
        pairs = [[item, item] if _is_integer(item, 0) else item for item in items] if isinstance(items, list) else []
        if len(pairs) == rank and all(
            isinstance(pair, list) and len(pair) == 2 and all(_is_integer(side, 0) for side in pair) for pair in pairs
        ):
            return tuple((before, after) for before, after in pairs)
        if rank == 1:
            raise InvalidValue("must be an amount of at least 0, or a pair of them", write("1", "[1, 2]"))
        raise InvalidValue(
            f"must be an amount of at least 0, or one or a pair for each of {rank} axes",
            lambda key: f"write `{key}: 1`, `{key}: {[1] * rank}` or `{key}: {[[1, 2]] * rank}`",
        )

    return parse


Side = Amount | tuple[Amount, Amount]
Border1 = Annotated[ExplicitPadding, Parsed(_border(1), Side)]
Border2 = Annotated[ExplicitPadding, Parsed(_border(2), Amount | tuple[Side, Side])]
Border3 = Annotated[ExplicitPadding, Parsed(_border(3), Amount | tuple[Side, Side, Side])]


def per_axis(padding: ExplicitPadding, rank: int) -> ExplicitPadding | None:
    """Return explicit padding with one pair an axis, or None where the number of pairs fits neither 1 nor `rank`."""
    if len(padding) == 1:
        return padding * rank
    return padding if len(padding) == rank else None


# What Keras' classes are called here, the class, and its arguments. A test compares them with the installed Keras.
INITIALIZERS: dict[str, tuple[str, ...]] = {
    "zeros": ("Zeros",),
    "ones": ("Ones",),
    "constant": ("Constant", "value"),
    "identity": ("Identity", "gain"),
    "orthogonal": ("Orthogonal", "gain", "seed"),
    "random_normal": ("RandomNormal", "mean", "stddev", "seed"),
    "random_uniform": ("RandomUniform", "minval", "maxval", "seed"),
    "truncated_normal": ("TruncatedNormal", "mean", "stddev", "seed"),
    "variance_scaling": ("VarianceScaling", "scale", "mode", "distribution", "seed"),
    "glorot_uniform": ("GlorotUniform", "seed"),
    "glorot_normal": ("GlorotNormal", "seed"),
    "he_uniform": ("HeUniform", "seed"),
    "he_normal": ("HeNormal", "seed"),
    "lecun_uniform": ("LecunUniform", "seed"),
    "lecun_normal": ("LecunNormal", "seed"),
}
INITIALIZER_RANKS: dict[str, tuple[int, int | None]] = {"identity": (2, 2), "orthogonal": (2, None)}
"""Least and most axes of the weights that an initializer makes, where it does not make all."""
REGULARIZERS: dict[str, tuple[str, ...]] = {
    "l1": ("L1", "l1"),
    "l2": ("L2", "l2"),
    "l1_l2": ("L1L2", "l1", "l2"),
    "orthogonal_regularizer": ("OrthogonalRegularizer", "factor", "mode"),
}
CONSTRAINTS: dict[str, tuple[str, ...]] = {
    "max_norm": ("MaxNorm", "max_value", "axis"),
    "min_max_norm": ("MinMaxNorm", "min_value", "max_value", "rate", "axis"),
    "non_neg": ("NonNeg",),
    "unit_norm": ("UnitNorm", "axis"),
}
KERAS_CLASSES = {name: parts[0] for name, parts in (INITIALIZERS | REGULARIZERS | CONSTRAINTS).items()}
# What `{l2: 0.0001}` and `{max_norm: 3}` mean: the class's one obvious argument.
_MAIN_ARGUMENT = {"l1": "l1", "l2": "l2", "max_norm": "max_value", "constant": "value", "orthogonal": "gain"}


def _parse_named(value: Any, names: dict[str, tuple[str, ...]], kind: str) -> Named:
    """Parse `he_normal`, `{l2: 0.0001}` or `{max_norm: {max_value: 3}}` to (name, arguments)."""
    name, given = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
    article = "an" if kind[0] in "aeiou" else "a"
    if not isinstance(name, str):
        raise InvalidValue(f"must be {article} {kind} by Keras' name", write(next(iter(names))))
    if name not in names:
        raise WrongName(f"'{name}' is no {kind} of Keras", name, names, kind)
    known = names[name][1:]
    arguments: dict[str, Any] = {}
    if isinstance(given, dict):
        arguments = given
    elif isinstance(given, int | float) and not isinstance(given, bool) and name in _MAIN_ARGUMENT:
        arguments = {_MAIN_ARGUMENT[name]: given}
    elif given is not None:
        plain = f"{{{name}: 0.01}}" if name in _MAIN_ARGUMENT else name
        form = plain if name in _MAIN_ARGUMENT or not known else f"{{{name}: {{{known[0]}: 1}}}}"
        raise InvalidValue(f"'{name}' takes its arguments as a mapping", write(form))
    if name == "constant":
        arguments = {"value": 0.0} | arguments  # Keras has this default when it constructs, not when it deserializes
    for key, argument in arguments.items():
        if key not in known:
            predicate = f"'{name}' has no argument '{key}'"
            raise WrongName(predicate, key, known, f"{kind} argument", known="its arguments are")
        if isinstance(argument, dict) or (isinstance(argument, list) and key != "axis"):
            raise InvalidValue(f"'{name}' takes a plain value for '{key}'", write(f"{{{name}: {{{key}: 1}}}}"))
    return (name, tuple(sorted(arguments.items())))


def _initializer(value: Any) -> Named:
    return _parse_named(value, INITIALIZERS, "initializer")


def _regularizer(value: Any) -> Named | None:
    return None if value is None else _parse_named(value, REGULARIZERS, "regularizer")


def _constraint(value: Any) -> Named | None:
    return None if value is None else _parse_named(value, CONSTRAINTS, "constraint")


def _named_schema(names: dict[str, tuple[str, ...]], *, null: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of what `_parse_named` takes."""
    plain = ["number", "string", "boolean", "null"]
    forms: dict[str, Any] = {}
    for name, (_, *known) in names.items():
        keys = {key: {"type": [*plain, "array"] if key == "axis" else plain} for key in known}
        mapping = {"type": ["object", "null"], "properties": keys, "additionalProperties": False}
        forms[name] = {"anyOf": [{"type": "number"}, mapping]} if name in _MAIN_ARGUMENT else mapping
    one = {"type": "object", "properties": forms, "additionalProperties": False, "minProperties": 1, "maxProperties": 1}
    return {"anyOf": [{"enum": list(names), "type": "string"}, one, *([{"type": "null"}] if null else [])]}


Initializer = Annotated[
    Named,
    Parsed(_initializer, lambda: _named_schema(INITIALIZERS)),
    Field(description="What the weights start as, before training: an initializer by Keras' name."),
]
Regularizer = Annotated[
    Named | None,
    Parsed(_regularizer, lambda: _named_schema(REGULARIZERS, null=True)),
    Field(description="What large weights add to the loss in training: a regularizer by Keras' name."),
]
Constraint = Annotated[
    Named | None,
    Parsed(_constraint, lambda: _named_schema(CONSTRAINTS, null=True)),
    Field(description="What each step of training brings the weights back to: a constraint by Keras' name."),
]


def keras_config(named: Named | None) -> dict[str, Any] | None:
    """Return the form that Keras' `get` functions take: class name and config."""
    if named is None:
        return None
    return {"class_name": KERAS_CLASSES[named[0]], "config": dict(named[1])}
