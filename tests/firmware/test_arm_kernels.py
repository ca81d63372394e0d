"""Networks that run on Arm's kernels throughout: `target: {kernels: cmsis-nn}`. The same bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from netspec import toolchain
from netspec.device.cmsis_nn import HOST_EXTENSION
from netspec.device.kernels import kernel_of
from netspec.emit import host_functions
from netspec.graph import Graph
from netspec.spec.sections import Target
from netspec.toolchain.arm import device_kernels
from netspec.verify.board import run_on_board
from netspec.verify.oracles import compile_network, run_program, run_tflite_micro
from netspec.verify.proof import compare
from tests.builds import bakenn_kernels
from tests.emitted_nets import NETS
from tests.firmware.kernel_cases import EXTENSIONS
from tests.models import firmware, int8_inputs, make_model
from tests.specs import make_graph

HELIUM = "defined(ARM_MATH_MVEI)"


def _one_channel() -> Graph:
    """Return a net of depthwise convolutions of one channel, over an image and over rows."""
    image = {"name": "image", "from": "x", "kernel_size": 3, "padding": "same", "depth_multiplier": 6}
    row = {"name": "row", "from": "y", "kernel_size": 3, "padding": "same", "depth_multiplier": 4}
    strided = {"name": "strided", "filters": 5, "kernel_size": 1, "strides": 2, "from": "image"}
    return make_graph(
        [
            {"depthwise_conv2d": image},
            {"conv2d": strided},
            {"depthwise_conv1d": row},
            {"conv1d": {"name": "same", "filters": 3, "kernel_size": 5, "padding": "same"}},
            {"conv1d": {"name": "valid", "filters": 8, "kernel_size": 1, "padding": [[2, 0]], "from": "row"}},
        ],
        {"x": (9, 8, 1), "y": (12, 1)},
        outputs=["strided", "same", "valid"],
    )


CASES: dict[str, Callable[[], Graph]] = {
    **{name: NETS[name] for name in ("image", "sequence", "one_step", "digits")},
    "one_channel": _one_channel,
}


def on_arm(graph: Graph) -> Graph:
    """Return a net whose spec asks for Arm's kernels."""
    target = graph.spec.target or Target()
    return replace(graph, spec=replace(graph.spec, target=target.model_copy(update={"kernels": "cmsis-nn"})))


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("net", CASES)
def test_every_tensor_equals_the_reference(net: str, core: str, tmp_path: Path) -> None:
    model = make_model(on_arm(CASES[net]()), core=core)
    inputs, functions = int8_inputs(model), host_functions(model)
    expected = model.run(inputs)
    for kernels in (toolchain.portable_kernels(functions), toolchain.cmsis_kernels(bakenn_kernels(), functions)):
        program = compile_network(model, firmware(model), kernels, tmp_path / "network")
        comparison = compare(model, kernels.provider, expected, run_program(model, program, inputs))
        assert comparison.elements > 0
        assert comparison.mismatches == 0, (kernels.provider, comparison.first)


@pytest.mark.parametrize("net", CASES)
def test_tflite_micro_gives_the_same(net: str) -> None:
    model = make_model(on_arm(CASES[net]()))
    inputs = int8_inputs(model)
    comparison = compare(model, "TensorFlow Lite Micro", model.run(inputs), run_tflite_micro(model, inputs))
    assert comparison.mismatches == 0, comparison.first


@pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="needs gcc-arm-none-eabi and qemu-system-arm",
)
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("net", CASES)
def test_boards_give_the_same_bytes(net: str, core: str) -> None:
    model = make_model(on_arm(CASES[net]()), core=core)
    inputs = int8_inputs(model)
    run = run_on_board(model, firmware(model), device_kernels(host_functions(model), bakenn_kernels()), inputs)
    assert compare(model, run.board.machine, model.run(inputs), run.outputs).mismatches == 0


def test_nothing_of_ours_is_called_that_cmsis_nn_has() -> None:
    called: set[str] = set()
    for net in CASES.values():
        for core in ("cortex-m0", "cortex-m4", "cortex-m55"):
            model = make_model(on_arm(net()), core=core)
            source = firmware(model)[f"{model.name}.c"]
            calls = set(re.findall(r"\b((?:arm|netspec)_\w+)\(", source))
            assert not any("_wrapper_" in function for function in calls)
            assert calls <= host_functions(model)
            called |= calls
    assert {function for function in called if function.startswith("netspec_")} == {
        "netspec_mean_s8",
        "netspec_table_s8",
    }
    assert {function for function in called if not function.endswith("_get_buffer_size")} == {
        "netspec_mean_s8",
        "netspec_table_s8",
        "arm_avgpool_s8",
        "arm_concatenation_s8_x",
        "arm_convolve_1_x_n_s8",
        "arm_convolve_1x1_s8",
        "arm_convolve_1x1_s8_fast",
        "arm_convolve_s8",
        "arm_depthwise_conv_3x3_s8",
        "arm_depthwise_conv_s8",
        "arm_depthwise_conv_s8_opt",
        "arm_elementwise_add_s8",
        "arm_fully_connected_s8",
        "arm_max_pool_s8",
        "arm_pad_s8",
        "arm_softmax_s8",
    }


def test_only_the_calls_change() -> None:
    """Weights are the same, bit for bit, and so is the network but for padding that Arm's need apart."""
    plain, arm = (make_model(graph, core="cortex-m55") for graph in (CASES["image"](), on_arm(CASES["image"]())))
    apart = [node.name for node in arm.plan.graph.nodes if node.name not in plain.numbers]
    assert apart == ["corner_pad"]
    assert plain.tensors == {name: quant for name, quant in arm.tensors.items() if name not in apart}
    names = [node.name for node in arm.plan.graph.nodes if node.name not in apart]
    assert [node.name for node in plain.plan.graph.nodes] == names
    for name, numbers in plain.numbers.items():
        assert numbers.numbers == arm.numbers[name].numbers
        for role, values in numbers.arrays.items():
            assert (values == arm.numbers[name].arrays[role]).all()


@pytest.mark.parametrize("net", CASES)
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_scratch_serves_the_core_and_the_host(net: str, core: str) -> None:
    plan = make_model(on_arm(CASES[net]()), core=core).plan
    for node in plan.graph.nodes:
        kernel, given = kernel_of(node), plan.memory.scratch_bytes.get(node.name, 0)
        wanted = {each: kernel.kernel_scratch_bytes(node.op, plan.extension, each) for each in EXTENSIONS}
        assert given == max(wanted[plan.extension], wanted[HOST_EXTENSION])


@pytest.mark.parametrize(("core", "refused"), [("cortex-m55", True), ("cortex-m4", False)])
def test_sums_of_another_kind_are_refused(core: str, refused: bool) -> None:
    """CMSIS-NN 5.0 and 6.0 on Helium would read our tables of sums as something else."""
    model = make_model(on_arm(CASES["digits"]()), core=core)
    source = firmware(model)[f"{model.name}.c"]
    assert (f"#if defined(NETSPEC_CMSIS_NN_UNBIASED_KERNEL_SUMS) && {HELIUM}" in source) is refused
    assert ('#error "dense layers do not run with CMSIS-NN 5.0 and 6.0 on Helium' in source) is refused


@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs CMake")
@pytest.mark.parametrize("provider", ["portable", "arm"])
def test_folder_builds_by_itself(provider: str, tmp_path: Path) -> None:
    """CMake finds out by itself how many arguments this CMSIS-NN's arm_convolve_s8 takes."""
    for name, text in firmware(make_model(on_arm(CASES["sequence"]()))).items():
        (tmp_path / "net" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "net" / name).write_text(text, encoding="utf-8")
    options = ["-DNETSPEC_KERNELS=cmsis-nn", f"-DCMSIS_NN_PATH={bakenn_kernels().root}"] if provider == "arm" else []
    build = tmp_path / "build"
    subprocess.run(["cmake", "-S", tmp_path / "net", "-B", build, *options], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
    done = subprocess.run([build / "net_test"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "net: 4 samples, 0 mismatches\n")
