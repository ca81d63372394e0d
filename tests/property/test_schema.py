"""Whatever check accepts, the schema accepts: drawn nets, and specs changed at random places."""

from __future__ import annotations

from typing import Any

import jsonschema
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.check import check
from netspec.diagnostics import SpecError
from netspec.docs.schema import language_schema
from netspec.layers import LAYERS
from netspec.spec.source import Document, parse, plain
from tests.nets import device_nets
from tests.property.test_check_random import JUNK, mutants

VALIDATOR = jsonschema.Draft202012Validator(language_schema())


def refusals(document: Document) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(plain(document.root))]


def never_stricter(text: str) -> None:
    try:
        document = parse(text, "spec.yaml")
        check(document)
    except SpecError:
        return
    spare = [f"$.blocks.{name}" for name in unused_blocks(plain(document.root))]
    assert [each for each in refusals(document) if not each.startswith(tuple(spare))] == []


def unused_blocks(spec: dict[str, Any]) -> set[str]:
    """Return the blocks that no layer uses: check reads their layers as far as it can without parameters."""
    blocks = spec.get("blocks", {})
    used: set[str] = set()
    pending = list(spec["layers"])
    while pending:
        kind, keys = next(iter(item.items())) if isinstance(item := pending.pop(), dict) else (item, {})
        if kind == "repeat":
            pending += keys["layers"]
        elif kind in blocks and kind not in used:
            used.add(kind)
            pending += blocks[kind]["layers"]
    return set(blocks) - used


@given(device_nets())
def test_nets(text: str) -> None:
    assert refusals(parse(text, "net.yaml")) == []


@settings(max_examples=600)
@given(mutants())
def test_a_spec_with_a_few_changes(text: str) -> None:
    never_stricter(text)


@settings(max_examples=600)
@given(st.sampled_from(sorted(LAYERS)), st.sampled_from([(8,), (8, 3), (8, 8, 3), (4, 4, 4, 2)]), st.data())
def test_any_key_of_any_layer_with_anything(layer_type: str, shape: tuple[int, ...], data: st.DataObject) -> None:
    layer = LAYERS[layer_type]
    keys = {field.alias or name: field for name, field in layer.model_fields.items()}
    required = {key: field.examples[0] for key, field in keys.items() if field.is_required() and field.examples}
    given_keys = {key: yaml.safe_load(value) if isinstance(value, str) else value for key, value in required.items()}
    given_keys |= data.draw(st.dictionaries(st.sampled_from(sorted(keys)), JUNK, max_size=2))
    spec = {
        "netspec": 1,
        "name": "net",
        "vars": {"x": data.draw(JUNK)},
        "inputs": {"x": {"shape": list(shape)}},
        "layers": [{layer_type: given_keys}],
    }
    never_stricter(yaml.safe_dump(spec, sort_keys=False, allow_unicode=True))


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["netspec", "name", "description", "inputs", "outputs", "train", "quantize", "target", "vars"]),
        JUNK,
        max_size=3,
    )
)
def test_sections_of_anything(sections: dict[str, object]) -> None:
    base = {"netspec": 1, "name": "net", "vars": {"x": 3}, "inputs": {"x": {"shape": [4]}}, "layers": ["relu"]}
    never_stricter(yaml.safe_dump(base | sections, sort_keys=False, allow_unicode=True))
