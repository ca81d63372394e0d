"""Which tensors share bytes: an output written over an input that nobody needs any more, an input that is a slice.

Only what kernels allow: `Kernel.in_place_inputs` says where an output may replace an input; a concatenation whose
inputs lie in its output one behind the other needs no copy of an input that was written there from the start.
`memory_check` proves every such plan by other means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from netspec.device.graph import DeviceGraph, Node, tensor_bytes
from netspec.device.ops import kernel_of
from netspec.ops import Concatenate

Lifetime = tuple[int, int]
_MOST_PAIRS = 1_000_000  # of tensors that are compared before two groups are joined


@dataclass(frozen=True, slots=True)
class Share:
    """The input at `position` of `node` stands in its output, from byte `offset` of the output on.

    With `replaces` the op writes over the input; otherwise the input's values are the output's, and stay.
    """

    node: str
    position: int
    input: str
    output: str
    offset: int
    replaces: bool


@dataclass(frozen=True, slots=True)
class Sharing:
    """What was chosen; `groups` are tensors that are placed as one, each with its byte in the group."""

    shares: tuple[Share, ...]
    groups: tuple[Mapping[str, int], ...]


def slices(op: Concatenate) -> list[int]:
    """Return the byte of the output at which each input begins; none where inputs lie in turns, row by row."""
    if prod(op.output_shape[: op.axis]) != 1:
        return []
    starts = [0]
    for shape in op.input_shapes[:-1]:
        starts.append(starts[-1] + tensor_bytes(shape))
    return starts


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


def share(graph: DeviceGraph, outside: frozenset[str], *, joins: bool = True) -> Sharing:
    """Return the sharing that a graph allows, of outputs with inputs and, with `joins`, of slices.

    Tensors `outside` the arena take no part.
    """
    groups = _Groups(graph, outside)
    for step, node in enumerate(graph.nodes):
        if node.output in outside:
            continue
        if isinstance(node.op, Concatenate):
            if joins:
                groups.join(node, node.op, step)
        else:
            groups.replace(node, step)
    return Sharing(tuple(groups.shares), tuple(groups.found()))


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    start: int
    end: int
    lifetime: Lifetime


@dataclass(slots=True)
class _Group:
    members: list[_Member]
    recent: list[_Member]
    """Those that may still be needed when an op runs that comes after all that were looked at."""

    def __getitem__(self, name: str) -> _Member:
        return next(member for member in reversed(self.members) if member.name == name)


class _Groups:
    """Tensors that lie at fixed distances of each other. No two overlap in bytes and time unless they may."""

    def __init__(self, graph: DeviceGraph, outside: frozenset[str]) -> None:
        self._lifetimes = graph.lifetimes()
        self._bytes = {name: tensor_bytes(shape) for name, shape in graph.tensors.items()}
        self._groups: dict[str, _Group] = {}
        for name, size in self._bytes.items():
            if name not in outside:
                only = _Member(name, 0, size, self._lifetimes[name])
                self._groups[name] = _Group([only], [only])
        self._held: dict[str, set[str]] = {}  # by join: the tensors whose values stand in it
        self.shares: list[Share] = []

    def found(self) -> list[dict[str, int]]:
        """Return the groups in the order of their first tensors; the lowest stands less than 16 bytes from 0."""
        found = {id(group): group for group in self._groups.values()}
        result = []
        for group in found.values():
            lowest = min(member.start for member in group.members) // 16 * 16
            result.append({member.name: member.start - lowest for member in group.members})
        return result

    def replace(self, node: Node, step: int) -> None:
        """Let the output of `node` take the place of the first input that may be overwritten."""
        for position in kernel_of(node.op).in_place_inputs(node.op):
            name = node.inputs[position]
            group = self._groups.get(name)
            if group is None or self._lifetimes[name][1] != step or self._bytes[name] != self._bytes[node.output]:
                continue
            here = group[name]
            own = _Member(node.output, here.start, here.end, self._lifetimes[node.output])
            group.recent = [member for member in group.recent if member.lifetime[1] >= step]
            if any(member.name != name and _meet(member, own) for member in group.recent):
                continue
            group.members.append(own)
            group.recent.append(own)
            self._groups[node.output] = group
            self.shares.append(Share(node.name, position, name, node.output, 0, replaces=True))
            return

    def join(self, node: Node, op: Concatenate, step: int) -> None:
        """Let the inputs of a concatenation stand in its output."""
        group = self._groups[node.output]
        held = self._held.setdefault(node.output, set())
        for position, offset in enumerate(slices(op)):
            name = node.inputs[position]
            other = self._groups.get(name)
            if self._lifetimes[name][1] != step or other is None or other is group:
                continue
            if len(group.members) * len(other.members) > _MOST_PAIRS:
                continue  # a tensor that stands in the join already cannot stand in it twice
            shift = group[node.output].start + offset - other[name].start
            moved = [_Member(each.name, each.start + shift, each.end + shift, each.lifetime) for each in other.members]
            values = {name} | self._held.get(name, set())
            if any(
                _meet(one, two) and not (two.name == node.output and one.name in values)
                for one in moved
                for two in group.members
            ):
                continue
            group.members += moved
            group.recent = list(group.members)
            self._groups |= {member.name: group for member in moved}
            held |= values
            self.shares.append(Share(node.name, position, name, node.output, offset, replaces=False))


def _meet(one: _Member, two: _Member) -> bool:
    """Return whether two members have a byte in common at a step at which both are needed."""
    in_space = one.start < two.end and two.start < one.end
    return in_space and one.lifetime[0] <= two.lifetime[1] and two.lifetime[0] <= one.lifetime[1]
