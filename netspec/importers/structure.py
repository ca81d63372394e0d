"""How a draft's layers stand in a spec: one by one, in repeats, in uses of blocks; and which are read by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from netspec.importers.draft import Draft, Source


@dataclass(frozen=True, slots=True)
class Block:
    """Layers that stand at each of `starts`, but for some values.

    `body` holds the keys of each layer, with `$param` where the uses differ. `defaults` are the parameters, None where
    a use must give one, and `given` what each use gives, by its start. `names` are those that the model gives inside,
    and `prefixes` what it puts before them; None where a name follows from the spec's numbering.
    """

    name: str
    starts: tuple[int, ...]
    body: tuple[Mapping[str, Any], ...]
    defaults: Mapping[str, Any]
    given: Mapping[int, Mapping[str, Any]]
    names: tuple[str | None, ...]
    prefixes: Mapping[int, str | None]

    @property
    def period(self) -> int:
        return len(self.body)


@dataclass(frozen=True, slots=True)
class Use:
    """A block in the place of the layers from `start` on."""

    block: Block
    start: int

    @property
    def last(self) -> int:
        return self.start + self.block.period - 1


@dataclass(frozen=True, slots=True)
class Loop:
    """A repeat; `nodes` are those of its first turn, `size` is the number of layers of a turn."""

    times: int
    nodes: tuple[int | Use, ...]
    size: int


Node: TypeAlias = "int | Use | Loop"


@dataclass(frozen=True, slots=True)
class Plan:
    """The blocks of a spec, and what stands under `layers`: a layer is its position in the draft."""

    blocks: tuple[Block, ...]
    nodes: tuple[Node, ...]

    def uses(self) -> Iterator[Use]:
        """Yield each use, of a repeat's the first turn's."""
        for node in self.nodes:
            inner = node.nodes if isinstance(node, Loop) else (node,)
            yield from (each for each in inner if isinstance(each, Use))

    def grouped(self, draft: Draft) -> set[str]:
        """Return the types of which a layer stands in a block or a repeat."""
        alone = {node for node in self.nodes if isinstance(node, int)}
        return {layer.type for index, layer in enumerate(draft.layers) if index not in alone}


def reads_previous(draft: Draft, index: int) -> bool:
    """Say whether a layer needs no `from`."""
    layer = draft.layers[index]
    if layer.layer.merges:
        return False
    before: Source | None = index - 1 if index else next(iter(draft.inputs)) if len(draft.inputs) == 1 else None
    return layer.sources == (before,)


def called_by_name(draft: Draft, uses: Sequence[Use]) -> set[int]:
    """Return the layers that a `from` outside of their block names, or that are outputs: they stand in no repeat."""
    last = len(draft.layers) - 1
    named = {output for output in draft.outputs if draft.outputs != (last,)}
    inside = {index: use.start for use in uses for index in range(use.start + 1, use.last + 1)}
    for index, layer in enumerate(draft.layers):
        if index not in inside and not reads_previous(draft, index):
            named |= {source for source in layer.sources if isinstance(source, int)}
    return named
