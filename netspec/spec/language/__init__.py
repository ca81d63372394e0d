"""Document -> flat list of layers: `vars`, `blocks`, `repeat`, `$name` and `${...}` are gone, the spans are kept.

    vars: {width: 64}                       # constants; each may use those above it
    blocks:
      ds_conv:
        params: {filters: null, strides: 1} # null: must be given; a default may use the parameters above it
        layers: [...]
    layers:
      - ds_conv: {filters: $width}          # a use takes the parameters, `name` and `from`
      - repeat: {times: 4, layers: [...]}

Values: see `substitution` and `arithmetic`. They are put in everywhere but in keys. Names: see `naming`.

What a name in `from` means:

- in a repeat, a name of the same iteration; otherwise a name of what the repeat stands in, where the layers of all
  its iterations go by their suffixed names;
- in a block, `$input` or a name of the block. A name that is handed in by a parameter means what it means where the
  block is used; names from outside are not visible otherwise;
- a use's own name means the block's last layer, and `USE_NAME` any other of its layers.

`$input` is what the use's `from` names or, without it, the item before the use. If these are several, `$input` is that
list: a merge may read it, alone or among others. A block's first layer reads `$input` unless it has a `from`; the first
layer of a repeat reads the item before the repeat, and that of a later iteration the layer before it.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass

from netspec.diagnostics import Diagnostic, Note, Span
from netspec.spec.language.definitions import REPEAT, Definition, read_blocks, read_vars
from netspec.spec.language.faults import Enough, Faults
from netspec.spec.language.forms import Block, Repeat, Use
from netspec.spec.language.grow import Grower
from netspec.spec.language.items import Item, origin_notes
from netspec.spec.language.naming import give_names
from netspec.spec.language.substitution import Environment, Substitution, Trace
from netspec.spec.language.tree import Body
from netspec.spec.language.unroll import Unroller
from netspec.spec.source import Document, Entry, Mapping, Node, Scalar, Sequence

__all__ = ["REPEAT", "Block", "Expansion", "Item", "Repeat", "Use", "expand", "layer_items"]


@dataclass(frozen=True, slots=True)
class Expansion:
    """A document without its language.

    `root` is the document's root with values put in everywhere outside of `vars`, `blocks` and `layers`, and `outputs`
    in full names; `unknown` are the paths in it of values that have none, which `faults` tell, and `origins` where
    the others come from. `items` are the layers, `blocks` the names of what may be used like one. `spare` are the
    layers of blocks that nothing uses, nameless. `wiring` is what is wrong with names, in spite of which the other
    layers can be wired. `doubtful` are types that layers of unknown types
    may be; it is None where nobody knows which names there are.
    """

    root: Mapping
    items: tuple[Item, ...]
    spare: tuple[Item, ...]
    faults: tuple[Diagnostic, ...]
    wiring: tuple[Diagnostic, ...]
    unknown: frozenset[str]
    origins: tuple[tuple[Span, Note], ...]
    blocks: tuple[str, ...]
    doubtful: frozenset[str] | None

    def notes(self, span: Span) -> tuple[Note, ...]:
        """Return where the values at a place outside of the layers come from."""
        return origin_notes(self.origins, span)


def expand(document: Document) -> Expansion:
    """Return what a document comes to. Sections of the wrong form are passed over: their own validation tells."""
    collecting = gc.isenabled()
    gc.disable()  # as in the reader: nothing here is garbage, and looking for it takes longer than the work
    try:
        return _expand(document)
    finally:
        if collecting:
            gc.enable()


def _expand(document: Document) -> Expansion:
    faults, wiring, root = Faults(), Faults(stops=False), document.root
    substitution = Substitution(faults)
    blocks: dict[str, Definition | None] = {}
    layers = root.get("layers")
    body = Body([], None)
    items: tuple[Item, ...] = ()
    spare: list[Item] = []
    variables = Environment("variable", {}, complete=False)
    try:
        variables = read_vars(root, substitution)
        read_blocks(root, faults, blocks)
        grower = Grower(blocks, variables, substitution)
        body = grower.spec(layers) if isinstance(layers, Sequence) else body
        spare = grower.unused()
        given = root.get("inputs")
        inputs = {str(each.key.value): each.key.span for each in given.entries} if isinstance(given, Mapping) else {}
        give_names(body, inputs, faults, wiring)
        items = Unroller(tuple(inputs), wiring).run(body)
    except Enough:
        body.complete = False
    faults.stops, trace = False, Trace()
    root = _sections(root, variables, substitution, trace, body)
    return Expansion(
        root=root,
        items=items,
        spare=tuple(spare),
        faults=tuple(faults.found),
        wiring=tuple(wiring.found),
        unknown=frozenset(trace.unknown),
        origins=tuple(trace.origins),
        blocks=tuple(blocks),
        doubtful=frozenset(body.doubtful) if body.complete else None,
    )


def layer_items(document: Document) -> tuple[tuple[Item, ...], tuple[Diagnostic, ...]]:
    """Return the layers of a document, in order, and what is wrong with the language in it."""
    expansion = expand(document)
    return expansion.items, (*expansion.faults, *expansion.wiring)


def _sections(root: Mapping, variables: Environment, substitution: Substitution, trace: Trace, body: Body) -> Mapping:
    entries = []
    for entry in root.entries:
        key, value = str(entry.key.value), entry.value
        if key not in ("vars", "blocks", "layers"):
            value = substitution.apply(value, variables, key, trace)
        if key == "outputs" and isinstance(value, Sequence):
            value = Sequence(tuple(_full_name(item, body) for item in value.items), value.span)
        entries.append(Entry(entry.key, value))
    return Mapping(tuple(entries), root.span)


def _full_name(node: Node, body: Body) -> Node:
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or node.value not in body.names:
        return node
    target = body.names[node.value]
    return Scalar(f"{target.head}{target.rest}", node.span, node.text)
