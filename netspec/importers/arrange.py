"""Chooses what a spec says once: the blocks and repeats that make it shorter by so much that it is worth it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netspec.importers.blocks import find_blocks
from netspec.importers.draft import Draft
from netspec.importers.plan_text import layer_lines, layers_text, use_text
from netspec.importers.repeats import Entry, find_runs, stem_of
from netspec.importers.structure import Block, Loop, Node, Plan, Use, called_by_name, reads_previous

# What a block must save, in items of lists and in characters: a reader pays for it by looking in two places.
_LEAST_ITEMS = 3
_LEAST_CHARACTERS = 60
_MOST_BLOCKS = 6
_WORK = 20_000
"""Layers that may be written while plans are compared."""
_MOST_LAYERS = 1000
"""Of a model that blocks are looked for in; the work grows faster than the model."""


def flat(draft: Draft) -> Plan:
    """Return the plan that says every layer by itself."""
    return Plan((), tuple(range(len(draft.layers))))


def arrange(draft: Draft) -> list[Plan]:
    """Return plans for a draft, the best first, the flat one last."""
    heads = _heads(draft)
    plans = [_with_runs(draft, (), heads)]
    length = _length(draft, plans[-1])
    while len(plans[-1].blocks) < _MOST_BLOCKS and len(draft.layers) <= _MOST_LAYERS:
        tries = [(_length(draft, plan), plan) for plan in _with_one_more(draft, plans[-1], heads)]
        if not tries:
            break
        shorter, plan = min(tries, key=lambda each: (each[0].items + each[0].parameters, each[0].characters))
        if shorter.items > length.items - _LEAST_ITEMS or shorter.characters > length.characters - _LEAST_CHARACTERS:
            break
        length = shorter
        plans.append(plan)
    return [*reversed(plans), flat(draft)]


@dataclass(frozen=True, slots=True)
class _Length:
    """How long the text of a plan is: items of `layers` lists, parameters of blocks, characters of all."""

    items: int
    parameters: int
    characters: int


def _length(draft: Draft, plan: Plan) -> _Length:
    items = sum(block.period for block in plan.blocks)
    items += sum(len(node.nodes) + 1 if isinstance(node, Loop) else 1 for node in plan.nodes)
    parameters = sum(len(block.defaults) for block in plan.blocks)
    return _Length(items, parameters, sum(len(line) + 1 for line in layers_text(draft, plan)))


def _with_one_more(draft: Draft, plan: Plan, heads: Sequence[bool]) -> Iterator[Plan]:
    """Yield the plan with another block, for the blocks that promise most."""
    taken = {index for block in plan.blocks for at in block.starts for index in range(at, at + block.period)}
    found = list(find_blocks(draft, heads, taken, {block.name for block in plan.blocks}))
    found.sort(key=lambda block: (-_promise(block), block.period, block.starts))
    for block in found[: _WORK // len(draft.layers) + 2]:
        if _promise(block) > 0:
            yield _with_runs(draft, (*plan.blocks, block), heads)


def _promise(block: Block) -> int:
    """Return how many items a block saves where nothing is repeated."""
    return block.period * (len(block.starts) - 1) - len(block.starts)


def _heads(draft: Draft) -> list[bool]:
    """Say of each layer whether people begin a group with it: it has weights, or pads for one that has."""
    heavy = [bool(layer.layer.macs(layer.input_shapes)) for layer in draft.layers]
    pads = [layer.type.startswith("zero_padding") for layer in draft.layers]
    return [
        (heavy[index] and not (index and pads[index - 1])) or (pads[index] and heavy[index + 1 : index + 2] == [True])
        for index in range(len(heavy))
    ]


def _with_runs(draft: Draft, blocks: tuple[Block, ...], heads: Sequence[bool]) -> Plan:
    uses = {start: Use(block, start) for block in blocks for start in block.starts}
    nodes: list[int | Use] = []
    index = 0
    while index < len(draft.layers):
        use = uses.get(index)
        nodes.append(index if use is None else use)
        index = index + 1 if use is None else use.last + 1
    called = called_by_name(draft, list(uses.values()))
    entries = [_entry(draft, node, called, heads) for node in nodes]
    found: list[Node] = []
    at = 0
    for run in find_runs(entries):
        found += nodes[at : run.start]
        turn = tuple(nodes[run.start : run.start + run.period])
        found.append(Loop(run.times, turn, sum(1 if isinstance(each, int) else each.block.period for each in turn)))
        at = run.end
    return Plan(blocks, (*found, *nodes[at:]))


def _entry(draft: Draft, node: int | Use, called: set[int], heads: Sequence[bool]) -> Entry:
    if isinstance(node, Use):
        name = node.block.prefixes[node.start]
        identity = use_text(node, None, None)
        alone = node.last in called or not reads_previous(draft, node.start)
        kind, given, head = node.block.name, name is not None, True
    else:
        layer = draft.layers[node]
        name = layer.name or layer.numbered
        identity = "\n".join(layer_lines(draft, node))
        alone = node in called or not reads_previous(draft, node)
        kind, given, head = layer.type, layer.name is not None, heads[node]
    if given and name is not None:
        identity = f"{stem_of(name)} {identity}"
    return Entry(None if alone else identity, name, kind, given, head, isinstance(node, Use))
