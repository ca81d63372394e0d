"""Several memories: which buffers of the arena, and which constants, go into the fast ones.

Regions are filled in the order given, the fastest first, each with what is used most for its bytes; the last that
holds the arena takes what is left. A buffer lies whole in one region, and so do all constants of a layer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netspec.device.graph import DeviceGraph, Node
from netspec.device.placement import Packing, aligned, place


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
    first: list[list[int]] | None = None
    for order in orders:
        waiting, parts = order, []
        for size in sizes[:-1]:
            taken = set(_filled(packing, groups, waiting, size))
            parts.append(sorted(piece for i in taken for piece in groups[i]))
            waiting = [i for i in waiting if i not in taken]
        parts.append(sorted(piece for i in waiting for piece in groups[i]))
        if _fits(packing, parts[-1], sizes[-1]):
            return parts
        first = first or parts
    assert first is not None
    return first


def _filled(packing: Packing, groups: Sequence[Sequence[int]], order: Iterable[int], size: int) -> list[int]:
    """Return which groups fit into `size` when they are offered in this order."""
    everything = list(order)
    if _fits(packing, [piece for i in everything for piece in groups[i]], size):
        return everything
    # Groups fit closer than is seen here, one by one: some begin in what rounding leaves of others.
    live: defaultdict[int, int] = defaultdict(int)  # by step
    taken: list[int] = []
    for i in everything:
        own = packing.part(groups[i])
        added = list(enumerate(own.live_bytes(), own.first))
        if all(live[step] + more <= size for step, more in added):
            taken.append(i)
            for step, more in added:
                live[step] += more
    while not _fits(packing, [piece for i in taken for piece in groups[i]], size):
        taken.pop()  # what was offered last
    return taken


def _fits(packing: Packing, pieces: Sequence[int], size: int) -> bool:
    inside = packing.part(sorted(pieces))
    return inside.largest_live()[0] <= size and inside.top(place(inside)) <= size


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
