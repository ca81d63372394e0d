"""The arena as emitted code shows it: every buffer, where it stands, and from which layer to which it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from netspec.device.memory.sharing import Share, linked
from netspec.device.plan import DevicePlan


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of the arena. Steps count the layers that run from 0; an input is there from -1 on."""

    tensor: str | None
    """The tensor that it holds, None for scratch."""
    node: str | None
    """The node whose scratch it is, None for a tensor."""
    arena: int
    """Which of the arenas, 0 where there is one; behind the last one the block of states."""
    offset: int
    size: int
    first: int
    last: int


def blocks(plan: DevicePlan) -> tuple[Block, ...]:
    """Return the tensors in the order they are written, each node's scratch behind its output."""
    graph, memory = plan.graph, plan.memory
    tensors, lifetimes = graph.tensors, graph.lifetimes

    def tensor(name: str) -> list[Block]:
        if name in memory.state_offsets:
            arena, offset = len(memory.arena_sizes), memory.state_offsets[name]
            return [Block(name, None, arena, offset, tensors[name].bytes, *lifetimes[name])]
        if name not in memory.tensor_offsets:
            return []
        arena, offset = memory.tensor_arenas.get(name, 0), memory.tensor_offsets[name]
        return [Block(name, None, arena, offset, tensors[name].bytes, *lifetimes[name])]

    found = [block for given in graph.inputs for block in tensor(given.name)]
    found += [block for state in graph.states for block in tensor(state.name)]
    for step, node in enumerate(graph.nodes):
        found += [block for each in node.outputs if each.role != "state" for block in tensor(each.name)]
        if node.name in memory.scratch_bytes:
            arena, offset = memory.scratch_arenas.get(node.name, 0), memory.scratch_offsets[node.name]
            found.append(Block(None, node.name, arena, offset, memory.scratch_bytes[node.name], step, step))
    return tuple(found)


def together(found: tuple[Block, ...], shares: tuple[Share, ...] = ()) -> Iterator[tuple[Block, Block]]:
    """Yield the pairs of blocks of one arena that are needed at the same time and may share no byte."""
    allowed = linked(shares)
    for one, two in combinations(found, 2):
        at_once = one.first <= two.last and two.first <= one.last
        if at_once and one.arena == two.arena and frozenset((one.tensor, two.tensor)) not in allowed:
            yield one, two
