"""Quantized: a device plan with its numbers filled in. What the emitter, the .tflite writer and the verifier read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netspec.device.graph import DeviceInput, Node
from netspec.device.input_rescaling import factors
from netspec.device.plan import DevicePlan
from netspec.ops.numbers import Quant, Quantized
from netspec.quantize.states import in_turn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """The plan, a scale and zero point for every tensor, and the numbers of every node, by node name."""

    plan: DevicePlan
    tensors: Mapping[str, Quant]
    numbers: Mapping[str, Quantized]
    imported: bool = False
    """Whether the integers are those of a .tflite file, which a QUANTIZE operator makes of floats."""

    @property
    def name(self) -> str:
        return self.plan.graph.name

    @property
    def nodes(self) -> tuple[tuple[Node, Quantized], ...]:
        return tuple((node, self.numbers[node.name]) for node in self.plan.graph.nodes)

    def divides(self, name: str) -> bool:
        """Say whether an input is quantized as TensorFlow Lite's QUANTIZE does, whose place the emitted code takes."""
        return self.imported and self._input(name).rescale is None

    def quantize_input(self, name: str, values: NDArray[Any]) -> NDArray[np.int8]:
        """Return float inputs as int8, computed in float32 as the emitted `quantize` function does.

        round(x * factor + term), halves to even. For an input that `divides` it is round(x / scale) + zero point,
        halves away from zero (`AffineQuantize` in TFLite's reference/quantize.h). NaN gives -128.
        """
        import numpy as np

        values = values.astype(np.float32)
        if self.divides(name):
            quant = self.tensors[name]
            with np.errstate(over="ignore"):
                steps = np.clip(values / np.float32(quant.scale), -256, 256)  # past that every zero point saturates
            # In double, where no sum with a half is rounded.
            integers = np.copysign(np.floor(np.abs(steps.astype(np.float64)) + 0.5), steps) + quant.zero_point
        else:
            scales, terms = self.input_transform(name)
            with np.errstate(over="ignore"):
                integers = np.rint(values.reshape(-1, len(scales)) * scales + terms).reshape(values.shape)
        saturated: NDArray[np.int8] = np.clip(np.nan_to_num(integers, nan=-128), -128, 127).astype(np.int8)
        return saturated

    def input_transform(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (factors, terms) such that q = round(x * factor + term).

        Value i of the flattened input takes number i % len(factors): one for all, but where the spec gives the
        input's values numbers of their own.
        """
        import numpy as np

        quant = self.tensors[name]
        rescale = None if quant.raw else self._input(name).rescale
        scales, offsets = (np.array(each, np.float64) for each in factors(rescale))
        return (scales / quant.scale).astype(np.float32), (offsets / quant.scale + quant.zero_point).astype(np.float32)

    def _input(self, name: str) -> DeviceInput:
        return next(given for given in self.plan.graph.inputs if given.name == name)

    def dequantize(self, tensor: str, values: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return int8 values as floats: scale * (q - zero point)."""
        import numpy as np

        quant = self.tensors[tensor]
        return np.float32(quant.scale) * (values.astype(np.float32) - np.float32(quant.zero_point))

    def run(self, inputs: Mapping[str, NDArray[np.int8]]) -> dict[str, NDArray[np.int8]]:
        """Return every tensor of the numpy reference for int8 inputs with a batch axis.

        A network with states takes the samples one after the other, from states of zero on; a state is what the run
        of that sample leaves.
        """
        return in_turn(
            self.plan.graph, inputs, self._run, {name: quant.zero_point for name, quant in self.tensors.items()}
        )

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        values = dict(inputs)
        for node, numbers in self.nodes:
            reads = [values[name] for name in node.inputs]
            values |= node.named(node.op.reference(numbers, reads))
        return values
