"""A kernel set of its own, and ops that no spec has: what the device core carries beyond today's layers.

`halves` has two outputs. `count` keeps a state: how often it ran. Their C is in the templates here, as is a
table's in this set, so that nothing of it has to be linked.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import pytest
from jinja2 import ChoiceLoader, DictLoader
from numpy.typing import NDArray

from netspec.device import kernels
from netspec.device.cmsis_nn import Extension, KernelChoice
from netspec.device.kernels import KernelSet
from netspec.device.kernels.base import Kernel
from netspec.device.kernels.netspec import KERNELS
from netspec.device.kernels.netspec.unary import UnaryKernel
from netspec.layers.activations import Tanh
from netspec.ops import INT8, INT32, Binary, Concatenate, DType, Fixed, Op, ScaleRule, Shape, Unary
from netspec.ops.builder import Builder, Value
from netspec.ops.numbers import Integers, Quant, Quantized, Weights
from netspec.spec.spec import Spec

TEMPLATES = {
    "ops/toy/unary.c.j2": """
for (int32_t i = 0; i < {{ call.size }}; i++) {
    ({{ layer.output.pointer }})[i] = {{ layer.constants.table }}[({{ layer.inputs[0].pointer }})[i] + 128];
}""",
    "ops/toy/halves.c.j2": """
for (int32_t i = 0; i < {{ call.size }}; i++) {
    ({{ layer.written[0][1].pointer }})[i] = ({{ layer.inputs[0].pointer }})[i];
    ({{ layer.written[1][1].pointer }})[i] = ({{ layer.inputs[0].pointer }})[{{ call.size }} + i];
}""",
    "ops/toy/count.c.j2": """
int32_t *const count = (int32_t *)(void *)({{ layer.written[1][1].pointer }});
for (int32_t i = 0; i < {{ call.size }}; i++) {
    ({{ layer.output.pointer }})[i] = (int8_t)(*count < 127 ? *count : 127);
}
++*count;""",
}


@dataclass(frozen=True, slots=True)
class Halves(Op):
    """The first and the second half of a vector."""

    stem: ClassVar[str] = "halves"
    size: int

    def output_shapes(self) -> tuple[Shape, ...]:
        return ((self.size // 2,), (self.size // 2,))

    def scale_rule(self, output: int = 0) -> ScaleRule:
        return "same"

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        assert all(output == inputs[0] for output in outputs)
        return Quantized()

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        return (inputs[0][:, : self.size // 2], inputs[0][:, self.size // 2 :])

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        return self.evaluate(lambda param: np.zeros(0, np.float32), inputs)


@dataclass(frozen=True, slots=True)
class Count(Op):
    """How often it ran before, in each element, and one more in the state that it reads."""

    stem: ClassVar[str] = "count"
    size: int

    def output_shapes(self) -> tuple[Shape, ...]:
        return ((self.size,), (1,))

    def output_types(self) -> tuple[DType, ...]:
        return (INT8, INT32)

    def scale_rule(self, output: int = 0) -> ScaleRule:
        return Fixed(1, 0)

    def numbers(self, integers: Integers | None, inputs: Sequence[Quant], outputs: Sequence[Quant]) -> Quantized:
        return Quantized()

    def evaluate(self, weights: Weights, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        _, count = inputs
        return (np.repeat(count, self.size, axis=1), count + 1)

    def reference(self, q: Quantized, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        _, count = inputs
        return (np.repeat(np.minimum(count, 127), self.size, axis=1).astype(np.int8), count + 1)


class _Inline(Kernel[Any]):
    """A kernel that calls nothing."""

    def kernel_choice(self, op: Any, extension: Extension) -> KernelChoice:
        return KernelChoice("inline", "the loop is in the emitted code")

    def functions(self, op: Any, extension: Extension) -> tuple[str, ...]:
        return ()


class HalvesKernel(_Inline):
    template = "toy/halves"

    def call(self, op: Halves, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {"size": op.size // 2}


class CountKernel(_Inline):
    template = "toy/count"

    def in_place(self, op: Count) -> tuple[tuple[int, int], ...]:
        return ((1, 1),)

    def call(self, op: Count, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        return {"size": op.size}


class ToyUnaryKernel(UnaryKernel):
    template = "toy/unary"

    def kernel_choice(self, op: Unary, extension: Extension) -> KernelChoice:
        return KernelChoice("inline", "the loop is in the emitted code")

    def functions(self, op: Unary, extension: Extension) -> tuple[str, ...]:
        return ()


SET = KernelSet("toy", KERNELS | {"unary": ToyUnaryKernel(), "halves": HalvesKernel(), "count": CountKernel()})


def swap(layer: Tanh, to: Builder, inputs: tuple[Value, ...]) -> Value:
    """Return twice the first half of a vector behind the second: one output is read twice, the other once."""
    (size,) = inputs[0].shape
    first, second = to.ops(Halves(size), inputs[0])
    twice = to.op(Binary("add", (size // 2,)), first, first)
    return to.op(Concatenate((second.shape, twice.shape), (size,), 0), second, twice)


def count(layer: Tanh, to: Builder, inputs: tuple[Value, ...]) -> Value:
    """Return how often the layer ran before, in each element."""
    calls = to.state("calls", (1,), INT32)
    result, _ = to.ops(Count(inputs[0].shape[0]), inputs[0], calls, into={1: calls})
    return result


@contextmanager
def toys(lower: Any) -> Iterator[None]:
    """Let `tanh` lower itself by a function of these, and every network run on the kernel set `toy`."""
    # The package exports a function of the module's name.
    environment = import_module("netspec.emit.render")._environment()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tanh, "lower", lower)
        patch.setattr(Spec, "kernels", property(lambda spec: "toy"))
        patch.setitem(kernels._MODULES, "toy", __name__)
        patch.setattr(environment, "loader", ChoiceLoader([DictLoader(TEMPLATES), environment.loader]))  # type: ignore[list-item]
        yield
