"""Everything the device needs, known from the spec: the int8 graph, its memory plan, bytes in flash and RAM."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.device.cmsis_nn import CORE_EXTENSIONS, Extension
from netspec.device.graph import DeviceGraph, Node, lower, tensor_bytes
from netspec.device.memory import MemoryPlan, plan_memory
from netspec.device.memory_check import check_plan
from netspec.device.ops import kernel_of
from netspec.device.ops.base import Constant
from netspec.device.passes import run_passes
from netspec.graph import Graph


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

    @property
    def weight_bytes(self) -> int:
        """Return kernels, biases, multipliers and shifts."""
        return sum(self.node_weight_bytes(node) for node in self.graph.nodes)

    @property
    def table_bytes(self) -> int:
        """Return look-up tables and kernel sums, which no training changes the size or meaning of."""
        return sum(
            constant.bytes for node in self.graph.nodes for constant in self.constants(node) if constant.table
        )

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
        later = {name for each in self.graph.nodes[step:] for name in each.inputs}
        later |= {output.tensor for output in self.graph.outputs} | {node.output}
        written = {given.name for given in self.graph.inputs} | {
            each.output for each in self.graph.nodes[: step + 1]
        }
        shapes = self.graph.tensors
        live = {name: tensor_bytes(shapes[name]) for name in shapes if name in later and name in written}
        scratch = self.memory.scratch_bytes.get(node.name)
        return live | ({f"scratch of {node.name}": scratch} if scratch else {})


def plan_device(graph: Graph, core: str | None = None) -> DevicePlan:
    """Return the plan of a network for a core, by default the spec's own.

    Raises `SpecError` (rule `unsupported-on-device`) for layers that have no int8 kernel.
    """
    core = core or graph.spec.core
    extension = CORE_EXTENSIONS[core]
    device_graph = run_passes(lower(graph))
    memory = plan_memory(device_graph, extension)
    check_plan(device_graph, memory)
    return DevicePlan(core, extension, device_graph, memory)
