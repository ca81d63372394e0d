"""Test vectors: a handful of int8 inputs, and the outputs that every correct build gives for them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

from netspec.quantize.model import QuantizedModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_RANDOM_SAMPLES = 3


@dataclass(frozen=True)
class TestVectors:
    """Arrays by the names of the network's inputs and outputs, with a batch axis of one length, at least 1."""

    __test__: ClassVar[bool] = False  # or pytest takes it for a test

    inputs: Mapping[str, NDArray[np.int8]]
    outputs: Mapping[str, NDArray[np.int8]]

    @property
    def count(self) -> int:
        return min(len(values) for values in self.inputs.values())


def plain_inputs(model: QuantizedModel) -> dict[str, NDArray[np.int8]]:
    """Return inputs that need no data: three random samples, and one of the largest and smallest integers.

    From Python's own generator, whose numbers no release of numpy changes.
    """
    import numpy as np

    generator = random.Random(model.name)
    inputs: dict[str, NDArray[np.int8]] = {}
    for given in model.plan.graph.inputs:
        samples = [generator.randbytes(prod(given.shape)) for _ in range(_RANDOM_SAMPLES)]
        samples.append(bytes(0x80 if byte < 128 else 0x7F for byte in generator.randbytes(prod(given.shape))))
        inputs[given.name] = np.frombuffer(b"".join(samples), np.int8).reshape((-1, *given.shape))
    return inputs


def make_vectors(model: QuantizedModel, inputs: Mapping[str, NDArray[np.int8]]) -> TestVectors:
    """Return the vectors with these int8 inputs, (samples, ...) each; the numpy reference gives the outputs."""
    tensors = model.run(inputs)
    outputs = {output.name: tensors[output.tensor] for output in model.plan.graph.outputs}
    return TestVectors({given.name: inputs[given.name] for given in model.plan.graph.inputs}, outputs)
