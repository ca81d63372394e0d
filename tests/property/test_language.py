"""The language against a second, naive reading of it, and against mutilated specs."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netspec.diagnostics import Diagnostic, SpecError, render_json, render_text
from netspec.graph import build_graph
from netspec.spec.language import layer_items
from netspec.spec.language.arithmetic import ExpressionError, evaluate
from netspec.spec.source import parse, plain
from netspec.spec.spec import read

# --------------------------------------------------------------------------------------------------- arithmetic

numbers = st.integers(0, 9) | st.integers(0, 2**62)
expressions = st.recursive(
    numbers.map(str) | st.sampled_from(["a", "b", "zero"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", "-", " * ", "//", " % ", "*"]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=12,
)
VALUES = {"a": 7, "b": -12, "zero": 0}


class _NoFit(Exception):
    pass


def by_python(node: ast.expr) -> int:
    """Return the value of a parsed Python expression; raise where a step leaves 64 bits or divides by zero."""
    match node:
        case ast.Constant(value=int(value)):
            result = value
        case ast.Name(id=name):
            result = VALUES[name]
        case ast.UnaryOp(op=ast.USub()):
            result = _negated(node)
        case ast.BinOp(left=left, op=op, right=right):
            one, other = by_python(left), by_python(right)
            result = {
                ast.Add: int.__add__,
                ast.Sub: int.__sub__,
                ast.Mult: int.__mul__,
                ast.FloorDiv: int.__floordiv__,
                ast.Mod: int.__mod__,
            }[type(op)](one, other)
        case _:
            raise AssertionError(ast.dump(node))
    if not -(2**63) <= result < 2**63:
        raise _NoFit
    return result


def _negated(node: ast.expr) -> int:
    """Return the value of a run of minus signs, which is one step."""
    signs = 0
    while isinstance(node, ast.UnaryOp):
        node, signs = node.operand, signs + 1
    return by_python(node) * (-1) ** signs


def result_of(expression: str) -> int | str:
    """Return the value, or the rule that is broken."""
    try:
        return evaluate(expression, VALUES.__getitem__)
    except ExpressionError as error:
        return error.rule


@given(expressions)
@example("--7 // 2")
@example("-7 % 3 * -2")
def test_arithmetic_is_pythons(expression: str) -> None:
    try:
        expected: int | None = by_python(ast.parse(expression, mode="eval").body)
    except (ZeroDivisionError, _NoFit):
        expected = None
    assert result_of(expression) == (expected if expected is not None else "bad-arithmetic")


@given(st.text("0123456789 ab+-*/%()._$\n\"e'", max_size=30) | st.text(max_size=10))
def test_any_text_is_a_value_or_a_fault_with_a_place(text: str) -> None:
    fault: ExpressionError | None = None
    try:
        value = evaluate(text, lambda name: 3)
    except ExpressionError as error:
        fault = error
    if fault is None:
        assert -(2**63) <= value < 2**63
        assert re.fullmatch(r"[\s0-9A-Za-z_+\-*/%()]+", text)
    else:
        assert fault.start is not None
        assert fault.end is not None
        assert 0 <= fault.start <= fault.end <= len(text)


# ------------------------------------------------------------------------------------------- blocks and repeats
#
# A layer is {"name", "units", "from"?}; a use has "block", a repeat "times" and "layers". Everything is named, so
# what is compared is unrolling, prefixes, suffixes, wiring and parameters.

NAMES = ["a", "b", "c", "d", "e", "f"]


@st.composite
def bodies(draw: st.DrawFn, blocks: int, depth: int, outer: tuple[str, ...]) -> list[dict[str, Any]]:
    """Draw the layers of a body that may use the blocks below a number and read the names of `outer`."""
    written: list[dict[str, Any]] = []
    known = list(outer)
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
        kind = draw(st.sampled_from(["layer", "layer", "use", "repeat"]))
        item: dict[str, Any] = {"name": name}
        if known and draw(st.booleans()):
            count = draw(st.integers(1, 2))
            item["from"] = [draw(st.sampled_from(known)) for _ in range(count)]
        if kind == "repeat" and depth:
            inner = draw(bodies(blocks, depth - 1, tuple(known)))
            times = draw(st.integers(1, 3))
            item = {"times": times, "layers": inner}
            known += [f"{each}_{i}" for each in plain_names(inner) for i in range(1, times + 1)]
        elif kind == "use" and blocks:
            item |= {"block": draw(st.integers(0, blocks - 1)), "units": draw(st.integers(1, 9))}
            known.append(name)
        else:
            item["units"] = draw(st.sampled_from(["$units", "${units * 2 + 1}", 5]))
            known.append(name)
        written.append(item)
    return written


def plain_names(items: list[dict[str, Any]]) -> list[str]:
    """Return the names that the items of a body have in it."""
    found: list[str] = []
    for item in items:
        if "times" in item:
            found += [f"{name}_{i}" for name in plain_names(item["layers"]) for i in range(1, item["times"] + 1)]
        else:
            found.append(item["name"])
    return found


@st.composite
def specs(draw: st.DrawFn) -> tuple[list[list[dict[str, Any]]], list[dict[str, Any]]]:
    blocks = [draw(bodies(index, 2, ("$input",))) for index in range(draw(st.integers(0, 3)))]
    return blocks, draw(bodies(len(blocks), 2, ("x",)))


def to_yaml(items: list[dict[str, Any]]) -> list[Any]:
    written: list[Any] = []
    for item in items:
        keys = {key: value for key, value in item.items() if key != "block"}
        if "from" in keys and len(keys["from"]) == 1:
            keys["from"] = keys["from"][0]
        if "times" in item:
            written.append({"repeat": {"times": item["times"], "layers": to_yaml(item["layers"])}})
        else:
            written.append({f"block{item['block']}" if "block" in item else "dense": keys})
    return written


def unrolled(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a body without repeats: each is written out with other names, as a user would do by hand."""
    found: list[dict[str, Any]] = []
    for item in items:
        if "times" not in item:
            found.append(item)
            continue
        inner = unrolled(item["layers"])
        own = {each["name"] for each in inner}
        for i in range(1, item["times"] + 1):
            for each in inner:
                copy = each | {"name": f"{each['name']}_{i}"}
                if "from" in each:
                    copy["from"] = [f"{name}_{i}" if name in own else name for name in each["from"]]
                found.append(copy)
    return found


def flattened(
    items: list[dict[str, Any]], blocks: list[list[dict[str, Any]]], units: int, prefix: str, given: list[str]
) -> list[tuple[str, int, list[str]]]:
    """Return (name, units, what it reads) of each layer; a use is replaced by its block, its names prefixed."""
    found: list[tuple[str, int, list[str]]] = []
    layers = unrolled(items)
    leads_to: dict[str, list[str]] = {"$input": given, "x": ["x"]}
    leads_to |= {item["name"]: [prefix + last_of(item, blocks)] for item in layers}
    previous = given
    for item in layers:
        reads = [full for name in item["from"] for full in leads_to[name]] if "from" in item else previous
        if "block" in item:
            found += flattened(blocks[item["block"]], blocks, item["units"], f"{prefix}{item['name']}_", reads)
        else:
            value = {"$units": units, "${units * 2 + 1}": 2 * units + 1, 5: 5}[item["units"]]
            found.append((f"{prefix}{item['name']}", value, reads))
        previous = [found[-1][0]]
        assert previous == leads_to[item["name"]] or collides([item["name"] for item in layers])
    return found


def last_of(item: dict[str, Any], blocks: list[list[dict[str, Any]]]) -> str:
    """Return the name of the layer whose output an item's is."""
    if "block" not in item:
        return str(item["name"])
    return f"{item['name']}_{last_of(unrolled(blocks[item['block']])[-1], blocks)}"


def collides(names: list[str]) -> bool:
    return len(set(names)) < len(names)


@settings(max_examples=300)
@given(specs())
def test_unrolling_is_what_writing_out_by_hand_gives(
    spec: tuple[list[list[dict[str, Any]]], list[dict[str, Any]]],
) -> None:
    blocks, layers = spec
    written = {
        "vars": {"units": 4},
        "inputs": {"x": {"shape": [4]}},
        "blocks": {
            f"block{index}": {"params": {"units": None}, "layers": to_yaml(body)} for index, body in enumerate(blocks)
        },
        "layers": to_yaml(layers),
    }
    items, faults = layer_items(parse(json.dumps(written), "s.yaml"))
    expected = flattened(layers, blocks, 4, "", ["x"])
    if faults:  # a name such as `a_1` may come about twice; nothing else may be wrong
        assert {fault.rule for fault in faults} == {"duplicate-name"}
        return
    assert not collides([name for name, _, _ in expected])
    found = []
    previous = ["x"]
    for item in items:
        keys = plain(item.keys)
        reads = keys.get("from", previous)
        found.append((item.name, keys["units"], reads if isinstance(reads, list) else [reads]))
        previous = [item.name]
    assert found == expected


types = st.sampled_from(["relu", "relu", "dense", "tanh", "block0", "block1"])
unnamed = st.recursive(
    types | st.tuples(types, st.sampled_from(["relu", "relu_1", "relu_2", "dense_1_1", "x"])),
    lambda inner: st.tuples(st.integers(1, 3), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)


@given(st.lists(unnamed, min_size=1, max_size=4), st.lists(st.sampled_from(["relu", "dense", "relu_1"]), min_size=1))
def test_every_layer_gets_a_name_of_its_own(layers: list[Any], inside: list[str]) -> None:
    def write(item: Any) -> Any:
        if isinstance(item, str):
            return item
        if isinstance(item[0], str):
            return {item[0]: {"name": item[1]}}
        return {"repeat": {"times": item[0], "layers": [write(each) for each in item[1]]}}

    written = {
        "inputs": {"relu_1": {"shape": [4]}, "x": {"shape": [4]}},
        "blocks": {
            "block0": {"layers": [name if name != "relu_1" else {"relu": {"name": name}} for name in inside[:1]]},
            "block1": {"layers": ["block0", {"repeat": {"times": 2, "layers": ["relu", "block0"]}}]},
        },
        "layers": [{"relu": {"name": "first", "from": "x"}}, *map(write, layers)],
    }
    items, faults = layer_items(parse(json.dumps(written), "s.yaml"))
    assert {fault.rule for fault in faults} <= {"duplicate-name"}
    if not faults:
        names = [item.name for item in items]
        assert not collides([*names, "x", "relu_1"])
        assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in names)


# --------------------------------------------------------------------------------------------------- mutilation

CASES = sorted(
    path
    for folder in ("ok", "err")
    for pattern in ("vars_*.yaml", "blocks_*.yaml", "repeat_*.yaml")
    for path in (Path(__file__).parents[1] / "cases" / folder).glob(pattern)
)
FRAGMENTS = """$ ${ } $input $units ${1//0} ${-9} $$ - [ ] { } , : null 0 -1 1000000000 relu add part repeat times
layers blocks vars params from name x 'a' "${width}" a_1 1.5 true inner outer"""
edits = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 12), st.sampled_from(["", " ", "\n", "\n  ", *FRAGMENTS.split()])),
    min_size=1,
    max_size=4,
)


def findings(text: str) -> tuple[Diagnostic, ...]:
    try:
        return build_graph(read(parse(text, "s.yaml"))).warnings
    except SpecError as error:
        return error.diagnostics


def check_findings(found: tuple[Diagnostic, ...], text: str) -> None:
    lines = text.split("\n")
    for diagnostic in found:
        for span in (diagnostic.span, *(note.span for note in diagnostic.notes if note.span)):
            assert 1 <= span.line <= span.end_line <= len(lines) + 1
            assert (span.line, span.column) <= (span.end_line, span.end_column)
        assert not diagnostic.message.endswith(".")
    assert bool(render_text(found, {"s.yaml": text})) == bool(found)
    assert render_json(found)


def test_there_are_cases_to_mutilate() -> None:
    assert len(CASES) > 35


@settings(max_examples=400)
@given(st.sampled_from(CASES), edits)
def test_no_spec_makes_a_traceback(path: Path, edits: list[tuple[int, int, str]]) -> None:
    text = path.read_text(encoding="utf-8")
    for place, length, fragment in edits:
        place %= len(text) + 1
        text = text[:place] + fragment + text[place + length :]
    check_findings(findings(text), text)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_each_case_cut_short_anywhere_makes_no_traceback(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for end in range(0, len(text), max(1, len(text) // 25)):
        check_findings(findings(text[:end]), text[:end])
