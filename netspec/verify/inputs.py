"""int8 inputs to compare on: real samples, random ones, and patterns that saturate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel
    from netspec.train.samples import Samples

TEST_SAMPLES = 128
RANDOM_SAMPLES = 64
_SEED = 20240229


def case_inputs(model: QuantizedModel, samples: Mapping[str, Samples] | None) -> dict[str, NDArray[np.int8]]:
    """Return int8 inputs: real samples where there are any, uniform random ones, and saturating patterns.

    The same for the same model and data: the generator's seed is fixed.
    """
    import numpy as np

    generator = np.random.default_rng(_SEED)
    result: dict[str, NDArray[np.int8]] = {}
    for given in model.plan.graph.inputs:
        parts: list[NDArray[np.int8]] = []
        if samples is not None:
            real = samples[given.name][:TEST_SAMPLES]
            parts.append(model.quantize_input(given.name, real).reshape((-1, *given.shape)))
        parts.append(generator.integers(-128, 128, (RANDOM_SAMPLES, *given.shape), np.int8))
        parts.append(generator.choice(np.array([-128, 127], np.int8), (RANDOM_SAMPLES // 4, *given.shape)))
        constants = np.array([-128, 127, model.tensors[given.name].zero_point], np.int8)
        parts.append(np.broadcast_to(constants.reshape((-1,) + (1,) * len(given.shape)), (3, *given.shape)))
        result[given.name] = np.ascontiguousarray(np.concatenate(parts))
    return result
