"""What every op answers.

An op has three forms beside its description: floats (`evaluate`), the int8 reference in numpy (`reference`) and the
TensorFlow Lite operators (`tflite`); verification compares them with what the C call of its kernel computes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from netspec.ops.numbers import Integers, Quant, Quantized, StoredWeights, Weights
from netspec.ops.sink import Sink
from netspec.ops.tensor import INT8, DType, Tensor
from netspec.ops.words import ActivationKind, Padding, ScaleRule, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Op:
    """What is computed. The answers here are those of an op that is nothing special."""

    __slots__ = ()

    stem: ClassVar[str]
    """The op in the names of constants and tensors. Users see it in their code, so it never changes."""

    def output_shapes(self) -> tuple[Shape, ...]:
        """Return the shape of each output."""
        raise NotImplementedError

    def outputs(self, *names: str) -> tuple[Tensor, ...]:
        """Return the output tensors, given their names."""
        each = zip(names, self.output_shapes(), self.output_types(), strict=True)
        return tuple(Tensor(name, shape, dtype) for name, shape, dtype in each)

    def output_types(self) -> tuple[DType, ...]:
        """Return the element type of each output."""
        return (INT8,) * len(self.output_shapes())

    def variant(self) -> str:
        """Return the function that is computed, of those that the class describes: "pool2d.max"."""
        return self.stem

    def scale_rule(self, output: int = 0) -> ScaleRule:
        """Return where the scale of an output comes from."""
        return "free"

    def range_end(self) -> float | None:
        """Return the value at which the output's range must end, so that saturation is the op's bound."""
        return None

    def clamped(self, max_value: float | None) -> Op | None:
        """Return the op with a relu as the clamp of its output; None where its kernel has no such clamp."""
        return None

    def with_affine(self, affine: Affine) -> Op | None:
        """Return the op with a batch norm or rescaling of its output in its weights; None where it has no weights."""
        return None

    def macs(self) -> int:
        """Return the multiplications by weights; folded batch norms take none."""
        return 0

    def input_reads(self) -> float:
        """Return how often an element of an input is read, about."""
        return 1.0

    def weight_reads(self) -> int:
        """Return how often a constant is read in one inference, about: once for each position of the output.

        Of a table a byte is read for each 256 elements.
        """
        (shape,) = self.output_shapes()
        return prod(shape[:-1]) if len(shape) > 1 else max(1, prod(shape) // 256)

    def join_axis(self) -> int | None:
        """Return the axis, batch left out, along which an op that only copies joins its inputs; None for others."""
        return None

    def table_key(self) -> Hashable | None:
        """Return what a table of 256 depends on besides the scales of input and output; None without a table."""
        return None

    def weights_key(self) -> Hashable | None:
        """Return what the op's constants depend on besides the scales of input and output; None without weights."""
        return None

    def zeros_before(self) -> Padding | None:
        """Return the zeros that the op puts around its input; None where it cannot put any."""
        return None

    def with_zeros_before(self, zeros: Padding, input_shape: Shape) -> Op:
        """Return the op with other zeros, around an input of this shape; only where `zeros_before` is not None."""
        raise NotImplementedError

    def integers(self, weights: Weights, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Integers | None:
        """Return the op's weights as integers, made of floats; None for an op without weights."""
        return None

    def stored_integers(self, stored: StoredWeights, inputs: Sequence[Quant]) -> Integers | None:
        """Return the op's weights as integers, as somebody else has made them; None for an op without weights."""
        return None

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        """Return the op's numbers from its integers. Raises ValueError where they leave an int8 kernel's range."""
        raise NotImplementedError

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """Return the float outputs on arrays with a batch axis, folding included."""
        raise NotImplementedError

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """Return the integer outputs on arrays with a batch axis, equal to TensorFlow Lite Micro's."""
        raise NotImplementedError

    def tflite(self, q: Quantized, sink: Sink) -> None:
        """Append the op's operators to a .tflite file."""
        raise NotImplementedError


class Affine(Op):
    """A per-channel a * x + b, which folds into the weights of the op before it."""

    __slots__ = ()


def output_shape(op: Op) -> Shape:
    """Return the shape of the output of an op that has one."""
    (shape,) = op.output_shapes()
    return shape


def clamp(activation: ActivationKind, max_value: float | None) -> tuple[ActivationKind, float | None] | None:
    """Return the clamp and the range's end with which a kernel without a clamp computes a relu; None where it has one.

    Another bound than 6 has no clamp: the output's range ends there, so that int8 saturation is the bound.
    """
    if activation != "none":
        return None
    if max_value is None:
        return "relu", None
    return ("relu6", None) if max_value == 6.0 else ("relu", max_value)
