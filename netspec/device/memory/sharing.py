"""Which tensors may share bytes: an output written over an input that nobody needs any more, an input that is a slice.

Only what kernels allow: `Kernel.in_place` says where an output may replace an input; a concatenation whose
inputs lie in its output one behind the other needs no copy of an input that was written there from the start. Which of
all that comes true is decided with the offsets. `memory_check` proves every such plan by other means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from netspec.device.graph import DeviceGraph, Node
from netspec.device.kernels import kernel_of
from netspec.ops import output_shape


@dataclass(frozen=True, slots=True)
class Share:
    """The input at `position` of `node` stands in `output`, from byte `offset` of the output on.

    With `replaces` the op writes over the input; otherwise the input's values are the output's, and stay.
    """

    node: str
    position: int
    input: str
    output: str
    offset: int
    replaces: bool


def slices(node: Node, sizes: Mapping[str, int]) -> list[int]:
    """Return the byte of a join's output at which each input begins; none where inputs lie in turns, row by row.

    `sizes` are the bytes of each tensor.
    """
    axis = node.op.join_axis()
    if axis is None or prod(output_shape(node.op)[:axis]) != 1:
        return []
    return list(accumulate((sizes[name] for name in node.inputs[:-1]), initial=0))


def linked(shares: Iterable[Share]) -> set[frozenset[str | None]]:
    """Return the pairs of tensors that may overlap while both are needed.

    An input and what replaces it; and a tensor with the join that holds it, or that holds a join that does.
    """
    pairs: set[frozenset[str | None]] = set()
    held: dict[str, set[str]] = {}
    for share in shares:  # in the order of the nodes, so that what an input holds is known
        pairs.add(frozenset((share.input, share.output)))
        if not share.replaces:
            inner = {share.input} | held.get(share.input, set())
            held.setdefault(share.output, set()).update(inner)
            pairs.update(frozenset((name, share.output)) for name in inner)
    return pairs


def possible(graph: DeviceGraph, outside: frozenset[str]) -> list[Share]:
    """Return what kernels allow, in the order of the nodes: of inputs that nobody needs after the node.

    Tensors `outside` the arena take no part.
    """
    lifetimes = graph.lifetimes
    sizes = {name: tensor.bytes for name, tensor in graph.tensors.items()}
    found: dict[tuple[str, str, int], Share] = {}

    def alike(one: str, two: str) -> bool:
        return sizes[one] == sizes[two] and graph.tensors[one].dtype == graph.tensors[two].dtype

    for step, node in enumerate(graph.nodes):
        joins = node.op.join_axis() is not None
        in_place = [] if joins else kernel_of(node).in_place(node.op)
        ways = (
            [(at, 0, offset) for at, offset in enumerate(slices(node, sizes))]
            if joins
            else [(at, output, 0) for at, output in in_place]
        )
        for position, output, offset in ways:
            name, written = node.inputs[position], node.outputs[output].name
            if {name, written} & outside or lifetimes[name][1] != step or not (joins or alike(name, written)):
                continue
            share = Share(node.name, position, name, written, offset, not joins)
            found.setdefault((name, written, offset), share)  # an input that comes twice, once
    return list(found.values())


def groups(shares: Iterable[Share], names: Iterable[str]) -> list[list[str]]:
    """Return the tensors, those together that lie at fixed distances of each other."""
    found = {name: [name] for name in names}
    for share in shares:
        one, two = found[share.input], found[share.output]
        if one is not two:
            small, large = sorted((one, two), key=len)  # or an output with thousands of inputs would take a square
            large += small
            found |= dict.fromkeys(small, large)
    return list({id(each): each for each in found.values()}.values())
