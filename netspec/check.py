"""Everything that is wrong with a spec: language, wiring, shapes, training, device support, budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from netspec.device.plan import DevicePlan, plan_of_any_size, room_fault
from netspec.diagnostics import Diagnostic, Note, SpecError, first_faults, suggestion
from netspec.graph import Graph, GraphLayer, build_graph
from netspec.lint import lint
from netspec.spec.source import Document
from netspec.spec.spec import Spec, survey

# Keras logs a metric under the name that it was asked for, or under its full one.
_FULL_NAMES = {
    "acc": "accuracy", "bce": "binary_crossentropy", "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error", "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checked:
    """A whole net; `plan` is None where the device cannot run it, and `unsupported` then says why.

    `errors` are what is wrong with it nevertheless: what a device cannot run, though the spec asks for one, regions of
    memory that are too small, broken budgets, and names in `train`. `check` returns a spec without any.
    """

    core: str
    graph: Graph
    plan: DevicePlan | None
    unsupported: tuple[Diagnostic, ...]
    warnings: tuple[Diagnostic, ...]
    errors: tuple[Diagnostic, ...] = ()


def check(document: Document, core: str | None = None) -> Checked:
    """Return the graph and its device plan. Raises `SpecError` with every error.

    What the int8 kernels cannot run is an error only where the spec has a `target`, or a `core` is asked for: a net
    that is only trained may use all of Keras.
    """
    checked = examine(document, core)
    if checked.errors:
        raise SpecError([*checked.errors, *checked.warnings])
    return checked


def examine(document: Document, core: str | None = None, *, advised: bool = True) -> Checked:
    """Return what `check` does, with the errors that leave the net whole. Raises `SpecError` for all others.

    If not `advised`, warnings and broken budgets of a sound net are not looked for.
    """
    spec, found = survey(document)
    if spec is None:
        raise SpecError(found)
    try:
        graph = build_graph(spec)
    except SpecError as error:
        found += error.diagnostics
        if not any(fault.path.startswith("outputs") for fault in found):
            found += train_faults(spec)
        raise SpecError(first_faults(found)) from None
    whole = not found
    found += train_faults(spec)
    if spec.train is not None and spec.train.data.classes is not None:
        from netspec.data.classes import class_faults

        found += class_faults(graph)
    # Of a spec with faults the warnings may be wrong, or an ignore of one that only a faulty section draws.
    warnings = () if spec.unsure or (whole and not advised) else lint(graph)
    plan: DevicePlan | None = None
    unsupported: tuple[Diagnostic, ...] = ()
    if not spec.unsure & {"target", "quantize"}:
        try:
            plan = plan_of_any_size(graph, core)
            fault = room_fault(graph, plan)
            found += [fault] if fault else []
            found += budget_breaches(graph, plan) if advised or not whole else []
        except SpecError as error:
            unsupported = error.diagnostics
            found += unsupported if spec.target or core else ()
    if not whole:
        raise SpecError([*first_faults(found), *warnings])
    return Checked(core or spec.core, graph, plan, unsupported, warnings, tuple(first_faults(found)))


def train_faults(spec: Spec) -> list[Diagnostic]:
    """Return what `train` says of outputs that are none, and a monitor that no epoch logs."""
    train = spec.train
    outputs = spec.output_names
    if train is None or "outputs" in spec.unsure or not all(map(spec.is_known, outputs)):
        return []
    found = [
        Diagnostic(
            "bad-output",
            f"{section} names '{name}', which is no output",
            spec.key_span("train", section, name),
            help=suggestion(name, outputs, "the outputs are"),
            path=f"train.{section}.{name}",
        )
        for section, given in (("loss", train.loss), ("metrics", train.metrics))
        if isinstance(given, dict)
        for name in given
        if name not in outputs
    ]
    if isinstance(train.loss, dict):
        missing = [name for name in outputs if name not in train.loss]
        if missing and not found:
            message = f"loss names none for the output{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
            hint = f"add `{missing[0]}: mse`, or another loss"
            span = spec.entry_span("train", "loss")
            found.append(Diagnostic("bad-output", message, span, help=hint, path="train.loss"))
    stopping = train.early_stopping
    logged = _logged(spec)
    if stopping is not None and not found and stopping.monitor not in logged:
        found.append(
            Diagnostic(
                "bad-monitor",
                f"early_stopping watches '{stopping.monitor}', which training does not log",
                spec.entry_span("train", "early_stopping", "monitor"),
                help=_monitor_help(stopping.monitor, logged),
                path="train.early_stopping.monitor",
            )
        )
    return found


def _monitor_help(monitor: str, logged: list[str]) -> str:
    wanted = monitor.removeprefix("val_")
    if wanted == "accuracy":
        return "add `metrics: [accuracy]`, or watch `val_loss`"
    return suggestion(monitor, logged, "the values are")


def _logged(spec: Spec) -> list[str]:
    """Return the names under which Keras logs losses and metrics: with several outputs, theirs stand before."""
    train, outputs = spec.train, spec.output_names
    assert train is not None
    names = ["loss"]
    for output in outputs:
        asked = train.metrics.get(output, []) if isinstance(train.metrics, dict) else train.metrics
        own = ["loss", *asked, *(_FULL_NAMES[name] for name in asked if name in _FULL_NAMES)]
        names += [f"{output}_{name}" for name in own] if len(outputs) > 1 else own[1:]
    return [each for name in dict.fromkeys(names) for each in (name, f"val_{name}")]


@dataclass(frozen=True, slots=True)
class _Culprit:
    """The layer that costs most, and what; layers whose change may help, most first; and advice without numbers."""

    layer: GraphLayer
    cause: str
    layers: tuple[str, ...]
    remedy: str


def budget_breaches(graph: Graph, plan: DevicePlan) -> list[Diagnostic]:
    """Return a diagnostic for each budget that the network exceeds: the layer that costs most, and what helps most."""
    spec = graph.spec
    budget = spec.target.budget if spec.target else None
    if budget is None:
        return []
    checks: tuple[tuple[str, int | None, _Measure, str, Callable[[Graph, DevicePlan], _Culprit]], ...] = (
        ("flash", budget.flash, _flash_bytes, "bytes of flash", _heaviest),
        ("ram", budget.ram, _ram_bytes, "bytes of RAM", _fullest),
        ("macs", budget.macs, _macs, "multiply-accumulates", _busiest),
    )
    found: list[Diagnostic] = []
    for key, limit, measure, unit, find in checks:
        if limit is None:
            continue
        needed = measure(graph, plan)
        if needed <= limit:
            continue
        culprit = find(graph, plan)
        counted, portable = _flash_providers(plan, limit) if key == "flash" else ("", "")
        found.append(
            Diagnostic(
                f"budget-{key}",
                f"the network needs {needed:,} {unit}{counted}, the budget is {limit:,}",
                spec.entry_span("target", "budget", key),
                help=f"{_help(graph, plan, measure, culprit, needed, limit)}; or raise the budget to `{key}: {needed}`"
                f"{portable}",
                notes=(Note(f"{culprit.cause} at {culprit.layer.name}", culprit.layer.item.type_span),),
                path=f"target.budget.{key}",
            )
        )
    return found


def _flash_providers(plan: DevicePlan, limit: int) -> tuple[str, str]:
    """Return what a message, and its help, add where the network fits with the portable kernels alone."""
    from netspec.device.size import PORTABLE, counted_provider, flash_bytes

    counted, portable = counted_provider(plan), flash_bytes(plan, PORTABLE)
    if portable > limit or counted == PORTABLE:
        return "", ""
    return (
        f" with {counted} and {portable:,} with the portable kernels",
        f", also if you build with the portable kernels, which need {portable:,}",
    )


_Measure = Callable[[Graph, DevicePlan], int]


def _flash_bytes(graph: Graph, plan: DevicePlan) -> int:
    from netspec.device.size import flash_bytes  # only a budget of flash needs the tables of sizes

    return flash_bytes(plan)


def _ram_bytes(graph: Graph, plan: DevicePlan) -> int:
    return plan.ram_bytes


def _macs(graph: Graph, plan: DevicePlan) -> int:
    return graph.macs


def _help(graph: Graph, plan: DevicePlan, measure: _Measure, culprit: _Culprit, needed: int, limit: int) -> str:
    from netspec.device.advice import best_change

    change = best_change(graph, plan, measure, culprit.layers, ram=measure is _ram_bytes)
    if change is None:
        return culprit.remedy
    rest = "is enough" if change.cost <= limit else f"leaves {change.cost:,}"
    return f"{change.what} saves {needed - change.cost:,}, which {rest}"


_MOST_LAYERS = 6  # whose change is tried


def _layer(graph: Graph, name: str) -> GraphLayer:
    return next(layer for layer in graph.layers if layer.name == name)


def _remedy(layer: GraphLayer, *others: str) -> str:
    """Return how to make a layer cheaper, its own key first."""
    keys = [f"fewer {key}" for key in ("filters", "units") if hasattr(layer.layer, key)]
    return f"give {layer.name} {' or '.join([*keys, *others])}"


def _most(costs: Mapping[str, int]) -> tuple[str, ...]:
    """Return the names that cost most, most first."""
    return tuple(sorted((name for name in costs if costs[name]), key=lambda name: -costs[name])[:_MOST_LAYERS])


def _heaviest(graph: Graph, plan: DevicePlan) -> _Culprit:
    costs: dict[str, int] = {}
    for node in plan.graph.nodes:
        costs[node.layer] = costs.get(node.layer, 0) + plan.node_flash_bytes(node)
    node = max(plan.graph.nodes, key=plan.node_flash_bytes)
    layer = _layer(graph, node.layer)
    smaller = "a smaller kernel" if hasattr(layer.layer, "kernel_size") else "a smaller input"
    return _Culprit(layer, f"{plan.node_flash_bytes(node):,} of them lie", _most(costs), _remedy(layer, smaller))


def _fullest(graph: Graph, plan: DevicePlan) -> _Culprit:
    node = plan.peak
    if node is None:  # views alone: the input is the output
        return _Culprit(graph.layers[-1], "no op runs, but the input is held", (), "give the input a smaller shape")
    live = plan.live_tensors(node)
    held = " + ".join(f"{name} {size:,}" for name, size in sorted(live.items(), key=lambda item: -item[1]))
    largest = max(live, key=lambda name: live[name])
    writers = plan.graph.producers
    layers = tuple(
        dict.fromkeys(writers[name].layer for name in sorted(live, key=lambda name: -live[name]) if name in writers)
    )
    writer = writers.get(largest)
    if writer is None and largest in graph.inputs:
        remedy = f"give the input {largest} a smaller shape"
    else:
        remedy = _remedy(_layer(graph, (writer or node).layer), "larger strides, or pool before it")
    tried = tuple(dict.fromkeys((*layers, node.layer)))[:_MOST_LAYERS]
    return _Culprit(_layer(graph, node.layer), f"the peak is {held}, live", tried, remedy)


def _busiest(graph: Graph, plan: DevicePlan) -> _Culprit:
    costs = {layer.name: layer.macs for layer in graph.layers}
    layer = max(graph.layers, key=lambda each: each.macs)
    cheaper = "larger strides" if hasattr(layer.layer, "strides") else "a smaller input"
    return _Culprit(layer, f"{layer.macs:,} of them are spent", _most(costs), _remedy(layer, cheaper))
