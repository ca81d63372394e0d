"""Functions of two values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netspec.ops.numbers import Integers, Quant, Quantized, Weights, batched, clamp_numbers, float_bounds
from netspec.ops.sink import Sink, tflite_activation
from netspec.ops.traits import Clamped
from netspec.ops.words import ActivationKind, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

BinaryKind = Literal["add"]


@dataclass(frozen=True, slots=True)
class Function:
    """What a kind of `Binary` makes of two values at one scale, its operator in TensorFlow Lite, and its past tense."""

    combine: Callable[[Any, Any], Any]
    operator: str
    done: str


FUNCTIONS: dict[BinaryKind, Function] = {"add": Function(operator.add, "ADD", "added")}


@dataclass(frozen=True, slots=True)
class Binary(Clamped):
    """An element-wise function of two tensors of one shape. `add` takes `arity` of them, until a pass splits it."""

    stem: ClassVar[str] = "binary"
    kind: BinaryKind
    shape: Shape
    arity: int = 2
    activation: ActivationKind = "none"
    max_value: float | None = None

    @property
    def function(self) -> Function:
        return FUNCTIONS[self.kind]

    def variant(self) -> str:
        return f"{self.stem}.{self.kind}"

    def output_shapes(self) -> tuple[Shape, ...]:
        return (self.shape,)

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        from netspec.arithmetic import add_parameters

        one, two = inputs
        parameters = add_parameters(
            one.scale, one.zero_point, two.scale, two.zero_point, outputs[0].scale, outputs[0].zero_point
        )
        return Quantized(numbers=asdict(parameters) | clamp_numbers(self.activation, outputs[0]))

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.reference import binary_float

        one, two = (batched(each, self.shape) for each in inputs)
        return (
            binary_float(one, two, self.function.combine, activation=float_bounds(self.activation, self.max_value)),
        )

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        from netspec.arithmetic import AddParameters
        from netspec.reference import binary

        numbers = dict(q.numbers)
        bounds = (numbers.pop("activation_min"), numbers.pop("activation_max"))
        one, two = (batched(each, self.shape) for each in inputs)
        return (binary(one, two, AddParameters(**numbers), self.function.combine, activation=bounds),)

    def tflite(self, q: Quantized, sink: Sink) -> None:
        shape = (1, *self.shape)
        reads = [sink.read(0, shape), sink.read(1, shape)]
        target = sink.write(shape)
        sink.operator(self.function.operator, reads, [target], activation=tflite_activation(self.activation))
