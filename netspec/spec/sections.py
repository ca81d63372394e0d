"""The sections of a spec as the user writes them: their keys, and what each may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from math import floor, isfinite
from typing import Annotated, Any, Literal

from netspec.diagnostics import InvalidValue, WrongName
from netspec.keys.keys import Field, Keys, Parsed
from netspec.layers._types import Size
from netspec.names import keras as keras_names
from netspec.spec.data_forms import CalibrationForm, DataForm
from netspec.spec.language.forms import Block

LANGUAGE_VERSION = 1
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))? ?(KiB|MiB|k|M)?")
_AS_SIZES = "write it as 4096, 128KiB, 2MiB, 500k or 3M"
_UNITS: dict[str, int] = {"": 1, "k": 1000, "M": 1000_000, "KiB": 1024, "MiB": 1024**2}


def _quantity(value: Any) -> int:
    """Parse a byte size or count: 4096, 1e6, 128KiB, 2MiB, 3M, 1.5k."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and isfinite(value):
        if value == floor(value):
            return int(value)
        raise InvalidValue("must be a whole number", _AS_SIZES)
    if match is None:
        raise InvalidValue("must be a size", _AS_SIZES)
    whole, fraction, unit = match[1], match[2] or "", _UNITS[match[3] or ""]
    amount, rest = divmod(int(whole + fraction) * unit, int(10 ** len(fraction)))
    if rest:
        raise InvalidValue("must be a whole number", f"write {amount} or {amount + 1}")
    return amount


Quantity = Annotated[
    int,
    Parsed(
        _quantity,
        lambda: {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_SIZE.pattern}$"}]},
    ),
]


def _known(kind: str, names: Iterable[str]) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        article = "an" if kind[0] in "aeiou" else "a"
        if not isinstance(value, str):
            raise InvalidValue(f"must be {article} {kind} by Keras' name", f"write `{kind}: {next(iter(names))}`")
        if value not in names:
            raise WrongName(f"'{value}' is no {kind} of Keras", value, names, kind, known=f"the {_PLURALS[kind]} are")
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
        raise InvalidValue("must be a list of metrics by Keras' names", "write `metrics: [accuracy]`")
    return [_metric(item) for item in value]


def _optimizer(value: Any) -> tuple[str, dict[str, Any]]:
    """Parse `adam` or `{adam: {learning_rate: 0.001}}`; the arguments are numbers, true or false, by Keras' names."""
    name, given = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
    _optimizer_name(name)
    if given is not None and not isinstance(given, dict):
        help_ = f"write `{{{name}: {{learning_rate: 0.001}}}}`"
        raise InvalidValue(f"'{name}' takes its arguments as a mapping", help_)
    arguments: dict[str, Any] = dict(given or {})
    known = (*keras_names.OPTIMIZER_ARGUMENTS, *keras_names.OPTIMIZERS[name])
    for key, argument in arguments.items():
        if key not in known:
            predicate = f"'{name}' has no argument '{key}'"
            raise WrongName(predicate, key, known, "optimizer argument", known="its arguments are")
        if argument is not None and not isinstance(argument, bool | int | float):
            help_ = f"write `{{{name}: {{{key}: 0.001}}}}`"
            raise InvalidValue(f"must be a number for {name}", help_, place=(name, key))
    rate = arguments.get("learning_rate", 1)
    if rate is None or isinstance(rate, bool) or rate <= 0:
        help_ = f"write `{{{name}: {{learning_rate: 0.001}}}}`"
        raise InvalidValue(f"must be above 0 for {name}", help_, place=(name, "learning_rate"))
    return name, arguments


def _losses_schema() -> dict[str, Any]:
    one = {"type": "string", "enum": list(keras_names.LOSSES)}
    return {"anyOf": [one, {"type": "object", "additionalProperties": one}]}


def _metrics_schema() -> dict[str, Any]:
    one = {"type": "string", "enum": list(keras_names.METRICS)}
    several = {"type": "array", "items": one}
    return {"anyOf": [several, {"type": "object", "additionalProperties": {"anyOf": [one, several]}}]}


def _optimizer_schema() -> dict[str, Any]:
    forms: dict[str, Any] = {}
    for name, own in keras_names.OPTIMIZERS.items():
        keys: dict[str, Any] = {
            key: {"type": ["number", "boolean", "null"]} for key in (*keras_names.OPTIMIZER_ARGUMENTS, *own)
        }
        keys["learning_rate"] = {"type": "number", "exclusiveMinimum": 0}
        forms[name] = {"type": ["object", "null"], "properties": keys, "additionalProperties": False}
    one = {"type": "object", "properties": forms, "additionalProperties": False, "minProperties": 1, "maxProperties": 1}
    return {"anyOf": [{"type": "string", "enum": list(keras_names.OPTIMIZERS)}, one]}


Losses = Annotated[str | dict[str, str], Parsed(_losses, _losses_schema)]
Metrics = Annotated[list[str] | dict[str, list[str]], Parsed(_metrics, _metrics_schema)]
Optimizer = Annotated[tuple[str, dict[str, Any]], Parsed(_optimizer, _optimizer_schema)]


class EarlyStopping(Keys):
    """Stop when `monitor` has not improved for `patience` epochs."""

    monitor: str = Field("val_loss", description="What is watched: a loss or metric, `val_` before that of validation.")
    patience: Annotated[int, Field(ge=0)] = Field(0, description="Epochs without improvement that are borne.")
    min_delta: Annotated[float, Field(ge=0)] = Field(0.0, description="Least change that is an improvement.")
    mode: Literal["auto", "min", "max"] = Field(
        "auto", description="Whether less or more is better; auto: by its name."
    )


class Train(Keys):
    """How the Keras model is trained."""

    data: Annotated[DataForm, Field(examples=["{npz: FILE}"])] = Field(
        description="Where the samples come from: one loader. Paths are relative to the spec."
    )
    loss: Annotated[Losses, Field(examples=["mse"])] = Field(
        description="What training makes small, by Keras' name; with several outputs a mapping of each to its own."
    )
    optimizer: Optimizer = Field(
        ("adam", {}), description="By Keras' name, with arguments as in `{adam: {learning_rate: 0.001}}`."
    )
    metrics: Metrics = Field(
        default_factory=list,
        description="What each epoch reports, by Keras' names; with several outputs a mapping of each to its own.",
    )
    epochs: Size = Field(1, description="Passes over the training samples, at most.")
    batch_size: Size = Field(32, description="Samples between two steps of the optimizer.")
    validation_split: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Part of the training samples, from their end, held back to validate each epoch."
    )
    early_stopping: EarlyStopping | None = Field(None, description="When to stop before `epochs`; default: never.")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="Of all random numbers: first weights, order, dropout.")


_AS_METHOD = "write `method: {percentile: 99.99}`"


def _method(value: Any) -> float | None:
    """Parse `minmax` to None, `{percentile: P}` to P."""
    if value == "minmax":
        return None
    if isinstance(value, dict) and list(value) == ["percentile"]:
        percentile = value["percentile"]
        if isinstance(percentile, int | float) and not isinstance(percentile, bool) and 50 < percentile <= 100:
            return float(percentile)
        raise InvalidValue("must be above 50 and at most 100", _AS_METHOD, place=("percentile",))
    raise InvalidValue("must be minmax or a percentile", _AS_METHOD)


def _method_schema() -> dict[str, Any]:
    percentile = {"type": "number", "exclusiveMinimum": 50, "maximum": 100}
    keys = {"percentile": {"description": "Part of the values in the range, in percent.", **percentile}}
    form = {"type": "object", "properties": keys, "required": ["percentile"], "additionalProperties": False}
    return {"anyOf": [{"type": "string", "enum": ["minmax"]}, form]}


class Calibration(Keys):
    """How activation ranges are found: over how many samples, by which method."""

    data: Annotated[CalibrationForm, Field(examples=["{npz: FILE}"])] | None = Field(
        default=None,
        description="Samples without labels, for a net that has no `train.data`, or in the place of its samples: one "
        "loader, as in `train.data`. Paths are relative to the spec.",
    )
    samples: Size = Field(default=256, description="Samples that are run to see the range of each tensor.")
    method: Annotated[float | None, Parsed(_method, _method_schema)] = Field(
        default=None,
        description="`minmax`: all values fit. `{percentile: 99.99}`: that part of them, the rest is clipped.",
        json_schema_extra={"default": "minmax"},
    )


class Quantize(Keys):
    """How floats become integers."""

    scheme: Literal["int8"] = Field(
        default="int8", description="Weights and activations of 8 bits, by TensorFlow Lite's rules."
    )
    calibration: Calibration = Field(default=Calibration(), description="How the ranges of the activations are found.")


Core = Literal[
    "cortex-m0", "cortex-m0+", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"
]
DEFAULT_CORE: Core = "cortex-m4"


class Budget(Keys):
    """Limits that `check` enforces."""

    flash: Quantity | None = Field(
        default=None,
        description="Most bytes of flash: weights, tables and code, with CMSIS-NN where the core has instructions for"
        " it; as 128KiB or 4096.",
    )
    ram: Quantity | None = Field(
        default=None, description="Most bytes of RAM: the arena of activations and scratch; as 32KiB."
    )
    macs: Quantity | None = Field(
        default=None, description="Most multiply-accumulates of one inference; as 3M or 500k."
    )


_REGION_NAME = "[a-z][a-z0-9_]{0,31}"
_ARENA_MACROS = ("alignment", "bytes")
"""What follows `NET_ARENA_` in macros of the header that belong to no region."""
MAX_REGIONS = 64
"""More than any device has."""
_REGION_MACROS = ("bytes", "section")
"""What follows a region's name in macros, and in parameters, of its own."""


def _region(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_REGION_NAME, value):
        raise InvalidValue("must be a name in lower case, part of C identifiers", "write `name: dtcm`")
    if value in _ARENA_MACROS:
        raise InvalidValue(f"'{value}' would give a macro of the emitted header two meanings", "choose another")
    return value


def _region_schema() -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{_REGION_NAME}$", "not": {"enum": list(_ARENA_MACROS)}}


_HELD = ("arena", "weights")
_BOTH = ("must list arena, weights or both", "write `holds: [arena, weights]`")


def _holds(value: Any) -> list[str]:
    if not value or not isinstance(value, list):
        raise InvalidValue(*_BOTH)
    for index, each in enumerate(value):
        if not isinstance(each, str) or each not in _HELD:
            raise InvalidValue(*_BOTH, place=(index,))
        if each in value[:index]:
            raise InvalidValue(f"lists {each} twice", "write it once", place=(index,))
    return list(value)


def _holds_schema() -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": list(_HELD)}, "minItems": 1, "uniqueItems": True}


Holds = Annotated[list[str], Parsed(_holds, _holds_schema)]
RegionName = Annotated[str, Parsed(_region, _region_schema)]


class Memory(Keys):
    """A region of RAM, and what of the network lies in it."""

    name: Annotated[RegionName, Field(examples=["dtcm"])] = Field(
        description="What the emitted code calls it, and the ending of the sections that the linker is to place there."
    )
    size: Annotated[Quantity, Field(examples=["16KiB"])] = Field(
        description="Bytes of it that the network may use; as 64KiB or 4096."
    )
    holds: Holds = Field(
        default_factory=lambda: ["arena"],
        description="`arena`: activations and scratch. `weights`: constants, copied there from flash at start-up.",
    )


class Target(Keys):
    """The device."""

    core: Core = Field(
        default=DEFAULT_CORE, description="The Arm core whose kernels and scratch sizes are planned for."
    )
    io: Literal["arena", "external"] = Field(
        default="arena",
        description="Where inputs and outputs lie: in the arena, or wherever the caller's pointers say.",
    )
    kernels: Literal["netspec", "cmsis-nn", "best"] = Field(
        default="netspec",
        description="Whose kernels run: netspec's own, smaller and faster; or Arm's CMSIS-NN, wherever it has one."
        " `best` is what `netspec` was called before.",
    )
    memory: Annotated[list[Memory], Field(min_length=1)] | None = Field(
        default=None,
        description="Regions of RAM, the fastest first; default: one arena of any size, weights in flash.",
        examples=["[{name: dtcm, size: 16KiB}, {name: sram, size: 64KiB, holds: [arena, weights]}]"],
    )
    budget: Budget = Field(
        default=Budget(), description="Limits; a breach is an error that names the layer at the peak."
    )

    def check_together(self) -> None:
        names = [region.name for region in self.memory or ()]
        if len(names) > MAX_REGIONS:
            message = f"has {len(names):,} regions, more than {MAX_REGIONS}"
            raise InvalidValue(message, "join regions that lie side by side", place=("memory",))
        for index, name in enumerate(names):
            if name in names[:index]:
                message = f"'{name}' is the name of another region too"
                raise InvalidValue(message, "give each a name of its own", place=("memory", index, "name"))
            whose = next((other for other in names for end in _REGION_MACROS if name == f"{other}_{end}"), None)
            if whose is not None:
                message = f"'{name}' is what emitted code calls something of the region {whose}"
                raise InvalidValue(message, "choose another", place=("memory", index, "name"))
        if names and not any("arena" in region.holds for region in self.memory or ()):
            help_ = f"write `holds: [arena, weights]` in {names[-1]}"
            raise InvalidValue("has no region for the arena", help_, place=("memory",))


def _name(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        help_ = "use letters, digits and `_`, a letter first"
        raise InvalidValue("must be a C identifier in lower case", help_)
    if value in C_KEYWORDS:
        raise InvalidValue(f"'{value}' is a keyword of C", "choose another")
    if value.startswith(_KERNEL_PREFIXES):
        raise InvalidValue(f"'{value}' begins as the names of the kernels do", "choose another")
    if value in C_HEADERS:
        raise InvalidValue(f"'{value}' is the name of a header that the emitted one would hide", "choose another")
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
C_HEADERS = frozenset([
    "alloca", "assert", "byteswap", "complex", "ctype", "dirent", "dlfcn", "elf", "endian", "errno", "fcntl",
    "features", "fenv", "getopt", "inttypes", "iso646", "langinfo", "libc", "libgen", "limits", "link", "locale",
    "malloc", "math", "memory", "newlib", "paths", "picolibc", "poll", "pthread", "pty", "reent", "regex", "sched",
    "search", "semaphore", "setjmp", "signal", "stdalign", "stdarg", "stdatomic", "stdbit", "stdbool", "stdckdint",
    "stddef", "stdint", "stdio", "stdlib", "stdnoreturn", "string", "strings", "tgmath", "threads", "time", "uchar",
    "unistd", "values", "wait", "wchar", "wctype", "xlocale",
])  # fmt: skip
"""Of C, POSIX and the C libraries: the firmware folder is searched before theirs, even for what they include."""
_KERNEL_PREFIXES = ("arm_", "cmsis_", "netspec_")


class Input(Keys):
    """An input of the network; `shape` leaves out the batch axis."""

    shape: Annotated[list[Size], Field(min_length=1, examples=[[8]])] = Field(
        description="Sizes of one sample without the batch axis, channels last: [height, width, channels]."
    )
    dtype: Literal["float32", "int32"] = Field("float32", description="Type of the values; int32 for token ids.")


class Top(Keys):
    """The spec's top level as written; sections that are classes of their own are validated by them."""

    netspec: Annotated[int, Field(examples=[1])] = Field(description="Version of the language.")
    name: Annotated[Name, Field(examples=["net"])] = Field(
        description="Prefix of everything emitted: a C identifier in lower case."
    )
    description: str = Field("", description="What the network is for, in your words.")
    vars: dict[str, Any] = Field(
        default_factory=dict,
        description="Constants, used as `$width` or `${width * 2}`; each may use those above it.",
        json_schema_extra={"examples": [{"width": 64}]},
    )
    inputs: Annotated[dict[str, Input], Field(examples=["{x: {shape: [8]}}"])] = Field(
        description="The network's inputs by name, in order."
    )
    blocks: dict[str, Block] = Field(
        default_factory=dict, description="Groups of layers by name, used like a layer: `- my_block: {filters: 8}`."
    )
    layers: Annotated[list[Any], Field(min_length=1, examples=["[{dense: {units: 10}}]"])] = Field(
        description="The layers in order; each reads the one before it unless `from` says otherwise."
    )
    outputs: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="Names of the layers whose outputs the network gives; default: the last layer."
    )
    train: Train | None = Field(None, description="How the Keras model is trained; only `build` needs it.")
    quantize: Quantize = Field(Quantize(), description="How the trained floats become integers.")
    target: Target | None = Field(None, description="The device, and what the network may cost there.")
    weights: str | None = Field(
        None, description="File of trained weights (.npz, .keras, .weights.h5), relative to the spec: no training."
    )
