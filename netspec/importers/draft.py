"""What an importer has understood of a model, before it is a spec: layers in order, their keys, what they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from netspec.importers.faults import ModelFault
from netspec.layers import LAYERS
from netspec.layers.base import Layer, LayerError
from netspec.ops import Shape

Source = int | str
"""What a layer reads: another by its position in the draft, or an input by its name."""

MOST_LAYERS = 4000
"""Of one model; a device runs no such net, and a file may describe many in few bytes."""


@dataclass(frozen=True, slots=True)
class DraftLayer:
    """A layer; without a `name` it gets the one that the spec's numbering gives it.

    `numbered` is the name that a layer without one had by the numbering of the model. `comment` stands above it.
    """

    type: str
    sources: tuple[Source, ...]
    layer: Layer
    keys: Mapping[str, Any]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    name: str | None = None
    comment: str | None = None
    numbered: str | None = None


@dataclass(slots=True)
class Draft:
    """A spec in the making. `notes` say what was frozen or dropped; they become comments at its head.

    `nameless` says that nobody named the model; then Keras may have counted its layers on from an earlier model's.
    """

    name: str
    notes: list[str] = field(default_factory=list)
    nameless: bool = False
    inputs: dict[str, Shape] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    layers: list[DraftLayer] = field(default_factory=list)
    outputs: tuple[int, ...] = ()

    def shape(self, source: Source) -> Shape:
        return self.inputs[source] if isinstance(source, str) else self.layers[source].output_shape

    def add(
        self,
        layer_type: str,
        sources: tuple[Source, ...],
        keys: Mapping[str, Any],
        *,
        what: str,
        name: str | None = None,
        comment: str | None = None,
        numbered: str | None = None,
    ) -> int:
        """Append a layer and return its position. Raises `ModelFault` naming `what` where netspec has no such layer."""
        given = dict(keys)
        shapes = tuple(self.shape(source) for source in sources)
        try:
            layer = LAYERS[layer_type].model_validate(given)
            output = layer.output_shape(shapes)
        except ValidationError as error:
            raise _invalid(error, what, layer_type) from error
        except LayerError as error:
            raise ModelFault(f"{what}: {error.message.replace('{layer}', layer_type)}", error.help) from error
        if len(self.layers) >= MOST_LAYERS:
            raise ModelFault(f"the model has more than {MOST_LAYERS:,} layers")
        name = None if name is None else self._free(name)
        kept = _without_defaults(layer, given, shapes)
        made = DraftLayer(layer_type, sources, layer, kept, shapes, output, name, comment, numbered)
        self.layers.append(made)
        return len(self.layers) - 1

    def _free(self, name: str) -> str:
        """Return `name`, with a number where another layer or an input has it."""
        taken = {each.name for each in self.layers} | set(self.inputs)
        candidate, count = name, 1
        while candidate in taken:
            count += 1
            candidate = f"{name}_{count}"
        return candidate


def check_keys(layer_type: str, keys: Mapping[str, Any], what: str) -> None:
    """Raise `ModelFault` for keys that are wrong whatever the layer reads."""
    try:
        LAYERS[layer_type].model_validate(dict(keys))
    except ValidationError as error:
        raise _invalid(error, what, layer_type) from error


def _invalid(error: ValidationError, what: str, layer_type: str) -> ModelFault:
    """Return the faults of a layer's keys, one a key: what the members of a union say of a value is one fault."""
    by_key: dict[Any, Any] = {}
    for details in error.errors(include_url=False):
        by_key.setdefault(details["loc"][:1], details)
    first, *others = (
        ModelFault(f"{what} cannot be written as {layer_type}: {_said(details)}") for details in by_key.values()
    )
    first.others = tuple(others)
    return first


def _said(details: Any) -> str:
    place = ".".join(map(str, details["loc"]))
    message = str(details.get("ctx", {}).get("error", details["msg"]))
    return f"{place} {message[0].lower()}{message[1:]}, not {str(details.get('input'))[:60]!r}" if place else message


def _without_defaults(layer: Layer, keys: dict[str, Any], shapes: tuple[Shape, ...]) -> dict[str, Any]:
    """Return the keys that make a difference, in their shortest form: what Keras is told decides what is the same."""
    whole = layer.keras(shapes)

    def same(candidate: dict[str, Any]) -> bool:
        try:
            return type(layer).model_validate(candidate).keras(shapes) == whole
        except (ValidationError, LayerError):
            return False

    kept = dict(keys)
    for key in keys:
        less = {name: value for name, value in kept.items() if name != key}
        if same(less):
            kept = less
            continue
        while isinstance(kept[key], list | tuple) and kept[key] and all(item == kept[key][0] for item in kept[key]):
            shorter = kept | {key: kept[key][0]}
            if not same(shorter):
                break
            kept = shorter
    return kept
