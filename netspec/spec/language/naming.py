"""The name of every layer and block use, and what the names of a body lead to.

In the spec and in each block alike: who has a `name` keeps it. The others are called by their type, then `type_1`,
`type_2`, as Keras numbers them. A repeat adds `_1` to `_N` to the names inside, an inner repeat before an outer one, so
that `relu` in a repeat of 4 becomes `relu_1` to `relu_4`. First come those with a `name`, then those in repeats, then
the rest; a number is skipped if any name that follows from it is taken. A use's name and `_` are put before the names
inside the block.
"""

from __future__ import annotations

from collections.abc import Iterator

from netspec.diagnostics import Note, Span
from netspec.spec.language.faults import Faults
from netspec.spec.language.tree import Body, Leaf, Loop, Target, TreeNode

MAX_NAME = 200
"""Longest name of a layer, in characters; it becomes a part of C identifiers."""


def give_names(body: Body, inputs: dict[str, Span], faults: Faults, wiring: Faults) -> None:
    """Set the stems of a body's layers and uses, and what its names lead to.

    Names that are taken go to `wiring`, as their layers are there nevertheless; names too long to bear to `faults`.
    """
    leaves = []
    for leaf, suffixes in _leaves(body.nodes, ("",)):
        if leaf.body is not None:
            give_names(leaf.body, {}, faults, wiring)
        if _fits(leaf, suffixes, body, faults):
            leaves.append((leaf, suffixes))
    taken: dict[str, Span] = dict(inputs)
    for leaf, suffixes in leaves:
        if leaf.given is not None:
            leaf.stem = leaf.given
            _take(leaf, suffixes, taken, wiring)
    for in_repeat in (True, False):
        counts: dict[str, int] = {}
        for leaf, suffixes in leaves:
            if leaf.given is None and (suffixes != ("",)) == in_repeat:
                _number(leaf, suffixes, taken, counts)
    body.names = _targets(body.nodes)
    body.names |= {name: Target(name, "", "") for name in inputs}


def _leaves(nodes: list[TreeNode], suffixes: tuple[str, ...]) -> Iterator[tuple[Leaf, tuple[str, ...]]]:
    """Yield each layer and use of a body, with what its repeats add to its name."""
    for node in nodes:
        if isinstance(node, Loop):
            added = tuple(f"_{i}{suffix}" for suffix in suffixes for i in range(1, node.times + 1))
            yield from _leaves(node.nodes, added)
        else:
            yield node, suffixes


def _names(leaf: Leaf, stem: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yield all names that follow from a stem."""
    for suffix in suffixes:
        yield f"{stem}{suffix}"
        if leaf.body is not None:
            for inner in leaf.body.names:
                yield f"{stem}{suffix}_{inner}"


def _take(leaf: Leaf, suffixes: tuple[str, ...], taken: dict[str, Span], wiring: Faults) -> None:
    span = leaf.name_span or leaf.type_span
    clash: str | None = None
    for name in _names(leaf, leaf.stem, suffixes):
        if name not in taken:
            taken[name] = span
        elif clash is None:
            clash = name
    if clash is not None:
        leaf.clashes = True
        message = f"the name '{clash}' is taken"
        help = "names of layers and inputs are unique; choose another"
        notes = (Note(f"'{clash}' is first given here", taken[clash]),)
        wiring.tell("duplicate-name", message, span, help=help, notes=notes, path=f"{leaf.place}.name")


def _number(leaf: Leaf, suffixes: tuple[str, ...], taken: dict[str, Span], counts: dict[str, int]) -> None:
    while True:
        count = counts.get(leaf.type, 0)
        counts[leaf.type] = count + 1
        stem = f"{leaf.type}_{count}" if count else leaf.type
        if not any(name in taken for name in _names(leaf, stem, suffixes)):
            leaf.stem = stem
            taken.update(dict.fromkeys(_names(leaf, stem, suffixes), leaf.type_span))
            return


def _fits(leaf: Leaf, suffixes: tuple[str, ...], body: Body, faults: Faults) -> bool:
    """Say whether the names that follow from a leaf's are of bearable length; one whose are not is given up."""
    number = len(str(len(suffixes))) + 1 if leaf.given is None else 0
    inner = leaf.body.longest + 1 if leaf.body is not None else 0
    longest = len(leaf.given or leaf.type) + number + max(map(len, suffixes)) + inner
    if longest <= MAX_NAME:
        body.longest = max(body.longest, longest)
        return True
    leaf.faulty, leaf.body, body.complete = True, None, False
    span = leaf.name_span or leaf.type_span
    message = f"names of {longest} characters follow from this, more than {MAX_NAME}"
    faults.tell("invalid-name", message, span, help="give it a shorter `name`", path=f"{leaf.place}.name")
    return False


def _targets(nodes: list[TreeNode]) -> dict[str, Target]:
    """Return what the names of a body lead to, as one iteration of its repeats sees them."""
    found: dict[str, Target] = {}
    for node in nodes:
        if isinstance(node, Leaf):
            found[node.stem] = Target(node.stem, "", _output(node))
            if node.body is not None:
                for inner, target in node.body.names.items():
                    found[f"{node.stem}_{inner}"] = Target(node.stem, f"_{inner}", f"_{target.head}{target.rest}")
            continue
        node.names = _targets(node.nodes)
        for i in range(1, node.times + 1):
            for target in node.names.values():
                head = f"{target.head}_{i}"
                found[f"{head}{target.name_rest}"] = Target(head, target.name_rest, target.rest)
    return found


def _output(leaf: Leaf) -> str:
    """Return what follows a use's name in that of the block's last layer; nothing for a layer."""
    if leaf.body is None or not leaf.body.nodes:
        return ""
    node, suffix = leaf.body.nodes[-1], ""
    while isinstance(node, Loop):
        if not node.nodes:
            return ""
        suffix = f"_{node.times}{suffix}"
        node = node.nodes[-1]
    return f"_{node.stem}{suffix}{_output(node)}"
