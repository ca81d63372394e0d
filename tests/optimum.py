"""Whether an arena can be smaller at all, asked of Z3, a prover of theorems that knows nothing of our planner.

The theorem is written from what a network does and its kernels can, not from the planner's pieces: a byte offset for
each tensor and scratch; of each two that are needed at the same time one is above the other, unless one stands in the
other: the input of a kernel that works in place, or a part of a join, in the output.
"""

from __future__ import annotations

from itertools import combinations
from math import prod

import z3

from netspec.device.cmsis_nn import Extension
from netspec.device.graph import DeviceGraph, Node
from netspec.device.kernels import kernel_of
from netspec.ops import Concatenate

_MILLISECONDS = 600_000


def fits(graph: DeviceGraph, extension: Extension, arena: int) -> bool:
    """Return whether there is any plan whose arena has `arena` bytes, a multiple of 16.

    Raises `AssertionError` if the prover comes to no answer.
    """
    lives, sizes = dict(graph.lifetimes), {name: tensor.bytes for name, tensor in graph.tensors.items()}
    for step, node in enumerate(graph.nodes):
        scratch = kernel_of(node).scratch_bytes(node.op, extension)
        if scratch:
            lives[f"scratch of {node.name}"], sizes[f"scratch of {node.name}"] = (step, step), scratch
    solver = z3.Solver()
    solver.set("timeout", _MILLISECONDS)
    offsets = {name: z3.Int(name) for name in sizes}
    stands_in: dict[frozenset[str], list[z3.BoolRef]] = {}
    inside: dict[str, list[z3.BoolRef]] = {name: [] for name in sizes}
    for step, node in enumerate(graph.nodes):
        for name, at in _ways(node, sizes):
            if lives[name][1] == step:
                here = offsets[name] == offsets[node.output] + at
                stands_in.setdefault(frozenset((name, node.output)), []).append(here)
                inside[name].append(here)
    for name, offset in offsets.items():
        solver.add(offset >= 0, offset + sizes[name] <= arena)
        solver.add(z3.Or(offset == 16 * z3.Int(f"sixteens below {name}"), *inside[name]))
    for one, two in combinations(sizes, 2):
        (first, last), (begin, end) = lives[one], lives[two]
        if first <= end and begin <= last:
            above, below = offsets[one] >= offsets[two] + sizes[two], offsets[two] >= offsets[one] + sizes[one]
            solver.add(z3.Or(above, below, *stands_in.get(frozenset((one, two)), [])))
    answer = solver.check()
    assert answer in (z3.sat, z3.unsat), solver.reason_unknown()
    return bool(answer == z3.sat)


def _ways(node: Node, sizes: dict[str, int]) -> list[tuple[str, int]]:
    """Return the inputs of a node that may stand in its output, and the byte of it where they would begin."""
    if not isinstance(node.op, Concatenate):
        alike = (node.inputs[position] for position, _ in kernel_of(node).in_place(node.op))
        return [(name, 0) for name in alike if sizes[name] == sizes[node.output]]
    if prod(node.op.output_shape[: node.op.axis]) != 1:
        return []
    starts = [sum(sizes[name] for name in node.inputs[:position]) for position in range(len(node.inputs))]
    return list(zip(node.inputs, starts, strict=True))
