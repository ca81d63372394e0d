"""The rows of `tests/cases/ops`, one file an op, and networks of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from netspec.graph import Graph
from tests.specs import make_graph

FOLDER = Path(__file__).parent / "cases" / "ops"
ROWS: dict[str, list[dict[str, Any]]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))
}


def net_of(rows: list[dict[str, Any]], kernels: str) -> Graph:
    """Return one network in which each row is a layer with inputs and an output of its own."""
    layers: list[Any] = []
    inputs: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        shapes = row["inputs"]
        names = [f"x{number}_{index}" for index in range(len(shapes))]
        inputs |= dict(zip(names, shapes, strict=True))
        ((kind, keys),) = row["layer"].items()
        layers.append({kind: {"name": f"row{number}", "from": names if len(names) > 1 else names[0], **keys}})
        if "then" in row:
            ((kind, keys),) = row["then"].items()
            layers.append({kind: {"name": f"then{number}", "from": f"row{number}", **keys}})
    outputs = [f"then{number}" if "then" in row else f"row{number}" for number, row in enumerate(rows)]
    return make_graph(layers, inputs, outputs=outputs, target={"kernels": kernels})
