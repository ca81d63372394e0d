"""Document -> tree: items read, parameters and variables put in, blocks opened at each of their uses."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.diagnostics import Diagnostic, Fix, Note, Span, SpecError, some_of
from netspec.layers.registry import LAYER_TYPES
from netspec.spec.language.definitions import REPEAT, Definition, evaluated
from netspec.spec.language.faults import Enough, Faults, with_notes
from netspec.spec.language.forms import Repeat, Use
from netspec.spec.language.items import Item, Written, origin_notes, read_item
from netspec.spec.language.substitution import INPUT, NAME, Environment, Substitution, Trace, is_name
from netspec.spec.language.tree import Body, Leaf, Loop, Reference, TreeNode
from netspec.spec.source import Entry, Mapping, Node, Scalar, Sequence
from netspec.spec.validate import validate

MAX_LAYERS = 10_000
"""Most layers of a net, unrolled: ten times as many as the deepest that were published have."""
MAX_GROUPS = 20_000
"""Most uses of blocks and turns of repeats."""
MAX_VALUES = 300_000
"""Most values that the keys of these, and the parameters, may hold together."""
MAX_DOUBTFUL = 20
"""How many unknown types get a suggestion; of the others their layers' names are not guessed either."""
MAX_DEPTH = 32
"""Most blocks and repeats inside each other."""


class Grower:
    """Grows the tree. `used` are the blocks that something uses."""

    def __init__(
        self, blocks: dict[str, Definition | None], variables: Environment, substitution: Substitution
    ) -> None:
        self.blocks = blocks
        self.variables = variables
        self.substitution = substitution
        self.faults: Faults = substitution.faults
        self.used: set[str] = set()
        self.known = dict.fromkeys((*LAYER_TYPES, *blocks))
        self._meant: dict[str, tuple[str, ...]] = {}
        self.layers = 0
        self.groups = 0
        self.values = 0

    def spec(self, layers: Sequence) -> Body:
        """Return the tree of the spec's layers. Raises `Enough`."""
        body = Body([], None)
        body.nodes = self._nodes(layers, "layers", _Place(self.variables, body))
        return body

    def unused(self) -> list[Item]:
        """Return the layers of blocks that nothing uses, as far as they do not hang on parameters.

        They are no part of the net and have no names. What the language says against them is told; the rest is for
        whoever knows what a layer may hold.
        """
        found: list[Item] = []
        for name, block in self.blocks.items():
            if block is not None and block.sound and name not in self.used:
                environment = self._parameters(block, {})
                place = _Place(environment, Body([], name), level=1, depth=1)
                found += _items(self._nodes(block.layers, f"{block.place}.layers", place))
        return found

    def _nodes(self, layers: Sequence, path: str, place: _Place) -> list[TreeNode]:
        nodes = (self._node(item, f"{path}[{index}]", place) for index, item in enumerate(layers.items))
        return [node for node in nodes if node is not None]

    def _node(self, item: Node, path: str, place: _Place) -> TreeNode | None:
        written, fault = read_item(item, path)
        if fault is not None:
            self.faults.add(fault)
        if written is None:
            place.body.complete = False
            return None
        if written.type == REPEAT:
            return self._loop(written, place)
        if written.type in self.blocks:
            self._count_group(written, place.times)
            return self._use(written, place)
        self.layers += place.times
        if self.layers > MAX_LAYERS:
            self._refuse_size(f"{MAX_LAYERS:,} layers", written.type_span, written.place)
        return self._layer(written, place)

    def _count_group(self, written: Written, times: int) -> None:
        self.groups += times
        if self.groups > MAX_GROUPS:
            self._refuse_size(f"{MAX_GROUPS:,} uses of blocks and turns of repeats", written.type_span, written.place)

    def _weigh(self, values: int, leaf: Leaf, place: _Place) -> None:
        self.values += place.times * values
        if self.values > MAX_VALUES:
            self._refuse_size(f"{MAX_VALUES:,} values", leaf.type_span, leaf.place)

    def _refuse_size(self, limit: str, span: Span, path: str) -> None:
        message = f"the spec comes to more than {limit}"
        help = "lower `times`, or use fewer blocks inside blocks"
        self.faults.tell("expansion-too-large", message, span, help=help, path=path)
        raise Enough

    # ------------------------------------------------------------------------------------------------- layers

    def _layer(self, written: Written, place: _Place) -> Leaf:
        leaf, trace = self._leaf(written), Trace()
        if written.type not in LAYER_TYPES and (written.keys is None or written.keys.entry("name") is None):
            self._doubt(written.type, place.body)
        if written.keys is None:
            leaf.faulty = True
            place.body.complete = False
            return leaf
        entries = []
        for entry in written.keys.entries:
            key = entry.key.value
            if key == "from" and self._reads(entry, leaf, place, trace):
                continue
            value = self.substitution.apply(entry.value, place.environment, f"{written.place}.{key}", trace)
            if key == "name":
                self._take_name(value, leaf, place)
            entries.append(Entry(entry.key, value))
        leaf.keys = Mapping(tuple(entries), written.keys.span)
        self._weigh(_nodes_up_to(leaf.keys, MAX_VALUES), leaf, place)
        leaf.origins, leaf.unknown = tuple(trace.origins), frozenset(trace.unknown)
        return leaf

    def _doubt(self, unknown: str, body: Body) -> None:
        """Note that a layer goes by a name that is as wrong as its type, which will be told."""
        from netspec.names.meant import guess

        if unknown not in self._meant:
            if len(self._meant) == MAX_DOUBTFUL:
                body.complete = False  # with so many unknown types, unknown names can wait
                return
            self._meant[unknown] = guess("layer", unknown, self.known, "").names
        body.doubtful.update(self._meant[unknown])
        body.complete &= bool(body.doubtful)

    def _leaf(self, written: Written) -> Leaf:
        uses = tuple(reversed(self.faults.uses))
        return Leaf(
            written.type, written.type_span, written.place, written.keys or Mapping((), written.type_span), uses=uses
        )

    def _take_name(self, value: Node, leaf: Leaf, place: _Place) -> None:
        text = value.value if isinstance(value, Scalar) else ""
        if isinstance(text, str) and NAME.fullmatch(text):
            leaf.given, leaf.name_span = text, value.span
        elif text is not None:
            place.body.complete = False  # whoever reads it by this name is not wrong as well

    def _reads(self, entry: Entry, leaf: Leaf, place: _Place, trace: Trace) -> bool:
        """Set what a `from` names; return False if it is no name or list of some, which will be told later."""
        node, path = entry.value, f"{leaf.place}.from"
        known = len(trace.unknown)
        references = self._references(node, place, path, trace)
        if len(trace.unknown) > known:
            leaf.reads = None
            return True
        if not references:
            return False
        leaf.reads, leaf.from_key, leaf.from_span = references, entry.key, node.span
        leaf.reads_list = isinstance(node, Sequence) or len(references) != 1
        return True

    def _references(self, node: Node, place: _Place, path: str, trace: Trace) -> list[Reference] | None:
        if isinstance(node, Sequence):
            found: list[Reference] = []
            for item in node.items:
                inner = self._references(item, place, path, trace) if isinstance(item, Scalar) else None
                if inner is None:
                    return None
                found += inner
            return found
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return None
        if node.value == INPUT:
            if place.level:
                return [Reference(INPUT, node.span, place.level)]
            message = f"`{INPUT}` is the input of a block, and this stands in none"
            help = "name a layer or an input"
            self.faults.tell("bad-from", message, node.span, help=help, path=path)
            trace.unknown.add(path)
            return []
        if not is_name(node):
            value = self.substitution.apply(node, place.environment, path, trace)
            return _named(value, node.span, place.level)
        given = self.substitution.look_up(node, place.environment, path, trace)
        return _named(given.node, node.span, given.level) if given is not None else []

    # ------------------------------------------------------------------------------------------------ repeats

    def _loop(self, written: Written, place: _Place) -> Loop | None:
        if written.keys is None:
            place.body.complete = False
            return None
        trace = Trace()
        entries = [
            Entry(entry.key, self.substitution.apply(entry.value, place.environment, f"{written.place}.times", trace))
            if entry.key.value == "times"
            else entry
            for entry in written.keys.entries
        ]
        times = 1
        try:
            keys = Mapping(tuple(entries), written.keys.span)
            form = validate(Repeat, keys, subject=REPEAT, place=written.place, where=written.type_span)
            times = form.times
        except SpecError as error:
            place.body.complete = False
            for fault in error.diagnostics:
                if fault.path not in trace.unknown:
                    self.faults.add(with_notes(fault, origin_notes(trace.origins, fault.span)))
        layers = written.keys.get("layers")
        if not isinstance(layers, Sequence) or not self._may_nest(written, place):
            return None
        nodes = self._nodes(layers, f"{written.place}.layers", place.inside(times))
        self._count_group(written, place.times * times)
        return Loop(times, nodes)

    def _may_nest(self, written: Written, place: _Place) -> bool:
        if place.depth < MAX_DEPTH:
            return True
        message = f"more than {MAX_DEPTH} blocks and repeats stand inside each other"
        self.faults.tell("too-deep", message, written.type_span, help="nest less", path=written.place)
        place.body.complete = False
        return False

    # ------------------------------------------------------------------------------------------------- blocks

    def _use(self, written: Written, place: _Place) -> Leaf:
        leaf, block = self._leaf(written), self.blocks[written.type]
        self.used.add(written.type)
        if written.keys is None or block is None:
            leaf.faulty = True
            place.body.complete = False
            return leaf
        self._weigh(_nodes_up_to(written.keys, MAX_VALUES) + len(block.params), leaf, place)
        trace = Trace()
        self._use_keys(written.keys, leaf, place, trace)
        environment = self._given(block, written, place)
        leaf.origins, leaf.unknown = tuple(trace.origins), frozenset(trace.unknown)
        if environment is None or not block.sound or not self._may_nest(written, place):
            leaf.faulty = True
            place.body.complete = False
            return leaf
        self.faults.uses.append(written.type_span)
        body = Body([], block.name)
        inside = _Place(environment, body, place.level + 1, place.depth + 1, place.times)
        body.nodes = self._nodes(block.layers, f"{block.place}.layers", inside)
        self.faults.uses.pop()
        leaf.body = body
        place.body.complete &= body.complete
        place.body.doubtful |= body.doubtful
        return leaf

    def _use_keys(self, keys: Mapping, leaf: Leaf, place: _Place, trace: Trace) -> None:
        """Read a use's `name` and `from`."""
        entries = []
        for key in ("name", "from"):
            entry = keys.entry(key)
            if entry is None or (key == "from" and self._reads(entry, leaf, place, trace)):
                continue
            value = self.substitution.apply(entry.value, place.environment, f"{leaf.place}.{key}", trace)
            if key == "name":
                self._take_name(value, leaf, place)
            if key == "from" and isinstance(value, Sequence) and not value.items:
                message, help = f"`from` of {leaf.type} names nothing", "name a layer or an input, or remove it"
                self.faults.tell("bad-from", message, value.span, help=help, path=f"{leaf.place}.from")
                continue
            entries.append(Entry(entry.key, value))
        if not entries:
            return
        try:
            form = Mapping(tuple(entries), keys.span)
            validate(Use, form, subject=leaf.type, place=leaf.place, where=leaf.type_span)
        except SpecError as error:
            for fault in error.diagnostics:
                if fault.path not in trace.unknown:
                    self.faults.add(with_notes(fault, origin_notes(trace.origins, fault.span)))

    def _given(self, block: Definition, written: Written, place: _Place) -> Environment | None:
        """Return the parameters of a use; None if one is missing or unknown, which has been told."""
        assert written.keys is not None
        names = {str(parameter.key.value): None for parameter in block.params}
        defined = Note(f"{block.name} is defined here", block.span)
        sound = True
        given: dict[str, Node] = {}
        meant: set[str] = set()
        for entry in written.keys.entries:
            key = str(entry.key.value)
            if key in names:
                given[key] = entry.value
            elif key not in ("name", "from"):
                from netspec.names.meant import guess

                sound = False
                known = [*names, "name", "from"]
                found = guess("key", key, known, f"it takes {some_of(known, 30)}")
                meant.update(found.names)
                free = found.certain and written.keys.entry(found.certain) is None
                fix = Fix(entry.key.span, key, str(found.certain)) if free else None
                message = f"unknown parameter '{key}' of {block.name}"
                path = f"{written.place}.{key}"
                at, notes = entry.key.span, (defined,)
                self.faults.add(
                    Diagnostic("unknown-key", message, at, help=found.help, notes=notes, path=path, fix=fix)
                )
        environment = self._parameters(block, given, written, place)
        for parameter in block.params:
            key = str(parameter.key.value)
            node = given.get(key)
            value = environment.values[key]
            if not _is_null(parameter.value) or (key in given and (value is None or not _is_null(value.node))):
                continue
            sound = False
            if key in meant:
                continue
            span = written.type_span if node is None else node.span
            note = Note(f"{key} is declared here, without a default", parameter.key.span)
            message = f"{block.name} needs the parameter '{key}'"
            help = f"add `{key}: ...`" if node is None else "give it a value"
            self.faults.tell("missing-key", message, span, help=help, notes=(note,), path=written.place)
        return environment if sound else None

    def _parameters(
        self, block: Definition, given: dict[str, Node], written: Written | None = None, place: _Place | None = None
    ) -> Environment:
        """Return the values of a block's parameters, None for those without; a default may use those above it."""
        declared = {str(parameter.key.value): parameter.key.span for parameter in block.params}
        environment = Environment("parameter", declared, self.variables)
        for parameter in block.params:
            key = str(parameter.key.value)
            if key in given and written is not None and place is not None:
                node, path = given[key], f"{written.place}.{key}"
                value = evaluated(node, place.environment, self.substitution, path, place.level)
            elif _is_null(parameter.value):
                value = None
            else:
                level = place.level + 1 if place is not None else 1
                path = f"{block.place}.params.{key}"
                value = evaluated(parameter.value, environment, self.substitution, path, level)
            environment.values[key] = value
        return environment


class _Place:
    """Where items are read: which names mean what, in which body, how deep, how many times that is repeated."""

    __slots__ = ("body", "depth", "environment", "level", "times")

    def __init__(self, environment: Environment, body: Body, level: int = 0, depth: int = 0, times: int = 1) -> None:
        self.environment = environment
        self.body = body
        self.level = level  # blocks around
        self.depth = depth  # blocks and repeats around
        self.times = times

    def inside(self, times: int) -> _Place:
        return _Place(self.environment, self.body, self.level, self.depth + 1, self.times * times)


def _items(nodes: list[TreeNode]) -> Iterator[Item]:
    """Yield every layer once, however often it is repeated, without a name."""
    for node in nodes:
        if isinstance(node, Loop):
            yield from _items(node.nodes)
        elif node.body is not None:
            yield from _items(node.body.nodes)
        elif not node.faulty:
            yield Item(node.type, node.type_span, node.keys, node.place, "", node.uses, node.origins, node.unknown)


def _named(node: Node, span: Span, level: int) -> list[Reference] | None:
    """Return references to the names that a value holds; None if it holds something else."""
    nodes = node.items if isinstance(node, Sequence) else (node,)
    texts = [item.value for item in nodes if isinstance(item, Scalar) and isinstance(item.value, str)]
    if len(texts) != len(nodes) or not all(NAME.fullmatch(text) for text in texts):
        return None
    return [Reference(text, span, level) for text in texts]


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _nodes_up_to(node: Node | None, limit: int) -> int:
    """Return how many lists, mappings and values a node holds, or a number above `limit`."""
    count, pending = 0, [node] if node is not None else []
    while pending and count <= limit:
        item = pending.pop()
        count += 1
        if isinstance(item, Sequence):
            pending += item.items
        elif isinstance(item, Mapping):
            pending += [entry.value for entry in item.entries]
    return count
