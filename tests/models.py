"""Quantized models for tests: any graph, with random weights and ranges found on random inputs."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

from netspec.device.plan import plan_device
from netspec.emit import emit, make_vectors, plain_inputs
from netspec.graph import Graph
from netspec.quantize.model import QuantizedModel
from netspec.quantize.quantize import quantize, weight_lookup
from netspec.quantize.ranges import find_ranges
from netspec.quantize.scales import choose_scales

SAMPLES = 12
DIGEST = "0123456789abcdef" * 4


def make_model(
    graph: Graph,
    *,
    core: str | None = None,
    seed: int = 0,
    samples: Mapping[str, NDArray[np.float32]] | None = None,
) -> QuantizedModel:
    """Return the graph quantized for a core, by default the spec's, on samples, by default normally distributed."""
    generator = np.random.default_rng(seed)
    arrays = {
        (layer.name, weight.name): _weight(generator, weight.name, weight.shape)
        for layer in graph.layers
        for weight in layer.weights
    }
    weights = weight_lookup(arrays)
    if samples is None:
        shapes = graph.inputs.items()
        samples = {name: generator.normal(0, 1, (32, *shape)).astype(np.float32) for name, shape in shapes}
    plan = plan_device(graph, core)
    return quantize(plan, weights, choose_scales(plan.graph, find_ranges(plan.graph, weights, samples)))


def _weight(generator: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if name in ("gamma", "moving_variance"):
        return generator.uniform(0.3, 2, shape).astype(np.float32)
    return generator.normal(0, 1 / np.sqrt(max(1, prod(shape[:-1]))), shape).astype(np.float32)


def int8_inputs(model: QuantizedModel, *, seed: int = 1) -> dict[str, NDArray[np.int8]]:
    """Return samples of the whole range of int8, the last ones of its two ends only."""
    generator = np.random.default_rng(seed)
    inputs = {}
    for given in model.plan.graph.inputs:
        uniform = generator.integers(-128, 128, (SAMPLES - 4, *given.shape), np.int8)
        ends = generator.choice(np.array([-128, 127], np.int8), (4, *given.shape))
        inputs[given.name] = np.concatenate([uniform, ends])
    return inputs


def firmware(model: QuantizedModel) -> dict[str, str]:
    """Return the emitted folder, as of a spec net.yaml."""
    vectors = make_vectors(model, plain_inputs(model))
    return emit(model, spec_sha256=DIGEST, spec_path_name="net.yaml", vectors=vectors)
