"""QuantizedModel -> .tflite: every device op through its own `tflite` method, reshapes put in where shapes differ.

Tensors are images [1, h, w, c] or rows [n, c]; a sequence is an image of height 1. Network inputs and outputs keep
the spec's shape behind a batch of 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.device.graph import DeviceInput, Node
from netspec.ops import Shape
from netspec.ops.numbers import Quant
from netspec.quantize.model import QuantizedModel
from netspec.quantize.raw_inputs import file_rescale, rescaled_note
from netspec.tflite.writer import Operator, Tensor, write

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rescaled_notes(model: QuantizedModel) -> list[str]:
    """Return a sentence for each input of the file that is not in the caller's units."""
    notes = (rescaled_note(given, model.tensors[given.name]) for given in model.plan.graph.inputs)
    return [note for note in notes if note is not None]


class TFLiteModel:
    """The operators of a network, and where each device tensor stands among the file's tensors."""

    def __init__(self, model: QuantizedModel) -> None:
        self.model = model
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.index_of: dict[str, int] = {}
        for given in model.plan.graph.inputs:
            self.index_of[given.name] = self._input(given)
        self.inputs = tuple(self.index_of[given.name] for given in model.plan.graph.inputs)
        for given in model.plan.graph.inputs:
            self.index_of[given.name] = self._rescaled(given)
        for node, numbers in model.nodes:
            node.op.tflite(numbers, _NodeSink(self, node))
        self.outputs = tuple(
            self._output(output.name, output.tensor, (1, *output.shape)) for output in model.plan.graph.outputs
        )

    def to_bytes(self) -> bytes:
        """Return the file's bytes, the same for the same model."""
        description = "; ".join([f"{self.model.name}, made by netspec", *rescaled_notes(self.model)])
        return write(self.tensors, self.operators, self.inputs, self.outputs, description=description)

    def _input(self, given: DeviceInput) -> int:
        """Return the tensor that a caller of the file writes, whose scale is that of raw values where that is exact."""
        quant = self.model.tensors[given.name]
        rescale = file_rescale(given, quant)
        return self._activation(given.name, (1, *given.shape), rescale.raw if rescale else quant)

    def _rescaled(self, given: DeviceInput) -> int:
        """Return the tensor that the net reads, behind the operators that rescale an input without changing a byte."""
        source, quant = self.index_of[given.name], self.model.tensors[given.name]
        rescale = file_rescale(given, quant)
        if rescale is None:
            return source
        if len(given.shape) > 3:  # TensorFlow Lite Micro's operators with two inputs broadcast four axes
            source = self.reshaped(source, (1, prod(given.shape)), f"{given.name}_flat")
        shape = self.tensors[source].shape
        product = Quant(quant.scale, rescale.raw.zero_point)
        factor = self._scalar(f"{given.name}_scale", 1, Quant(rescale.factor, 0))
        found = self._activation(f"{given.name}_scaled", shape, product)
        self.operators.append(Operator("MUL", (source, factor), (found,), {}))
        if rescale.steps:
            zero_point = -128 if rescale.steps > 0 else 127
            term = self._scalar(f"{given.name}_offset", rescale.steps + zero_point, Quant(quant.scale, zero_point))
            summed = self._activation(f"{given.name}_shifted", shape, quant)
            self.operators.append(Operator("ADD", (found, term), (summed,), {}))
            found = summed
        return found

    def _scalar(self, name: str, value: int, quant: Quant) -> int:
        data = value.to_bytes(1, "little", signed=True)
        return self.add(Tensor(name, (1,), "int8", (quant.scale,), (quant.zero_point,), data=data))

    def _activation(self, name: str, shape: Shape, quant: Quant) -> int:
        return self.add(Tensor(name, shape, "int8", (quant.scale,), (quant.zero_point,)))

    def add(self, tensor: Tensor) -> int:
        taken = {each.name for each in self.tensors}
        name, count = tensor.name, 1
        while name in taken:
            count += 1
            name = f"{tensor.name}_{count}"
        self.tensors.append(
            Tensor(
                name,
                tensor.shape,
                tensor.dtype,
                tensor.scales,
                tensor.zero_points,
                tensor.quantized_dimension,
                tensor.data,
            )
        )
        return len(self.tensors) - 1

    def reshaped(self, index: int, shape: Shape, name: str) -> int:
        """Return a tensor with the bytes of `index` and another shape; `index` itself where the shape is the same."""
        source = self.tensors[index]
        if source.shape == shape:
            return index
        target = self.add(Tensor(name, shape, source.dtype, source.scales, source.zero_points))
        self.reshape(index, target)
        return target

    def reshape(self, source: int, target: int) -> None:
        import numpy as np

        shape = self.tensors[target].shape
        sizes = np.array(shape, np.int32)
        wanted = self.add(Tensor("shape", (len(shape),), "int32", data=sizes.tobytes()))
        self.operators.append(Operator("RESHAPE", (source, wanted), (target,), {"new_shape": shape}))

    def _output(self, name: str, tensor: str, shape: Shape) -> int:
        """Return the network output: the tensor itself, or a reshape of it where its shape or name differs."""
        index = self.index_of[tensor]
        if name != tensor or self.tensors[index].shape != shape:
            target = self.add(self._like(index, name, shape))
            self.reshape(index, target)
            return target
        return index

    def _like(self, index: int, name: str, shape: Shape) -> Tensor:
        source = self.tensors[index]
        return Tensor(name, shape, source.dtype, source.scales, source.zero_points)


class _NodeSink:
    """What a kernel sees of the file while it appends one node."""

    def __init__(self, model: TFLiteModel, node: Node) -> None:
        self._model, self._node = model, node

    def read(self, position: int, shape: Shape) -> int:
        name = self._node.inputs[position]
        return self._model.reshaped(self._model.index_of[name], shape, f"{name}_view")

    def write(self, shape: Shape, output: int = 0) -> int:
        name = self._node.outputs[output].name
        quant = self._model.model.tensors[name]
        assert prod(shape) == self._model.model.plan.graph.tensors[name].size
        index = self._model.add(Tensor(name, shape, "int8", (quant.scale,), (quant.zero_point,)))
        self._model.index_of[name] = index
        return index

    def intermediate(self, role: str, shape: Shape, like: int) -> int:
        source = self._model.tensors[like]
        name = f"{self._node.name}_{role}"
        return self._model.add(Tensor(name, shape, source.dtype, source.scales, source.zero_points))

    def constant(
        self, role: str, values: NDArray[Any], scales: Sequence[float] = (), quantized_dimension: int = 0
    ) -> int:
        dtype: Any = values.dtype.name
        tensor = Tensor(
            f"{self._node.name}_{role}",
            values.shape,
            dtype,
            tuple(scales),
            (0,) * len(scales),
            quantized_dimension if len(scales) > 1 else 0,
            values.astype(values.dtype.newbyteorder("<")).tobytes(),
        )
        return self._model.add(tensor)

    def operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> None:
        self._model.operators.append(Operator(kind, tuple(inputs), tuple(outputs), options))
