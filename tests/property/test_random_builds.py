"""Random small nets with random weights: Keras agrees on shapes and counts, TFLite Micro and C on every integer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netspec.emit import host_functions
from netspec.emit.firmware import emit_firmware
from netspec.quantize.quantize import weight_lookup
from netspec.quantize.ranges import evaluate
from netspec.spec.source import parse
from netspec.toolchain import cmsis_kernels, portable_kernels
from netspec.verify.inputs import case_inputs
from netspec.verify.oracles import compile_network, run_program, run_tflite_micro
from netspec.verify.proof import compare
from tests.builds import bakenn_kernels, plan_of, quantized
from tests.nets import device_nets

_SPLIT = "memory: [{name: fast, size: 200}, {name: slow, size: 1MiB, holds: [arena, weights]}]"
_TARGETS = (
    "",
    "target: {io: external}\n",
    f"target: {{{_SPLIT}}}\n",
    f"target: {{io: external, {_SPLIT}}}\n",
    *(f"target: {{kernels: cmsis-nn, core: {core}}}\n" for core in ("cortex-m0", "cortex-m4", "cortex-m55")),
)
_SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=300, **_SETTINGS)
@given(device_nets())
def test_arena_is_the_largest_live_set(text: str) -> None:
    _, plan = plan_of(text)
    joined = any(not share.replaces for share in plan.memory.shares)
    assert plan.memory.arena_bytes == plan.memory.largest_live_bytes or joined
    assert plan.memory.arena_bytes >= plan.memory.largest_live_bytes


@settings(max_examples=200, **_SETTINGS)
@given(device_nets())
def test_reference_equals_tflite_micro(text: str) -> None:
    _, _, model = quantized(text)
    inputs = {name: values[::8] for name, values in case_inputs(model, None).items()}
    comparison = compare(model, "TensorFlow Lite Micro", model.run(inputs), run_tflite_micro(model, inputs))
    assert comparison.mismatches == 0, comparison.first


@settings(max_examples=25, **_SETTINGS)
@given(device_nets(), st.sampled_from(_TARGETS))
def test_emitted_c_equals_the_reference_with_both_providers(
    tmp_path_factory: pytest.TempPathFactory, text: str, target: str
) -> None:
    cmsis = bakenn_kernels()
    text += target
    _, _, model = quantized(text)
    inputs = {name: values[::8] for name, values in case_inputs(model, None).items()}
    expected = model.run(inputs)
    firmware = emit_firmware(model, parse(text, "spec.yaml"))
    functions = host_functions(model)
    folder: Path = tmp_path_factory.mktemp("net")
    for kernels in (portable_kernels(functions), cmsis_kernels(cmsis, functions)):
        program = compile_network(model, firmware, kernels, folder / "network")
        comparison = compare(model, kernels.provider, expected, run_program(model, program, inputs))
        assert comparison.mismatches == 0, (kernels.provider, comparison.first)


@settings(max_examples=20, **_SETTINGS)
@given(device_nets())
def test_keras_agrees_on_shapes_counts_and_floats(text: str) -> None:
    """The Keras model has our shapes and counts, and gives what the folded float device graph gives."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from netspec.train.evaluate import keras_outputs
    from netspec.train.model import assert_matches, build_model
    from netspec.train.weights import set_weights

    graph, arrays, model = quantized(text)
    keras_model = build_model(graph)
    assert_matches(graph, keras_model)
    set_weights(keras_model, arrays)
    generator = np.random.default_rng(1)
    inputs = {name: generator.normal(0, 1, (4, *shape)).astype(np.float32) for name, shape in graph.inputs.items()}
    ours = evaluate(model.plan.graph, weight_lookup(arrays), inputs)
    theirs = keras_outputs(keras_model, inputs)
    for output in model.plan.graph.outputs:
        expected = theirs[output.name]
        np.testing.assert_allclose(ours[output.tensor].reshape(expected.shape), expected, rtol=1e-3, atol=1e-4)
