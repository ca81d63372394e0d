"""What a board run says of sizes is what a product of the same network takes, and what `show` predicts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from netspec.device.size import PORTABLE, footprint
from netspec.emit import host_functions
from netspec.toolchain.arm import CONSTANTS, KERNELS, NETWORK, device_kernels
from netspec.toolchain.map_file import LIBRARIES, Sizes
from netspec.verify.board import BoardRun, run_on_board
from netspec.verify.board_figures import figures_text, layer_names
from netspec.verify.report import Comparison, Report, TensorResult
from tests.emitted_nets import NETS
from tests.footprints import OnCore, emitted, link_alone, providers, quantized, shipped
from tests.models import int8_inputs
from tests.specs import make_graph

PARTS = (CONSTANTS, NETWORK, KERNELS, LIBRARIES)
CODE_TOLERANCE = 0.05
LEAST_TOLERANCE = 16
"""Bytes: the alignment of one section, of which 5 % of a small network are less."""


def ported() -> OnCore:
    """Return a network whose inputs and outputs are the caller's."""
    layers = [{"dense": {"name": "hidden", "units": 8}}, {"dense": {"name": "last", "units": 3}}]
    return quantized(make_graph(layers, (50,), outputs=["last", "hidden"], target={"io": "external"}))


def placed() -> OnCore:
    """Return a network whose weights and arena lie in memories of their own."""
    memory = [{"name": "fast", "size": 4096, "holds": ["arena", "weights"]}, {"name": "slow", "size": 65536}]
    layers = [{"dense": {"units": 40}}, {"dense": {"units": 3}}]
    return quantized(make_graph(layers, (50,), target={"memory": memory}))


NETWORKS = {
    "digits": lambda: shipped("digits"),
    "motions": lambda: shipped("motions"),
    "image": lambda: quantized(NETS["image"]()),
    "views": lambda: quantized(NETS["views"]()),
    "ported": ported,
    "placed": placed,
}


def board_run(name: str, core: str, provider: str) -> BoardRun:
    model = NETWORKS[name]()(core)
    inputs = {port: values[:1] for port, values in int8_inputs(model).items()}
    kernels = device_kernels(host_functions(model), providers()[provider])
    return run_on_board(model, emitted(model), kernels, inputs)


@pytest.mark.parametrize(
    ("name", "core", "provider"),
    [
        ("digits", "cortex-m0", PORTABLE),
        ("digits", "cortex-m4", "CMSIS-NN 4.x"),
        ("motions", "cortex-m55", PORTABLE),
        ("motions", "cortex-m33", PORTABLE),
        ("image", "cortex-m4", PORTABLE),
        ("image", "cortex-m55", "CMSIS-NN 4.x"),
        ("views", "cortex-m0", PORTABLE),
        ("ported", "cortex-m0", PORTABLE),
        ("ported", "cortex-m7", PORTABLE),
        ("placed", "cortex-m4", PORTABLE),
    ],
)
def test_a_board_takes_what_a_product_does_and_show_says(name: str, core: str, provider: str, tmp_path: Path) -> None:
    run = board_run(name, core, provider)
    alone = link_alone(NETWORKS[name]()(core), providers()[provider], tmp_path).map
    figures = run.figures
    for part in PARTS:
        assert figures.sizes.get(part, Sizes()) == alone.sizes(part), part
    assert figures.flash_bytes == sum(alone.sizes(part).flash for part in PARTS)

    plan = run.plan
    assert figures.ram_bytes == plan.ram_bytes
    expected = plan.constant_bytes + footprint(plan, provider).code_bytes
    assert abs(figures.flash_bytes - expected) <= max(CODE_TOLERANCE * expected, LEAST_TOLERANCE)


def test_what_the_caller_holds_is_told_apart() -> None:
    figures = board_run("ported", "cortex-m0", PORTABLE).figures
    assert figures.sizes["ports"] == Sizes(bss=50 + 8 + 3)
    assert figures.to_data()["sizes"]["ports"]["bss"] == 61
    text = "\n".join(figures_text([figures]))
    assert re.search(r"\n  the caller's inputs and outputs +0 +0 +0 +61\n", text)
    assert "inputs, outputs and the board's own left out" in text
    assert "ports" not in board_run("views", "cortex-m0", PORTABLE).figures.sizes


def test_layers_are_told_by_the_names_of_show() -> None:
    run = board_run("image", "cortex-m4", PORTABLE)
    nodes = run.plan.graph.nodes
    layers = [node.layer for node in nodes]
    assert any(node.output != node.layer for node in nodes)
    told = [re.split(" {2,}", line.strip())[0] for line in figures_text([run.figures])]
    for node in nodes:
        several = layers.count(node.layer) > 1
        assert (f"{node.layer} ({node.output})" if several else node.layer) in told
    assert layer_names([("a", "x"), ("b", "y"), ("b", "b")]) == ["a", "b (y)", "b (b)"]

    results = tuple(TensorResult(tensor, layer, 5, 0, 0) for layer, tensor in [("a", "x"), ("b", "y"), ("b", "b")])
    text = replace(Report("net"), comparisons=(Comparison("C", 1, results),)).to_text(per_layer=True)
    assert [line for line in text.splitlines() if line.startswith("    ")] == [
        "    a: 0 of 5, largest 0",
        "    b (y): 0 of 5, largest 0",
        "    b (b): 0 of 5, largest 0",
    ]
