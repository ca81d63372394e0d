"""Everything that is wrong with a spec: language, wiring, shapes, device support, budgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from netspec.device.plan import DevicePlan, plan_device
from netspec.diagnostics import Diagnostic, Note, SpecError
from netspec.graph import Graph, GraphLayer, build_graph
from netspec.source import Document
from netspec.spec import read


@dataclass(frozen=True, slots=True)
class Checked:
    """A spec without errors; `plan` is None where the device cannot run it and no `target` asks for that."""

    graph: Graph
    plan: DevicePlan | None
    unsupported: tuple[Diagnostic, ...]
    warnings: tuple[Diagnostic, ...]


def check(document: Document, core: str | None = None) -> Checked:
    """Return the graph and its device plan. Raises `SpecError` with every error.

    What the int8 kernels cannot run is an error only where the spec has a `target`: a net that is only trained
    may use all of Keras.
    """
    graph = build_graph(read(document))
    try:
        plan = plan_device(graph, core)
    except SpecError as error:
        if graph.spec.target or core:
            raise
        return Checked(graph, None, error.diagnostics, graph.warnings)
    breaches = budget_breaches(graph, plan)
    if breaches:
        raise SpecError(breaches)
    return Checked(graph, plan, (), graph.warnings)


def budget_breaches(graph: Graph, plan: DevicePlan) -> list[Diagnostic]:
    """Return a diagnostic for each budget that the network exceeds, naming the layer that costs most."""
    spec = graph.spec
    budget = spec.target.budget if spec.target else None
    if budget is None:
        return []
    checks: tuple[tuple[str, int | None, int, str, Callable[[Graph, DevicePlan], tuple[GraphLayer, str, str]]], ...] = (
        ("flash", budget.flash, plan.flash_bytes, "bytes of constants", _heaviest),
        ("ram", budget.ram, plan.ram_bytes, "bytes of RAM", _fullest),
        ("macs", budget.macs, graph.macs, "multiply-accumulates", _busiest),
    )
    found: list[Diagnostic] = []
    for key, limit, needed, unit, culprit in checks:
        if limit is None or needed <= limit:
            continue
        layer, cause, remedy = culprit(graph, plan)
        found.append(
            Diagnostic(
                f"budget-{key}",
                f"the network needs {needed:,} {unit}, the budget is {limit:,}",
                spec.span("target", "budget", key),
                help=f"{remedy}, or raise the budget by {needed - limit:,}",
                notes=(Note(f"{cause} at {layer.name}", layer.item.type_span),),
                path=f"target.budget.{key}",
            )
        )
    return found


def _layer(graph: Graph, name: str) -> GraphLayer:
    return next(layer for layer in graph.layers if layer.name == name)


def _heaviest(graph: Graph, plan: DevicePlan) -> tuple[GraphLayer, str, str]:
    node = max(plan.graph.nodes, key=plan.node_weight_bytes)
    cause = f"most of it, {plan.node_weight_bytes(node):,} bytes, lies"
    return _layer(graph, node.layer), cause, f"give {node.layer} fewer filters or units, or a smaller input"


def _fullest(graph: Graph, plan: DevicePlan) -> tuple[GraphLayer, str, str]:
    node = plan.peak
    assert node is not None
    live = plan.live_tensors(node)
    held = " + ".join(f"{name} {size:,}" for name, size in sorted(live.items(), key=lambda item: -item[1]))
    largest = max(live, key=lambda name: live[name])
    return _layer(graph, node.layer), f"the peak is {held}, live", f"make {largest} smaller (filters, strides, pooling before it)"


def _busiest(graph: Graph, plan: DevicePlan) -> tuple[GraphLayer, str, str]:
    layer = max(graph.layers, key=lambda each: each.macs)
    return layer, f"most of it, {layer.macs:,}, is spent", f"give {layer.name} fewer filters, strides, or a separable form"


