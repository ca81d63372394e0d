"""Several memories: which buffers of the arena, and which constants, go into the fast ones.

Regions are filled in the order given, the fastest first, each with what is used most for its bytes; the last that
holds the arena takes what is left. A buffer lies whole in one region, and so do all constants of a layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netspec.device.graph import DeviceGraph, Node
from netspec.device.memory.packing import Packing, aligned
from netspec.device.memory.placement import place
from netspec.device.memory.step_maximum import StepMaximum

MANY_GROUPS = 500
"""Of this many groups, those that were offered last are no longer dropped one by one."""


@dataclass(frozen=True, slots=True)
class Region:
    """A memory of `size` bytes, and whether the arena or constants may lie in it."""

    name: str
    size: int
    arena: bool
    weights: bool


def distribute(
    packing: Packing, groups: Sequence[Sequence[int]], heat: Sequence[float], sizes: Sequence[int]
) -> list[list[int]]:
    """Return the pieces that each of the sizes holds, groups as a whole; the last one takes what no other does.

    Hot groups are offered first. Where what is left is too much for the last region, small ones or large ones first
    may leave less.
    """
    count = len(groups)
    most = [max(packing.pieces[piece].size for piece in group) for group in groups]
    orders = (
        sorted(range(count), key=lambda i: (-heat[i], i)),
        sorted(range(count), key=lambda i: (-most[i], i)),
        sorted(range(count), key=lambda i: (most[i], i)),
    )
    runs = [part.live_runs() for part in packing.parts(groups)] if len(sizes) > 1 else []
    first: list[list[int]] | None = None
    for order in orders:
        waiting, parts = order, []
        for size in sizes[:-1]:
            taken = set(_filled(packing, groups, runs, waiting, size))
            parts.append(sorted(piece for i in taken for piece in groups[i]))
            waiting = [i for i in waiting if i not in taken]
        parts.append(sorted(piece for i in waiting for piece in groups[i]))
        if _fits(packing, parts[-1], sizes[-1]):
            return parts
        first = first or parts
    assert first is not None
    return first


def _filled(
    packing: Packing,
    groups: Sequence[Sequence[int]],
    runs: Sequence[Sequence[tuple[int, int, int]]],
    everything: Sequence[int],
    size: int,
) -> list[int]:
    """Return which groups fit into `size` when they are offered in this order.

    `runs` say for each group, by itself, what is live: (first step, last step, bytes).
    """
    if _fits(packing, [piece for i in everything for piece in groups[i]], size):
        return list(everything)
    # Groups fit closer than is seen here, one by one: some begin in what rounding leaves of others.
    live = StepMaximum(packing.first, packing.last)
    taken: list[int] = []
    for i in everything:
        if all(live.most(first, last) + more <= size for first, last, more in runs[i]):
            taken.append(i)
            for first, last, more in runs[i]:
                live.add(first, last, more)
    dropped = 1
    while not _fits(packing, [piece for i in taken for piece in groups[i]], size):
        del taken[-dropped:]  # what was offered last
        dropped += len(everything) // MANY_GROUPS  # of thousands, more at a time
    return taken


def _fits(packing: Packing, pieces: Sequence[int], size: int) -> bool:
    inside = packing if len(pieces) == len(packing.pieces) else packing.part(sorted(pieces))
    return inside.largest_live[0] <= size and inside.top(place(inside)) <= size


def tensor_heat(graph: DeviceGraph) -> dict[str, float]:
    """Return how often each byte of a tensor is written or read in one inference, about."""
    heat = dict.fromkeys(graph.tensors, 1.0)
    for node in graph.nodes:
        for name in node.inputs:
            heat[name] += node.op.input_reads()
    return heat


def place_weights(
    nodes: Sequence[Node], sizes: Mapping[str, Sequence[int]], regions: Sequence[tuple[str, int]]
) -> dict[str, str]:
    """Return the region of each node whose constants leave flash, by node name.

    `sizes` are the bytes of the arrays of each node, `regions` names and free bytes. Each array may lose up to 15
    bytes to its alignment.
    """
    free = dict(regions)
    found: dict[str, str] = {}
    for node in sorted((node for node in nodes if sizes[node.name]), key=lambda node: -node.op.weight_reads()):
        wanted = sum(map(aligned, sizes[node.name]))
        region = next((name for name, room in free.items() if wanted <= room), None)
        if region is not None:
            free[region] -= wanted
            found[node.name] = region
    return found
