"""What the tests of whole builds share: random weights for a spec, a model quantized from them, genuine kernels."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from netspec.check import check
from netspec.device.plan import DevicePlan, plan_device
from netspec.graph import Graph
from netspec.quantize.model import QuantizedModel
from netspec.quantize.quantize import quantize, weight_lookup
from netspec.quantize.ranges import find_ranges
from netspec.quantize.scales import choose_scales
from netspec.spec.source import parse
from netspec.toolchain import CmsisNN, probe

Arrays = dict[tuple[str, str], NDArray[np.float32]]


def random_weights(graph: Graph, generator: np.random.Generator) -> Arrays:
    """Return weights that keep activations in a sensible range: fan-in scaled kernels, positive variances."""
    arrays: Arrays = {}
    for layer in graph.layers:
        for weight in layer.weights:
            if weight.name in ("moving_variance", "gamma"):
                values = generator.uniform(0.3, 2.0, weight.shape)
            else:
                fan_in = max(1, int(np.prod(weight.shape[:-1])))
                values = generator.normal(0.0, fan_in**-0.5, weight.shape)
            arrays[layer.name, weight.name] = values.astype(np.float32)
    return arrays


def plan_of(text: str) -> tuple[Graph, DevicePlan]:
    graph = check(parse(text, "spec.yaml")).graph
    return graph, plan_device(graph)


def quantized(text: str, seed: int = 0) -> tuple[Graph, Arrays, QuantizedModel]:
    """Return a spec with random weights, quantized on normally distributed inputs."""
    graph, plan = plan_of(text)
    generator = np.random.default_rng(seed)
    arrays = random_weights(graph, generator)
    weights = weight_lookup(arrays)
    inputs = {name: generator.normal(0.0, 1.0, (32, *shape)).astype(np.float32) for name, shape in graph.inputs.items()}
    ranges = find_ranges(plan.graph, weights, inputs)
    return graph, arrays, quantize(plan, weights, choose_scales(plan.graph, ranges))


def bakenn_kernels() -> CmsisNN:
    """Return Arm's CMSIS-NN 4.0 as the `bakenn` package carries it; skips, saying so, where it is not installed."""
    found = importlib.util.find_spec("bakenn")
    if found is None or not found.submodule_search_locations:
        pytest.skip("bakenn, which carries Arm's CMSIS-NN, is not installed: `make test` installs it")
    return probe(Path(found.submodule_search_locations[0]) / "backend" / "cmsis_nn" / "vendor")
