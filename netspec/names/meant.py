"""What a wrong name was probably meant to be, and whether it can be nothing else.

Certain, so that `check --fix` puts it in, are: the same letters in another case; another library's name of exactly the
same thing; for types and keys also one slip of spelling. A name of another operation is no slip, however near.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from netspec.diagnostics import all_nearest, containing, edits, letters, listed, same_letters
from netspec.names.elsewhere import BY_KIND
from netspec.names.other_names import ADVICE, ALIASES

_SLIPS = ("layer", "layer key", "key", "train key", "early_stopping key", "quantize key", "data key", "target key")
"""Kinds of which one slip is certain. A value may be any word, and short ones are near to many others."""
_SHORTEST = 4
"""Letters of a name in which a slip is certain."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What to do about a wrong name: the text of the help, what the name may be meant for, and for certain."""

    help: str
    names: tuple[str, ...] = ()
    certain: str | None = None


def guess(kind: str, word: str, candidates: Iterable[str], otherwise: str) -> Guess:
    """Return what a word was meant to be that is no candidate; `otherwise` is the help where nobody knows.

    `kind` says what is named: "layer", "loss", "layer key"; a kind that has no names elsewhere is "key".
    """
    names = list(dict.fromkeys(candidates))
    plain = letters(word)
    same = same_letters(word, names) or ALIASES.get(kind, {}).get(plain)
    if same in names:
        return Guess(f"did you mean `{same}`?", (same,), same)
    if (advice := _advice(kind, word, plain)) is not None:
        return Guess(advice, tuple(name for name in names if f"`{name}" in advice))
    if plain in BY_KIND.get(kind, ()):
        return Guess(otherwise)
    near = all_nearest(word, names) or containing(word, names)
    if not near:
        return Guess(otherwise)
    certain = near[0] if len(near) == 1 and kind in _SLIPS and is_slip(word, near[0]) else None
    return Guess(f"did you mean {listed([f'`{name}`' for name in near])}?", tuple(near), certain)


def _advice(kind: str, word: str, plain: str) -> str | None:
    if kind == "core":
        from netspec.names.mcu_families import core_help

        return core_help(word)
    return ADVICE.get(kind, {}).get(plain)


def is_slip(word: str, name: str) -> bool:
    """Return whether a word is a name with one letter too many, missing, wrong, or swapped with the next.

    The first letter and the digits are never slips: `nadam` and `adam`, `conv1d` and `conv2d` are different things.
    """
    one, other = letters(word), letters(name)
    if len(one) < _SHORTEST or one[0] != other[0] or re.findall("[0-9]+", one) != re.findall("[0-9]+", other):
        return False
    return edits(one, other) <= 1
