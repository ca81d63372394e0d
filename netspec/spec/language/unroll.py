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
        origins, span = leaf.origins, leaf.from_span
        reads = self._reads(leaf)
        as_list = leaf.reads_list
        lost = leaf.clashes or self._clashing > 0 or (leaf.reads is not None and reads is None)
        if leaf.reads is None and self.pending is not None:
            reads, span = self.pending or None, leaf.type_span
            as_list = len(self.pending) != 1
            lost |= not self.pending
        elif leaf.reads is None and leaf.uses and self._previous() is None:
            self._tell_no_input()
            lost = True
        if reads is not None and leaf.uses and (leaf.reads is None or any(each.text == INPUT for each in leaf.reads)):
            origins += tuple(self._input_notes(span or leaf.type_span))
        self.pending = None
        entries = [entry for entry in leaf.keys.entries if entry.key.value != "name"]
        written = leaf.keys.entry("name")
        if written is not None and leaf.given is None and not _is_null(written.value):
            entries.append(written)  # which is no name, as its validation will tell
        else:
            value = Scalar(name, leaf.name_span or leaf.type_span, name)
            entries.append(Entry(written.key if written else Scalar("name", value.span, "name"), value))
        kept = leaf.keys.entry("from")  # which names nothing, as its validation will tell
        if reads is not None and (kept is None or _is_null(kept.value)):
            spans = [each.span for each in leaf.reads or ()]
            nodes = tuple(
                Scalar(each, spans[i] if len(spans) == len(reads) else span or leaf.type_span, each)
                for i, each in enumerate(reads)
            )
            node: Node = Sequence(nodes, span or leaf.type_span) if as_list or len(nodes) != 1 else nodes[0]
            entries.append(Entry(leaf.from_key or Scalar("from", node.span, "from"), node))
        keys = Mapping(tuple(entries), leaf.keys.span)
        self.items.append(
            Item(leaf.type, leaf.type_span, keys, leaf.place, name, leaf.uses, origins, leaf.unknown, lost)
        )

    def _input_notes(self, span: Span) -> list[tuple[Span, Note]]:
        frame = self.frames[-1]
        if frame.use is None or frame.use.from_span is None or not frame.input:
            return []
        return [(span, Note(f"{INPUT} is {', '.join(frame.input)} here", frame.use.from_span))]

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


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
