"""Groups of layers that stand in several places and differ in a few values: what a spec says once, under `blocks`.

A group has one input, which its first layer reads, and one output, its last layer; inside it layers may branch. Here
groups are only found. Whether they make a spec shorter is for whoever writes it to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from string import ascii_lowercase
from typing import Any

from netspec.importers.block_values import block_values
from netspec.importers.draft import Draft, Source
from netspec.importers.repeats import stem_of
from netspec.importers.structure import Block
from netspec.importers.yaml_text import value_text
from netspec.layers import LAYERS
from netspec.spec.language import REPEAT
from netspec.spec.sections import C_KEYWORDS

_LONGEST = 40
_MOST_PLACES = 2000
# By which keys alike layers may differ: by none, by those that uses of a block usually differ in, or (None) by any that
# a parameter can be. Strict groups are looked for as well, for a lenient one may need too many parameters.
_LENIENCE: tuple[tuple[str, ...] | None, ...] = ((), ("filters", "units", "strides"), None)

Place = tuple[str | None, tuple[str | None, ...]]
"""What names say of a group: the prefix that all share, and what follows it in each layer's, None where it has none."""


def find_blocks(draft: Draft, heads: Sequence[bool], taken: Set[int], names: Set[str]) -> Iterator[Block]:
    """Yield blocks that could be written, in no order of merit; none holds a layer of `taken`, or bears one of `names`.

    A block begins with one of `heads`, unless its input is also read further inside.
    """
    seen: set[tuple[tuple[int, ...], int]] = set()
    for differing in _LENIENCE:
        for period, starts in _Windows(draft, taken, differing).groups():
            for members in _by_names(draft, starts, period):
                apart = _apart(members, period)
                first = apart[0]
                if len(apart) < 2 or (tuple(apart), period) in seen:
                    continue
                seen.add((tuple(apart), period))
                if (heads[first] or _branches(draft, first, period)) and _is_primitive(draft, first, period):
                    block = _block(draft, apart, period, names)
                    if block is not None:
                        yield block


class _Windows:
    """Finds stretches of layers that are alike, by refining groups of alike beginnings a layer at a time.

    `differing` are the keys by which alike layers may differ, None for all that a parameter can be.
    """

    def __init__(self, draft: Draft, taken: Set[int], differing: tuple[str, ...] | None) -> None:
        self._draft = draft
        self._taken = taken
        numbers: dict[Any, int] = {}
        self._kinds = [
            numbers.setdefault((each.type, each.comment, _fixed(each.keys, differing)), len(numbers))
            for each in draft.layers
        ]
        self._last_reader = [-1] * len(draft.layers)
        for index, layer in enumerate(draft.layers):
            for source in layer.sources:
                if isinstance(source, int):
                    self._last_reader[source] = index
        for output in draft.outputs:
            self._last_reader[output] = len(draft.layers)

    def groups(self) -> Iterator[tuple[int, list[int]]]:
        """Yield (length, starts) of stretches of two layers and more that are alike and have one input and output."""
        layers = self._draft.layers
        starts = [i for i in range(len(layers)) if i not in self._taken and len(layers[i].sources) == 1]
        inner = dict.fromkeys(starts, -1)  # the last layer that reads one inside
        groups = [found for found in self._split(starts, 0) if len(found) > 1]
        for period in range(2, _LONGEST + 1):
            groups = [
                found
                for group in groups
                for found in self._split([start for start in group if start + period <= len(layers)], period - 1)
                if len(found) > 1
            ]
            for group in groups:
                for start in group:
                    inner[start] = max(inner[start], self._last_reader[start + period - 2])
                closed = [start for start in group if inner[start] < start + period]
                if len(closed) > 1:
                    yield period, closed[:_MOST_PLACES]

    def _split(self, starts: list[int], offset: int) -> list[list[int]]:
        found: dict[Any, list[int]] = {}
        for start in starts:
            token = self._token(start, start + offset)
            if token is not None:
                found.setdefault(token, []).append(start)
        return list(found.values())

    def _token(self, start: int, index: int) -> Any:
        """Return what must be alike of a layer in a stretch; None where it can stand in none from `start` on."""
        if index in self._taken:
            return None
        layer, given = self._draft.layers[index], self._draft.layers[start].sources[0]
        reads = []
        for source in layer.sources:
            if isinstance(source, int) and source >= start:
                reads.append(index - source)
            elif source == given:
                reads.append(0)
            else:
                return None
        return self._kinds[index], layer.layer.merges, tuple(reads)


def _fixed(keys: Any, differing: tuple[str, ...] | None) -> str:
    """Return what no use can differ in, as text."""
    return value_text(
        {
            key: value
            for key, value in keys.items()
            if isinstance(value, dict) or (differing is not None and key not in differing)
        }
    )


def _apart(starts: Sequence[int], period: int) -> list[int]:
    """Return starts of stretches that do not overlap, from the first on."""
    found: list[int] = []
    for start in starts:
        if not found or start >= found[-1] + period:
            found.append(start)
    return found


def _branches(draft: Draft, start: int, period: int) -> bool:
    given: Source = draft.layers[start].sources[0]
    return any(given in draft.layers[index].sources for index in range(start + 1, start + period))


def _is_primitive(draft: Draft, start: int, period: int) -> bool:
    """Say whether a stretch is more than a shorter one several times over."""
    if _branches(draft, start, period):
        return True
    types = [draft.layers[index].type for index in range(start, start + period)]
    return all(
        period % part or any(types[index] != types[index - part] for index in range(part, period))
        for part in range(1, period // 2 + 1)
    )


# --------------------------------------------------------------------------------------------------------------- names


def _by_names(draft: Draft, starts: Sequence[int], period: int) -> Iterator[list[int]]:
    """Yield starts whose layers bear names that a block can give: a prefix of each use before the same names."""
    groups: dict[tuple[str | None, ...], list[int]] = {}
    prefixes: set[str] = set()
    for start in starts:
        place = _place(draft, start, period)
        if place is None:
            continue
        prefix, inner = place
        if prefix is not None and prefix in prefixes:
            continue
        if prefix is not None:
            prefixes.add(prefix)
        groups.setdefault(inner, []).append(start)
    yield from groups.values()


def _place(draft: Draft, start: int, period: int) -> Place | None:
    """Return the prefix of a stretch and the names inside; None where no prefix leaves a name for each layer."""
    names = [draft.layers[index].name for index in range(start, start + period)]
    given = [name for name in names if name is not None]
    if not given:
        return None, tuple(names)
    parts = given[0].split("_")
    for count in range(len(parts) - 1, 0, -1):
        prefix = "_".join(parts[:count])
        inner = [name.removeprefix(f"{prefix}_") for name in given]
        if prefix and all(one != name and _is_name(one) for one, name in zip(inner, given, strict=True)):
            left = iter(inner)
            return prefix, tuple(None if name is None else next(left) for name in names)
    return None


def _is_name(text: str) -> bool:
    return text.isidentifier() and text.isascii()


# -------------------------------------------------------------------------------------------------------------- blocks


def _block(draft: Draft, starts: Sequence[int], period: int, names: Set[str]) -> Block | None:
    """Return stretches as a block; None where they differ in what no parameter can say."""
    values = block_values(draft, starts, period)
    if values is None:
        return None
    places = {start: _place(draft, start, period) for start in starts}
    prefixes = {start: place[0] if place is not None else None for start, place in places.items()}
    first = places[starts[0]]
    inner = first[1] if first is not None else (None,) * period
    name = _name(draft, starts[0], period, [each for each in prefixes.values() if each is not None])
    free = _free(name, names, _shrinks(draft, starts[0], period))
    return Block(free, tuple(starts), values.body, values.defaults, values.given, inner, prefixes)


def _free(name: str, names: Set[str], shrinks: bool) -> str:
    """Return a name that no other block has; letters tell them apart, for numbers tell the uses of one apart."""
    tries = [name, *([f"{name}_down"] if shrinks else []), *(f"{name}_{letter}" for letter in ascii_lowercase[1:])]
    return next(each for each in tries if each not in names)


def _shrinks(draft: Draft, start: int, period: int) -> bool:
    """Say whether a group makes an image smaller."""
    given, made = draft.layers[start].input_shapes[0], draft.layers[start + period - 1].output_shape
    return len(given) == len(made) == 3 and made[0] < given[0]


def _name(draft: Draft, start: int, period: int, prefixes: Sequence[str]) -> str:
    """Return what a person would call the group: by the names that the model has, or else by what it does."""
    stems = {stem_of(prefix).rstrip("0123456789").rstrip("_") for prefix in prefixes}
    if len(stems) == 1:
        [stem] = stems
        if _is_name(stem) and stem not in LAYERS and stem != REPEAT and stem not in C_KEYWORDS:
            return stem
    types = [draft.layers[index].type for index in range(start, start + period)]
    if "add" in types and _branches(draft, start, period):
        return "residual"
    if _branches(draft, start, period) or "concatenate" in types:
        return "branches"
    if types[0].startswith("depthwise_conv") and any(each.startswith("conv") for each in types):
        return "ds_conv"
    main = next((each for each in types if "conv" in each or each == "dense"), types[0])
    return f"{main}_block"
