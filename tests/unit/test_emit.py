"""Emission: identifiers, literals, determinism, what the text must and must not hold, and the values of the calls."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from contextlib import nullcontext
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netspec.device.blocks import Block, blocks, together
from netspec.device.cmsis_nn import Extension
from netspec.device.kernels import kernel_set
from netspec.device.kernels.cmsis_nn import concatenate
from netspec.device.names import Names
from netspec.device.plan import plan_device
from netspec.emit import plain_inputs
from netspec.emit.literals import float32, harmless, rows, wrapped
from netspec.emit.render import render
from netspec.ops import Concatenate, Conv2D, Padding, Param
from netspec.ops.numbers import Integers, Quant, Quantized
from netspec.quantize.quantize import numbers_of
from netspec.system.resources import templates_dir
from tests.emitted_nets import NETS
from tests.models import DIGEST, firmware, make_model
from tests.specs import make_graph


def emitted(net: str, core: str | None = None) -> dict[str, str]:
    return firmware(make_model(NETS[net](), core=core))


def test_names_are_given_once() -> None:
    names = Names("kws")
    assert [names.symbol("a_kernel"), names.symbol("a_kernel"), names.symbol("A_kernel")] == [
        "kws_a_kernel",
        "kws_a_kernel_2",
        "kws_A_kernel",
    ]
    assert names.macro("Conv") == "KWS_CONV"
    assert names.macro("conv") == "KWS_CONV_2"
    assert names.macros("x", ("_AT", "_BYTES")) == "KWS_X"
    assert names.macro("y_at") == "KWS_Y_AT"
    assert names.macros("y", ("_AT", "_BYTES")) == "KWS_Y_2"


@example(-3.4025001647762064e38)  # 3.403e38 is past the largest
@example(3.4028234663852886e38)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float_literals_are_exact(value: float) -> None:
    text = float32(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?f", text)
    assert "." in text or "e" in text  # 1f is no C
    assert struct.pack("<f", float(text[:-1])) == struct.pack("<f", value)


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=200), st.integers(1, 60))
def test_rows_keep_every_value_and_break_at_groups(values: list[int], group: int) -> None:
    lines = rows(values, group)
    counts = [len(line.split(",")) for line in lines]
    assert [int(text) for line in lines for text in line.split(",")] == values
    assert max(map(len, lines)) <= 116
    starts = {sum(counts[:index]) for index in range(len(counts))}
    assert all(start in starts or group <= max(counts) for start in range(0, len(values), group))


@given(st.lists(st.text(st.sampled_from("ab"), min_size=1, max_size=50), min_size=1, max_size=30))
def test_wrapping_changes_white_space_only(words: list[str]) -> None:
    for before, mark, after in [("    f(", ", ", ");"), ("/* ", " ", " */"), (" * ", " ", "")]:
        line = before + mark.join(words) + after
        result = wrapped(line)
        assert all(len(part) <= 120 for part in result.split("\n"))
        assert re.sub(r"[\s*]", "", result) == re.sub(r"[\s*]", "", line)


def test_a_file_name_cannot_leave_its_comment() -> None:
    assert harmless('a*/b\n#include "x"\\') == "a__b__include _x__"
    assert harmless("größe_2.yaml") == "größe_2.yaml"


@pytest.mark.parametrize("net", NETS)
def test_lines_fit(net: str) -> None:
    files = emitted(net)
    long = [f"{name}: {line}" for name, text in files.items() for line in text.split("\n") if len(line) > 120]
    assert [line for line in long if not line.startswith(("README.md: |", "kernels/"))] == []


def test_same_model_gives_the_same_bytes() -> None:
    assert emitted("image") == emitted("image")
    program = (
        "import hashlib; from tests.unit.test_emit import emitted\n"
        "print(hashlib.sha256(repr(sorted(emitted('sequence').items())).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_text_holds_what_it_must_and_nothing_else(net: str, core: str) -> None:
    model = make_model(NETS[net](), core=core)
    files = firmware(model)
    own = {name: text for name, text in files.items() if not name.startswith("kernels/")}
    name, upper = model.name, model.name.upper()
    everything = "\n".join(own.values())
    source, header = own[f"{name}.c"], own[f"{name}.h"]

    assert not re.search(r"\b(malloc|calloc|realloc|free|alloca|printf)\b", source)
    assert not re.search(r"\b(19|20)\d\d-\d\d-\d\d\b|/home/|/tmp/|/usr/", everything)
    assert "{{" not in everything
    assert "{%" not in everything
    assert not re.search(r"[ \t]$", everything, re.MULTILINE)
    assert all(text.endswith("\n") and not text.endswith("\n\n") for text in own.values())
    assert not re.search(r"\n\n\n", source + header)
    # No state: whatever is static is constant, or a function.
    assert all(
        "(" in line or line.startswith("static const ") for line in re.findall(r"^\s*(static .*)", source, re.MULTILINE)
    )
    # Every kernel that returns a status has it checked, and every layer can be told apart.
    calls = re.findall(r"const arm_cmsis_nn_status status = \w+\(", source)
    checks = re.findall(r"if \(status != ARM_CMSIS_NN_SUCCESS\) {\n\s+return (\w+);", source)
    assert len(calls) == len(checks) == len(set(checks))
    assert len(calls) + len(
        re.findall(
            r"^\s+netspec_(?:convolve|depthwise_conv|softmax|dense|add|pad)(?:_packed|_eights)?_s8\(",
            source,
            re.MULTILINE,
        )
    ) >= sum(not isinstance(node.op, Concatenate) for node in model.plan.graph.nodes)
    assert source.count(f"    {upper}_TRACE(") == len(model.plan.graph.nodes)
    assert f'#define {upper}_SPEC_SHA256 "{DIGEST}"' in header
    assert f"#define {upper}_ARENA_BYTES {model.plan.arena_bytes}\n" in header
    # Flash is what the plan counted.
    sizes = {"int8_t": 1, "int32_t": 4}
    arrays = re.findall(r"const (int8_t|int32_t) \w+\[(\d+)\] = {", own[f"{name}_weights.c"])
    assert sum(sizes[kind] * int(count) for kind, count in arrays) == model.plan.constant_bytes


@pytest.mark.parametrize("net", ["image", "names"])
def test_identifiers_are_unique_and_prefixed(net: str) -> None:
    files = emitted(net, "cortex-m55")
    source, header, weights = files["net.c"], files["net.h"], files["net_weights.h"]
    enumerators = re.findall(r"\b(NET_\w+) = -?\d+", source + header)
    arrays = re.findall(r"\b(\w+)\[\d+\];", weights)
    functions = re.findall(r"^(?:static )?[\w ]+[ *](\w+)\(.*\)\n{", source, re.MULTILINE)
    for found in (enumerators, arrays, functions, arrays + functions):
        assert found
        assert len(found) == len(set(found))
        assert all(name.lower().startswith("net_") for name in found)


def test_missing_values_are_errors() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        render("weights.h.j2", spec="net.yaml")


def test_every_kernel_has_a_template_and_every_template_a_kernel() -> None:
    folder = templates_dir() / "ops"
    templates = {path.relative_to(folder).as_posix().removesuffix(".c.j2") for path in folder.glob("*/*.c.j2")}
    every = [(stem, k) for name in ("netspec", "cmsis-nn") for stem, k in kernel_set(name).kernels.items()]
    assert templates == {kernel.template for _, kernel in every}
    for variant, kernel in every:  # one op, one stem
        assert kernel.template.partition("/")[2] == variant.partition(".")[0]


def test_templates_compute_nothing() -> None:
    for path in templates_dir().rglob("*.j2"):
        for expression in re.findall(r"{{(.*?)}}|{%(.*?)%}", path.read_text(encoding="utf-8")):
            text = re.sub(r'"[^"]*"', "", "".join(expression))
            text = text.replace("view.inputs + view.outputs", "")  # joins two lists
            assert not re.search(r"(?<!^)[*/]|[-+] | \w+ - |%|\bround\b|\babs\b", text.strip(" -")), (path, text)


@pytest.mark.parametrize("net", NETS)
def test_arena_blocks_replay_the_plan(net: str) -> None:
    plan = make_model(NETS[net]()).plan
    found = blocks(plan)
    assert {block.tensor for block in found if block.tensor} == set(plan.graph.tensors)
    assert {block.node: block.size for block in found if block.node} == dict(plan.memory.scratch_bytes)
    for one, two in together(found, plan.memory.shares):
        assert one.offset + one.size <= two.offset or two.offset + two.size <= one.offset
    # The most bytes that are live at one step are the bound that the plan was made with.
    steps = range(-1, len(plan.graph.nodes) + 1)
    live = max(len({byte // 16 for b in found if b.first <= step <= b.last for byte in _bytes(b)}) for step in steps)
    assert 16 * live == plan.memory.largest_live_bytes


def _bytes(block: Block) -> range:
    return range(block.offset, block.offset + block.size)


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(0, 3),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.integers(1, 9),
)
def test_concatenation_copies_any_size_in_blocks(shape: list[int], axis: int, sizes: list[int], largest: int) -> None:
    axis %= len(shape)
    shapes = tuple((*shape[:axis], size, *shape[axis + 1 :]) for size in sizes)
    arrays = [np.arange(prod(each)).reshape(each) + 1000 * index for index, each in enumerate(shapes)]
    expected = np.concatenate(arrays, axis)
    op = Concatenate(shapes, expected.shape, axis)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(concatenate, "_LARGEST_SIZE", largest)
        copies = kernel_set("cmsis-nn").kernel(op).call(op, Quantized(), "none")["copies"]
    output = np.full(expected.size, -1)
    for copy in copies:
        assert max(copy["size"], copy["rows"], copy["pitch"]) <= largest
        source = arrays[copy["input"]].ravel()
        for row in range(copy["rows"]):
            start = copy["input_at"] + row * copy["size"]
            target = copy["output_at"] + copy["offset"] + row * copy["pitch"]
            output[target : target + copy["size"]] = source[start : start + copy["size"]]
    np.testing.assert_array_equal(output, expected.ravel())


def _conv1d(width: int, kernel: int, left: int, right: int, stride: int = 1, dilation: int = 1) -> Conv2D:
    output = (width + left + right - ((kernel - 1) * dilation + 1)) // stride + 1
    return Conv2D(
        (width, 4),
        (output, 8),
        Param("conv", "kernel", (kernel, 4, 8)),
        None,
        (1, kernel),
        (1, stride),
        (1, dilation),
        Padding(0, 0, left, right),
    )


_NUMBERS = Quantized(
    numbers={"input_zero_point": 3, "output_zero_point": -5, "activation_min": -5, "activation_max": 127}
)


@pytest.mark.parametrize(
    ("op", "gathered"),
    [
        (_conv1d(20, 3, 1, 1), True),
        (_conv1d(20, 3, 2, 0), True),  # causal
        (_conv1d(20, 4, 0, 0, stride=3), False),
        (_conv1d(20, 3, 4, 0, dilation=2), True),
        (_conv1d(20, 1, 0, 0, stride=2), False),
    ],
)
@pytest.mark.parametrize("extension", ["none", "dsp", "mve"])
def test_a_row_is_told_as_it_is_and_read_where_it_lies(op: Conv2D, gathered: bool, extension: Extension) -> None:
    kernel = kernel_set("netspec").kernel(op)
    call = kernel.call(op, _NUMBERS, extension)
    assert call["function"] == "netspec_convolve_s8"
    assert kernel.functions(op, extension) == ("netspec_convolve_s8",)
    for key, along, across in [
        ("input", 20, 1),
        ("filter", op.kernel_size[1], 1),
        ("output", op.output_shape[0], 1),
        ("stride", op.strides[1], 1),
        ("padding", op.padding.left, 0),
        ("dilation", op.dilation[1], 1),
    ]:
        assert (call[key]["w"], call[key]["h"]) == (along, across), key
    assert (call["input"]["c"], call["filter"]["n"], call["filter"]["c"]) == (4, 8, 4)
    assert (call["input_zero"], call["output_offset"]) == (3, -5)
    # What is reserved is room for the windows that the call says; with less, other cores take fewer at a time.
    room = {"none": 1, "dsp": 2, "mve": 4}[extension] if gathered else 4
    assert call["room"] == room
    assert kernel.scratch_bytes(op, extension) == (room * op.kernel_size[1] * 4 if gathered else 0)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_kernel_sums_hold_bias_and_input_offset(core: str) -> None:
    model = make_model(make_graph([{"dense": {"name": "out", "units": 5}}], (7,)), core=core)
    q = model.numbers["out"]
    expected = q.arrays["kernel"].astype(int).sum(axis=1) * -q.numbers["input_zero_point"] + q.arrays["bias"]
    text = firmware(model)
    found = re.search(r"int32_t net_out_kernel_sum\[5\] = {([^}]*)}", text["net_weights.c"])
    assert found
    assert [int(number) for number in found[1].split(",") if number.strip()] == expected.tolist()
    assert "net_out_bias" not in text["net_weights.c"]


def test_filters_of_one_channel_lie_one_after_the_other_where_it_is_a_plain_convolution() -> None:
    layer = {"depthwise_conv2d": {"name": "dw", "kernel_size": [3, 2], "depth_multiplier": 4}}
    for core, kernels, role in (
        ("cortex-m4", "netspec", "filters"),
        ("cortex-m55", "netspec", "filters"),
        ("cortex-m4", "cmsis-nn", "kernel"),
        ("cortex-m55", "cmsis-nn", "filters"),
    ):
        model = make_model(make_graph([layer], (6, 5, 1), target={"kernels": kernels}), core=core)
        q = model.numbers["dw"]
        assert q.arrays["filters"].shape == (4, 3, 2, 1)
        np.testing.assert_array_equal(q.arrays["filters"][:, :, :, 0], np.moveaxis(q.arrays["kernel"][0], 2, 0))
        found = re.search(rf"int8_t net_dw_{role}\[24\] = {{([^}}]*)}}", firmware(model)["net_weights.c"])
        assert found
        assert [int(n) for n in found[1].split(",") if n.strip()] == q.arrays[role].ravel().tolist()


def test_two_taps_of_128_below_zero_are_refused() -> None:
    """Helium adds the products of two taps in 16 bits: 2 * 128 * 128 does not fit. Only imported weights reach that."""
    layer = {"depthwise_conv2d": {"name": "d", "kernel_size": [1, 3]}}
    (node,) = plan_device(make_graph([layer], (4, 6, 2))).graph.nodes
    quant = Quant(0.5, 0)
    for taps, refused in (([-128, -128, 1], True), ([1, -128, -128], False), ([-128, -127, -128], False)):
        rows = np.array([[1, 2, 3], taps], np.int8)
        integers = Integers(rows, None, (0.01, 0.01), (0.005, 0.005))
        with pytest.raises(ValueError, match="two weights of -128") if refused else nullcontext():
            numbers_of(node, integers, [quant], [quant])
    (node,) = plan_device(make_graph([layer], (4, 6, 2), target={"kernels": "cmsis-nn"})).graph.nodes
    integers = Integers(np.full((2, 3), -128, np.int8), None, (0.01, 0.01), (0.005, 0.005))
    numbers_of(node, integers, [quant], [quant])


def _guards(
    layers: list[Any], shape: tuple[int, ...], core: str, kernels: str = "cmsis-nn"
) -> list[tuple[str, str, str]]:
    text = firmware(make_model(make_graph(layers, shape, target={"kernels": kernels}), core=core))["net.c"]
    return re.findall(r'\n/\* (.*) \*/\n#if (.*)\n#error "(.*)"', text)


def test_cores_that_want_more_scratch_are_refused() -> None:
    # Helium gathers 124 channels at a time, DSP instructions all there are, plain C none.
    deep = {"depthwise_conv2d": {"name": "d", "kernel_size": 5}}
    mve = "!defined(NETSPEC_PORTABLE_KERNELS) && defined(ARM_MATH_MVEI)"
    dsp = "!defined(NETSPEC_PORTABLE_KERNELS) && defined(ARM_MATH_DSP) && !defined(ARM_MATH_MVEI)"
    why = "d has 600 bytes of scratch and wants 12,400 with Helium."
    said = "planned for cortex-m4, not for Helium: run netspec build --core cortex-m55"
    assert _guards([deep], (6, 6, 12), "cortex-m4") == [(why, mve, said)]
    assert _guards([deep], (6, 6, 248), "cortex-m55") == []
    assert [condition for _, condition, _ in _guards([deep], (6, 6, 249), "cortex-m55")] == [dsp]
    # The general kernel, which plain C takes, and our own convolutions serve every core.
    assert _guards([deep], (6, 6, 249), "cortex-m0") == []
    convolution = {"conv2d": {"name": "c", "filters": 3, "kernel_size": 3}}
    assert _guards([convolution, deep], (8, 8, 12), "cortex-m4", "netspec") == []


def test_plain_inputs_repeat_and_reach_both_ends() -> None:
    model = make_model(NETS["sequence"]())
    one, two = plain_inputs(model), plain_inputs(model)
    for name in ("x", "y"):
        np.testing.assert_array_equal(one[name], two[name])
        assert one[name].shape[0] == 4
        assert set(np.unique(one[name][3])) == {-128, 127}
    assert one["x"][0].tolist() != one["x"][1].tolist()


def test_reserved_cmake_targets_are_left_alone() -> None:
    graph = make_graph([{"dense": {"units": 2}}], (3,), name="test")
    text = firmware(make_model(graph))["CMakeLists.txt"]
    assert "add_library(test_model STATIC test.c test_weights.c)" in text
    assert "add_library(net STATIC net.c net_weights.c)" in emitted("image")["CMakeLists.txt"]


@pytest.mark.parametrize(
    ("target", "arenas"),
    [({"io": "external"}, "the arena"), ({"io": "external", "memory": [
        {"name": "fast", "size": 32}, {"name": "slow", "size": 2**16}]}, "an arena")],
)  # fmt: skip
def test_the_caller_is_told_that_its_buffers_may_not_overlap(target: dict[str, Any], arenas: str) -> None:
    layers = [{"dense": {"units": 30}}, {"dense": {"units": 40}}, {"dense": {"units": 5}}]
    files = firmware(make_model(make_graph(layers, (16,), target=target)))
    for name in ("net.h", "README.md"):
        text = " ".join(files[name].replace("\n *", "\n").replace("these buffers", "them").split())
        assert f"No two of them may overlap, nor any of them {arenas}: a run would read" in text, name
