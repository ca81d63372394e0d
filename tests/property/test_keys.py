"""What is read without pydantic is what pydantic would have made of it, for every key of every class."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from netspec.diagnostics import SpecError
from netspec.keys.keys import Key, Keys, Unsure
from netspec.keys.models import judge, model_of
from netspec.layers import LAYERS
from netspec.spec import data_forms, sections
from netspec.spec.language import forms
from netspec.spec.source import parse, plain
from tests.property.test_check_random import mutants

CLASSES = [
    *LAYERS.values(),
    *(
        each
        for module in (sections, data_forms, forms)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Keys) and each.keys
    ),
]
SCALARS = [
    None, True, False, 0, 1, 2, 3, -1, 7, 2**53, 2**53 + 1, -(2**53) - 1, 2**63, -(2**63),
    0.0, -0.0, 0.5, 1.0, 2.0, 60.0, 99.99, -0.5, 1e-30, 1e308, float("inf"), float("-inf"), float("nan"),
    "", "a", "a_1", "1a", "a\n", "a b", "A", "\u00e9", "\u0661", "\U0001f600", "true", "1", "0.5",
    "4k", "1.5k", "1.0001k", "128KiB", "minmax", "adam", "mse", "accuracy", "l2", "zeros", "he_normal", "relu", "same",
    "valid", "causal", "module:function", "gru", "dense", "x.npy",
]  # fmt: skip
VALUES = [
    *SCALARS, [], {}, [1], [1, 2], [1, 2, 3], [0], [-1], [1.0], [0.5, 2], ["a"], ["a", 1], ["a\n"], ["accuracy"],
    ["arena"], ["arena", "weights"],
    [None], [[1, 2]], [[0, 1], [2, 0]], [[1, 2], [3]], [True], {"a": 1}, {"a": "mse"}, {"a": {"shape": [8]}},
    {"a": {"shape": [8], "dtype": "int32"}}, {"a": {"layers": [1]}}, {"percentile": 99}, {"l2": 0.1},
    {"max_norm": {"max_value": 3}}, {"adam": {"learning_rate": 0.1}}, {"npz": "x"}, {"npz": ""}, {"csv": {"path": "x"}},
    {"npy": {"x": "x.npy", "y": "y.npy"}}, {"npy": {"x": {"a": "x.npy"}, "y": "y.npy"}}, {"samples": 1},
    {"audio": {"path": "x", "features": "mfcc"}}, {"audio": {"path": "x", "features": "log_mel", "coefficients": 3}},
    {"flash": "1k", "ram": None}, {"flash": 1.0}, {"monitor": "a", "patience": 2}, {"patience": -1}, {"core": "relu"},
    {"dense": {"units": 5}}, {"gru": {"units": 5}}, {"gru": {"units": 0}}, {"gru": {"unit": 5}}, {"gru": None},
]  # fmt: skip
"""Right for one key or another, nearly right, or odd."""


def sound(owner: type[Keys]) -> dict[str, Any]:
    """Return data with the keys that a class cannot do without, as their declarations show them."""
    fields = owner.model_fields
    needed = {key.written: (fields[name].examples or [None])[0] for name, key in owner.keys.items()
              if fields[name].is_required()}  # fmt: skip
    shown = {
        written: plain(parse(f"example: {value}", "example").root)["example"]
        if isinstance(value, str) and value[0] in "{["
        else value
        for written, value in needed.items()
    }
    return shown


def own_values(key: Key) -> Iterator[Any]:
    """Yield what a key's declaration speaks of: its default, its examples, the words that it takes."""
    yield key.declared.default
    pending = [key.annotation]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        pending += get_args(item)


def compare(owner: type[Keys], data: Any) -> bool:
    """Assert that data is read if pydantic finds no fault in it, and as what it says; return whether it finds none."""
    read: Keys | None = None
    with suppress(Unsure):
        read = owner.read(data)
    try:
        judged = judge(owner, data)
    except ValidationError:
        assert read is None
        return False
    assert read is not None
    assert type(read) is type(judged) is owner
    assert repr(read) == repr(judged)  # which tells 1, 1.0 and True apart
    assert vars(read) == vars(judged) or "nan" in repr(read)
    return True


@pytest.mark.parametrize("owner", CLASSES, ids=lambda owner: owner.__qualname__)
def test_each_key_with_each_value(owner: type[Keys]) -> None:
    given = sound(owner)
    assert compare(owner, given)
    for key in owner.keys.values():
        results = [compare(owner, given | {key.written: value}) for value in (*VALUES, *own_values(key))]
        assert any(results), f"no value is right for {key.written}"
        assert key.annotation is Any or not all(results), f"no value is wrong for {key.written}"


@given(st.data())
@settings(max_examples=500)
def test_several_keys_at_once(draw: st.DataObject) -> None:
    owner = draw.draw(st.sampled_from(CLASSES))
    names = [*(key.written for key in owner.keys.values()), "from_", "spare"]
    given = draw.draw(st.dictionaries(st.sampled_from(names), st.sampled_from(VALUES), max_size=4))
    base = sound(owner)
    missing = draw.draw(st.sets(st.sampled_from(sorted(base)), max_size=1)) if base else set()
    compare(owner, {key: value for key, value in (base | given).items() if key not in missing})


@given(mutants())
@settings(max_examples=300)
def test_the_top_of_a_spec_with_a_few_changes(text: str) -> None:
    with suppress(SpecError):
        compare(sections.Top, plain(parse(text, "spec.yaml").root))


@pytest.mark.parametrize("data", [None, [], "a", 1, ("name", "a")], ids=repr)
def test_what_is_no_mapping(data: Any) -> None:
    for owner in CLASSES:
        assert not compare(owner, data)


@pytest.mark.parametrize("owner", CLASSES, ids=lambda owner: owner.__qualname__)
def test_a_model_has_the_keys_of_its_class(owner: type[Keys]) -> None:
    model = model_of(owner)
    assert (model.__name__, model.__doc__) == (owner.__name__, owner.__doc__)
    assert {name: field.alias or name for name, field in model.model_fields.items()} == {
        name: key.written for name, key in owner.keys.items()
    }
    assert list(model.model_fields) == list(owner.keys)
    for name, field in model.model_fields.items():
        assert field.is_required() == (name not in vars(owner.model_construct()))
