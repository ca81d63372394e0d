"""Memory as the target says, in C: what works in place, joins without copies, inputs and outputs of the caller."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from netspec import toolchain
from netspec.device.kernels import kernel_set
from netspec.emit import host_defines, host_functions, host_main
from netspec.graph import Graph
from netspec.ops import Binary, Op, Softmax, Unary
from netspec.quantize.model import QuantizedModel
from netspec.toolchain.arm import device_kernels
from netspec.toolchain.compiler import ADDRESS, STRICT
from netspec.verify.board import run_on_board
from netspec.verify.oracles import compile_network, run_program
from netspec.verify.proof import compare
from tests.builds import bakenn_kernels
from tests.emitted_nets import NETS
from tests.models import firmware, int8_inputs, make_model
from tests.specs import make_graph


def _joins(**sections: Any) -> Graph:
    """Joins at odd bytes, in joins, of what was computed in place, of a piece twice, and one that must be copied."""
    layers = [
        {"dense": {"name": "a", "from": "x", "units": 5}},
        {"tanh": {"name": "a_tanh"}},
        {"dense": {"name": "b", "from": "y", "units": 3, "activation": "relu"}},
        {"concatenate": {"name": "inner", "from": ["b", "a_tanh"]}},
        {"dense": {"name": "c", "from": "x", "units": 8}},
        {"add": {"name": "sum", "from": ["inner", "c"]}},
        {"concatenate": {"name": "outer", "from": ["y", "sum", "sum", "c"]}},
        {"dense": {"name": "d", "units": 7}},
        {"concatenate": {"name": "end", "from": ["d", "outer"]}},
        {"softmax": {"name": "soft"}},
    ]
    return make_graph(layers, {"x": (6,), "y": (4,)}, **sections)


def _odd_outputs(**sections: Any) -> Graph:
    """An input that is an output, a tensor that is two outputs, one that later layers read; names like the code's."""
    layers = [
        {"reshape": {"name": "same", "from": "dims", "target_shape": [3, 2]}},
        {"dense": {"name": "offset", "from": "dims", "units": 4}},
        {"reshape": {"name": "memory", "target_shape": [2, 2]}},
        {"sigmoid": {"name": "arena", "from": "offset"}},
        {"add": {"name": "status", "from": ["offset", "arena"]}},
    ]
    outputs = ["same", "offset", "memory", "status"]
    return make_graph(layers, {"dims": (6,)}, outputs=outputs, **sections)


EXTERNAL = {"target": {"io": "external"}}


def regions(*sizes: int, io: str = "arena") -> dict[str, Any]:
    """Return a target with regions of these sizes; the second also holds constants, the last is large."""
    memory = [{"name": f"ram{index}", "size": size} for index, size in enumerate([*sizes, 2**20])]
    memory[1]["holds"] = ["arena", "weights"]
    return {"target": {"memory": memory, "io": io}}


OPTIONS: dict[str, Callable[[], Graph]] = {
    "joins": _joins,
    "joins, external": lambda: _joins(**EXTERNAL),
    "odd outputs": _odd_outputs,
    "odd outputs, external": lambda: _odd_outputs(**EXTERNAL),
    "one layer, external": lambda: make_graph([{"dense": {"units": 3}}], (5,), **EXTERNAL),
    "joins, two memories": lambda: _joins(**regions(32)),
    "joins, three memories, external": lambda: _joins(**regions(16, 100, io="external")),
    "odd outputs, two memories": lambda: _odd_outputs(**regions(16)),
    "odd outputs, one that is too small": lambda: _odd_outputs(**regions(0)),
    "views, external": lambda: make_graph([{"flatten": {"name": "flat"}}], (2, 3), **EXTERNAL),
}


def _kernels(provider: str, model: QuantizedModel) -> toolchain.KernelSet:
    called = host_functions(model)
    return (
        toolchain.portable_kernels(called)
        if provider == "portable"
        else toolchain.cmsis_kernels(bakenn_kernels(), called)
    )


def test_the_nets_share_what_they_are_there_for() -> None:
    shares = make_model(_joins()).plan.memory.shares
    assert {(each.output, each.replaces) for each in shares} >= {("a_tanh", True), ("inner", False), ("sum", True)}
    assert any(each.offset % 4 for each in shares)
    copied = [each for each in shares if each.output == "outer"]
    assert len(copied) < 4  # `sum` stands there twice, and one of them is a copy


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("provider", ["portable", "arm"])
def test_every_tensor_equals_the_reference(provider: str, option: str, tmp_path: Path) -> None:
    model = make_model(OPTIONS[option]())
    inputs = int8_inputs(model)
    expected = model.run(inputs)
    program = compile_network(model, firmware(model), _kernels(provider, model), tmp_path / "network", sanitize=ADDRESS)
    for name, got in run_program(model, program, inputs).items():
        np.testing.assert_array_equal(got, expected[name].reshape(got.shape), err_msg=name)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_test_program_finds_nothing_wrong(option: str, tmp_path: Path) -> None:
    model = make_model(OPTIONS[option]())
    program = _test_program(model, firmware(model), tmp_path)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "net: 4 samples, 0 mismatches\n")


def test_the_test_program_can_fail_in_every_output(tmp_path: Path) -> None:
    model = make_model(OPTIONS["odd outputs, external"]())
    files = firmware(model)
    for port in model.plan.graph.outputs:
        vectors = files["net_test_vectors.c"]
        at = vectors.index(f"net_test_output_{port.name}[")
        at = vectors.index("        ", vectors.index("{", vectors.index("=", at)) + 6)
        end = min(vectors.index(mark, at) for mark in ",\n")
        value = int(vectors[at:end])
        wrong = {**files, "net_test_vectors.c": f"{vectors[:at]}{value ^ 1}{vectors[end:]}"}
        done = subprocess.run([_test_program(model, wrong, tmp_path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "net: 4 samples, 1 mismatches\n"), port.name


def _test_program(model: QuantizedModel, files: dict[str, str], folder: Path) -> Path:
    _write(files, folder)
    kernels = _kernels("portable", model)
    return toolchain.compile_program(
        [folder / name for name in ("net.c", "net_weights.c", "net_test.c", "net_test_vectors.c")],
        [folder, *kernels.include_dirs],
        [*kernels.defines, "NET_DEBUG=1"],
        [toolchain.compile_library(kernels, sanitize=ADDRESS)],
        folder / "program",
        system_include_dirs=kernels.system_include_dirs,
        sanitize=ADDRESS,
    )


def _write(files: dict[str, str], folder: Path) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("net", [*OPTIONS, "image", "sequence", "names"])
def test_compiles_without_a_warning_and_asserts_its_plan(net: str, tmp_path: Path) -> None:
    graph = OPTIONS[net]() if net in OPTIONS else NETS[net]()
    model = make_model(graph)
    files = {**firmware(model), "host_main.c": host_main(model)}
    _write(files, tmp_path)
    includes = [f"-I{tmp_path / folder}" for folder in (".", "kernels/include", "kernels/portable/include")]
    for defines in ([], [f"-D{define}" for define in host_defines(model)]):
        for source in ("net.c", "net_weights.c", "net_test.c", *(["host_main.c"] if defines else [])):
            command = [*toolchain.find_cc().command, *STRICT, "-Wshadow", "-Wundef", *defines, *includes, "-c"]
            done = subprocess.run(
                [*command, tmp_path / source, "-o", "/dev/null"], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    shared = [each for each in model.plan.memory.shares if each.input in model.plan.memory.tensor_offsets]
    assert files["net.c"].count("STATIC_ASSERT(net_within_") == len(shared)


NAMES = (
    "int",
    "memory",
    "arena",
    "weights",
    "section",
    "aligned",
    "status",
    "input_x",
    "h",
    "alignment_",
    "a",
    "a_size",
)


@pytest.mark.parametrize("io", ["arena", "external"])
def test_names_of_regions_that_are_accepted_compile(io: str, tmp_path: Path) -> None:
    """Keywords, names of the emitted code's own, beginnings of one another: each behind a prefix that no other has."""
    holds = ["arena", "weights"]
    memory = [{"name": name, "size": 48, "holds": holds} for name in NAMES[:-1]]
    memory.append({"name": NAMES[-1], "size": 2**16, "holds": holds})
    layers = [{"dense": {"name": f"arena_{name}", "units": 20}} for name in NAMES]
    model = make_model(make_graph(layers, (20,), target={"memory": memory, "io": io}))
    assert len([size for size in model.plan.memory.arenas if size]) > 1
    files = firmware(model)
    _write(files, tmp_path)
    includes = [f"-I{tmp_path / folder}" for folder in (".", "kernels/include", "kernels/portable/include")]
    for source in ("net.c", "net_weights.c", "net_test.c"):
        command = [*toolchain.find_cc().command, *STRICT, "-Wshadow", "-DNET_DEBUG=1", *includes, "-c"]
        done = subprocess.run(
            [*command, tmp_path / source, "-o", "/dev/null"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_a_shared_place_that_moves_does_not_compile(tmp_path: Path) -> None:
    model = make_model(_joins())
    files = firmware(model)
    _write(files, tmp_path)
    offset = model.plan.memory.tensor_offsets["a_tanh"]
    moved = files["net.c"].replace(f"NET_A_TANH_AT = {offset},", f"NET_A_TANH_AT = {offset + 1},")
    assert moved != files["net.c"]
    (tmp_path / "net.c").write_text(moved)
    includes = [f"-I{tmp_path / folder}" for folder in (".", "kernels/include", "kernels/portable/include")]
    command = [*toolchain.find_cc().command, "-DNET_DEBUG=1", *includes, "-fsyntax-only", tmp_path / "net.c"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "net_within_" in done.stderr


_EXTERNAL = """
#include <stdio.h>
#include "net.h"

int main(void)
{
    static NET_ARENA(arena);
    static const int8_t given[NET_INPUT_X_SIZE] = {1, 2, 3};
    static int8_t result[NET_OUTPUT_LAST_SIZE];
    printf("%d %d %d %d\\n", net_run(arena, sizeof arena, NULL, result), net_run(arena, sizeof arena, given, NULL),
           net_run(NULL, 0, given, result), net_run(arena, sizeof arena, given, result));
    printf("%s\\n", net_status_name(NET_BAD_POINTER));
    return 0;
}
"""


def test_null_pointers_are_refused_and_a_constant_input_is_only_read(tmp_path: Path) -> None:
    layers = [{"sigmoid": {"name": "first"}}, {"dense": {"name": "middle", "units": 3}}, {"tanh": {"name": "last"}}]
    model = make_model(make_graph(layers, (4,), **EXTERNAL))
    _write({**firmware(model), "main.c": _EXTERNAL}, tmp_path)
    kernels = _kernels("portable", model)
    program = toolchain.compile_program(
        [tmp_path / name for name in ("net.c", "net_weights.c", "main.c")],
        [tmp_path, *kernels.include_dirs],
        kernels.defines,
        [toolchain.compile_library(kernels, sanitize=ADDRESS)],
        tmp_path / "program",
        sanitize=ADDRESS,
    )
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "-2 -2 -1 0\nbad pointer\n"), done.stderr


_IN_PLACE = """
#include <stdio.h>
#include <string.h>
#include "netspec_kernels.h"

enum { MOST = 100 };

static int8_t one[MOST], two[MOST], table[256], apart[MOST], here[MOST];
static uint32_t state = 1;

static int8_t drawn(void)
{
    state = state * 1664525u + 1013904223u;
    return (int8_t)((int32_t)(state >> 24) - 128);
}

int main(void)
{
    int differences = 0;
    for (int i = 0; i < 256; i++) {
        table[i] = drawn();
    }
    for (int32_t size = 1; size <= MOST; size++) {
        for (int i = 0; i < MOST; i++) {
            one[i] = drawn();
            two[i] = drawn();
        }
        %s
    }
    printf("%%d\\n", differences);
    return 0;
}
"""
_COMPARE = "differences += memcmp(apart, here, sizeof here) != 0;"
_SUM = """
static const netspec_add sum = {.multiplier1 = 1073741824, .multiplier2 = 1518500250, .multiplier = 1288490189,
    .offset1 = 3, .offset2 = -7, .shift1 = 0, .shift2 = -1, .shift = -18, .output_offset = 4, .min = -120, .max = 127};
"""
_SET = kernel_set("netspec")


def _of_two(function: str) -> list[str]:
    """Return the calls of a function of two tensors: over the first, over the second, and over one that is both."""
    return [
        f"{_SUM} memcpy(apart, {over}, MOST); {function}(&sum, {apart}, apart, size); memcpy(here, {over}, MOST);"
        f" {function}(&sum, {here}, here, size); {_COMPARE}"
        for over, apart, here in [
            ("one", "one, two", "here, two"),
            ("two", "one, two", "one, here"),
            ("one", "one, one", "here, here"),
        ]
    ]


_BINARY = [Binary(kind, (4,)) for kind in get_args(get_type_hints(Binary)["kind"])]
_SAMPLES: dict[str, Op] = {op.variant(): op for op in [*_BINARY, Unary("tanh", (4,)), Softmax((4,))]}
_CALLS: dict[str, list[str]] = {
    **{op.variant(): _of_two(f"netspec_{op.kind}_s8") for op in _BINARY},
    "unary.tanh": [
        "memcpy(apart, one, MOST); (void)netspec_table_s8(one, table, apart, size); memcpy(here, one, MOST);"
        f" (void)netspec_table_s8(here, table, here, size); {_COMPARE}",
    ],
    "softmax": [
        "memcpy(apart, one, MOST); netspec_softmax_s8(one, 1, size, 1431655765, 24, -500, apart);"
        f" memcpy(here, one, MOST); netspec_softmax_s8(here, 1, size, 1431655765, 24, -500, here); {_COMPARE}",
        "memcpy(apart, one, MOST); netspec_softmax_s8(one, size / 3, 3, 1431655765, 24, -500, apart);"
        " memcpy(here, one, MOST); netspec_softmax_s8(here, size / 3, 3, 1431655765, 24, -500, here);"
        f" {_COMPARE}",
    ],
}


def test_every_kernel_that_works_in_place_is_tried() -> None:
    overridden = {stem for stem, kernel in _SET.kernels.items() if "in_place" in type(kernel).__dict__}
    assert set(_CALLS) == set(_SAMPLES)
    assert overridden == {op.stem for op in _SAMPLES.values()}
    assert all(_SET.kernel(op).in_place(op) for op in _SAMPLES.values())


@pytest.mark.parametrize(("op", "call"), [(op, call) for op, calls in _CALLS.items() for call in calls])
@pytest.mark.parametrize("optimized", ["-O0", "-O3"])
def test_kernels_give_the_same_in_place(op: str, call: str, optimized: str, tmp_path: Path) -> None:
    kernels = toolchain.portable_kernels(frozenset(_SET.kernel(_SAMPLES[op]).functions(_SAMPLES[op], "none")))
    (tmp_path / "main.c").write_text(_IN_PLACE % call)
    program = toolchain.compile_program(
        [tmp_path / "main.c"],
        kernels.include_dirs,
        kernels.defines,
        [toolchain.compile_library(kernels, flags=(optimized,))],
        tmp_path / "program",
        flags=(optimized,),
        strict=False,
    )
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "0\n")


@pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="needs gcc-arm-none-eabi and qemu-system-arm",
)
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("option", ["joins, three memories, external", "odd outputs, two memories"])
def test_boards_give_the_same_bytes(option: str, core: str) -> None:
    """Pieces at odd bytes, which a core without unaligned access would fault on; sections; pointers of the caller."""
    model = make_model(OPTIONS[option](), core=core)
    inputs = int8_inputs(model)
    run = run_on_board(model, firmware(model), device_kernels(host_functions(model), bakenn_kernels()), inputs)
    assert compare(model, run.board.machine, model.run(inputs), run.outputs).mismatches == 0
