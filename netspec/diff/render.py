"""A Diff in one of its formats: text, json, markdown. docs/diff.md describes the JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from netspec.diagnostics import encodable
from netspec.diff.compare import Cost, Diff, LayerDiff
from netspec.diff.markdown import diff_markdown
from netspec.diff.net import Net
from netspec.diff.text import diff_text
from netspec.diff.totals import peak, totals, unsupported

SCHEMA_VERSION = 1


def render(diff: Diff, format: str, *, color: bool = False) -> str:
    """Return a comparison as `text` (the only one with colours), `json` or `markdown`; ends in a newline."""
    if format == "json":
        return json.dumps(diff_data(diff), indent=2) + "\n"
    return diff_markdown(diff) if format == "markdown" else diff_text(diff, color=color)


def diff_data(diff: Diff) -> dict[str, Any]:
    """Return the document of `diff --format json`."""
    found = peak(diff)
    return {
        "schema_version": SCHEMA_VERSION,
        "different": diff.different,
        "before": _side(diff.before),
        "after": _side(diff.after),
        "layers": [_layer(layer) for layer in diff.layers],
        "reordered": diff.reordered,
        "spec": [asdict(change) for change in diff.spec],
        "totals": {
            each.key: {
                "before": each.before,
                "after": each.after,
                "change": each.delta,
                "budget": each.budget,
                "over_budget": each.over_budget,
            }
            for each in totals(diff)
        },
        "peak_layer": asdict(found),
        "weights": {
            "kept": [{"layer": each.layer, "before": each.before, "parameters": each.parameters}
                     for each in diff.fates if each.kept],
            "retrain": [{"layer": each.layer, "reason": each.reason, "parameters": each.parameters}
                        for each in diff.fates if not each.kept],
        },
    }  # fmt: skip


def _side(net: Net) -> dict[str, Any]:
    return {
        "path": encodable(net.document.path),
        "name": net.graph.name,
        "spec_sha256": net.document.sha256,
        "core": net.graph.spec.core,
        "outputs": list(net.graph.outputs),
        "unsupported": list(unsupported(net)),
    }


def _layer(layer: LayerDiff) -> dict[str, Any]:
    alone = layer.status in ("added", "removed")
    return {
        "status": layer.status,
        "type": layer.type,
        "name_before": layer.before,
        "name_after": layer.after,
        "renamed": layer.renamed,
        "line": layer.line,
        "changes": [asdict(change) for change in layer.changes],
        **({"from": list(layer.reads), "read_by": list(layer.read_by)} if alone else {}),
        "before": _cost(layer.cost_before),
        "after": _cost(layer.cost_after),
    }


def _cost(cost: Cost | None) -> dict[str, Any] | None:
    return None if cost is None else asdict(cost) | {"output_shape": list(cost.output_shape)}
