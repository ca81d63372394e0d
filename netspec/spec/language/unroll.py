"""Tree -> flat list: every layer with its full name, every `from` with the full names that it means."""

from __future__ import annotations

from dataclasses import dataclass, field

from netspec.diagnostics import Note, Span, did_you_mean, suggestion
from netspec.spec.language.faults import Faults, used_here
from netspec.spec.language.items import Item
from netspec.spec.language.substitution import INPUT
from netspec.spec.language.tree import Body, Leaf, Loop, Reference, TreeNode
from netspec.spec.source import Entry, Mapping, Node, Scalar, Sequence

NEARBY = 40
"""Most names that are looked through for the one that was meant."""


@dataclass(slots=True)
class _Frame:
    """A body being unrolled: what stands before its names, what its `$input` is, and the repeats around.

    Each repeat comes with what it and those around it add to a name. `input` is None where it is not known.
    """

    body: Body
    prefix: str
    input: tuple[str, ...] | None
    use: Leaf | None
    loops: list[tuple[Loop, str]] = field(default_factory=list)

    @property
    def suffix(self) -> str:
        return self.loops[-1][1] if self.loops else ""

    def find(self, name: str) -> str | None:
        """Return the full name of the layer or input that a name means: in the same iteration, or around it."""
        for loop, suffix in reversed(self.loops):
            if target := loop.names.get(name):
                return f"{self.prefix}{target.head}{suffix}{target.rest}"
        target = self.body.names.get(name)
        return f"{self.prefix}{target.head}{target.rest}" if target else None

    def known(self) -> dict[str, None]:
        """Return all names that have a meaning here: those of the innermost repeat first, the inputs last."""
        names = [loop.names for loop, _ in reversed(self.loops)]
        return {name: None for each in (*names, self.body.names) for name in each}


@dataclass(slots=True)
class _Wiring:
    """What a layer reads; None where it has no `from` and reads the layer before it, or where nobody knows.

    `span` is where that is written, `as_list` says that it is written as a list, `lost` that nobody knows what is read.
    """

    reads: tuple[str, ...] | None
    span: Span
    as_list: bool
    lost: bool


class Unroller:
    """Unrolls a tree whose names are given; `items` are the layers so far."""

    def __init__(self, inputs: tuple[str, ...], wiring: Faults) -> None:
        self.inputs = inputs
        self.wiring = wiring
        self.items: list[Item] = []
        self.frames: list[_Frame] = []
        self.pending: tuple[str, ...] | None = None
        """What the next layer reads if it has no `from`: a block's input, where that is not the previous layer.

        Empty where a fault that was told leaves it unknown.
        """
        self._unfound: set[Span] = set()
        self._clashing = 0
        """Uses around, the one at hand included, of which a name is taken: their layers are best left unwired."""

    def run(self, body: Body) -> tuple[Item, ...]:
        self.frames.append(_Frame(body, "", None, None))
        self._nodes(body.nodes)
        return tuple(self.items)

    def _nodes(self, nodes: list[TreeNode]) -> None:
        frame = self.frames[-1]
        for node in nodes:
            if isinstance(node, Leaf):
                if node.body is not None:
                    self._use(node, node.body)
                elif not node.faulty:
                    self._layer(node)
                continue
            around = frame.suffix
            for i in range(1, node.times + 1):
                frame.loops.append((node, f"_{i}{around}"))
                self._nodes(node.nodes)
                frame.loops.pop()

    def _use(self, leaf: Leaf, body: Body) -> None:
        frame = self.frames[-1]
        reads = self._reads(leaf)
        if reads is not None:
            self.pending = reads
        elif leaf.reads is not None:
            self.pending = ()
        self._clashing += leaf.clashes
        self.frames.append(_Frame(body, f"{frame.prefix}{leaf.stem}{frame.suffix}_", self._previous(), leaf))
        self._nodes(body.nodes)
        self.frames.pop()
        self._clashing -= leaf.clashes

    def _previous(self) -> tuple[str, ...] | None:
        """Return what a layer reads that has no `from`."""
        if self.pending is not None:
            return self.pending
        if self.items:
            return (self.items[-1].name,)
        return self.inputs if len(self.inputs) == 1 else None

    def _layer(self, leaf: Leaf) -> None:
        frame = self.frames[-1]
        name = f"{frame.prefix}{leaf.stem}{frame.suffix}"
        wiring = self._wiring(leaf)
        self.pending = None
        entries = [entry for entry in leaf.keys.entries if entry.key.value != "name"]
        entries.append(_name_entry(leaf, name))
        if wiring.reads is not None and _takes_from(leaf):
            entries.append(_from_entry(leaf, wiring, wiring.reads))
        keys = Mapping(tuple(entries), leaf.keys.span)
        origins = leaf.origins + self._input_notes(leaf, wiring)
        lost = wiring.lost or leaf.clashes or self._clashing > 0
        self.items.append(
            Item(leaf.type, leaf.type_span, keys, leaf.place, name, leaf.uses, origins, leaf.unknown, lost)
        )

    def _wiring(self, leaf: Leaf) -> _Wiring:
        """Return what a layer reads: what its `from` means, or what a block that it opens is given."""
        if leaf.reads is not None:
            reads = self._reads(leaf)
            return _Wiring(reads, leaf.from_span or leaf.type_span, leaf.reads_list, reads is None)
        if self.pending is not None:
            return _Wiring(self.pending or None, leaf.type_span, len(self.pending) != 1, not self.pending)
        if leaf.uses and self._previous() is None:
            self._tell_no_input()
            return _Wiring(None, leaf.type_span, False, True)
        return _Wiring(None, leaf.type_span, False, False)

    def _input_notes(self, leaf: Leaf, wiring: _Wiring) -> tuple[tuple[Span, Note], ...]:
        """Return what the block's `$input` is, for a layer in a block that reads it."""
        if wiring.reads is None or not leaf.uses:
            return ()
        if leaf.reads is not None and all(each.text != INPUT for each in leaf.reads):
            return ()
        frame = self.frames[-1]
        if frame.use is None or frame.use.from_span is None or not frame.input:
            return ()
        return ((wiring.span, Note(f"{INPUT} is {', '.join(frame.input)} here", frame.use.from_span)),)

    def _reads(self, leaf: Leaf) -> tuple[str, ...] | None:
        """Return the full names that a `from` means; None if it is not written, or means nothing, which is told."""
        if leaf.reads is None:
            return None
        reads: list[str] = []
        for reference in leaf.reads:
            found = self._input(reference) if reference.text == INPUT else self._find(leaf, reference)
            if found is None:
                return None
            reads += found
        return tuple(reads)

    def _input(self, reference: Reference) -> tuple[str, ...] | None:
        frame = self.frames[reference.level]
        if frame.input is None:
            self._tell_no_input()
        return frame.input or None

    def _tell_no_input(self) -> None:
        """Tell that a block opens the spec and has nothing to read, unless that follows from something told."""
        use = self.frames[1].use
        if use is not None and self.frames[0].body.complete and self.inputs:
            choices = " or ".join(f"`from: {name}`" for name in self.inputs)
            message = f"{use.type} comes first and needs `from`: the spec has {len(self.inputs)} inputs"
            self.wiring.tell("bad-from", message, use.type_span, help=f"write {choices}", path=use.place)

    def _find(self, leaf: Leaf, reference: Reference) -> tuple[str, ...] | None:
        frame = self.frames[reference.level]
        name = frame.find(reference.text)
        if name is not None:
            return (name,)
        if not self.wiring.full and reference.span not in self._unfound and frame.body.knows(reference.text):
            self._unfound.add(reference.span)
            self._tell_lost(leaf, reference, frame)
        return None

    def _tell_lost(self, leaf: Leaf, reference: Reference, frame: _Frame) -> None:
        if frame.body.block is None:
            message = f"'{reference.text}' is no layer or input"
            help = suggestion(reference.text, self._nearby(leaf, frame), "the names here are")
        else:
            message = f"'{reference.text}' is no layer of the block {frame.body.block}"
            question = did_you_mean(reference.text, self._nearby(leaf, frame))
            help = f"`from` inside a block takes its own layers, `{INPUT}`, or a name that a parameter hands in"
            help = question or help
        notes = tuple(note for place, note in leaf.origins if place == reference.span)
        self.wiring.tell(
            "bad-from",
            message,
            reference.span,
            help=help,
            notes=(*notes, *used_here(leaf.uses)),
            path=f"{leaf.place}.from",
        )

    def _nearby(self, leaf: Leaf, frame: _Frame) -> list[str]:
        """Return names that may have been meant: all but the layer's own, or, of many, the inputs and those around."""
        known = list(frame.known())
        if len(known) > NEARBY and leaf.stem in known:
            index = known.index(leaf.stem)
            known = [*self.inputs, *known[max(0, index - NEARBY // 2) : index + NEARBY // 2]]
        return [name for name in known[: 2 * NEARBY] if name != leaf.stem or frame is not self.frames[-1]]


def _name_entry(leaf: Leaf, name: str) -> Entry:
    """Return the entry of a layer's name; the one as written where that is no name, as its validation will report."""
    written = leaf.keys.entry("name")
    if written is not None and leaf.given is None and not _is_null(written.value):
        return written
    value = Scalar(name, leaf.name_span or leaf.type_span, name)
    return Entry(written.key if written else Scalar("name", value.span, "name"), value)


def _takes_from(leaf: Leaf) -> bool:
    """Return whether `from` may be put in: it is not there, or null. Any other is kept for its validation."""
    written = leaf.keys.entry("from")
    return written is None or _is_null(written.value)


def _from_entry(leaf: Leaf, wiring: _Wiring, reads: tuple[str, ...]) -> Entry:
    """Return the entry of `from` with full names: each at its own place where one name is written for each."""
    spans = [each.span for each in leaf.reads or ()]
    if len(spans) != len(reads):
        spans = [wiring.span] * len(reads)
    nodes = tuple(Scalar(name, span, name) for name, span in zip(reads, spans, strict=True))
    node: Node = Sequence(nodes, wiring.span) if wiring.as_list or len(nodes) != 1 else nodes[0]
    return Entry(leaf.from_key or Scalar("from", node.span, "from"), node)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
