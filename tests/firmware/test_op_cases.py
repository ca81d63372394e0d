"""Each op by its rows in `tests/cases/ops`: reference, TensorFlow Lite Micro and emitted C agree, in each set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netspec.device.kernels import kernel_set
from netspec.emit.firmware import emit_firmware
from netspec.spec.source import parse
from netspec.verify.proof import three_way
from tests.models import make_model
from tests.op_rows import ROWS, net_of

SETS = ("netspec", "cmsis-nn")
CORES = ("cortex-m4", "cortex-m55")
SAMPLES = 16


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("stem", ROWS)
def test_an_op_is_bit_exact(stem: str, kernels: str, core: str) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 only")
    model = make_model(net_of(ROWS[stem], kernels), core=core)
    for number, row in enumerate(ROWS[stem]):
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
    assert {variant.partition(".")[0] for variant in kernels} == ROWS.keys()
    rows = {row["variant"] for rows in ROWS.values() for row in rows}
    assert {variant for variant in kernels if "." in variant} <= rows
