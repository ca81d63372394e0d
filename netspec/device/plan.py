"""Everything the device needs, known from the spec: the int8 graph, its memory plan, bytes in flash and RAM."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from netspec.device.cmsis_nn import CORE_EXTENSIONS, Extension
from netspec.device.graph import DeviceGraph, Node, lower, tensor_bytes
from netspec.device.memory import MemoryPlan, plan_memory
from netspec.device.memory_check import check_plan
from netspec.device.ops import kernel_of
from netspec.device.ops.base import Constant
from netspec.device.passes import run_passes
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph

INDEX_LIMIT = 2**31 - 1
"""Sizes and indices in CMSIS-NN, and shapes in a .tflite file, are int32."""


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """A network on a core. Bytes are exact; `flash_bytes` counts constants, not the kernels' code."""

    core: str
    extension: Extension
    graph: DeviceGraph
    memory: MemoryPlan

    def constants(self, node: Node) -> tuple[Constant, ...]:
        """Return the arrays that a node keeps in flash."""
        return kernel_of(node.op).constants(node.op, self.extension)

    def node_weight_bytes(self, node: Node) -> int:
        return sum(constant.bytes for constant in self.constants(node) if not constant.table)

    def node_flash_bytes(self, node: Node) -> int:
        return sum(constant.bytes for constant in self.constants(node))

    @property
    def weight_bytes(self) -> int:
        """Return kernels, biases, multipliers and shifts."""
        return sum(self.node_weight_bytes(node) for node in self.graph.nodes)

    @property
    def table_bytes(self) -> int:
        """Return look-up tables and kernel sums, which no training changes the size or meaning of."""
        return sum(constant.bytes for node in self.graph.nodes for constant in self.constants(node) if constant.table)

    @property
    def flash_bytes(self) -> int:
        return self.weight_bytes + self.table_bytes

    @property
    def arena_bytes(self) -> int:
        return self.memory.arena_bytes

    @property
    def scratch_bytes(self) -> int:
        """Return the largest scratch of any op; it lies in the arena."""
        return max(self.memory.scratch_bytes.values(), default=0)

    @property
    def ram_bytes(self) -> int:
        """Return the arena: emitted code keeps no other state."""
        return self.arena_bytes

    @property
    def peak(self) -> Node | None:
        """Return the op that runs when the most bytes are live."""
        return self.graph.nodes[self.memory.peak] if self.graph.nodes else None

    def live_tensors(self, node: Node) -> dict[str, int]:
        """Return what the arena must hold while `node` runs, in bytes by tensor, its scratch included."""
        step = self.graph.nodes.index(node)
        live = {
            name: tensor_bytes(shape)
            for (name, shape), (first, last) in zip(
                self.graph.tensors.items(), self.graph.lifetimes().values(), strict=True
            )
            if first <= step <= last
        }
        scratch = self.memory.scratch_bytes.get(node.name)
        return live | ({f"scratch of {node.name}": scratch} if scratch else {})

    def live_bytes(self) -> list[int]:
        """Return, for each node, the bytes of what `live_tensors` lists."""
        steps = len(self.graph.nodes)
        changes = [0] * (steps + 3)
        lifetimes = self.graph.lifetimes()
        for name, shape in self.graph.tensors.items():
            first, last = lifetimes[name]
            changes[first + 1] += tensor_bytes(shape)
            changes[last + 2] -= tensor_bytes(shape)
        return [
            live + self.memory.scratch_bytes.get(node.name, 0)
            for node, live in zip(self.graph.nodes, list(accumulate(changes))[1:], strict=False)
        ]


def _require_addressable(graph: Graph, device: DeviceGraph, plan: DevicePlan) -> None:
    """Raise `SpecError` for each layer with an array that a 32-bit core cannot index."""
    nodes = {node.output: node for node in device.nodes}
    largest: dict[str, int] = {}
    for name, shape in device.tensors.items():
        owner = nodes[name].layer if name in nodes else name
        largest[owner] = max(largest.get(owner, 0), tensor_bytes(shape))
    for node in device.nodes:
        sizes = [constant.bytes for constant in plan.constants(node)]
        largest[node.layer] = max(largest.get(node.layer, 0), plan.memory.scratch_bytes.get(node.name, 0), *sizes, 0)
    spans = {layer.name: (layer.item.type_span, layer.item.place) for layer in graph.layers}
    spans |= {name: (graph.spec.key_span("inputs", name), f"inputs.{name}") for name in graph.inputs}
    found = [
        Diagnostic(
            "unsupported-on-device",
            f"{name} needs an array of {size:,} bytes, a 32-bit core indexes at most {INDEX_LIMIT:,}",
            spans[name][0],
            help="make the layer smaller",
            path=spans[name][1],
        )
        for name, size in largest.items()
        if size > INDEX_LIMIT
    ]
    if found:
        raise SpecError(found)


def plan_device(graph: Graph, core: str | None = None) -> DevicePlan:
    """Return the plan of a network for a core, by default the spec's own.

    Raises `SpecError` (rule `unsupported-on-device`) for layers that have no int8 kernel, or arrays too large for one.
    """
    core = core or graph.spec.core
    extension = CORE_EXTENSIONS[core]
    device_graph = run_passes(lower(graph))
    memory = plan_memory(device_graph, extension)
    check_plan(device_graph, memory)
    plan = DevicePlan(core, extension, device_graph, memory)
    _require_addressable(graph, device_graph, plan)
    return plan
