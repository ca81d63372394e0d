"""Live ranges -> arena offsets: one block of RAM that holds every tensor and scratch buffer while it is needed.

Inputs and outputs of the network stand in the arena too, unless they are the caller's. A group of tensors that share
bytes is placed as one. Offsets of groups and scratch are multiples of 16 bytes, and so is the size of the arena.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from netspec.device.cmsis_nn import Extension
from netspec.device.graph import DeviceGraph, tensor_bytes
from netspec.device.ops import kernel_of
from netspec.device.placement import ALIGNMENT, Buffer, Part, aligned, buffer, largest_live, place, top
from netspec.device.regions import Region, distribute, tensor_heat
from netspec.device.sharing import Share, Sharing, share


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Offsets of tensors by name and of scratch by node name, each in its arena, and what the plan costs.

    Tensors that are `outside` the arena have no offset. `largest_live_bytes` is a lower bound of any plan with these
    `shares`: what is live at once at step `peak`, an index of the nodes.
    """

    arena_bytes: int
    """Of all arenas together."""
    tensor_offsets: Mapping[str, int]
    scratch_offsets: Mapping[str, int]
    scratch_bytes: Mapping[str, int]
    shares: tuple[Share, ...]
    outside: frozenset[str]
    largest_live_bytes: int
    peak: int
    arenas: tuple[int, ...] = ()
    """Bytes of each region's part of the arena; empty where it is one block, in memory that has no name."""
    tensor_arenas: Mapping[str, int] = field(default_factory=dict)
    scratch_arenas: Mapping[str, int] = field(default_factory=dict)
    """Which of the arenas; 0 for what is missing."""

    @property
    def arena_sizes(self) -> tuple[int, ...]:
        return self.arenas or (self.arena_bytes,)

    def shares_by_node(self) -> dict[str, tuple[Share, ...]]:
        """Return which inputs of a node stand in its output, for those of which some do."""
        found: dict[str, tuple[Share, ...]] = {}
        for each in self.shares:
            found[each.node] = (*found.get(each.node, ()), each)
        return found


def plan_memory(
    graph: DeviceGraph, extension: Extension, outside: Iterable[str] = (), regions: Sequence[Region] = ()
) -> MemoryPlan:
    """Return a plan whose arena is as small as the search finds, most often the largest live set itself.

    Tensors `outside` are inputs and outputs of the network that the caller keeps. With `regions` the arena is split
    among them; the last may then get more than it holds.
    """
    left_out = frozenset(outside)
    everything = share(graph, left_out)
    best = plan_sharing(graph, extension, everything, left_out)
    # Tensors bound to each other are harder to place, and a slice may begin within 16 bytes that hold another too: so
    # it can be better to copy after all.
    if any(not each.replaces for each in everything.shares):
        apart = share(graph, left_out, joins=False)
        bound, _ = largest_live(_buffers(graph, best.scratch_bytes, apart), len(graph.nodes))
        if bound < best.arena_bytes:
            best = min(best, plan_sharing(graph, extension, apart, left_out), key=lambda plan: plan.arena_bytes)
    sizes = [region.size for region in regions if region.arena]
    if not sizes:
        return best
    kept = share(graph, left_out, joins=any(not each.replaces for each in best.shares))
    return _split(graph, best, kept, sizes)


def _split(graph: DeviceGraph, plan: MemoryPlan, sharing: Sharing, sizes: Sequence[int]) -> MemoryPlan:
    """Return the plan with its buffers distributed over arenas of these sizes."""
    buffers = _buffers(graph, plan.scratch_bytes, sharing)
    heat = tensor_heat(graph)
    shapes = graph.tensors
    weighted = [
        sum(heat[name] * tensor_bytes(shapes[name]) for name in group) / each.size
        for group, each in zip(sharing.groups, buffers, strict=False)
    ]
    weighted += [inf] * len(plan.scratch_bytes)  # scratch is read for every output channel
    steps = len(graph.nodes)
    chosen = distribute(buffers, weighted, sizes, steps)
    offsets = [0] * len(buffers)
    arenas, bounds = [], []
    for arena in range(len(sizes)):
        own = [index for index, each in enumerate(chosen) if each == arena]
        inside = [buffers[index] for index in own]
        bound = largest_live(inside, steps)[0] if inside else 0
        placed = place(inside, bound) if inside else []
        for index, offset in zip(own, placed, strict=True):
            offsets[index] = offset
        arenas.append(top(inside, placed))
        bounds.append(bound)
    where = dict(enumerate(chosen))
    groups = len(sharing.groups)
    starts = {
        name: (offsets[index] + start, where[index])
        for index, group in enumerate(sharing.groups)
        for name, start in group.items()
    }
    scratch = {name: groups + index for index, name in enumerate(plan.scratch_bytes)}
    return replace(
        plan,
        arena_bytes=sum(arenas),
        arenas=tuple(arenas),
        tensor_offsets={name: starts[name][0] for name in plan.tensor_offsets},
        tensor_arenas={name: starts[name][1] for name in plan.tensor_offsets},
        scratch_offsets={name: offsets[index] for name, index in scratch.items()},
        scratch_arenas={name: where[index] for name, index in scratch.items()},
        shares=sharing.shares,
        largest_live_bytes=sum(bounds),
    )


def plan_sharing(
    graph: DeviceGraph, extension: Extension, sharing: Sharing, outside: frozenset[str] = frozenset()
) -> MemoryPlan:
    """Return the plan in which the tensors share bytes as `sharing` says."""
    scratch = {node.name: kernel_of(node.op).scratch_bytes(node.op, extension) for node in graph.nodes}
    scratch = {name: size for name, size in scratch.items() if size}
    buffers = _buffers(graph, scratch, sharing)
    bound, peak = largest_live(buffers, len(graph.nodes))
    offsets = place(buffers, bound)
    groups = len(sharing.groups)
    starts = {
        name: offset + start
        for group, offset in zip(sharing.groups, offsets[:groups], strict=True)
        for name, start in group.items()
    }
    return MemoryPlan(
        arena_bytes=top(buffers, offsets),
        tensor_offsets={name: starts[name] for name in graph.tensors if name in starts},
        scratch_offsets=dict(zip(scratch, offsets[groups:], strict=True)),
        scratch_bytes=scratch,
        shares=sharing.shares,
        outside=outside,
        largest_live_bytes=bound,
        peak=peak,
    )


def _buffers(graph: DeviceGraph, scratch: Mapping[str, int], sharing: Sharing) -> list[Buffer]:
    """Return a buffer a group, then one a scratch."""
    lifetimes, shapes = graph.lifetimes(), graph.tensors
    buffers = []
    for group in sharing.groups:
        parts = [
            Part(start // ALIGNMENT * ALIGNMENT, aligned(start + tensor_bytes(shapes[name])), *lifetimes[name])
            for name, start in group.items()
        ]
        buffers.append(Buffer(_merged(parts)))
    steps = {node.name: step for step, node in enumerate(graph.nodes)}
    return [*buffers, *(buffer(aligned(size), steps[name], steps[name]) for name, size in scratch.items())]


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """Return the parts with those made one that are the same bytes at steps that follow each other."""
    merged: dict[tuple[int, int], list[Part]] = {}
    for part in sorted(parts, key=lambda part: part.first):
        same = merged.setdefault((part.start, part.end), [])
        if same and part.first <= same[-1].last + 1:
            same[-1] = Part(part.start, part.end, same[-1].first, max(part.last, same[-1].last))
        else:
            same.append(part)
    return tuple(part for same in merged.values() for part in same)
