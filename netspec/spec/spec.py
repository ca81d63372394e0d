"""The typed spec: every section of the YAML as a frozen value, with the places where it was written."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from netspec.diagnostics import MAX_FAULTS, Diagnostic, Fix, Span, SpecError, counts
from netspec.layers import LAYERS
from netspec.layers._types import IDENTIFIER
from netspec.layers.base import Layer
from netspec.spec.held import held_item
from netspec.spec.language import REPEAT, Expansion, Item, expand
from netspec.spec.language.faults import Enough
from netspec.spec.language.tree import is_doubtful
from netspec.spec.sections import DEFAULT_CORE, LANGUAGE_VERSION, Core, Input, Quantize, Target, Top, Train
from netspec.spec.source import Document, Entry, Mapping, Node, Scalar, Sequence, plain
from netspec.spec.validate import validate

__all__ = ["Input", "LayerSpec", "Quantize", "Spec", "Target", "Train", "read"]


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """A layer with its keys, still unwired, and the item it was written as."""

    layer: Layer
    item: Item


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole spec. `document` answers where things stand, `wiring_faults` is for the graph to tell with its own.

    What `survey` returns beside faults is as much of a spec as is sound: the sections that `unsure` names have their
    defaults, and faulty layers are `lost`. `doubtful` are the types that layers of unknown types may be, None where
    nobody knows which names there are.
    """

    document: Document
    name: str
    description: str
    inputs: dict[str, Input]
    layers: tuple[LayerSpec, ...]
    outputs: tuple[str, ...]
    train: Train | None
    quantize: Quantize
    target: Target | None
    weights: str | None
    wiring_faults: tuple[Diagnostic, ...] = ()
    unsure: frozenset[str] = frozenset()
    doubtful: frozenset[str] | None = frozenset()

    @property
    def is_partial(self) -> bool:
        """Whether layers are unknown, or what the outputs are."""
        return self.doubtful is None or "outputs" in self.unsure or any(each.item.lost for each in self.layers)

    def is_known(self, name: str) -> bool:
        """Return whether it is certain that a layer goes by a name, or that none does."""
        return self.doubtful is not None and not is_doubtful(name, self.doubtful)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The outputs: by default the last layer."""
        return self.outputs or (self.layers[-1].item.name,)

    @property
    def core(self) -> Core:
        return self.target.core if self.target else DEFAULT_CORE

    @property
    def io(self) -> Literal["arena", "external"]:
        return self.target.io if self.target else "arena"

    @property
    def kernels(self) -> Literal["netspec", "cmsis-nn"]:
        """The kernel set, by its name of today."""
        written = self.target.kernels if self.target else "netspec"
        return "netspec" if written == "best" else written

    def span(self, *path: str | int) -> Span:
        """Return the place of a value, or of the nearest thing around it that is written."""
        return self._find(path)[0].span

    def key_span(self, *path: str | int) -> Span:
        """Return the place of a key, or of the nearest thing around it that is written."""
        node, entry = self._find(path)
        return entry.key.span if entry else node.span

    def entry_span(self, *path: str | int) -> Span:
        """Return the place of a key and its value, or of the nearest thing around them that is written."""
        node, entry = self._find(path)
        return entry.span if entry else node.span

    def _find(self, path: tuple[str | int, ...]) -> tuple[Node, Entry | None]:
        """Return the node at a path and the entry whose value it is; it has none as an item of a list."""
        node: Node = self.document.root
        last: Entry | None = None
        for part in path:
            if isinstance(node, Mapping) and isinstance(part, str) and (entry := node.entry(part)):
                node, last = entry.value, entry
            elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
                node, last = node.items[part], None
            else:
                break
        return node, last


def read(document: Document) -> Spec:
    """Return the document as a `Spec`. Raises `SpecError` with all faults that do not follow from one another."""
    spec, found = survey(document)
    if spec is None or found:
        raise SpecError([*found, *(spec.wiring_faults if spec else ())])
    return spec


def survey(document: Document) -> tuple[Spec | None, list[Diagnostic]]:
    """Return as much of a spec as can be wired in spite of its faults, and the faults.

    It is None where the inputs, or the list of layers, are not known. A fault in a section leaves the others as they
    are, and one in a layer the layers beside it.
    """
    root = document.root
    where = root.entries[0].key.span if root.entries else root.span
    found = _empty_sections(root)
    expansion = expand(document)
    version = expansion.root.get("netspec")
    if isinstance(version, Scalar) and isinstance(version.value, int) and version.value != LANGUAGE_VERSION:
        message = f"language version {version.text} is not known, this netspec knows {LANGUAGE_VERSION}"
        return None, [Diagnostic("language-version", message, version.span, help="write `netspec: 1`", path="netspec")]
    top: Top | None = None
    try:
        top = validate(Top, expansion.root, subject="the spec", place="", where=where)
    except SpecError as error:
        told = {diagnostic.path for diagnostic in found} | expansion.unknown
        for fault in error.diagnostics:
            if fault.path not in told:
                found.append(replace(fault, notes=(*fault.notes, *expansion.notes(fault.span))))
    unsure = _sections(found)
    found += expansion.faults
    try:
        layers = _layers(expansion, found)
    except Enough:
        return None, found
    if top is None and not expansion.faults:
        top = _rest(expansion.root, unsure)
    inputs = _input_faults(expansion.root, top) if top is not None else []
    if top is None or inputs or expansion.faults:
        return None, [*found, *inputs, *expansion.wiring]
    spec = Spec(
        document=document,
        name=top.name,
        description=top.description,
        inputs=top.inputs,
        layers=tuple(layers),
        outputs=tuple(top.outputs or ()),
        train=top.train,
        quantize=top.quantize,
        target=top.target,
        weights=top.weights,
        wiring_faults=expansion.wiring,
        unsure=unsure,
        doubtful=expansion.doubtful,
    )
    return spec, found


_IDLE_COPIES = 20
"""After so many uses of a faulty layer that had nothing new to report, its other uses are passed over."""


def _layers(expansion: Expansion, found: list[Diagnostic]) -> list[LayerSpec]:
    """Return the layers, faulty ones as `lost`, and add their faults, each once. Raises `Enough`."""
    layers: list[LayerSpec] = []
    types = (*LAYERS, REPEAT, *expansion.blocks)
    seen: set[tuple[str, str, Span]] = set()
    idle: Counter[Span] = Counter()  # by the place of the layer's type
    count = sum(map(counts, found))
    for index, item in enumerate((*expansion.items, *expansion.spare)):
        spare = index >= len(expansion.items)
        if idle[item.type_span] < _IDLE_COPIES:
            try:
                layer = _layer(item, types)
                if not spare:
                    layers.append(layer)
                continue
            except SpecError as error:
                idle[item.type_span] += 1
                for fault in error.diagnostics:
                    key = (fault.rule, fault.message, fault.span)  # the same for each use of a block: told once
                    if fault.path not in item.unknown and key not in seen:
                        seen.add(key)
                        idle[item.type_span] = 0
                        count += counts(fault)
                        found.append(replace(fault, notes=(*fault.notes, *item.notes(fault.span))))
        if count >= MAX_FAULTS:
            raise Enough
        if not spare:
            layers.append(LayerSpec(Layer.model_construct(), replace(item, lost=True)))
    return layers


_INPUTS_AND_LAYERS = frozenset(["inputs", "layers", "vars", "blocks"])


def _sections(faults: list[Diagnostic]) -> frozenset[str]:
    """Return the sections that faults are in; an unknown one may be any, so what the outputs are is unsure too."""
    found = {fault.path.split(".")[0].split("[")[0] for fault in faults}
    return frozenset(found if found <= set(Top.keys) else {*found, "outputs"})


def _rest(root: Mapping, unsure: frozenset[str]) -> Top | None:
    """Return the sections that have no fault; None if the inputs or the layers are not among them."""
    if unsure & _INPUTS_AND_LAYERS:
        return None
    from pydantic import ValidationError

    sound = {str(entry.key.value): plain(entry.value) for entry in root.entries if entry.key.value not in unsure}
    try:
        return Top.model_validate({"netspec": LANGUAGE_VERSION, "name": "net"} | sound)
    except ValidationError:
        return None


def _empty_sections(root: Mapping) -> list[Diagnostic]:
    """Return a fault for each section without a value: most often its keys are not indented."""
    return [
        _empty_section(entry.key, entry.value)
        for entry in root.entries
        if isinstance(entry.value, Scalar) and entry.value.value is None and entry.key.text in Top.keys
    ]


_TEXTS = {"name": "net", "description": "what it is for", "weights": "net.npz"}
"""The keys of a spec that are text, each with an example."""


def _empty_section(key: Scalar, value: Scalar) -> Diagnostic:
    example = _TEXTS.get(key.text)
    if value.text:  # null, Null, NULL, ~
        message = f"{key.text} is {value.text}, YAML's word for nothing"
        hint = f"write it in quotes if it is meant as text: '{value.text}'" if example else "remove it"
        return Diagnostic("wrong-type", message, value.span, help=hint, path=key.text)
    hint = f"write it as in `{key.text}: {example}`" if example else "indent what belongs to it below it, or remove it"
    return Diagnostic("wrong-type", f"{key.text} is empty", key.span, help=hint, path=key.text)


def _layer(item: Item, types: tuple[str, ...]) -> LayerSpec:
    layer_class = LAYERS.get(item.type)
    if layer_class is None:
        from netspec.names.meant import guess

        message = f"unknown layer type '{item.type}'"
        meant = guess("layer", item.type, types, f"the types are {', '.join(types)}")
        fix = Fix(item.type_span, item.type, meant.certain) if meant.certain else None
        raise SpecError(Diagnostic("unknown-layer", message, item.type_span, help=meant.help, path=item.place, fix=fix))
    held = held_item(item) if layer_class.wraps else None
    found: list[Diagnostic] = []
    if held is not None:
        try:
            _layer(held, tuple(LAYERS))
        except SpecError as error:
            found += error.diagnostics
    try:
        layer = validate(layer_class, item.keys, subject=item.type, place=item.place, where=item.type_span)
    except SpecError as error:
        told = f"{item.place}.layer" if found else None
        raise SpecError([*(each for each in error.diagnostics if each.path != told), *found]) from None
    return LayerSpec(layer, item)


def _input_faults(root: Mapping, top: Top) -> list[Diagnostic]:
    entry = root.entry("inputs")
    assert entry is not None
    assert isinstance(entry.value, Mapping)
    if not top.inputs:
        message = "the spec needs at least one input"
        hint = "write `inputs: {x: {shape: [8]}}`"
        return [Diagnostic("missing-key", message, entry.span, help=hint, path="inputs")]
    return [
        Diagnostic(
            "invalid-name",
            f"input name '{each.key.value}' is not an identifier",
            each.key.span,
            help="use letters, digits and `_`, and no digit first",
            path=f"inputs.{each.key.value}",
        )
        for each in entry.value.entries
        if not re.fullmatch(IDENTIFIER, str(each.key.value))
    ][:MAX_FAULTS]
