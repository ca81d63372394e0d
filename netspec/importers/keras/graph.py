"""Keras config -> a flat list of layers and what each reads; models inside of models are put in the place they stand.

Two spellings of wiring are known: that of Keras 3 (`__keras_tensor__` with a history) and that of Keras 2 (lists of
[layer, node, tensor, arguments]). Nothing here knows what a layer computes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netspec.importers.draft import MOST_LAYERS
from netspec.importers.faults import Faults, MalformedModel, ModelFault
from netspec.importers.keras.calls import Call, Tensor, history, operation_call
from netspec.importers.keras.file import Place
from netspec.importers.keras.names import snake_case
from netspec.importers.keras.operations import is_operation

_DEEPEST = 16
_MODELS = ("Functional", "Model", "Sequential")


@dataclass(frozen=True, slots=True)
class KerasLayer:
    """A layer as the file describes it. `key` tells it from all others; `reads` are keys, inputs read nothing.

    `arguments` and `keywords` are those of an operation, with `READ` in the place of tensors.
    """

    key: str
    name: str
    class_name: str
    module: str | None
    custom: bool
    config: Mapping[str, Any]
    reads: tuple[str, ...]
    place: Place
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        return f"layer '{self.name}' ({self.class_name})"


@dataclass(slots=True)
class KerasGraph:
    """Layers in an order in which each reads only earlier ones. Inputs are layers of the class InputLayer."""

    name: str
    layers: list[KerasLayer] = field(default_factory=list)
    outputs: tuple[str, ...] = ()
    faults: Faults = field(default_factory=Faults)
    """What is wrong with the calls of single layers; the graph is whole without them."""
    doubtful: set[str] = field(default_factory=set)
    """Layers whose output may have another shape, for the fault of a call."""


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

    def append(self, index: int, reads: tuple[str, ...], call: Call | None = None) -> list[str]:
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
                *((call.arguments, call.keywords) if call is not None else ()),
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
        self.tensors: dict[str, list[str]] = {}
        self.faulty: set[int] = set()
        self._take_inputs()
        names = [self.name(index) for index in range(len(self.layers))]
        if len(set(names)) != len(names):
            raise MalformedModel("two layers of a model have the same name")
        waiting = [index for index in range(len(names)) if names[index] not in self.tensors]
        calls = {index: self._call(index) for index in waiting}
        while waiting:
            late = [index for index in waiting if not self._append_called(index, calls[index])]
            if len(late) == len(waiting):
                raise MalformedModel(f"the layers {', '.join(names[i] for i in late[:5])} read each other or nothing")
            waiting = late
        return [self._tensor(each) for each in _references(self.config.get("output_layers"))]

    def _take_inputs(self) -> None:
        """Give the inputs' tensors their names: what a model inside is given, or layers of the outermost."""
        inputs = [name for name, _ in _references(self.config.get("input_layers"))]
        if self.given is None:
            self._declare(inputs)
        elif len(inputs) != len(self.given):
            raise MalformedModel(f"the model '{self.prefix}' has {len(inputs)} inputs and is given {len(self.given)}")
        else:
            self.tensors = {name: [key] for name, key in zip(inputs, self.given, strict=True)}

    def _append_called(self, index: int, call: Call) -> bool:
        """Append a layer if all that it reads is there; return False where it must wait.

        A layer that is never called is no part of the net, and is passed over.
        """
        if not call.reads and self.layers[index].get("class_name") != "InputLayer":
            return True
        if not all(name in self.tensors for name, _ in call.reads):
            return False
        given = tuple(map(self._tensor, call.reads))
        found = self.tensors[self.name(index)] = self.append(index, given, call)
        if index in self.faulty:
            self.graph.doubtful.update(found)
        return True

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

    def _call(self, index: int) -> Call:
        """Return what a layer is called with, at the one place where it is."""
        layer, shown = self.layers[index], f"layer '{self.name(index)}'"
        nodes = _list(layer.get("inbound_nodes") or [], "inbound_nodes")
        if not nodes:
            return Call(())
        if is_operation(str(layer.get("class_name")), str(layer.get("module"))):
            calls = [operation_call(node, shown) for node in nodes]
        else:
            calls = [Call(tuple(self._reads(node, shown, index))) for node in nodes]
        if len(calls) > 1:
            uses = ["'" + "', '".join(name for name, _ in call.reads) + "'" for call in calls]
            places = ", ".join(uses[:6]) + (" and more" if len(uses) > 6 else "")
            self._refuse(
                index,
                f"{shown} is called {len(nodes)} times, on {places}, and a spec's layers share no weights",
                "give each place a layer of its own",
            )
        return calls[0]

    def _refuse(self, index: int, message: str, help: str | None = None) -> None:
        self.graph.faults.add(ModelFault(message, help))
        self.faulty.add(index)

    def _reads(self, node: Any, shown: str, index: int) -> list[Tensor]:
        if isinstance(node, dict):
            if any(True for _ in history(node.get("kwargs"), 0)):
                self._refuse(index, f"{shown} is given a tensor by name, as a mask or a state may be")
            return list(history(node.get("args"), 0))
        entries = _list(node, "a node")
        if entries and isinstance(entries[0], str):
            entries = [entries]
        found = []
        for entry in entries:
            parts = _list(entry, "a node's input")
            if len(parts) < 3 or not isinstance(parts[0], str) or not isinstance(parts[2], int):
                raise MalformedModel(f"{shown} is wired in a way that Keras does not write")
            found.append((parts[0], parts[2]))
        return found


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
