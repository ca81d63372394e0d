"""The parameters of a block: which values its uses differ in, what they are called, and what each use gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from netspec.importers.draft import Draft, DraftLayer
from netspec.importers.yaml_text import Written, value_text
from netspec.layers import LAYERS
from netspec.layers.base import LayerError

_MOST_PARAMETERS = 4
"""Of a block that is still read easily."""
_WIDTHS = ("filters", "units")
"""What every use says: the width of a net is the first thing that a reader looks for."""


@dataclass(frozen=True, slots=True)
class BlockValues:
    """The keys of each layer with `$param` in them, the defaults (None: must be given), and what each use gives."""

    body: tuple[Mapping[str, Any], ...]
    defaults: Mapping[str, Any]
    given: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class _Parameter:
    """A key's value in each use; `usual` is what the key is where nobody writes it."""

    key: str
    values: tuple[Any, ...]
    usual: Any

    def default(self) -> Any:
        """Return the value that a use need not give: that of most uses, or the usual one; None if there is none."""
        if self.key in _WIDTHS:
            return None
        text, count = Counter(map(value_text, self.values)).most_common(1)[0]
        if 2 * count > len(self.values):
            return next(value for value in self.values if value_text(value) == text)
        return self.usual if any(_same(value, self.usual) for value in self.values) else None

    def factor(self, other: _Parameter) -> int:
        """Return by which whole number this is the other, several times over; 0 if it is by none."""
        if self.key != other.key or not all(type(each) is int and each > 0 for each in (*self.values, *other.values)):
            return 0
        factor: int = self.values[0] // other.values[0]
        same = all(one == factor * two for one, two in zip(self.values, other.values, strict=True))
        return factor if same and factor > 1 else 0


def block_values(draft: Draft, starts: Sequence[int], period: int) -> BlockValues | None:
    """Return what stretches of alike layers share; None where they differ in too much, or in what no name can say."""
    rows = [[draft.layers[start + offset] for start in starts] for offset in range(period)]
    body: list[dict[str, Any]] = []
    parameters: list[_Parameter] = []
    for row in rows:
        keys = _row_keys(row, parameters)
        if keys is None or not all(_computes(layer, _chosen(keys, use)) for use, layer in enumerate(row)):
            return None
        body.append(keys)
    names = _names(parameters)
    own = {name: parameter for parameter, name in names.items() if "{" not in name}
    own = dict(sorted(own.items(), key=lambda each: each[1].default() is not None))
    if len(own) > _MOST_PARAMETERS:
        return None
    written = {parameter: Written(f'"${name}"' if "{" in name else f"${name}") for parameter, name in names.items()}
    texts = tuple(
        {key: written[value] if isinstance(value, _Parameter) else value for key, value in keys.items()}
        for keys in body
    )
    defaults = {name: parameter.default() for name, parameter in own.items()}
    given = {start: _given(own, defaults, use) for use, start in enumerate(starts)}
    return BlockValues(texts, defaults, given)


def _row_keys(row: Sequence[DraftLayer], parameters: list[_Parameter]) -> dict[str, Any] | None:
    """Return the keys of alike layers, a parameter where they differ; None where no parameter can say in what.

    New parameters are added to `parameters`.
    """
    keys: dict[str, Any] = {}
    for key in _keys(row):
        usual = _usual(row[0], key)
        values = tuple(layer.keys.get(key, usual) for layer in row)
        if all(_same(value, values[0]) for value in values):
            keys[key] = values[0]
        elif any(value is None or isinstance(value, Mapping) for value in values):
            return None
        else:
            keys[key] = _parameter(parameters, _Parameter(key, values, usual))
    return keys


def _keys(row: Sequence[DraftLayer]) -> list[str]:
    """Return the keys of alike layers, in the order that each of them has them in."""
    found = max((list(layer.keys) for layer in row), key=len)
    for layer in row:
        at = 0
        for key in layer.keys:
            if key not in found:
                found.insert(at, key)
            at = found.index(key) + 1
    return found


def _parameter(parameters: list[_Parameter], found: _Parameter) -> _Parameter:
    """Return the parameter that says the same of the same key already, or else this one, having added it."""
    for each in parameters:
        if each.key == found.key and _same(each.values, found.values):
            return each
    parameters.append(found)
    return found


def _names(parameters: Iterable[_Parameter]) -> dict[_Parameter, str]:
    """Return what each is called: its key, with a number where there are more, or `{key * 4}` of another."""
    found: dict[_Parameter, str] = {}
    listed = list(parameters)
    roots = [each for each in listed if not any(each.factor(other) for other in listed)]
    counts: Counter[str] = Counter()
    for each in roots:
        counts[each.key] += 1
        found[each] = each.key if counts[each.key] == 1 else f"{each.key}_{counts[each.key]}"
    for each in listed:
        if each not in found:
            root = next(other for other in roots if each.factor(other))
            found[each] = f"{{{found[root]} * {each.factor(root)}}}"
    return found


def _given(own: Mapping[str, _Parameter], defaults: Mapping[str, Any], use: int) -> dict[str, Any]:
    values = {name: parameter.values[use] for name, parameter in own.items()}
    return {name: value for name, value in values.items() if defaults[name] is None or not _same(value, defaults[name])}


def _chosen(keys: Mapping[str, Any], use: int) -> dict[str, Any]:
    return {key: value.values[use] if isinstance(value, _Parameter) else value for key, value in keys.items()}


def _usual(layer: DraftLayer, key: str) -> Any:
    """Return the default of a key in its shortest form, as imported keys are."""
    for name, field in LAYERS[layer.type].model_fields.items():
        if key == (field.alias or name):
            value = field.default
            if isinstance(value, tuple | list) and value and all(item == value[0] for item in value):
                return value[0]
            return "linear" if value is None and key == "activation" else value
    raise AssertionError(f"{layer.type} has no key {key}")


def _computes(layer: DraftLayer, keys: Mapping[str, Any]) -> bool:
    """Say whether keys make the layer that the model has."""
    try:
        made = LAYERS[layer.type].model_validate(dict(keys))
        return made.keras(layer.input_shapes) == layer.layer.keras(layer.input_shapes)
    except (ValidationError, LayerError):
        return False


def _same(one: Any, other: Any) -> bool:
    """Say whether two values are written alike: 1 and 1.0 are not, nor are 1 and true."""
    return value_text(one) == value_text(other)
