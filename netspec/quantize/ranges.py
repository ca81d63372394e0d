"""Calibration: the float network on real samples, and the range of every tensor that quantization needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netspec.device.graph import DeviceGraph
from netspec.device.input_rescaling import factors
from netspec.ops.numbers import Weights
from netspec.quantize.states import in_turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

Range = tuple[float, float]

_PART_BYTES = 2**27
"""Of all tensors of the samples that are evaluated at once."""


def rescaled_inputs(graph: DeviceGraph, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return float inputs as the device's first op sees them: folded rescalings applied."""
    import numpy as np

    result: dict[str, NDArray[Any]] = {}
    for given in graph.inputs:
        values = np.asarray(inputs[given.name], np.float32).reshape((-1, *given.shape))
        if given.rescale:
            scales, offsets = (np.array(each, np.float32) for each in factors(given.rescale))
            values = (values.reshape(-1, len(scales)) * scales + offsets).reshape(values.shape)
        result[given.name] = values
    return result


def evaluate(graph: DeviceGraph, weights: Weights, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return every tensor of the float network, folds and fusions included, for inputs with a batch axis.

    This is the device graph in float32: that it equals the Keras model proves the passes.
    """

    def run(given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        values = dict(given)
        for node in graph.nodes:
            values |= node.named(node.op.evaluate(weights, [values[name] for name in node.inputs]))
        return values

    return in_turn(graph, rescaled_inputs(graph, inputs), run)


def find_ranges(
    graph: DeviceGraph, weights: Weights, inputs: Mapping[str, NDArray[Any]], percentile: float | None = None
) -> dict[str, Range]:
    """Return (min, max) of every tensor over the samples.

    With a `percentile` P the ends are the quantiles 100 - P and P: rare outliers saturate and the rest gains
    resolution. Raises ValueError where a tensor is not finite.
    """
    import numpy as np

    ranges: dict[str, Range] = {}
    count = len(next(iter(inputs.values())))
    size = sum(4 * tensor.size for tensor in graph.tensors.values())
    step = max(1, _PART_BYTES // max(1, size)) if percentile is None else count  # a quantile is one of all samples
    for start in range(0, count, step):
        with np.errstate(all="ignore"):  # what comes of it is looked at here
            tensors = evaluate(graph, weights, {name: x[start : start + step] for name, x in inputs.items()})
        for name, values in tensors.items():
            if not np.isfinite(values).all():
                raise ValueError(f"tensor {name} is not finite: its values are too large for float32, or none at all")
            ends = (
                (values.min(), values.max())
                if percentile is None
                else np.percentile(values, [100 - percentile, percentile])
            )
            low, high = ranges.get(name, (math.inf, -math.inf))
            ranges[name] = (min(low, float(ends[0])), max(high, float(ends[1])))
    return ranges
