"""Samples to calibrate on, and the proof that folding changed nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netspec.data.calibration import evenly_spread
from netspec.device.graph import DeviceGraph
from netspec.device.input_rescaling import factors
from netspec.graph import Graph
from netspec.ops.numbers import Weights
from netspec.quantize.ranges import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netspec.train.samples import Samples

_SYNTHETIC_SAMPLES = 256
_PROOF_SAMPLES = 16
# The float device graph and Keras sum in another order; more than this is no rounding but a wrong fold.
_FOLDING_TOLERANCE = 1e-3


def calibration_samples(graph: DeviceGraph, given: Mapping[str, Samples] | None, count: int) -> dict[str, NDArray[Any]]:
    """Return `count` of the given inputs, evenly spread.

    Without data the inputs are normally distributed as the first op sees them, from a fixed seed: good enough to prove
    the arithmetic, worth nothing for accuracy.
    """
    import numpy as np

    if given is not None:
        total = len(next(iter(given.values())))
        chosen = np.array(evenly_spread(total, count))
        return {name: np.asarray(values[chosen]) for name, values in given.items()}
    generator = np.random.default_rng(0)
    samples: dict[str, NDArray[Any]] = {}
    for each in graph.inputs:
        values = generator.standard_normal((_SYNTHETIC_SAMPLES, *each.shape)).astype(np.float32)
        scales, offsets = (np.array(each, np.float32) for each in factors(each.rescale))
        if scales.all():
            values = ((values.reshape(-1, len(scales)) - offsets) / scales).reshape(values.shape)
        samples[each.name] = values
    return samples


def prove_folding(
    graph: Graph, device: DeviceGraph, keras_model: Any, weights: Weights, samples: Mapping[str, NDArray[Any]]
) -> None:
    """Assert that the float device graph gives what the Keras model gives, on a few of the samples."""
    import numpy as np

    from netspec.train.evaluate import keras_outputs

    some = {
        name: np.asarray(samples[name][:_PROOF_SAMPLES]).reshape((-1, *shape)) for name, shape in graph.inputs.items()
    }
    folded = evaluate(device, weights, some)
    expected = keras_outputs(keras_model, some)
    for output in device.outputs:
        ours = folded[output.tensor].reshape(expected[output.name].shape)
        size = float(np.abs(expected[output.name]).max(initial=0))
        gap = float(np.abs(ours - expected[output.name]).max(initial=0))
        assert gap <= _FOLDING_TOLERANCE * max(1.0, size), (
            f"the device graph gives {output.name} {gap} away from Keras, whose largest value is {size}"
        )
