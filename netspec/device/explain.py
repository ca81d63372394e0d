"""What becomes of a layer on the device: its kernels, the layout of its weights, its memory; or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

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
    """One op of a layer on a device. Each answer is worked out when it is asked for: few need more than the kernel."""

    node: Node
    device: Device

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def choice(self) -> KernelChoice:
        return kernel_of(self.node).kernel_choice(self.node.op, self.device.extension)

    @property
    def constants(self) -> tuple[Constant, ...]:
        return kernel_of(self.node).constants(self.node.op, self.device.extension)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        return kernel_of(self.node).layout(self.node.op)

    @property
    def folded(self) -> tuple[str, ...]:
        return tuple(_named(affine) + folding(affine) for affine in getattr(self.node.op, "affine", ()))

    @property
    def clamp(self) -> str | None:
        return _clamp(self.node.op)

    @property
    def scratch_bytes(self) -> int:
        return kernel_of(self.node).scratch_bytes(self.node.op, self.device.extension)

    @property
    def arena(self) -> Arena | None:
        """The arena while the op runs; None where the whole net has no memory plan."""
        plan = self.device.plan
        return Arena(self.device.live[self.name], plan.arena_bytes) if plan else None

    @property
    def shares(self) -> tuple[Share, ...]:
        """Inputs that stand in the output."""
        return self.device.shares.get(self.name, ())

    @property
    def equal_table(self) -> str | None:
        """The op whose look-up table is this one's too, and is kept once."""
        return self.device.plan.equal_tables.get(self.name) if self.device.plan else None


@dataclass(frozen=True, slots=True)
class OnDevice:
    """A layer on the device: its `steps`; or in `no_code` why it needs none; or in `unsupported` why it cannot run."""

    steps: tuple[Step, ...] = ()
    no_code: str | None = None
    unsupported: str | None = None
    help: str | None = None


@dataclass(frozen=True)
class Device:
    """A network on a core, layer by layer; `plan` is None where some layer cannot run, `faults` then say which."""

    core: str
    extension: Extension
    plan: DevicePlan | None
    faults: tuple[Diagnostic, ...]
    nodes: Mapping[str, tuple[Node, ...]]
    """The ops that each layer is part of, in the order they run; a layer without any is missing."""
    asked: str | None = None
    """The only layer that is asked for, if it is not all."""

    @cached_property
    def live(self) -> Mapping[str, Mapping[str, int]]:
        """By op of the layers asked for: the bytes of the arena while it runs, by tensor; empty without a plan."""
        if self.plan is None:
            return {}
        return {
            live.node.name: live.listed()
            for live in self.plan.live()
            if self.asked is None or live.node.layer == self.asked
        }

    @cached_property
    def shares(self) -> Mapping[str, tuple[Share, ...]]:
        """By op: which of its inputs stand in its output."""
        return self.plan.memory.shares_by_node() if self.plan else {}

    def layer(self, layer: GraphLayer) -> OnDevice:
        """Return what becomes of a layer."""
        nodes = self.nodes.get(layer.name, ())
        if own := tuple(node for node in nodes if node.layer == layer.name):
            return OnDevice(tuple(Step(node, self) for node in own))
        try:
            to = Builder.of(layer.name, layer.input_shapes)
            layer.layer.lower(to, to.inputs)
        except DeviceUnsupported as error:
            help = error.help.replace("{layer}", layer.name) if error.help else None
            return OnDevice(unsupported=error.message.replace("{layer}", layer.name), help=help)
        return OnDevice(no_code=_why_no_code(tuple(step.op for step in to.steps), layer, nodes[0] if nodes else None))


def explain_device(graph: Graph, core: str | None = None, asked: str | None = None) -> Device:
    """Return a network on a core, by default the spec's own. With `asked` only that layer will be asked for.

    What int8 kernels cannot run is cut out: the other layers are explained as though its output were given.
    """
    core = core or graph.spec.core
    extension = CORE_EXTENSIONS[core]
    try:
        plan = plan_device(graph, core)
    except SpecError as error:
        rest = run_passes(replace(lower_supported(graph), extension=extension))
        return Device(core, extension, None, error.diagnostics, _nodes(rest), asked)
    return Device(core, extension, plan, (), _nodes(plan.graph), asked)


def _nodes(graph: DeviceGraph) -> dict[str, tuple[Node, ...]]:
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in {node.layer, *node.layers}:
            found.setdefault(name, []).append(node)
    return {name: tuple(nodes) for name, nodes in found.items()}


def folding(affine: Affine) -> str:
    """Return what folding a batch norm or a rescaling does to kernel and bias, for each output channel."""
    if isinstance(affine, Rescale):
        return f"w' = w * {affine.scale:g}, b' = {_scaled('b', affine)}"
    assert isinstance(affine, BatchNorm)
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
