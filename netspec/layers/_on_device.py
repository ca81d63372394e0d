"""Which layers the device can run: found by lowering samples, since only a layer itself knows what it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from netspec.layers.base import DeviceUnsupported, Layer, LayerError
from netspec.ops import Op, Relu, Shape, View
from netspec.ops.builder import Builder

_SHAPES: dict[int, Shape] = {1: (8,), 2: (8, 4), 3: (8, 8, 4), 4: (8, 8, 8, 4)}
_WIDE = 1000
"""Channels of a sample that is too wide for some."""
_TRAINING_KEYS = ("initializer", "regularizer", "constraint", "trainable", "seed", "name", "from")
"""Last words of keys that nothing on the device depends on."""


@dataclass(frozen=True, slots=True)
class Case:
    """Values of a key, or inputs, and why the device refuses them: message and remedy. Without `why` it takes them.

    `trivial` are those with which the layer computes nothing, or only what another type is for.
    """

    what: str
    why: str = ""
    help: str = ""
    trivial: bool = False


@dataclass(frozen=True, slots=True)
class Support:
    """Whether the device runs a type as it is by default, and what makes a difference to that."""

    default: Case
    others: tuple[Case, ...]

    @property
    def runs(self) -> bool:
        """Whether the device runs it with values for which somebody would use it."""
        return not self.default.why or not all(case.trivial for case in self.others)


def device_support(layer: type[Layer], keys: Mapping[str, Mapping[str, Any]]) -> Support:
    """Return what of a layer type runs on the device. `keys` are the JSON Schemas of its keys."""
    given = {key: schema["examples"][0] for key, schema in keys.items() if layer_key(layer, key).is_required()}
    inputs = _sample_inputs(layer, given)
    default = _attempt(layer, given, inputs, "by default")
    assert default is not None
    refused = bool(default.why)
    others: list[Case] = []
    for key, schema in keys.items():
        if key.rpartition("_")[2] in _TRAINING_KEYS:
            continue
        found = [
            (value, case)
            for value in _values(schema)
            if (case := _attempt(layer, {**given, key: value}, inputs, f"{key}: {_plainly(value)}")) is not None
            and bool(case.why) != refused
        ]
        if len(found) > 1 and "enum" in str(schema):
            names = ", ".join(f"`{value}`" for value, _ in found)
            why = found[0][1].why and "netspec has no int8 kernel yet"
            others.append(Case(f"`{key}` {names}", help=found[0][1].help, why=why))
        elif found:
            others.append(replace(found[0][1], what=f"`{found[0][1].what}`"))
    odd = _odd_inputs(layer, given, inputs)
    return Support(default, (*others, *(case for case in odd if bool(case.why) != refused)))


def layer_key(layer: type[Layer], key: str) -> Any:
    """Return the field of a key, by the name that a spec has it under."""
    return layer.model_fields["from_" if key == "from" else key]


def _odd_inputs(layer: type[Layer], keys: Mapping[str, Any], inputs: tuple[Shape, ...]) -> Iterator[Case]:
    """Yield what the device says of other shapes."""
    samples = {
        f"{_WIDE} channels": tuple((*shape[:-1], _WIDE) for shape in inputs),
        "inputs of one position": tuple((*(1 for _ in shape[:-1]), shape[-1]) for shape in inputs),
    }
    if layer.merges:
        samples["inputs of unequal shapes"] = (inputs[0], samples["inputs of one position"][1])
    for what, shapes in samples.items():
        case = _attempt(layer, keys, shapes, what)
        if case is not None:
            yield case


def _sample_inputs(layer: type[Layer], keys: Mapping[str, Any]) -> tuple[Shape, ...]:
    for rank in layer.input_ranks or (3, 2, 1):
        inputs = (_SHAPES[rank],) * (2 if layer.merges else 1)
        if _attempt(layer, keys, inputs, "") is not None:
            return inputs
    raise AssertionError(f"{layer.type} takes no sample: its required keys need `examples` that fit together")


def _attempt(layer: type[Layer], keys: Mapping[str, Any], inputs: tuple[Shape, ...], what: str) -> Case | None:
    """Return what the device says of a layer with these keys; None where Keras could not run it either."""
    try:
        sample = layer.model_validate(keys)
        sample.output_shape(inputs)
        to = Builder.of(layer.type, inputs)
        sample.lower(to, to.inputs)
    except DeviceUnsupported as error:
        why, remedy = (text.replace("{layer}", layer.type) for text in (error.message, error.help or ""))
        return Case(what, why, remedy)
    except (LayerError, ValidationError):
        return None
    return Case(what, trivial=_is_trivial(layer, tuple(step.op for step in to.steps), inputs))


def _is_trivial(layer: type[Layer], ops: tuple[Op, ...], inputs: tuple[Shape, ...]) -> bool:
    """Return whether the ops move no value and compute nothing, or are those of a plain relu."""
    if all(isinstance(op, View) for op in ops):
        return True
    return layer.type != "relu" and len(inputs) == 1 and ops == (Relu(inputs[0], None),)


def _values(schema: Mapping[str, Any]) -> list[Any]:
    """Return values of a key that may matter."""
    branches: list[Mapping[str, Any]] = [schema, *schema.get("anyOf", ())]
    kinds = {branch.get("type") for branch in branches}
    return [
        *(value for branch in branches for value in branch.get("enum", ())),
        *schema.get("examples", ()),
        *((True, False) if "boolean" in kinds else ()),
        *((2, 1, 0) if "integer" in kinds else ()),
        *((0.5, 0.0) if "number" in kinds else ()),
    ]


def _plainly(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
