"""Firmware on emulated boards: the same bytes as the reference, what it costs, and how it fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from netspec.device.kernels.netspec import dense, dsp_depthwise_conv2d, packed_conv2d
from netspec.device.plan import plan_device
from netspec.diagnostics import ToolError
from netspec.emit import host_functions
from netspec.graph import Graph
from netspec.importers.command import run_import
from netspec.importers.result import graph_of
from netspec.quantize.model import QuantizedModel
from netspec.quantize.stored import quantize_stored, read_stored
from netspec.spec.source import load
from netspec.toolchain import portable_kernels
from netspec.toolchain.arm import CORES, Image, core_named, device_kernels, find_arm_gcc, link_image
from netspec.toolchain.qemu import Run, find_qemu, require_success, run_image
from netspec.train.weights import write_npz
from netspec.verify.board import BoardRun, link_network, run_on_board
from netspec.verify.oracles import Values
from netspec.verify.proof import compare
from tests.builds import bakenn_kernels, random_weights
from tests.emitted_nets import NETS
from tests.firmware.kernel_cases import (
    Case,
    addition,
    dense_eights,
    dense_packed,
    depthwise_3x3,
    own_depthwise_convolution,
    packed_convolution,
    read_results,
    write_cases,
)
from tests.footprints import random_network
from tests.importers.shared_models import known_input, shared_model
from tests.models import firmware, int8_inputs, make_model
from tests.op_rows import ROWS, net_of
from tests.specs import make_graph

REPOSITORY = Path(__file__).resolve().parents[2]
C_FILES = Path(__file__).with_name("c")
BOOTED = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
"""One core of each board."""


def board_run(
    model: QuantizedModel, inputs: Values, *, arm: bool = False, files: dict[str, str] | None = None, **more: Path
) -> BoardRun:
    kernels = device_kernels(host_functions(model), bakenn_kernels() if arm else None)
    return run_on_board(model, files or firmware(model), kernels, inputs, **more)


def mismatches(model: QuantizedModel, run: BoardRun, inputs: Values) -> list[str]:
    """Return the tensors that differ from the reference."""
    compared = compare(model, run.board.machine, model.run(inputs), run.outputs)
    assert compared.elements > 0
    return [result.tensor for result in compared.tensors if result.mismatches]


# A core without a board of its own shares most of its code with one that has: a net of every op is enough.
@pytest.mark.parametrize(
    ("core", "provider", "net"),
    [
        *((core, "portable", "image") for core in CORES),
        *((core, "portable", net) for core in BOOTED for net in ("sequence", "digits")),
        *((core, "arm", net) for core in ("cortex-m4", "cortex-m55") for net in ("image", "sequence", "digits")),
    ],
)
def test_every_tensor_equals_the_reference(core: str, provider: str, net: str) -> None:
    model = make_model(NETS[net](), core=core)
    inputs = int8_inputs(model)
    run = board_run(model, inputs, arm=provider == "arm")
    assert mismatches(model, run, inputs) == []
    assert run.cases == len(next(iter(inputs.values())))
    assert run.core.name == core
    assert run.board == CORES[core].board
    # The parts add up to the whole, which another image tells: what the trace adds is taken off.
    assert sum(layer.instructions for layer in run.layers) == pytest.approx(run.instructions, abs=len(run.layers))
    # At the very least, a vector instruction of Helium multiplies 16 times.
    assert run.instructions > run.figures.macs / 16 > 0


# Kernels that are written for some cores, and the cores that tell: for each way in which they are compiled one.
OWN_KERNELS: dict[str, tuple[tuple[str, ...], Callable[[Random], Case], int]] = {
    "netspec_depthwise_conv_s8": (("cortex-m0", "cortex-m4", "cortex-m55"), own_depthwise_convolution, 400),
    "netspec_depthwise_conv_3x3_s8": (("cortex-m0", "cortex-m4", "cortex-m7", "cortex-m55"), depthwise_3x3, 400),
    "netspec_convolve_packed_s8": (
        ("cortex-m0", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"),
        packed_convolution,
        400,
    ),
    "netspec_add_s8": (("cortex-m0", "cortex-m4", "cortex-m55"), addition, 400),
    "netspec_dense_eights_s8": (("cortex-m4", "cortex-m55"), dense_eights, 200),
    "netspec_dense_packed_s8": (("cortex-m0", "cortex-m7", "cortex-m33"), dense_packed, 200),
}


@pytest.mark.parametrize(
    ("function", "core"), [(function, core) for function, (cores, *_) in OWN_KERNELS.items() for core in cores]
)
def test_a_kernel_of_each_core_computes_the_specification(function: str, core: str, tmp_path: Path) -> None:
    """Cases that no network comes to: other geometry, more channels, values that saturate."""
    random = Random(f"{function} on {core}")
    _, draw, count = OWN_KERNELS[function]
    cases = [draw(random) for _ in range(count)]
    target = core_named(core, find_arm_gcc())
    kernels = portable_kernels(frozenset(OWN_KERNELS))
    source, image = C_FILES / "board_kernels.c", tmp_path / "image.elf"
    image_of = link_image(target, [source], kernels, image, app=False, board=target.larger or target.board)
    (tmp_path / "cases.bin").write_bytes(write_cases(cases))
    run = require_success(run_image(image_of, tmp_path), image_of, "run the cases")
    assert run.reports == (("cases", len(cases)),)
    results = read_results(cases, (tmp_path / "results.bin").read_bytes())
    for case, result in zip(cases, results, strict=True):
        assert result == case.expected(), case.parameters


@pytest.mark.parametrize("seed", range(0, 100, 9))
def test_random_networks_with_the_kernels_of_much_work(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for kernel, constant in (
        (dense, "WORTH_PACKING"),
        (packed_conv2d, "WORTH_PACKING"),
        (dsp_depthwise_conv2d, "WORTH_PLANES"),
    ):
        monkeypatch.setattr(kernel, constant, 0)
    model = make_model(random_network(seed), core="cortex-m4")
    inputs = {name: values[:2] for name, values in int8_inputs(model).items()}
    assert mismatches(model, board_run(model, inputs), inputs) == []


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m33", "cortex-m55"])
@pytest.mark.parametrize("stem", ROWS)
def test_an_op_by_its_rows(stem: str, core: str) -> None:
    model = make_model(net_of(ROWS[stem], "netspec"), core=core)
    inputs = int8_inputs(model)
    assert mismatches(model, board_run(model, inputs), inputs) == []


def test_a_net_of_no_code_runs_too() -> None:
    model = make_model(NETS["views"](), core="cortex-m0")
    run = board_run(model, int8_inputs(model))
    assert run.outputs == {}
    assert run.layers == ()
    assert run.stack_bytes < 16


@pytest.mark.parametrize(
    ("core", "provider", "vector"),
    [
        ("cortex-m55", "arm", {"vmla", "vldr"}),
        ("cortex-m4", "arm", {"smlad"}),
        ("cortex-m0", "portable", set[str]()),
    ],
)
def test_kernels_use_the_instructions_of_their_core(core: str, provider: str, vector: set[str], tmp_path: Path) -> None:
    model = make_model(NETS["digits"](), core=core)
    kernels = device_kernels(host_functions(model), bakenn_kernels() if provider == "arm" else None)
    image = link_network(model, firmware(model), kernels, tmp_path)
    functions = [piece.symbol for piece in image.map.pieces if piece.group == "kernels" and piece.kind == "text"]
    assert functions
    found: set[str] = set()
    for function in functions:
        command = [
            "arm-none-eabi-objdump",
            "-m",
            "armv8.1-m.main",
            "-d",
            "--no-show-raw-insn",
            f"--disassemble={function}",
            image.elf,
        ]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        mnemonics = re.findall(r"^\s*[0-9a-f]+:\t(\w+)", text, re.MULTILINE)
        found.update(word for word in ("vmla", "vldr", "smlad") if any(each.startswith(word) for each in mnemonics))
    assert found == vector, functions


def test_a_wrong_weight_is_seen_and_named() -> None:
    model = make_model(NETS["digits"](), core="cortex-m3")
    inputs = int8_inputs(model)
    files = firmware(model)
    name = f"{model.name}_weights.c"
    declared = re.search(r"int8_t \w*logits\w*\[\d+\] = \{\n +(-?\d+)", files[name])
    assert declared
    other = "0" if declared[1] != "0" else "1"
    files[name] = files[name][: declared.start(1)] + other + files[name][declared.end(1) :]
    wrong = mismatches(model, board_run(model, inputs, files=files), inputs)
    assert wrong[:1] == ["logits"]


def with_a_fault(model: QuantizedModel, statement: str) -> dict[str, str]:
    """Return the emitted files with a statement before the second layer."""
    files, trace = firmware(model), f"    {model.name.upper()}_TRACE(0,"
    head, mark, tail = files[f"{model.name}.c"].partition(trace)
    assert mark
    line, end, rest = tail.partition(";\n")
    files[f"{model.name}.c"] = f"{head}{mark}{line}{end}    {statement}\n{rest}"
    return files


def test_a_fault_of_a_layer_names_it() -> None:
    model = make_model(NETS["digits"](), core="cortex-m4")
    files = with_a_fault(model, "*(volatile int *)0x1f000000u = 1;")
    with pytest.raises(ToolError) as caught:
        board_run(model, int8_inputs(model), files=files)
    assert "it took a fault on mps2-an386" in caught.value.message
    assert "fault: data access that the memory protection forbids" in caught.value.message
    assert "fault: address 0x1f000000" in caught.value.message
    assert re.search(rf"fault: pc 0x[0-9a-f]{{8}}, in {model.name}_run\+0x", caught.value.message)
    assert f"fault: layer {model.plan.graph.nodes[1].name}\n" in caught.value.message + "\n"


def test_a_layer_that_fails_is_named() -> None:
    model = make_model(NETS["digits"](), core="cortex-m3")
    with pytest.raises(ToolError, match="the network failed on mps2-an385") as caught:
        board_run(model, int8_inputs(model), files=with_a_fault(model, "return 2;"))
    assert f"failed with status 0x00000002: {model.plan.graph.nodes[1].name}" in caught.value.message


def test_an_assertion_of_the_emitted_code_is_told() -> None:
    model = make_model(NETS["digits"](), core="cortex-m0")
    files = with_a_fault(model, f"{model.name.upper()}_ASSERT(arena_bytes == 1);")
    with pytest.raises(ToolError, match="an assertion failed on microbit") as caught:
        board_run(model, int8_inputs(model), files=files)
    assert "arena_bytes == 1" in caught.value.message


def test_a_net_too_large_for_the_microbit_runs_on_the_next_board() -> None:
    graph = make_graph([{"max_pooling2d": {"pool_size": 4}}], (96, 96, 2))
    model = make_model(graph, core="cortex-m0")
    assert model.plan.arena_bytes > 16 * 1024
    inputs = {name: values[:2] for name, values in int8_inputs(model).items()}
    run = board_run(model, inputs)
    assert mismatches(model, run, inputs) == []
    assert run.board.machine == "mps2-an385"
    assert run.notes == ("too large for the micro:bit: the same code runs on MPS2 AN385",)


def test_a_core_that_qemu_lacks_is_told() -> None:
    assert "no Cortex-M0+" in (CORES["cortex-m0+"].note or "")
    served = core_named("cortex-m85", find_arm_gcc())
    assert "no Cortex-M85" in (served.note or "")
    assert served.board.machine == "mps3-an547"


# ------------------------------------------------------------------------------------------------ the board itself


def linked(core: str, source: str, folder: Path) -> Image:
    """Return an image of a C file that has its own main."""
    target = core_named(core, find_arm_gcc())
    kernels = portable_kernels(frozenset())
    return link_image(target, [C_FILES / source], kernels, folder / "image.elf", app=False)


_HARD = ["fault: HardFault", "fault: an Armv6-M processor does not say why"]
_STACK = ["fault: stack overflow", "fault: pc not saved"]


@pytest.mark.parametrize("core", BOOTED)
def test_faults_say_where_and_why(core: str, tmp_path: Path) -> None:
    image = linked(core, "board_faults.c", tmp_path)
    plain = core == "cortex-m0"  # v6-M has one fault and no status
    limit = core in ("cortex-m33", "cortex-m55")
    expected = {
        "address": (
            ["fault: MemManage", "fault: data access that the memory protection forbids", "fault: address 0x1f000000"],
            "read_bad_address",
        ),
        "undefined": (["fault: UsageFault", "fault: undefined instruction"], "undefined_instruction"),
        "overflow": ([f"fault: {'UsageFault' if limit else 'MemManage'}", *_STACK], None),
    }
    if not plain:
        expected["constant"] = (["fault: data access that the memory protection forbids"], "write_constant")
        expected["divide"] = (["fault: UsageFault", "fault: division by zero"], "divide")
        expected["jump"] = (["fault: pc 0x1f000000, in no code of the image"], None)
    for word, (lines, function) in expected.items():
        if plain:
            lines = [*_HARD, *(_STACK if word == "overflow" else [])]
        run = run_image(image, tmp_path, (word,), timeout_seconds=30)
        assert run.status == 3, (word, run.console)
        with pytest.raises(ToolError) as caught:
            require_success(run, image, f"test {word}")
        said = caught.value.message.splitlines()
        assert said[0] == f"cannot test {word}: it took a fault on {image.board.machine}"
        assert [line for line in lines if line not in said] == [], (word, said)
        assert "fault: layer of the test" in said
        if function is not None:
            assert any(re.match(rf"fault: pc 0x\w+, in {function}\+0x", line) for line in said), (word, said)
    assert run_image(image, tmp_path, ("nothing",), timeout_seconds=30).status == 0


@pytest.mark.parametrize(
    ("core", "instructions_per_tick"),
    [*zip(BOOTED, (62.5, 40.0, 40.0, 40.0, 50.0, 31.25), strict=True)],
)
def test_the_counter_counts_instructions(core: str, instructions_per_tick: float, tmp_path: Path) -> None:
    # The ticks are those of QEMU's clocks: 1e9 / (16, 25, 25, 25, 20, 32 MHz). They are expected here and nowhere else.
    image = linked(core, "board_measures.c", tmp_path)
    run = require_success(run_image(image, tmp_path, count=True), image, "measure")
    calibrated = 2_000_000 / run.figure("calibration")
    assert calibrated == pytest.approx(instructions_per_tick, rel=1e-4)
    assert run.figure("seven") * instructions_per_tick == pytest.approx(7_000_000, abs=2 * instructions_per_tick)


def test_the_counter_goes_on_where_systick_wraps(tmp_path: Path) -> None:
    image = linked("cortex-m3", "board_measures.c", tmp_path)
    run = require_success(run_image(image, tmp_path, ("+",), count=True), image, "measure")
    assert run.figure("long") > 2**24
    assert run.figure("long") * 40 == pytest.approx(800_000_000, abs=200)  # an exception a round is counted too


@pytest.mark.parametrize("core", BOOTED)
def test_the_stack_is_measured_and_bounded(core: str, tmp_path: Path) -> None:
    image = linked(core, "board_measures.c", tmp_path)
    run = require_success(run_image(image, tmp_path, count=True), image, "measure")
    frame = image.stack.frames["large_frame"].bytes
    assert run.figure("result") == 42
    assert 512 <= run.figure("stack") <= frame <= 512 + 32


def test_the_stack_of_a_network_stays_within_the_compilers_bound() -> None:
    model = make_model(NETS["digits"](), core="cortex-m4")
    run = board_run(model, {name: values[:1] for name, values in int8_inputs(model).items()})
    bound = run.image.stack.bound(f"{model.name}_run", {"memcpy": 16, "memset": 16})
    assert 0 < run.stack_bytes <= bound


def test_a_program_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    source = tmp_path / "forever.c"
    source.write_text(
        '#include "netspec_board.h"\nint main(void)\n{\n    netspec_board_print("begun");\n    for (;;) {\n    }\n}\n'
    )
    image = link_image(
        core_named("cortex-m3", find_arm_gcc()), [source], portable_kernels(frozenset()), tmp_path / "i.elf", app=False
    )
    with pytest.raises(ToolError, match=r"did not end within 1 s of qemu-system-arm; it said:\nbegun"):
        run_image(image, tmp_path, timeout_seconds=1)


def test_missing_tools_are_named_with_the_command_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for find, tool in ((find_arm_gcc, "arm-none-eabi-gcc"), (find_qemu, "qemu-system-arm")):
        with pytest.raises(ToolError, match=f"no {tool} found") as caught:
            find()
        assert caught.value.help is not None
        assert "qemu-system-arm" in caught.value.help or "qemu" in caught.value.help
    gcc = tmp_path / "arm-none-eabi-gcc"
    gcc.write_text('#!/bin/sh\ncase "$1" in --version) echo gcc 12;; *) echo nano.specs;; esac\n')
    gcc.chmod(0o755)
    with pytest.raises(ToolError, match="has no newlib"):
        find_arm_gcc()


def test_a_qemu_without_the_board_and_a_lockup_are_told(tmp_path: Path) -> None:
    image = linked("cortex-m3", "board_measures.c", tmp_path)
    unknown = replace(image, board=replace(image.board, machine="mps9-an999"))
    with pytest.raises(ToolError, match="has no board mps9-an999"):
        run_image(unknown, tmp_path)
    address = image.map.symbols["seven"]
    run = Run(-6, f"qemu: fatal: Lockup: can't escalate 3 to HardFault\n\nR12=00000000 R15={address:08x}\n")
    with pytest.raises(ToolError, match=r"locked up at seven\+0x0 \(image.board_measures.o\)"):
        require_success(run, image, "measure")


def test_the_map_is_what_binutils_say(tmp_path: Path) -> None:
    model = make_model(NETS["digits"](), core="cortex-m55")
    kernels = device_kernels(host_functions(model), bakenn_kernels())
    image = link_network(model, firmware(model), kernels, tmp_path)

    listed = subprocess.run(["arm-none-eabi-size", "-A", image.elf], capture_output=True, text=True, check=True).stdout
    sections = {name: int(size) for name, size in re.findall(r"^(\.[\w.]+)\s+(\d+)", listed, re.MULTILINE)}
    total = image.map.total
    assert total.text == sections[".vectors"] + sections[".text"]
    assert total.rodata == sections[".rodata"] + sections.get(".ARM.exidx", 0)
    assert total.data == sections.get(".data", 0)
    assert total.bss == sections[".bss"]

    symbols = subprocess.run(["arm-none-eabi-nm", "-S", image.elf], capture_output=True, text=True, check=True).stdout
    functions = re.findall(r"^[0-9a-f]{8} ([0-9a-f]{8}) [Tt] (netspec_\w+_s8)$", symbols, re.MULTILINE)
    mapped = image.map.symbol_sizes("kernels", "text")
    assert functions
    for size, name in functions:
        assert 0 <= mapped[name] - int(size, 16) < 8, name  # constants and alignment behind the code are the piece's

    assert image.map.sizes("constants").rodata == model.plan.constant_bytes
    arena = [piece.size for piece in image.map.pieces if piece.symbol == "arena"]
    assert arena == [model.plan.arena_bytes]


def imported(name: str, core: str, folder: Path) -> QuantizedModel:
    spec, _ = run_import(shared_model(name), folder / "net.yaml")
    graph: Graph = graph_of(load(spec).text)
    plan = plan_device(graph, core)
    return quantize_stored(plan, read_stored(spec.with_name("net.weights.npz"), graph, plan))


@pytest.mark.parametrize("name", ["kws_ref_model.tflite", "pretrainedResnet_quant.tflite", "ad01_int8.tflite"])
@pytest.mark.parametrize(("core", "provider"), [("cortex-m0", "portable"), ("cortex-m4", "arm"), ("cortex-m55", "arm")])
def test_real_models_give_the_reference_on_the_board(core: str, provider: str, name: str, tmp_path: Path) -> None:
    model = imported(name, core, tmp_path)
    [given] = model.plan.graph.inputs
    drawn = np.random.default_rng(3).integers(-128, 128, (1, *given.shape), np.int8)
    inputs = {given.name: np.concatenate([known_input(given.shape), drawn])}
    assert mismatches(model, board_run(model, inputs, arm=provider == "arm"), inputs) == []


# ------------------------------------------------------------------------------------------------ the command line

SPEC = """netspec: 1
name: small
inputs: {x: {shape: [6, 6, 2]}}
layers:
  - conv2d: {name: seen, filters: 4, kernel_size: 3, activation: relu}
  - flatten
  - dense: {name: last, units: 3}
  - softmax
target: {core: cortex-m4}
"""


def netspec(*words: str | Path, folder: Path, expect: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "netspec", *map(str, words)]
    own = {name: value for name, value in os.environ.items() if name != "CMSIS_NN_PATH"} | environment
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=own)
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def assert_booted(report: dict[str, Any], core: str, kernels: list[str]) -> None:
    stages = [stage for stage in report["stages"] if "QEMU" in stage["stage"]]
    assert [stage["stage"].split(",")[0] for stage in stages] == [f"{core} in QEMU"] * len(kernels)
    assert all(stage["elements"] > 0 and stage["mismatching_elements"] == 0 for stage in stages)
    assert [(board["core"], board["kernels"]) for board in report["boards"]] == [(core, each) for each in kernels]
    for board in report["boards"]:
        assert board["macs"] == 4 * 4 * 4 * 9 * 2 + 64 * 3
        assert [layer["layer"] for layer in board["layers"]] == ["seen", "last", "softmax"]
        assert sum(layer["instructions"] for layer in board["layers"]) == pytest.approx(board["instructions"], abs=3)
        assert 0 < board["stack_bytes"] < 1024
        assert board["sizes"]["constants"]["rodata"] > 4 * 9 * 2 + 64 * 3


def test_build_and_verify_boot_the_firmware_that_they_compare(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SPEC, encoding="utf-8")
    graph = graph_of(SPEC)
    write_npz(random_weights(graph, np.random.default_rng(1)), tmp_path / "weights.npz")
    words = ("build", "small.yaml", "--weights", "weights.npz")
    netspec(*words, folder=tmp_path)
    manifest = (tmp_path / "build" / "small" / "manifest.json").read_bytes()

    # For the board of another core it is planned again; what is built stays that of the spec's.
    done = netspec(*words, "--run", "cortex-m0", folder=tmp_path)
    assert (tmp_path / "build" / "small" / "manifest.json").read_bytes() == manifest
    verdict = tmp_path / "build" / "small" / "verify.json"
    assert_booted(json.loads(verdict.read_text(encoding="utf-8")), "cortex-m0", ["portable"])
    assert "on cortex-m0 (micro:bit), emulated by QEMU as microbit:\n" in done.stdout
    anew = "planned anew for cortex-m0; this folder is for cortex-m4"
    assert f"note: {anew}\n" in done.stderr
    (board,) = json.loads(verdict.read_text(encoding="utf-8"))["boards"]
    assert (board["folder_core"], board["notes"]) == ("cortex-m4", [anew])
    assert re.search(r"\n  seen +conv2d +1,152 +[\d,]+ +\d+\.\d\d\n", done.stdout)
    assert re.search(r"\n  the network's memory +0 +0 +0 +[\d,]+\n", done.stdout)

    done = netspec(
        "verify", "build/small", "--run", "cortex-m55", "--cmsis-nn", bakenn_kernels().root, "--format", "json",
        folder=tmp_path,
    )  # fmt: skip
    assert_booted(json.loads(done.stdout), "cortex-m55", ["portable", "CMSIS-NN 4.x"])
    assert json.loads(done.stdout) == json.loads(verdict.read_text(encoding="utf-8"))

    done = netspec("verify", "build/small", "--run", "cortex-m4", "--format", "json", folder=tmp_path)
    assert "planned anew" not in done.stderr
    assert all(board["folder_core"] == "cortex-m4" for board in json.loads(done.stdout)["boards"])

    # Before anything is read, compiled or trained it is known that a tool is missing.
    done = netspec("verify", "build/small", "--run", "cortex-m4", folder=tmp_path, expect=3, PATH=str(tmp_path))
    assert "no arm-none-eabi-gcc found" in done.stderr
    assert "gcc-arm-none-eabi" in done.stderr


@pytest.mark.parametrize("command", ["build small.yaml", "verify build/small"])
def test_a_core_that_does_not_exist_is_a_wrong_word(command: str, tmp_path: Path) -> None:
    done = netspec(*command.split(), "--run", "cortex-m44", folder=tmp_path, expect=2)
    assert "--run" in done.stderr
    assert "'cortex-m44' is no core that netspec knows; did you mean cortex-m4" in done.stderr


# ------------------------------------------------------------------------------------------------ the tools of `make`


def tools_script(folder: Path, present: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run .ci/firmware-tools where only these programs, and what a shell script needs, are found."""
    for name in ("sh", "env"):
        os.symlink(shutil.which(name) or name, folder / name)
    for name, body in present.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    script = REPOSITORY / ".ci" / "firmware-tools"
    return subprocess.run(["sh", script], env={"PATH": str(folder)}, capture_output=True, text=True, check=False)


def test_make_says_what_to_type_where_it_may_not_install(tmp_path: Path) -> None:
    done = tools_script(tmp_path, {"apt-get": "exit 1", "id": "echo 1000"})
    assert done.returncode == 1
    assert done.stderr == (
        "the tests of the firmware need gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm; type: sudo apt-get "
        "install --yes --no-install-recommends gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm\n"
    )


def test_make_installs_what_is_missing_where_it_may(tmp_path: Path) -> None:
    log = tmp_path / "log"
    gcc = 'echo "/usr/lib/nano.specs"'
    present = {
        "apt-get": f'echo "$@" >> {log}',
        "id": "echo 1000",
        "sudo": 'shift; "$@"',
        "arm-none-eabi-gcc": gcc,
        "clang": "",
    }
    done = tools_script(tmp_path, present)
    assert (done.returncode, done.stderr) == (0, "")
    assert log.read_text() == "install --yes --no-install-recommends qemu-system-arm\n"


def test_make_installs_nothing_where_nothing_is_missing(tmp_path: Path) -> None:
    present = {
        "arm-none-eabi-gcc": 'echo "/usr/lib/nano.specs"',
        "qemu-system-arm": "",
        "clang": "",
        "apt-get": "exit 9",
    }
    done = tools_script(tmp_path, present)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
