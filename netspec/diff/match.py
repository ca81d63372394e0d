"""Which layer of one net is which of the other: by the names that somebody wrote, and by structure.

Numbered names (`relu_3`) shift when a layer is inserted, so they decide only between layers that are alike otherwise.
A layer's structure is a pair of numbers: one for all that leads to it, one for all that follows from it. An edit
leaves every layer before it the first and every layer after it the second, whatever was inserted or renamed. What then
is left lies between layers that are matched, and is aligned there by type, keys and weights.

Written names can mislead too, where somebody inserted a layer and counted on. So the matching is done with and without
them, from the front and from the back, and the one with the least to tell of wins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from netspec.diff.align import aligned
from netspec.diff.net import Given, Net
from netspec.diff.values import Change, changes
from netspec.graph import GraphLayer

LARGEST_TABLE = 250_000
"""Most pairs of layers that are weighed against each other, in all gaps together, the smallest first."""


@dataclass(frozen=True)
class Matching:
    """Pairs of layers and of inputs, by name; types are always the same."""

    before: Net
    after: Net
    layers: dict[str, str]
    inputs: dict[str, str]
    catalogue: Catalogue

    @cached_property
    def names(self) -> dict[str, str]:
        """Return the layers and inputs of before by what they are called after."""
        return self.inputs | self.layers

    @cached_property
    def old_names(self) -> dict[str, str]:
        return {after: before for before, after in self.names.items()}

    @cached_property
    def _reached(self) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
        """Return, for each side, from which matched layers (by their name after) an unmatched one gets its data."""
        ends = (_reached(self.before, self.names), _reached(self.after, {name: name for name in self.old_names}))
        return ends

    def changes(self, old: str, new: str) -> tuple[Change, ...]:
        """Return which keys of a pair differ."""
        return self.catalogue.changes(self.before.layers[old], self.after.layers[new])

    def renamed(self, old: str, new: str) -> bool:
        """Say whether a pair's names differ in what somebody wrote, and not only in a number."""
        return old != new and _told(self.before.given[old]) != _told(self.after.given[new])

    def rewired(self, old: str, new: str) -> bool:
        """Say whether a layer reads something else, and not only what was put in or taken out before it."""
        was, now = self.before.layers[old].inputs, self.after.layers[new].inputs
        return len(was) != len(now) or not all(map(self._same_source, was, now))

    def _same_source(self, old: str, new: str) -> bool:
        if old in self.names and new in self.old_names:
            return self.names[old] == new
        if old not in self.names and new not in self.old_names:
            return True  # both are told of, with what they read and who reads them
        led, leads = self._reached
        return not led[old].isdisjoint(leads[new])


def match(before: Net, after: Net) -> Matching:
    """Return which layers and inputs are the same; takes time linear in their number, but for what changed."""
    inputs = _match_inputs(before, after)
    catalogue = Catalogue(before, after)
    best: Matching | None = None
    least = 0
    for trust_names in (True, False):
        pairing = _Pairing(before, after, inputs, catalogue, trust_names)
        for front_first in (True, False):
            if not (front_first or pairing.order_matters):
                continue  # the same pairs once more
            found = Matching(before, after, pairing.run(front_first), inputs, catalogue)
            cost = _cost(found)
            if best is None or cost < least:
                best, least = found, cost
            if not least:
                return best
        if not pairing.common:
            break  # there are no names to trust
    assert best is not None
    return best


def same_weights(one: GraphLayer, other: GraphLayer) -> bool:
    """Say whether the arrays of a layer fit another of its type: names and shapes."""
    return [(each.name, each.shape) for each in one.weights] == [(each.name, each.shape) for each in other.weights]


class Catalogue:
    """What is known of each layer alone: its keys, and a number for its type and keys that both nets share."""

    def __init__(self, before: Net, after: Net) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._changes: dict[tuple[int, int], tuple[Change, ...]] = {}
        self.keys: dict[int, dict[str, object]] = {}
        self.kinds: dict[int, int] = {}
        for net in (before, after):
            known: dict[tuple[str, int], int] = {}  # by the mapping of keys, which layers share
            for layer in net.graph.layers:
                keys = self.keys[id(layer)] = net.keys[layer.name]
                kind = known.get((layer.type, id(keys)))
                if kind is None:
                    kind = self.number((layer.type, json.dumps(keys, sort_keys=True)))
                    known[layer.type, id(keys)] = kind
                self.kinds[id(layer)] = kind

    def number(self, value: Hashable) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def changes(self, old: GraphLayer, new: GraphLayer) -> tuple[Change, ...]:
        """Return which keys of two layers differ."""
        kinds = self.kinds[id(old)], self.kinds[id(new)]
        if kinds[0] == kinds[1]:
            return ()
        found = self._changes.get(kinds)
        if found is None:
            found = self._changes[kinds] = tuple(changes(self.keys[id(old)], self.keys[id(new)]))
        return found


@dataclass(slots=True)
class _Side:
    """A net on its way to be matched: `fore` and `aft` are the numbers of what leads to a layer and follows from it."""

    net: Net
    given: dict[str, Given]
    fore: dict[str, int] = field(default_factory=dict)
    aft: dict[str, int] = field(default_factory=dict)

    def number_structure(self, kinds: dict[str, int], inputs: dict[str, int], number: Callable[..., int]) -> None:
        layers = self.net.graph.layers
        ends = set(self.net.graph.outputs)
        fore = dict(inputs)
        for layer in layers:
            fore[layer.name] = number(("fore", kinds[layer.name], *(fore[name] for name in layer.inputs)))
        followers: dict[str, list[tuple[int, int]]] = {layer.name: [] for layer in layers}
        for layer in reversed(layers):
            own = number(("aft", kinds[layer.name], layer.name in ends, *sorted(followers[layer.name])))
            self.aft[layer.name] = own
            for position, name in enumerate(layer.inputs):
                if name in followers:
                    followers[name].append((own, position))
        self.fore = {layer.name: fore[layer.name] for layer in layers}


_Keys = tuple[Mapping[str, Hashable], Mapping[str, Hashable]]
"""What layers are matched by: of each side, by the layer's name."""


class _Pairing:
    """One way to match: with the written names or without."""

    def __init__(
        self, before: Net, after: Net, inputs: dict[str, str], catalogue: Catalogue, trust_names: bool
    ) -> None:
        self.catalogue = catalogue
        self.trust_names = trust_names
        self.old, self.new = _Side(before, before.given), _Side(after, after.given)
        self.common = {given for given in before.given.values() if _told(given)} & set(after.given.values())
        for side, names in ((self.old, {name: inputs.get(name) for name in before.graph.inputs}),
                            (self.new, {name: name for name in after.graph.inputs})):  # fmt: skip
            hints = self.common if trust_names else frozenset[Given]()
            kinds = {
                name: catalogue.number(
                    (catalogue.kinds[id(layer)], given if (given := side.given[name]) in hints else None)
                )
                for name, layer in side.net.layers.items()
            }
            numbers = {name: catalogue.number(("input", shared)) for name, shared in names.items()}
            side.number_structure(kinds, numbers, catalogue.number)
        self.pairs: dict[str, str] = {}
        self.taken: set[str] = set()
        self.order_matters = False
        """Whether to begin with the front or the back can give other pairs; known after a run from the front."""

    def run(self, front_first: bool) -> dict[str, str]:
        """Return {layer before: layer after}; each step matches what those before it have left."""
        self.pairs, self.taken = {}, set()
        if self.trust_names:
            self._match_alike(self._full_names)
        self._match_alike(self._places)
        fore, aft = (self.old.fore, self.new.fore), (self.old.aft, self.new.aft)
        count = len(self.pairs)
        for number, keys in enumerate((fore, aft) if front_first else (aft, fore)):
            self._match_alike(keys)
            if front_first and number == 0:
                self.order_matters = len(self.pairs) > count
        self._match_gaps()
        self._match_alike(self._full_names)
        self._match_alike(self._trained)
        return self.pairs

    @cached_property
    def _places(self) -> _Keys:
        """Return all that leads to a layer and follows from it."""
        return self._keys(lambda side, name: (side.fore[name], side.aft[name]))

    @cached_property
    def _full_names(self) -> _Keys:
        """Return names that somebody wrote, with the type; none for layers that are numbered."""

        def key(side: _Side, name: str) -> Hashable:
            given = side.given[name]
            return (side.net.layers[name].type, given) if None not in given else None

        return self._keys(key)

    @cached_property
    def _trained(self) -> _Keys:
        """Return what tells a layer with weights that stands elsewhere now; none for other layers."""

        def key(side: _Side, name: str) -> Hashable:
            layer = side.net.layers[name]
            if not layer.weights:
                return None
            return self.catalogue.kinds[id(layer)], tuple((each.name, each.shape) for each in layer.weights)

        return self._keys(key)

    def _keys(self, key: Callable[[_Side, str], Hashable]) -> _Keys:
        old, new = ({name: found for name in side.net.layers if (found := key(side, name)) is not None}
                    for side in (self.old, self.new))  # fmt: skip
        return old, new

    def _match_alike(self, keys: _Keys) -> None:
        """Match layers with the same key; of several those of the same name first, then in order."""
        olds: dict[Hashable, list[str]] = {}
        for name, key in keys[0].items():
            if name not in self.pairs:
                olds.setdefault(key, []).append(name)
        if not olds:
            return
        news: dict[Hashable, list[str]] = {}
        for name, key in keys[1].items():
            if name not in self.taken and key in olds:
                news.setdefault(key, []).append(name)
        for key, before in olds.items():
            after = news.get(key, ())
            if len(before) == len(after) == 1:
                self._pair(before[0], after[0])
                continue
            both = set(before).intersection(after)
            named = [name for name in before if name in both]
            for name in named:
                self._pair(name, name)
            for old, new in zip(_without(before, both), _without(after, both), strict=False):
                self._pair(old, new)

    def _match_gaps(self) -> None:
        """Align what is left in the same place: after the same matched layer."""
        gaps: dict[str | None, tuple[list[str], list[str]]] = {}
        last: str | None = None
        for layer in self.old.net.graph.layers:
            last = self.pairs.get(layer.name, last)
            if layer.name not in self.pairs:
                gaps.setdefault(last, ([], []))[0].append(layer.name)
        last = None
        for layer in self.new.net.graph.layers:
            if layer.name in self.taken:
                last = layer.name
            elif last in gaps:
                gaps[last][1].append(layer.name)
        room = LARGEST_TABLE
        for olds, news in sorted(gaps.values(), key=lambda gap: len(gap[0]) * len(gap[1])):
            room -= len(olds) * len(news)
            if room < 0:
                return
            for old, new in aligned(olds, news, self._likeness):
                self._pair(old, new)

    def _likeness(self, old: str, new: str) -> float:
        """Return how much speaks for a pair; nothing does where the types differ."""
        was, now = self.old.net.layers[old], self.new.net.layers[new]
        if was.type != now.type:
            return 0.0
        count = max(len(self.catalogue.keys[id(now)]), 1)
        score = 4.0 + 4.0 * (1 - min(len(self.catalogue.changes(was, now)) / count, 1))
        if _told(self.old.given[old]) and self.old.given[old] == self.new.given[new]:
            score += 3
        if now.weights and same_weights(was, now):
            score += 2
        return score + 0.5 * (old == new) + 0.5 * (was.output_shape == now.output_shape)

    def _pair(self, old: str, new: str) -> None:
        self.pairs[old] = new
        self.taken.add(new)


def _told(given: Given) -> tuple[str, ...]:
    return tuple(part for part in given if part is not None)


def _without(names: Sequence[str], gone: set[str]) -> Sequence[str]:
    return [name for name in names if name not in gone] if gone else names


def _match_inputs(before: Net, after: Net) -> dict[str, str]:
    """Return inputs of the same name, then those left at the same place in order of the same shape and type."""
    old, new = before.graph.spec.inputs, after.graph.spec.inputs
    pairs = {name: name for name in old if name in new}
    left = [name for name in new if name not in pairs]
    for name in old:
        if name not in pairs:
            alike = next((each for each in left if new[each] == old[name]), None)
            if alike is None and len(old) == len(new) == 1:
                alike = left[0]
            if alike is not None:
                pairs[name] = alike
                left.remove(alike)
    return pairs


def _reached(net: Net, matched: dict[str, str]) -> dict[str, frozenset[str]]:
    found = {name: frozenset({matched[name]} if name in matched else ()) for name in net.graph.inputs}
    for layer in net.graph.layers:
        if layer.name in matched:
            found[layer.name] = frozenset({matched[layer.name]})
        else:
            found[layer.name] = frozenset().union(*(found[name] for name in layer.inputs))
    return found


def _cost(found: Matching) -> int:
    """Return how much there is to tell of a matching; trained weights that are lost count as well."""
    cost = 2 * (len(found.before.layers) + len(found.after.layers) - 2 * len(found.layers))
    for old, new in found.layers.items():
        was, now = found.before.layers[old], found.after.layers[new]
        cost += len(found.changes(old, new)) + found.rewired(old, new) + found.renamed(old, new)
        cost += not same_weights(was, now)
    for new, layer in found.after.layers.items():
        cost += bool(layer.weights) and new not in found.old_names
    return cost
