"""The keys of what is not a layer: a block, a use of one, and `repeat`."""

from __future__ import annotations

from typing import Any

from netspec.keys.keys import Field, Keys
from netspec.layers._types import Identifier, Size


class Block(Keys):
    """A reusable group of layers, used like a layer by its name."""

    params: dict[str, Any] = Field(
        default_factory=dict, description="Its parameters and their defaults; null: must be given."
    )
    layers: list[Any] = Field(
        min_length=1,
        description="Its layers; `$input` is its input.",
        examples=["[{dense: {units: 10}}]"],
    )


class Use(Keys):
    """What a use of a block takes beside the block's parameters."""

    name: Identifier | None = Field(
        None, description="Prefix of the names inside; default: the block's name, numbered as layers are."
    )
    from_: Identifier | list[Identifier] | None = Field(
        None,
        alias="from",
        description="What it reads: a layer or input, or a list of them for merges; default: the item before.",
    )


class Repeat(Keys):
    """Its layers, several times after each other; the names inside get the suffix _1, _2 and so on."""

    times: Size = Field(description="How many times.", examples=[2])
    layers: list[Any] = Field(
        min_length=1, description="The layers that are repeated.", examples=["[{dense: {units: 10}}]"]
    )
