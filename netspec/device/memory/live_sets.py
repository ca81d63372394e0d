"""Which tensors are live at each op of a memory plan, and how many bytes they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from netspec.device.graph import DeviceGraph, Node
from netspec.device.memory.sharing import Share


@dataclass(frozen=True, slots=True)
class Live:
    """What the arena holds while `node` runs. It is valid until the next one is asked for."""

    node: Node
    bytes: int
    """Of what `listed` returns."""
    scratch_bytes: int
    _sizes: Mapping[str, int]
    """Bytes of the live tensors, in the order in which they came."""
    _covered_by: Mapping[str, int]
    """By tensor: how many live tensors include its bytes. It is counted only where that is 0."""

    def listed(self) -> dict[str, int]:
        """Return the bytes by tensor, those left out whose bytes another one's include, and of scratch."""
        live = {name: size for name, size in self._sizes.items() if not self._covered_by.get(name)}
        return live | ({f"scratch of {self.node.name}": self.scratch_bytes} if self.scratch_bytes else {})


def live_sets(
    graph: DeviceGraph, sizes: Mapping[str, int], scratch: Mapping[str, int], shares: Iterable[Share]
) -> Iterator[Live]:
    """Yield what is live at each node, of the tensors and the scratch, in bytes by node, that are given.

    The time is that of the tensors and shares, not of the tensors times the ops for which they live.
    """
    born: dict[int, list[str]] = {}
    dying: dict[int, list[str]] = {}
    for name, (first, last) in graph.lifetimes.items():
        if name in sizes:
            born.setdefault(first, []).append(name)
            dying.setdefault(last, []).append(name)
    covers: dict[str, list[str]] = {}
    for share in shares:
        # What replaces an input counts when that is gone; a slice, until the join that holds it is there.
        cover, covered = (share.input, share.output) if share.replaces else (share.output, share.input)
        covers.setdefault(cover, []).append(covered)
    alive: dict[str, int] = {}
    covered_by: dict[str, int] = {}
    total = 0
    for step, node in enumerate(graph.nodes):
        for name in (*(born.get(-1, ()) if step == 0 else ()), *born.get(step, ())):
            alive[name] = sizes[name]
            total += sizes[name] if not covered_by.get(name) else 0
            for other in covers.get(name, ()):
                total -= alive.get(other, 0) if not covered_by.get(other) else 0
                covered_by[other] = covered_by.get(other, 0) + 1
        own = scratch.get(node.name, 0)
        yield Live(node, total + own, own, alive, covered_by)
        for name in dying.get(step, ()):
            size = alive.pop(name)
            total -= size if not covered_by.get(name) else 0
            for other in covers.get(name, ()):
                covered_by[other] -= 1
                total += alive.get(other, 0) if not covered_by[other] else 0
