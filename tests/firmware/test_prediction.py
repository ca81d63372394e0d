"""What `show` predicts of a device, against the linker's map, the compiler's frames and the emulated board."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from netspec.device.plan import plan_device
from netspec.device.size import PORTABLE, PROVIDERS, footprint
from netspec.device.size.features import COPY, calls, shapes
from netspec.device.size.tables import function, read, table_path
from netspec.emit import host_functions
from netspec.emit.calls import shapes as emitted_shapes
from netspec.emit.view import make_view
from netspec.graph import Graph
from netspec.quantize.model import QuantizedModel
from netspec.spec.sections import Memory, Target
from netspec.toolchain import CmsisNN
from netspec.toolchain.arm import (
    BOARD,
    CONSTANTS,
    CORES,
    KERNELS,
    NETWORK,
    OPTIMIZED,
    Image,
    core_named,
    device_kernels,
    find_arm_gcc,
)
from netspec.toolchain.disassembly import read_frames
from netspec.toolchain.kernel_sizes import callable_functions, measure, stack_usage
from netspec.toolchain.map_file import LIBRARIES
from netspec.verify.board import run_on_board
from tests.emitted_nets import NETS
from tests.footprints import (
    FITTED_SEEDS,
    IMPORTED,
    ON_ARM,
    ON_BOARDS,
    SPECS,
    OnCore,
    emitted,
    imported,
    link_alone,
    networks_to_fit,
    on_arm_kernels,
    providers,
    quantized,
    random_network,
    shipped,
    shipped_graph,
)
from tests.importers.shared_models import shared_model
from tests.kernel_sizes import kernel_table
from tests.models import int8_inputs

CODE_TOLERANCE = 0.05
MEASURED_WITH = read(table_path(PORTABLE))["compiler"]
DISTINCT = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
"""Cores that no other shares all its code with."""


def compiler() -> str:
    return find_arm_gcc().version if shutil.which("arm-none-eabi-gcc") else "not here"


# Code is as large as the compiler makes it: with another one than the tables were measured with nothing follows.
pytestmark = pytest.mark.skipif(
    compiler() != MEASURED_WITH, reason=f"sizes are those of {MEASURED_WITH}; the compiler here: {compiler()}"
)


def measured_providers() -> dict[str, CmsisNN | None]:
    """Return the kernels that are here and that a table is for."""
    return {name: copy for name, copy in providers().items() if name in PROVIDERS}


def assert_as_predicted(model: QuantizedModel, cmsis: CmsisNN | None, folder: Path) -> None:
    """Link a model and compare every number that `show` gives; constants, arena and portable kernels are exact."""
    plan, image = model.plan, link_alone(model, cmsis, folder)
    predicted = footprint(plan, image.provider)

    constants = image.map.symbol_sizes(CONSTANTS)
    tables = {
        layer.constants[constant.role]
        for layer, node in zip(make_view(model).layers, plan.graph.nodes, strict=True)
        for constant in plan.constants(node)
        if constant.table
    }
    assert sum(size for name, size in constants.items() if name in tables) == plan.table_bytes
    assert sum(size for name, size in constants.items() if name not in tables) == plan.weight_bytes
    assert plan.regions or image.map.symbol_sizes(BOARD, "bss").get("arena", 0) == plan.arena_bytes

    kernels = image.map.sizes(KERNELS).flash + image.map.sizes(LIBRARIES).flash
    code = kernels + image.map.sizes(NETWORK).flash
    assert predicted.kernel_bytes == kernels or cmsis is not None
    assert 0 <= predicted.code_bytes - code <= CODE_TOLERANCE * code, f"{predicted} where {code} are linked"
    assert predicted.stack_bytes >= compiled_stack(model, cmsis, image)


def compiled_stack(model: QuantizedModel, cmsis: CmsisNN | None, image: Image) -> int:
    """Return the longest way through the calls of a linked network, of the frames that the compiler reported."""
    kernels = device_kernels(host_functions(model), cmsis)
    flags = ("-mthumb", *image.core.flags, *OPTIMIZED, "-fcallgraph-info=su")
    return stack_usage(image.elf, kernels, find_arm_gcc(), flags, others=image.stack).bound(f"{model.name}_run", {})


def assert_all(on_core: OnCore, cores: tuple[str, ...], names: tuple[str, ...], folder: Path) -> None:
    copies = measured_providers()
    for core in cores:
        model = on_core(core)
        for name in names:
            assert_as_predicted(model, copies[name], folder / f"{core}-{name}")


def on_kernels(graph: Graph, kernels: str) -> OnCore:
    return quantized(on_arm_kernels(graph) if kernels else graph)


@pytest.mark.parametrize("kernels", ["", ON_ARM])
@pytest.mark.parametrize("spec", ON_BOARDS)
def test_a_spec_is_linked_as_predicted(spec: str, kernels: str, tmp_path: Path) -> None:
    on_core = on_kernels(shipped_graph(spec), kernels)
    assert_all(on_core, DISTINCT, (PORTABLE,), tmp_path)
    assert_all(on_core, ("cortex-m4", "cortex-m55"), tuple(set(measured_providers()) - {PORTABLE}), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["", ON_ARM])
@pytest.mark.parametrize("spec", ON_BOARDS)
def test_a_spec_is_linked_as_predicted_for_every_core(spec: str, kernels: str, tmp_path: Path) -> None:
    assert_all(on_kernels(shipped_graph(spec), kernels), tuple(CORES), tuple(measured_providers()), tmp_path)


@pytest.mark.parametrize("kernels", ["", ON_ARM])
@pytest.mark.parametrize("name", IMPORTED)
def test_an_imported_model_is_linked_as_predicted(name: str, kernels: str, tmp_path: Path) -> None:
    shared_model(IMPORTED[name])
    assert_all(
        imported(name + kernels), ("cortex-m0", "cortex-m4", "cortex-m55"), tuple(measured_providers()), tmp_path
    )


# Of one without a call nothing is left that 5 % could be of.
@pytest.mark.parametrize("net", [net for net in NETS if net != "views"])
def test_a_net_of_every_op_is_linked_as_predicted(net: str, tmp_path: Path) -> None:
    assert_all(quantized(NETS[net]()), ("cortex-m4", "cortex-m55"), (PORTABLE,), tmp_path)


@pytest.mark.parametrize("kernels", ["", ON_ARM])
@pytest.mark.parametrize("seed", range(1000, 1012))
def test_a_random_network_is_linked_as_predicted(seed: int, kernels: str, tmp_path: Path) -> None:
    assert seed not in FITTED_SEEDS
    on_core = on_kernels(random_network(seed), kernels)
    assert_all(on_core, ("cortex-m0", "cortex-m4", "cortex-m55"), (PORTABLE,), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["", ON_ARM])
@pytest.mark.parametrize("seed", range(1012, 1060))
def test_more_random_networks_are_linked_as_predicted(seed: int, kernels: str, tmp_path: Path) -> None:
    assert_all(on_kernels(random_network(seed), kernels), DISTINCT, tuple(measured_providers()), tmp_path)


def split(graph: Graph, share: float) -> Graph:
    """Return a network of which that share of the constants fits into a fast memory, and the rest into a slow one."""
    constants = plan_device(graph).constant_bytes
    memory = [
        Memory(name="itcm", size=int(constants * share), holds=["weights"]),
        Memory(name="sram", size=2**22, holds=["arena", "weights"]),
    ]
    target = (graph.spec.target or Target()).model_copy(update={"memory": memory})
    return replace(graph, spec=replace(graph.spec, target=target))


def assert_regions(model: QuantizedModel, folder: Path) -> None:
    plan, image = model.plan, link_alone(model, None, folder)
    used = {
        (kind, region.name): sum(p.size for p in image.map.pieces if p.section == f".{kind}.{region.name}")
        for region in plan.regions
        for kind in ("data", "bss")
    }
    for region in plan.regions:
        assert used["data", region.name] == plan.region_weight_bytes(region)
        assert used["bss", region.name] == plan.region_arena_bytes(region)
    constants = image.map.sizes(CONSTANTS)
    assert (constants.flash, constants.ram + sum(plan.memory.arenas)) == (plan.constant_bytes, plan.ram_bytes)


SPLIT: dict[str, Callable[[], Graph]] = {
    **{name: partial(shipped_graph, name) for name in ("digits", "motions")},
    **{name: net for name, net in NETS.items() if name in ("image", "sequence", "names")},
    **{f"random {seed}": partial(random_network, seed) for seed in range(1000, 1006)},
}


@pytest.mark.parametrize("share", [0.3, 1.5])
@pytest.mark.parametrize("net", SPLIT)
def test_constants_that_are_copied_take_what_was_predicted(net: str, share: float, tmp_path: Path) -> None:
    """In RAM and in flash, to the byte: whatever order the compiler puts them in, there is no padding between them."""
    on_core = quantized(split(SPLIT[net](), share))
    for core in ("cortex-m0", "cortex-m4", "cortex-m55"):
        model = on_core(core)
        assert model.plan.weight_regions
        assert_regions(model, tmp_path / core)


@pytest.mark.parametrize("optimized", ["-O0", "-Os", "-O2"])
def test_the_size_of_copied_constants_depends_on_no_option_of_the_compiler(optimized: str, tmp_path: Path) -> None:
    model = quantized(split(NETS["image"](), 1.5))("cortex-m4")
    for name, text in emitted(model).items():
        if "/" not in name and name.endswith((".h", ".c")):
            (tmp_path / name).write_text(text, encoding="utf-8")
    source, made = tmp_path / f"{model.name}_weights.c", tmp_path / "weights.o"
    tool = "arm-none-eabi-"
    subprocess.run([f"{tool}gcc", "-mcpu=cortex-m4", "-mthumb", optimized, "-c", source, "-o", made], check=True)
    told = subprocess.run([f"{tool}size", "-A", made], check=True, capture_output=True, text=True).stdout
    found = re.search(r"^\.data\.itcm +([0-9]+)", told, re.MULTILINE)
    assert found
    assert int(found[1]) == model.plan.constant_bytes


@pytest.mark.parametrize(
    ("core", "provider", "spec"),
    [
        ("cortex-m0", "portable", "digits"),
        ("cortex-m4", "CMSIS-NN 4.x", "digits"),
        ("cortex-m4", "CMSIS-NN 4.x", "motions"),
        ("cortex-m55", "CMSIS-NN 4.x", "sign_language"),
    ],
)
def test_the_stack_of_a_run_stays_within_the_bound(core: str, provider: str, spec: str) -> None:
    model = shipped(spec)(core)
    kernels = device_kernels(host_functions(model), providers()[provider])
    inputs = {name: values[:1] for name, values in int8_inputs(model).items()}
    run = run_on_board(model, emitted(model), kernels, inputs)
    bound = footprint(model.plan, provider).stack_bytes
    assert bound / 2 < run.stack_bytes <= bound


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_a_disassembly_gives_the_frames_that_the_compiler_reports(core: str, tmp_path: Path) -> None:
    image = link_alone(quantized(NETS["image"]())(core), providers()["CMSIS-NN 4.x"], tmp_path)
    read_off = read_frames(image.elf, "arm-none-eabi-objdump")
    reported = {name: frame for name, frame in image.stack.frames.items() if name in read_off and frame.bounded}
    assert len(reported) > 20
    assert {name: read_off[name].bytes for name in reported} == {name: frame.bytes for name, frame in reported.items()}


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_tables_are_what_is_measured(provider: str, core: str) -> None:
    if provider not in providers():
        pytest.skip(f"{provider} is not here: CMSIS_NN_PATH can name it")
    cc, copy = find_arm_gcc(), providers()[provider]
    portable = read(table_path(PORTABLE))
    measured = {core: measure(core_named(core, cc), cc, copy)}
    expected = kernel_table(provider, measured, None if provider == PORTABLE else portable)
    table = read(table_path(provider))
    assert {**table, "cores": {core: table["cores"][core]}} == expected, "run `make kernel-sizes`"


def test_every_function_has_sizes_with_every_provider() -> None:
    for provider in PROVIDERS:
        for core in CORES:
            for name in {*callable_functions(), COPY}:
                found = function(provider, core, name)
                assert sum(found.pieces.values()) > 0 <= found.stack


COUNTED = {**NETS, **{f"random {seed}": partial(random_network, seed) for seed in range(1000, 1012)}}


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("net", COUNTED)
def test_calls_and_their_shapes_are_counted_as_emitted(net: str, core: str) -> None:
    model = quantized(COUNTED[net]())(core)
    counted = {tuple(each.values()) for each in emitted_shapes(make_view(model))}
    assert counted == shapes(model.plan)
    code = re.sub(r"#if NET_DEBUG.*?#endif|[A-Z]+_ASSERT\(.*?;", "", emitted(model)[f"{model.name}.c"], flags=re.DOTALL)
    assert Counter(re.findall(r"\b((?:arm|netspec)_\w+|memcpy)\(", code)) == calls(model.plan)


def test_no_network_that_ships_is_fitted() -> None:
    fitted = {graph.name for graph in networks_to_fit()}
    assert fitted.isdisjoint(SPECS)
