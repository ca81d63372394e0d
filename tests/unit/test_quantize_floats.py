"""Imports with a float input are proven from the floats on: our function is TensorFlow Lite Micro's QUANTIZE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.check import check
from netspec.device.plan import plan_device
from netspec.importers.imported import import_model
from netspec.ops.numbers import Quant
from netspec.quantize.model import QuantizedModel
from netspec.quantize.stored import quantize_stored, read_stored
from netspec.spec.source import parse
from netspec.tflite.interpreter import Interpreter
from netspec.verify.from_floats import float_cases, quantized_by_micro
from netspec.verify.inputs import case_inputs
from netspec.verify.proof import three_way
from tests.models import firmware, make_model
from tests.specs import make_graph

CASE = Path(__file__).resolve().parents[3] / "shared" / "cases" / "23-import-float-input" / "qi.tflite"


def imported(scale: float, zero_point: int) -> QuantizedModel:
    model = make_model(make_graph([{"dense": {"units": 3}}], (8,)))
    quant = Quant(float(np.float32(scale)), zero_point)
    return replace(model, imported=True, tensors={**model.tensors, "x": quant})


@pytest.mark.parametrize(
    ("scale", "zero_point"), [(1 / 127.5, -1), (1 / 127.5, 0), (0.0039215689, -128), (0.1, 127), (3.7, 5), (1e-6, -7)]
)
def test_a_million_floats_are_what_quantize_makes_of_them(scale: float, zero_point: int) -> None:
    model = imported(scale, zero_point)
    generator = np.random.default_rng(0)
    values = np.concatenate(
        [
            (np.arange(256, dtype=np.float32) / np.float32(127.5) - 1),
            generator.uniform(-300, 300, 500_000).astype(np.float32) * np.float32(scale),
            generator.normal(0, 100, 499_744).astype(np.float32) * np.float32(scale),
        ]
    )
    (got,) = quantized_by_micro(model, {"x": values.reshape(-1, 8)}).values()
    np.testing.assert_array_equal(model.quantize_input("x", values.reshape(-1, 8)), got)


def test_a_function_that_rounds_otherwise_is_found() -> None:
    model = replace(make_model(make_graph([{"dense": {"units": 3}}], (8,))), imported=True)
    files = firmware(model)
    source = files["net.c"].replace("rest >= 0.5f", "rest > 0.5f")
    assert source != files["net.c"]
    wrong = three_way(model, {**files, "net.c": source}, case_inputs(model, None), None, lambda line: None)
    micro, portable = wrong
    assert micro.mismatches == 0
    assert portable.first is not None
    assert portable.first.tensor == "x"
    right = three_way(model, files, case_inputs(model, None), None, lambda line: None)
    assert [comparison.mismatches for comparison in right] == [0, 0]
    assert right[0].tensors[0].tensor == "x"


def test_a_net_of_our_own_is_compared_from_its_integers_on() -> None:
    assert float_cases(make_model(make_graph([{"dense": {"units": 3}}], (8,)))) == {}


@pytest.mark.skipif(not CASE.is_file(), reason="the folder ../shared/cases beside the checkout is absent")
def test_the_outputs_of_a_float_import_are_those_of_its_file(tmp_path: Path) -> None:
    found = import_model(CASE)
    weights = tmp_path / "qi.npz"
    weights.write_bytes(found.weights)
    graph = check(parse(found.text, "qi.yaml")).graph
    plan = plan_device(graph)
    model = quantize_stored(plan, read_stored(weights, graph, plan))
    (given,), (output,) = plan.graph.inputs, plan.graph.outputs
    assert model.divides(given.name)
    interpreter = Interpreter(CASE.read_bytes())
    count = int(np.prod(given.shape))
    floats = np.resize(np.arange(256, dtype=np.float32) / np.float32(127.5) - 1, (256, count)).astype(np.float32)
    integers = model.quantize_input(given.name, floats.reshape(-1, *given.shape))
    ours = model.dequantize(output.tensor, model.run({given.name: integers})[output.tensor])
    shape = _input_shape(interpreter)
    for sample, want in zip(floats, ours, strict=True):
        interpreter._interpreter.set_input(sample.reshape(shape), 0)
        interpreter._interpreter.invoke()
        got = interpreter._interpreter.get_output(0)
        np.testing.assert_array_equal(np.ravel(got), np.ravel(want))


def _input_shape(interpreter: Interpreter) -> Any:
    return interpreter._interpreter.get_input_details(0)["shape"]
