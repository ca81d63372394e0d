"""Run a .tflite model in TensorFlow Lite Micro's own interpreter (`tflite-micro`), keeping every tensor.

This is the independent oracle of the int8 contract: reference kernels, double rounding, one invocation a
sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import ToolError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MEBIBYTE = 1 << 20


class Interpreter:
    """One model, ready to run; not for use by several threads.

    `tensor_count` is the number of tensors in the model's only subgraph. Raises `ToolError` where
    tflite-micro is not installed (it has wheels for Linux on x86-64 only) or refuses the model; the reason
    that the interpreter gives goes to standard error.
    """

    def __init__(self, model: bytes) -> None:
        runtime, schema = _import_tflite_micro()
        subgraph = schema.Model.GetRootAsModel(model, 0).Subgraphs(0)
        self.tensor_count: int = subgraph.TensorsLength()
        try:
            self._interpreter = runtime.Interpreter.from_bytes(
                model,
                arena_size=_arena_bytes(subgraph),
                # Without this the memory of a tensor is reused as soon as its last reader has run.
                intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
            )
        except RuntimeError as error:
            raise ToolError(
                f"TensorFlow Lite Micro refuses the model: {error}",
                help="the lines above say which operator and why",
            ) from error

    def run(self, inputs: Sequence[NDArray[Any]], tensors: Sequence[int] | None = None) -> list[NDArray[Any]]:
        """Return copies of the tensors of the given indices after one run.

        By default all tensors, constants included. `inputs` are arrays of the model's input shapes (batch
        included) and types. Raises ValueError where they are not, ToolError where the interpreter fails.
        """
        for index, values in enumerate(inputs):
            self._interpreter.set_input(values, index)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise ToolError(f"TensorFlow Lite Micro failed to run the model: {error}") from error
        wanted = range(self.tensor_count) if tensors is None else tensors
        return [self._interpreter.GetTensor(index, 0)["tensor_data"] for index in wanted]


def _import_tflite_micro() -> tuple[Any, Any]:
    try:
        from tflite_micro import runtime
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema
    except ImportError as error:
        raise ToolError(
            "tflite-micro is not installed",
            help="install the `train` extra; its wheels are for Linux on x86-64 only",
        ) from error
    return runtime, schema


def _arena_bytes(subgraph: Any) -> int:
    """Return an arena that is always large enough.

    16 bytes an element cover every tensor in memory of its own, the per-channel multipliers and the kernels'
    scratch (an int32 an output element at most); 4 KiB a tensor and an operator cover the bookkeeping.
    Generous costs nothing: pages of the arena that are not touched are never mapped.
    """
    tensors = [subgraph.Tensors(index) for index in range(subgraph.TensorsLength())]
    elements = sum(prod(tensor.Shape(axis) for axis in range(tensor.ShapeLength())) for tensor in tensors)
    return 16 * int(elements) + 4096 * (len(tensors) + int(subgraph.OperatorsLength())) + _MEBIBYTE
