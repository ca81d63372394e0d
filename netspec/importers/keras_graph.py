"""Keras config -> a flat list of layers and what each reads; models inside of models are put in the place they stand.

Two spellings of wiring are known: that of Keras 3 (`__keras_tensor__` with a history) and that of Keras 2 (lists of
[layer, node, tensor, arguments]). Nothing here knows what a layer computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from netspec.importers.draft import MOST_LAYERS
from netspec.importers.faults import MalformedModel, ModelFault
from netspec.importers.keras_file import Place
from netspec.importers.keras_names import snake_case

Tensor = tuple[str, int]
"""A layer's key and the number of its output."""

_DEEPEST = 16
_MODELS = ("Functional", "Model", "Sequential")


@dataclass(frozen=True, slots=True)
class KerasLayer:
    """A layer as the file describes it. `key` tells it from all others; `reads` are keys, inputs read nothing."""

    key: str
    name: str
    class_name: str
    module: str | None
    custom: bool
    config: Mapping[str, Any]
    reads: tuple[str, ...]
    place: Place

    @property
    def shown(self) -> str:
        return f"layer '{self.name}' ({self.class_name})"


@dataclass(slots=True)
class KerasGraph:
    """Layers in an order in which each reads only earlier ones. Inputs are layers of the class InputLayer."""

    name: str
    layers: list[KerasLayer] = field(default_factory=list)
    outputs: tuple[str, ...] = ()


def flatten(config: Mapping[str, Any]) -> KerasGraph:
    """Return the layers of a model. Raises `ModelFault` for what is malformed, shared, or no fixed graph."""
    class_name = str(config.get("class_name"))
    if class_name not in _MODELS or config.get("registered_name") not in (None, class_name):
        raise ModelFault(
            f"the model is of the class {class_name}, whose code is not in the file",
            help="netspec imports Sequential and functional models",
        )
    graph = KerasGraph(_text(_mapping(config.get("config"), "the model's config").get("name") or "model"))
    outputs = _model(config, None, (), graph, "", 0)
    graph.outputs = tuple(outputs)
    return graph


def _model(
    config: Mapping[str, Any],
    given: tuple[str, ...] | None,
    path: tuple[tuple[str, str], ...],
    graph: KerasGraph,
    prefix: str,
    depth: int,
) -> list[str]:
    """Append a model's layers and return the keys of its outputs; `given` are the keys that its inputs stand for."""
    if depth > _DEEPEST:
        raise ModelFault(f"models stand inside of models more than {_DEEPEST} deep")
    inner = config.get("config")
    sequential = config.get("class_name") == "Sequential"
    if sequential and isinstance(inner, list):  # Keras before 2.2.3
        inner = {"layers": inner}
    inner = _mapping(inner, "a model's config")
    layers = [_mapping(layer, "a layer") for layer in _list(inner.get("layers"), "layers")]
    reader = _Sequential if sequential else _Functional
    return reader(layers, inner, given, path, graph, prefix, depth).run()


class _Container:
    """What Sequential and functional models share: groups of the file, keys of layers, models inside."""

    def __init__(
        self,
        layers: list[Mapping[str, Any]],
        config: Mapping[str, Any],
        given: tuple[str, ...] | None,
        path: tuple[tuple[str, str], ...],
        graph: KerasGraph,
        prefix: str,
        depth: int,
    ) -> None:
        if len(layers) > MOST_LAYERS:
            raise ModelFault(f"the model has more than {MOST_LAYERS:,} layers")
        self.layers, self.config, self.given = layers, config, given
        self.path, self.graph, self.prefix, self.depth = path, graph, prefix, depth
        counts: dict[str, int] = {}
        self.groups = []
        for layer in layers:
            stem = snake_case(_text(layer.get("class_name")))
            count = counts.get(stem, 0)
            counts[stem] = count + 1
            self.groups.append(f"{stem}_{count}" if count else stem)

    def name(self, index: int) -> str:
        layer = self.layers[index]
        config = _mapping(layer.get("config") or {}, "a layer's config")
        return _text(layer.get("name") or config.get("name") or f"layer {index}")

    def append(self, index: int, reads: tuple[str, ...]) -> list[str]:
        """Append the layer at a position and return the keys of its outputs."""
        layer, name = self.layers[index], self.name(index)
        class_name = _text(layer.get("class_name"))
        path = (*self.path, (name, self.groups[index]))
        if class_name in _MODELS and layer.get("registered_name") in (None, class_name):
            return _model(layer, reads, path, self.graph, f"{self.prefix}{name}/", self.depth + 1)
        module = layer.get("module")
        registered = layer.get("registered_name")
        key = f"{self.prefix}{name}"
        self.graph.layers.append(
            KerasLayer(
                key,
                name,
                class_name,
                None if module is None else str(module),
                registered is not None or (module is not None and not str(module).startswith("keras")),
                _mapping(layer.get("config") or {}, "a layer's config"),
                reads,
                Place(path),
            )
        )
        return [key]


class _Sequential(_Container):
    def run(self) -> list[str]:
        here = list(self.given or ())
        for index, layer in enumerate(self.layers):
            is_input = layer.get("class_name") == "InputLayer"
            if is_input and (self.given is not None or here):
                continue
            if not is_input and not here:
                here = [self._first_input(index)]
            here = self.append(index, () if is_input else tuple(here))
        if not here:
            raise MalformedModel("a Sequential model has no layers")
        return here

    def _first_input(self, index: int) -> str:
        """Append the input that Keras makes of the first layer's `batch_input_shape`, and return its key."""
        config = _mapping(self.layers[index].get("config") or {}, "a layer's config")
        shape = config.get("batch_input_shape") or config.get("batch_shape") or self.config.get("build_input_shape")
        if shape is None:
            inner = config.get("layers")
            first = inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], dict) else {}
            held = first.get("config") if isinstance(first.get("config"), dict) else {}
            shape = held.get("batch_input_shape") or held.get("batch_shape") if held else None
        if shape is None:
            raise ModelFault("the model was never built: it does not say its input's shape")
        name = f"{self.name(index)}_input"
        key = f"{self.prefix}{name}"
        settings = {"name": name, "batch_shape": shape, "dtype": "float32"}
        place = Place((*self.path, (name, "input_layer")))
        self.graph.layers.append(KerasLayer(key, name, "InputLayer", None, False, settings, (), place))
        return key


class _Functional(_Container):
    def run(self) -> list[str]:
        inputs = [name for name, _ in _references(self.config.get("input_layers"))]
        self.tensors: dict[str, list[str]] = {}
        if self.given is not None:
            if len(inputs) != len(self.given):
                raise MalformedModel(
                    f"the model '{self.prefix}' has {len(inputs)} inputs and is given {len(self.given)}"
                )
            self.tensors = {name: [key] for name, key in zip(inputs, self.given, strict=True)}
        else:
            self._declare(inputs)
        names = [self.name(index) for index in range(len(self.layers))]
        if len(set(names)) != len(names):
            raise MalformedModel("two layers of a model have the same name")
        waiting = [index for index in range(len(names)) if names[index] not in self.tensors]
        reads = {index: self._reads(index) for index in waiting}
        while waiting:
            late = []
            for index in waiting:
                is_input = self.layers[index].get("class_name") == "InputLayer"
                if not reads[index] and not is_input:
                    continue  # never called: no part of the net
                if all(name in self.tensors for name, _ in reads[index]):
                    self.tensors[names[index]] = self.append(index, tuple(map(self._tensor, reads[index])))
                else:
                    late.append(index)
            if len(late) == len(waiting):
                raise MalformedModel(f"the layers {', '.join(names[i] for i in late[:5])} read each other or nothing")
            waiting = late
        return [self._tensor(each) for each in _references(self.config.get("output_layers"))]

    def _declare(self, inputs: list[str]) -> None:
        """Append the outermost model's inputs first, in the order in which it takes them."""
        positions = {self.name(index): index for index in range(len(self.layers))}
        for name in inputs:
            if name not in positions:
                raise MalformedModel(f"the model's input '{name}' is none of its layers")
            self.tensors[name] = self.append(positions[name], ())

    def _tensor(self, reference: Tensor) -> str:
        name, index = reference
        found = self.tensors.get(name)
        if found is None or not 0 <= index < len(found):
            raise MalformedModel(f"output {index} of layer '{name}' does not exist")
        return found[index]

    def _reads(self, index: int) -> list[Tensor]:
        layer = self.layers[index]
        nodes = _list(layer.get("inbound_nodes") or [], "inbound_nodes")
        if len(nodes) > 1:
            raise ModelFault(
                f"layer '{self.name(index)}' is called {len(nodes)} times, and a spec's layers share no weights",
                help="give each place a layer of its own",
            )
        if not nodes:
            return []
        node = nodes[0]
        if isinstance(node, dict):
            if any(True for _ in _history(node.get("kwargs"), 0)):
                raise ModelFault(f"layer '{self.name(index)}' is given a tensor by name, as a mask or a state may be")
            return list(_history(node.get("args"), 0))
        entries = _list(node, "a node")
        if entries and isinstance(entries[0], str):
            entries = [entries]
        found = []
        for entry in entries:
            parts = _list(entry, "a node's input")
            if len(parts) < 3 or not isinstance(parts[0], str) or not isinstance(parts[2], int):
                raise MalformedModel(f"layer '{self.name(index)}' is wired in a way that Keras does not write")
            found.append((parts[0], parts[2]))
        return found


def _history(node: Any, depth: int) -> Iterator[Tensor]:
    """Yield the tensors that a call of Keras 3 was given, in order."""
    if depth > _DEEPEST:
        raise MalformedModel("the arguments of a layer are nested too deep")
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            history = _mapping(node.get("config"), "a tensor").get("keras_history")
            parts = _list(history, "a tensor's history")
            if len(parts) != 3 or not isinstance(parts[0], str) or not isinstance(parts[2], int):
                raise MalformedModel("a tensor's history is no layer, node and number")
            yield parts[0], parts[2]
            return
        for value in node.values():
            yield from _history(value, depth + 1)
    elif isinstance(node, list):
        for value in node:
            yield from _history(value, depth + 1)


def _references(node: Any, depth: int = 0) -> list[Tensor]:
    """Return the tensors of `input_layers` or `output_layers`: one, a list, or a mapping of them."""
    if isinstance(node, list) and len(node) == 3 and isinstance(node[0], str) and isinstance(node[2], int):
        return [(node[0], node[2])]
    if depth < _DEEPEST and isinstance(node, list | dict):
        values = node.values() if isinstance(node, dict) else node
        return [found for value in values for found in _references(value, depth + 1)]
    raise MalformedModel("the model's inputs or outputs are no layers")


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedModel(f"{what} is no mapping")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedModel(f"{what} is no list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedModel(f"a name or class is {str(value)[:60]!r}")
    return value
