"""How a layer lowers itself: a builder records its ops, which may branch, give several outputs and keep states.

The builder knows no names but the layer's own. Nodes and tensors get theirs when the layer is done, for only then is it
known which value is the layer's result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from netspec.ops.base import Op
from netspec.ops.tensor import INT8, DType
from netspec.ops.words import ScaleRule, Shape


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor inside one layer: its number, in the order in which they came to be, and its shape."""

    number: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class State:
    """A tensor that the layer keeps from run to run; `role` becomes part of its name."""

    role: str
    value: Value
    dtype: DType


@dataclass(frozen=True, slots=True)
class Step:
    """One op, what it reads and what it writes. `name` is that of the node behind the layer's, if not the op's stem."""

    op: Op
    reads: tuple[Value, ...]
    writes: tuple[Value, ...]
    name: str | None = None
    scale: ScaleRule | None = None
    """Where the scale of the only output comes from, if not from where the op says."""
    like: Value | None = None
    """What an op wrote whose weights and scales this one has too."""


@dataclass(slots=True)
class Builder:
    """What a layer lowers itself with; `layer` is its name, which its weights are found by."""

    layer: str
    inputs: tuple[Value, ...]
    steps: list[Step] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    _count: int = 0

    @staticmethod
    def of(layer: str, shapes: Iterable[Shape]) -> Builder:
        """Return the builder of a layer with inputs of these shapes."""
        inputs = tuple(Value(number, shape) for number, shape in enumerate(shapes))
        return Builder(layer, inputs, _count=len(inputs))

    def op(
        self,
        op: Op,
        *values: Value,
        name: str | None = None,
        scale: ScaleRule | None = None,
        like: Value | None = None,
    ) -> Value:
        """Return the output of an op that has one. `scale` overrides the op's own rule for it.

        `like` is what an op of the same weights wrote: inputs and outputs of both get the same scales, so that both
        read one copy of the constants.
        """
        (shape,) = op.output_shapes()
        value = self._value(shape)
        self.steps.append(Step(op, values, (value,), name, scale, like))
        return value

    def ops(
        self, op: Op, *values: Value, name: str | None = None, into: Mapping[int, Value] | None = None
    ) -> tuple[Value, ...]:
        """Return the outputs of an op. Those that `into` names by their index are written into states."""
        kept = into or {}
        states = {state.value for state in self.states}
        assert all(value in states for value in kept.values()), f"{op.stem} writes into what is no state"
        shapes = op.output_shapes()
        writes = tuple(kept.get(index) or self._value(shape) for index, shape in enumerate(shapes))
        assert all(value.shape == shape for value, shape in zip(writes, shapes, strict=True)), "a state is of its shape"
        self.steps.append(Step(op, values, writes, name))
        return writes

    def chain(self, values: Sequence[Value], ops: Iterable[Op]) -> Value:
        """Return the last of some ops: the first reads the values, each further one the op before it."""
        for op in ops:
            values = (self.op(op, *values),)
        return values[0]

    def state(self, role: str, shape: Shape, dtype: DType = INT8) -> Value:
        """Return a state. Reading it gives what was written into it in the run before; at first, zeros."""
        value = self._value(shape)
        self.states.append(State(role, value, dtype))
        return value

    def _value(self, shape: Shape) -> Value:
        self._count += 1
        return Value(self._count - 1, shape)
