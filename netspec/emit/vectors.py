"""Test vectors: a handful of int8 inputs, and the outputs that every correct build gives for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from netspec.quantize.model import QuantizedModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TestVectors:
    """Arrays by the names of the network's inputs and outputs, with a batch axis of one length, at least 1."""

    __test__: ClassVar[bool] = False  # or pytest takes it for a test

    inputs: Mapping[str, NDArray[np.int8]]
    outputs: Mapping[str, NDArray[np.int8]]

    @property
    def count(self) -> int:
        return min(len(values) for values in self.inputs.values())


def make_vectors(model: QuantizedModel, inputs: Mapping[str, NDArray[np.int8]]) -> TestVectors:
    """Return the vectors with these int8 inputs, each of shape (samples, ...): the numpy reference gives the outputs."""
    tensors = model.run(inputs)
    outputs = {output.name: tensors[output.tensor] for output in model.plan.graph.outputs}
    return TestVectors({given.name: inputs[given.name] for given in model.plan.graph.inputs}, outputs)
