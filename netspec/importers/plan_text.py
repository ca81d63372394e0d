"""A plan -> the lines of `blocks` and `layers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.importers.draft import Draft, Source
from netspec.importers.structure import Block, Loop, Node, Plan, Use, reads_previous
from netspec.importers.yaml_text import WIDTH, Written, comment_lines, item_text, value_text, wrapped

_INPUT = Written("$input")


@dataclass(slots=True)
class Names:
    """What is known of names while a spec is written.

    `layers` are the full names by position, empty until they are known; without them no `from` is written. `written`
    holds the names that must stand in the spec, of layers and uses by where they start, and `inner` by block the names
    of the layers inside, with `inner_written` those of them that must stand there.
    """

    layers: tuple[str, ...] = ()
    written: dict[int, str] = field(default_factory=dict)
    inner: dict[str, tuple[str, ...]] = field(default_factory=dict)
    inner_written: dict[str, dict[int, str]] = field(default_factory=dict)


def layers_text(draft: Draft, plan: Plan, names: Names | None = None) -> list[str]:
    """Return the lines of the sections `blocks` and `layers`; without names, as many, but with no `name` or `from`."""
    names = names or Names()
    lines: list[str] = []
    if plan.blocks:
        lines = ["blocks:", *(line for block in plan.blocks for line in _block(draft, block, names)), ""]
    lines.append("layers:")
    ends = {use.last: use for use in plan.uses()}
    for node in plan.nodes:
        lines += _node(draft, node, names, ends, "  ")
    return lines


def layer_lines(draft: Draft, index: int) -> list[str]:
    """Return the lines of a layer that has no name and reads what stands before it."""
    layer = draft.layers[index]
    return _item_lines(layer.type, layer.keys, layer.comment, "  ")


def use_text(use: Use, name: str | None, reads: str | None) -> str:
    """Return a use as an item of a list."""
    given: dict[str, Any] = {"name": name} if name is not None else {}
    given |= {"from": reads} if reads is not None else {}
    return item_text(use.block.name, {**given, **use.block.given[use.start]})


def use_name(use: Use, names: Names) -> str:
    return names.layers[use.start].removesuffix(f"_{names.inner[use.block.name][0]}")


def _node(draft: Draft, node: Node, names: Names, ends: Mapping[int, Use], indent: str) -> list[str]:
    if isinstance(node, Loop):
        return _loop(draft, node, names, ends, indent)
    start = node.start if isinstance(node, Use) else node
    name = names.written.get(start)
    layer = draft.layers[start]
    reads: list[str] | None = None
    if names.layers and not reads_previous(draft, start):
        reads = [called(source, names, ends) for source in layer.sources]
    if isinstance(node, Use):
        return wrapped(f"{indent}- {use_text(node, name, reads[0] if reads else None)}", indent)
    given: dict[str, Any] = {} if name is None else {"name": name}
    if reads is not None:
        given["from"] = reads if layer.layer.merges else reads[0]
    return _item_lines(layer.type, {**given, **layer.keys}, layer.comment, indent)


def called(source: Source, names: Names, ends: Mapping[int, Use]) -> str:
    """Return what a `from` or `outputs` calls a layer: the last one of a block by its use's name (`ends`)."""
    if isinstance(source, str):
        return source
    use = ends.get(source)
    return names.layers[source] if use is None else use_name(use, names)


def _loop(draft: Draft, loop: Loop, names: Names, ends: Mapping[int, Use], indent: str) -> list[str]:
    inside = [_node(draft, node, names, ends, f"{indent}      ") for node in loop.nodes]
    if len(inside) == 1 and len(inside[0]) == 1:
        item = inside[0][0].strip().removeprefix("- ")
        line = f"{indent}- repeat: {{times: {loop.times}, layers: [{f'{{{item}}}' if ': ' in item else item}]}}"
        if len(line) <= WIDTH:
            return [line]
    head = [f"{indent}- repeat:", f"{indent}    times: {loop.times}", f"{indent}    layers:"]
    return [*head, *(line for lines in inside for line in lines)]


def _block(draft: Draft, block: Block, names: Names) -> list[str]:
    lines = [f"  {block.name}:"]
    if block.defaults:
        lines.append(f"    params: {value_text(block.defaults)}")
    lines.append("    layers:")
    start = block.starts[0]
    inner = names.inner.get(block.name, ())
    written = names.inner_written.get(block.name, {})
    for offset, keys in enumerate(block.body):
        layer = draft.layers[start + offset]
        given: dict[str, Any] = {"name": written[offset]} if offset in written else {}
        if inner and not _reads_previous_inside(draft, start, offset):
            reads = [_inside(source, start, inner) for source in layer.sources]
            given["from"] = reads if layer.layer.merges else reads[0]
        lines += _item_lines(layer.type, {**given, **keys}, layer.comment, "      ")
    return lines


def _reads_previous_inside(draft: Draft, start: int, offset: int) -> bool:
    if not offset:
        return not draft.layers[start].layer.merges
    layer = draft.layers[start + offset]
    return not layer.layer.merges and layer.sources == (start + offset - 1,)


def _inside(source: Source, start: int, inner: Sequence[str]) -> str:
    return inner[source - start] if isinstance(source, int) and source >= start else _INPUT


def _item_lines(kind: str, keys: Mapping[str, Any], comment: str | None, indent: str) -> list[str]:
    above = [f"{indent}{line}" for line in comment_lines(comment)] if comment else []
    return [*above, *wrapped(f"{indent}- {item_text(kind, keys)}", indent)]
