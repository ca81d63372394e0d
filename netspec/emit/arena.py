"""The arena as emitted code shows it: every buffer, where it stands, and from which layer to which it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from netspec.device.graph import tensor_bytes
from netspec.device.plan import DevicePlan


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of the arena. Steps count the layers that run from 0; an input is there from -1 on."""

    tensor: str | None
    """The tensor that it holds, None for scratch."""
    node: str | None
    """The node whose scratch it is, None for a tensor."""
    offset: int
    size: int
    first: int
    last: int


def blocks(plan: DevicePlan) -> tuple[Block, ...]:
    """Return the tensors in the order they are written, each node's scratch behind its output."""
    graph, memory = plan.graph, plan.memory
    shapes, lifetimes = graph.tensors, graph.lifetimes()

    def tensor(name: str) -> Block:
        return Block(name, None, memory.tensor_offsets[name], tensor_bytes(shapes[name]), *lifetimes[name])

    found = [tensor(given.name) for given in graph.inputs]
    for step, node in enumerate(graph.nodes):
        found.append(tensor(node.output))
        if node.name in memory.scratch_bytes:
            offset, size = memory.scratch_offsets[node.name], memory.scratch_bytes[node.name]
            found.append(Block(None, node.name, offset, size, step, step))
    return tuple(found)


def together(found: tuple[Block, ...]) -> Iterator[tuple[Block, Block]]:
    """Yield the pairs of blocks that are needed at the same time, so may share no byte."""
    for one, two in combinations(found, 2):
        if one.first <= two.last and two.first <= one.last:
            yield one, two
