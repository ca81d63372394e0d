"""Verification in parts: the same answer as in one, and memory that does not grow with the number of cases."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from netspec.quantize import ranges
from netspec.quantize.model import QuantizedModel
from netspec.quantize.quantize import weight_lookup
from netspec.toolchain import CmsisNN
from netspec.verify import proof
from tests.builds import quantized
from tests.models import firmware, int8_inputs, make_model
from tests.specs import make_graph

LAYERS = [{"conv1d": {"filters": 4, "kernel_size": 3}}, {"relu": {}}, {"flatten": {}}, {"dense": {"units": 3}}]
SPEC = (
    "netspec: 1\nname: net\ninputs: {x: {shape: [16, 4]}}\nlayers:\n"
    "  - conv1d: {filters: 4, kernel_size: 3, activation: relu}\n  - flatten\n  - dense: {units: 3}\n"
)


def _three_way(model: QuantizedModel, inputs: dict[str, np.ndarray], cmsis: CmsisNN | None = None) -> object:
    return proof.three_way(model, firmware(model), inputs, cmsis, lambda line: None)


def test_parts_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(make_graph(LAYERS, (16, 4)))
    inputs = int8_inputs(model)
    whole = _three_way(model, inputs)
    monkeypatch.setattr(proof, "PART_ELEMENTS", 5 * sum(each.size for each in model.plan.graph.tensors.values()))
    assert [part.stop - part.start for part in proof.parts(model, 12)] == [5, 5, 2]
    assert _three_way(model, inputs) == whole


def test_a_difference_in_any_part_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(make_graph(LAYERS, (16, 4)))
    inputs = int8_inputs(model)
    monkeypatch.setattr(proof, "PART_ELEMENTS", 1)  # at least one case at a time
    name = model.plan.graph.nodes[-1].output
    seen = []

    def run(some: proof.Values) -> proof.Values:
        seen.append(len(some["x"]))
        outputs = model.run(some)
        if len(seen) in (3, 7):
            values = outputs[name]
            outputs[name] = np.where(values > 0, values - len(seen), values + len(seen)).astype(np.int8)
        return outputs

    (found,) = proof.compare_in_parts(model, inputs, {"other": run})
    assert (found.cases, seen) == (12, [1] * 12)
    assert (found.mismatches, found.first and found.first.tensor) == (6, name)
    assert found.largest == 7


def test_ranges_of_parts_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    _, arrays, model = quantized(SPEC)
    samples = {"x": np.random.default_rng(3).normal(size=(50, 16, 4)).astype(np.float32)}
    weights = weight_lookup(arrays)
    whole = ranges.find_ranges(model.plan.graph, weights, samples)
    monkeypatch.setattr(ranges, "_PART_BYTES", 1)
    found = ranges.find_ranges(model.plan.graph, weights, samples)
    assert found.keys() == whole.keys()
    for name, ends in whole.items():
        np.testing.assert_allclose(found[name], ends, rtol=1e-5)


_PEAK = """
import resource, sys
import numpy as np
from netspec.verify import proof
from tests.models import make_model
from tests.specs import make_graph

layers = [{"conv2d": {"filters": 16, "kernel_size": 1, "activation": "relu"}} for _ in range(6)]
model = make_model(make_graph(layers, (64, 64, 3)))
proof.compare_in_parts(model, {"x": np.zeros((2, 64, 64, 3), np.int8)}, {"other": model.run})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
cases = int(sys.argv[1])
(found,) = proof.compare_in_parts(model, {"x": np.zeros((cases, 64, 64, 3), np.int8)}, {"other": model.run})
assert found.cases == cases
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, found.elements)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_elements_that_are_compared() -> None:
    grown = {}
    for cases in (20, 400):
        done = subprocess.run([sys.executable, "-c", _PEAK, str(cases)], capture_output=True, text=True, check=True)
        grown[cases], elements = map(int, done.stdout.split())
    assert elements > 150_000_000
    # The inputs themselves are 4.9 MB; the tensors of all cases would be 150 MB twice.
    assert grown[400] - grown[20] < 60_000, f"{grown} KiB"
