"""What a spec defines for its layers to use: `vars` and `blocks`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from netspec.diagnostics import Note, Span
from netspec.layers import LAYERS
from netspec.spec.language.faults import Faults
from netspec.spec.language.items import read_item
from netspec.spec.language.substitution import (
    MAX_VALUE_NODES,
    NAME,
    Environment,
    Substitution,
    Trace,
    Value,
    is_name,
    measured,
    moved,
)
from netspec.spec.source import Entry, Mapping, Node, Scalar, Sequence

REPEAT = "repeat"
_RESERVED = {
    "input": "`$input` is the input of a block",
    "name": "every use of a block takes `name`",
    "from": "every use of a block takes `from`",
}


@dataclass(slots=True)
class Definition:
    """A block as written. `sound` is False if a use of it cannot be unrolled, which has been told."""

    name: str
    span: Span
    params: tuple[Entry, ...]
    layers: Sequence
    sound: bool = True

    @property
    def place(self) -> str:
        return f"blocks.{self.name}"


def read_vars(root: Mapping, substitution: Substitution) -> Environment:
    """Return the variables; each may use those above it."""
    node = root.get("vars")
    entries = node.entries if isinstance(node, Mapping) else ()
    declared = {str(entry.key.value): entry.key.span for entry in entries}
    environment = Environment("variable", declared, complete=node is None or isinstance(node, Mapping))
    for entry in entries:
        name, path = str(entry.key.value), f"vars.{entry.key.value}"
        named = _name_is_free("variable", entry.key, path, ("input",), substitution.faults)
        value = evaluated(entry.value, environment, substitution, path, 0)
        if value is not None and isinstance(value.node, Scalar) and value.node.value is None:
            help = f"write `{name}: 64`, or remove it"
            substitution.faults.tell("missing-value", f"{name} has no value", entry.key.span, help=help, path=path)
            value = None
        environment.values[name] = value if named else None
    return environment


def evaluated(node: Node, environment: Environment, substitution: Substitution, path: str, level: int) -> Value | None:
    """Return what a node written at `level` gives a name; None if it has no value, which has been told."""
    trace = Trace()
    if isinstance(node, Scalar) and is_name(node):  # handed on: it keeps the level that it was written at
        given = substitution.look_up(node, environment, path, trace)
        return replace(given, node=moved(given.node, node.span)) if given is not None else None
    node = substitution.apply(node, environment, path, trace)
    if trace.unknown:
        return None
    value = measured(node, level)
    if value is None:
        message = f"the value is too large to be put in for a name: more than {MAX_VALUE_NODES:,} items, or too deep"
        substitution.faults.tell("expansion-too-large", message, node.span, help="give it fewer values", path=path)
    return value


def read_blocks(root: Mapping, faults: Faults, blocks: dict[str, Definition | None]) -> None:
    """Set the blocks by name; None for one that its section says is malformed."""
    node = root.get("blocks")
    for entry in node.entries if isinstance(node, Mapping) else ():
        name = str(entry.key.value)
        if name == REPEAT or name in LAYERS:
            what = "not a layer type but what repeats layers" if name == REPEAT else "a layer type"
            message = f"no block can be called '{name}': that is {what}"
            faults.tell(
                "reserved-name", message, entry.key.span, help="rename the block and its uses", path=f"blocks.{name}"
            )
            blocks[name] = None  # its uses cannot be told from the layers of that type
        elif _name_is_free("block", entry.key, f"blocks.{name}", (), faults):
            blocks[name] = _definition(entry, faults)
        else:
            blocks[name] = None
    _refuse_rings({name: block for name, block in blocks.items() if block is not None}, faults)


def _definition(entry: Entry, faults: Faults) -> Definition | None:
    name = str(entry.key.value)
    params, layers = (
        (entry.value.get("params"), entry.value.get("layers")) if isinstance(entry.value, Mapping) else (None, None)
    )
    if not isinstance(layers, Sequence) or not layers.items or not isinstance(params, Mapping | None):
        return None
    definition = Definition(name, entry.key.span, params.entries if params else (), layers)
    for parameter in definition.params:
        path = f"{definition.place}.params.{parameter.key.value}"
        if not _name_is_free("parameter", parameter.key, path, tuple(_RESERVED), faults):
            definition.sound = False
    return definition


def _name_is_free(kind: str, key: Scalar, path: str, reserved: tuple[str, ...], faults: Faults) -> bool:
    name = str(key.value)
    if name in reserved:
        message = f"no {kind} can be called '{name}': {_RESERVED[name]}"
        faults.tell("reserved-name", message, key.span, help="rename it", path=path)
        return False
    if not NAME.fullmatch(name):
        message = f"{kind} name '{name}' is not an identifier"
        help = "use letters, digits and `_`, and no digit first"
        faults.tell("invalid-name", message, key.span, help=help, path=path)
        return False
    return True


# ---------------------------------------------------------------------------------------------------- recursion


def _refuse_rings(blocks: dict[str, Definition], faults: Faults) -> None:
    """Tell each ring of blocks that use each other, once, and mark its blocks."""
    uses = {name: dict(_uses(block.layers, blocks)) for name, block in blocks.items()}
    state: dict[str, int] = {}  # 1: being looked at, 2: done
    for root in blocks:
        trail: list[str] = []
        pending = [(root, False)]
        while pending:
            name, leave = pending.pop()
            if leave:
                state[name] = 2
                trail.pop()
            elif state.get(name) == 1:
                _tell_ring(trail[trail.index(name) :], blocks, uses, faults)
            elif name not in state:
                state[name] = 1
                trail.append(name)
                pending.append((name, True))
                pending += [(inner, False) for inner in reversed(uses[name])]


_SHOWN_OF_RING = 8


def _tell_ring(
    ring: list[str], blocks: dict[str, Definition], uses: dict[str, dict[str, Span]], faults: Faults
) -> None:
    for name in ring:
        blocks[name].sound = False
    steps = list(pairwise([*ring, ring[0]]))
    how = f"the block '{ring[0]}' uses itself"
    if len(ring) > 1:
        shown = [*ring, ring[0]] if len(ring) <= _SHOWN_OF_RING else [*ring[: _SHOWN_OF_RING - 1], "...", ring[0]]
        how = f"the blocks use each other in a circle: {' -> '.join(shown)}"
    faults.tell(
        "recursive-block",
        how,
        uses[ring[0]][steps[0][1]],
        help="use `repeat` for layers that come again, or take one of the uses out",
        notes=tuple(Note(f"'{one}' uses '{other}' here", uses[one][other]) for one, other in steps[1:_SHOWN_OF_RING]),
        path=blocks[ring[0]].place,
    )


def _uses(layers: Sequence, blocks: dict[str, Definition]) -> Iterator[tuple[str, Span]]:
    """Yield the blocks that a list of layers uses, with the place of the last use of each."""
    for node in layers.items:
        written, _ = read_item(node, "")
        if written is None or written.keys is None:
            continue
        if written.type in blocks:
            yield written.type, written.type_span
        inner = written.keys.get("layers") if written.type == REPEAT else None
        if isinstance(inner, Sequence):
            yield from _uses(inner, blocks)
