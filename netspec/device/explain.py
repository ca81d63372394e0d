"""What becomes of a layer on the device: its kernels, the layout of its weights, its memory; or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netspec.device.cmsis_nn import CORE_EXTENSIONS, Extension, KernelChoice
from netspec.device.graph import DeviceGraph, Node
from netspec.device.kernels import kernel_of
from netspec.device.kernels.base import Constant, Layout
from netspec.device.lowering import lower_supported
from netspec.device.memory.sharing import Share
from netspec.device.passes import run_passes
from netspec.device.plan import DevicePlan, plan_device
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph, GraphLayer
from netspec.layers.base import DeviceUnsupported
from netspec.ops import Affine, BatchNorm, Op, Pad, Relu, Rescale, RescaleEach, View
from netspec.ops.builder import Builder


@dataclass(frozen=True, slots=True)
class Arena:
    """Bytes of the arena while an op runs: `live` by tensor, scratch included, of `total`."""

    live: Mapping[str, int]
    total: int


@dataclass(frozen=True, slots=True)
class Step:
    """One op of a layer. `arena` is None where the whole net has no memory plan."""

    name: str
    choice: KernelChoice
    constants: tuple[Constant, ...]
    layouts: tuple[Layout, ...]
    folded: tuple[str, ...]
    clamp: str | None
    scratch_bytes: int
    arena: Arena | None
    shares: tuple[Share, ...] = ()
    """Inputs that stand in the output."""
    equal_table: str | None = None
    """The op whose look-up table is this one's too, and is kept once."""


@dataclass(frozen=True, slots=True)
class OnDevice:
    """A layer on the device: its `steps`; or in `no_code` why it needs none; or in `unsupported` why it cannot run."""

    steps: tuple[Step, ...] = ()
    no_code: str | None = None
    unsupported: str | None = None
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A network on a core, layer by layer; `plan` is None where some layer cannot run, `faults` then say which."""

    core: str
    extension: Extension
    plan: DevicePlan | None
    faults: tuple[Diagnostic, ...]
    nodes: Mapping[str, tuple[Node, ...]]
    """The ops that each layer is part of, in the order they run; a layer without any is missing."""
    live: Mapping[str, Mapping[str, int]]
    """By op: the bytes that the arena holds while it runs, by tensor; empty without a plan."""
    shares: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    """By op: which of its inputs stand in its output."""

    def layer(self, layer: GraphLayer) -> OnDevice:
        """Return what becomes of a layer."""
        try:
            to = Builder.of(layer.name, layer.input_shapes)
            layer.layer.lower(to, to.inputs)
        except DeviceUnsupported as error:
            help = error.help.replace("{layer}", layer.name) if error.help else None
            return OnDevice(unsupported=error.message.replace("{layer}", layer.name), help=help)
        nodes = self.nodes.get(layer.name, ())
        own = tuple(node for node in nodes if node.layer == layer.name)
        if own:
            return OnDevice(tuple(self._step(node) for node in own))
        return OnDevice(no_code=_why_no_code(tuple(step.op for step in to.steps), layer, nodes[0] if nodes else None))

    def _step(self, node: Node) -> Step:
        kernel = kernel_of(node)
        arena = None
        if self.plan is not None:
            arena = Arena(self.live[node.name], self.plan.arena_bytes)
        return Step(
            node.name,
            kernel.kernel_choice(node.op, self.extension),
            kernel.constants(node.op, self.extension),
            kernel.layout(node.op),
            tuple(_named(affine) + folding(affine) for affine in getattr(node.op, "affine", ())),
            _clamp(node.op),
            kernel.scratch_bytes(node.op, self.extension),
            arena,
            self.shares.get(node.name, ()),
            self.plan.equal_tables.get(node.name) if self.plan else None,
        )


def explain_device(graph: Graph, core: str | None = None) -> Device:
    """Return a network on a core, by default the spec's own.

    What int8 kernels cannot run is cut out: the other layers are explained as though its output were given.
    """
    core = core or graph.spec.core
    extension = CORE_EXTENSIONS[core]
    try:
        plan = plan_device(graph, core)
    except SpecError as error:
        rest = run_passes(lower_supported(graph))
        return Device(core, extension, None, error.diagnostics, _nodes(rest), {})
    return Device(core, extension, plan, (), _nodes(plan.graph), _live(plan), plan.memory.shares_by_node())


def _nodes(graph: DeviceGraph) -> dict[str, tuple[Node, ...]]:
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in {node.layer, *node.layers}:
            found.setdefault(name, []).append(node)
    return {name: tuple(nodes) for name, nodes in found.items()}


def _live(plan: DevicePlan) -> dict[str, dict[str, int]]:
    """Return what `DevicePlan.live_tensors` says of each op, in one walk over all."""
    return {node.name: live for node, live in plan.live_by_node()}


def folding(affine: Affine) -> str:
    """Return what folding a batch norm or a rescaling does to kernel and bias, for each output channel."""
    if isinstance(affine, Rescale):
        return f"w' = w * {affine.scale:g}, b' = {_scaled('b', affine)}"
    gamma = "gamma / " if affine.gamma else "1 / "
    factor = f"{gamma}sqrt(moving_variance + {affine.epsilon:g})"
    beta = " + beta" if affine.beta else ""
    return f"a = {factor}, w' = w * a, b' = (b - moving_mean) * a{beta}"


def _named(affine: Affine) -> str:
    return f"{affine.mean.layer}: " if isinstance(affine, BatchNorm) else "rescaling: "


def _scaled(value: str, rescale: Rescale) -> str:
    """Return `x * 0.5 - 1`."""
    offset = f" {'-' if rescale.offset < 0 else '+'} {abs(rescale.offset):g}" if rescale.offset else ""
    return f"{value} * {rescale.scale:g}{offset}"


def _clamp(op: Op) -> str | None:
    activation = getattr(op, "activation", "none")
    if activation == "none":
        return None
    bound = getattr(op, "max_value", None)
    name = activation if bound is None else f"relu up to {bound:g}"
    return f"{name} costs nothing: the kernel bounds what it writes"


def _why_no_code(ops: tuple[Op, ...], layer: GraphLayer, host: Node | None) -> str:
    """Return why a layer has no op of its own; `host` is the op that it went into."""
    source = layer.inputs[0]
    if not ops:
        return "it does nothing in inference"
    match ops[0]:
        case View(shape=shape):
            return f"a view: the bytes of {source} stay where they are, under another shape" if shape else "a view"
        case Rescale() as rescale if host is None:
            return f"{source} is quantized with it: q = round(({_scaled('x', rescale)}) / scale) + zero point"
        case RescaleEach(scales=scales):
            return f"{source} is quantized with it: q = round(y / scale) + zero point, {len(scales):,} factors in float"
        case BatchNorm() | Rescale() as affine if host is not None:
            return f"folded into the weights of {host.layer}, for each of its output channels: {folding(affine)}"
        case Relu() if host is not None:
            return f"{host.layer} bounds what it writes"
        case Pad() if host is not None:
            return f"folded into {host.layer}: its own padding grows by these zeros"
    raise AssertionError(f"{layer.name} left no op")
