"""Draft -> the text of a spec that a person would have written, and the names that its layers have in it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from netspec.diagnostics import Diagnostic, SpecError
from netspec.importers.arrange import arrange, flat
from netspec.importers.draft import Draft
from netspec.importers.faults import ModelFault
from netspec.importers.names import is_counter, is_path
from netspec.importers.plan_text import Names, called, layers_text
from netspec.importers.repeats import stem_of
from netspec.importers.structure import Block, Loop, Plan, Use
from netspec.importers.yaml_text import comment_lines, item_text, value_text
from netspec.spec.language import layer_items
from netspec.spec.source import parse
from netspec.spec.spec import LayerSpec, read

_OUTSIDE = "input_of_the_block"
# What a spec must save for names that are only counters to go; more where one number is all, as in conv_1.
_LEAST_LINES = 3
_LEAST_SHARE = 0.15
_LARGE_SHARE = 0.4

KeptNames = Literal["auto", "keep", "drop"]


@dataclass(frozen=True, slots=True)
class WrittenSpec:
    """A spec's text; `names` are those of the draft's layers, in the draft's order."""

    text: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Wish:
    """The name that a layer or use should have; a `soft` one only if nobody else has it."""

    name: str
    kind: str
    soft: bool = False

    def may_follow(self) -> bool:
        """Say whether the spec's numbering might give the name unasked."""
        return re.fullmatch(rf"{self.kind}(_\d+)?", self.name) is not None


def write_spec(draft: Draft, weights: str | None, names: KeptNames = "auto") -> WrittenSpec:
    """Return the spec; `weights` is the file beside it that holds the weights. Raises `ModelFault` for odd numbers.

    `names` are those of layers that stay: all that somebody gave (`keep`), none (`drop`), or by default all but those
    that are only counters, where these keep the spec from being much shorter.
    """
    if names == "drop":
        return _best(_without_names(draft, lambda name: True), weights)
    if names == "keep":
        return _best(draft, weights)
    kept = _best(_without_names(draft, is_path), weights)
    for drops, share in ((partial(is_path, numbers=2), _LEAST_SHARE), (is_counter, _LARGE_SHARE)):
        if any(layer.name is not None and drops(layer.name) for layer in draft.layers):
            less = _best(_without_names(draft, drops), weights)
            before, after = kept.text.count("\n"), less.text.count("\n")
            if before - after >= max(_LEAST_LINES, share * before):
                kept = less
    return kept


def _without_names(draft: Draft, drops: Callable[[str], bool]) -> Draft:
    layers = [
        replace(layer, name=None) if layer.name is not None and drops(layer.name) else layer for layer in draft.layers
    ]
    return replace(draft, layers=layers)


def _best(draft: Draft, weights: str | None) -> WrittenSpec:
    """Return the best spec that says exactly what a draft says.

    Of the plans for it the best is taken that says exactly what the draft says: a spec is written, read again, and
    compared. Names that somebody gave are the same; those that Keras counted only stand where they are in another
    order than the layers, and where nothing of their type is in a repeat or a block, which number anew.
    """
    for plan in arrange(draft):
        try:
            written = _written(draft, plan, weights)
        except SpecError:
            continue
        if _is_exact(draft, written):
            return written
    try:
        return _written(draft, flat(draft), weights)
    except SpecError as error:
        raise _unsayable(error.diagnostics[0]) from error


def _written(draft: Draft, plan: Plan, weights: str | None) -> WrittenSpec:
    """Return the spec of a plan. Raises `SpecError` where it has names that cannot be.

    Names in a spec follow from all of it (see `language.naming`), and what a layer reads is said by name. So the
    layers are first written without what they read, the names are looked up, and those that are not as they should be
    are written, until all are.
    """
    names = Names()
    for block in plan.blocks:
        _name_inside(draft, block, names)
    wishes = _wishes(draft, plan)
    names.written = {start: wish.name for start, wish in wishes.items() if not wish.soft and not wish.may_follow()}
    while True:
        found = _item_names(draft, "\n".join([*_head(draft), *layers_text(draft, plan, names)]))
        missed = _missed(draft, plan, names, wishes, found)
        if not missed:
            break
        names.written |= missed
    names.layers = found
    return WrittenSpec(_text(draft, plan, names, weights), found)


def _text(draft: Draft, plan: Plan, names: Names, weights: str | None) -> str:
    lines = [*_head(draft), *layers_text(draft, plan, names)]
    last = len(draft.layers) - 1
    if draft.outputs != (last,):
        ends = {use.last: use for use in plan.uses()}
        lines += ["", f"outputs: {value_text([called(output, names, ends) for output in draft.outputs])}"]
    if weights is not None:
        lines += ["", f"weights: {value_text(weights)}"]
    return "\n".join(lines) + "\n"


def _head(draft: Draft) -> list[str]:
    lines = [line for note in draft.notes for line in comment_lines(note)]
    lines += ["netspec: 1", f"name: {draft.name}", "", "inputs:"]
    for name, shape in draft.inputs.items():
        dtype = draft.dtypes.get(name, "float32")
        keys: dict[str, Any] = {"shape": list(shape)} | ({"dtype": dtype} if dtype != "float32" else {})
        lines.append(f"  {value_text(name)}: {value_text(keys)}")
    return [*lines, ""]


# --------------------------------------------------------------------------------------------------------------- names


def _item_names(draft: Draft, text: str) -> tuple[str, ...]:
    items, faults = layer_items(parse(text, "imported.yaml"))
    if faults:
        raise SpecError(list(faults))
    assert [item.type for item in items] == [layer.type for layer in draft.layers], "the layers are not those written"
    return tuple(item.name for item in items)


def _name_inside(draft: Draft, block: Block, names: Names) -> None:
    """Find the names of a block's layers, and those that must be written for them to be as the model's."""
    start = block.starts[0]
    types = [draft.layers[start + offset].type for offset in range(block.period)]
    wanted = {offset: _Wish(name, types[offset]) for offset, name in enumerate(block.names) if name is not None}
    written = {offset: wish.name for offset, wish in wanted.items() if not wish.may_follow()}
    while True:
        lines = ["netspec: 1", "name: block", f"inputs: {{{_OUTSIDE}: {{shape: [1]}}}}", "layers:"]
        for offset, kind in enumerate(types):
            lines.append(f"  - {item_text(kind, {'name': written[offset]} if offset in written else {})}")
        items, faults = layer_items(parse("\n".join(lines), "block.yaml"))
        if faults:
            raise SpecError(list(faults))
        found = tuple(item.name for item in items)
        missed = {at: wish.name for at, wish in wanted.items() if found[at] != wish.name and at not in written}
        if not missed:
            break
        written |= missed
    names.inner[block.name] = found
    names.inner_written[block.name] = written


def _wishes(draft: Draft, plan: Plan) -> dict[int, _Wish]:
    """Return the names that layers and uses should have, by where they start; those inside of blocks are settled."""
    counted = _counted(draft, plan)
    found: dict[int, _Wish] = {}
    for node in plan.nodes:
        inner, in_loop = (node.nodes, True) if isinstance(node, Loop) else ((node,), False)
        for each in inner:
            if isinstance(each, Use):
                start, kind, name = each.start, each.block.name, each.block.prefixes[each.start]
            else:
                start, kind, name = each, draft.layers[each].type, draft.layers[each].name
            if name is not None:
                found[start] = _Wish(stem_of(name) if in_loop else name, kind)
            elif isinstance(each, int) and not in_loop and each in counted:
                found[start] = _Wish(counted[each], kind, soft=True)
    return found


def _counted(draft: Draft, plan: Plan) -> dict[int, str]:
    """Return the names of the model's own numbering that say more than the order of the layers does.

    In that order they say nothing if Keras counted on from an earlier model. A model with a name of its own may come
    from a spec, where a repeat, or a layer that nobody reads, left gaps: there only a beginning beyond 1 says nothing.
    """
    grouped = plan.grouped(draft)
    by_type: dict[str, list[int]] = defaultdict(list)
    for index, layer in enumerate(draft.layers):
        if layer.numbered is not None and layer.type not in grouped:
            by_type[layer.type].append(index)
    found: dict[int, str] = {}
    for kind, indices in by_type.items():
        names = [draft.layers[index].numbered or "" for index in indices]
        numbers = [int(name[len(kind) + 1 :] or 0) for name in names]
        if numbers != sorted(numbers) or not (draft.nameless or min(numbers) > 1):
            found |= dict(zip(indices, names, strict=True))
    return found


def _missed(draft: Draft, plan: Plan, names: Names, wishes: dict[int, _Wish], found: Sequence[str]) -> dict[int, str]:
    """Return the names that are not as they should be, and are not written yet."""
    turns = [each for node in plan.nodes if isinstance(node, Loop) for each in node.nodes]
    in_loops = {each.start if isinstance(each, Use) else each for each in turns}
    uses = {use.start: use for use in plan.uses()}
    taken = {*draft.inputs, *(layer.name for layer in draft.layers), *names.written.values()}
    missed: dict[int, str] = {}
    for start, wish in wishes.items():
        use = uses.get(start)
        name = f"{wish.name}_1" if start in in_loops else wish.name
        name = name if use is None else f"{name}_{names.inner[use.block.name][0]}"
        if found[start] == name or start in names.written or (wish.soft and wish.name in taken):
            continue
        taken.add(wish.name)
        missed[start] = wish.name
    return missed


# ------------------------------------------------------------------------------------------------------------- compare


def _is_exact(draft: Draft, written: WrittenSpec) -> bool:
    """Say whether a spec, read, has the draft's layers, in its order, reading the same, under the names given."""
    try:
        spec = read(parse(written.text, "imported.yaml"))
    except SpecError:
        return False
    given = next(iter(spec.inputs)) if len(spec.inputs) == 1 else None
    for index, (layer, made) in enumerate(zip(draft.layers, spec.layers, strict=True)):
        reads = _reads(made, spec.layers[index - 1].item.name if index else given)
        wanted = tuple(source if isinstance(source, str) else written.names[source] for source in layer.sources)
        if reads != wanted or (layer.name is not None and made.item.name != layer.name):
            return False
        if made.layer.keras(layer.input_shapes) != layer.layer.keras(layer.input_shapes):
            return False
    outputs = tuple(written.names[output] for output in draft.outputs)
    return spec.output_names == outputs and not spec.wiring_faults


def _reads(made: LayerSpec, previous: str | None) -> tuple[str | None, ...]:
    reads = made.layer.from_
    if reads is None:
        return (previous,)
    return (reads,) if isinstance(reads, str) else tuple(reads)


def _unsayable(first: Diagnostic) -> ModelFault:
    return ModelFault(f"a spec cannot say what the model does: {first.message}", first.help)
