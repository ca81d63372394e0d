"""What the size of emitted code depends on: how often it calls which function, with what, counted on a plan.

A call is a few instructions that load its arguments, and constants that they point to. How many bytes that is, the
compiler decides; the table of calls says what it came to, feature by feature.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netspec.device.graph import Node
from netspec.device.kernels import kernel_of
from netspec.device.kernels.base import Dims
from netspec.device.plan import DevicePlan

COPY = "memcpy"
"""The only function of the C library that emitted code itself calls."""


def features(plan: DevicePlan) -> dict[str, int]:
    """Return the features of a network's own code by name, those that it has."""
    if "features" not in plan.remembered:
        plan.remembered["features"] = _features(plan)
    found: dict[str, int] = plan.remembered["features"]
    return found


def _features(plan: DevicePlan) -> dict[str, int]:
    ports = len(plan.graph.inputs) + len(plan.graph.outputs)
    counts: Counter[str] = Counter(network=1, shapes=len(shapes(plan)))
    counts["pointers" if plan.io == "external" else "accessors"] = ports
    counts["more arenas"] = max(0, len(plan.arena_regions) - 1)
    counts |= calls(plan)
    for node in plan.graph.nodes:
        if node.name in plan.memory.scratch_bytes:
            counts["scratch"] += 1
        elif kernel_of(node).takes_context(node.op, plan.extension):
            counts["no scratch"] = 1  # one constant serves all
    if calls(plan).total() == 1 and any(_calls_with_pointers(plan)):
        counts["only a convolution"] = 1
    return {name: count for name, count in sorted(counts.items()) if count}


def _calls_with_pointers(plan: DevicePlan) -> Iterator[Node]:
    called = calls(plan)
    return (node for node in plan.graph.nodes if kernel_of(node).passes_pointers and called[function_of(plan, node)])


def calls(plan: DevicePlan) -> Counter[str]:
    """Return how often the emitted code calls which function."""
    if "calls" not in plan.remembered:
        plan.remembered["calls"] = _calls(plan)
    found: Counter[str] = plan.remembered["calls"]
    return found


def _calls(plan: DevicePlan) -> Counter[str]:
    counts: Counter[str] = Counter()
    shares = plan.memory.shares_by_node()
    for node in plan.graph.nodes:
        there = {share.position for share in shares.get(node.name, ())}
        counts[function_of(plan, node)] += kernel_of(node).calls(node.op, there)
    # What several ports of the caller's are given is copied to all but the first.
    ports = [given.name for given in plan.graph.inputs] + [each.tensor for each in plan.graph.outputs]
    outside = [name for name in ports if name in plan.memory.outside]
    counts[COPY] = len(outside) - len(set(outside))
    return +counts


def function_of(plan: DevicePlan, node: Node) -> str:
    """Return the function that emitted code calls for a node."""
    return kernel_of(node).kernel_choice(node.op, plan.extension).function


def shapes(plan: DevicePlan) -> frozenset[Dims]:
    """Return the shapes that the calls point to, each of which is one constant: (batch, height, width, channels)."""
    pointed_to = (kernel_of(node).shapes(node.op, plan.extension) for node in plan.graph.nodes)
    return frozenset(each for shapes in pointed_to for each in shapes.values())
