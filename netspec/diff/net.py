"""One side of a comparison: a graph, its device plan if it has one, and what its author named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from netspec.check import check, examine
from netspec.device.plan import DevicePlan
from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.diff.values import layer_keys
from netspec.graph import Graph, GraphLayer
from netspec.spec.source import Document, Mapping, Node, Scalar, Sequence

Given = tuple[str | None, ...]
"""The names that were written for a layer and, before it, for the uses of blocks that it stands in; None: numbered."""


@dataclass(frozen=True)
class Net:
    """A spec without faults. `plan` is None where the core cannot run the net, for the reasons in `unsupported`."""

    document: Document
    graph: Graph
    plan: DevicePlan | None
    unsupported: tuple[Diagnostic, ...]

    @cached_property
    def given(self) -> dict[str, Given]:
        """Return what of each layer's name somebody wrote: the full name where that is all of it."""
        written = _written_names(self.document.root)
        found: dict[str, Given] = {}
        for layer in self.graph.layers:
            parts = tuple(written.get(span) for span in (*reversed(layer.item.uses), layer.item.type_span))
            found[layer.name] = parts if None in parts else (layer.name,)
        return found

    @cached_property
    def layers(self) -> dict[str, GraphLayer]:
        return {layer.name: layer for layer in self.graph.layers}

    @cached_property
    def keys(self) -> dict[str, dict[str, Any]]:
        """Return each layer's keys as plain values; layers that have the same share one mapping."""
        found = layer_keys(layer.layer for layer in self.graph.layers)
        return {layer.name: keys for layer, keys in zip(self.graph.layers, found, strict=True)}

    @cached_property
    def readers(self) -> dict[str, list[str]]:
        """Return which layers read each input and layer, in order."""
        found: dict[str, list[str]] = {name: [] for name in (*self.graph.inputs, *self.layers)}
        for layer in self.graph.layers:
            for name in dict.fromkeys(layer.inputs):
                found[name].append(layer.name)
        return found

    @cached_property
    def weight_bytes(self) -> dict[str, int] | None:
        """Return each layer's bytes of weights on the device; 0 where its weights are folded into another layer."""
        if self.plan is None:
            return None
        found = dict.fromkeys(self.layers, 0)
        for node in self.plan.graph.nodes:
            found[node.layer] += self.plan.node_weight_bytes(node)
        return found


def net_of(document: Document) -> Net:
    """Return a document's net. Raises `SpecError` for what `check` says against it, but for costs.

    A net that breaks its budgets, or that its core cannot run, is compared like any other: that is what one compares
    for.
    """
    try:
        checked = examine(document, advised=False)
        if not all(map(_about_cost, checked.errors)):
            check(document)  # raises all that there is to say
    except SpecError as error:
        raise SpecError(error.diagnostics, error.sources | {document.path: document.text}) from None
    return Net(document, checked.graph, checked.plan, checked.unsupported)


def _about_cost(fault: Diagnostic) -> bool:
    return fault.rule.startswith("budget-") or fault.rule == "unsupported-on-device"


def _written_names(root: Mapping) -> dict[Span, str]:
    """Return the `name` of every layer and block use that has one, by the place of its type."""
    names: dict[Span, str] = {}
    pending: list[Node] = [node for key in ("blocks", "layers") if (node := root.get(key)) is not None]
    seen: set[int] = set()  # what anchors repeat is looked through once
    while pending:
        node = pending.pop()
        if isinstance(node, Scalar) or id(node) in seen:
            continue
        seen.add(id(node))
        inner: Iterable[Node] = node.items if isinstance(node, Sequence) else [each.value for each in node.entries]
        pending += [each for each in inner if not isinstance(each, Scalar)]
        if isinstance(node, Mapping):
            for entry in node.entries:
                name = entry.value.get("name") if isinstance(entry.value, Mapping) else None
                if isinstance(name, Scalar) and isinstance(name.value, str):
                    names[entry.key.span] = name.value
    return names
