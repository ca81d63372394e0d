"""The sections of a spec as the user writes them: their keys, and what each may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from netspec import keras_names
from netspec.data_forms import DataForm
from netspec.diagnostics import wrong_name
from netspec.language.forms import Block
from netspec.layers._types import Parsed, Size

LANGUAGE_VERSION = 1
_UNITS: dict[str, int] = {"": 1, "k": 1000, "M": 1000_000, "KiB": 1024, "MiB": 1024**2}


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)


def _quantity(value: Any) -> int:
    """Parse a byte size or count: 4096, 128KiB, 2MiB, 3M, 1.5k."""
    match = re.fullmatch(r"(\d{1,15})(?:\.(\d{1,9}))? ?(KiB|MiB|k|M)?", value) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return int(value)
    if match is None:
        raise ValueError("must be a size; write it as 4096, 128KiB, 2MiB, 500k or 3M")
    whole, fraction, unit = match[1], match[2] or "", _UNITS[match[3] or ""]
    amount, rest = divmod(int(whole + fraction) * unit, int(10 ** len(fraction)))
    if rest:
        raise ValueError(f"must be a whole number; write {amount} or {amount + 1}")
    return amount


Quantity = Annotated[int, Parsed(_quantity, int | str)]


def _known(kind: str, names: Iterable[str]) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        article = "an" if kind[0] in "aeiou" else "a"
        if not isinstance(value, str):
            raise ValueError(f"must be {article} {kind} by Keras' name; write `{kind}: {next(iter(names))}`")
        if value not in names:
            raise wrong_name(f"'{value}' is no {kind} of Keras", value, names, f"the {_PLURALS[kind]} are")
        return value

    return parse


_PLURALS = {"loss": "losses", "metric": "metrics", "optimizer": "optimizers"}
_loss = _known("loss", keras_names.LOSSES)
_metric = _known("metric", keras_names.METRICS)
_optimizer_name = _known("optimizer", keras_names.OPTIMIZERS)


def _losses(value: Any) -> str | dict[str, str]:
    return {key: _loss(item) for key, item in value.items()} if isinstance(value, dict) else _loss(value)


def _metrics(value: Any) -> list[str] | dict[str, list[str]]:
    if isinstance(value, dict):
        return {key: [_metric(m) for m in (item if isinstance(item, list) else [item])] for key, item in value.items()}
    if not isinstance(value, list):
        raise ValueError("must be a list of metrics by Keras' names; write `metrics: [accuracy]`")
    return [_metric(item) for item in value]


def _optimizer(value: Any) -> tuple[str, dict[str, Any]]:
    """Parse `adam` or `{adam: {learning_rate: 0.001}}`; the arguments are numbers, true or false, by Keras' names."""
    name, given = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
    _optimizer_name(name)
    if given is not None and not isinstance(given, dict):
        raise ValueError(f"'{name}' takes its arguments as a mapping; write `{{{name}: {{learning_rate: 0.001}}}}`")
    arguments: dict[str, Any] = dict(given or {})
    known = (*keras_names.OPTIMIZER_ARGUMENTS, *keras_names.OPTIMIZERS[name])
    for key, argument in arguments.items():
        if key not in known:
            raise wrong_name(f"'{name}' has no argument '{key}'", key, known, "its arguments are")
        if argument is not None and not isinstance(argument, bool | int | float):
            raise ValueError(f"'{name}' takes a number for '{key}'; write `{{{name}: {{{key}: 0.001}}}}`")
    rate = arguments.get("learning_rate", 1)
    if rate is None or isinstance(rate, bool) or rate <= 0:
        raise ValueError(f"'{name}' takes a learning_rate above 0; write `{{{name}: {{learning_rate: 0.001}}}}`")
    return name, arguments


Losses = Annotated[str | dict[str, str], Parsed(_losses, str | dict[str, str])]
Metrics = Annotated[list[str] | dict[str, list[str]], Parsed(_metrics, list[str] | dict[str, str | list[str]])]
Optimizer = Annotated[tuple[str, dict[str, Any]], Parsed(_optimizer, str | dict[str, dict[str, Any]])]


class EarlyStopping(Section):
    """Stop when `monitor` has not improved for `patience` epochs."""

    monitor: str = "val_loss"
    patience: Annotated[int, Field(ge=0)] = 0
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    mode: Literal["auto", "min", "max"] = "auto"


class Train(Section):
    """How the Keras model is trained."""

    data: Annotated[DataForm, Field(examples=["{npz: FILE}"])]
    loss: Annotated[Losses, Field(examples=["mse"])]
    optimizer: Optimizer = ("adam", {})
    metrics: Metrics = Field(default_factory=list)
    epochs: Size = 1
    batch_size: Size = 32
    validation_split: Annotated[float, Field(ge=0, lt=1)] = 0.0
    early_stopping: EarlyStopping | None = None
    seed: Annotated[int, Field(ge=0)] = 0


def _method(value: Any) -> float | None:
    """Parse `minmax` to None, `{percentile: P}` to P."""
    if value == "minmax":
        return None
    if isinstance(value, dict) and list(value) == ["percentile"]:
        percentile = value["percentile"]
        if isinstance(percentile, int | float) and not isinstance(percentile, bool) and 50 < percentile <= 100:
            return float(percentile)
        raise ValueError(
            f"takes a percentile above 50 and at most 100, not {percentile!r}; write `method: {{percentile: 99.99}}`"
        )
    raise ValueError("must be minmax or a percentile; write `method: {percentile: 99.99}`")


class Calibration(Section):
    """How activation ranges are found: over how many training samples, by which method."""

    samples: Size = 256
    method: Annotated[float | None, Parsed(_method, Literal["minmax"] | dict[str, float])] = None


class Quantize(Section):
    """How floats become integers."""

    scheme: Literal["int8"] = "int8"
    calibration: Calibration = Calibration()


Core = Literal[
    "cortex-m0", "cortex-m0+", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"
]
DEFAULT_CORE: Core = "cortex-m4"


class Budget(Section):
    """Limits that `check` enforces."""

    flash: Quantity | None = None
    ram: Quantity | None = None
    macs: Quantity | None = None


class Target(Section):
    """The device."""

    core: Core = DEFAULT_CORE
    budget: Budget = Budget()


def _name(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise ValueError("must be a C identifier in lower case; use letters, digits and `_`, a letter first")
    if value in C_KEYWORDS:
        raise ValueError(f"'{value}' is a keyword of C; choose another")
    return value


Name = Annotated[str, Parsed(_name, Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")])]
C_KEYWORDS = frozenset([
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
    "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed",
    "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "class",
    "namespace", "template", "this", "new", "delete", "private", "public", "protected", "virtual", "operator",
    "try", "catch", "throw", "using", "bool", "true", "false", "export", "friend", "main",
])  # fmt: skip
"""Of C and of C++, whose programs include the header too; `main` is taken as well."""


class Input(Section):
    """An input of the network; `shape` leaves out the batch axis."""

    shape: Annotated[list[Size], Field(min_length=1, examples=[[8]])]
    dtype: Literal["float32", "int32"] = "float32"


class Top(Section):
    """The spec's top level as written; sections that are classes of their own are validated by them."""

    netspec: Annotated[int, Field(examples=[1])]
    name: Annotated[Name, Field(examples=["net"])]
    description: str = ""
    vars: dict[str, Any] = Field(default_factory=dict)
    inputs: Annotated[dict[str, Input], Field(examples=["{x: {shape: [8]}}"])]
    blocks: dict[str, Block] = Field(default_factory=dict)
    layers: Annotated[list[Any], Field(min_length=1, examples=["[{dense: {units: 10}}]"])]
    outputs: list[str] | None = Field(None, min_length=1)
    train: Train | None = None
    quantize: Quantize = Quantize()
    target: Target | None = None
    weights: str | None = None
