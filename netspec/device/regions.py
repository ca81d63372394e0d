"""Several memories: which buffers of the arena, and which constants, go into the fast ones.

Regions are filled in the order given, the fastest first, each with what is used most for its bytes; the last that
holds the arena takes what is left. A buffer lies whole in one region, and so do all constants of a layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from netspec.device.graph import DeviceGraph, Node, tensor_bytes
from netspec.device.placement import Buffer, aligned, largest_live, place, top
from netspec.ops import Conv2D, DepthwiseConv2D, Op, Pool2D, output_shape


@dataclass(frozen=True, slots=True)
class Region:
    """A memory of `size` bytes, and whether the arena or constants may lie in it."""

    name: str
    size: int
    arena: bool
    weights: bool


def distribute(buffers: Sequence[Buffer], heat: Sequence[float], sizes: Sequence[int], steps: int) -> list[int]:
    """Return for each buffer which of the sizes it goes to; the last one takes what no other does, be it too much.

    Hot buffers are offered first. Where what is left is too much for the last region, small ones or large ones first
    may leave less.
    """
    count = len(buffers)
    orders = (
        sorted(range(count), key=lambda i: (-heat[i], i)),
        sorted(range(count), key=lambda i: (-buffers[i].size, i)),
        sorted(range(count), key=lambda i: (buffers[i].size, i)),
    )
    first: list[int] | None = None
    for order in orders:
        chosen = [len(sizes) - 1] * count
        waiting = order
        for region, size in enumerate(sizes[:-1]):
            taken = _filled(buffers, waiting, size, steps)
            waiting = [i for i in waiting if i not in taken]
            for i in taken:
                chosen[i] = region
        if _fits([buffers[i] for i in waiting], sizes[-1], steps):
            return chosen
        first = first or chosen
    assert first is not None
    return first


def _filled(buffers: Sequence[Buffer], order: Iterable[int], size: int, steps: int) -> set[int]:
    """Return what fits into `size` when buffers are offered in this order."""
    live = [0] * (steps + 2)  # by step, from -1 on
    taken: list[int] = []
    for i in order:
        each = buffers[i]
        added = {step: each.bytes_at(step) for step in range(each.first, each.last + 1)}
        if all(live[step + 1] + more <= size for step, more in added.items()):
            taken.append(i)
            for step, more in added.items():
                live[step + 1] += more
    while not _fits([buffers[i] for i in taken], size, steps):
        taken.pop()  # what was offered last
    return set(taken)


def _fits(buffers: Sequence[Buffer], size: int, steps: int) -> bool:
    if not buffers:
        return True
    bound, _ = largest_live(buffers, steps)
    return bound <= size and top(buffers, place(buffers, bound)) <= size


def tensor_heat(graph: DeviceGraph) -> dict[str, float]:
    """Return how often each byte of a tensor is written or read in one inference, about."""
    heat = dict.fromkeys(graph.tensors, 1.0)
    for node in graph.nodes:
        for name in node.inputs:
            heat[name] += _reads(node.op)
    return heat


def _reads(op: Op) -> float:
    """Return in how many windows an element of the input is."""
    if isinstance(op, Conv2D | DepthwiseConv2D):
        return prod(op.kernel_size) / prod(op.strides)
    if isinstance(op, Pool2D):
        return prod(op.pool_size) / prod(op.strides)
    return 1.0


def weight_heat(node: Node) -> int:
    """Return how often each constant of a node is read in one inference, about: once for each position of the output.

    Of a table a byte is looked up for each 256 elements.
    """
    shape = output_shape(node.op)
    positions = tensor_bytes(shape[:-1])
    return (
        positions
        if isinstance(node.op, Conv2D | DepthwiseConv2D) or len(shape) > 1
        else max(1, tensor_bytes(shape) // 256)
    )


def place_weights(
    nodes: Sequence[Node], sizes: Mapping[str, Sequence[int]], regions: Sequence[tuple[str, int]]
) -> dict[str, str]:
    """Return the region of each node whose constants leave flash, by node name.

    `sizes` are the bytes of the arrays of each node, `regions` names and free bytes. Each array may lose up to 15
    bytes to its alignment.
    """
    free = dict(regions)
    found: dict[str, str] = {}
    for node in sorted((node for node in nodes if sizes[node.name]), key=lambda node: -weight_heat(node)):
        wanted = sum(map(aligned, sizes[node.name]))
        region = next((name for name, room in free.items() if wanted <= room), None)
        if region is not None:
            free[region] -= wanted
            found[node.name] = region
    return found
