"""The graph as rules ask it: who reads whom, what a layer's activation is, in constant time each."""

from __future__ import annotations

from typing import Any

from netspec.diagnostics import Note
from netspec.graph import Graph, GraphLayer

ACTIVATIONS = frozenset([
    "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "sigmoid", "hard_sigmoid", "hard_swish", "tanh",
    "softplus", "softmax",
])  # fmt: skip
DROPOUTS = frozenset(["dropout", "spatial_dropout1d", "spatial_dropout2d", "gaussian_noise"])
SAME_VALUES = frozenset(["flatten", "reshape", "permute", "dropout"])
"""Layers that, at inference, give the values that they read."""

_RECURRENT = frozenset(["lstm", "gru", "simple_rnn"])  # their `activation` is inside, not what comes out last


class Net:
    """A graph with the answers to the rules' questions."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.spec = graph.spec
        self.layers = graph.layers
        self._by_name = {layer.name: layer for layer in graph.layers}
        self._outputs = frozenset(graph.outputs)
        self._readers: dict[str, list[GraphLayer]] = {name: [] for name in (*graph.inputs, *self._by_name)}
        for layer in graph.layers:
            for name in layer.inputs:
                self._readers[name].append(layer)

    def layer(self, name: str) -> GraphLayer | None:
        """Return the layer of that name; None for an input."""
        return self._by_name.get(name)

    def source(self, layer: GraphLayer) -> GraphLayer | None:
        """Return the one layer that a layer reads; None where it reads an input, or several."""
        return self._by_name.get(layer.inputs[0]) if len(layer.inputs) == 1 else None

    def readers(self, name: str) -> list[GraphLayer]:
        """Return the layers that read a layer or input; one that reads it twice stands there twice."""
        return self._readers[name]

    def is_read_once(self, name: str) -> bool:
        """Tell whether one layer is all that ever sees these values."""
        return len(self._readers[name]) == 1 and name not in self._outputs

    def place_note(self, message: str, name: str) -> Note:
        """Return a note at a layer or input."""
        layer = self._by_name.get(name)
        return Note(message, layer.item.type_span if layer else self.spec.key_span("inputs", name))


def key_of(layer: GraphLayer, key: str, default: Any = None) -> Any:
    """Return the value of a layer's key; `default` where its type has none of that name."""
    return getattr(layer.layer, key, default)


def activation_of(layer: GraphLayer) -> str | None:
    """Return the activation that a layer ends in, `linear` for a layer with weights and none; None if it is neither."""
    if layer.type in ACTIVATIONS:
        return layer.type
    if layer.type in _RECURRENT or not hasattr(layer.layer, "activation"):
        return None
    return str(key_of(layer, "activation") or "linear")


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
