"""Each op by its rows in `tests/cases/ops`: reference, TensorFlow Lite Micro and emitted C agree, in each set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from netspec.device.kernels import kernel_set
from netspec.emit.firmware import emit_firmware
from netspec.graph import Graph
from netspec.spec.source import parse
from netspec.verify.proof import three_way
from tests.models import make_model
from tests.specs import make_graph

FOLDER = Path(__file__).parents[1] / "cases" / "ops"
CASES: dict[str, list[dict[str, Any]]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))
}
SETS = ("netspec", "cmsis-nn")
CORES = ("cortex-m4", "cortex-m55")
SAMPLES = 16


def net_of(rows: list[dict[str, Any]], kernels: str) -> Graph:
    """Return one network in which each row is a layer with inputs and an output of its own."""
    layers: list[Any] = []
    inputs: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        shapes = row["inputs"]
        names = [f"x{number}_{index}" for index in range(len(shapes))]
        inputs |= dict(zip(names, shapes, strict=True))
        ((kind, keys),) = row["layer"].items()
        layers.append({kind: {"name": f"row{number}", "from": names if len(names) > 1 else names[0], **keys}})
        if "then" in row:
            ((kind, keys),) = row["then"].items()
            layers.append({kind: {"name": f"then{number}", "from": f"row{number}", **keys}})
    outputs = [f"then{number}" if "then" in row else f"row{number}" for number, row in enumerate(rows)]
    return make_graph(layers, inputs, outputs=outputs, target={"kernels": kernels})


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("stem", CASES)
def test_an_op_is_bit_exact(stem: str, kernels: str, core: str) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 only")
    model = make_model(net_of(CASES[stem], kernels), core=core)
    for number, row in enumerate(CASES[stem]):
        variants = {node.op.variant() for node in model.plan.graph.nodes if node.layer == f"row{number}"}
        assert row["variant"] in variants, f"row {number + 1} runs as {variants}"
        assert row["variant"].partition(".")[0] == stem
    generator = np.random.default_rng(5)
    inputs: Any = {
        given.name: generator.integers(-128, 128, (SAMPLES, *given.shape), np.int8) for given in model.plan.graph.inputs
    }
    firmware = emit_firmware(model, parse("netspec: 1\n", "net.yaml"))
    for comparison in three_way(model, firmware, inputs, None, lambda line: None):
        assert comparison.mismatches == 0, comparison.first


def test_every_op_with_a_kernel_has_rows() -> None:
    kernels = {variant for name in SETS for variant in kernel_set(name).kernels}
    assert {variant.partition(".")[0] for variant in kernels} == CASES.keys()
    rows = {row["variant"] for rows in CASES.values() for row in rows}
    assert {variant for variant in kernels if "." in variant} <= rows
