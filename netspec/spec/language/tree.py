"""The layers with their blocks and repeats, values put in, but not yet unrolled."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass, field
from typing import TypeAlias

from netspec.diagnostics import Note, Span
from netspec.spec.source import Mapping, Scalar


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in `from`, to be looked up where it is written: at `level` blocks deep. `$input` stands for itself."""

    text: str
    span: Span
    level: int


@dataclass(frozen=True, slots=True)
class Target:
    """What a name of a body leads to: a layer named `head` and `rest`, a repeat's suffix going between the two.

    The name itself is `head` and `name_rest`; it differs from the layer's for a block's own name.
    """

    head: str
    name_rest: str
    rest: str


@dataclass(slots=True)
class Leaf:
    """A layer, or the use of a block (`body`). `given` is its name as written, `stem` the one it goes by in its body.

    A faulty one takes part in naming alone. `clashes` says that a name that follows from its own is taken.
    """

    type: str
    type_span: Span
    place: str
    keys: Mapping
    given: str | None = None
    name_span: Span | None = None
    from_key: Scalar | None = None
    reads: list[Reference] | None = None
    reads_list: bool = False
    from_span: Span | None = None
    uses: tuple[Span, ...] = ()
    origins: tuple[tuple[Span, Note], ...] = ()
    unknown: frozenset[str] = frozenset()
    body: Body | None = None
    faulty: bool = False
    clashes: bool = False
    stem: str = ""


@dataclass(slots=True)
class Loop:
    """A repeat. `names` are those of one iteration, without the suffix."""

    times: int
    nodes: list[TreeNode]
    names: dict[str, Target] = field(default_factory=dict)


@dataclass(slots=True)
class Body:
    """The spec's layers, or those of one use of a block. `names` lead from a name to a layer of the body.

    `complete` is False where something is missing from the names that was told to be wrong. `doubtful` are the types
    that layers of unknown types probably are: nobody knows who goes by their names.
    """

    nodes: list[TreeNode]
    block: str | None
    complete: bool = True
    names: dict[str, Target] = field(default_factory=dict)
    longest: int = 0
    """Characters of the longest name."""
    doubtful: set[str] = field(default_factory=set)

    def knows(self, name: str) -> bool:
        """Return whether a name that is not among `names` is certainly none."""
        return self.complete and not is_doubtful(name, self.doubtful)


def is_doubtful(name: str, types: Set[str]) -> bool:
    """Return whether a layer of one of the types could go by a name, in a block or a repeat too."""
    return any(re.fullmatch(rf"(.+_)?{re.escape(each)}(_\d+)*", name) for each in types)


TreeNode: TypeAlias = Leaf | Loop
