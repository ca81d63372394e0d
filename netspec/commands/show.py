"""What `netspec show` prints: each layer's shape, parameters, cost and bytes; totals as Keras prints them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from netspec.check import Checked
from netspec.device.memory.regions import Region
from netspec.device.plan import DevicePlan
from netspec.device.size import CMSIS_NN, PORTABLE, Footprint, flash_bytes, footprint
from netspec.graph import Graph, GraphLayer
from netspec.layers.base import describe

SCHEMA_VERSION = 1


def show_data(checked: Checked) -> dict[str, Any]:
    """Return the document of `show --format json`."""
    graph = checked.graph
    spec = graph.spec
    return {
        "schema_version": SCHEMA_VERSION,
        "name": graph.name,
        "spec_sha256": spec.document.sha256,
        "inputs": [
            {"name": name, "shape": list(given.shape), "dtype": given.dtype} for name, given in spec.inputs.items()
        ],
        "layers": [_layer_data(layer) for layer in graph.layers],
        "outputs": list(graph.outputs),
        "totals": {
            "parameters": graph.parameters,
            "trainable_parameters": graph.trainable_parameters,
            "non_trainable_parameters": graph.parameters - graph.trainable_parameters,
            "macs": graph.macs,
        },
        "device": _device_data(checked),
    }


def _layer_data(layer: GraphLayer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "type": layer.type,
        "from": list(layer.inputs),
        "line": layer.line,
        "output_shape": list(layer.output_shape),
        "parameters": layer.parameters,
        "trainable_parameters": layer.trainable_parameters,
        "macs": layer.macs,
        "weights": [
            {"name": weight.name, "shape": list(weight.shape), "trainable": weight.trainable}
            for weight in layer.weights
        ],
    }


def _device_data(checked: Checked) -> dict[str, Any]:
    plan = checked.plan
    if plan is None:
        numbers = ("weight_bytes", "table_bytes", "arena_bytes", "scratch_bytes", "ram_bytes", "flash_bytes")
        predicted = ("padding_bytes", "kernels", "code_bytes", "stack_bytes", "portable")
        # A layer's diagnostic stands at `layers[3].softmax.axis`: the place tells the layer.
        names = [
            layer.name
            for layer in checked.graph.layers
            if any(each.path.startswith(layer.item.place) for each in checked.unsupported)
        ]
        return {
            "core": checked.core,
            "supported": False,
            "unsupported": names or [each.message for each in checked.unsupported],
            **dict.fromkeys(numbers),
            "peak_layer": None,
            **dict.fromkeys(predicted),
            "io": checked.graph.spec.io,
            "memory": [],
        }
    return {
        "core": plan.core,
        "supported": True,
        "unsupported": [],
        "weight_bytes": plan.weight_bytes,
        "table_bytes": plan.table_bytes,
        "arena_bytes": plan.arena_bytes,
        "scratch_bytes": plan.scratch_bytes,
        "ram_bytes": plan.ram_bytes,
        "flash_bytes": flash_bytes(plan),
        "peak_layer": plan.peak.layer if plan.peak else None,
        **_code_data(plan),
        "io": plan.io,
        "memory": [
            {
                "name": region.name,
                "size": region.size,
                "arena_bytes": plan.region_arena_bytes(region),
                "weight_bytes": plan.region_weight_bytes(region),
            }
            for region in plan.regions
        ],
    }


def _code_data(plan: DevicePlan) -> dict[str, Any]:
    """Return code and stack with the kernels that `flash_bytes` counts, and with the portable ones."""
    counted, portable = footprint(plan), footprint(plan, PORTABLE)
    return {
        "padding_bytes": plan.padding_bytes,
        "kernels": counted.provider,
        "code_bytes": counted.code_bytes,
        "stack_bytes": counted.stack_bytes,
        "portable": {
            "flash_bytes": flash_bytes(plan, PORTABLE),
            "code_bytes": portable.code_bytes,
            "stack_bytes": portable.stack_bytes,
        },
    }


def show_json(checked: Checked) -> str:
    return json.dumps(show_data(checked), indent=2)


def show_text(checked: Checked) -> str:
    """Return the table of layers, the totals, and the device's numbers."""
    graph = checked.graph
    rows = [("layer", "type", "from", "output shape", "parameters", "MACs", "weight bytes", "arena")]
    for name, shape in graph.inputs.items():
        rows.append((name, "input", "", describe(shape), "0", "0", "", ""))
    columns = _device_columns(checked)
    for layer in graph.layers:
        rows.append(
            (
                layer.name,
                layer.type,
                _sources(layer.inputs),
                describe(layer.output_shape),
                f"{layer.parameters:,}",
                f"{layer.macs:,}",
                *columns.get(layer.name, ("", "")),
            )
        )
    return "\n".join([*_table(rows), "", *_totals(graph), "", *_device_lines(checked)])


def _sources(names: tuple[str, ...]) -> str:
    """Return what a layer reads, shortened where a merge reads so many that the table would not fit a screen."""
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _device_columns(checked: Checked) -> dict[str, tuple[str, str]]:
    """Return weight bytes and the arena's live bytes of each layer; of one without ops of its own, where it went."""
    plan = checked.plan
    if plan is None:
        return {}
    columns = {layer.name: ("no code", "") for layer in checked.graph.layers}
    weights: dict[str, int] = {}
    arena: dict[str, int] = {}
    for node, live in zip(plan.graph.nodes, plan.live_bytes(), strict=True):
        columns |= dict.fromkeys(node.layers, (f"in {node.layer}", ""))
        weights[node.layer] = weights.get(node.layer, 0) + plan.node_weight_bytes(node)
        arena[node.layer] = max(arena.get(node.layer, 0), live)
    return columns | {name: (f"{weights[name]:,}", f"{arena[name]:,}") for name in weights}


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    numeric = range(4, len(rows[0]))

    def line(row: tuple[str, ...]) -> str:
        cells = [
            cell.rjust(width) if column in numeric else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [line(rows[0]), "  ".join("-" * width for width in widths), *map(line, rows[1:])]


def _totals(graph: Graph) -> list[str]:
    frozen = graph.parameters - graph.trainable_parameters
    return [
        f"Total params: {graph.parameters:,} ({_size(graph.parameters * 4)})",
        f"Trainable params: {graph.trainable_parameters:,} ({_size(graph.trainable_parameters * 4)})",
        f"Non-trainable params: {frozen:,} ({_size(frozen * 4)})",
        f"MACs: {graph.macs:,}",
    ]


def _size(count: int) -> str:
    """Return bytes as Keras' summary does: 1024 a step, two decimals."""
    for unit, step in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if count >= step:
            return f"{count / step:.2f} {unit}"
    return f"{count:.2f} B"


def _device_lines(checked: Checked) -> list[str]:
    plan = checked.plan
    if plan is None:
        reasons = [f"  line {each.span.line}: {each.message}" for each in checked.unsupported]
        return [f"{checked.core}: not supported", *reasons]
    counted = footprint(plan)
    other = footprint(plan, CMSIS_NN if counted.provider == PORTABLE else PORTABLE)
    padding = f" + padding {plan.padding_bytes:,}" if plan.padding_bytes else ""
    width = max(6, *(len(region.name) for region in plan.regions), 0)

    def line(what: str, size: int, how: str) -> str:
        return f"  {what:<{width}} {size:>10,} bytes  {how}"

    lines = [
        f"{plan.core}, int8:",
        line(
            "flash",
            flash_bytes(plan),
            f"weights {plan.weight_bytes:,} + tables {plan.table_bytes:,}{padding} + code {counted.code_bytes:,} with"
            f" {_kernels(counted)} ({other.code_bytes:,} with {_kernels(other)})",
        ),
        line("RAM", plan.ram_bytes, f"{_ram_text(plan)} (largest scratch {plan.scratch_bytes:,})"),
        *(line(region.name, *_held(plan, region)) for region in plan.regions),
        line(
            "stack",
            counted.stack_bytes,
            f"at most, without exceptions ({other.stack_bytes:,} with {_kernels(other)})",
        ),
    ]
    if plan.peak:
        held = ", ".join(f"{name} {size:,}" for name, size in plan.live_tensors(plan.peak).items())
        lines.append(f"  {'peak':<{width}} at {plan.peak.layer} (line {plan.peak.line}): {held}")
    return lines


def _kernels(predicted: Footprint) -> str:
    return "portable kernels" if predicted.provider == PORTABLE else predicted.provider


def _ram_text(plan: DevicePlan) -> str:
    arena = (
        "arena with input, output and scratch" if plan.io == "arena" else "arena with scratch, without input and output"
    )
    copied = plan.ram_bytes - plan.arena_bytes
    return f"{arena}, and {copied:,} of constants" if copied else arena


def _held(plan: DevicePlan, region: Region) -> tuple[int, str]:
    """Return how much of a region is used, and what for."""
    parts = {"arena": plan.region_arena_bytes(region), "constants": plan.region_weight_bytes(region)}
    held = ", ".join(f"{what} {size:,}" for what, size in parts.items() if size) or "nothing"
    return sum(parts.values()), f"of {region.size:,}: {held}"
