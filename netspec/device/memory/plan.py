"""Live ranges -> arena offsets: one block of RAM that holds every tensor and scratch buffer while it is needed.

Inputs and outputs of the network stand in the arena too, unless they are the caller's. Offsets of scratch and of
tensors that lie in no other are multiples of 16 bytes, and so is the size of the arena.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import inf
from typing import Any

from netspec.device.cmsis_nn import Extension
from netspec.device.graph import DeviceGraph
from netspec.device.kernels import kernel_of
from netspec.device.memory.packing import Overlay, Packing, Piece
from netspec.device.memory.placement import place
from netspec.device.memory.regions import Region, distribute, tensor_heat
from netspec.device.memory.sharing import Share, groups, possible
from netspec.ops import Tensor


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
    state_offsets: Mapping[str, int] = field(default_factory=dict)
    """Of states, in a block of their own, which the caller keeps from run to run."""
    state_bytes: int = 0

    @property
    def arena_sizes(self) -> tuple[int, ...]:
        return self.arenas or (self.arena_bytes,)

    def shares_by_node(self) -> dict[str, tuple[Share, ...]]:
        """Return which inputs of a node stand in its output, for those of which some do."""
        found: dict[str, list[Share]] = {}
        for each in self.shares:
            found.setdefault(each.node, []).append(each)
        return {node: tuple(shares) for node, shares in found.items()}


def plan_memory(
    graph: DeviceGraph,
    extension: Extension,
    outside: Iterable[str] = (),
    regions: Sequence[Region] = (),
    *,
    joins: bool = True,
) -> MemoryPlan:
    """Return a plan whose arena is as small as the search finds, most often the largest live set itself.

    Tensors `outside` are inputs and outputs of the network that the caller keeps. With `regions` the arena is split
    among them; the last may then get more than it holds. Without `joins` every concatenation copies its inputs.
    """
    left_out = frozenset(outside)
    apart = left_out | {state.name for state in graph.states}
    allowed = [each for each in possible(graph, apart) if each.replaces or joins]
    everything = _Everything.of(graph, extension, apart, allowed)
    sizes = [region.size for region in regions if region.arena]
    if sizes:
        plan = _split(graph, everything, left_out, sizes)
    else:
        plan = everything.plan(left_out, [place(everything.packing)])
    return replace(plan, **_state_places(graph.states)) if graph.states else plan


def _state_places(states: Iterable[Tensor]) -> dict[str, Any]:
    """Return where states are, one behind the other: those of wide types first, so that each is aligned to its type."""
    offsets: dict[str, int] = {}
    end = 0
    for state in sorted(states, key=lambda state: -state.dtype.bits):
        offsets[state.name] = end
        end += state.bytes
    return {"state_offsets": offsets, "state_bytes": end}


@dataclass(frozen=True, slots=True)
class _Everything:
    """Tensors, by name, and then scratch, by the name of its node, as the pieces of a packing; a share an overlay."""

    tensors: tuple[str, ...]
    scratch: Mapping[str, int]
    """Bytes."""
    shares: tuple[Share, ...]
    packing: Packing
    steps: int

    @staticmethod
    def of(graph: DeviceGraph, extension: Extension, outside: frozenset[str], shares: Sequence[Share]) -> _Everything:
        lifetimes, everything = graph.lifetimes, graph.tensors
        tensors = tuple(name for name in everything if name not in outside)
        scratch = {node.name: kernel_of(node).scratch_bytes(node.op, extension) for node in graph.nodes}
        scratch = {name: size for name, size in scratch.items() if size}
        steps = {node.name: step for step, node in enumerate(graph.nodes)}
        pieces = [Piece(everything[name].bytes, *lifetimes[name]) for name in tensors]
        pieces += [Piece(size, steps[name], steps[name]) for name, size in scratch.items()]
        index = {name: number for number, name in enumerate(tensors)}
        overlays = [Overlay(index[each.input], index[each.output], each.offset, each.replaces) for each in shares]
        return _Everything(tensors, scratch, tuple(shares), Packing(tuple(pieces), tuple(overlays)), len(graph.nodes))

    def plan(
        self, outside: frozenset[str], offsets: Sequence[Sequence[int]], parts: Sequence[Sequence[int]] = ()
    ) -> MemoryPlan:
        """Return the plan of pieces that stand at these offsets, in one arena or, with `parts`, several."""
        packing = self.packing
        arenas = parts or [range(len(packing.pieces))]
        where = {piece: arena for arena, pieces in enumerate(arenas) for piece in pieces}
        found = dict(zip(chain(*arenas), chain(*offsets), strict=True))
        shares, bounds, tops = [], [], []
        for pieces, placed, inside in zip(arenas, offsets, packing.parts(parts) if parts else [packing], strict=True):
            settled = inside.settled(placed)
            laid = {(pieces[each.inner], pieces[each.outer], each.offset) for each in settled.overlays}
            shares += [
                each
                for each, overlay in zip(self.shares, packing.overlays, strict=True)
                if (overlay.inner, overlay.outer, overlay.offset) in laid
            ]
            bounds.append(settled.largest_live)
            tops.append(inside.top(placed))
        count = len(self.tensors)
        _, peak = packing.settled(_in_order(found)).largest_live if parts else bounds[0]
        return MemoryPlan(
            arena_bytes=sum(tops),
            tensor_offsets={name: found[piece] for piece, name in enumerate(self.tensors)},
            scratch_offsets={name: found[count + number] for number, name in enumerate(self.scratch)},
            scratch_bytes=self.scratch,
            shares=tuple(shares),
            outside=outside,
            largest_live_bytes=sum(bytes for bytes, _ in bounds),
            peak=min(max(peak, 0), max(self.steps - 1, 0)),
            arenas=tuple(tops) if parts else (),
            tensor_arenas={name: where[piece] for piece, name in enumerate(self.tensors)} if parts else {},
            scratch_arenas={name: where[count + number] for number, name in enumerate(self.scratch)} if parts else {},
        )


def _in_order(offsets: Mapping[int, int]) -> list[int]:
    return [offsets[piece] for piece in sorted(offsets)]


def _split(graph: DeviceGraph, everything: _Everything, outside: frozenset[str], sizes: Sequence[int]) -> MemoryPlan:
    """Return the plan with the pieces distributed over arenas of these sizes. Tensors that share bytes go together."""
    packing, index = everything.packing, {name: number for number, name in enumerate(everything.tensors)}
    whole = everything.plan(outside, [place(packing)])
    together = [[index[name] for name in names] for names in groups(whole.shares, everything.tensors)]
    heat, names = tensor_heat(graph), everything.tensors
    weighted = [
        sum(heat[names[piece]] * packing.pieces[piece].size for piece in group)
        / max(packing.pieces[piece].size for piece in group)
        for group in together
    ]
    together += [[piece] for piece in range(len(names), len(packing.pieces))]
    weighted += [inf] * len(everything.scratch)  # scratch is read for every output channel
    parts = distribute(packing, together, weighted, sizes)
    return everything.plan(outside, [place(packing.part(part)) for part in parts], parts)
