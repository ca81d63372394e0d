"""DeviceGraph: the int8 ops of a network, their tensors, and which tensors are other names of the same bytes.

Derived from the Graph alone, before any training: training only fills numbers in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import is_
from typing import TYPE_CHECKING, Any, TypeVar

from netspec.device.cmsis_nn import Extension
from netspec.ops import Op, Rescale, RescaleEach, ScaleRule, Shape, Tensor

if TYPE_CHECKING:
    from netspec.device.kernels.base import Kernel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Node:
    """One op: `name` prefixes its constants. It owns the tensors that it writes, and names those that it reads.

    `layer` is the spec's layer that the op came from, at `line`; `layers` are all that are folded into it.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[Tensor, ...]
    layer: str
    layers: tuple[str, ...]
    line: int
    kernel: Kernel[Any] | None = None
    """What runs the op; the last pass chooses it."""
    scale: ScaleRule | None = None
    """Where the scale of the only output comes from, if not from where the op says."""
    like: str | None = None
    """The node whose weights and scales this one has too, and whose constants it reads."""

    def scale_rule(self, output: int = 0) -> ScaleRule:
        """Return where the scale of an output comes from."""
        return self.scale or self.op.scale_rule(output)

    @property
    def output(self) -> str:
        """The name of the only tensor that it writes."""
        (only,) = self.outputs
        return only.name

    def named(self, values: Sequence[T]) -> dict[str, T]:
        """Return what an op gives, one value an output, by the names of the tensors."""
        return {tensor.name: value for tensor, value in zip(self.outputs, values, strict=True)}

    def with_kernel(self, kernel: Kernel[Any]) -> Node:
        """Return the node with its kernel. `replace` would take thrice as long, for every node."""
        n = self
        return Node(n.name, n.op, n.inputs, n.outputs, n.layer, n.layers, n.line, kernel, n.scale, n.like)


@dataclass(frozen=True, slots=True)
class DeviceInput:
    """A network input. With `rescale` the caller's float x becomes x * scale + offset before it is quantized.

    `rescale` may have numbers of their own for each value: see `RescaleEach`.
    """

    name: str
    shape: Shape
    rescale: Rescale | RescaleEach | None = None

    @property
    def tensor(self) -> Tensor:
        return Tensor(self.name, self.shape)


@dataclass(frozen=True, slots=True)
class DeviceOutput:
    """A network output: the spec's name and shape, and the tensor that holds it."""

    name: str
    shape: Shape
    tensor: str


@dataclass(frozen=True)
class DeviceGraph:
    """Ops in the order they run. Tensors are the inputs and the nodes' outputs, batch axis left out.

    What is derived from the ops is computed once, when it is first asked for.
    """

    name: str
    inputs: tuple[DeviceInput, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[DeviceOutput, ...]
    kernels: str = "netspec"
    """The name of the set that the nodes' kernels come from."""
    states: tuple[Tensor, ...] = ()
    """Tensors that keep their bytes from run to run. An op that reads one gets what was written into it last."""
    extension: Extension = "none"
    """The instructions that the nodes' kernels are chosen for."""

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """Every tensor by its name, inputs and states first, then in the order they are written."""
        found = {given.name: given.tensor for given in self.inputs}
        found |= {state.name: state for state in self.states}
        return found | {tensor.name: tensor for node in self.nodes for tensor in node.outputs}

    @cached_property
    def readers(self) -> Mapping[str, int]:
        """How many times each tensor is read, being an output of the network included."""
        counts = Counter(name for node in self.nodes for name in node.inputs)
        counts.update(output.tensor for output in self.outputs)
        return counts

    @cached_property
    def producers(self) -> Mapping[str, Node]:
        """The node that writes each tensor."""
        return {tensor.name: node for node in self.nodes for tensor in node.outputs}

    @cached_property
    def lifetimes(self) -> Mapping[str, tuple[int, int]]:
        """The first and last step at which each tensor is needed, in the order of `tensors`.

        Inputs are there at step -1, before the first node; outputs until the step after the last one; states always.
        """
        first = {given.name: -1 for given in self.inputs}
        first |= {tensor.name: step for step, node in enumerate(self.nodes) for tensor in node.outputs}
        last = dict(first)
        for step, node in enumerate(self.nodes):
            last |= dict.fromkeys(node.inputs, step)
        last |= {output.tensor: len(self.nodes) for output in self.outputs}
        for state in self.states:
            first[state.name], last[state.name] = -1, len(self.nodes)
        return {name: (first[name], last[name]) for name in first}

    def names(self) -> set[str]:
        """Return the names of all nodes and tensors."""
        return {node.name for node in self.nodes} | self.tensors.keys()

    def with_nodes(self, nodes: Iterable[Node]) -> DeviceGraph:
        """Return the graph with other nodes: itself where they are the same objects."""
        given = tuple(nodes)
        if len(given) == len(self.nodes) and all(map(is_, given, self.nodes)):
            return self
        return replace(self, nodes=given)


def free_name(name: str, taken: set[str]) -> str:
    """Return `name`, or `name` with a number, such that it is not taken; it is from now on."""
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    taken.add(candidate)
    return candidate
