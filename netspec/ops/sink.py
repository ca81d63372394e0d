"""What an op appends its TensorFlow Lite operators to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from netspec.ops.numbers import Quantized
from netspec.ops.words import ActivationKind, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Sink(Protocol):
    """Collects TensorFlow Lite operators. Shapes carry the batch of 1."""

    def read(self, position: int, shape: Shape) -> int:
        """Return the index of the node's input at `position`, seen as `shape`; reshapes where needed."""

    def write(self, shape: Shape, output: int = 0) -> int:
        """Return the index of an output of the node, given as `shape`; reshapes afterwards where needed."""

    def intermediate(self, role: str, shape: Shape, like: int) -> int:
        """Return a new tensor with the quantization of tensor `like`."""

    def constant(
        self, role: str, values: NDArray[Any], scales: Sequence[float] = (), quantized_dimension: int = 0
    ) -> int:
        """Return a new constant tensor, with zero points of 0 where it has scales."""

    def operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> None:
        """Append an operator."""


def tflite_activation(activation: ActivationKind) -> str:
    return activation.upper()


def tflite_bias(q: Quantized, outputs: int, sink: Sink) -> int:
    """Return the bias of a .tflite operator; zeros where there is none, for LiteRT's XNNPACK crashes without one."""
    import numpy as np

    return sink.constant("bias", q.arrays.get("bias", np.zeros(outputs, np.int32)), q.bias_scales)
