"""The measured sizes of kernels and calls: data that `make kernel-sizes` writes beside this file, one a provider.

The portable table is whole. That of a CMSIS-NN holds Arm's functions, where they differ from it: netspec's own kernels,
and what it fills in, are the same with every provider. So a release that is measured once stays right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from netspec.device.cmsis_nn import ARM_FUNCTIONS
from netspec.diagnostics import ToolError

PORTABLE = "portable"
_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Function:
    """What a function that emitted code calls brings along: bytes in flash by name of piece, and the stack of a call.

    Pieces of one name are the same code, which is linked once.
    """

    pieces: Mapping[str, int]
    stack: int


@dataclass(frozen=True, slots=True)
class CallSizes:
    """What emitted code takes itself: bytes by feature of a network (see `features`), and the stack of its run.

    A network of n bytes by its features takes at most `margin` * sqrt(n) more.
    """

    bytes: Mapping[str, float]
    margin: float
    frame: int


def table_path(provider: str) -> Path:
    """Return the file of a provider's table."""
    return _FOLDER / f"{provider.lower().replace(' ', '-')}.json"


def calls_path() -> Path:
    """Return the file of the table of calls."""
    return _FOLDER / "calls.json"


@cache
def read(path: Path) -> Mapping[str, Any]:
    """Return a table as its file holds it."""
    data: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def function(provider: str, core: str, name: str) -> Function:
    """Return a function's sizes. Raises `ToolError` for a provider, core or function that has not been measured."""
    try:
        table = read(table_path(provider))
    except FileNotFoundError:
        raise _unmeasured(f"{provider} has not been measured", provider) from None
    row = _core(table, core, provider)
    if name not in row["functions"] and provider != PORTABLE:
        if name in ARM_FUNCTIONS and name not in table["functions"]:
            raise _unmeasured(f"'{name}' of {provider} has not been measured on {core}", provider)
        row = _core(read(table_path(PORTABLE)), core, PORTABLE)
    found = row["functions"].get(name)
    if found is None:
        raise _unmeasured(f"'{name}' of the portable kernels has not been measured on {core}", PORTABLE)
    return Function({piece: row["pieces"][piece] for piece in found["pieces"]}, found["stack"])


def call_sizes(core: str) -> CallSizes:
    """Return the sizes of emitted calls; of one that no network on this core was seen to make, those elsewhere.

    Raises `ToolError` for a core that has not been measured.
    """
    table = read(calls_path())
    row = _core(table, core)
    elsewhere: dict[str, float] = {}
    for other in table["cores"]:
        elsewhere |= _core(table, other)["bytes"]
    return CallSizes(elsewhere | row["bytes"], row["margin"], row["frame"])


def fitted_bytes(sizes: CallSizes, core: str, counts: Mapping[str, int]) -> float:
    """Return the bytes of emitted code by its features. Raises `ToolError` for one that has not been measured."""
    for name in counts:
        if name not in sizes.bytes:
            raise _unmeasured(f"a call of '{name}' has not been measured on {core}", PORTABLE)
    return sum(sizes.bytes[name] * count for name, count in counts.items())


def _core(table: Mapping[str, Any], core: str, provider: str | None = None) -> Mapping[str, Any]:
    """Return a core's part of a table; one that executes the code of another only names that.

    `provider` is whose kernels the table is of, None for the table of calls.
    """
    row = table["cores"].get(core)
    if row is None:
        whose = {None: "calls", PORTABLE: "the portable kernels"}.get(provider, f"the kernels of {provider}")
        raise _unmeasured(f"{whose} have not been measured on {core}", provider or PORTABLE)
    found: Mapping[str, Any] = table["cores"][row] if isinstance(row, str) else row
    return found


def _unmeasured(message: str, provider: str) -> ToolError:
    command = "make kernel-sizes" if provider == PORTABLE else "CMSIS_NN_PATH=DIR make kernel-sizes"
    other = "" if provider == PORTABLE else f", DIR holding {provider}"
    return ToolError(message, f"run `{command}` in a checkout of netspec{other}")
