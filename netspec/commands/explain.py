"""A layer's formulas, the same with its numbers, and what becomes of it on a device: what `netspec explain` knows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from netspec.device.explain import Device, OnDevice, Step, explain_device
from netspec.device.kernels.base import Constant, Layout
from netspec.graph import Graph, GraphLayer, build_graph
from netspec.layers._explanation import Equation, PyTorch
from netspec.spec.source import Document
from netspec.spec.spec import read

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Explained:
    """A spec without errors in language and shapes; `layers` are those that were asked for."""

    graph: Graph
    layers: tuple[GraphLayer, ...]
    device: Device
    one: bool
    """Whether a layer was named: then every detail is told."""


class UnknownLayerError(Exception):
    """A name that no layer of the net has; `names` are those that there are."""

    def __init__(self, name: str, graph: Graph) -> None:
        super().__init__(name)
        self.name = name
        self.names = tuple(layer.name for layer in graph.layers)
        self.is_input = name in graph.inputs


def explain(document: Document, name: str | None = None, core: str | None = None) -> Explained:
    """Return a spec's layers explained, or one of them by its full name.

    What the device cannot run is explained as such, also where the spec has a `target`. Raises `SpecError` for faults
    of language, wiring and shapes, and `UnknownLayerError`.
    """
    graph = build_graph(read(document))
    layers = tuple(layer for layer in graph.layers if name in (None, layer.name))
    if not layers:
        raise UnknownLayerError(str(name), graph)
    return Explained(graph, layers, explain_device(graph, core, name), name is not None)


def explain_json(explained: Explained) -> str:
    return json.dumps(explain_data(explained), indent=2)


def explain_data(explained: Explained) -> dict[str, Any]:
    """Return the document of `explain --format json`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "name": explained.graph.name,
        "spec_sha256": explained.graph.spec.document.sha256,
        "core": explained.device.core,
        "layers": [_layer_data(layer, explained.device) for layer in explained.layers],
    }


def _layer_data(layer: GraphLayer, device: Device) -> dict[str, Any]:
    said = layer.layer.explain(layer.input_shapes)
    return {
        "name": layer.name,
        "type": layer.type,
        "line": layer.line,
        "from": list(layer.inputs),
        "input_shapes": [list(shape) for shape in layer.input_shapes],
        "output_shape": list(layer.output_shape),
        "shape": [_equation_data(each) for each in said.shape],
        "why_shape": list(said.why_shape),
        "padding": [_equation_data(each) for each in said.padding],
        "parameters": layer.parameters,
        "trainable_parameters": layer.trainable_parameters,
        "weights": [
            {"name": weight.name, "shape": list(weight.shape), "trainable": weight.trainable} | _equation_data(each)
            for weight, each in zip(layer.weights, said.parameters, strict=True)
        ],
        "total": _equation_data(said.total) if said.total else None,
        "why_parameters": list(said.why_parameters),
        "macs": _equation_data(said.macs) if said.macs else None,
        "pytorch": _torch_data(said.pytorch) if said.pytorch else None,
        "device": _device_data(device.layer(layer)),
    }


def _equation_data(equation: Equation) -> dict[str, Any]:
    return {
        "subject": equation.subject,
        "formula": equation.formula,
        "numbers": equation.numbers,
        "result": equation.result,
    }


def _torch_data(torch: PyTorch) -> dict[str, Any]:
    return {
        "modules": list(torch.modules),
        "shape": [_equation_data(each) for each in torch.shape],
        "notes": list(torch.notes),
    }


def _device_data(found: OnDevice) -> dict[str, Any]:
    return {
        "supported": found.unsupported is None,
        "unsupported": found.unsupported,
        "help": found.help,
        "no_code": found.no_code,
        "steps": [_step_data(step) for step in found.steps],
    }


def _step_data(step: Step) -> dict[str, Any]:
    layouts = {layout.role: layout for layout in step.layouts}
    return {
        "name": step.name,
        "calls": [step.choice.function],
        "reason": step.choice.reason,
        "constants": [_constant_data(constant, layouts.get(constant.role)) for constant in step.constants],
        "folded": list(step.folded),
        "clamp": step.clamp,
        "scratch_bytes": step.scratch_bytes,
        "in_place": [{"input": each.input, "offset": each.offset} for each in step.shares],
        "equal_table": step.equal_table,
        "live": dict(step.arena.live) if step.arena else None,
        "arena_bytes": step.arena.total if step.arena else None,
    }


def _constant_data(constant: Constant, layout: Layout | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "role": constant.role,
        "type": constant.dtype.c_type,
        "count": constant.count,
        "bytes": constant.bytes,
    }
    if layout is not None:
        data |= {
            "weight": layout.weight,
            "keras_shape": list(layout.keras_shape),
            "device_shape": list(layout.device_shape),
            "index": layout.index,
            "scales": layout.scales,
        }
        data |= {key: value for key, value in (("where", layout.where), ("flipped", layout.flipped)) if value}
    return data
