"""Quantized: a device plan with its numbers filled in. What the emitter, the .tflite writer and the verifier read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netspec.device.graph import Node
from netspec.device.ops import kernel_of
from netspec.device.ops.base import Quant, Quantized
from netspec.device.plan import DevicePlan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """The plan, a scale and zero point for every tensor, and the numbers of every node, by node name."""

    plan: DevicePlan
    tensors: Mapping[str, Quant]
    numbers: Mapping[str, Quantized]

    @property
    def name(self) -> str:
        return self.plan.graph.name

    @property
    def nodes(self) -> tuple[tuple[Node, Quantized], ...]:
        return tuple((node, self.numbers[node.name]) for node in self.plan.graph.nodes)

    def quantize_input(self, name: str, values: NDArray[Any]) -> NDArray[np.int8]:
        """Return float inputs as int8: round(x * scale + offset) where a rescaling is folded in, to even on ties.

        Computed in float32 as the emitted `quantize` helper does, so that both give the same bytes.
        """
        import numpy as np

        factor, term = self.input_transform(name)
        scaled = values.astype(np.float32) * np.float32(factor) + np.float32(term)
        integers: NDArray[np.int8] = np.clip(np.rint(scaled), -128, 127).astype(np.int8)
        return integers

    def input_transform(self, name: str) -> tuple[float, float]:
        """Return (factor, term) as float32 values such that q = round(x * factor + term)."""
        import numpy as np

        given = next(given for given in self.plan.graph.inputs if given.name == name)
        quant = self.tensors[name]
        scale, offset = (given.rescale.scale, given.rescale.offset) if given.rescale else (1.0, 0.0)
        factor = np.float32(scale / quant.scale)
        term = np.float32(offset / quant.scale + quant.zero_point)
        return float(factor), float(term)

    def dequantize(self, tensor: str, values: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return int8 values as floats: scale * (q - zero point)."""
        import numpy as np

        quant = self.tensors[tensor]
        return np.float32(quant.scale) * (values.astype(np.float32) - np.float32(quant.zero_point))

    def run(self, inputs: Mapping[str, NDArray[np.int8]]) -> dict[str, NDArray[np.int8]]:
        """Return every tensor of the numpy reference for int8 inputs with a batch axis."""
        values = dict(inputs)
        for node, numbers in self.nodes:
            reads = [values[name] for name in node.inputs]
            values[node.output] = kernel_of(node.op).reference(node.op, numbers, reads)
        return values
