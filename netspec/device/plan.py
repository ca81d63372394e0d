"""Everything the device needs, known from the spec: the int8 graph, its memory plan, bytes in flash and RAM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal

from netspec.device.cmsis_nn import CORE_EXTENSIONS, Extension
from netspec.device.graph import DeviceGraph, Node
from netspec.device.kernels import kernel_of
from netspec.device.kernels.base import Constant
from netspec.device.lowering import lower
from netspec.device.memory.checker import check_plan
from netspec.device.memory.live_sets import Live, live_sets
from netspec.device.memory.packing import aligned
from netspec.device.memory.plan import MemoryPlan, plan_memory
from netspec.device.memory.regions import Region, place_weights
from netspec.device.passes import run_passes, with_plain_kernels
from netspec.device.scales import equal_tables
from netspec.diagnostics import Diagnostic, Note, SpecError
from netspec.graph import Graph

INDEX_LIMIT = 2**31 - 1
"""Sizes and indices in CMSIS-NN, and shapes in a .tflite file, are int32."""

Io = Literal["arena", "external"]


@dataclass(frozen=True)
class DevicePlan:
    """A network on a core. Bytes are exact, but for code: a prediction at most 5 % above what is linked.

    With `io` "external" inputs and outputs are the caller's memory, and no part of the arena.
    """

    core: str
    extension: Extension
    graph: DeviceGraph
    memory: MemoryPlan
    io: Io = "arena"
    equal_tables: Mapping[str, str] = field(default_factory=dict)
    """By node whose look-up table is the same as that of a node before it: that node, which keeps it."""
    regions: tuple[Region, ...] = ()
    """The memories of the target; empty where it names none."""
    weight_regions: Mapping[str, str] = field(default_factory=dict)
    """By node whose constants are copied from flash at start-up: the region that they are copied to."""
    _constants: dict[str, tuple[Node, tuple[Constant, ...]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    remembered: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What others work out of a plan once, by the name of their function."""

    def constants(self, node: Node) -> tuple[Constant, ...]:
        """Return the arrays that a node reads."""
        found = self._constants.get(node.name)
        if found is None or found[0] is not node:
            found = self._constants[node.name] = node, kernel_of(node).constants(node.op, self.extension)
        return found[1]

    def kept_constants(self, node: Node) -> tuple[Constant, ...]:
        """Return the arrays that a node keeps in flash: those it reads, but for what another one keeps."""
        if node.like is not None:
            return ()
        if node.name not in self.equal_tables:
            return self.constants(node)
        return tuple(constant for constant in self.constants(node) if constant.role != "table")

    def node_weight_bytes(self, node: Node) -> int:
        return sum(constant.bytes for constant in self.kept_constants(node) if not constant.table)

    def node_padding_bytes(self, node: Node) -> int:
        """Return what arrays that are copied to a region are longer than they need be.

        There each is a multiple of 16 bytes. So in whatever order a compiler puts them into their section, there is no
        padding between them, and the section is as large as they are together.
        """
        if node.name not in self.weight_regions:
            return 0
        return sum(aligned(constant.bytes) - constant.bytes for constant in self.kept_constants(node))

    def node_flash_bytes(self, node: Node) -> int:
        return sum(constant.bytes for constant in self.kept_constants(node)) + self.node_padding_bytes(node)

    @cached_property
    def weight_bytes(self) -> int:
        """Kernels, biases, multipliers and shifts."""
        return sum(self.node_weight_bytes(node) for node in self.graph.nodes)

    @cached_property
    def table_bytes(self) -> int:
        """Look-up tables and kernel sums, which no training changes the size or meaning of."""
        return sum(
            constant.bytes for node in self.graph.nodes for constant in self.kept_constants(node) if constant.table
        )

    @cached_property
    def padding_bytes(self) -> int:
        """The padding of the arrays that are copied to RAM, which is in flash and RAM."""
        return sum(self.node_padding_bytes(node) for node in self.graph.nodes)

    @property
    def constant_bytes(self) -> int:
        """Return what lies in flash beside code."""
        return self.weight_bytes + self.table_bytes + self.padding_bytes

    @property
    def arena_bytes(self) -> int:
        return self.memory.arena_bytes

    @property
    def scratch_bytes(self) -> int:
        """Return the largest scratch of any op; it lies in the arena."""
        return max(self.memory.scratch_bytes.values(), default=0)

    @property
    def ram_bytes(self) -> int:
        """Return the arena, the states and the constants that are copied to RAM: emitted code keeps nothing else."""
        return (
            self.arena_bytes
            + self.memory.state_bytes
            + sum(self.region_weight_bytes(region) for region in self.regions)
        )

    def region_arena_bytes(self, region: Region) -> int:
        """Return the bytes of a region's part of the arena."""
        return dict(zip(self.arena_regions, self.memory.arenas, strict=True)).get(region, 0)

    def region_weight_bytes(self, region: Region) -> int:
        """Return the bytes of the constants that are copied to a region."""
        return sum(self.node_flash_bytes(n) for n in self.graph.nodes if self.weight_regions.get(n.name) == region.name)

    @property
    def arena_regions(self) -> tuple[Region, ...]:
        """Return the regions that hold a part of the arena, in the order of `memory.arenas`."""
        return tuple(region for region in self.regions if region.arena)

    @property
    def peak(self) -> Node | None:
        """Return the op that runs when the most bytes are live."""
        return self.graph.nodes[self.memory.peak] if self.graph.nodes else None

    def live_tensors(self, node: Node) -> dict[str, int]:
        """Return what the arena must hold while `node` runs, in bytes by tensor, its scratch included.

        Tensors whose bytes another one's include are left out.
        """
        return next(live.listed() for live in self.live() if live.node is node)

    def live_bytes(self) -> list[int]:
        """Return, for each node, the bytes of what `live_tensors` lists."""
        return [live.bytes for live in self.live()]

    def peak_in(self, region: Region) -> tuple[Node | None, dict[str, int]]:
        """Return the first node while which the most bytes are live in a region, and what is live there then."""
        most = max((live.bytes for live in self.live(region)), default=-1)
        return next(((live.node, live.listed()) for live in self.live(region) if live.bytes == most), (None, {}))

    def live(self, region: Region | None = None) -> Iterator[Live]:
        """Yield what is live at each node, in one region if it is given. To list it all takes long for wide nets."""
        sizes = {name: tensor.bytes for name, tensor in self.graph.tensors.items()}
        sizes = {name: sizes[name] for name in self.memory.tensor_offsets}
        scratch = self.memory.scratch_bytes
        if region is not None:
            arena = self.arena_regions.index(region)
            sizes = {name: size for name, size in sizes.items() if self.memory.tensor_arenas.get(name) == arena}
            scratch = {name: size for name, size in scratch.items() if self.memory.scratch_arenas.get(name) == arena}
        return live_sets(self.graph, sizes, scratch, self.memory.shares)


def plan_graph(graph: DeviceGraph, core: str, io: Io = "arena", regions: tuple[Region, ...] = ()) -> DevicePlan:
    """Return the plan of the ops that run, proven by the checker."""
    extension = CORE_EXTENSIONS[core]
    outside = {each.name for each in graph.inputs} | {each.tensor for each in graph.outputs}
    memory = plan_memory(graph, extension, outside if io == "external" else (), regions)
    check_plan(graph, memory)
    plan = DevicePlan(core, extension, graph, memory, io, equal_tables(graph), regions)
    free = [(region.name, region.size - plan.region_arena_bytes(region)) for region in regions if region.weights]
    if not free:
        return plan
    sizes = {node.name: [constant.bytes for constant in plan.kept_constants(node)] for node in graph.nodes}
    return replace(plan, weight_regions=place_weights(graph.nodes, sizes, free))


def _require_addressable(graph: Graph, device: DeviceGraph, plan: DevicePlan) -> None:
    """Raise `SpecError` for each layer with an array that a 32-bit core cannot index."""
    sizes_of_all = chain(
        (tensor.bytes for tensor in device.tensors.values()),
        plan.memory.scratch_bytes.values(),
        (constant.bytes for node in device.nodes for constant in plan.constants(node)),
    )
    if max(sizes_of_all, default=0) <= INDEX_LIMIT:
        return
    nodes = device.producers
    largest: dict[str, int] = {}
    for name, tensor in device.tensors.items():
        owner = nodes[name].layer if name in nodes else name
        largest[owner] = max(largest.get(owner, 0), tensor.bytes)
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

    Raises `SpecError` for layers that have no int8 kernel or arrays too large for one (rule `unsupported-on-device`),
    and for regions too small for the arena (`memory-too-small`).
    """
    plan = plan_of_any_size(graph, core)
    fault = room_fault(graph, plan)
    if fault is not None:
        raise SpecError(fault)
    return plan


def plan_of_any_size(graph: Graph, core: str | None = None) -> DevicePlan:
    """Return what `plan_device` does, also where the arena is more than its regions hold."""
    core = core or graph.spec.core
    device_graph = run_passes(replace(lower(graph), extension=CORE_EXTENSIONS[core]))
    memory = (graph.spec.target.memory if graph.spec.target else None) or []
    regions = tuple(Region(each.name, each.size, "arena" in each.holds, "weights" in each.holds) for each in memory)
    plan = plan_graph(device_graph, core, graph.spec.io, regions)
    budget = graph.spec.target.budget if graph.spec.target else None
    over = budget is not None and budget.ram is not None and plan.ram_bytes > budget.ram
    if over or room_fault(graph, plan) is not None:
        plan = _with_less_scratch(plan)
    _require_addressable(graph, plan.graph, plan)
    return plan


def _with_less_scratch(plan: DevicePlan) -> DevicePlan:
    """Return a plan whose nodes at the peak have kernels with less scratch; the same plan where that saves no RAM."""
    everywhere = with_plain_kernels(plan.graph, {node.name for node in plan.graph.nodes})
    least = plan_graph(everywhere, plan.core, plan.io, plan.regions).arena_bytes
    above = {live.node.name for live in plan.live() if live.bytes > least}
    plainer = plan_graph(with_plain_kernels(plan.graph, above), plan.core, plan.io, plan.regions)
    return plainer if plainer.ram_bytes < plan.ram_bytes else plan


def room_fault(graph: Graph, plan: DevicePlan) -> Diagnostic | None:
    """Return what to say where more of the arena is left for the last region that may hold it than it has."""
    if not plan.regions:
        return None
    region, needed = plan.arena_regions[-1], plan.memory.arenas[-1]
    if needed <= region.size:
        return None
    node, live = plan.peak_in(region)
    held = " + ".join(f"{name} {size:,}" for name, size in sorted(live.items(), key=lambda item: -item[1]))
    layer = next(each for each in graph.layers if each.name == node.layer) if node and live else None
    message = f"the arena needs {needed:,} bytes of {region.name}, which has {region.size:,}"
    why = ""
    if len(plan.arena_regions) > 1:
        whole = plan_memory(plan.graph, plan.extension, plan.memory.outside).arena_bytes
        message = f"{needed:,} bytes of the arena are left for {region.name}, which has {region.size:,}"
        why = f"; the arena is {plan.arena_bytes:,} bytes in all"
        if whole < plan.arena_bytes:
            why += f", in one region it would be {whole:,}: no tensor lies in two"
    index = plan.regions.index(region)
    return Diagnostic(
        "memory-too-small",
        message,
        graph.spec.entry_span("target", "memory", index, "size"),
        help=f"make the regions larger, or the tensors smaller that are live there{why}",
        notes=(Note(f"the peak is {held}, live in it at {layer.name}", layer.item.type_span),) if layer else (),
        path=f"target.memory[{index}].size",
    )
